"""The 8 x 8 digits that ship with scikit-learn (Alpaydin and Kaynak 1998)."""

from __future__ import annotations

import gzip
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fa_engine.data.samples import DataOptions, DatasetError, Samples

N_TRAIN, N_TEST = 1438, 359


def read_digits(_data_dir: Path, _options: DataOptions) -> Samples:
    """All 1797 in one fixed random order; of every class the last fifth is the test set."""
    images, labels = _shipped()
    # They come in runs of 0 to 9.
    order = np.random.RandomState(0).permutation(len(labels))
    images, labels = images[order], labels[order]
    test = last_of_each_class(labels, N_TEST)
    return images[~test], labels[~test], images[test], labels[test]


def _shipped() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images ``(n, 8, 8)`` and labels ``(n,)``, from scikit-learn's own file: to import it takes
    seconds of a processor, and brings SciPy and pandas along."""
    package = find_spec("sklearn")
    if package is None or not package.submodule_search_locations:
        raise DatasetError("digits come with scikit-learn, which is not installed")
    path = Path(package.submodule_search_locations[0], "datasets", "data", "digits.csv.gz")
    try:
        with gzip.open(path, "rt") as file:
            rows = np.loadtxt(file, delimiter=",", dtype=np.uint8)
    except (OSError, ValueError) as error:
        raise DatasetError(f"digits: scikit-learn's {path.name} cannot be read: {error}") from error
    return rows[:, :-1].reshape(-1, 8, 8), rows[:, -1]


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
