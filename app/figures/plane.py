"""The Plane page's figures: the two-weight network of FA and of BP, and the loss along the way.

Python draws them first, and anew for another theme. While a slider moves the browser puts new
numbers into the same traces, by name (assets/plane.js): drawing alone takes most of the 100 ms in
which everything has to follow. A test compares its numbers with the ones made here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from app.figures.look import base, picture, words
from app.figures.palette import LIGHT, Palette, css, palette
from app.figures.plane_view import (
    ARROW,
    ARROWS,
    CELLS,
    HALF,
    HEAD,
    LEVEL,
    LOSSES,
    MAX_STARTS,
    REACH,
    SHAFT,
    ZERO,
    View,
    drawn,
    end_points,
    endings,
)
from app.figures.training import CHART_CONFIG
from fa_engine.dynamics.plane import Array, Fixed, Paths, Plane

_LOSS_RANGE = (-4.0, 1.5)  # decades
_COSINE_RANGE = (-1.15, 1.15)
PLANE_CONFIG: Any = CHART_CONFIG | {"displayModeBar": False, "scrollZoom": False}
_NAMES = {"fa": "Feedback alignment", "bp": "Backpropagation"}
_PLANE_LEGEND = {
    "stable": "stable fixed points",
    "unstable": "unstable ones",
    "invariant": "conserved quantity",
    **{f"path {walk}": f"path {walk}" for walk in range(1, MAX_STARTS + 1)},
}


def plane_figure(view: View, scheme: str, theme: str | None = None) -> go.Figure:
    """The plane of the two weights with everything that ``scheme`` makes of it."""
    colours = palette(theme)
    plane, reach = view.plane, REACH
    fixed = plane.fixed(scheme, reach)
    walked = view.walk(scheme)
    cells, losses = np.linspace(-reach, reach, CELLS), np.linspace(-reach, reach, LOSSES)
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
            opacity=0.3,  # the line of fixed points and the paths stand out from it
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
            **_curve(fixed.curve, fixed.curve_stability > -ZERO),
            line={"color": css(colours.stable), "width": 4},
            **lines,
        ),
        go.Scatter(
            name="unstable",
            **_curve(fixed.curve, fixed.curve_stability < ZERO),
            line={"color": css(colours.unstable), "width": 4, "dash": "7px,4px"},
            **lines,
        ),
        _points(fixed, colours),
        go.Scatter(
            name="invariant",
            **_columns(_levels(view, scheme)),
            line={"color": css(colours.ink, 0.75), "width": 1.5, "dash": "2px,4px"},
            **lines,
        ),
    ]
    for i, (colour, steps) in enumerate(zip_longest(colours.walks, drawn(walked))):
        path = np.empty((0, 2)) if steps is None else walked.w[steps, i]
        traces.append(
            go.Scatter(
                name=f"path {i + 1}",
                **_columns(path),
                customdata=[] if steps is None else steps.tolist(),
                visible=len(path) > 0,
                mode="lines",
                line={"color": css(colour), "width": 2.5},
                hovertemplate="step %{customdata}<br>w₁ %{x:.3f}, w₂ %{y:.3f}<extra></extra>",
            )
        )
    traces.append(_marks(view, walked, endings(view, scheme, walked), colours))
    named = {"color": css(colours.soft), "size": 13}
    weights = {
        "range": [-reach, reach],
        "fixedrange": True,
        "dtick": 1,
        **_axis(colours),
        "showgrid": False,
        "zeroline": True,
        "zerolinecolor": css(colours.ink, 0.25),
    }
    return go.Figure(
        traces,
        {
            **_layout(
                colours,
                **picture(f"Two weights: {_NAMES[scheme].lower()}", _PLANE_LEGEND),
                weights=True,
            ),
            # Square in a square: both weights have the same scale.
            "margin": {"l": 44, "r": 8, "t": 8, "b": 44},
            "hovermode": "closest",
            "xaxis": {**weights, "title": {"text": "w₁, input to hidden", "font": named}},
            "yaxis": {**weights, "title": {"text": "w₂, hidden to output", "font": named}},
        },
    )


def along_figure(view: View, theme: str | None = None) -> go.Figure:
    """Loss and cosine along every trajectory, over one axis of steps: FA's solid, BP's dashed.

    The page writes the titles of its two panels: annotations would take a fifth of every draw.
    """
    colours = palette(theme)
    traces = []
    for scheme, dash in (("bp", "5px,4px"), ("fa", "solid")):
        walked = view.walk(scheme)
        for i, (colour, steps) in enumerate(zip_longest(colours.walks, drawn(walked))):
            for measure, axis, form in (("loss", "y", "%{y:.3g}"), ("cosine", "y2", "%{y:.2f}")):
                if (scheme, measure) == ("bp", "cosine"):
                    continue  # always 1
                values = getattr(walked, measure)
                line = np.empty((0, 2))
                if steps is not None:
                    line = np.column_stack([steps, values[steps, i]])
                traces.append(
                    go.Scatter(
                        name=f"{scheme} {measure} {i + 1}",
                        **_columns(line),
                        yaxis=axis,
                        visible=len(line) > 0,
                        mode="lines",
                        line={"color": css(colour), "width": 2, "dash": dash},
                        hovertemplate=f"step %{{x}}: {form}<extra>{scheme.upper()}</extra>",
                    )
                )
    upright = {**_axis(colours), "fixedrange": True}
    return go.Figure(
        traces,
        {
            **_layout(colours, **_along_picture(), panels={"y": "Loss", "y2": "Cosine"}),
            "margin": {"l": 52, "r": 20, "t": 24, "b": 40},
            "hovermode": "closest",
            "xaxis": {
                **upright,
                "anchor": "y2",
                "rangemode": "tozero",
                "title": {"text": "step", "font": {"color": css(colours.soft), "size": 13}},
            },
            "yaxis": {
                **upright,
                "domain": [0.56, 1],
                "type": "log",
                "range": list(_LOSS_RANGE),
                "tickvals": [10.0**power for power in range(-4, 2)],
                "tickformat": "~g",
            },
            "yaxis2": {
                **upright,
                "domain": [0, 0.42],
                "range": list(_COSINE_RANGE),
                "tickvals": [-1, 0, 1],
            },
            "shapes": [
                {
                    "type": "rect",
                    "xref": "paper",
                    "x0": 0,
                    "x1": 1,
                    "yref": "y2",
                    "y0": _COSINE_RANGE[0],
                    "y1": 0,
                    "layer": "below",
                    "line": {"width": 0},
                    "fillcolor": css(colours.unstable, 0.14),
                }
            ],
        },
    )


def _along_picture() -> dict[str, Any]:
    legend = {
        f"{scheme} loss {walk + 1}": f"{_NAMES[scheme]}, {walk + 1}"
        for walk in range(MAX_STARTS)
        for scheme in ("fa", "bp")
    }
    titles = (("Loss", 1.0), ("Cosine (shaded: uphill)", 0.42))  # which the page writes itself
    notes = [words(f"<b>{title}</b>", 0, at, LIGHT.ink) for title, at in titles]
    return picture("Two weights: along the way", legend, notes)


def _grid(at: Array) -> Array:
    """``(n, n, 2)`` weights; rows are w2."""
    return np.stack(np.meshgrid(at, at), -1)


def _decades(loss: Array) -> Array:
    """Logarithm of the loss, without the abyss that it has at 0."""
    return np.log10(np.maximum(loss, 1e-3)).astype(np.float32)


def _arrows(plane: Plane, scheme: str, colours: Palette) -> go.Scatter:
    """Where the walk goes: against the update, longer where it is faster.

    Filled outlines in one trace, which the browser draws as a single path: with a quiver trace, an
    element an arrow, a plane takes a third longer.
    """
    places = _grid(np.linspace(-REACH, REACH, ARROWS + 2)[1:-1]).reshape(-1, 2)
    u = plane.update(places, scheme)
    arrow = -ARROW * u / (np.hypot(u[:, 0], u[:, 1])[:, None] + HALF)
    # All in lengths of the arrow, along it and across it, but for the width of the shaft.
    across = arrow[:, ::-1] * [-1, 1]
    shaft = SHAFT * across / np.maximum(np.hypot(across[:, 0], across[:, 1]), ZERO)[:, None]
    tail, tip, neck = places - arrow / 2, places + arrow / 2, places + (0.5 - HEAD) * arrow
    barb = HEAD / 2 * across
    sides = [[tail + side * shaft, neck + side * shaft, neck + side * barb] for side in (1, -1)]
    outline = [*sides[0], tip, *reversed(sides[1]), np.full_like(tip, np.nan)]
    return go.Scatter(
        name="update",
        **_columns(np.stack(outline, 1).reshape(-1, 2)),
        mode="none",
        fill="toself",
        fillcolor=css(colours.ink, 0.65),
        hoverinfo="skip",
    )


def _levels(view: View, scheme: str) -> Array:
    """The curve through each start that the continuous walk follows, with gaps between them."""
    pieces = []
    for start in view.starts:
        level = view.plane.level(start, scheme, REACH, LEVEL)
        level[(np.abs(level) > 2 * REACH).any(-1)] = np.nan  # far outside: nobody sees it
        pieces += [level, np.full((1, 2), np.nan)]
    return np.concatenate(pieces) if pieces else np.empty((0, 2))


def _edges(curve: Array, stability: Array) -> Array:
    """Points of the curve at which its stability changes, within sight."""
    return curve[(np.abs(stability) < ZERO) & (np.abs(curve) <= REACH).all(-1)]


def _curve(curve: Array, wanted: NDArray[np.bool_]) -> dict[str, list[float | None]]:
    """The wanted stretches of a curve, gaps elsewhere."""
    return _columns(np.where(wanted[:, None], curve, np.nan))


def _points(fixed: Fixed, colours: Palette) -> go.Scatter:
    """Where the stability of a curve changes, and isolated fixed points."""
    kinds = {
        "stability changes": ("diamond", css(colours.ink)),
        "stable": ("circle", css(colours.stable)),
        "unstable": ("x", css(colours.unstable)),
    }
    edges = _edges(fixed.curve, fixed.curve_stability)
    names = ["stability changes"] * len(edges)
    names += ["stable" if value > 0 else "unstable" for value in fixed.stability]
    return go.Scatter(
        name="points",
        **_columns(np.concatenate([edges, fixed.points])),
        text=names,
        mode="markers",
        marker={
            "symbol": [kinds[name][0] for name in names],
            "color": [kinds[name][1] for name in names],
            "size": 11,
            "line": {"color": "white", "width": 1.5},
        },
        hovertemplate="%{text}<br>w₁ %{x:.3f}, w₂ %{y:.3f}<extra></extra>",
        meta=kinds,
    )


def _marks(view: View, walked: Paths, ends: Sequence[str], colours: Palette) -> go.Scatter:
    """The number of each trajectory at its start; at its end a disc where it rests, else a ring."""
    starts, count = view.starts, len(view.starts)
    walks = [css(colour) for colour in colours.walks]
    return go.Scatter(
        name="marks",
        **_columns(np.concatenate([end_points(walked), np.array(starts).reshape(-1, 2)])),
        text=[""] * count + [str(i + 1) for i in range(count)],
        mode="markers+text",
        textfont={"size": 12, "color": css(colours.panel)},
        marker={
            "symbol": [
                *("circle" if end.startswith("rests") else "circle-open" for end in ends),
                *["circle"] * count,
            ],
            "size": [11] * count + [18] * count,
            "color": 2 * walks[:count],
            "opacity": 1,
            # Of a ring it is all there is.
            "line": {
                "color": css(colours.panel),
                "width": [1.5 if end.startswith("rests") else 2.5 for end in ends] + [1.5] * count,
            },
        },
        hoverinfo="skip",
        meta=walks,
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
        "ticklabeloverflow": "allow",  # looking for what to hide takes a fifth of a draw
    }


def _layout(colours: Palette, **meta: Any) -> dict[str, Any]:
    """``meta`` is for the words of the chart (assets/chart-words.js)."""
    return {
        **base(colours, dragmode=False),
        "meta": {"drawn": "", **meta},  # from which numbers the browser drew it; nothing yet
    }
