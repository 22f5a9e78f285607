"""What Dash takes for granted of a request and a stranger's may not have: checked here, once.

Dash hands whatever it is sent to the callbacks, and answers 500 to what they make of it.
"""

from __future__ import annotations

import json
import traceback
from typing import Any

from dash.exceptions import DashException, InvalidCallbackReturnValue
from flask import Flask, Response, jsonify, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import ArgumentError, StatementError
from werkzeug.exceptions import BadRequest, HTTPException

from app.logs import logger
from app.store import is_damage, why_away

MAX_BODY_BYTES = 4_000_000
"""Of a request that does not say itself what it takes; the largest that a page sends is a hundredth
of it."""

UPDATE = "/_dash-update-component"
_FILES = ("/assets/", "/_dash-component-suites/", "/_favicon.ico")
_LARGEST = 2**63 - 1  # what the database and the answers can hold
_COUNTS = frozenset({"n_clicks", "n_intervals", "n_submit", "n_blur"})
_MALFORMED = (
    *(TypeError, LookupError, ValueError, AttributeError, OverflowError),
    *(ArgumentError, StatementError),  # of a value that no column has
    DashException,
)

log = logger(__name__)


def be_strict(flask: Flask) -> None:
    """Has ``flask`` refuse what no page of ours sends."""
    flask.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES

    @flask.before_request
    def without_nul() -> None:
        # No id and no search has one, and PostgreSQL does not take it in a question either.
        if "\0" in request.path or b"%00" in request.query_string:
            raise BadRequest("No address has the character NUL.")

    @flask.before_request
    def as_a_page_asks() -> ResponseReturnValue | None:
        if request.method != "POST" or request.path != UPDATE:
            return None
        try:
            body = json.loads(request.get_data(), parse_int=_int)
        except (ValueError, RecursionError):
            body = None
        return None if _is_a_pages(body) else _refused("no request of a page")

    @flask.errorhandler(Exception)
    def unforeseen(error: Exception) -> ResponseReturnValue:
        if isinstance(error, HTTPException):
            return error
        if request.path.startswith(_FILES):
            return Response("There is no such file.", 404, mimetype="text/plain")
        if is_damage(error):
            log.error("the database is damaged", path=request.path, error=why_away(error))
            return _damaged()
        ours = isinstance(error, InvalidCallbackReturnValue)
        if request.path == UPDATE and isinstance(error, _MALFORMED) and not ours:
            # It may be a fault of ours as well: the line says where.
            log.warning("a callback refuses what it was given", where=_where(error))
            return _refused("no values of a page")
        log.error("a request fails", method=request.method, path=request.path, exc_info=error)
        return Response("The server has a fault here; its log says which.", 500)


def _damaged() -> ResponseReturnValue:
    said = "The database is damaged. `python -m app check` says what is whole."
    if request.path.startswith("/api/"):
        return jsonify({"error": said}), 500
    return Response(said, 500, mimetype="text/plain")


def _refused(why: str) -> ResponseReturnValue:
    return Response(f"This is {why}.", 400, mimetype="text/plain")


def _int(digits: str) -> int:
    """A whole number of 64 bits.

    Raises:
        ValueError: it has more.
    """
    found = int(digits) if len(digits) < 20 else _LARGEST + 1
    if abs(found) > _LARGEST:
        raise ValueError(digits)
    return found


def _is_a_pages(body: Any) -> bool:
    """Whether a body has the form of a question of Dash's own script."""
    if not isinstance(body, dict) or not isinstance(body.get("output"), str):
        return False
    changed = body.get("changedPropIds")
    if not isinstance(changed, list) or not all(isinstance(one, str) for one in changed):
        return False
    return all(
        isinstance(body.get(part, []), list) and all(map(_is_told, body.get(part, [])))
        for part in ("inputs", "state")
    )


def _is_told(one: Any) -> bool:
    """Whether it is the value of a property, or those of a pattern."""
    if isinstance(one, list):
        return all(isinstance(each, dict) and _is_told(each) for each in one)
    if not isinstance(one, dict) or not isinstance(one.get("property"), str):
        return False
    if not isinstance(one.get("id"), (str, dict)):
        return False
    value = one.get("value")
    return one["property"] not in _COUNTS or value is None or _is_count(value)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _where(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {last.name}, line {last.lineno} of {last.filename}"
