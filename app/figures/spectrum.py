"""The spectrum of the feedback kernel in the complex plane, and the spectra beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from app.figures.look import (
    SymmetricLog,
    axis,
    base,
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
