"""The HTTP API described: an OpenAPI document of the models that requests are checked by, and a
page to read it."""

from __future__ import annotations

from functools import wraps
from typing import Any

from flask import Blueprint, Flask, current_app, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from spectree import Response, SpecTree

from app.described import (
    After,
    AllWrong,
    Asked,
    Checkpoints,
    Created,
    CreatedRace,
    DeletedView,
    Document,
    EventPage,
    ExperimentPage,
    ExperimentState,
    Failure,
    Ids,
    ManyCommands,
    ManyLabels,
    NewRace,
    NewRun,
    NewStudy,
    OfDataset,
    OfStep,
    Preview,
    RaceSent,
    RaceView,
    ReportPage,
    ReportView,
    RuleView,
    RunPage,
    Runs,
    RunView,
    Sent,
    SentMany,
    SomeRuns,
    Started,
    StudyCommand,
    StudyId,
    StudyPage,
    StudyResults,
    StudySent,
    StudyView,
    Titled,
    What,
)
from app.report import Content
from app.room import Freed, Taken
from app.store import Command, Labels, Rule

DESCRIPTION = (
    "Start runs, look at them, command them, keep them, and take their data away. Where a request "
    "is not what it should be the answer is 422 and names field, value and what is allowed; then "
    "nothing has been changed."
)
_IS_API = "/api/"


_PARTS: dict[str, dict[str, Any]] = {
    "api.runs": {"query": Asked, "answer": RunPage},
    "api.create": {"json": NewRun, "answer": Created, "code": 201},
    "api.run": {"answer": RunView, "run": True},
    "api.command": {"json": Command, "answer": Sent, "code": 202, "run": True},
    "api.checkpoints": {"answer": Checkpoints, "run": True},
    "keep.label": {"json": Labels, "answer": RunView, "run": True},
    "keep.label_many": {"json": ManyLabels, "answer": Runs, "run": True},
    "keep.delete": {"answer": DeletedView, "run": True},
    "keep.delete_many": {"json": Ids, "answer": DeletedView, "run": True},
    "keep.restore": {"answer": RunView, "run": True},
    "keep.restore_many": {"json": Ids, "answer": Runs, "run": True},
    "keep.command_many": {"json": ManyCommands, "answer": SentMany, "code": 202, "run": True},
    "races.create": {"json": NewRace, "answer": CreatedRace, "code": 201},
    "races.race": {"answer": RaceView, "run": True},
    "races.command": {"json": Command, "answer": RaceSent, "code": 202, "run": True},
    "reports.all_reports": {"answer": ReportPage},
    "reports.create": {"json": Content, "answer": ReportView, "code": 201},
    "reports.report": {"answer": ReportView, "run": True},
    "reports.change": {"json": Content, "answer": ReportView, "run": True},
    "reports.restore": {"answer": ReportView, "run": True},
    "experiments.all_experiments": {"answer": ExperimentPage},
    "experiments.start": {"json": OfDataset, "answer": Started, "code": 202, "run": True},
    "experiments.stop": {"query": OfDataset, "answer": Started, "run": True},
    "experiments.experiment": {"query": OfDataset, "answer": ExperimentState, "run": True},
    "studies.studies": {"answer": StudyPage},
    "studies.preview": {"json": NewStudy, "answer": Preview},
    "studies.create": {"json": NewStudy, "answer": StudyView, "code": 201},
    "studies.study": {"answer": StudyResults, "run": True},
    "studies.rename": {"json": Titled, "answer": StudyView, "run": True},
    "studies.more": {"json": NewStudy, "answer": StudyView, "code": 201, "run": True},
    "studies.command": {"json": StudyCommand, "answer": StudySent, "code": 202, "run": True},
    "studies.delete": {"answer": StudyId, "run": True},
    "studies.restore": {"answer": StudyView, "run": True},
    "keep.taken": {"answer": Taken},
    "keep.rule": {"answer": RuleView},
    "keep.change_rule": {"json": Rule, "answer": RuleView},
    "keep.free": {"json": What, "answer": Freed},
    "live.events": {"query": After, "answer": EventPage, "run": True},
    "live.stream": {"query": After, "run": True},
    "export.weights": {"query": OfStep, "run": True},
    "export.several_as_table": {"query": SomeRuns, "run": True},
    "export.several_as_columns": {"query": SomeRuns, "run": True},
    "export.several_settings": {"query": SomeRuns, "run": True},
    "export.several_documents": {"query": SomeRuns, "run": True},
    "import.take_in": {"json": Document, "answer": Runs, "code": 201},
}
"""What the views of these names take and give; the others are described by their first lines."""


def document_blueprint() -> Blueprint:
    """``/api/openapi.json``, and ``/api/docs`` to read it."""
    blueprint = Blueprint("document", __name__)
    made: dict[str, Any] = {}

    def document() -> dict[str, Any]:
        if not made:  # when all blueprints are there
            made.update(describe(current_app))
        return {**made, "servers": [{"url": request.script_root or "/"}]}

    @blueprint.get("/api/openapi.json")
    def openapi() -> ResponseReturnValue:
        """This document."""
        return jsonify(document())

    @blueprint.get("/api/docs")
    def read() -> ResponseReturnValue:
        """The same as a page."""
        return render_template("api.html", doc=document(), root=request.script_root, name=_name)

    return blueprint


def describe(app: Flask) -> dict[str, Any]:
    """The OpenAPI document of everything below ``/api`` that ``app`` answers.

    The views themselves are left as they are: what wraps them here is for the document alone.
    """
    spec = SpecTree(
        "flask",
        title="Feedback alignment, live",
        description=DESCRIPTION,
        version="1",
        mode="normal",
        annotations=False,
        validation_error_model=AllWrong,
        naming_strategy=lambda model: model.__name__,
        nested_naming_strategy=lambda _parent, child: child,
    )
    described = Flask("described", static_folder=None)
    for rule in app.url_map.iter_rules():
        if not rule.rule.startswith(_IS_API) or rule.endpoint == "api.nothing":
            continue
        view = _described(spec, rule.endpoint, app.view_functions[rule.endpoint])
        methods = (rule.methods or set()) - {"HEAD", "OPTIONS"}
        described.add_url_rule(rule.rule, rule.endpoint, view, methods=sorted(methods))
    spec.app = described
    with described.app_context():
        found: dict[str, Any] = spec.spec
    found["tags"] = [tag for tag in found["tags"] if tag]
    return found


def _described(spec: SpecTree, endpoint: str, view: Any) -> Any:
    parts = _PARTS.get(endpoint, {})
    codes: dict[str, Any] = {}
    if "answer" in parts:
        codes[f"HTTP_{parts.get('code', 200)}"] = parts["answer"]
    if parts.get("run") or not parts:
        codes["HTTP_404"] = Failure

    @wraps(view)
    def named(*arguments: Any, **named_ones: Any) -> Any:  # one of its own for each endpoint
        return view(*arguments, **named_ones)

    wrap = spec.validate(
        query=parts.get("query"),
        json=parts.get("json"),
        resp=Response(**codes) if codes else None,
        tags=[_subject(endpoint)],
        operation_id=endpoint,
        skip_validation=True,
    )
    return wrap(named)


def _subject(endpoint: str) -> str:
    return {"api": "runs", "live": "events", "document": "about"}.get(
        endpoint.partition(".")[0], endpoint.partition(".")[0]
    )


def _name(schema: dict[str, Any] | None) -> str:
    """What a schema is called in a line."""
    if not schema:
        return ""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(_name(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_name(schema.get('items')) or 'values'}"
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    return str(schema.get("type", "any value"))
