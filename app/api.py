"""The HTTP API: start runs, look at them, command them, take their data away."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from flask import Blueprint, Flask, jsonify, request, url_for
from flask.typing import ResponseReturnValue
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from app.live import BadCursor, dump
from app.settings import Settings
from app.store import (
    Command,
    Parent,
    RunEnded,
    Store,
    StoreError,
    UnknownCheckpoint,
    UnknownRun,
)
from app.views import run_view
from fa_engine import NotAllowed, Problem, RunConfig, problems
from fa_engine.branching import check_hand_over

MAX_BODY_BYTES = 1_000_000
_RUNS = 100


class Refused(Exception):
    """A body that is not what it should be; ``problem`` says how."""

    def __init__(self, field: str, value: Any, allowed: str) -> None:
        super().__init__(field)
        self.problem = Problem(field, value, allowed)


def problem_view(problem: Problem) -> dict[str, Any]:
    """A problem as the API gives it."""
    value = problem.value
    try:
        value = json.loads(dump(value))
    except (TypeError, ValueError):  # nan, or nothing that JSON knows
        value = str(value)
    return {
        "field": problem.field,
        "value": value,
        "allowed": problem.allowed,
        "message": problem.message,
    }


def api_blueprint(store: Store, settings: Settings) -> Blueprint:
    """Every address under ``/api/runs`` but the live ones, and ``/healthz``."""
    blueprint = Blueprint("api", __name__)

    @blueprint.get("/healthz")
    def healthz() -> ResponseReturnValue:
        try:
            store.revisions([])
        except SQLAlchemyError as error:
            return jsonify({"status": "the database does not answer", "detail": str(error)}), 503
        return jsonify({"status": "ok"})

    @blueprint.post("/api/runs")
    def create() -> ResponseReturnValue:
        body = _body('an object such as {"config": {"dataset": "digits"}}')
        for name in body.keys() - {"config", "name", "parent"}:
            raise Refused(name, body[name], "one of the fields config, name, parent")
        config = body.get("config")
        if not isinstance(config, dict):
            raise Refused("config", config, "an object of RunConfig's fields, such as {}")
        title = body.get("name")
        if title is not None and not _is_name(title):
            raise Refused("name", title, "a text of 1 to 100 printable characters")
        accepted = RunConfig.model_validate(config, context={"limits": settings.limits})
        parent = _parent(body.get("parent"))
        if parent is not None:
            check_hand_over(store.run(parent.run_id).run_config(), accepted)
        run = store.create_run(accepted, name=title, parent=parent)
        return jsonify({"run_id": run.id}), 201, {"Location": url_for("api.run", run_id=run.id)}

    @blueprint.get("/api/runs")
    def runs() -> ResponseReturnValue:
        return jsonify({"runs": [run_view(run) for run in store.runs(limit=_RUNS)]})

    @blueprint.get("/api/runs/<run_id>")
    def run(run_id: str) -> ResponseReturnValue:
        return jsonify(run_view(store.run(run_id)))

    @blueprint.post("/api/runs/<run_id>/commands")
    def command(run_id: str) -> ResponseReturnValue:
        body = _body('an object such as {"command": "pause"}')
        number = store.send(run_id, Command.model_validate(body))
        return jsonify({"run_id": run_id, "command": number}), 202

    @blueprint.get("/api/runs/<run_id>/checkpoints")
    def checkpoints(run_id: str) -> ResponseReturnValue:
        found = [asdict(checkpoint) for checkpoint in store.checkpoints(run_id)]
        return jsonify({"checkpoints": found})

    @blueprint.get("/api/<path:_rest>")
    def nothing(_rest: str) -> ResponseReturnValue:
        # Dash answers every address it does not know with the page.
        return jsonify({"error": "There is no such address."}), 404

    return blueprint


def errors_as_json(flask: Flask) -> None:
    """Errors as JSON under ``/api``."""

    @flask.errorhandler(ValidationError)
    def invalid(error: ValidationError) -> ResponseReturnValue:
        return _unprocessable(problems(error))

    @flask.errorhandler(Refused)
    def refused(error: Refused) -> ResponseReturnValue:
        return _unprocessable([error.problem])

    @flask.errorhandler(BadCursor)
    def bad_cursor(error: BadCursor) -> ResponseReturnValue:
        return _unprocessable([Problem("after", error.value, "a whole number from 0")])

    @flask.errorhandler(NotAllowed)
    def not_allowed(error: NotAllowed) -> ResponseReturnValue:
        return _unprocessable([error.problem])

    @flask.errorhandler(UnknownRun)
    @flask.errorhandler(UnknownCheckpoint)
    def unknown(error: StoreError) -> ResponseReturnValue:
        return jsonify({"error": str(error)}), 404

    @flask.errorhandler(RunEnded)
    def ended(error: RunEnded) -> ResponseReturnValue:
        return jsonify({"error": str(error)}), 409

    @flask.errorhandler(HTTPException)
    def other(error: HTTPException) -> ResponseReturnValue:
        if not request.path.startswith("/api/"):
            return error
        return jsonify({"error": error.description}), error.code or 500


def _parent(given: Any) -> Parent | None:
    if given is None:
        return None
    match given:
        case {"run_id": str(run_id), "step": int(step), **rest} if not rest and not isinstance(
            step, bool
        ):
            return Parent(run_id, step)
    raise Refused("parent", given, 'a checkpoint such as {"run_id": "abc", "step": 100}')


def _is_name(title: object) -> bool:
    return isinstance(title, str) and 0 < len(title.strip()) <= 100 and title.isprintable()


def _unprocessable(found: list[Problem]) -> ResponseReturnValue:
    return jsonify({"errors": [problem_view(problem) for problem in found]}), 422


def _body(allowed: str) -> dict[str, Any]:
    request.max_content_length = MAX_BODY_BYTES
    text = request.get_data(as_text=True)
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        raise Refused("body", text, f"JSON, {allowed}") from None
    try:
        json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # neither the database nor the answer could hold it
        raise Refused("body", text, "JSON without half a surrogate pair, as \\ud800 is") from None
    if not isinstance(body, dict):
        raise Refused("body", body, allowed)
    return body
