"""The Train page's figure: loss, accuracy and gradient angles over one axis of steps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import plotly.graph_objects as go

from app.figures import marks
from app.figures.look import axis as plain_axis
from app.figures.look import base, picture
from app.figures.palette import Palette, Rgb, css, palette

Points = tuple[list[Any], list[Any]]
Lines = Mapping[str, Points]
"""``median`` and, with replicates, ``low`` and ``high``: ``(x, y)`` each."""

CHART_CONFIG: Any = {
    "showSendToCloud": False,  # it would upload the data to another host
    "displaylogo": False,
    "displayModeBar": "hover",
    # What is left fits beside the charts; pictures are saved by a button of our own.
    "modeBarButtonsToRemove": [
        *("select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d", "toImage"),
    ],
    "responsive": True,
}

# One hover and one zoom over several panels needs one x axis, so the panels are y axes.
_DOMAINS = {"y": (0.7, 0.905), "y2": (0.405, 0.61), "y3": (0.0, 0.315)}
_TITLES = {"y": "Loss", "y2": "Accuracy", "y3": "Gradient angle"}
_NOTES = {
    "y": "log scale",
    "y2": "share classified correctly",
    "y3": "update to true gradient; 90° (dotted): no better than chance, 0°: backpropagation",
}
_SHORT_NOTES = {"y": "log scale", "y2": "share correct", "y3": "90°: chance"}  # on a telephone
_RANGES = {"y2": (-0.02, 1.03), "y3": (-2.0, 112.0)}
_ANGLES = (0.0, 180.0)
_DEGREES = range(0, 181, 30)
# Why a panel is empty although there are measurements, by the scheme or the activation; and for no
# layers at all. Where no network is left it is the run that says so.
_UNDEFINED = {
    "y": {"other": "not a finite number"},
    "y2": {"other": "undefined"},
    "y3": {
        "shallow": "undefined: hidden layers get no feedback",
        "relu": "undefined: zero update or gradient, as of dead units",
        "other": "undefined: the update or the gradient is zero",
        "none": "no hidden layers",
    },
}
_BLANK = " "  # plotly throws an empty word's element away, and never makes it again
_EMPTY = 0.3  # of a panel without a value, so that it is said why; the browser's choice too
_FEW_LAYERS = 3  # the bands of more are paler, since they lie upon each other
_FEW = 3  # points that do not make a line yet: they are marked, here and in the browser
# Words stand on axes of their own, 0 to 1 across each panel: they do not widen those of the data,
# and cost next to nothing, where annotations cost a third of every redraw.
_WORDS = {"y": "y4", "y2": "y5", "y3": "y6"}
_WORD_AXIS = {"range": [0, 1], "fixedrange": True, "visible": False}
# Of the charts without their margins, until the browser knows how large they are.
_WIDTH_PX, _HEIGHT_PX = 720.0, 600.0
_LEADER_PX = 10.0
_BLANK_LOSS = (0.01, 3.0)  # ends of its axis while there is none
_FIRST_RANK = 1000  # in a legend; plotly's own first
_LEAD = "\u2003"  # a name begins where its leader ends


@dataclass(frozen=True)
class Control:
    """Something that was changed while the run went on.

    Attributes:
        step: where.
        label: what, in few words.
    """

    step: int
    label: str


@dataclass(frozen=True)
class History:
    """What a run has measured, ready to draw; without a revision, the page before any run.

    Attributes:
        layers: hidden layers.
        replicates: networks side by side.
        lines: one entry a band, by its key (:mod:`app.figures.bands`).
        controls: changes made during the run, in order.
        meta: put into ``layout.meta`` for the browser, which streams on from ``meta["seq"]``.
        revision: keeps the zoom as long as it stays the same.
    """

    layers: int
    replicates: int
    lines: Mapping[str, Lines] = field(default_factory=dict)
    controls: Sequence[Control] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
    revision: str = ""


@dataclass(frozen=True)
class _Look:
    """How one band is drawn."""

    key: str
    name: str
    axis: str
    colour: Rgb
    dash: str = "solid"
    width: float = 2.0
    shade: float = 0.2  # of its band


def training_figure(history: History, theme: str | None = None) -> go.Figure:
    """Three panels, one x axis, one hover. Lists only: the browser extends these traces."""
    colours = palette(theme)
    looks = _looks(history, colours)
    traces: list[go.Scatter] = []
    places: dict[str, dict[str, int]] = {look.key: {} for look in looks}
    if history.replicates > 1:
        for look in looks:
            for part in ("low", "high"):
                places[look.key][part] = len(traces)
                traces.append(_edge(look, part, history.lines.get(look.key, {})))
    # The hover lists traces from the last to the first: the top panel's come last.
    for look in sorted(looks, key=lambda look: look.axis, reverse=True):
        places[look.key]["median"] = len(traces)
        rank = _FIRST_RANK + looks.index(look)
        traces.append(_median(look, history.lines.get(look.key, {}), rank))
    ends = []
    leads: list[tuple[float, float]] = []
    for axis, (bottom, top) in _DOMAINS.items():
        here = [look for look in looks if look.axis == axis]
        ends.append(
            {
                "trace": len(traces),
                "axis": axis,
                "keys": [look.key for look in here],
                "names": [look.name for look in here],
                "title": _title(axis, _NOTES, colours),
                "narrow": _title(axis, _SHORT_NOTES, colours),
                "undefined": _UNDEFINED[axis],
            }
        )
        words, moved = _words(here, axis, history, colours)
        traces.append(words)
        up = top - bottom
        leads += [(bottom + end * up, bottom + name * up) for end, name in moved]
    room = len(traces)
    traces.append(_room(history))
    figure = go.Figure(traces, _layout(history, colours))
    figure.update_layout(
        shapes=[
            _chance(colours),
            marks.leaders(leads, _LEADER_PX / _WIDTH_PX, colours),
            *marks.changes(
                [control.step for control in history.controls],
                [control.label for control in history.controls],
                _DOMAINS,
                colours,
            ),
        ],
        meta={
            **history.meta,
            **picture("Loss, accuracy and gradient angle"),
            "panels": _TITLES,
            "places": places,
            "room": room,
            "blank": list(_BLANK_LOSS),
            "ends": ends,
            "ticks": marks.tick_levels(),
            "control": marks.rows(colours),
            "domains": list(_DOMAINS.values()),
            "names": {
                "gap": marks.GAP_PX,
                "least": marks.LEAST_PX,
                "leader": _LEADER_PX,
                "lead": _LEAD,
            },
        },
    )
    return figure


def shown(axis: str, value: float | None) -> str:
    """A value as written at the end of its line. The browser writes live ones the same way."""
    if value is None:
        return "–"
    if axis == "y2":
        return f"{100 * value:.1f} %"
    if axis == "y3":
        return f"{value:.1f}°"
    return f"{value:.3g}" if 0.001 <= value < 1000 else f"{value:.1e}"


def _looks(history: History, colours: Palette) -> list[_Look]:
    layers = [
        _Look(
            f"gradient_angle_deg/{layer + 1}",
            f"layer {layer + 1}",
            "y3",
            colours.layer(layer, history.layers),
            width=2.5,
            shade=0.2 * min(1.0, _FEW_LAYERS / history.layers),
        )
        for layer in range(history.layers)
    ]
    return [
        _Look("loss", "train", "y", colours.accent),
        _Look("test_loss", "test", "y", colours.ink, "6px,4px"),
        _Look("accuracy", "train", "y2", colours.accent),
        _Look("test_accuracy", "test", "y2", colours.ink, "6px,4px"),
        *layers,
    ]


def _edge(look: _Look, part: str, lines: Lines) -> go.Scatter:
    x, y = lines.get(part, ([], []))
    return go.Scatter(
        x=x,
        y=y,
        yaxis=look.axis,
        mode="lines",
        line={"width": 0, "color": css(look.colour, 0)},
        fill="tonexty" if part == "high" else None,
        fillcolor=css(look.colour, look.shade),
        hoverinfo="skip",
        showlegend=False,
        name=f"{look.name}, {part}",
    )


def _room(history: History) -> go.Scatter:
    """A point that nobody sees: the browser puts it where the loss axis of a run that goes on is to
    reach down to. plotly's own option for that turns a logarithmic axis upside down. Before there
    is any loss two of them keep the axis of the empty page: plotly's own has a tick in its title.
    """
    measured = bool(history.lines.get("loss", {}).get("median", ([], []))[0])
    return go.Scatter(
        x=[0] if measured else [0, 0],
        y=[None] if measured else list(_BLANK_LOSS),
        yaxis="y",
        mode="markers",
        marker={"size": 1, "opacity": 0},
        hoverinfo="skip",
        showlegend=False,
        name="room",
    )


def _median(look: _Look, lines: Lines, rank: int) -> go.Scatter:
    x, y = lines.get("median", ([], []))
    form = {"y": "%{y:.3g}", "y2": "%{y:.1%}", "y3": "%{y:.1f}°"}[look.axis]
    return go.Scatter(
        x=x,
        y=y,
        yaxis=look.axis,
        mode="lines+markers" if 0 < sum(v is not None for v in y) < _FEW else "lines",
        marker={"color": css(look.colour), "size": 7},
        line={"color": css(look.colour), "width": look.width, "dash": look.dash},
        # A gap is a value that is not defined, except that the test set is only looked at now
        # and then: its points are joined.
        connectgaps=look.dash != "solid",
        hovertemplate=f"{form}<extra>{_TITLES[look.axis].lower()}, {look.name}</extra>",
        # Of a saved picture; accuracy has the names of the loss.
        showlegend=look.axis != "y2",
        legendrank=rank,
        name=look.name,
    )


def _title(axis: str, notes: Mapping[str, str], colours: Palette) -> str:
    """Of a panel, with a note on what it shows."""
    note = f"<span style='color:{css(colours.soft)};font-size:12px'>{notes[axis]}</span>"
    return f"<b>{_TITLES[axis]}</b>  {note}"


def _words(
    looks: Sequence[_Look], axis: str, history: History, colours: Palette
) -> tuple[go.Scatter, list[tuple[float, float]]]:
    """The words of a panel: its title, the last value beside the end of each line, and why it is
    empty; and those names that had to move: where their lines end, where they stand, as shares of
    the panel's height."""
    values = [_last(history.lines.get(look.key, {})) for look in looks]
    names = [
        f"{_LEAD}{look.name} {shown(axis, value)}"
        for look, value in zip(looks, values, strict=True)
    ]
    remark, across = _remark(looks, axis, history) or (_BLANK, 0.5)
    at = _ends(axis, looks, history)
    stand: list[float | None] = [None] * len(looks)
    moved = []
    for index, (end, place) in at.items():
        stand[index] = place
        if abs(end - place) * _pixels(axis) > 2:
            moved.append((end, place))
    trace = go.Scatter(
        x=[0, *[1] * len(looks), across],
        y=[1, *stand, 0.5],
        text=[
            _title(axis, _NOTES, colours),
            *(_BLANK if place is None else name for name, place in zip(names, stand, strict=True)),
            remark,
        ],
        xaxis="x2",
        yaxis=_WORDS[axis],
        mode="text",
        textposition=["top right", *["middle right"] * len(looks), "middle center"],
        textfont={
            "color": [
                css(colours.ink),
                *(css(colours.word(look.colour)) for look in looks),
                css(colours.ink),
            ],
            "size": [14, *[13] * len(looks), 13],
        },
        cliponaxis=False,
        hoverinfo="skip",
        showlegend=False,
        name="words",
    )
    return trace, moved


def _ends(axis: str, looks: Sequence[_Look], history: History) -> dict[int, tuple[float, float]]:
    """For each line whose name has room: where it ends and where its name stands, as shares of the
    panel's height."""
    low, high = _span(axis, looks, history)
    heights = [_height(axis, _went(history.lines.get(look.key, {}))) for look in looks]
    ends = {
        index: (height - low) / (high - low)
        for index, height in enumerate(heights)
        if height is not None
    }
    gap, kept = marks.gap_and_kept(len(ends), _pixels(axis))
    chosen = sorted((list(ends)[place] for place in kept), key=lambda index: ends[index])
    wanted = [ends[index] for index in chosen]
    places = marks.spread(wanted, gap / _pixels(axis), 0, 1)
    return {index: (ends[index], place) for index, place in zip(chosen, places, strict=True)}


def _pixels(axis: str) -> float:
    bottom, top = _DOMAINS[axis]
    return (top - bottom) * _HEIGHT_PX


def _remark(looks: Sequence[_Look], axis: str, history: History) -> tuple[str, float] | None:
    """Why nothing is drawn although there are measurements, or nothing any more, and where that is
    said, from 0 to 1 across. The browser says it for live ones."""
    words = _UNDEFINED[axis]
    run = history.meta.get("run")
    if not run:
        return None
    if not looks:
        return words["none"], 0.5
    lines = [history.lines.get(look.key, {}).get("median", ([], [])) for look in looks]
    newest = max((x[-1] for x, _ in lines if x), default=None)
    if newest is None:
        return None
    gone = (run.get("divergence") or {}).get("empty")
    said = gone or words.get(run["scheme"]) or words.get(run.get("config", {}).get("activation"))
    said = said or words["other"]
    defined = (at for x, y in lines for at, value in zip(x, y, strict=True) if value is not None)
    last = max(defined, default=None)
    if last is None:
        return said, 0.5
    if newest - last <= _EMPTY * newest:
        return None
    return said, min(max((last + newest) / 2 / newest, 0.3), 0.7)


def _height(axis: str, value: float | None) -> float | None:
    """Where a value stands on its axis; None for what a logarithm does not have."""
    if value is None or axis != "y":
        return value
    return math.log10(value) if value > 0 else None


def _span(axis: str, looks: Sequence[_Look], history: History) -> tuple[float, float]:
    """The ends of an axis, about as plotly will choose them."""
    if axis == "y2":
        return _RANGES[axis]
    lines = [line for look in looks for line in history.lines.get(look.key, {}).values()]
    heights = [
        at for _, y in lines for at in (_height(axis, value) for value in y) if at is not None
    ]
    low, high = min(heights, default=0.0), max(heights, default=1.0)
    if axis == "y3":
        floor, ceiling = _RANGES[axis]
        return floor, min(max(ceiling, high + 0.05 * (high - low)), _ANGLES[1] + 2)
    room = 0.05 * (high - low) or 0.5
    return low - room, high + room


def _last(lines: Lines) -> float | None:
    _, y = lines.get("median", ([], []))
    return y[-1] if y else None


def _went(lines: Lines) -> float | None:
    """The last value there was, of a line that may have ended before the others."""
    _, y = lines.get("median", ([], []))
    return next((value for value in reversed(y) if value is not None), None)


def _layout(history: History, colours: Palette) -> dict[str, Any]:
    axis = plain_axis(colours, ticklabelposition="outside")
    upright = {**axis, "ticklabelstandoff": 4}  # the highest label does not touch the title
    return {
        **base(
            colours,
            margin={"l": 58, "r": 112, "t": 8, "b": 44},
            hovermode="x unified",
            hoversubplots="axis",
        ),
        "uirevision": history.revision or "empty",
        "xaxis": {
            **axis,
            "anchor": "y3",
            "domain": [0, 1],
            "title": {
                "text": "step",
                "standoff": 6,
                "font": {"color": css(colours.soft), "size": 13},
            },
            "rangemode": "tozero",
            **({} if history.revision else {"range": [0, 1000]}),
            "tickformat": ",d",
            "hoverformat": ",d",
            "unifiedhovertitle": {"text": "<b>step %{x:,d}</b>"},
            "showspikes": True,
            "spikemode": "across",
            "spikesnap": "hovered data",
            "spikethickness": 1,
            "spikedash": "dot",
            "spikecolor": css(colours.soft),
        },
        "xaxis2": {"overlaying": "x", "anchor": "y3", **_WORD_AXIS},
        **{
            f"yaxis{words[1:]}": {"overlaying": axis, "anchor": "x2", **_WORD_AXIS}
            for axis, words in _WORDS.items()
        },
        "yaxis": {
            **upright,
            "domain": list(_DOMAINS["y"]),
            "anchor": "x",
            "type": "log",
            "tickfont": {"color": css(colours.soft), "size": 12},
            **marks.log_ticks(*_span("y", _looks(history, colours)[:2], history)),
            **({} if history.revision else {"range": list(map(math.log10, _BLANK_LOSS))}),
        },
        "yaxis2": {
            **upright,
            "domain": list(_DOMAINS["y2"]),
            "anchor": "x",
            "range": list(_RANGES["y2"]),
            "tickformat": ".0%",
            "dtick": 0.25,
        },
        "yaxis3": {
            **upright,
            "domain": list(_DOMAINS["y3"]),
            "anchor": "x",
            # At least the angles that matter, and what exceeds them.
            **(
                {
                    "autorange": True,
                    "autorangeoptions": {
                        "include": list(_RANGES["y3"]),
                        "clipmin": _RANGES["y3"][0],
                        "clipmax": _ANGLES[1] + 2,
                    },
                }
                if history.revision
                else {"range": list(_RANGES["y3"])}
            ),
            "tickvals": list(_DEGREES),
            "ticktext": [f"{degrees}°" for degrees in _DEGREES],
        },
    }


def _chance(colours: Palette) -> dict[str, Any]:
    return {
        "type": "line",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "yref": "y3",
        "y0": 90,
        "y1": 90,
        "layer": "below",
        "line": {"color": css(colours.soft), "width": 1.5, "dash": "3px,4px"},
    }
