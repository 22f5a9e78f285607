"""A data set of arrays that somebody has: checked, copied, and never written into."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fa_engine.data.samples import DataOptions, Samples


def samples_of(
    x_train: Any, y_train: Any, x_test: Any, y_test: Any
) -> tuple[Samples, tuple[int, ...], int]:
    """Samples and targets as NumPy arrays of their own.

    Args:
        x_train: ``(n, ...)`` samples.
        y_train: ``(n,)`` labels, whole numbers from 0 on, or ``(n, c)`` targets.
        x_test, y_test: likewise.

    Returns:
        The samples; the shape of one, and the number of outputs.

    Raises:
        ValueError: which array is wrong, in what, and what is allowed.
    """
    xs = [_numbers("x_train", x_train), _numbers("x_test", x_test)]
    ys = [_numbers("y_train", y_train), _numbers("y_test", y_test)]
    for name, x, y in zip(("train", "test"), xs, ys, strict=True):
        if x.ndim < 2 or not x.size:
            raise ValueError(f"x_{name} has the shape {x.shape}: allowed is (n, ...), none of it 0")
        if y.ndim not in (1, 2) or len(y) != len(x):
            raise ValueError(
                f"y_{name} has the shape {y.shape}: allowed is ({len(x)},) or ({len(x)}, c), a "
                f"target for each sample of x_{name}"
            )
    if xs[0].shape[1:] != xs[1].shape[1:]:
        raise ValueError(
            f"x_test has samples of shape {xs[1].shape[1:]}: allowed is that of x_train, "
            f"{xs[0].shape[1:]}"
        )
    if ys[0].shape[1:] != ys[1].shape[1:]:
        raise ValueError(
            f"y_test has targets of shape {ys[1].shape[1:]}: allowed is that of y_train, "
            f"{ys[0].shape[1:]}"
        )
    if ys[0].ndim == 2:
        return (xs[0], ys[0], xs[1], ys[1]), xs[0].shape[1:], ys[0].shape[1]
    classes = max(int(ys[0].max()) + 1, 2)
    for name, y in zip(("y_train", "y_test"), ys, strict=True):
        wrong = (y != np.floor(y)) | (y < 0) | (y >= classes)
        if wrong.any():
            at = int(wrong.argmax())
            raise ValueError(
                f"{name}[{at}] = {y[at]:g}: allowed are whole numbers from 0 to {classes - 1}, the "
                "labels of y_train"
            )
    if not ys[0].any():
        raise ValueError("y_train has one class, 0: allowed are two or more")
    labels = [y.astype(np.int64) for y in ys]
    return (xs[0], labels[0], xs[1], labels[1]), xs[0].shape[1:], classes


def _numbers(name: str, given: Any) -> NDArray[np.float64]:
    if hasattr(given, "detach"):  # a tensor, of whatever device
        given = given.detach().cpu().numpy()
    try:
        array = np.array(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is no array of numbers: allowed is one") from None
    bad = ~np.isfinite(array)
    if bad.any():
        at = tuple(int(i) for i in np.argwhere(bad)[0])
        where = ", ".join(map(str, at))
        raise ValueError(f"{name}[{where}] = {array[at]:g}: allowed are finite numbers")
    return array


def reading(samples: Samples) -> Any:
    """What a :class:`~fa_engine.data.datasets.DatasetSpec` reads them with."""

    def read(_data_dir: Path, _options: DataOptions) -> Samples:
        return samples

    return read
