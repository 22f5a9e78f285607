"""What a request asks: its body and its parameters, read and refused in one way."""

from __future__ import annotations

import json
from typing import Any

from flask import request
from werkzeug.datastructures import MultiDict

from app.store import Condition, Listing
from app.store.keep import MOST_AT_ONCE
from app.store.texts import is_id
from fa_engine import NotAllowed

MAX_BODY_BYTES = 1_000_000

_MOST_CONDITIONS = 20
_LISTED = ("search", "where", "sort", "limit", "offset", "deleted")


def body_of_request(allowed: str) -> dict[str, Any]:
    """The JSON object that a request carries; ``allowed`` says what it should be.

    Raises:
        fa_engine.NotAllowed: it is none.
    """
    request.max_content_length = MAX_BODY_BYTES
    text = request.get_data(as_text=True)
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        raise NotAllowed("body", text, f"JSON, {allowed}") from None
    try:
        json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # neither the database nor the answer could hold it
        raise NotAllowed(
            "body", text, "JSON without half a surrogate pair, as \\ud800 is"
        ) from None
    if not isinstance(body, dict):
        raise NotAllowed("body", body, allowed)
    return body


def ids_of(body: dict[str, Any]) -> list[str]:
    """Takes the runs that a body names out of it.

    Raises:
        fa_engine.NotAllowed: it names none.
    """
    ids = body.pop("ids", None)
    if not isinstance(ids, list) or not ids or not all(map(is_id, ids)):
        raise NotAllowed("ids", ids, 'a list of ids of runs, such as ["abc"]')
    if len(ids) > MOST_AT_ONCE:
        raise NotAllowed("ids", len(ids), f"1 to {MOST_AT_ONCE:,} runs at once")
    return [*dict.fromkeys(ids)]


def asked_listing(given: MultiDict[str, str]) -> Listing:
    """The list that the parameters of an address ask for.

    Raises:
        fa_engine.NotAllowed: one of them is something else.
    """
    for name in given:
        if name not in _LISTED:
            raise NotAllowed(name, given[name], "one of the parameters " + ", ".join(_LISTED))
    conditions = given.getlist("where")
    if len(conditions) > _MOST_CONDITIONS:
        raise NotAllowed("where", len(conditions), f"at most {_MOST_CONDITIONS} conditions")
    deleted = given.get("deleted", "0")
    if deleted not in ("0", "1"):
        raise NotAllowed("deleted", deleted, "0 or 1")
    return Listing(
        search=given.get("search", ""),
        where=tuple(Condition.read(text) for text in conditions),
        sort=Listing.sorted_by(given.get("sort", "")),
        limit=_whole("limit", given.get("limit", "100")),
        offset=_whole("offset", given.get("offset", "0")),
        deleted=deleted == "1",
    )


def _whole(name: str, text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 12:
        raise NotAllowed(name, text, "a whole number from 0")
    return int(text)
