"""What is to be seen on the Plane page, and what of it is drawn; the figures are in ``plane.py``.

The browser makes the same numbers from the same constants (assets/plane.js).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fa_engine.dynamics.plane import ESCAPED, RESTING, Array, Paths, Plane, noise_draws

CASES: dict[str, dict[str, Any]] = {
    "linear": {"title": "linear", "activation": "linear", "x": (1.0,), "y": (1.0,)},
    "tanh": {"title": "tanh, one sample", "activation": "tanh", "x": (1.0,), "y": (1.0,)},
    "tanh_several": {
        "title": "tanh, three samples",
        "activation": "tanh",
        # Two minima and two saddles in sight, all of them spurious: no weights fit these samples.
        "x": (0.2, 0.6, 2.0),
        "y": (1.5, 0.5, 2.0),
    },
}
REACH = 3.0  # both weights are shown from -3 to 3
MAX_STARTS = 5
MAX_STEPS = 1000
_TIME = 50.0  # a walk is given this much, in units of step times learning rate
_DRAWN = 150  # points of a trajectory, evenly in time,
_STRIDE = 0.05  # and more where it moves further than this between them
CELLS = 60  # of the background, each way: an even number keeps clear of w1 = 0
LOSSES = 41  # grid of the loss, each way
ARROWS = 11
ARROW = 0.4  # length of the longest one
HEAD = 0.36  # length and width of its head, as a share of the arrow
SHAFT = 0.011  # half the width of its shaft, in weights
HALF = 0.4  # an update of this size has an arrow of half that length
LEVEL = 121  # points of a level of the invariant
ZERO = 1e-9  # where stability changes, K is 0 up to rounding


@dataclass(frozen=True)
class View:
    """What is to be seen.

    Attributes:
        case: which network, a key of ``CASES``.
        target, feedback: ``t`` and ``b``.
        learning_rate: ``eta`` of the trajectories.
        noise: standard deviation of their gradient noise.
        background: whether the cosine is drawn.
        starts: ``(w1, w2)`` of each trajectory, ``MAX_STARTS`` at most.
    """

    case: str = "linear"
    target: float = 1.0
    feedback: float = 1.0
    learning_rate: float = 0.05
    noise: float = 0.0
    background: bool = True
    starts: tuple[tuple[float, float], ...] = ((-0.6, -1.6), (1.6, -1.2))

    @property
    def plane(self) -> Plane:
        """The network, with its feedback and samples."""
        case = CASES[self.case]
        return Plane(self.target, self.feedback, case["activation"], case["x"], case["y"])

    @property
    def steps(self) -> int:
        """Steps that every trajectory is given."""
        return min(MAX_STEPS, math.ceil(_TIME / self.learning_rate))

    def walk(self, scheme: str) -> Paths:
        """All trajectories."""
        return self.plane.walk(
            self.starts, scheme, self.learning_rate, self.steps, self.noise, _draws()
        )


def setup() -> dict[str, Any]:
    """What the browser needs to make the same numbers: grids, samples, and the noise."""
    return {
        "cases": CASES,
        "reach": REACH,
        "cells": CELLS,
        "losses": LOSSES,
        "arrows": ARROWS,
        "arrow": ARROW,
        "head": HEAD,
        "shaft": SHAFT,
        "half": HALF,
        "level": LEVEL,
        "maxStarts": MAX_STARTS,
        "maxSteps": MAX_STEPS,
        "time": _TIME,
        "drawn": _DRAWN,
        "stride": _STRIDE,
        "escaped": ESCAPED,
        "resting": RESTING,
        "draws": _draws().tolist(),
    }


def unstable_start(plane: Plane) -> tuple[float, float] | None:
    """A start beside a fixed point that FA leaves, or None where there is none in sight."""
    fixed = plane.fixed("fa", REACH)
    seen = (fixed.curve_stability < -ZERO) & (np.abs(fixed.curve) < 0.9 * REACH).all(-1)
    if seen.any():
        candidates = fixed.curve[seen]
        w1, w2 = candidates[len(candidates) // 2]
        if w1 == 0:  # along that axis is along the line
            return 0.05, round(float(w2), 3)
    elif (fixed.stability < 0).any():
        w1, w2 = fixed.points[np.argmin(fixed.stability)]
    else:
        return None
    return round(float(w1), 3), round(float(w2) + 0.05, 3)


def _draws() -> Array:
    """The noise of every walk on this page, in numbers short enough to send to the browser."""
    return noise_draws(MAX_STARTS, MAX_STEPS).round(3)


def _kept(path: Array) -> NDArray[np.intp]:
    """The steps of a path ``(count, 2)`` that are drawn, its first and last among them."""
    every = max(1, math.ceil(len(path) / _DRAWN))
    kept = [0]
    for step in range(1, len(path)):
        moved = math.hypot(*(path[step] - path[kept[-1]]))
        if step % every == 0 or step == len(path) - 1 or moved >= _STRIDE:
            kept.append(step)
    return np.array(kept)


def drawn(walked: Paths) -> list[NDArray[np.intp]]:
    """The steps of each trajectory that are drawn."""
    return [_kept(walked.w[:count, i]) for i, count in enumerate(_lengths(walked))]


def _lengths(walked: Paths) -> list[int]:
    """Points of each trajectory, its start included."""
    return [int(count) for count in np.isfinite(walked.w[:, :, 0]).sum(0)]


def endings(view: View, scheme: str, walked: Paths) -> list[str]:
    """What became of each trajectory: ``rests`` or, out of sight, ``rests outside``; ``leaves``
    the plane; or is still ``moving`` after the last step."""
    found = []
    for (w1, w2), u in zip(
        end_points(walked), view.plane.update(end_points(walked), scheme), strict=True
    ):
        inside = max(abs(w1), abs(w2)) <= REACH
        if not view.noise and math.hypot(*u) < RESTING:
            found.append("rests" if inside else "rests outside")
        else:
            found.append("moving" if inside else "leaves")
    return found


def end_points(walked: Paths) -> Array:
    """``(S, 2)`` where each walk ended."""
    ends = [walked.w[count - 1, i] for i, count in enumerate(_lengths(walked))]
    return np.array(ends).reshape(-1, 2)
