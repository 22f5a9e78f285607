"""Values: what a study says of each network, one number a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.store import Series
from fa_engine.measures.catalogue import MEASURES, Measure

REACHED = (0.5, 0.8, 0.9, 0.95)
"""Test accuracies that it may take a while to reach."""

_ENDS = {"bottom": "bottom layer", "top": "top layer"}


@dataclass(frozen=True)
class Value:
    """One number of a network.

    Attributes:
        name: in addresses and answers.
        title: what a page calls it.
        unit: ``share``, ``°``, ``epochs`` and the like; may be empty.
        text: one sentence.
        best: ``lowest`` or ``highest``, where one of them is what is hoped for; else empty.
        log: whether a logarithmic scale suits it.
    """

    name: str
    title: str
    unit: str
    text: str
    best: str = ""
    log: bool = False

    def shown(self, number: float) -> str:
        """A number in the unit, short."""
        if not np.isfinite(number):
            return "–"
        if self.unit == "share":
            return f"{100 * number:.1f} %"
        return f"{number:.1f}°" if self.unit == "°" else f"{number:.3g}"


def _of(measure: Measure, end: str = "") -> Value:
    title = f"{measure.title}, {_ENDS[end]}" if end else measure.title
    name = f"{measure.name}.{end}" if end else measure.name
    text = f"{measure.text} The last measurement counts."
    return Value(name, title, measure.unit, text, measure.best, measure.log)


def _all() -> dict[str, Value]:
    found = [
        Value(
            "best_test_accuracy",
            "Best test accuracy",
            "share",
            "The highest share of the test set that was classified correctly.",
            "highest",
        )
    ]
    found += [
        Value(
            f"epochs_to_{round(100 * share)}",
            f"Epochs to {100 * share:.0f} % test accuracy",
            "epochs",
            "Of the first evaluation at which it was reached; none where it never was.",
            "lowest",
        )
        for share in REACHED
    ]
    for measure in MEASURES.values():
        ends = _ENDS if len(measure.shape) > 1 else ("",)
        found += [_of(measure, end) for end in ends]
    found.append(
        Value(
            "diverged",
            "Share diverged",
            "share",
            "Of the networks, those that are no longer finite at the end.",
            "lowest",
        )
    )
    return {value.name: value for value in found}


VALUES: Mapping[str, Value] = _all()
"""By name; a measure that is added to the engine is here without a word."""


def summed_up(series: Series, diverged_at: Sequence[int | None]) -> dict[str, NDArray[np.float64]]:
    """All values of the networks of a run, each ``(R,)``; nan where there is none.

    A network that has diverged has no last value; what it had reached before that counts.

    Args:
        series: T measurements of R networks.
        diverged_at: of each network the step from which on it is no longer finite, or None.
    """
    lost = np.array([step is not None for step in diverged_at])
    found: dict[str, NDArray[np.float64]] = {"diverged": lost.astype(np.float64)}
    accuracy = series.test_accuracy.astype(np.float64)
    found["best_test_accuracy"] = _where(_best(accuracy), ~lost)
    for share in REACHED:
        found[f"epochs_to_{round(100 * share)}"] = _first(accuracy, series.epoch, share)
    for measure in MEASURES.values():
        array = getattr(series, measure.name)
        if len(measure.shape) == 1:
            found[measure.name] = _where(_last(array), ~lost)
            continue
        for end, at in (("bottom", 0), ("top", -1)):
            there = array[:, :, at] if array.shape[2] else array.sum(2) + np.nan
            found[f"{measure.name}.{end}"] = _where(_last(there), ~lost)
    return found


def _last(array: NDArray[Any]) -> NDArray[np.float64]:
    """``(T, R)`` to the last of each that is finite."""
    if not len(array):
        return np.full(array.shape[1], np.nan)
    there = np.isfinite(array)
    last = len(array) - 1 - there[::-1].argmax(0)
    return _where(array[last, np.arange(array.shape[1])].astype(np.float64), there.any(0))


def _best(array: NDArray[np.float64]) -> NDArray[np.float64]:
    if not len(array):
        return np.full(array.shape[1], np.nan)
    there = np.isfinite(array)
    return _where(np.where(there, array, -np.inf).max(0), there.any(0))


def _first(accuracy: NDArray[np.float64], epoch: NDArray[Any], share: float) -> NDArray[np.float64]:
    if not len(accuracy):
        return np.full(accuracy.shape[1], np.nan)
    reached = accuracy >= share
    return _where(epoch[reached.argmax(0)].astype(np.float64), reached.any(0))


def _where(values: NDArray[np.float64], there: Any) -> NDArray[np.float64]:
    return np.where(there, values, np.nan)
