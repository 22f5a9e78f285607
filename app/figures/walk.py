"""The Walk page's figures: training as a walk through weight space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    plain,
    whole_steps,
    words,
)
from app.figures.palette import Palette, Rgb, css, palette
from app.figures.training import CHART_CONFIG

Array = NDArray[Any]
Arrays = Mapping[str, Array]

_ARROWS = 14  # on the plane, at most
LANDSCAPE_CONFIG: Any = CHART_CONFIG | {"doubleClick": "reset"}  # to the surface, not the paths
# From the top of the chart: above the axes, rows that a telephone breaks come to lie upon them.
_LEGEND = {"orientation": "h", "x": 0, "y": 1, "yref": "container", "yanchor": "top"}


def layer_names(count: int) -> list[str]:
    """Layers of weights as charts call them, bottom first."""
    return [*(f"layer {layer + 1}" for layer in range(count - 1)), "output layer"]


def layer_colours(count: int, colours: Palette) -> list[Rgb]:
    """Their colours: hidden layers as everywhere, the output layer in ink."""
    return [*(colours.layer(layer, count - 1) for layer in range(count - 1)), colours.ink]


def shares_figure(found: Arrays, theme: str | None = None) -> go.Figure:
    """Each layer's share of what a step does to the loss, to first order, stacked.

    Args:
        found: ``share_step`` (B,) and ``shares`` (B, L), signed: ``<g_l, u_l>`` over the sum of
            their magnitudes. A layer that points uphill counts below 0, and then a line says what
            all layers come to together; nan is a gap.
        theme: light or dark.
    """
    colours = palette(theme)
    step, shares = found["share_step"], found["shares"]
    count = shares.shape[1]
    traces = []
    for layer, (name, colour) in enumerate(
        zip(layer_names(count), layer_colours(count, colours), strict=True)
    ):
        for side, values in (
            ("down", shares[:, layer].clip(0)),
            ("up", shares[:, layer].clip(max=0)),
        ):
            if side == "up" and not (values < 0).any():  # nan is not
                continue
            x, y = as_lists(step, values)
            traces.append(
                go.Scatter(
                    x=x,
                    y=y,
                    mode="lines",
                    stackgroup=side,
                    name=name if side == "down" else f"{name}, uphill",
                    line={"width": 0.5, "color": css(colour)},
                    fillcolor=css(colour, 0.75 if side == "down" else 0.4),
                    hovertemplate="%{y:.0%}",
                    legendgroup=name,
                    showlegend=side == "down",
                )
            )
    below = np.nansum(shares.clip(max=0), 1)
    low = float(below.min(initial=0.0))
    if low < 0:
        x, y = as_lists(step, shares.sum(1))
        traces.append(
            go.Scatter(
                x=x,
                y=y,
                mode="lines",
                name="together",
                line={"width": 2, "color": css(colours.control), "dash": "4px,3px"},
                hovertemplate="%{y:.0%}",
            )
        )
    nothing = len(step) > 0 and not np.isfinite(shares).any()
    said = "No layer moves the loss, or no network is left."
    return go.Figure(
        traces,
        base(
            colours,
            annotations=[words(said, 0.5, 0.5, colours.soft, xanchor="center")] if nothing else [],
            meta=picture("Who does the work: shares of the descent"),
            hovermode="x unified",
            showlegend=True,
            legend=_LEGEND,
            margin={"l": 62, "r": 16, "t": 60, "b": 44},  # the legend takes two rows on a telephone
            xaxis=_steps(colours, "y", step),
            yaxis=axis(
                colours,
                "share of the change",
                tickformat=".0%",
                range=[min(0.0, 1.05 * low), 1.02],
            ),
        ),
    )


def distances_figure(found: Arrays, theme: str | None = None) -> go.Figure:
    """Displacement and path length, the agreement of consecutive updates, and what a step does.

    Args:
        found: medians over replicates, a colour a layer: ``step`` (P,), ``displacement``,
            ``path_length``, ``update_cosine`` (P, L), ``loss_change``, ``predicted_loss_change``
            (P,).
        theme: light or dark.
    """
    colours = palette(theme)
    step, count = found["step"], found["displacement"].shape[1]
    names, inks = layer_names(count), layer_colours(count, colours)
    domains = {"y": (0.6, 1.0), "y2": (0.31, 0.52), "y3": (0.0, 0.23)}
    titles = {
        "y": ("Distance", "solid: from start; dotted: path"),
        "y2": ("cos(u<sub>t</sub>, u<sub>t−1</sub>)", "1: drifting; 0: diffusing"),
        "y3": ("Change of loss", "dotted: predicted"),
    }
    # What a colour means: a line of nothing for each layer, which shows and hides all of its own.
    traces = [
        go.Scatter(
            x=[None],
            y=[None],
            mode="lines",
            name=name,
            legendgroup=name,
            line={"color": css(ink), "width": 2},
        )
        for name, ink in zip(names, inks, strict=True)
    ]
    for what, name, dash, text in (
        ("displacement", "y", "solid", "%{y:.3g}"),
        ("path_length", "y", "dot", "%{y:.3g}"),
        ("update_cosine", "y2", "solid", "%{y:.2f}"),
    ):
        for layer in range(count):
            label = f"{what.replace('_', ' ')}, {names[layer]}"
            line = _line(step, found[what][:, layer], name, label, inks[layer], dash, text)
            traces.append(line.update(legendgroup=names[layer]))
    for what, dash, colour in (
        ("predicted_loss_change", "dot", colours.ink),
        ("loss_change", "solid", colours.accent),
    ):
        label = "predicted" if dash == "dot" else "happened"
        traces.append(_line(step, found[what], "y3", label, colour, dash, "%{y:.3g}"))
    return go.Figure(
        traces,
        base(
            colours,
            hovermode="x unified",
            hoversubplots="axis",
            showlegend=True,
            legend=_LEGEND,
            meta={
                **picture("Distance, agreement of updates, change of loss"),
                "panels": {name: title for name, (title, _) in titles.items()},
            },
            # the legend, which takes two rows on a telephone, and the first panel's title
            margin={"l": 72, "r": 16, "t": 72, "b": 44},
            xaxis=_steps(colours, "y3", found["step"]),
            yaxis=axis(colours, domain=domains["y"], anchor="x", tickformat="~g"),
            yaxis2=axis(
                colours,
                domain=domains["y2"],
                anchor="x",
                tickformat="~g",
                nticks=5,
                autorangeoptions={"include": [0.0, 1.0]},
            ),
            yaxis3=axis(colours, domain=domains["y3"], anchor="x", tickformat="~g", nticks=5),
            shapes=[level(0, "y2", colours), level(0, "y3", colours)],
            annotations=[
                panel_title(*titles[name], 0, domains[name][1], colours) for name in domains
            ],
        ),
    )


def _steps(colours: Palette, anchor: str, steps: Array) -> dict[str, Any]:
    return axis(
        colours,
        "step",
        anchor=anchor,
        **whole_steps(int(steps[-1]) if len(steps) else 0),
        unifiedhovertitle={"text": "<b>step %{x:,d}</b>"},
    )


def _line(
    step: Array, values: Array, name: str, label: str, colour: Rgb, dash: str, text: str
) -> go.Scatter:
    x, y = as_lists(step, values)
    return go.Scatter(
        x=x,
        y=y,
        yaxis=name,
        mode="lines",
        name=label,
        line={"color": css(colour), "width": 2, "dash": dash},
        hovertemplate=text,
        showlegend=False,
    )


def msd_figure(found: Arrays | None, theme: str | None = None) -> go.Figure:
    """Mean squared displacement against lag on log axes, with the fitted exponents.

    Args:
        found: ``lags`` (B,) in steps, ``squared`` (B, L), ``exponent`` (L,) and ``factor`` (L,) of
            the fit ``factor lag^exponent``; None for the empty figure.
        theme: light or dark.
    """
    colours = palette(theme)
    # An axis that no trace belongs to is not drawn.
    traces: list[go.Scatter] = [] if found else [go.Scatter(x=[None], y=[None])]
    notes = []
    said = []
    if found is not None:
        count = found["squared"].shape[1]
        names, inks = layer_names(count), layer_colours(count, colours)
        for layer in range(count):
            x, y = as_lists(found["lags"], found["squared"][:, layer])
            exponent = float(found["exponent"][layer])
            traces.append(
                go.Scatter(
                    x=x,
                    y=y,
                    mode="markers",
                    name=names[layer],
                    marker={"color": css(inks[layer]), "size": 7},
                    hovertemplate="%{x:,.0f} steps: %{y:.3g}",
                )
            )
            ends = np.asarray(found["lags"], dtype=float)[[0, -1]]
            x, y = as_lists(ends, float(found["factor"][layer]) * ends**exponent)
            traces.append(
                go.Scatter(
                    x=x,
                    y=y,
                    mode="lines",
                    hoverinfo="skip",
                    name=f"{names[layer]}, fitted",
                    line={"color": css(inks[layer]), "width": 1.5, "dash": "dash"},
                )
            )
            said.append(f"{names[layer]} {exponent:.2f}")
            notes.append(
                words(
                    f"{names[layer]}: lag<sup>{exponent:.2f}</sup>",
                    0.02,
                    0.99 - 0.07 * layer,
                    colours.word(inks[layer]),
                    yanchor="top",
                )
            )
    return go.Figure(
        traces,
        base(
            colours,
            meta={
                **picture("Drifting or diffusing: mean squared displacement"),
                **({"words": f"Exponents: {', '.join(said)}."} if said else {}),
            },
            margin={"l": 72, "r": 16, "t": 16, "b": 44},
            xaxis=axis(
                colours,
                "lag, in steps",
                **log_scale(found["lags"] if found else []),
                **({} if found else {"range": [0, 4]}),
            ),
            yaxis=axis(
                colours,
                "mean squared displacement",
                **log_scale(found["squared"] if found else []),
                **({} if found else {"range": [-4, 2]}),
            ),
            annotations=notes,
        ),
    )


def landscape_figure(
    found: Arrays | None, names: Sequence[str] = (), theme: str | None = None
) -> go.Figure:
    """Paths of runs over the loss surface on a plane in weight space.

    Args:
        found: ``x`` (n,), ``y`` (n,) and ``surface`` (n, n), the loss, rows along y; of all
            checkpoints ``at`` (K, 2) their coordinates, ``run`` (K,) the run each belongs to,
            ``steps`` (K,), ``update`` and ``gradient`` (K, 2), where the scheme goes and where the
            loss falls, and ``off`` (K,) their distances from the plane; None before there is any.
        names: of the runs.
        theme: light or dark.
    """
    colours = palette(theme)
    if found is None:
        hidden = {"visible": False, "range": [0, 1]}
        return go.Figure(layout=base(colours, xaxis=hidden, yaxis=hidden))
    traces: list[Any] = [_surface(found, colours)]
    notes: list[dict[str, Any]] = []
    span = float(np.ptp(found["x"]))
    for run in np.unique(found["run"]):
        own = found["run"] == run
        colour = colours.walks[int(run) % len(colours.walks)]
        path = found["at"][own]
        traces.append(
            go.Scatter(
                x=path[:, 0].tolist(),
                y=path[:, 1].tolist(),
                customdata=list(
                    zip(found["steps"][own].tolist(), found["off"][own].tolist(), strict=True)
                ),
                mode="lines+markers",
                name=plain(names[int(run)]) if int(run) < len(names) else f"run {int(run) + 1}",
                line={"color": css(colour), "width": 2},
                marker={"size": 6, "color": css(colour)},
                hovertemplate="step %{customdata[0]:,d}<br>%{customdata[1]:.3g} off the plane",
            )
        )
        places = np.flatnonzero(own)
        chosen = places[np.unique(np.linspace(0, len(places) - 1, _ARROWS).astype(int))]
        for place in chosen:
            start = found["at"][place]
            for direction, ink in (("gradient", colours.soft), ("update", colour)):
                notes += _arrow(start, found[direction][place], span, ink)
    notes.append(words("more colour: lower loss", 1, 1, colours.soft, xanchor="right"))

    def side(title: str, name: str, **more: Any) -> dict[str, Any]:
        ends = [float(found[name][0]), float(found[name][-1])]
        return axis(colours, title, tickformat="~g", constrain="domain", range=ends, **more)

    return go.Figure(
        traces,
        base(
            colours,
            showlegend=_n_runs(found) > 1,
            legend=_LEGEND,
            meta={**picture("Paths over the loss surface"), "weights": True},
            margin=_margin(found),
            xaxis=side("first direction", "x"),
            yaxis=side("second direction", "y", scaleanchor="x", scaleratio=1),
            annotations=notes,
        ),
    )


def landscape_height(found: Arrays | None) -> str:
    """The chart's height in CSS: that at which the surface is as wide as the box that holds the
    chart, which has to be a size container, but no more than a screen's."""
    if found is None:
        return "240px"
    margin = _margin(found)
    across, upright = margin["l"] + margin["r"], margin["t"] + margin["b"]
    ratio = float(np.ptp(found["y"]) / np.ptp(found["x"]))
    return f"min(640px, {ratio:.4f} * (100cqw - {across}px) + {upright}px)"


def _n_runs(found: Arrays) -> int:
    return len(np.unique(found["run"]))


def _margin(found: Arrays) -> dict[str, int]:
    """Around the landscape, in pixels: a row of the legend for each run, where there are several,
    and one for a note."""
    rows = _n_runs(found) if _n_runs(found) > 1 else 0
    return {"l": 62, "r": 16, "t": 30 + 20 * rows, "b": 44}


def _surface(found: Arrays, colours: Palette) -> go.Contour:
    with np.errstate(divide="ignore", invalid="ignore"):
        height = np.log10(found["surface"])
    height = np.where(np.isfinite(height), height, np.nan)
    (z,) = as_lists(np.ravel(height))
    width = len(found["x"])
    return go.Contour(
        x=found["x"].tolist(),
        y=found["y"].tolist(),
        z=[z[row * width : (row + 1) * width] for row in range(len(found["y"]))],
        customdata=found["surface"].tolist(),
        ncontours=24,
        # Opaque: plotly fills one level upon the other, and what shines through would add up.
        colorscale=[[0, css(colours.surface)], [1, css(colours.panel)]],
        line={"width": 0.7, "color": css(colours.soft, 0.5)},
        showscale=False,
        hovertemplate="loss %{customdata:.4g}<extra></extra>",
    )


def _arrow(start: Array, direction: Array, span: float, colour: Rgb) -> list[dict[str, Any]]:
    """An arrow of one length whatever the direction's, which only says where it points; none
    where it has no direction."""
    length = float(np.hypot(*direction))
    if not length > 0:
        return []
    tip = start + 0.07 * span * direction / length
    arrow = {
        "x": float(tip[0]),
        "y": float(tip[1]),
        "ax": float(start[0]),
        "ay": float(start[1]),
        "xref": "x",
        "yref": "y",
        "axref": "x",
        "ayref": "y",
        "text": "",
        "showarrow": True,
        "arrowhead": 2,
        "arrowsize": 0.9,
        "arrowwidth": 1.8,
        "arrowcolor": css(colour),
    }
    return [arrow]
