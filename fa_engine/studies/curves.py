"""What the arms of an experiment have measured, as lines that can be drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from fa_engine.measures.catalogue import MEASURES
from fa_engine.spread import HIGH, LOW, quantiles

MOST_POINTS = 240  # of a line: more are not seen in a chart of that width


class Curve(TypedDict):
    """One measure of one arm, and of one layer where it is of layers: median and band.

    Attributes:
        measure: its name.
        layer: from 1 at the bottom; None: of the whole network.
        step: of each point.
        low, middle, high: quantiles over the networks; None where there is no value.
    """

    measure: str
    layer: int | None
    step: list[int]
    low: list[float | None]
    middle: list[float | None]
    high: list[float | None]


def curves(series: Mapping[str, NDArray[Any]], measures: Sequence[str]) -> list[Curve]:
    """The lines of one arm.

    Args:
        series: of :meth:`fa_engine.files.collected.Collected.series`.
        measures: which; one that is undefined throughout has no line.
    """
    found = []
    for name in measures:
        values = np.asarray(series[name], dtype=float)
        layered = MEASURES[name].shape != "R"
        columns = values.shape[2] if layered else 1
        for column in range(columns):
            one = values[:, :, column] if layered else values
            measured = np.flatnonzero(~np.isnan(one).all(1))
            if not len(measured):
                continue
            chosen = measured[_spread_out(len(measured))]
            low, middle, high = quantiles(one[chosen], (LOW, 0.5, HIGH))
            found.append(
                Curve(
                    measure=name,
                    layer=column + 1 if layered else None,
                    step=[int(step) for step in series["step"][chosen]],
                    low=as_numbers(low),
                    middle=as_numbers(middle),
                    high=as_numbers(high),
                )
            )
    return found


def as_numbers(values: NDArray[Any]) -> list[float | None]:
    """As JSON has them: six digits, nothing where there is none."""
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in values]


def _spread_out(count: int) -> NDArray[np.int64]:
    """Places of at most :data:`MOST_POINTS` of so many, closer together at the beginning, where
    most happens."""
    if count <= MOST_POINTS:
        return np.arange(count)
    share = np.linspace(0, 1, MOST_POINTS) ** 2
    return np.unique(np.round(share * (count - 1)).astype(np.int64))
