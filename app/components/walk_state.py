"""The address of the Walk page: ``/walk?run=ID&plane=three&through=0,200,4400&drawn=yes``."""

from __future__ import annotations

from typing import Any, cast

from pydantic import Field, create_model

from app.address import text_of
from app.components.params import param_id
from app.components.state import Control
from app.lab import LandscapeParams, Params

PLANE = ("plane", "replicate", "resolution", "n_samples")
"""Parameters of a loss surface that a person chooses."""

MAX_OTHERS = 4
"""Runs on a loss surface beside the one that is looked at."""


def _own(default: Any, title: str, allowed: str, **constraints: Any) -> Any:
    return Field(default, title=title, json_schema_extra={"allowed": allowed}, **constraints)


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


# The parameters of the surface as they are, with their own words; mypy knows no such call.
_FIELDS: Any = {
    name: (LandscapeParams.model_fields[name].annotation, LandscapeParams.model_fields[name])
    for name in PLANE
}
WalkState = cast("type[Params]", create_model("WalkState", __base__=_Walk, **_FIELDS))

WALK_CONTROLS = (
    *(Control(name, param_id("plane", name), shown=text_of) for name in PLANE),
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
