"""A run's measurements reduced to what the Walk page draws: medians over replicates, thinned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

POINTS = 500  # a line
BINS = 160  # of the shares: those of single batches jump about
DISTANCES = ("displacement", "path_length", "update_cosine")
CHANGES = ("loss_change", "predicted_loss_change")


class WalkRows(Protocol):
    """What of a series of measurements is used. T rows, R replicates, L layers.

    Attributes:
        step: (T,).
        descent_rate, displacement, path_length, update_cosine: (T, R, L).
        loss_change, predicted_loss_change: (T, R).
    """

    @property
    def step(self) -> Array: ...
    @property
    def descent_rate(self) -> Array: ...
    @property
    def displacement(self) -> Array: ...
    @property
    def path_length(self) -> Array: ...
    @property
    def update_cosine(self) -> Array: ...
    @property
    def loss_change(self) -> Array: ...
    @property
    def predicted_loss_change(self) -> Array: ...


def walk_lines(rows: WalkRows) -> Mapping[str, Array]:
    """Lines of the whole run.

    Returns:
        ``share_step`` (B,) and ``shares`` (B, L), each layer's descent rate over the sum of the
        magnitudes of all; nan where no layer has any, or no replicate is left. ``step`` (P,) and,
        nan where nobody walked along, ``displacement``, ``path_length``, ``update_cosine`` (P, L),
        ``loss_change``, ``predicted_loss_change`` (P,).
    """
    step = np.asarray(rows.step)
    share_step, shares = _shares(step, np.asarray(rows.descent_rate, dtype=float))
    kept = np.unique(np.linspace(0, len(step) - 1, min(POINTS, len(step))).round().astype(int))
    found = {"share_step": share_step, "shares": shares, "step": step[kept]}
    for name in (*DISTANCES, *CHANGES):
        values = np.asarray(getattr(rows, name), dtype=float)[kept]
        found[name] = median(values)
    return found


def _shares(step: Array, descent: Array) -> tuple[Array, Array]:
    """``(B,)`` steps and ``(B, L)`` signed shares, each of the means over a stretch of steps.

    The rates of all layers may cancel or add up to an ascent: a share of their sum would then be
    any number. A share of the sum of their magnitudes is one of all that the layers do, and where
    none leads uphill it is that of the descent.
    """
    if len(step) == 0:
        return step, np.zeros((0, descent.shape[2]))
    edges = np.unique(np.linspace(0, len(step), min(BINS, len(step)) + 1).astype(int))[:-1]
    sizes = np.diff([*edges, len(step)])
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        means = np.add.reduceat(descent, edges, axis=0) / sizes[:, None, None]
        shares = means / np.abs(means).sum(2, keepdims=True)
        middle = median(shares)
        total = np.abs(middle).sum(1, keepdims=True)
        return step[edges], np.where(total > 0, middle / total, np.nan)


def median(values: Array) -> Array:
    """Over the replicates, the second axis, of those that have a value; nan where none has."""
    undefined: Array = np.all(np.isnan(values), axis=1)
    found: Array = np.nanmedian(np.where(undefined[:, None], 0.0, values), axis=1)
    found[undefined] = np.nan
    return found
