"""Charts of the Compare page, as plain figures: they are made again at every look at live runs, and
plotly's own classes would cost more than all the rest.

A panel's traces keep their order as its runs go on, so that the browser is sent those that moved.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from app.figures import marks
from app.figures.bands import as_list
from app.figures.look import axis as plain_axis
from app.figures.look import base, level, picture, plain, words
from app.figures.palette import Palette, css, palette
from app.figures.training import CHART_CONFIG
from fa_engine.colours import Rgb, layer_scale

Array = NDArray[Any]

COMPARE_CONFIG: Any = CHART_CONFIG | {"scrollZoom": True, "doubleClick": False}
HEIGHT_PX = 300.0
_MARGIN = {"l": 58, "r": 132, "t": 14, "b": 40}
_DASHES = ("solid", "8px,4px", "2px,3px", "10px,3px,2px,3px", "14px,4px", "5px,2px")
_BANDS = 6  # more lie upon each other, and are paler
_ANGLES = (-2.0, 112.0)
_SHARES = (-0.02, 1.03)
_LETTERS = 17  # of a name at the end of a line
_OUTPUT = "output layer"


@dataclass(frozen=True)
class Paint:
    """How a line is told from the others.

    Attributes:
        scheme: it has the colour of this one.
        place: or the colour of this place among all.
        share: or that of this share of a scale, from 0 to 1.
        dash: how many before it have the same colour.
    """

    scheme: str | None = None
    place: int = 0
    share: float | None = None
    dash: int = 0

    def colour(self, colours: Palette) -> Rgb:
        """In a theme."""
        if self.scheme is not None:
            return colours.scheme(self.scheme)
        if self.share is not None:
            scale = layer_scale()
            return scale[round(self.share * (len(scale) - 1))]
        return colours.runs[self.place % len(colours.runs)]

    def dashed(self, colours: Palette) -> str:
        """plotly's word for it."""
        again = self.place // len(colours.runs) if self.scheme is None else 0
        return _DASHES[(self.dash + again) % len(_DASHES)]


@dataclass(frozen=True)
class Cloud:
    """Where a run was, a point a measurement.

    Attributes:
        name: of the run.
        step, angle, accuracy: ``(T,)``; degrees, and a share.
    """

    name: str
    step: Array
    angle: Array
    accuracy: Array


class LineLike(Protocol):
    """A line of a panel (:class:`app.compare.lines.Line`)."""

    @property
    def key(self) -> str: ...
    @property
    def x(self) -> Array: ...
    @property
    def y(self) -> Array: ...
    @property
    def low(self) -> Array | None: ...
    @property
    def high(self) -> Array | None: ...
    @property
    def raw(self) -> Array | None: ...
    @property
    def single(self) -> Sequence[tuple[Array, Array]]: ...


@dataclass(frozen=True)
class Frame:
    """What a panel is, beside its lines.

    Attributes:
        key, title: of the panel.
        unit: of its measure.
        across: what is across, in words.
        extent: where all lines begin and end.
        log, log_x: which axes are logarithmic.
        band: whether bands are drawn.
        going: whether more will come: the axis reaches a little further.
        revision: keeps the zoom as long as it stays the same.
    """

    key: str
    title: str
    unit: str
    across: str
    extent: tuple[float, float]
    log: bool = False
    log_x: bool = False
    band: bool = True
    going: bool = False
    revision: str = ""


def panel_figure(
    frame: Frame,
    lines: Sequence[LineLike],
    names: Mapping[str, str],
    paints: Mapping[str, Paint],
    theme: str | None = None,
) -> dict[str, Any]:
    """One chart: bands, single replicates, lines as they are behind smoothed ones, lines, names."""
    colours = palette(theme)
    traces: list[dict[str, Any]] = []
    shade = 0.16 * min(1.0, _BANDS / max(1, len(lines)))
    for line in lines:
        paint = paints[line.key]
        colour, name = paint.colour(colours), names[line.key]
        if frame.band and line.low is not None and line.high is not None:
            x, y = _area(line.x, line.low, line.high)
            traces.append(
                _quiet(x, y, f"{name}, band", line.key)
                | {"fill": "toself", "fillcolor": css(colour, shade), "line": {"width": 0}}
            )
        for number, (across, up) in enumerate(line.single, start=1):
            traces.append(
                _quiet(as_list(across), as_list(up), f"{name}, replicate {number}", line.key)
                | {"line": {"width": 0.8, "color": css(colour, 0.55)}}
            )
        if line.raw is not None:
            traces.append(
                _quiet(as_list(line.x), as_list(line.raw), f"{name}, as it is", line.key)
                | {"line": {"width": 1, "color": css(colour, 0.35)}}
            )
    for line in lines:
        paint = paints[line.key]
        traces.append(_line(line, names[line.key], paint, frame, colours))
    ends = _range(frame, lines)
    traces.append(_names(frame, lines, names, paints, ends, colours))
    return {"data": traces, "layout": _layout(frame, ends, len(lines), colours)}


def angle_figure(
    clouds: Sequence[Cloud], paints: Sequence[Paint], theme: str | None = None
) -> dict[str, Any]:
    """Accuracy against hidden angle, a point a measurement, coloured by step; a line through the
    points of each run in its own colour."""
    colours = palette(theme)
    last = max((int(cloud.step[-1]) for cloud in clouds if len(cloud.step)), default=1)
    scale = layer_scale()
    stops = [[i / 8, css(scale[round(i / 8 * (len(scale) - 1))])] for i in range(9)]
    symbols = ("circle", "square", "diamond", "triangle-up", "cross", "star")
    traces: list[dict[str, Any]] = []
    for place, (cloud, paint) in enumerate(zip(clouds, paints, strict=True)):
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "x": as_list(cloud.angle),
                "y": as_list(cloud.accuracy),
                "customdata": cloud.step.tolist(),
                "line": {"color": css(paint.colour(colours), 0.7), "width": 1},
                "marker": {
                    "size": 6,
                    "symbol": symbols[place % len(symbols)],
                    "color": cloud.step.tolist(),
                    "coloraxis": "coloraxis",
                },
                "hovertemplate": f"{plain(cloud.name)}<br>step %{{customdata:,}}<br>"
                "%{x:.1f}°, %{y:.1%}<extra></extra>",
                "name": plain(cloud.name),
                "legendgroup": str(place),
                "showlegend": False,
            }
        )
    # plotly writes what is coloured by an axis into the legend in black.
    keys = [
        {
            **{name: trace[name] for name in ("type", "mode", "line", "name", "legendgroup")},
            "marker": {
                "size": 6,
                "symbol": trace["marker"]["symbol"],
                "color": css(paint.colour(colours)),
            },
            "x": [None],
            "y": [None],
            "hoverinfo": "skip",
            "showlegend": True,
        }
        for trace, paint in zip(traces, paints, strict=True)
    ]
    layout = base(
        colours,
        margin={"l": 62, "r": 24, "t": 40, "b": 46},
        showlegend=len(clouds) > 1,
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font": {"size": 12}},
        coloraxis={
            "cmin": 0,
            "cmax": max(last, 1),
            "colorscale": stops,
            "colorbar": {
                "title": {"text": "step", "side": "right"},
                "thickness": 10,
                "outlinewidth": 0,
                "tickformat": ",d",
                "nticks": 5,
            },
        },
        xaxis=plain_axis(colours, "hidden angle", ticksuffix="°", autorange=True),
        yaxis=plain_axis(colours, "accuracy on the batch", tickformat=".0%", autorange=True),
        meta=picture("Accuracy against hidden angle"),
    )
    return {"data": [*traces, *keys], "layout": layout}


def descent_figure(shares: Sequence[tuple[str, Array]], theme: str | None = None) -> dict[str, Any]:
    """Each layer's share of the descent, a bar a run; below 0 a layer leads uphill."""
    colours = palette(theme)
    deepest = max((len(share) for _, share in shares), default=0)
    traces: list[dict[str, Any]] = []
    for layer in range(deepest):
        # The output layer is every run's last, whatever its depth.
        hidden = deepest - 1
        heights = [share[layer] if layer < len(share) - 1 else math.nan for _, share in shares]
        if layer == hidden:
            heights = [share[-1] for _, share in shares]
        colour = colours.ink if layer == hidden else colours.layer(layer, max(1, hidden))
        name = _OUTPUT if layer == hidden else f"layer {layer + 1}"
        traces.append(
            {
                "type": "bar",
                "x": [plain(name) for name, _ in shares],
                "y": as_list(np.array(heights)),
                "marker": {"color": css(colour)},
                "name": name,
                "hovertemplate": f"%{{x}}: {name} %{{y:.1%}}<extra></extra>",
            }
        )
    layout = base(
        colours,
        margin={"l": 62, "r": 16, "t": 40, "b": 60},
        barmode="relative",
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font": {"size": 12}},
        xaxis=plain_axis(colours, type="category", automargin=True),
        yaxis=plain_axis(colours, "share of the descent", tickformat=".0%"),
        meta=picture("Each layer's share of the descent"),
    )
    return {"data": traces, "layout": layout}


def template(unit: str) -> str:
    """How plotly writes a value of that unit."""
    return {"share": "%{y:.1%}", "°": "%{y:.1f}°"}.get(unit, "%{y:.4g}")


def _quiet(x: list[Any], y: list[Any], name: str, key: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "hoverinfo": "skip",
        "showlegend": False,
        "name": plain(name),
        "meta": {"line": key},
    }


def _line(
    line: LineLike, name: str, paint: Paint, frame: Frame, colours: Palette
) -> dict[str, Any]:
    colour = css(paint.colour(colours))
    return {
        "type": "scatter",
        "mode": "lines" if len(line.x) > 2 else "lines+markers",
        "x": as_list(line.x),
        "y": as_list(line.y),
        "line": {"color": colour, "width": 2, "dash": paint.dashed(colours)},
        "marker": {"color": colour, "size": 6},
        "hovertemplate": f"{template(frame.unit)}<extra>{plain(name)}</extra>",
        "name": plain(name),
        "showlegend": True,
        "meta": {"line": line.key, "median": True},
    }


def _area(x: Array, low: Array, high: Array) -> tuple[list[Any], list[Any]]:
    """A closed outline around each stretch in which the band is defined, None between them."""
    there = np.isfinite(low) & np.isfinite(high)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], there.astype(int), [0]])))
    across: list[Any] = []
    up: list[Any] = []
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        if across:
            across.append(None)
            up.append(None)
        part = slice(begin, end)
        across += as_list(np.concatenate([x[part], x[part][::-1]]))
        up += as_list(np.concatenate([high[part], low[part][::-1]]))
    return across, up


def _height(frame: Frame, values: Array) -> Array:
    """Where values stand on the axis; nan for what a logarithm does not have."""
    values = np.asarray(values, dtype=float)
    if not frame.log:
        return values
    return np.where(values > 0, np.log10(np.where(values > 0, values, 1.0)), np.nan)


def _range(frame: Frame, lines: Sequence[LineLike]) -> list[float]:
    """Ends of the y axis: of what is drawn, or what everyone expects of a share and an angle."""
    drawn = [
        _height(frame, values)
        for line in lines
        for values in (line.y, *((line.low, line.high) if frame.band else ()), line.raw)
        if values is not None and len(values)
    ]
    found = np.concatenate(drawn) if drawn else np.zeros(0)
    found = found[np.isfinite(found)]
    low, high = (float(found.min()), float(found.max())) if len(found) else (0.0, 1.0)
    if frame.unit == "share" and not frame.log:
        return [min(_SHARES[0], low), max(_SHARES[1], high)]
    if frame.unit == "°" and not frame.log:
        return [min(_ANGLES[0], low), max(_ANGLES[1], min(high + 4, 182.0))]
    room = 0.06 * (high - low) or 0.5 * abs(high) or 0.5
    # Stepwise, so that the axis does not move with every point that comes.
    grain = 10.0 ** math.floor(math.log10(room))
    return [
        math.floor((low - room) / grain) * grain,
        math.ceil((high + room) / grain) * grain,
    ]


def _names(
    frame: Frame,
    lines: Sequence[LineLike],
    names: Mapping[str, str],
    paints: Mapping[str, Paint],
    up: Sequence[float],
    colours: Palette,
) -> dict[str, Any]:
    """The name of each line at its end, on axes of their own from 0 to 1."""
    room = HEIGHT_PX - _MARGIN["t"] - _MARGIN["b"]
    ends: dict[int, float] = {}
    for index, line in enumerate(lines):
        heights = _height(frame, line.y)
        there = np.flatnonzero(np.isfinite(heights))
        if len(there):
            share = (float(heights[there[-1]]) - up[0]) / (up[1] - up[0])
            ends[index] = min(max(share, 0.0), 1.0)
    gap, kept = marks.gap_and_kept(len(ends), room)
    chosen = sorted((list(ends)[place] for place in kept), key=lambda index: ends[index])
    stand = marks.spread([ends[index] for index in chosen], gap / room, 0, 1)
    at: list[float | None] = [None] * len(lines)
    for index, place in zip(chosen, stand, strict=True):
        at[index] = round(place, 4)
    return {
        "type": "scatter",
        "mode": "text",
        "x": [1] * len(lines),
        "y": at,
        "text": [f" {plain(_cut(names[line.key]))}" for line in lines],
        "textposition": "middle right",
        "textfont": {
            "size": 12,
            "color": [css(colours.word(paints[line.key].colour(colours))) for line in lines],
        },
        "xaxis": "x2",
        "yaxis": "y2",
        "cliponaxis": False,
        "hoverinfo": "skip",
        "showlegend": False,
        "name": "names",
        "meta": {"names": True},
    }


def _cut(name: str) -> str:
    return name if len(name) <= _LETTERS else name[: _LETTERS - 1].rstrip(" ,") + "…"


def _layout(frame: Frame, up: Sequence[float], lines: int, colours: Palette) -> dict[str, Any]:
    first, last = frame.extent
    last = max(last, first + 1e-9)
    last = _ahead(last) if frame.going else last
    across = (
        {"type": "log", "range": [math.log10(max(first, last * 1e-4)), math.log10(last)]}
        if frame.log_x
        else {"range": [min(0.0, first), last], "tickformat": _format(last)}
    )
    ticks: dict[str, Any] = {}
    if frame.log:
        ticks = {"type": "log"} | marks.log_ticks(*up)
    elif frame.unit == "share":
        ticks = {"tickformat": ".0%"}
    elif frame.unit == "°":
        degrees = range(0, 181, 30)
        texts = [f"{degree}°" for degree in degrees]
        ticks = {"tickmode": "array", "tickvals": [*degrees], "ticktext": texts}
    hidden = {"range": [0, 1], "fixedrange": True, "visible": False}
    note = (
        [words("no value yet", 0.5, 0.5, colours.soft, xanchor="center", yanchor="middle")]
        if not lines
        else []
    )
    return base(
        colours,
        margin=_MARGIN,
        dragmode="pan",
        hoverdistance=24,
        uirevision=frame.revision,
        xaxis=plain_axis(colours, frame.across, autorange=False, nticks=7, **across),
        yaxis=plain_axis(colours, autorange=False, range=list(up), **{"nticks": 6, **ticks}),
        xaxis2=hidden | {"overlaying": "x"},
        yaxis2=hidden | {"overlaying": "y"},
        annotations=note,
        shapes=[level(90, "y", colours)] if frame.unit == "°" else [],
        meta={
            **picture(frame.title),
            "panel": frame.key,
            "unit": frame.unit,
            "panels": {"y": frame.title},
        },
    )


def _ahead(last: float) -> float:
    """The end of an axis: the next of 1, 1.2, 1.5, 2, 2.5 ... times a power of ten, so that it does
    not move with every point."""
    power = 10.0 ** math.floor(math.log10(last))
    for step in (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0):
        if last <= step * power * (1 + 1e-9):
            return step * power
    return 10 * power


def _format(last: float) -> str | None:
    return ",d" if last >= 10 else None
