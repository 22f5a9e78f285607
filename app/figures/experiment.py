"""Figures of an experiment: what its arms measured, and what each network said of a prediction."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.figures.look import axis, base, log_scale, panel_title, picture, plain, words
from app.figures.palette import Palette, css, palette
from fa_engine.colours import Rgb
from fa_engine.measures.catalogue import MEASURES, NORM

PANEL_PX = 190  # of one measure, its title and the gap below it
EFFECT_PX = 104  # of one prediction
_DASHES = ("solid", "8px,4px", "2px,3px", "10px,3px,2px,3px")
_LOSSES = ("loss", "test_loss")
_SCALE = {"share": 100.0}
_SUFFIX = {"share": " %", "°": "°", "times": " ×"}

Arm = Mapping[str, Any]
"""``title``, ``config``, ``after`` and ``curves``, as an outcome tells of it
(:meth:`fa_engine.studies.outcome.Outcome.to_dict`)."""


def curves_figure(
    arms: Mapping[str, Arm], shows: Sequence[str], name: str, theme: str | None
) -> go.Figure:
    """What the arms measured, a panel a measure, a colour an arm; layers are told by their dashes.
    An arm that goes on from another begins where that one ended.

    Args:
        arms: by name.
        shows: measures, one panel each.
        name: of the experiment.
        theme: light or dark.
    """
    colours = palette(theme)
    inks = _inks(arms, colours)
    begins = _begins(arms)
    heights = _domains(len(shows))
    traces: list[go.Scatter] = []
    layout: dict[str, Any] = {}
    for row, measure in enumerate(shows):
        key = "y" if row == 0 else f"y{row + 1}"
        logarithmic = measure in _LOSSES or MEASURES[measure].unit == NORM
        seen: list[float] = []
        for arm, told in arms.items():
            for curve in told["curves"]:
                if curve["measure"] == measure:
                    found = _lines(curve, told["title"], begins[arm], inks[arm], key, logarithmic)
                    found[-1].showlegend = row == 0 and curve["layer"] in (None, 1)
                    found[-1].legendgroup = arm
                    traces += found
                    seen += [v for v in curve["middle"] if v is not None]
        layout[f"yaxis{key[1:]}"] = axis(
            colours,
            domain=heights[row],
            anchor="x",
            **_scale(measure, seen, logarithmic),
        )
    last = f"y{len(shows)}" if len(shows) > 1 else "y"
    return go.Figure(
        traces or [go.Scatter(x=[None], y=[None])],
        base(
            colours,
            meta=picture(f"{name}: what was measured"),
            hovermode="x unified",
            hoversubplots="axis",
            margin={"l": 66, "r": 16, "t": 30, "b": 44},
            xaxis=axis(colours, "step", anchor=last, tickformat=",d", rangemode="tozero"),
            annotations=[
                panel_title(MEASURES[m].title, _remark(m), 0, heights[row][1], colours)
                for row, m in enumerate(shows)
            ],
            **layout,
        ),
    )


def legend_of(arms: Mapping[str, Arm], theme: str | None) -> list[tuple[str, str]]:
    """Title and colour of each arm, as the curves have them."""
    colours = palette(theme)
    inks = _inks(arms, colours)
    return [(str(told["title"]), css(inks[name])) for name, told in arms.items()]


def effects_figure(
    predictions: Sequence[Mapping[str, Any]], name: str, theme: str | None
) -> go.Figure:
    """What each network said of each prediction: a dot a network, the interval of the median as a
    bar, the bound as a line, and the side that was predicted shaded.

    Args:
        predictions: of :meth:`fa_engine.studies.outcome.Outcome.to_dict`.
        name: of the experiment.
        theme: light or dark.
    """
    colours = palette(theme)
    domains = _domains(len(predictions), gap=0.75)
    traces: list[go.Scatter] = []
    layout: dict[str, Any] = {"shapes": [], "annotations": []}
    for row, told in enumerate(predictions):
        number = "" if row == 0 else str(row + 1)
        traces += _effect(told, number, colours)
        shown = _range(told)
        scale = _SCALE.get(told["unit"], 1.0)
        bound = told["bound"] * scale
        ratio = _is_log(told)
        layout[f"xaxis{number}"] = axis(
            colours,
            anchor=f"y{number}",
            range=[math.log10(end) for end in shown] if ratio else shown,
            ticksuffix=_SUFFIX.get(told["unit"], ""),
            **({"type": "log", "dtick": "D2"} if ratio else {"nticks": 7}),
        )
        layout[f"yaxis{number}"] = {
            "domain": domains[row],
            "anchor": f"x{number}",
            "range": [-1, 1],
            "visible": False,
            "fixedrange": True,
        }
        side = [bound, shown[1]] if told["above"] else [shown[0], bound]
        over = {"xref": f"x{number}", "yref": f"y{number} domain", "y0": 0, "y1": 1}
        layout["shapes"] += [
            {
                "type": "rect",
                **over,
                "x0": side[0],
                "x1": side[1],
                "layer": "below",
                "line": {"width": 0},
                "fillcolor": css(colours.stable, 0.14),
            },
            {
                "type": "line",
                **over,
                "x0": bound,
                "x1": bound,
                "line": {"color": css(colours.ink), "width": 1.5, "dash": "4px,3px"},
            },
        ]
        layout["annotations"].append(
            words(f"<b>{row + 1}</b>  {plain(told['of'])}", 0, domains[row][1], colours.ink)
        )
    return go.Figure(
        traces or [go.Scatter(x=[None], y=[None])],
        base(
            colours,
            meta=picture(f"{name}: what the networks say"),
            margin={"l": 16, "r": 16, "t": 30, "b": 46},  # where the buttons lie
            **layout,
        ),
    )


def _effect(told: Mapping[str, Any], number: str, colours: Palette) -> list[go.Scatter]:
    unit, scale = told["unit"], _SCALE.get(told["unit"], 1.0)
    values = [v * scale for v in told["values"] if v is not None]
    on = {"xaxis": f"x{number}", "yaxis": f"y{number}", "showlegend": False}
    value = f"%{{x:.3g}}{_SUFFIX.get(unit, '')}"
    # Side by side where they would hide one another; where they stand on is the same each time.
    places = [0.22 * (at % 3 - 1) - 0.15 for at in range(len(values))]
    found = [
        go.Scatter(
            x=values,
            y=places,
            mode="markers",
            name="a network",
            marker={"size": 8, "color": css(colours.accent, 0.75)},
            hovertemplate=value,
            **on,
        )
    ]
    interval = told["interval"]
    if interval:
        low, middle, high = (interval[key] * scale for key in ("low", "middle", "high"))
        found.append(
            go.Scatter(
                x=[low, middle, high],
                y=[0.65] * 3,
                mode="lines+markers",
                name="interval of the median",
                line={"color": css(colours.ink), "width": 3},
                marker={
                    "size": [9, 11, 9],
                    "symbol": ["line-ns-open", "diamond", "line-ns-open"],
                    "color": css(colours.ink),
                },
                hovertemplate=value,
                **on,
            )
        )
    return found


def _is_log(told: Mapping[str, Any]) -> bool:
    """Whether what is shown are ratios, of which half and double are equally far from one."""
    values = [v for v in told["values"] if v is not None]
    return bool(told["unit"] == "times" and min([*values, told["bound"]]) > 0)


def _range(told: Mapping[str, Any]) -> list[float]:
    """What an axis shows: all values and the bound."""
    scale = _SCALE.get(told["unit"], 1.0)
    values = [v * scale for v in told["values"] if v is not None] + [told["bound"] * scale]
    low, high = min(values), max(values)
    if _is_log(told):
        room = (high / low) ** 0.12 if high > low else 2.0
        return [low / room, high * room]
    room = 0.12 * ((high - low) or abs(high) or 1.0)
    return [low - room, high + room]


def _inks(arms: Mapping[str, Arm], colours: Palette) -> dict[str, Rgb]:
    """A colour for each arm: that of its scheme, or another where a scheme comes twice."""
    found: dict[str, Rgb] = {}
    schemes = [told["config"]["scheme"] for told in arms.values()]
    for place, (name, told) in enumerate(arms.items()):
        scheme = told["config"]["scheme"]
        alone = schemes.count(scheme) == 1
        found[name] = colours.scheme(scheme) if alone else colours.runs[place % len(colours.runs)]
    return found


def _begins(arms: Mapping[str, Arm]) -> dict[str, int]:
    """The step at which each arm is drawn to begin."""
    found: dict[str, int] = {}
    for name, told in arms.items():
        parent = told["after"]
        before = arms[parent]["curves"] if parent in arms else []
        ends = [curve["step"][-1] for curve in before]
        found[name] = found.get(parent, 0) + max(ends, default=0)
    return found


def _lines(
    curve: Mapping[str, Any], title: str, begins: int, ink: Rgb, key: str, logarithmic: bool
) -> list[go.Scatter]:
    """A band, drawn as its two edges, and the median over it."""
    steps = [begins + step for step in curve["step"]]
    scale = _SCALE.get(MEASURES[curve["measure"]].unit, 1.0)
    low, middle, high = (
        [None if v is None or (logarithmic and v <= 0) else v * scale for v in curve[name]]
        for name in ("low", "middle", "high")
    )
    edge = {"yaxis": key, "mode": "lines", "hoverinfo": "skip", "showlegend": False}
    layer = curve["layer"]
    named = title if layer is None else f"{title}, layer {layer}"
    suffix = _SUFFIX.get(MEASURES[curve["measure"]].unit, "")
    return [
        go.Scatter(x=steps, y=low, line={"width": 0}, **edge),
        go.Scatter(
            x=steps, y=high, line={"width": 0}, fill="tonexty", fillcolor=css(ink, 0.13), **edge
        ),
        go.Scatter(
            x=steps,
            y=middle,
            yaxis=key,
            mode="lines",
            name=plain(named),
            line={
                "color": css(ink),
                "width": 2,
                "dash": _DASHES[((layer or 1) - 1) % len(_DASHES)],
            },
            hovertemplate=f"%{{y:.4g}}{suffix}",
        ),
    ]


def _scale(measure: str, seen: Sequence[float], logarithmic: bool) -> dict[str, Any]:
    unit = MEASURES[measure].unit
    if logarithmic:
        return log_scale(seen, 4)
    if unit == "°":
        highest = max(seen, default=90.0)
        ticks = [0, 45, 90, 135, 180]
        return {
            "range": [-3, 95 if highest <= 95 else 185],
            "tickvals": ticks,
            "ticktext": [f"{degrees}°" for degrees in ticks],
        }
    if unit == "share":
        return {"range": [0, 103], "ticksuffix": " %", "nticks": 5}
    return {"nticks": 5, "tickformat": "~g"}


def _remark(measure: str) -> str:
    """What is to be known of a panel beside its name."""
    unit = MEASURES[measure].unit
    said = [] if unit in ("°", "share", "loss") else [unit]
    if MEASURES[measure].shape != "R":
        said.append("a dash for each layer, the bottom one drawn through")
    return "; ".join(said)


def _domains(count: int, gap: float = 0.22) -> list[list[float]]:
    """Heights of so many panels, the first on top; ``gap`` is a share of a panel."""
    if count == 0:
        return []
    part = 1 / (count + gap * (count - 1))
    tops = [1 - row * part * (1 + gap) for row in range(count)]
    return [[float(np.round(max(0.0, top - part), 4)), float(np.round(top, 4))] for top in tops]
