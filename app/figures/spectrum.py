"""The spectrum of the feedback kernel in the complex plane, and the spectra beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from app.figures.look import SymmetricLog, axis, base, picture, words
from app.figures.palette import Palette, Rgb, css, palette

Arrays = Mapping[str, NDArray[Any]]

# Rows under the plane: what is drawn, its name in words.
_ROWS = (
    ("bp", "Backpropagation's kernel, J Jᵀ"),
    ("error_eigenvalues", "As softmax errors feel it, H K"),
    ("symmetric", "Errors, uphill below 0, (K + Kᵀ)/2"),
)
_ROW_PX, _ROWS_PX = 44, 34  # a row with its name, and what the axis under them takes
_PLANE_PX = 340
_NOTHING: Arrays = {
    "eigenvalues": np.zeros(0, complex),
    "resolution": np.array(0.0),
    **{name: np.zeros(0) for name, _ in _ROWS},
}
_NONE = [None]  # an axis that no trace belongs to is not drawn
SPECTRUM_HEIGHT = _PLANE_PX + len(_ROWS) * _ROW_PX + _ROWS_PX + 56


def spectrum_figure(
    spectrum: Arrays | None, theme: str | None = None, reach: float = 0.0
) -> go.Figure:
    """The eigenvalues of ``K`` in the complex plane, and under it the spectra to compare.

    Args:
        spectrum: ``eigenvalues`` (complex), ``bp``, ``symmetric``, maybe ``error_eigenvalues``,
            and ``resolution``: the share of the largest that is rounding; maybe ``signal``, and
            ``stability`` and ``of_moment``: whether the modes may be called stable or not, or at
            this moment alone; None for the figure before there is any.
        theme: light or dark.
        reach: the largest magnitude among all spectra that the chart is to show one after another.
    """
    colours = palette(theme)
    spectrum = spectrum or _NOTHING
    modes = spectrum["eigenvalues"]
    modes = modes[np.isfinite(modes)]
    # What another signal than the error points at is not told by the symmetric part.
    hears_error = str(spectrum.get("signal", "error")) == "error"
    rows = [row for row in _ROWS if row[0] in spectrum and (hears_error or row[0] != "symmetric")]
    shown = [modes, *(spectrum[name] for name, _ in rows)]
    largest = max(float(np.nanmax(np.abs(s), initial=0.0)) for s in shown) or 1.0
    across = SymmetricLog(max(largest, reach if np.isfinite(reach) else 0.0))
    floor = float(spectrum["resolution"]) * float(np.abs(modes).max(initial=0.0))
    below = modes.real < -floor
    of_moment = bool(spectrum.get("of_moment", False))
    decided = bool(spectrum.get("stability", True)) or of_moment
    now = " now" if of_moment else ""
    # Where nothing is decided a mode is a mode, on whichever side. With another loss than squared
    # error it is H K that decides, in a row of its own.
    told = decided and "error_eigenvalues" not in spectrum
    neutral = (colours.accent, colours.accent)
    deciding = (colours.stable, colours.unstable) if decided else neutral
    good, bad = deciding if told else neutral
    names = ("stable", "unstable") if told and not of_moment else (f"above 0{now}", f"below 0{now}")
    traces = [
        _modes(modes[~below], names[0], good, across),
        _modes(modes[below], names[1], bad, across),
    ]
    for place, (name, remark) in enumerate(rows):
        inks = (colours.soft, colours.soft) if name == "bp" else deciding
        if name == "symmetric":
            inks = (colours.stable, colours.unstable)
        traces.append(_row(np.sort(spectrum[name].real), place, name, remark, floor, inks, across))
    edge = float(across(across.top)) * 1.04
    total = SPECTRUM_HEIGHT - 56
    rows_share = len(rows) * _ROW_PX / total
    remarks = []
    if told and len(modes):
        remarks = [
            words(f"these grow{now}", 0.01, 1.0, colours.unstable, yanchor="top"),
            words(f"these decay{now}", 0.99, 1.0, colours.stable, xanchor="right", yanchor="top"),
        ]
    return go.Figure(
        traces,
        base(
            colours,
            meta={
                **picture("Spectrum of the feedback kernel"),
                **({"words": _words(modes, below, names[1], spectrum)} if len(modes) else {}),
            },
            margin={"l": 62, "r": 12, "t": 44, "b": 44},
            xaxis=axis(
                colours,
                "real part (logarithmic on either side of 0)",
                anchor="y2",
                range=[-edge, edge],
                tickangle=0,
                tickfont={"size": 12, "color": css(colours.soft)},
                **across.ticks(),
            ),
            yaxis=axis(
                colours,
                "imaginary part",
                domain=[rows_share + _ROWS_PX / total, 1],
                range=[-edge, edge],
                **across.ticks(every=1),
            ),
            yaxis2=axis(
                colours,
                domain=[0, rows_share],
                range=[-0.45, len(rows) - 0.2],
                tickvals=[],
                showgrid=False,
                fixedrange=True,
            ),
            shapes=[
                {
                    "type": "rect",
                    "xref": "x",
                    "yref": "paper",
                    "x0": -3 * edge,
                    "x1": 0,
                    "y0": 0,
                    "y1": 1,
                    "layer": "below",
                    "fillcolor": css(bad if told else colours.soft, 0.1 if told else 0.07),
                    "line": {"width": 0},
                },
                *_ends(modes, across, colours),
            ],
            annotations=[
                *remarks,
                *(
                    words(
                        remark,
                        0.01,
                        place + 0.28,
                        colours.soft,
                        yref="y2",
                        font={"size": 12, "color": css(colours.soft)},
                    )
                    for place, (_, remark) in enumerate(rows)
                ),
                *_end_words(modes, across, colours),
            ],
        ),
    )


def _words(modes: NDArray[Any], below: NDArray[Any], name: str, spectrum: Arrays) -> str:
    """All that the spectrum comes to, in one sentence; ``name`` is that of the modes ``below``."""
    ends = f"real parts from {modes.real.min():.3g} to {modes.real.max():.3g}."
    said = f"{len(modes)} modes, {int(below.sum())} of them {name}; {ends}"
    if "error_unstable_share" not in spectrum:
        return said
    share = 100 * float(spectrum["error_unstable_share"])
    return f"{said} Of H K, which decides with this loss, {share:.1f} % are below 0."


def _ends(modes: NDArray[Any], across: SymmetricLog, colours: Palette) -> list[dict[str, Any]]:
    """Lines at the smallest and the largest real part."""
    if not len(modes):
        return []
    return [
        {
            "type": "line",
            "xref": "x",
            "yref": "y domain",
            "x0": float(across(value)),
            "x1": float(across(value)),
            "y0": 0,
            "y1": 1,
            "layer": "below",
            "line": {"color": css(colours.soft), "width": 1.2, "dash": "3px,3px"},
        }
        for value in (modes.real.min(), modes.real.max())
    ]


def _end_words(modes: NDArray[Any], across: SymmetricLog, colours: Palette) -> list[dict[str, Any]]:
    """The two numbers that the panel beside says too, above the plane."""
    if not len(modes):
        return []
    low, high = float(modes.real.min()), float(modes.real.max())
    # On a narrow screen what is centred on an end of the axis is cut.
    far = float(across(across.top)) / 2
    sides = ("left" if across(low) < -far else "right", "right" if across(high) > far else "center")
    return [
        words(
            f"{name} {value:.3g}".replace("-", "−"),
            float(across(value)),
            1.0,
            colours.ink,
            xref="x",
            xanchor=side,
            yshift=2,
            font={"size": 12, "color": css(colours.ink)},
        )
        for name, value, side in zip(("smallest", "largest"), (low, high), sides, strict=True)
    ]


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
    remark: str,
    floor: float,
    inks: tuple[Rgb, Rgb],
    across: SymmetricLog,
) -> go.Scatter:
    above, below = (css(ink, 0.7) for ink in inks)
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
                "color": [below if value < -floor else above for value in values],
            },
        },
        hovertemplate=f"%{{customdata:.4g}}<extra>{remark}</extra>",
    )
