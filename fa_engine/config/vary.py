"""Variation: the cells of a sweep, which train as the networks of one run.

A grid is a mapping from fields to the values of each; its cells are all combinations, the last
field changing fastest. A list of mappings names its cells one by one.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from math import prod
from typing import Annotated, Any

from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

from fa_engine.config.groups import Knobs
from fa_engine.config.knob import allowed_words, knob_of
from fa_engine.config.parsing import is_in_words, parsed_value
from fa_engine.config.problem import NotAllowed, refusal
from fa_engine.typed import hint

Grid = dict[str, tuple[Any, ...]]
Cells = tuple[dict[str, Any], ...]

VARIES = tuple(name for name, field in Knobs.model_fields.items() if knob_of(field).varies)
"""Fields that the networks of one run may each have a value of their own of."""

ALLOWED = (
    "fields with a list of values each, such as {'learning_rate': [0.01, 0.1]}, or a list of such "
    "cells as {'learning_rate': 0.1, 'weight_decay': 0.001}"
)


def parsed(value: Any) -> Grid | Cells:
    """What was given, with values of the type that each field has.

    Raises:
        PydanticCustomError: it is neither grid nor list, names a field that cannot vary, names a
            value twice, or a value is out of range.
    """
    match value:
        case Mapping() if value:
            return {name: _values(name, given) for name, given in value.items()}
        case [*cells] if cells and all(isinstance(cell, Mapping) and cell for cell in cells):
            return _listed(cells)
    raise refusal("vary", value, ALLOWED)


def n_cells(vary: Grid | Cells | None) -> int:
    """How many cells there are; 1 where nothing varies."""
    if isinstance(vary, dict):
        return prod(len(values) for values in vary.values())
    return 1 if vary is None else len(vary)


def cells_of(vary: Grid | Cells | None) -> Cells:
    """The values of each cell, by the field; one without any where nothing varies."""
    if isinstance(vary, dict):
        combinations = itertools.product(*vary.values())
        return tuple(dict(zip(vary, values, strict=True)) for values in combinations)
    return ({},) if vary is None else vary


def fields_of(vary: Grid | Cells | None) -> tuple[str, ...]:
    """The fields that are named."""
    return tuple(vary if isinstance(vary, dict) else () if vary is None else vary[0])


def varied_value(name: str, value: Any) -> Any:
    """One value of a field that may vary, checked.

    Raises:
        PydanticCustomError: the field cannot vary, or the value is out of range.
    """
    if name not in VARIES:
        raise refusal("vary", name, "fields out of " + ", ".join(VARIES))
    field = Knobs.model_fields[name]
    try:
        accepted = _type_of(field).validate_python(parsed_value(name, value))
        if not is_in_words(name, accepted):
            raise ValueError(name)
    except NotAllowed:
        raise
    except ValueError as error:
        raise refusal(name, value, allowed_words(field) + hint(error)) from None
    return accepted


def _values(name: Any, given: Any) -> tuple[Any, ...]:
    if not isinstance(given, (list, tuple)) or not given:
        raise refusal("vary", {name: given}, ALLOWED)
    found = tuple(varied_value(name, value) for value in given)
    if len(set(found)) < len(found):
        raise refusal("vary", {name: list(given)}, "a list of different values")
    return found


def _listed(cells: list[Mapping[str, Any]]) -> Cells:
    fields = list(cells[0])
    for cell in cells:
        if set(cell) != set(fields):
            raise refusal("vary", dict(cell), f"a value of each of {', '.join(map(str, fields))}")
    return tuple({name: varied_value(name, cell[name]) for name in fields} for cell in cells)


def _type_of(field: FieldInfo) -> TypeAdapter[Any]:
    of_field: Any = field.annotation
    strict = Annotated[of_field, *field.metadata] if field.metadata else of_field
    return TypeAdapter(strict, config={"allow_inf_nan": False})
