"""The Stability page's figures: the spectrum of the feedback kernel, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from app.figures.look import (
    SymmetricLog,
    as_lists,
    axis,
    base,
    level,
    panel_title,
    rule,
    whole_steps,
    words,
)
from app.figures.palette import Palette, Rgb, css, palette

Arrays = Mapping[str, NDArray[Any]]

# Rows under the plane: what is drawn, its name, its explanation.
_ROWS = (
    ("bp", "J Jᵀ", "backpropagation's kernel, same weights"),
    ("error_eigenvalues", "H K", "the kernel as softmax errors feel it"),
    ("symmetric", "(K + Kᵀ)/2", "below 0: an error that it follows uphill"),
)


_NOTHING: Arrays = {
    "eigenvalues": np.zeros(0, complex),
    "resolution": np.array(0.0),
    **{name: np.zeros(0) for name, _, _ in _ROWS},
}
_NONE = [None]  # an axis that no trace belongs to is not drawn
_ZERO = 0.4  # where a logarithmic axis of steps has step 0; as a whole number it reads 0


def spectrum_figure(spectrum: Arrays | None, theme: str | None = None) -> go.Figure:
    """The eigenvalues of ``K`` in the complex plane, and under it the spectra to compare.

    Args:
        spectrum: ``eigenvalues`` (complex), ``bp``, ``symmetric``, maybe ``error_eigenvalues``,
            and ``resolution``: the share of the largest that is rounding; None for the figure
            before there is any.
        theme: light or dark.
    """
    colours = palette(theme)
    spectrum = spectrum or _NOTHING
    modes = spectrum["eigenvalues"]
    modes = modes[np.isfinite(modes)]
    rows = [row for row in _ROWS if row[0] in spectrum]
    shown = [modes, *(spectrum[name] for name, _, _ in rows)]
    largest = max(float(np.nanmax(np.abs(s), initial=0.0)) for s in shown) or 1.0
    floor = float(spectrum["resolution"]) * float(np.abs(modes).max(initial=0.0))
    unstable = modes.real < -floor
    across = SymmetricLog(largest)
    traces = [
        _modes(modes[~unstable], "stable", colours.stable, across),
        _modes(modes[unstable], "unstable", colours.unstable, across),
    ]
    for place, (name, _, _) in enumerate(rows):
        values = np.sort(spectrum[name].real)
        traces.append(_row(values, place, name, floor, colours, across))
    reach = float(across(largest)) * 1.06
    height = 0.085 * len(rows)
    return go.Figure(
        traces,
        base(
            colours,
            margin={"l": 92, "r": 12, "t": 26, "b": 44},
            xaxis=axis(
                colours,
                "real part (symmetric log scale)",
                anchor="y2",
                range=[-reach, reach],
                tickangle=0,
                **across.ticks(),
            ),
            yaxis=axis(
                colours,
                "imaginary part",
                domain=[height + 0.1, 1],
                range=[-reach, reach],
                **across.ticks(),
            ),
            yaxis2=axis(
                colours,
                domain=[0, height + 0.02],
                range=[-0.6, len(rows) - 0.4],
                tickvals=list(range(len(rows))),
                ticktext=[title for _, title, _ in rows],
                showgrid=False,
                fixedrange=True,
            ),
            shapes=[
                {
                    "type": "rect",
                    "xref": "x",
                    "yref": "paper",
                    "x0": -3 * reach,
                    "x1": 0,
                    "y0": 0,
                    "y1": 1,
                    "layer": "below",
                    "fillcolor": css(colours.unstable, 0.1),
                    "line": {"width": 0},
                }
            ],
            annotations=[
                words("these grow", 0.01, 1.0, colours.unstable, yanchor="top"),
                words("these decay", 0.99, 1.0, colours.stable, xanchor="right", yanchor="top"),
            ],
        ),
    )


def _modes(modes: NDArray[Any], name: str, colour: Rgb, across: SymmetricLog) -> go.Scatter:
    return go.Scatter(
        x=across(modes.real).tolist() or _NONE,
        y=across(modes.imag).tolist() or _NONE,
        customdata=np.stack([modes.real, modes.imag], -1).tolist(),
        mode="markers",
        name=name,
        marker={"size": 6, "color": css(colour, 0.75), "line": {"width": 0}},
        hovertemplate="λ = %{customdata[0]:.4g} %{customdata[1]:+.4g} i<extra>" + name + "</extra>",
    )


def _row(
    values: NDArray[Any],
    place: int,
    name: str,
    floor: float,
    colours: Palette,
    across: SymmetricLog,
) -> go.Scatter:
    rows = {key: remark for key, _, remark in _ROWS}
    grey = css(colours.soft, 0.6)
    return go.Scatter(
        x=across(values).tolist() or _NONE,
        y=[place] * len(values) or _NONE,
        yaxis="y2",
        customdata=values.tolist(),
        mode="markers",
        name=name,
        marker={
            "symbol": "line-ns",
            "size": 9,
            "line": {
                "width": 1.2,
                "color": [
                    css(colours.unstable, 0.8) if value < -floor and name != "bp" else grey
                    for value in values
                ],
            },
        },
        hovertemplate=f"%{{customdata:.4g}}<extra>{rows[name]}</extra>",
    )


def stability_figure(
    steps: NDArray[Any],
    series: Arrays,
    at: int | None = None,
    theme: str | None = None,
    log: bool = False,
) -> go.Figure:
    """Stability and alignment through training, checkpoint by checkpoint.

    Args:
        steps: (T,) steps of the checkpoints, rising; none for the figure before there are any.
        series: ``unstable_share`` from 0 to 1, ``min_real`` and ``angle_deg``, (T,) each; nan
            where there is no value, and no line is drawn across.
        at: the step that is looked at.
        theme: light or dark.
        log: a logarithmic axis of steps, with 0 beside it.
    """
    colours = palette(theme)
    last = int(steps[-1]) if len(steps) else 0
    panels = (
        ("y", "unstable_share", "Unstable modes", "share of the modes of K", colours.unstable),
        ("y2", "min_real", "Smallest real part", "below 0 it leaves", colours.control),
        ("y3", "angle_deg", "Alignment angle", "of all parameters", colours.accent),
    )
    domains = {"y": (0.71, 1.0), "y2": (0.36, 0.63), "y3": (0.0, 0.28)}
    text = {"y": "%{y:.1%}", "y2": "%{y:.4g}", "y3": "%{y:.1f}°"}
    traces = []
    for name, key, title, _, colour in panels:
        x, y = as_lists(_places(steps, log), series[key])
        traces.append(
            go.Scatter(
                x=x or _NONE,
                y=y or _NONE,
                yaxis=name,
                name=title.lower(),
                mode="lines+markers",
                line={"color": css(colour), "width": 2},
                marker={"size": 6},
                hovertemplate=text[name],
            )
        )
    shared = {"anchor": "x"}
    return go.Figure(
        traces,
        base(
            colours,
            hovermode="x unified",
            hoversubplots="axis",
            margin={"l": 62, "r": 16, "t": 24, "b": 44},
            xaxis=axis(
                colours,
                "step",
                anchor="y3",
                unifiedhovertitle={"text": "<b>step %{x:,d}</b>"},
                **(_log_steps(last) if log else _up_to(last)),
            ),
            yaxis=axis(
                colours,
                domain=domains["y"],
                tickformat=".0%",
                range=_span(series["unstable_share"], 0.0, 0.05),
                nticks=5,
                **shared,
            ),
            yaxis2=axis(
                colours,
                domain=domains["y2"],
                tickformat="~g",
                nticks=5,
                range=_span(series["min_real"], 0.0, 0.0),
                **shared,
            ),
            yaxis3=axis(
                colours,
                domain=domains["y3"],
                tickvals=list(range(0, 181, 30)),
                ticktext=[f"{degrees}°" for degrees in range(0, 181, 30)],
                range=_span(series["angle_deg"], 0.0, 90.0),
                **shared,
            ),
            shapes=[
                level(0, "y2", colours),
                level(90, "y3", colours),
                *([] if at is None else [rule(float(_places(np.array(at), log)), colours)]),
            ],
            annotations=[
                panel_title(title, remark, 0, domains[name][1], colours)
                for name, _, title, remark, _ in panels
            ],
        ),
    )


def _span(values: NDArray[Any], low: float, high: float) -> list[float]:
    """From the least to the greatest, ``low`` and ``high`` among them, with room for a marker."""
    low = float(np.nanmin(values, initial=low))
    high = float(np.nanmax(values, initial=high))
    room = 0.08 * ((high - low) or 1.0)
    return [low - room, high + room]


def _places(steps: NDArray[Any], log: bool) -> NDArray[Any]:
    return np.where(steps == 0, _ZERO, steps) if log else steps


def _log_steps(last: int) -> dict[str, Any]:
    """A logarithmic axis of steps up to ``last``: 0, then powers of ten, of a short one more."""
    powers = 10 ** np.arange(max(2, len(str(last))))
    values = powers if last >= 100 else np.outer(powers, [1, 2, 5]).ravel()
    shown = values[values <= max(last, 1)].tolist()
    # Of a long one no word runs into the next.
    every = 1 if len(powers) <= 5 else -(-len(powers) // 4)
    texts = [f"{value:,}" if place % every == 0 else "" for place, value in enumerate(shown)]
    return {
        "type": "log",
        "tickvals": [_ZERO, *shown],
        "ticktext": ["0", *texts],
        "range": None if last else [np.log10(_ZERO), 2],
    }


def _up_to(last: int) -> dict[str, Any]:
    """A linear axis of steps; with none yet there is room for some."""
    return {**whole_steps(last), "range": None if last else [0, 500]}


def return_figure(found: Arrays | None, theme: str | None = None) -> go.Figure:
    """Where copies of a network go that were kicked out of their place.

    Args:
        found: what :class:`fa_engine.perturbation.Return` holds; None for the figure before any
            kick.
        theme: light or dark.
    """
    colours = palette(theme)
    domains = {"y": (0.72, 1.0), "y2": (0.36, 0.64), "y3": (0.0, 0.28)}
    panels = (
        ("y", "separation", "Set apart", "from the copy not kicked", None),
        ("y2", "distance", "Distance", "from the start; dashed: no kick", "reference_distance"),
        ("y3", "loss", "Loss", "on training samples", "reference_loss"),
    )
    # An axis that no trace belongs to is not drawn.
    traces = [go.Scatter(x=[None], y=[None], yaxis=name) for name, *_ in panels]
    for name, key, title, _, reference in panels if found else ():
        assert found is not None
        for copy, values in enumerate(found[key]):
            line = {"color": css(colours.accent, 0.35), "width": 1.2}
            traces.append(_curve(found, values, name, f"copy {copy + 1}", line, hover=False))
        line = {"color": css(colours.accent), "width": 2.4}
        middle = np.median(found[key], 0)
        traces.append(_curve(found, middle, name, f"{title.lower()}, kicked (median)", line))
        if reference:
            line = {"color": css(colours.ink), "width": 2.0, "dash": "dash"}
            label = f"{title.lower()}, without a kick"
            traces.append(_curve(found, found[reference], name, label, line))
    empty = None if found else [0, 1]
    return go.Figure(
        traces,
        base(
            colours,
            hovermode="x unified",
            hoversubplots="axis",
            margin={"l": 62, "r": 16, "t": 24, "b": 44},
            xaxis=axis(
                colours,
                "steps since the kick",
                anchor="y3",
                unifiedhovertitle={"text": "<b>%{x:,d} steps on</b>"},
                **_up_to(int(found["steps"][-1]) if found else 0),
            ),
            yaxis=_upwards(colours, domains["y"], empty),
            yaxis2=_upwards(colours, domains["y2"], empty),
            yaxis3=_upwards(colours, domains["y3"], empty, log=bool(found)),
            annotations=[
                panel_title(title, remark, 0, domains[name][1], colours)
                for name, _, title, remark, _ in panels
            ],
        ),
    )


def _curve(
    found: Arrays,
    values: NDArray[Any],
    name: str,
    label: str,
    line: dict[str, Any],
    hover: bool = True,
) -> go.Scatter:
    x, y = as_lists(found["steps"], values)
    more = {"hovertemplate": "%{y:.4g}"} if hover else {"hoverinfo": "skip"}
    return go.Scatter(x=x, y=y, yaxis=name, mode="lines", name=label, line=line, **more)


def _upwards(
    colours: Palette, domain: tuple[float, float], span: list[int] | None, log: bool = False
) -> dict[str, Any]:
    return axis(
        colours,
        domain=domain,
        anchor="x",
        type="log" if log else "linear",
        rangemode="normal" if log else "tozero",
        tickformat="~g",
        nticks=5,
        range=span,
    )
