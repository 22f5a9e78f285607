"""The addresses of the lab's pages: ``/stability?run=ID&step=4400&under=bp``,
``/walk?run=ID&plane=three&through=0,200,4400&drawn=yes``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, cast

from dash import Dash, Input, Output, State
from dash.exceptions import PreventUpdate
from pydantic import create_model

from app.address import defaults, text_of
from app.components.params import param_id
from app.components.shell import run_named
from app.components.state import Control
from app.lab import KickParams, LandscapeParams, Params, SpectrumParams
from app.store import Store
from fa_engine import RunConfig
from fa_engine.config import knob

LOOK = ("under", "n_samples", "replicate")
"""Parameters of the spectrum that a person chooses."""

KICK = ("along", "epsilon", "directions", "steps", "seed")
"""And of a kick."""

PLANE = ("plane", "replicate", "resolution", "n_samples")
"""And of a loss surface."""

MAX_OTHERS = 4
"""Runs on a loss surface beside the one that is looked at."""


def _fields(kind: type[Params], names: tuple[str, ...]) -> dict[str, Any]:
    """Parameters of ``kind`` as fields of another model, with their own words."""
    return {name: (kind.model_fields[name].annotation, kind.model_fields[name]) for name in names}


def _own(default: Any, title: str, allowed: str, **constraints: Any) -> Any:
    return knob(default, title, "", allowed=allowed, **constraints)


class _Stability(Params):
    """What is to be seen on the Stability page.

    Attributes:
        step: of the checkpoint; nothing: the newest.
        scale: of the steps below the curves.
        kicked: whether copies are kicked as soon as the page is there.
    """

    step: int | None = _own(None, "Checkpoint", "the step of a checkpoint, from 0", ge=0)
    scale: Literal["linear", "log"] = _own("linear", "Scale of the steps", "linear or log")
    kicked: bool = _own(False, "Kicked", "yes or no")


class _Walk(Params):
    """What is to be seen on the Walk page.

    Attributes:
        through: steps of the checkpoints that the plane goes through.
        others: ids of runs beside this one.
        drawn: whether the plane is drawn as soon as the page is there.
    """

    through: tuple[str, ...] = _own(
        (), "Three checkpoints", "at most three steps of checkpoints", max_length=3
    )
    others: tuple[str, ...] = _own(
        (), "Other runs", f"the ids of at most {MAX_OTHERS} runs", max_length=MAX_OTHERS
    )
    drawn: bool = _own(False, "Drawn", "yes or no")


def _model(name: str, base: type[Params], *fields: dict[str, Any]) -> type[Params]:
    merged = {field: row for group in fields for field, row in group.items()}
    made = create_model(name, __base__=base, **cast(Any, merged))  # mypy knows no such call
    return cast("type[Params]", made)


StabilityState = _model(
    "StabilityState", _Stability, _fields(SpectrumParams, LOOK), _fields(KickParams, KICK)
)
WalkState = _model("WalkState", _Walk, _fields(LandscapeParams, PLANE))


def _controls(group: str, names: tuple[str, ...]) -> list[Control]:
    return [Control(name, param_id(group, name), shown=text_of) for name in names]


def fit_samples(
    app: Dash,
    store: Store,
    group: str,
    state: type[Params],
    arrives: tuple[str, str],
    fits: Callable[[RunConfig], str],
) -> None:
    """Puts as many samples into a page as its run allows, where that is less than it begins with.

    Args:
        app, store: of the page.
        group: of the field, ``n_samples``.
        state: what its address says.
        arrives: stores of the page: the run that is shown, and what the address has put there.
        fits: what the field is to hold with a run of that configuration.
    """
    field = param_id(group, "n_samples")

    @app.callback(
        Output(field, "value", allow_duplicate=True),
        *(Input(name, "data") for name in arrives),
        State(field, "value"),
        State("run-named", "data"),
        prevent_initial_call=True,
    )
    def fit(
        shown: str | None, _given: int | None, samples: str, named: dict[str, Any] | None
    ) -> Any:
        # What the address says may come before its run, which is still to be shown.
        if not shown or run_named(named) not in (None, shown):
            raise PreventUpdate
        if samples != text_of(defaults(state)["n_samples"]):
            raise PreventUpdate
        return fits(store.run(shown).run_config())


STABILITY_CONTROLS = (
    Control("step", "stab-step-now", "data", into=("stab-step-asked", "data")),
    *_controls("look", LOOK),
    Control("scale", "stab-scale"),
    *_controls("kick", KICK),
    Control("kicked", "stab-kicked", "data", told=bool),
)
"""What holds each field of a :data:`StabilityState`."""

WALK_CONTROLS = (
    *_controls("plane", PLANE),
    Control(
        *("through", "walk-through"),
        shown=list,
        told=tuple,
        into=("walk-through-asked", "data"),
    ),
    Control("others", "walk-others", shown=list, told=tuple),
    Control("drawn", "walk-drawn", "data", told=bool),
)
"""What holds each field of a :data:`WalkState`."""
