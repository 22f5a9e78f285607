"""Controls of a computation's parameters, made from their one definition."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import html, no_update
from dash.development.base_component import Component

from app.lab import Params
from fa_engine.config import knob_of


def param_id(group: str, name: str) -> dict[str, str]:
    """The id of the control of a parameter; ``group`` keeps the forms of a page apart."""
    return {"type": f"param-{group}", "name": name}


def param_fields(
    group: str, kind: type[Params], names: tuple[str, ...], settle_ms: int = 0
) -> list[Component]:
    """A control for each of the parameters ``names``, with title, unit and one sentence.

    Args:
        group: see :func:`param_id`.
        kind: whose parameters they are.
        names: which.
        settle_ms: how long nobody must have typed before a callback hears of it.
    """
    return [_field(group, kind, name, settle_ms) for name in names]


def _field(group: str, kind: type[Params], name: str, settle_ms: int) -> Component:
    field = kind.model_fields[name]
    about = knob_of(field)
    common = {
        "id": param_id(group, name),
        "label": html.Span([field.title, html.Span(about.unit, className="unit")]),
        "description": field.description,
    }
    options = about.options
    control = (
        dmc.Select(
            **common,
            data=[{"value": value, "label": label} for value, label in options.items()],
            value=str(field.default),
            allowDeselect=False,
        )
        if options
        else dmc.TextInput(
            **common,
            value=f"{field.default:g}",
            debounce=settle_ms or False,
            inputProps={"inputMode": "decimal"},
        )
    )
    return html.Div(control, className="field" if options else "field narrow")


def given(inputs: list[dict[str, Any]]) -> dict[str, Any]:
    """Values by name, from the entry of such controls in a callback's list."""
    return {entry["id"]["name"]: entry.get("value") for entry in inputs}


def at_most(shown: Any, limit: int) -> Any:
    """The value that a control is to show: what it shows, or the limit where that is less."""
    try:
        return no_update if int(shown) <= limit else str(limit)
    except (TypeError, ValueError):  # it is said beside the control
        return no_update
