"""Many replicates to one line and a band: what the charts show and the live stream carries.

Every measure becomes one or more *bands*, named by a key: ``loss``, ``accuracy``, ``test_loss``,
``test_accuracy`` and, one per hidden layer from the bottom up, ``gradient_angle_deg/1``,
``gradient_angle_deg/2`` and so on.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fa_engine.spread import HIGH, LOW, quantiles

Array = NDArray[Any]

SIGNIFICANT = 6
"""Digits kept on the way to the browser: more than a screen can show, half the bytes."""


class Rows(Protocol):
    """What of a series of measurements is charted. T rows, R replicates, L layers.

    Attributes:
        step: (T,) steps since the start.
        loss, accuracy, test_loss, test_accuracy: (T, R), nan where not evaluated.
        gradient_angle_deg: (T, R, L-1), nan where undefined.
    """

    @property
    def step(self) -> Array: ...
    @property
    def loss(self) -> Array: ...
    @property
    def accuracy(self) -> Array: ...
    @property
    def test_loss(self) -> Array: ...
    @property
    def test_accuracy(self) -> Array: ...
    @property
    def gradient_angle_deg(self) -> Array: ...


@dataclass(frozen=True)
class Band:
    """Median and central 80 % over replicates, along the steps of a run.

    Attributes:
        step: (T,) steps.
        median: (T,), nan where no replicate has a value.
        low, high: (T,) the 10 % and 90 % quantiles, or None with a single replicate.
    """

    step: Array
    median: Array
    low: Array | None
    high: Array | None

    def as_json(self) -> dict[str, list[Any]]:
        """Lists: ``step``, ``median`` and, with replicates, ``low`` and ``high``."""
        found = {"step": self.step.tolist(), "median": as_list(self.median)}
        if self.low is not None and self.high is not None:
            found |= {"low": as_list(self.low), "high": as_list(self.high)}
        return found

    def lines(self, limit: int) -> dict[str, tuple[list[Any], list[Any]]]:
        """Lists for a chart, ``(x, y)`` each, with at most ``limit`` points a line."""
        found = {"median": _line(self.step, self.median, limit)}
        if self.low is not None and self.high is not None:
            found["low"] = _line(*closed(self.step, self.low, self.median), limit)
            found["high"] = _line(*closed(self.step, self.high, self.median), limit)
        return found


def closed(step: Array, edge: Array, median: Array) -> tuple[Array, Array]:
    """Steps and heights of an ``edge`` (T,) of a band that is closed wherever it is not defined.

    Both edges of a band meet there, at the last defined median before, so that a gap holds nothing;
    plotly would fill it. They meet at the very steps at which a gap begins and ends, by a point
    more at each of them.
    """
    defined = np.isfinite(median)
    places = np.where(defined, np.arange(len(median)), -1)
    before = np.maximum.accumulate(places) if len(places) else places
    filled = np.where(np.isfinite(edge) | (before < 0), edge, median[before])
    turns = np.flatnonzero(defined[1:] != defined[:-1]) + 1
    turns = turns[before[turns - 1] >= 0]  # before its first value a band has nothing to close
    at = np.where(defined[turns], step[turns], step[turns - 1])
    return np.insert(step, turns, at), np.insert(filled, turns, median[before[turns - 1]])


def bands(rows: Rows) -> dict[str, Band]:
    """Every charted measure of ``rows``, by key. Test measures only where they were evaluated, and
    where no replicate is left: there they have ended as the others have."""
    step = np.asarray(rows.step)
    found = {"loss": band(step, rows.loss), "accuracy": band(step, rows.accuracy)}
    evaluated = ~np.isnan(rows.test_loss).all(axis=1) | np.isnan(rows.loss).all(axis=1)
    found["test_loss"] = band(step[evaluated], rows.test_loss[evaluated])
    found["test_accuracy"] = band(step[evaluated], rows.test_accuracy[evaluated])
    for layer in range(rows.gradient_angle_deg.shape[2]):
        found[f"gradient_angle_deg/{layer + 1}"] = band(step, rows.gradient_angle_deg[:, :, layer])
    return found


def band(step: Array, values: Array) -> Band:
    """The band of ``values`` (T, R). Replicates without a value (nan) are left out."""
    if values.shape[1] == 1:
        return Band(step, np.asarray(values[:, 0], dtype=float), None, None)
    low, median, high = quantiles(values, (LOW, 0.5, HIGH))
    return Band(step, median, low, high)


def thin(values: Array, limit: int) -> Array:
    """Indices of at most ``limit`` of ``values`` (T,) that keep the look of the line.

    The first and the last point stay; of every bucket between them the lowest and the highest.
    """
    count = len(values)
    if count <= limit:
        return np.arange(count)
    edges = np.linspace(1, count - 1, (limit - 2) // 2 + 1).astype(int)
    kept = [0, count - 1]
    for start, stop in itertools.pairwise(edges):
        bucket = values[start:stop]
        finite = np.isfinite(bucket)
        if finite.any():
            kept.append(start + int(np.argmin(np.where(finite, bucket, np.inf))))
            kept.append(start + int(np.argmax(np.where(finite, bucket, -np.inf))))
        else:  # a gap stays a gap
            kept.append(start)
    return np.unique(kept)


def as_list(values: Array) -> list[float | None]:
    """A plain list, rounded to ``SIGNIFICANT`` digits, None for what is not a finite number.

    Plain lists because a numpy array reaches the browser as packed bytes, which a chart cannot
    extend.
    """
    values = np.asarray(values, dtype=float)
    finite = np.isfinite(values)
    size = np.abs(np.where(finite & (values != 0), values, 1.0))
    scale = 10.0 ** (SIGNIFICANT - 1 - np.floor(np.log10(size)))
    rounded = np.where(finite, np.round(values * scale) / scale, np.nan)
    return [value if ok else None for value, ok in zip(rounded.tolist(), finite, strict=True)]


def _line(step: Array, values: Array, limit: int) -> tuple[list[Any], list[Any]]:
    kept = thin(values, limit)
    return step[kept].tolist(), as_list(values[kept])
