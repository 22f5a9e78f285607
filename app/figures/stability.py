"""The Stability page's other figures: what comes of the spectra, and where kicked copies go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from app.figures.look import (
    as_lists,
    axis,
    base,
    level,
    log_scale,
    panel_title,
    picture,
    rule,
    whole_steps,
)
from app.figures.palette import Palette, css, palette

Arrays = Mapping[str, NDArray[Any]]

_NONE = [None]  # an axis that no trace belongs to is not drawn
_ZERO = 0.4  # where a logarithmic axis of steps has step 0; as a whole number it reads 0


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
        series: ``unstable_share``, the share of modes below 0, from 0 to 1, ``min_real`` and
            ``angle_deg``, (T,) each; nan
            where there is no value, and no line is drawn across.
        at: the step that is looked at.
        theme: light or dark.
        log: a logarithmic axis of steps, with 0 beside it.
    """
    colours = palette(theme)
    last = int(steps[-1]) if len(steps) else 0
    panels = (
        ("y", "unstable_share", "Modes below 0", "share of the modes", colours.unstable),
        ("y2", "min_real", "Smallest real part", "of a mode", colours.control),
        ("y3", "angle_deg", "Angle", "of update to gradient", colours.accent),
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
            # A logarithmic axis has places for steps: which step its end is.
            meta={**picture("Stability through training"), "across": f"step {last:,}"},
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
        found: what :class:`fa_engine.dynamics.perturbation.Return` holds; None for the figure
            before any kick.
        theme: light or dark.
    """
    colours = palette(theme)
    domains = {"y": (0.8, 1.0), "y2": (0.535, 0.735), "y3": (0.27, 0.47), "y4": (0.0, 0.2)}
    panels = (
        ("y", "outputs", "Outputs set apart", "by the kick", None),
        ("y2", "separation", "Weights set apart", "by the kick", None),
        ("y3", "distance", "Distance", "from the start; dashed: no kick", "reference_distance"),
        ("y4", "loss", "Loss", "on training samples", "reference_loss"),
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
            meta=picture("Perturb and return"),
            hovermode="x unified",
            hoversubplots="axis",
            margin={"l": 62, "r": 16, "t": 24, "b": 44},
            xaxis=axis(
                colours,
                "steps since the kick",
                anchor="y4",
                unifiedhovertitle={"text": "<b>%{x:,d} steps on</b>"},
                **_up_to(int(found["steps"][-1]) if found else 0),
            ),
            yaxis=_upwards(colours, domains["y"], empty),
            yaxis2=_upwards(colours, domains["y2"], empty),
            yaxis3=_upwards(colours, domains["y3"], empty),
            yaxis4=_upwards(
                colours,
                domains["y4"],
                empty,
                log=np.append(found["loss"], found["reference_loss"]) if found else None,
            ),
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
    colours: Palette, domain: tuple[float, float], span: list[int] | None, log: Any = None
) -> dict[str, Any]:
    return axis(
        colours,
        domain=domain,
        anchor="x",
        **(
            {"rangemode": "tozero", "tickformat": "~g", "nticks": 5}
            if log is None
            else log_scale(log, 3)
        ),
        range=span,
    )
