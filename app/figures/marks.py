"""What stands beside the lines of the Train page's charts: their names at their ends, what was
changed, and ticks. The browser places all of it anew as a run goes on (assets/chart-marks.js and
assets/spread.js, by the same rules); this is for the first look, and holds what both need.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.figures.palette import Palette, css

GAP_PX, LEAST_PX = 16.0, 12.5
"""Between names at the ends of lines, where there is room for that, and where there is not."""

# Ends of the marks of changes, as shares of the chart's height: a lane above the panels' titles,
# where no line of data and no title is. Labels take turns in two rows above it.
_LANE = (0.948, 0.962)
_TEXTS = ("{}", "{}<br> ")


def _each(digits: Iterable[int], powers: range) -> list[float]:
    return [float(f"{digit}e{power}") for power in powers for digit in digits]


# Ticks of the loss by the decades that it spans at least, the browser's choice too.
_FINE = range(-11, 5)  # of two digits each: what a loss is while it is still on its way
_LEVELS: tuple[tuple[float, Sequence[float]], ...] = (
    (14.0, _each([1], range(-60, 60, 6))),
    (6.0, _each([1], range(-60, 60, 3))),
    (2.8, _each([1], range(-40, 40))),
    (0.6, _each([1, 2, 5], range(-40, 40))),
    (0.25, _each([10, 12, 15, 20, 25, 30, 40, 50, 60, 80], _FINE)),
    (0.1, _each([*range(10, 20), *range(20, 50, 2), *range(50, 100, 5)], _FINE)),
)


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places as near as can be to those wanted (in rising order), ``gap`` apart and within bounds.

    Nearest in the sense of least squares: where several want one place, they stand around it.
    """
    # Without the gaps it is a rising sequence that is looked for: neighbours that would fall are
    # pooled into their mean.
    pools: list[tuple[float, int]] = []
    for index, place in enumerate(wanted):
        pools.append((place - gap * index, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (one, few), (other, more) = pools.pop(-2), pools.pop()
            pools.append(((one * few + other * more) / (few + more), few + more))
    levels = [level for level, count in pools for _ in range(count)]
    top = max(low, high - gap * (len(levels) - 1))
    return [min(max(level, low), top) + gap * index for index, level in enumerate(levels)]


def gap_and_kept(count: int, room: float) -> tuple[float, list[int]]:
    """The gap between ``count`` names in ``room`` pixels, and which of them there is room for: all,
    or the first, the last, and every so many of those between."""
    fits = max(2, int(room / LEAST_PX) + 1)
    kept = list(range(count))
    if count > fits:
        kept = [round(place * (count - 1) / (fits - 1)) for place in range(fits)]
    return min(GAP_PX, room / max(1, len(kept) - 1)), kept


def power_words(value: float) -> str:
    """A number for a tick of a logarithmic axis: in full where that is short."""
    if 0.001 <= value < 10_000:
        return f"{value:g}"
    power = math.floor(math.log10(value) + 1e-9)
    digits = f"{value / 10.0**power:.3g}"
    times = "" if digits == "1" else f"{digits}×"
    return f"{times}10<sup>{power}</sup>".replace("<sup>-", "<sup>−")


def tick_levels() -> list[tuple[float, list[float], list[str]]]:
    """``(decades, values, words)``: the first level whose decades an axis exceeds is taken."""
    return [
        (decades, list(values), [power_words(value) for value in values])
        for decades, values in _LEVELS
    ]


def log_ticks(low: float, high: float) -> dict[str, Any]:
    """Ticks of a logarithmic axis from 10**low to 10**high: plotly's own crowd or vanish."""
    for decades, values, words in tick_levels():
        if high - low > decades and any(low <= math.log10(value) <= high for value in values):
            return {"tickmode": "array", "tickvals": values, "ticktext": words}
    return {"tickmode": "auto", "nticks": 5, "exponentformat": "power"}


def changes(
    steps: Sequence[int],
    labels: Sequence[str],
    domains: Mapping[str, tuple[float, float]],
    colours: Palette,
) -> list[dict[str, Any]]:
    """A line through every panel, but not through their titles, and a mark with its label in the
    lane above them, for each change."""
    marks = [
        mark(s, label, n % len(_TEXTS), colours)
        for n, (s, label) in enumerate(zip(steps, labels, strict=True))
    ]
    return [through(steps, domains, colours), *marks]


def through(
    steps: Sequence[int], domains: Mapping[str, tuple[float, float]], colours: Palette
) -> dict[str, Any]:
    """All lines through the panels as one shape."""
    path = "".join(
        f"M{step},{low}L{step},{high}" for step in steps for low, high in domains.values()
    )
    return {
        "type": "path",
        "name": "changes",
        "xref": "x",
        "yref": "paper",
        "path": path or "M0,0",
        "visible": bool(path),
        "layer": "below",
        "line": {"color": css(colours.control), "width": 1},
    }


def mark(step: int, label: str, row: int, colours: Palette) -> dict[str, Any]:
    """A mark in the lane, with its label beside it."""
    return {
        "type": "line",
        "name": "control",
        "xref": "x",
        "yref": "paper",
        "x0": step,
        "x1": step,
        "y0": _LANE[0],
        "y1": _LANE[1],
        "line": {"color": css(colours.control), "width": 1.5},
        "label": {
            "text": _TEXTS[row].format(label),
            "textposition": "end",
            "textangle": 0,
            "xanchor": "right",
            "yanchor": "bottom",
            "padding": 2,
            "font": {"size": 12, "color": css(colours.control)},
        },
    }


def rows(colours: Palette) -> list[dict[str, Any]]:
    """The mark of a change for each row of labels, to be filled in."""
    return [mark(0, "{}", row, colours) for row in range(len(_TEXTS))]


def leaders(ends: Sequence[tuple[float, float]], width: float, colours: Palette) -> dict[str, Any]:
    """Thin lines from the ends of lines to names that had to move aside, as one shape.

    Args:
        ends: where a line ends and where its name stands, as shares of the chart's height.
        width: of a leader, as a share of the chart's.
        colours: of the theme.
    """
    path = "".join(f"M1,{end}L{1 + width},{name}" for end, name in ends)
    return {
        "type": "path",
        "name": "leaders",
        "xref": "paper",
        "yref": "paper",
        "path": path or "M1,0",  # draws nothing, but has an element that the browser can extend
        "line": {"color": css(colours.soft), "width": 1},
    }
