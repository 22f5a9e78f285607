"""The state of a page as its address: fields of a pydantic model, read and written here alone.

``scheme=dfa&hidden=64,64&walk=yes``: a field that differs from what the page begins with is named,
entries of a list have commas between them, a switch is yes or no, and nothing is nothing
(``weight_std=``). What an address says is held against the model itself.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from types import UnionType
from typing import Any, Union, get_args, get_origin
from urllib.parse import parse_qs, quote_plus

from pydantic import BaseModel, ValidationError

from fa_engine import Problem, problems
from fa_engine.config import listed_fields

BESIDE = ("run", "show", "type")
"""Names that an address may have beside the fields of a model: the run, and how pages look."""

_SWITCH = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
_PLAIN = ",:/"  # read as they are, in the values of an address


@dataclass(frozen=True)
class Reading:
    """What an address says.

    Attributes:
        values: of the fields that it names and that are taken, by name.
        problems: what is wrong, one for each name; their values are not taken.
    """

    values: dict[str, Any]
    problems: list[Problem]


def read(
    kind: type[BaseModel],
    search: str | None,
    begin: Mapping[str, Any] | None = None,
    *,
    context: Mapping[str, Any] | None = None,
    beside: Collection[str] = BESIDE,
) -> Reading:
    """What ``search``, ``?scheme=dfa``, says of the fields of ``kind``.

    Whatever is wrong is named, and the rest is taken. Where the values that are taken do not go
    with one that the page begins with, that one is named, and they stay.

    Args:
        kind: the model.
        search: part of an address, with or without its question mark.
        begin: values of the fields that it does not name; by default those of the model.
        context: for the validation.
        beside: names that are somebody else's.
    """
    given, texts, found = _given(kind, search, beside)
    start = defaults(kind) if begin is None else dict(begin)
    while True:
        try:
            model = kind.model_validate(start | given, context=dict(context or {}))
        except ValidationError as error:
            wrong = [_titled(kind, problem) for problem in _problems(error)]
            named = [problem for problem in wrong if problem.field in given]
            found += [replace(p, value=texts[p.field]) for p in named] or wrong
            if not named:
                return Reading(given, found)
            for problem in named:
                del given[problem.field]
        else:
            return Reading({name: getattr(model, name) for name in given}, found)


def write(values: Mapping[str, Any], begin: Mapping[str, Any]) -> str:
    """The part of an address that names what differs, ``scheme=dfa&hidden=64,64``; may be empty.

    Args:
        values: of fields by name, as a model has them or as they were typed, in order.
        begin: what a page without them shows.
    """
    texts = {name: text_of(value) for name, value in values.items()}
    return "&".join(
        f"{name}={quote_plus(text, safe=_PLAIN)}"
        for name, text in texts.items()
        if text != text_of(begin[name])
    )


def defaults(kind: type[BaseModel]) -> dict[str, Any]:
    """What the fields of ``kind`` are without a word."""
    return {
        name: field.get_default(call_default_factory=True)
        for name, field in listed_fields(kind).items()
    }


def text_of(value: Any, comma: str = ",") -> str:
    """A value as an address has it; ``comma`` goes between the entries of a list."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Enum):
        return text_of(value.value)
    if isinstance(value, (list, tuple)):
        return comma.join(text_of(item) for item in value)
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def _given(
    kind: type[BaseModel], search: str | None, beside: Collection[str]
) -> tuple[dict[str, Any], dict[str, str], list[Problem]]:
    """Values of the fields that are named, as the model takes them and as they stand there; and
    what is wrong with the names."""
    given: dict[str, Any] = {}
    texts: dict[str, str] = {}
    found: list[Problem] = []
    for name, several in parse_qs((search or "").lstrip("?"), keep_blank_values=True).items():
        if name in beside:
            continue
        listed = listed_fields(kind)
        if name not in listed:
            alike = difflib.get_close_matches(name, listed, 1) or [*listed]
            allowed = f"a name that this page knows, such as {alike[0]}"
            found.append(Problem(name, several[0], allowed))
        elif len(several) > 1:
            found.append(_titled(kind, Problem(name, several, "one value")))
        else:
            texts[name] = several[0].strip()
            given[name] = _typed(kind.model_fields[name].annotation, texts[name])
    return given, texts, found


def _problems(error: ValidationError) -> list[Problem]:
    """Of any model: those of one that does not say what is allowed are pydantic's."""
    said = {
        str(e["loc"][0]): e["msg"]
        for e in error.errors()
        if e["loc"] and "allowed" not in e.get("ctx", {})
    }
    return [
        replace(p, allowed=_plain(said[p.field])) if p.field in said else p for p in problems(error)
    ]


def _plain(message: str) -> str:
    return message.removeprefix("Value error, ").removeprefix("Input should be ")


def _titled(kind: type[BaseModel], problem: Problem) -> Problem:
    """A problem under the title that the field has on its page."""
    field = kind.model_fields.get(problem.field)
    return replace(problem, called=(field.title if field else "") or problem.called)


def _typed(annotation: Any, text: str) -> Any:
    """A text of an address as a model takes it."""
    kinds = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    if text == "" and type(None) in kinds:
        return None
    if bool in kinds:
        return _SWITCH.get(text.lower(), text)
    if any(get_origin(kind) in (tuple, list) for kind in kinds):
        entries = [entry.strip() for entry in text.split(",")] if text else []
        # Behind a comma a 0 is the rest of a number: that may be meant to be one, or two.
        return text if any(re.match(r"0\d", entry) for entry in entries) else entries
    return text
