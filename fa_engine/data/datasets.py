"""Data sets: what they are called, how large they are, and how they become tensors.

``digits`` ships with scikit-learn and needs no network; ``teacher`` and ``spirals`` are made on the
spot. The others are read from their published files; where these are missing they are downloaded
once. All are checked byte for byte. The sources are in :mod:`fa_engine.data`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import torch
from numpy.typing import NDArray
from torch import Tensor

from fa_engine.data import cifar, digits, idx, synthetic
from fa_engine.data.samples import DataOptions, DatasetError, Read
from fa_engine.data.standard import standardise_
from fa_engine.registry import Registry
from fa_engine.seeding import LABELS, numpy_generator
from fa_engine.surroundings import undisturbed

__all__ = [
    "DATASETS",
    "DataOptions",
    "Dataset",
    "DatasetError",
    "DatasetSpec",
    "check_shapes",
    "default_data_dir",
    "load_dataset",
]


@dataclass(frozen=True)
class Dataset:
    """Samples on one device.

    Attributes:
        x_train: ``(n_train, n_features)``; pixels in [0, 1], coordinates about 0, or standardised.
        y_train: ``(n_train, c)``, one-hot; a teacher's outputs where they are to be matched.
        x_test: ``(n_test, n_features)``.
        y_test: ``(n_test, c)``.
        options: what was asked for when they were loaded; None: they come from elsewhere.
    """

    x_train: Tensor
    y_train: Tensor
    x_test: Tensor
    y_test: Tensor
    options: DataOptions | None = None

    def first(self, n_train: int) -> Dataset:
        """The same with only the first ``n_train`` training samples; all, where there are fewer."""
        return replace(self, x_train=self.x_train[:n_train], y_train=self.y_train[:n_train])


@dataclass(frozen=True)
class DatasetSpec:
    """What is known of a data set before it is loaded.

    Attributes:
        title: the name a person reads.
        shape: of one sample: ``(n,)``, or ``(height, width, channels)``.
        n_classes: classes, and so network outputs ``c``.
        n_train: training samples.
        n_test: test samples.
        read: ``(data_dir, options) -> (x_train, y_train, x_test, y_test)``; ``x`` of any shape per
            sample, channels last; ``y`` labels ``(n,)`` or targets ``(n, c)``.
        text: what the values are, and how they are split.
        scale: what a value is multiplied by.
    """

    title: str
    shape: tuple[int, ...]
    n_classes: int
    n_train: int
    n_test: int
    read: Read
    text: str
    scale: float = 1.0

    @property
    def n_features(self) -> int:
        """Values a sample."""
        return prod(self.shape)

    @property
    def image_shape(self) -> tuple[int, ...] | None:
        """``(height, width, channels)`` where samples are images."""
        return self.shape if len(self.shape) == 3 else None


def default_data_dir() -> Path:
    """``FA_DATA_DIR`` where it is set, else a folder in the user's cache."""
    configured = os.environ.get("FA_DATA_DIR")
    return Path(configured or platformdirs.user_cache_path("feedback-alignment") / "data")


@undisturbed
def load_dataset(
    name: str,
    data_dir: Path | str | None = None,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    options: DataOptions | None = None,
) -> Dataset:
    """The samples of data set ``name``.

    Args:
        name: a key of :data:`DATASETS`.
        data_dir: folder that holds one folder a data set; default
            :func:`~fa_engine.data.datasets.default_data_dir`.
        device: where the tensors live.
        dtype: their floating-point type.
        options: label noise, standardisation and what else a data set may be asked for.

    Raises:
        DatasetError: there is no such data set, or its files are neither there nor to be
            downloaded, or are damaged.
    """
    if name not in DATASETS:
        raise DatasetError(f"dataset = {name!r}: allowed is one of {', '.join(DATASETS)}")
    spec, options = DATASETS[name], options or DataOptions()
    directory = Path(data_dir or default_data_dir())
    x_train, y_train, x_test, y_test = spec.read(directory, options)
    x_train, y_train = x_train[: options.train_samples], y_train[: options.train_samples]
    if options.label_noise and y_train.ndim == 1:
        y_train = _noisy(y_train, spec.n_classes, options)

    def samples(values: NDArray[Any]) -> Tensor:
        flat = torch.from_numpy(values.reshape(len(values), -1))
        # A copy: what a source gave may be somebody's own.
        return flat.to(device, dtype, copy=True).mul_(spec.scale)

    def targets(values: NDArray[Any]) -> Tensor:
        if values.ndim == 2:
            return torch.from_numpy(values).to(device, dtype, copy=True)
        indices = torch.from_numpy(values.astype(np.int64))
        return torch.nn.functional.one_hot(indices, spec.n_classes).to(device, dtype)

    data = Dataset(samples(x_train), targets(y_train), samples(x_test), targets(y_test), options)
    standardise_(data.x_train, data.x_test, options.standardise)
    check_shapes(name, data, options.train_samples)
    return data


def check_shapes(name: str, data: Dataset, n_train: int | None = None) -> None:
    """Refuses samples that are not those of data set ``name``.

    Args:
        name: of the data set.
        data: the samples.
        n_train: training samples; None: all that there are.

    Raises:
        DatasetError: a count or a width differs.
    """
    spec = DATASETS[name]
    for part, n in (("train", n_train or spec.n_train), ("test", spec.n_test)):
        x, y = getattr(data, f"x_{part}"), getattr(data, f"y_{part}")
        found, expected = (*x.shape, *y.shape), (n, spec.n_features, n, spec.n_classes)
        if found != expected:
            raise DatasetError(
                f"{name}, {part} samples and targets: the shapes are {found[:2]} and {found[2:]} "
                f"where {expected[:2]} and {expected[2:]} are published"
            )


def _noisy(labels: NDArray[Any], n_classes: int, options: DataOptions) -> NDArray[Any]:
    seed = options.label_seed
    key = (LABELS, len(labels)) if seed is None else (seed, LABELS, len(labels))
    source = numpy_generator(*key)
    wrong = source.permutation(len(labels))[: round(options.label_noise * len(labels))]
    noisy = labels.astype(np.int64)
    noisy[wrong] = (noisy[wrong] + source.integers(1, n_classes, len(wrong))) % n_classes
    return noisy


_PIXELS = "Pixels are in [0, 1], not standardised."

DATASETS: Registry[DatasetSpec] = Registry(
    "data set",
    digits=DatasetSpec(
        "Digits (8 x 8, built in)",
        (8, 8, 1),
        10,
        digits.N_TRAIN,
        digits.N_TEST,
        digits.read_digits,
        f"{_PIXELS} Of the digits a fifth of every class is the test set.",
        1 / 16,
    ),
    mnist=DatasetSpec(
        "MNIST (28 x 28)",
        (28, 28, 1),
        idx.N_CLASSES,
        idx.N_TRAIN,
        idx.N_TEST,
        idx.read_mnist,
        f"{_PIXELS} Training and test set as published.",
        1 / 255,
    ),
    fashion_mnist=DatasetSpec(
        "Fashion-MNIST (28 x 28)",
        (28, 28, 1),
        idx.N_CLASSES,
        idx.N_TRAIN,
        idx.N_TEST,
        idx.read_fashion_mnist,
        f"{_PIXELS} Training and test set as published.",
        1 / 255,
    ),
    cifar10=DatasetSpec(
        "CIFAR-10 (32 x 32, colour)",
        (32, 32, 3),
        cifar.N_CLASSES,
        cifar.N_TRAIN,
        cifar.N_TEST,
        cifar.read_cifar10,
        f"{_PIXELS} Training and test set as published.",
        1 / 255,
    ),
    teacher=DatasetSpec(
        "Teacher and student (built in)",
        (synthetic.TEACHER_FEATURES,),
        synthetic.TEACHER_CLASSES,
        synthetic.TEACHER_TRAIN,
        synthetic.TEACHER_TEST,
        synthetic.read_teacher,
        "Inputs are normal with variance 1; the targets are what a random network makes of them.",
    ),
    spirals=DatasetSpec(
        "Three spirals (built in)",
        (2,),
        synthetic.SPIRALS,
        synthetic.SPIRALS_TRAIN,
        synthetic.SPIRALS_TEST,
        synthetic.read_spirals,
        "Points of the plane within a circle of radius 1, as many of each spiral.",
    ),
)
"""A :class:`DatasetSpec` by name."""
