"""The Plane page's figures: the two-weight network of FA and of BP, and the loss along the way.

Python draws them first, and anew for another theme. While a slider moves the browser puts new
numbers into the same traces, by name (assets/plane.js): drawing alone takes most of the 100 ms in
which everything has to follow. A test compares its numbers with the ones made here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from app.figures.palette import Palette, Rgb, css, palette
from app.figures.training import CHART_CONFIG
from fa_engine.plane import ESCAPED, RESTING, Array, Paths, Plane, noise_draws

PLANE_CONFIG: Any = CHART_CONFIG | {"displayModeBar": False, "scrollZoom": False}

CASES: dict[str, dict[str, Any]] = {
    "linear": {"title": "linear", "activation": "linear", "x": (1.0,), "y": (1.0,)},
    "tanh": {"title": "tanh, one sample", "activation": "tanh", "x": (1.0,), "y": (1.0,)},
    "tanh_several": {
        "title": "tanh, three samples",
        "activation": "tanh",
        # Two minima and two saddles in sight, all of them spurious: no weights fit these samples.
        "x": (0.2, 0.6, 2.0),
        "y": (0.9, 0.3, 1.2),
    },
}
REACH = 3.0  # both weights are shown from -3 to 3
MAX_STARTS = 5
MAX_STEPS = 1000
_TIME = 40.0  # a walk is given this much, in units of step times learning rate
_DRAWN = 250  # points of a trajectory at most
_CELLS = 60  # of the background, each way: an even number keeps clear of w1 = 0
_LOSSES = 41  # grid of the loss, each way
_ARROWS = 13
_ARROW = 0.36  # length of the longest one
_HALF = 0.4  # an update of this size has an arrow of half that length
_LEVEL = 121  # points of a level of the invariant
_ZERO = 1e-9  # where stability changes, K is 0 up to rounding
_LOSS_RANGE = (-4.0, 1.5)  # decades
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif"


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
        "cells": _CELLS,
        "losses": _LOSSES,
        "arrows": _ARROWS,
        "arrow": _ARROW,
        "half": _HALF,
        "level": _LEVEL,
        "maxStarts": MAX_STARTS,
        "maxSteps": MAX_STEPS,
        "time": _TIME,
        "drawn": _DRAWN,
        "escaped": ESCAPED,
        "resting": RESTING,
        "draws": _draws().tolist(),
    }


def plane_figure(view: View, scheme: str, theme: str | None = None) -> go.Figure:
    """The plane of the two weights with everything that ``scheme`` makes of it."""
    colours = palette(theme)
    plane, reach = view.plane, REACH
    fixed = plane.fixed(scheme, reach)
    walked = view.walk(scheme)
    cells, losses = np.linspace(-reach, reach, _CELLS), np.linspace(-reach, reach, _LOSSES)
    lines: dict[str, Any] = {"mode": "lines", "hoverinfo": "skip"}
    traces = [
        go.Heatmap(
            name="cosine",
            x=cells,
            y=cells,
            z=plane.cosine(_grid(cells), scheme).astype(np.float32),
            visible=view.background,
            zmin=-1,
            zmax=1,
            zsmooth="fast",
            colorscale=[
                [0, css(colours.unstable)],
                [0.5, css(colours.panel)],
                [1, css(colours.stable)],
            ],
            opacity=0.45,
            showscale=False,
            hovertemplate="w₁ %{x:.2f}, w₂ %{y:.2f}<br>cos(u, g) %{z:.2f}<extra></extra>",
        ),
        go.Contour(
            name="loss",
            x=losses,
            y=losses,
            z=_decades(plane.loss(_grid(losses))),
            contours={"coloring": "none", "start": -1, "end": 1.5, "size": 0.5},
            line={"color": css(colours.ink, 0.3), "width": 1},
            showscale=False,
            hoverinfo="skip",
        ),
        _arrows(plane, scheme, colours),
        go.Scatter(
            name="stable",
            **_curve(fixed.curve, fixed.curve_stability > -_ZERO),
            line={"color": css(colours.stable), "width": 4},
            **lines,
        ),
        go.Scatter(
            name="unstable",
            **_curve(fixed.curve, fixed.curve_stability < _ZERO),
            line={"color": css(colours.unstable), "width": 4, "dash": "7px,4px"},
            **lines,
        ),
        _points("boundary", _edges(fixed.curve, fixed.curve_stability), colours.ink, "diamond"),
        _points("stable points", fixed.points[fixed.stability > 0], colours.stable, "circle"),
        _points("unstable points", fixed.points[fixed.stability <= 0], colours.unstable, "x"),
        go.Scatter(
            name="invariant",
            **_columns(_levels(view, scheme)),
            line={"color": css(colours.ink, 0.75), "width": 1.5, "dash": "2px,4px"},
            **lines,
        ),
    ]
    paths = [_some(walked.w[:, i], count) for i, count in enumerate(_lengths(walked))]
    for i, colour in enumerate(colours.walks):
        path = paths[i] if i < len(paths) else np.empty((0, 3))
        traces.append(
            go.Scatter(
                name=f"path {i + 1}",
                **_columns(path[:, 1:]),
                customdata=path[:, 0].tolist(),
                mode="lines",
                line={"color": css(colour), "width": 2.5},
                hovertemplate="step %{customdata}<br>w₁ %{x:.3f}, w₂ %{y:.3f}<extra></extra>",
            )
        )
    traces += [
        go.Scatter(
            name="ends",
            **_columns(_ends(walked)),
            mode="markers",
            marker={
                "size": 11,
                "color": [css(colour) for colour in colours.walks],
                "line": {"color": css(colours.panel), "width": 1.5},
            },
            hoverinfo="skip",
        ),
        go.Scatter(
            name="starts",
            **_columns(np.array(view.starts).reshape(-1, 2)),
            text=[str(i + 1) for i in range(MAX_STARTS)],
            mode="markers+text",
            textfont={"size": 12, "color": css(colours.panel)},
            marker={
                "size": 18,
                "color": [css(colour) for colour in colours.walks],
                "line": {"color": css(colours.panel), "width": 1.5},
            },
            hoverinfo="skip",
        ),
    ]
    weights = {
        "range": [-reach, reach],
        "fixedrange": True,
        "dtick": 1,
        **_axis(colours),
        "zeroline": True,
        "zerolinecolor": css(colours.ink, 0.25),
    }
    return go.Figure(
        traces,
        {
            **_layout(colours),
            # Square in a square: both weights have the same scale.
            "margin": {"l": 44, "r": 8, "t": 8, "b": 44},
            "hovermode": "closest",
            "xaxis": {**weights, "title": _title("w₁, input to hidden", colours)},
            "yaxis": {**weights, "title": _title("w₂, hidden to output", colours)},
        },
    )


def loss_figure(view: View, theme: str | None = None) -> go.Figure:
    """The loss along every trajectory: FA's solid, BP's dashed."""
    colours = palette(theme)
    traces = []
    for scheme, dash in (("bp", "5px,4px"), ("fa", "solid")):
        walked = view.walk(scheme)
        lines = [_some(walked.loss[:, i], count) for i, count in enumerate(_lengths(walked))]
        for i, (colour, line) in enumerate(zip_longest(colours.walks, lines)):
            traces.append(_along(f"{scheme} {i + 1}", line, colour, dash, "%{y:.3g}"))
    return go.Figure(
        traces,
        {
            **_chart(colours),
            "yaxis": {
                **_axis(colours),
                "type": "log",
                "range": list(_LOSS_RANGE),
                "tickvals": [10.0**power for power in range(-3, 2)],
                "fixedrange": True,
                "tickformat": "~g",
            },
        },
    )


def cosine_figure(view: View, theme: str | None = None) -> go.Figure:
    """The cosine of update and gradient along every trajectory of FA; BP's is 1."""
    colours = palette(theme)
    walked = view.walk("fa")
    lines = [_some(walked.cosine[:, i], count) for i, count in enumerate(_lengths(walked))]
    traces = [
        _along(f"fa {i + 1}", line, colour, "solid", "%{y:.2f}")
        for i, (colour, line) in enumerate(zip_longest(colours.walks, lines))
    ]
    return go.Figure(
        traces,
        {
            **_chart(colours),
            "yaxis": {
                **_axis(colours),
                "range": [-1.08, 1.08],
                "dtick": 0.5,
                "fixedrange": True,
            },
            "shapes": [
                {
                    "type": "rect",
                    "xref": "paper",
                    "x0": 0,
                    "x1": 1,
                    "y0": -1.08,
                    "y1": 0,
                    "layer": "below",
                    "line": {"width": 0},
                    "fillcolor": css(colours.unstable, 0.14),
                    "label": {
                        "text": "uphill",
                        "textposition": "bottom right",
                        "font": {"color": css(colours.unstable), "size": 12},
                    },
                }
            ],
        },
    )


def unstable_start(plane: Plane) -> tuple[float, float] | None:
    """A start beside a fixed point that FA leaves, or None where there is none in sight."""
    fixed = plane.fixed("fa", REACH)
    seen = (fixed.curve_stability < -_ZERO) & (np.abs(fixed.curve) < 0.9 * REACH).all(-1)
    if seen.any():
        candidates = fixed.curve[seen]
        w1, w2 = candidates[len(candidates) // 2]
    elif (fixed.stability < 0).any():
        w1, w2 = fixed.points[np.argmin(fixed.stability)]
    else:
        return None
    return round(float(w1), 3), round(float(w2) + 0.05, 3)


def _draws() -> Array:
    """The noise of every walk on this page, in numbers short enough to send to the browser."""
    return noise_draws(MAX_STARTS, MAX_STEPS).round(3)


def _grid(at: Array) -> Array:
    """``(n, n, 2)`` weights; rows are w2."""
    return np.stack(np.meshgrid(at, at), -1)


def _decades(loss: Array) -> Array:
    """Logarithm of the loss, without the abyss that it has at 0."""
    return np.log10(np.maximum(loss, 1e-3)).astype(np.float32)


def _arrows(plane: Plane, scheme: str, colours: Palette) -> go.Quiver:
    """Where the walk goes: against the update, longer where it is faster."""
    places = _grid(np.linspace(-REACH, REACH, _ARROWS + 2)[1:-1]).reshape(-1, 2)
    u = plane.update(places, scheme)
    size = np.hypot(u[:, 0], u[:, 1])[:, None]
    arrows = -_ARROW * u / (size + _HALF)
    return go.Quiver(
        name="update",
        **_columns(places),
        u=arrows[:, 0].tolist(),
        v=arrows[:, 1].tolist(),
        anchor="center",
        lengthmode="raw",
        lengthfactor=1,
        marker={
            "color": css(colours.ink, 0.55),
            "showscale": False,
            "line": {"width": 1.2},
            "arrowsize": 0.7,
        },
        showlegend=False,
        hoverinfo="skip",
    )


def _levels(view: View, scheme: str) -> Array:
    """The curve through each start that the continuous walk follows, with gaps between them."""
    pieces = []
    for start in view.starts:
        level = view.plane.level(start, scheme, REACH, _LEVEL)
        level[(np.abs(level) > 2 * REACH).any(-1)] = np.nan  # far outside: nobody sees it
        pieces += [level, np.full((1, 2), np.nan)]
    return np.concatenate(pieces) if pieces else np.empty((0, 2))


def _edges(curve: Array, stability: Array) -> Array:
    """Points of the curve at which its stability changes, within sight."""
    return curve[(np.abs(stability) < _ZERO) & (np.abs(curve) <= REACH).all(-1)]


def _curve(curve: Array, wanted: NDArray[np.bool_]) -> dict[str, list[float | None]]:
    """The wanted stretches of a curve, gaps elsewhere."""
    return _columns(np.where(wanted[:, None], curve, np.nan))


def _some(values: Array, count: int) -> Array:
    """``(M, 1 + n)``: some of the first ``count`` steps with their values, the last among them."""
    steps = np.arange(count)
    every = max(1, math.ceil(count / _DRAWN))
    kept = (steps % every == 0) | (steps == count - 1)
    return np.asarray(np.column_stack([steps, values[:count]])[kept])


def _lengths(walked: Paths) -> list[int]:
    """Points of each trajectory, its start included."""
    return [int(count) for count in np.isfinite(walked.w[:, :, 0]).sum(0)]


def _ends(walked: Paths) -> Array:
    ends = [walked.w[count - 1, i] for i, count in enumerate(_lengths(walked))]
    return np.array(ends).reshape(-1, 2)


def _along(name: str, line: Array | None, colour: Rgb, dash: str, form: str) -> go.Scatter:
    """One measure along a trajectory, ``(M, 2)``; what is undefined is a gap."""
    return go.Scatter(
        name=name,
        **_columns(np.empty((0, 2)) if line is None else line),
        mode="lines",
        line={"color": css(colour), "width": 2, "dash": dash},
        hovertemplate=f"step %{{x}}: {form}<extra>{name.upper()}</extra>",
    )


def _points(name: str, points: Array, colour: Rgb, symbol: str) -> go.Scatter:
    return go.Scatter(
        name=name,
        **_columns(points),
        mode="markers",
        marker={
            "symbol": symbol,
            "size": 11,
            "color": css(colour),
            "line": {"color": "white", "width": 1.5},
        },
        hovertemplate=f"{name}<br>w₁ %{{x:.3f}}, w₂ %{{y:.3f}}<extra></extra>",
    )


def _columns(points: Array) -> dict[str, list[float | None]]:
    """x and y as lists, None where there is no number."""
    return {"x": list(_numbers(points[:, 0])), "y": list(_numbers(points[:, 1]))}


def _numbers(values: Sequence[float] | Array) -> Iterator[float | None]:
    return (float(value) if math.isfinite(value) else None for value in values)


def _axis(colours: Palette) -> dict[str, Any]:
    return {
        "gridcolor": css(colours.grid),
        "zeroline": False,
        "tickfont": {"color": css(colours.soft)},
        "automargin": False,
    }


def _title(text: str, colours: Palette) -> dict[str, Any]:
    return {"text": text, "standoff": 6, "font": {"color": css(colours.soft), "size": 13}}


def _layout(colours: Palette) -> dict[str, Any]:
    return {
        "template": None,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": _FONT, "size": 13, "color": css(colours.ink)},
        "showlegend": False,
        "dragmode": False,
        "hoverlabel": {
            "font": {"size": 13, "color": css(colours.ink)},
            "bgcolor": css(colours.panel),
            "bordercolor": css(colours.grid),
        },
        "meta": {"drawn": ""},  # from which numbers the browser drew it; nothing yet
    }


def _chart(colours: Palette) -> dict[str, Any]:
    return {
        **_layout(colours),
        "margin": {"l": 52, "r": 8, "t": 8, "b": 40},
        "hovermode": "closest",
        "xaxis": {
            **_axis(colours),
            "rangemode": "tozero",
            "fixedrange": True,
            "title": _title("step", colours),
        },
    }
