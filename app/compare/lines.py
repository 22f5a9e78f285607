"""Series to lines: one panel a measure and layer, one line a run or group, with its band.

Everything is computed from all measurements and thinned last, so that a thinned line shows the same
values at fewer points.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tsdownsample import MinMaxLTTBDownsampler

from fa_engine.measures.catalogue import Measure
from fa_engine.spread import HIGH, LOW, quantiles

Array = NDArray[Any]

POINTS = 24_000
"""Of all lines and bands of a page together: what a browser draws again within a frame."""

MOST, LEAST = 800, 64  # of one line
_CHUNK = 16  # points that are chosen together
_THINNER = MinMaxLTTBDownsampler()


@dataclass(frozen=True)
class Rows:
    """What a run has measured of one panel.

    Attributes:
        x: ``(T,)`` rising.
        values: ``(T, R)``; nan where undefined.
        left: ``(R,)`` whether a replicate is finite to the end; None: all are.
    """

    x: Array
    values: Array
    left: Array | None = None

    def which_are_left(self) -> Array:
        """``left``, said of each."""
        return np.ones(self.values.shape[1], dtype=bool) if self.left is None else self.left


@dataclass(frozen=True)
class Line:
    """One line of a panel, thinned, and what is said of it from all its points.

    Attributes:
        key: of the run or group.
        x, y: ``(P,)`` the median over the replicates, smoothed where that is asked for.
        low, high: ``(P,)`` the central 80 % of the replicates, or None with one replicate.
        raw: ``(P,)`` the median as it is, where ``y`` is smoothed.
        single: ``(R', P')`` of each replicate ``(x, y)``.
        best: ``(x, value)`` of the median, where the measure has a best.
        last: ``(x, value)`` of the median, smoothed or not: as it is. None where no replicate is
            left.
        at_cursor: the median at the last measurement up to the cursor, and where that is.
        spread: mean, standard deviation, smallest and largest over the replicates that are left, of
            the last value that each has.
        replicates: how many there are.
        left: how many of them are finite to the end.
    """

    key: str
    x: Array
    y: Array
    low: Array | None = None
    high: Array | None = None
    raw: Array | None = None
    single: Sequence[tuple[Array, Array]] = ()
    best: tuple[float, float] | None = None
    last: tuple[float, float] | None = None
    at_cursor: tuple[float, float] | None = None
    spread: Mapping[str, float] = field(default_factory=dict)
    replicates: int = 1
    left: int = 1


@dataclass(frozen=True)
class Panel:
    """One chart.

    Attributes:
        key: ``loss``, ``gradient_angle_deg/2``.
        measure: what is drawn.
        layer: from 1 at the bottom, or None.
        lines: those that have a value, and those that have none yet.
    """

    key: str
    measure: Measure
    layer: int | None
    lines: Sequence[Line]

    @property
    def title(self) -> str:
        """``Gradient angle, layer 2``."""
        return self.measure.title + (f", layer {self.layer}" if self.layer else "")


def line(
    key: str,
    parts: Sequence[Rows],
    measure: Measure,
    *,
    limit: int = MOST,
    smoothing: float = 0.0,
    singly: bool = False,
    log: bool = False,
    cursor: float | None = None,
) -> Line:
    """The line of one run, or of the replicates of several.

    Args:
        key: its name.
        parts: one of each run, at least one.
        measure: what it is.
        limit: points at most, gaps left out.
        smoothing: see :func:`smoothed`.
        singly: each replicate as a line too.
        log: the axis is logarithmic: points are chosen for that.
        cursor: where values are read off.
    """
    rows = together(parts)
    count = rows.values.shape[1]
    left = rows.which_are_left()
    low, middle, high = quantiles(rows.values, (LOW, 0.5, HIGH))
    y = smoothed(middle, smoothing) if smoothing else middle
    kept = thinned(y, limit, log)
    single = []
    if singly and count > 1:
        for replicate in range(count):
            own = rows.values[:, replicate]
            chosen = thinned(own, max(LEAST, limit // 4), log)
            single.append((rows.x[chosen], own[chosen]))
    return Line(
        key=key,
        x=rows.x[kept],
        y=y[kept],
        low=low[kept] if count > 1 else None,
        high=high[kept] if count > 1 else None,
        raw=middle[kept] if smoothing else None,
        single=single,
        best=_best(rows.x, middle, measure.best),
        last=_last(rows.x, middle) if left.any() else None,
        at_cursor=None if cursor is None else _last(*upto(rows.x, middle, cursor)),
        spread=_spread(rows.values[:, left]),
        replicates=count,
        left=int(left.sum()),
    )


def together(parts: Sequence[Rows]) -> Rows:
    """All replicates of several runs side by side. Where runs were measured at different places,
    each replicate is read off between its own two nearest; beyond its ends it has no value."""
    if len(parts) == 1:
        return parts[0]
    first = parts[0].x
    left = np.concatenate([part.which_are_left() for part in parts])
    if all(len(part.x) == len(first) and (part.x == first).all() for part in parts):
        return Rows(first, np.concatenate([part.values for part in parts], axis=1), left)
    x = np.unique(np.concatenate([part.x for part in parts]))
    columns = [
        _read_off(x, part.x, part.values[:, r])
        for part in parts
        for r in range(part.values.shape[1])
    ]
    return Rows(x, np.stack(columns, axis=1), left)


def smoothed(values: Array, weight: float) -> Array:
    """An exponential mean that forgets its beginning: ``weight`` is what the past counts.

    ``s_t = w s_{t-1} + (1 - w) y_t`` from 0, over ``1 - w^t``, t the number of values so far; what
    is undefined is left out and stays so.
    """
    from scipy.signal import lfilter  # takes a second, that only who smooths shall wait for

    found = np.full(len(values), np.nan)
    there = np.isfinite(values)
    count = int(there.sum())
    if count:
        past = lfilter([1 - weight], [1, -weight], np.asarray(values[there], dtype=float))
        found[there] = past / (1 - weight ** np.arange(1, count + 1))
    return found


def thinned(values: Array, limit: int, log: bool = False) -> Array:
    """Indices of about ``limit`` of ``values`` ``(T,)`` that keep the look of the line.

    They are chosen within stretches of equal length, so that the same ones stay chosen as a run
    goes on, until stretches become twice as long. The first and the last value stay, and an index
    without a value stands for each gap.
    """
    values = np.asarray(values, dtype=float)
    if log:
        values = np.where(values > 0, np.log10(np.where(values > 0, values, 1.0)), np.nan)
    there = np.flatnonzero(np.isfinite(values))
    if len(values) <= limit or not len(there):
        return np.arange(min(len(values), limit))
    stretch = _CHUNK
    while -(-len(values) // stretch) * _CHUNK > limit:
        stretch *= 2
    kept = [there[:1], there[-1:]]
    edges = np.searchsorted(there, np.arange(0, len(values) + stretch, stretch))
    for begin, end in itertools.pairwise(edges):
        inside = there[begin:end]
        if len(inside) > _CHUNK:
            chosen = _THINNER.downsample(np.ascontiguousarray(values[inside]), n_out=_CHUNK)
            inside = inside[chosen.astype(np.int64)]
        kept.append(inside)
    gaps = there[:-1][np.diff(there) > 1] + 1
    if there[-1] + 1 < len(values):
        gaps = np.append(gaps, there[-1] + 1)
    return np.unique(np.concatenate([*kept, gaps[:: max(1, 2 * len(gaps) // limit)]]))


def upto(x: Array, values: Array, cursor: float) -> tuple[Array, Array]:
    """Those at or before the cursor."""
    end = int(np.searchsorted(x, cursor, side="right"))
    return x[:end], values[:end]


def per_line(lines: int) -> int:
    """Points that one of so many lines of a page may have."""
    return max(LEAST, min(MOST, POINTS // (3 * max(1, lines))))  # a band has two edges


def _read_off(x: Array, own: Array, values: Array) -> Array:
    there = np.isfinite(values)
    if not there.any():
        return np.full(len(x), np.nan)
    return np.interp(x, own[there], values[there], left=np.nan, right=np.nan)


def _best(x: Array, values: Array, best: str) -> tuple[float, float] | None:
    if not best or not np.isfinite(values).any():
        return None
    at = int(np.nanargmin(values) if best == "lowest" else np.nanargmax(values))
    return float(x[at]), float(values[at])


def _last(x: Array, values: Array) -> tuple[float, float] | None:
    there = np.flatnonzero(np.isfinite(values))
    return (float(x[there[-1]]), float(values[there[-1]])) if len(there) else None


def _spread(values: Array) -> dict[str, float]:
    ends = []
    for column in values.T:
        there = np.flatnonzero(np.isfinite(column))
        if len(there):
            ends.append(float(column[there[-1]]))
    if not ends:
        return {}
    found = np.array(ends)
    return {
        "mean": float(found.mean()),
        "std": float(found.std(ddof=1)) if len(found) > 1 else float("nan"),
        "min": float(found.min()),
        "max": float(found.max()),
    }
