"""The HTTP API described: an OpenAPI document of the models that requests are checked by, and a
page to read it."""

from __future__ import annotations

from functools import wraps
from typing import Any

from flask import Blueprint, Flask, current_app, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, ConfigDict, Field
from spectree import Response, SpecTree

from app.compare.race import MAX_RACED
from app.report import Content, ReportChart
from app.room import FREEABLE, Freed, Taken
from app.store import Command, Labels, RunState
from app.store.listing import COLUMNS, MOST
from fa_engine import RunConfig

DESCRIPTION = (
    "Start runs, look at them, command them, keep them, and take their data away. Where a request "
    "is not what it should be the answer is 422 and names field, value and what is allowed; then "
    "nothing has been changed."
)
_LABELS: Any = Labels.model_fields
_MANY: Any = Field(description="runs, by id; at most 1,000")
_IS_API = "/api/"


class Place(BaseModel):
    """A checkpoint."""

    run_id: str
    step: int = Field(ge=0)


class NewRun(BaseModel):
    """A run to be queued."""

    config: RunConfig
    name: str | None = Field(default=None, description=_LABELS["name"].description)
    parent: Place | None = Field(default=None, description="whose weights it begins with")


class Created(BaseModel):
    """Where the new run is."""

    run_id: str


class RunView(BaseModel):
    """A run as it stands. Times are unix seconds; accuracies shares from 0 to 1."""

    model_config = ConfigDict(extra="forbid")

    id: str
    name: str
    config: dict[str, Any] = Field(description="what it began with, see RunConfig")
    state: RunState
    ended: bool = Field(description="whether nothing will follow")
    reason: str = Field(description="why it is in this state; often empty")
    created_at: float
    started_at: float | None
    ended_at: float | None
    step: int
    total_steps: int
    epoch: float | None
    epochs: int
    steps_per_second: float | None
    trained_s: float | None = Field(description="seconds of training, pauses left out")
    diverged_at: list[int | None] = Field(
        description="for each network the step from which on it is no longer finite, or null"
    )
    divergence: dict[str, Any] | None = Field(description="the same in words")
    learning_rate: float = Field(description="in force now")
    scheme: str = Field(description="in force now")
    revision: int = Field(description="number of its last event")
    parent: Place | None
    race: str | None = Field(description="what runs that were started together have in common")
    note: str
    tags: list[str]
    pinned: bool
    imported_from: str | None = Field(
        description="the id that it had where it was trained; null where that is here"
    )
    best_accuracy: float | None = Field(
        description="on the test set: the greatest mean over the networks that are left"
    )
    last_accuracy: float | None = Field(description="the same mean, the last one")
    last_angle_deg: float | None = Field(
        description="last gradient angle of the bottom hidden layer, mean of the networks left"
    )


class RunPage(BaseModel):
    """A page of the list of runs."""

    runs: list[RunView]
    total: int = Field(description="how many runs the whole list has")
    offset: int


class Asked(BaseModel):
    """Which runs, in which order, and which page of them."""

    search: str = Field(default="", description="words that all are in name, note, tags or id")
    where: list[str] = Field(
        default=[],
        description="conditions that all are met, such as best_accuracy>=0.9, scheme=fa, "
        "note~retry (contains), name^FA (begins), tags=lecture, parent_id=none; columns: "
        + ", ".join(COLUMNS),
    )
    sort: str = Field(
        default="",
        description="columns with commas between them, a minus before what falls: "
        "-pinned,-best_accuracy. Then the newest come first",
    )
    limit: int = Field(default=100, ge=1, le=MOST)
    offset: int = Field(default=0, ge=0)
    deleted: int = Field(default=0, ge=0, le=1, description="1: those that can be restored")


class Runs(BaseModel):
    """The runs that were changed."""

    runs: list[RunView]


class Ids(BaseModel):
    """Some runs."""

    ids: list[str] = _MANY


class ManyLabels(Labels):
    """Labels for some runs; no name for more than one."""

    ids: list[str] = _MANY


class ManyCommands(Command):
    """One command to some runs."""

    ids: list[str] = _MANY


class Sent(BaseModel):
    """A command on its way."""

    run_id: str
    command: int = Field(description="its number, which grows with time")


class SentMany(BaseModel):
    """Commands on their way."""

    commands: dict[str, int] = Field(description="number by run; none for those that have ended")


class HeirView(BaseModel):
    """A run that was handed over from a deleted one, and stays."""

    id: str
    name: str
    parent_id: str


class DeletedView(BaseModel):
    """What a deletion came to; until room is freed all of it can be restored."""

    deleted: list[str]
    stopped: list[str] = Field(description="those that had not ended")
    checkpoint_bytes: int = Field(description="of their checkpoints and trajectories")
    handed_over: list[HeirView]


class CheckpointView(BaseModel):
    """A checkpoint that is kept."""

    run_id: str
    step: int
    seq: int


class Checkpoints(BaseModel):
    """The checkpoints of a run, by step."""

    checkpoints: list[CheckpointView]


class What(BaseModel):
    """What is to be freed."""

    what: list[str] = Field(description="of " + ", ".join(FREEABLE))


class NewRace(BaseModel):
    """One configuration under several values of one field, at equal seed and equal batches."""

    config: RunConfig = Field(default=RunConfig(), description="what all have in common")
    field: str = Field(default="scheme", description="a field of the configuration")
    values: list[Any] = Field(
        min_length=2, max_length=MAX_RACED, description="what it is, a run each"
    )


class CreatedRace(BaseModel):
    """The runs that were started, in the order of the values."""

    race_id: str
    run_ids: list[str]


class RaceView(CreatedRace):
    """A race as it stands."""

    ended: bool = Field(description="whether nothing will follow")
    runs: list[RunView]


class RaceSent(BaseModel):
    """A command on its way to all of a race."""

    race_id: str
    sent: int = Field(description="runs that it went to: those that had not ended")


class ReportView(BaseModel):
    """A report as it is kept. Times are unix seconds."""

    id: str
    title: str
    charts: list[ReportChart]
    created_at: float
    changed_at: float


class ReportPage(BaseModel):
    """The reports, those changed last first."""

    reports: list[ReportView]


class Wrong(BaseModel):
    """One thing that is wrong."""

    field: str
    value: Any
    allowed: str
    message: str


class AllWrong(BaseModel):
    """Everything that is wrong."""

    errors: list[Wrong]


class Failure(BaseModel):
    """Why there is nothing, in one sentence."""

    error: str


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
    "keep.taken": {"answer": Taken},
    "keep.free": {"json": What, "answer": Freed},
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
