"""The HTTP API: start runs, look at them, command them, take their data away."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from flask import Blueprint, Flask, jsonify, request, url_for
from flask.typing import ResponseReturnValue
from pydantic import ValidationError
from sqlalchemy.exc import DataError
from werkzeug.exceptions import HTTPException

from app.asked import asked_listing, body_of_request
from app.frames import dump
from app.live import BadCursor
from app.logs import logger
from app.settings import Settings
from app.store import (
    AWAY,
    Command,
    CommandRefused,
    Parent,
    QueueFull,
    Store,
    StoreError,
    UnknownCheckpoint,
    UnknownReport,
    UnknownRun,
    UnknownStudy,
    UnreadableRun,
    why_away,
)
from app.store.labels import NAME, is_name
from app.store.texts import is_id
from app.views import run_view
from fa_engine import NotAllowed, Problem, RunConfig, problems
from fa_engine.dynamics.branching import check_hand_over
from fa_engine.studies.variation import WrongCells

LONGEST_ECHO = 1_000
"""Characters of a wrong value that an answer repeats."""

RETRY_AFTER_S = 2
"""Seconds after which who was told that the database is away may ask again."""

log = logger(__name__)


def problem_view(problem: Problem) -> dict[str, Any]:
    """A problem as the API gives it: ``message`` for who writes code, ``words`` for who reads a
    page."""
    value = problem.value
    try:
        value = json.loads(dump(value))
    except (TypeError, ValueError):  # nan, or nothing that JSON knows
        value = str(value)
    told = value if isinstance(value, str) else json.dumps(value)
    if len(told) > LONGEST_ECHO:  # whoever sent it has it
        value = f"{told[:LONGEST_ECHO]}… ({len(told):,} characters)"
    return {
        "field": problem.field,
        "value": value,
        "allowed": problem.allowed,
        "message": problem.message,
        "words": problem.words,
    }


def api_blueprint(store: Store, settings: Settings) -> Blueprint:
    """Every address under ``/api/runs`` but the live ones."""
    blueprint = Blueprint("api", __name__)

    @blueprint.post("/api/runs")
    def create() -> ResponseReturnValue:
        """Queues a run, which begins as soon as a worker is free."""
        body = body_of_request('an object such as {"config": {"dataset": "digits"}}')
        for name in body.keys() - {"config", "name", "parent", "taken_up"}:
            raise NotAllowed(name, body[name], "one of the fields config, name, parent, taken_up")
        config = body.get("config")
        if not isinstance(config, dict):
            raise NotAllowed("config", config, "an object of RunConfig's fields, such as {}")
        title = body.get("name")
        if title is not None and not is_name(title):
            raise NotAllowed("name", title, NAME)
        taken_up = body.get("taken_up", True)
        if not isinstance(taken_up, bool):
            raise NotAllowed("taken_up", taken_up, "true or false")
        accepted = RunConfig.model_validate(config, context={"limits": settings.limits})
        parent = _parent(body.get("parent"))
        if parent is not None:
            check_hand_over(store.run(parent.run_id).run_config(), accepted)
        run = store.create_run(accepted, name=title, parent=parent, taken_up=taken_up)
        return jsonify({"run_id": run.id}), 201, {"Location": url_for("api.run", run_id=run.id)}

    @blueprint.get("/api/runs")
    def runs() -> ResponseReturnValue:
        """The runs, newest first: searched, filtered, sorted, a page at a time.

        ``total`` says how many the whole list has.
        """
        listing = asked_listing(request.args)
        found, total = store.keep.page(listing)
        views = [run_view(run) for run in found]
        return jsonify({"runs": views, "total": total, "offset": listing.offset})

    @blueprint.get("/api/runs/<run_id>")
    def run(run_id: str) -> ResponseReturnValue:
        """One run as it stands."""
        return jsonify(run_view(store.run(run_id)))

    @blueprint.post("/api/runs/<run_id>/commands")
    def command(run_id: str) -> ResponseReturnValue:
        """Tells a run to pause, go on, step, stop, or change; or to go on though it has ended."""
        body = body_of_request('an object such as {"command": "pause"}')
        told = Command.model_validate(body)
        if told.epochs:  # more of them than the installation allows are none that were asked for
            config = store.run(run_id).config
            longer = config | {"epochs": config["epochs"] + told.epochs}
            RunConfig.model_validate(longer, context={"limits": settings.limits})
        number = store.send(run_id, told)
        return jsonify({"run_id": run_id, "command": number}), 202

    @blueprint.get("/api/runs/<run_id>/checkpoints")
    def checkpoints(run_id: str) -> ResponseReturnValue:
        """The checkpoints that a run has kept, by step."""
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

    @flask.errorhandler(BadCursor)
    def bad_cursor(error: BadCursor) -> ResponseReturnValue:
        return _unprocessable([Problem("after", error.value, "a whole number from 0")])

    @flask.errorhandler(WrongCells)
    def wrong_cells(error: WrongCells) -> ResponseReturnValue:
        return _unprocessable(error.problems)

    @flask.errorhandler(NotAllowed)
    def not_allowed(error: NotAllowed) -> ResponseReturnValue:
        return _unprocessable([error.problem])

    @flask.errorhandler(UnknownRun)
    @flask.errorhandler(UnknownCheckpoint)
    @flask.errorhandler(UnknownReport)
    @flask.errorhandler(UnknownStudy)
    def unknown(error: StoreError) -> ResponseReturnValue:
        return jsonify({"error": str(error)}), 404

    @flask.errorhandler(UnreadableRun)
    def unreadable(error: UnreadableRun) -> ResponseReturnValue:
        return jsonify({"error": str(error)}), 409

    @flask.errorhandler(DataError)
    def no_value(_error: DataError) -> ResponseReturnValue:
        # No id has NUL or a number of a hundred digits in it, and SQLite says so by finding none.
        log.warning("a request asks for what no row has", method=request.method, path=request.path)
        return jsonify({"error": "There is nothing of that id."}), 404

    @flask.errorhandler(QueueFull)
    def full(error: QueueFull) -> ResponseReturnValue:
        return jsonify({"error": str(error)}), 429

    @flask.errorhandler(CommandRefused)
    def refused(error: CommandRefused) -> ResponseReturnValue:
        return jsonify({"error": str(error)}), 409

    def away(error: Exception) -> ResponseReturnValue:
        # Of every address: a page's callback that is answered so is asked again by its next tick.
        log.warning(
            "a request is answered 503",
            method=request.method,
            path=request.path,
            error=why_away(error),
        )
        said = "The database does not answer. Try again; /readyz and the server's log say why."
        return jsonify({"error": said}), 503, {"Retry-After": str(RETRY_AFTER_S)}

    for kind in AWAY:
        flask.register_error_handler(kind, away)

    @flask.errorhandler(HTTPException)
    def other(error: HTTPException) -> ResponseReturnValue:
        if not request.path.startswith("/api/"):
            return error
        return jsonify({"error": error.description}), error.code or 500


def _parent(given: Any) -> Parent | None:
    if given is None:
        return None
    match given:
        case {"run_id": str(run_id), "step": int(step), **rest} if (
            not rest and is_id(run_id) and not isinstance(step, bool) and 0 <= step < 2**62
        ):
            return Parent(run_id, step)
    raise NotAllowed("parent", given, 'a checkpoint such as {"run_id": "abc", "step": 100}')


def _unprocessable(found: list[Problem]) -> ResponseReturnValue:
    return jsonify({"errors": [problem_view(problem) for problem in found]}), 422
