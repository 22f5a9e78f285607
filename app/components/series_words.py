"""What a series of spectra shows, in words that are computed from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_STILL_SHARE, _STILL_DEG = 0.002, 0.5  # a change that the chart does not show either


def series_words(steps: Array, series: Mapping[str, Array]) -> str:
    """From the first to the last checkpoint that is computed, whichever way it went.

    Args:
        steps: (T,) of the checkpoints.
        series: ``unstable_share`` from 0 to 1, nan where ``K`` decides nothing, ``angle_deg`` and
            ``decided``, (T,); nan where nothing is computed yet.
    """
    there = np.flatnonzero(np.isfinite(series["angle_deg"]))
    if len(there) < 2:
        return ""
    first, last = there[0], there[-1]
    angle = _went(series["angle_deg"][[first, last]], _STILL_DEG, lambda value: f"{value:.1f}°")
    begin = f"From step {int(steps[first]):,} to step {int(steps[last]):,}"
    shares = series["unstable_share"][[first, last]]
    if not np.isfinite(shares).all():
        parts = [f"{begin} the angle {angle}."]
        if not np.nan_to_num(series["decided"][there]).all():
            parts.append("Where K decides nothing about the scheme, no share of modes is drawn.")
        return " ".join(parts)
    modes = _went(shares, _STILL_SHARE, lambda value: f"{100 * value:.1f} %")
    return f"{begin} the share of modes below 0 {modes}, and the angle {angle}."


def _went(ends: Array, still: float, told: Any) -> str:
    start, end = (float(value) for value in ends)
    if abs(end - start) <= still:
        return f"stayed at {told(end)}"
    return f"{'rose' if end > start else 'fell'} from {told(start)} to {told(end)}"
