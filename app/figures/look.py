"""The look that the lab's figures share."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.figures.palette import Palette, Rgb, css

FONT = (
    "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Source Sans Pro', sans-serif"
)
"""A browser takes the first; a PDF is written in the last that has a name (app/files/pdf.py)."""

_CLEAR = "rgba(0,0,0,0)"
_DECADES = 8  # below the largest value: what single precision tells from 0


def base(colours: Palette, **more: Any) -> dict[str, Any]:
    """Layout of a figure without its axes."""
    return {
        "template": None,
        "paper_bgcolor": _CLEAR,
        "plot_bgcolor": _CLEAR,
        "font": {"family": FONT, "size": 13, "color": css(colours.ink)},
        "margin": {"l": 62, "r": 16, "t": 26, "b": 44},
        "showlegend": False,
        "hovermode": "closest",
        "hoverlabel": {
            "font": {"size": 13, "color": css(colours.ink)},
            "bgcolor": css(colours.panel),
            "bordercolor": css(colours.grid),
            "namelength": -1,
        },
        "dragmode": "zoom",
        "modebar": {
            "bgcolor": _CLEAR,
            "color": css(colours.soft),
            "activecolor": css(colours.accent),
        },
        **more,
    }


def picture(
    title: str,
    legend: Mapping[str, str] | None = None,
    notes: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """What a saved picture of a figure needs beside it; for ``layout.meta`` (assets/picture.js).

    Args:
        title: of the picture, and part of its file's name.
        legend: names of traces -> what the picture calls them, where the page explains them in its
            own words. Without it, traces that say that they belong to a legend.
        notes: annotations for what else the page writes beside the chart.
    """
    return {"picture": {"title": title, "legend": legend, "notes": list(notes)}}


def axis(colours: Palette, title: str = "", **more: Any) -> dict[str, Any]:
    """One axis with its title."""
    named = {
        "title": {"text": title, "standoff": 6, "font": {"color": css(colours.soft), "size": 13}}
    }
    return {
        "gridcolor": css(colours.grid),
        "zeroline": False,
        "tickfont": {"color": css(colours.soft)},
        "automargin": False,
        **(named if title else {}),
        **more,
    }


def log_scale(values: Any, about: int = 5) -> dict[str, Any]:
    """A logarithmic axis for ``values``, with ``about`` so many ticks however many decades they
    span: powers of ten, with 2 and 5 between them where there is room for those."""
    values = np.asarray(values, dtype=float)
    values = values[np.isfinite(values) & (values > 0)]
    span = float(np.ptp(np.log10(values))) if len(values) else 0.0
    scale: dict[str, Any] = {"type": "log", "exponentformat": "power"}
    if span < 0.6:
        return scale | {"nticks": about}
    return scale | {"dtick": "D2" if 3 * span <= about + 1 else math.ceil(span / about)}


def whole_steps(last: int) -> dict[str, Any]:
    """A linear axis of steps up to ``last``, none of them halved."""
    return {
        "tickformat": ",d",
        "rangemode": "tozero",
        "dtick": 1 if 0 < last <= 10 else None,
    }


def words(
    text: str,
    x: float | str,
    y: float | str,
    colour: Rgb,
    xref: str = "paper",
    yref: str = "paper",
    **more: Any,
) -> dict[str, Any]:
    """A note on a figure."""
    return {
        "text": text,
        "x": x,
        "y": y,
        "xref": xref,
        "yref": yref,
        "showarrow": False,
        "xanchor": "left",
        "yanchor": "bottom",
        "font": {"size": 13, "color": css(colour)},
        **more,
    }


def panel_title(name: str, remark: str, x: float, y: float, colours: Palette) -> dict[str, Any]:
    """The name of a panel and a remark beside it, above its upper edge."""
    soft = f"<span style='color:{css(colours.soft)};font-size:12px'>{remark}</span>"
    return words(f"<b>{name}</b>  {soft}", x, y, colours.ink)


class SymmetricLog:
    """An axis that is linear around 0 and logarithmic beyond, on either side of it.

    Args:
        largest: the largest magnitude to be shown.
    """

    def __init__(self, largest: float) -> None:
        top = int(np.ceil(np.log10(largest))) if largest > 0 and np.isfinite(largest) else 0
        self._powers = range(top - _DECADES + 1, top + 1)
        self._unit = 10.0 ** (top - _DECADES)
        self.top = 10.0**top  # the power of ten that the axis goes up to

    def __call__(self, values: Any) -> NDArray[np.float64]:
        """Where ``values`` stand."""
        values = np.asarray(values, dtype=float)
        places: NDArray[np.float64] = np.arcsinh(values / (2 * self._unit)) / np.log(10)
        return places

    def ticks(self, every: int = 2) -> dict[str, Any]:
        """Its ticks: 0 and powers of ten, one in ``every`` with its number, from the largest on."""
        powers = list(self._powers)
        named = set(powers[::-every])
        values = [-(10.0**p) for p in powers[::-1]] + [0.0] + [10.0**p for p in powers]
        marked = [p in named for p in powers]
        return {
            "tickmode": "array",
            "tickvals": self(values).tolist(),
            "ticktext": [
                _power(value) if show else ""
                for value, show in zip(values, [*marked[::-1], True, *marked], strict=True)
            ],
        }


def _power(value: float) -> str:
    if value == 0:
        return "0"
    sign = "−" if value < 0 else ""
    size = abs(value)
    if 0.01 <= size <= 100:
        return f"{sign}{size:g}"
    return f"{sign}10<sup>{round(np.log10(size))}</sup>".replace("<sup>-", "<sup>−")


def as_lists(*arrays: Any) -> list[list[Any]]:
    """Plain lists for a chart, None for what is not a finite number."""
    found = []
    for array in arrays:
        values = np.asarray(array, dtype=float)
        found.append([v if np.isfinite(v) else None for v in values.tolist()])
    return found


def rule(x: float, colours: Palette, xref: str = "x") -> dict[str, Any]:
    """A vertical line across all panels."""
    return {
        "type": "line",
        "xref": xref,
        "yref": "paper",
        "x0": x,
        "x1": x,
        "y0": 0,
        "y1": 1,
        "layer": "below",
        "line": {"color": css(colours.control), "width": 1.5},
    }


def level(y: float, yref: str, colours: Palette, x: Sequence[float] = (0, 1)) -> dict[str, Any]:
    """A dotted horizontal line."""
    return {
        "type": "line",
        "xref": "paper",
        "x0": x[0],
        "x1": x[1],
        "yref": yref,
        "y0": y,
        "y1": y,
        "layer": "below",
        "line": {"color": css(colours.soft), "width": 1.5, "dash": "3px,4px"},
    }


def plain(text: str) -> str:
    """A text that is no markup, and no template, wherever plotly writes it: names that people have
    given."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("%{", "% {")
