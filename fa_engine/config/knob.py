"""A knob: what a field of a configuration is called, in what unit, and what it accepts, in words.

Form, address, messages, command line and documentation read it here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo


@dataclass(frozen=True)
class Knob:
    """What a field knows beside its type, default, title, description and bounds.

    Attributes:
        unit: in a word; may be empty.
        group: the subject it stands under on a form; empty: among what everyone changes.
        empty: what an empty field means, in words.
        rows: where its values are the names of rows: these, looked up whenever they are asked for,
            so that one that is added later counts. A row has a ``title``, or is it.
        but: names of rows that cannot be chosen.
        allowed: what is accepted, where type, bounds and options do not say it.
        varies: the networks of one run may each have a value of their own.
        listed: a person sets it by itself, among the others.
    """

    unit: str = ""
    group: str = ""
    empty: str = ""
    rows: Mapping[str, Any] | None = None
    but: tuple[str, ...] = ()
    allowed: str = ""
    varies: bool = False
    listed: bool = True

    @property
    def options(self) -> dict[str, str] | None:
        """The values that can be chosen, with their titles; None: it is no choice."""
        if self.rows is None:
            return None
        chosen = {name: row for name, row in self.rows.items() if name not in self.but}
        return {n: row if isinstance(row, str) else str(row.title) for n, row in chosen.items()}

    def __call__(self, schema: JsonDict) -> None:
        """Adds what it knows to the JSON schema of its field."""
        options = self.options
        schema |= {
            "unit": self.unit,
            "group": self.group,
            "empty": self.empty,
            "options": {**options} if options else None,
            "allowed": self.allowed or None,
        }


def knob(
    default: Any,
    title: str,
    description: str,
    *,
    unit: str = "",
    group: str = "",
    empty: str = "",
    rows: Mapping[str, Any] | None = None,
    but: tuple[str, ...] = (),
    allowed: str = "",
    varies: bool = False,
    listed: bool = True,
    **constraints: Any,
) -> Any:
    """A field of a pydantic model.

    Args:
        default: its value where nothing is given.
        title: what a person reads beside it.
        description: one or two sentences.
        unit, group, empty, rows, but, allowed, varies, listed: see :class:`Knob`.
        constraints: ``gt``, ``ge``, ``lt``, ``le``, and what else pydantic's ``Field`` takes.
    """
    about = Knob(unit, group, empty, rows, but, allowed, varies, listed)
    return Field(
        default, title=title, description=description, json_schema_extra=about, **constraints
    )


def knob_of(field: FieldInfo) -> Knob:
    """What was said of a field; nothing, where it is no knob."""
    about = field.json_schema_extra
    return about if isinstance(about, Knob) else Knob()


def listed_fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a model that a person sets one by one, by name: those of a form."""
    return {name: field for name, field in model.model_fields.items() if knob_of(field).listed}


def bounds_of(field: FieldInfo) -> dict[str, float]:
    """The numeric bounds of a field: any of ``gt``, ``ge``, ``lt`` and ``le``."""
    found: dict[str, float] = {}
    for constraint in field.metadata:
        for key in ("gt", "ge", "lt", "le"):
            if hasattr(constraint, key):
                found[key] = getattr(constraint, key)
    return found


def allowed_words(field: FieldInfo, most: float | None = None) -> str:
    """What a field accepts, in words.

    Args:
        field: of a model.
        most: an upper bound in the place of its own.
    """
    about, options = knob_of(field), knob_of(field).options
    if about.allowed:
        return about.allowed
    empty = ", or empty" if field.default is None else ""
    if options:
        return "one of " + ", ".join(options) + empty
    if field.annotation is bool:
        return "true or false"
    found = bounds_of(field)
    if most is not None:
        found["le"] = most
    words = {"gt": "above", "ge": "from", "lt": "below", "le": "at most"}
    order = [key for key in ("gt", "ge", "lt", "le") if key in found]
    range_text = ", ".join(f"{words[key]} {found[key]:,}" for key in order)
    kind = "a whole number" if field.annotation in (int, int | None) else "a number"
    return f"{kind} {range_text}{empty}"
