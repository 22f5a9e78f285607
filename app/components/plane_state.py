"""The address of the Plane page: ``/plane?case=tanh&target=1.5&starts=0.5:1,-1:2``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from app.address import text_of
from app.components.plane_controls import SLIDERS
from app.components.state import Control
from app.figures.plane_view import CASES, MAX_STARTS, REACH, View

_FIRST = View()
_STARTS = (
    f"at most {MAX_STARTS} pairs of weights with commas between them, each from {-REACH:g} to "
    f"{REACH:g}, such as 0.5:1,-1:2"
)


def _slider(name: str, begin: float) -> Any:
    _, title, _, least, most, _ = next(row for row in SLIDERS if row[0] == name)
    return Field(begin, title=title, ge=least, le=most)


def start_texts(starts: Sequence[Sequence[float]]) -> tuple[str, ...]:
    """Starts as an address has them."""
    return tuple(f"{text_of(float(w1))}:{text_of(float(w2))}" for w1, w2 in starts)


def start_pairs(texts: Sequence[str]) -> list[list[float]]:
    """The other way round."""
    return [[float(weight) for weight in text.split(":")] for text in texts]


class PlaneState(BaseModel):
    """What is to be seen."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    case: Literal[tuple(CASES)] = Field(_FIRST.case, title="Network")  # type: ignore[valid-type]
    target: float = _slider("target", _FIRST.target)
    feedback: float = _slider("feedback", _FIRST.feedback)
    rate: float = _slider("rate", _FIRST.learning_rate)
    noise: float = _slider("noise", _FIRST.noise)
    background: bool = Field(_FIRST.background, title="Cosine as background")
    starts: tuple[str, ...] = Field(start_texts(_FIRST.starts), title="Trajectories")

    @field_validator("starts")
    @classmethod
    def _in_sight(cls, starts: tuple[str, ...]) -> tuple[str, ...]:
        try:
            pairs = start_pairs(starts)
        except ValueError:
            raise ValueError(_STARTS) from None
        inside = all(len(p) == 2 and all(-REACH <= w <= REACH for w in p) for p in pairs)
        if not inside or len(pairs) > MAX_STARTS:
            raise ValueError(_STARTS)
        return start_texts(pairs)


CONTROLS = (
    Control("case", "plane-case"),
    *(Control(name, f"plane-{name}") for name, *_ in SLIDERS),
    Control("background", "plane-background", "checked"),
    Control("starts", "plane-starts", "data", shown=start_pairs, told=start_texts),
)
