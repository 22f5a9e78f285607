"""The 8 x 8 digits that ship with scikit-learn (Alpaydin and Kaynak 1998)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fa_engine.data.samples import DataOptions, Samples

N_TRAIN, N_TEST = 1438, 359


def read_digits(_data_dir: Path, _options: DataOptions) -> Samples:
    """All 1797 in one fixed random order; of every class the last fifth is the test set."""
    from sklearn.datasets import load_digits  # takes a second: only where it is needed

    digits = load_digits()
    # They come in runs of 0 to 9.
    order = np.random.RandomState(0).permutation(len(digits.target))
    images, labels = digits.images.astype(np.uint8)[order], digits.target.astype(np.uint8)[order]
    test = last_of_each_class(labels, N_TEST)
    return images[~test], labels[~test], images[test], labels[test]


def last_of_each_class(labels: NDArray[Any], count: int) -> NDArray[np.bool_]:
    """Which samples are among the last of their class, every class by its share.

    Args:
        labels: ``(n,)``, classes from 0.
        count: how many in all; what does not divide goes to the classes that miss most.
    """
    sizes = np.bincount(labels)
    exact = count * sizes / len(labels)
    taken = exact.astype(np.int64)
    missing = np.argsort(taken - exact, kind="stable")[: count - taken.sum()]
    taken[missing] += 1
    chosen = np.zeros(len(labels), dtype=bool)
    for label, n in enumerate(taken):
        own = np.flatnonzero(labels == label)
        chosen[own[len(own) - n :]] = True
    return chosen
