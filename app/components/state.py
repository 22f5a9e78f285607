"""Controls of a page whose values are its address, by a pydantic model (:mod:`app.address`)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate
from pydantic import BaseModel, ValidationError

from app.address import defaults, read, write
from app.components.share import address_note, address_words


@dataclass(frozen=True)
class Control:
    """What holds the value of a field.

    Attributes:
        field: of the model.
        id: of the component.
        prop: of the component.
        shown: what the component has for a value of the model.
        told: the other way round.
        into: component and property that take what an address says, where they are others.
    """

    field: str
    id: Any
    prop: str = "value"
    shown: Callable[[Any], Any] = lambda value: value
    told: Callable[[Any], Any] = lambda value: value
    into: tuple[str, str] | None = None


def state_parts(prefix: str) -> list[Component]:
    """What a page with such controls holds out of sight, and its word on an address."""
    return [
        html.Div(id=f"{prefix}-here", hidden=True),  # another one each time the page is made
        dcc.Store(id=f"{prefix}-begun", data=prefix),
        *(dcc.Store(id=f"{prefix}-{name}") for name in ("asked", "given", "state", "query")),
        address_note(f"{prefix}-note-address"),
    ]


def follow_state(
    app: Dash, prefix: str, kind: type[BaseModel], controls: Sequence[Control]
) -> None:
    """Callbacks by which controls take what the address says, and it follows what they hold."""
    begun = State(f"{prefix}-begun", "data")

    app.clientside_callback(
        ClientsideFunction("state", "arrive"),
        Output(f"{prefix}-asked", "data"),
        Input("url", "search"),
        Input(f"{prefix}-begun", "data"),
    )

    @app.callback(
        *(Output(*_taker(control), allow_duplicate=True) for control in controls),
        Output(f"{prefix}-note-address", "children"),
        Output(f"{prefix}-note-address", "hide"),
        Output(f"{prefix}-given", "data"),
        Input(f"{prefix}-asked", "data"),
        prevent_initial_call=True,
    )
    def give(asked: Mapping[str, Any] | None) -> Any:
        if not asked:
            raise PreventUpdate
        found = read(kind, asked["search"])
        values = defaults(kind) | found.values
        shown = (control.shown(values[control.field]) for control in controls)
        return (*shown, address_words(found.problems), not found.problems, time.time_ns())

    app.clientside_callback(
        ClientsideFunction("state", "given"),
        Output(f"{prefix}-begun", "modified_timestamp"),
        Input(f"{prefix}-given", "data"),
        begun,
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("state", "changed"),
        Output(f"{prefix}-state", "data"),
        *(Input(control.id, control.prop) for control in controls),
        begun,
    )

    @app.callback(
        Output(f"{prefix}-query", "data"),
        Input(f"{prefix}-state", "data"),
        prevent_initial_call=True,
    )
    def tell(values: Sequence[Any] | None) -> Any:
        if values is None:
            raise PreventUpdate
        told = {c.field: c.told(value) for c, value in zip(controls, values, strict=True)}
        try:
            now = kind.model_validate(told).model_dump()
        except ValidationError:  # it is said where it was typed
            raise PreventUpdate from None
        return {"query": write(now, defaults(kind)), "token": time.time_ns()}

    app.clientside_callback(
        ClientsideFunction("state", "write"),
        Output(f"{prefix}-query", "modified_timestamp"),
        Input(f"{prefix}-query", "data"),
        begun,
        prevent_initial_call=True,
    )


def _taker(control: Control) -> tuple[Any, str]:
    return control.into or (control.id, control.prop)
