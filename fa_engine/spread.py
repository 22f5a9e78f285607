"""Many replicates to one line and a band around it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

LOW, HIGH = 0.1, 0.9
"""The band holds the central 80 % of the replicates."""


def quantiles(values: Array, shares: tuple[float, ...]) -> list[Array]:
    """Linear quantiles over the last axis of ``values`` (T, R), ignoring nan: a (T,) per share.

    One sort for all shares; ``numpy.nanquantile`` goes row by row in Python.
    """
    ordered = np.sort(np.asarray(values, dtype=float), axis=1)  # nan goes last
    count = (~np.isnan(ordered)).sum(axis=1)
    last = np.maximum(count - 1, 0)
    rows = np.arange(len(ordered))
    found = []
    for share in shares:
        place = share * last
        below = np.floor(place).astype(int)
        above = np.minimum(below + 1, last)
        lower, upper = ordered[rows, below], ordered[rows, above]
        # Where nothing is mixed, inf - inf and 0 * inf must not turn an inf into nan.
        with np.errstate(invalid="ignore"):
            mixed = lower + (place - below) * (upper - lower)
        found.append(np.where((lower == upper) | (place == below), lower, mixed))
    return found
