"""The Train page's figure: loss, accuracy and gradient angles over one axis of steps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import plotly.graph_objects as go

from app.figures.look import axis as plain_axis
from app.figures.look import base
from app.figures.palette import Palette, Rgb, css, palette

Points = tuple[list[Any], list[Any]]
Lines = Mapping[str, Points]
"""``median`` and, with replicates, ``low`` and ``high``: ``(x, y)`` each."""

CHART_CONFIG: Any = {
    "showSendToCloud": False,  # it would upload the data to another host
    "displaylogo": False,
    "displayModeBar": "hover",
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
    "responsive": True,
}

# One hover and one zoom over several panels needs one x axis, so the panels are y axes.
_DOMAINS = {"y": (0.7, 0.905), "y2": (0.405, 0.61), "y3": (0.0, 0.315)}
_TITLES = {"y": "Loss", "y2": "Accuracy", "y3": "Gradient angle"}
_NOTES = {
    "y": "log scale",
    "y2": "share classified correctly",
    "y3": "update to true gradient",
}
_MARKS = {
    "y": (),
    "y2": (),
    "y3": ((90.0, "90°: no better than chance"), (0.0, "0°: backpropagation")),
}
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
_FEW = 3  # points that do not make a line yet: they are marked, here and in the browser
# Words stand on axes of their own, 0 to 1 across each panel: they do not widen those of the data,
# and cost next to nothing, where annotations cost a third of every redraw.
_WORDS = {"y": "y4", "y2": "y5", "y3": "y6"}
_WORD_AXIS = {"range": [0, 1], "fixedrange": True, "visible": False}
# Ticks of the loss by the decades that it spans at least, the browser's choice too.
_TICKS: list[tuple[float, list[float]]] = [
    (6.0, [10.0**power for power in range(-30, 40, 3)]),
    (2.8, [10.0**power for power in range(-12, 12)]),
    (0.6, [digit * 10.0**power for power in range(-12, 12) for digit in (1, 2, 5)]),
]
_CONTROL_TOP = 0.955
# Labels of neighbouring controls take turns in two rows above the end of their lines.
_CONTROL_TEXTS = ("{}", "{}<br> ")


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
        traces.append(_median(look, history.lines.get(look.key, {})))
    ends = []
    for axis in _DOMAINS:
        here = [look for look in looks if look.axis == axis]
        ends.append(
            {
                "trace": len(traces),
                "axis": axis,
                "keys": [look.key for look in here],
                "names": [look.name for look in here],
                "marks": _MARKS[axis],
                "undefined": _UNDEFINED[axis],
            }
        )
        traces.append(_words(here, axis, history, colours))
    room = len(traces)
    traces.append(_room())
    figure = go.Figure(traces, _layout(history, colours))
    figure.update_layout(
        meta={
            **history.meta,
            "panels": _TITLES,
            "places": places,
            "room": room,
            "ends": ends,
            "ticks": _TICKS,
            "control": [_control(0, "{}", row, colours) for row in range(len(_CONTROL_TEXTS))],
        }
    )
    return figure


def shown(axis: str, value: float | None) -> str:
    """A value as written at the end of its line. The browser writes live ones the same way."""
    if value is None:
        return ""
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
        fillcolor=css(look.colour, 0.2),
        hoverinfo="skip",
        name=f"{look.name}, {part}",
    )


def _room() -> go.Scatter:
    """A point that nobody sees: the browser puts it where the loss axis of a run that goes on is to
    reach down to. plotly's own option for that turns a logarithmic axis upside down."""
    return go.Scatter(
        x=[0],
        y=[None],
        yaxis="y",
        mode="markers",
        marker={"size": 1, "opacity": 0},
        hoverinfo="skip",
        name="room",
    )


def _median(look: _Look, lines: Lines) -> go.Scatter:
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
        name=look.name,
    )


def _words(looks: Sequence[_Look], axis: str, history: History, colours: Palette) -> go.Scatter:
    """The words of a panel: title, marks, and the last value beside the end of each line."""
    values = [_last(history.lines.get(look.key, {})) for look in looks]
    low, high = _span(axis, looks, history)
    marks = _MARKS[axis]
    title = (
        f"<b>{_TITLES[axis]}</b>  "
        f"<span style='color:{css(colours.soft)};font-size:12px'>{_NOTES[axis]}</span>"
    )
    ends = [
        f" {look.name} {shown(axis, value)}" if value is not None else _BLANK
        for look, value in zip(looks, values, strict=True)
    ]
    remark, across = _remark(looks, axis, history) or (_BLANK, 0.5)
    heights = [_height(axis, value) for value in (*(mark for mark, _ in marks), *values)]
    return go.Scatter(
        x=[0, *[1] * len(heights), across],
        y=[1, *(None if at is None else (at - low) / (high - low) for at in heights), 0.5],
        text=[title, *(text for _, text in marks), *ends, remark],
        xaxis="x2",
        yaxis=_WORDS[axis],
        mode="text",
        textposition=[
            "top right",
            *["top left"] * len(marks),
            *["middle right"] * len(looks),
            "middle center",
        ],
        textfont={
            "color": [
                css(colours.ink),
                *[css(colours.soft)] * len(marks),
                *(css(colours.word(look.colour)) for look in looks),
                css(colours.ink),
            ],
            "size": [14, *[12] * len(marks), *[13] * len(looks), 13],
        },
        cliponaxis=False,
        hoverinfo="skip",
        name="words",
    )


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


def _log_ticks(low: float, high: float) -> dict[str, Any]:
    """Ticks of a logarithmic axis from 10**low to 10**high: plotly's own crowd or vanish."""
    for decades, values in _TICKS:
        if high - low > decades:
            return {"tickmode": "array", "tickvals": values}
    return {"tickmode": "auto", "nticks": 6}


def _last(lines: Lines) -> float | None:
    _, y = lines.get("median", ([], []))
    return y[-1] if y else None


def _layout(history: History, colours: Palette) -> dict[str, Any]:
    axis = plain_axis(colours, ticklabelposition="outside")
    return {
        **base(
            colours,
            margin={"l": 52, "r": 108, "t": 8, "b": 44},
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
            **axis,
            "domain": list(_DOMAINS["y"]),
            "anchor": "x",
            "type": "log",
            "tickformat": "~g",
            **_log_ticks(*_span("y", _looks(history, colours)[:2], history)),
            **({} if history.revision else {"range": [-2, 0.5]}),
        },
        "yaxis2": {
            **axis,
            "domain": list(_DOMAINS["y2"]),
            "anchor": "x",
            "range": list(_RANGES["y2"]),
            "tickformat": ".0%",
            "dtick": 0.25,
        },
        "yaxis3": {
            **axis,
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
        "shapes": [_chance(colours), *_controls(history.controls, colours)],
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


def _controls(controls: Sequence[Control], colours: Palette) -> list[dict[str, Any]]:
    return [
        _control(control.step, control.label, number % len(_CONTROL_TEXTS), colours)
        for number, control in enumerate(controls)
    ]


def _control(step: int, label: str, row: int, colours: Palette) -> dict[str, Any]:
    """A vertical line across all panels with its label above them, clear of the data."""
    return {
        "type": "line",
        "name": "control",
        "xref": "x",
        "yref": "paper",
        "x0": step,
        "x1": step,
        "y0": 0,
        "y1": _CONTROL_TOP,
        "line": {"color": css(colours.control), "width": 1.5},
        "label": {
            "text": _CONTROL_TEXTS[row].format(label),
            "textposition": "end",
            "textangle": 0,
            "xanchor": "right",
            "yanchor": "bottom",
            "padding": 2,
            "font": {"size": 12, "color": css(colours.control)},
        },
    }
