"""Data sets: what they are called, how large they are, and where their samples come from.

``digits`` ships with scikit-learn and needs no network; ``teacher`` and ``spirals`` are made on the
spot. The others are read from their published files; where these are missing they are downloaded
once and checked.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import struct
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import pooch
import requests
import torch
from numpy.typing import NDArray
from torch import Tensor

from fa_engine.seeding import LABELS, SAMPLES


class DatasetError(RuntimeError):
    """The samples cannot be had; the message says which files to put where."""


@dataclass(frozen=True)
class Dataset:
    """Samples on one device.

    Attributes:
        x_train: ``(n_train, n_features)``; pixels in [0, 1], coordinates about 0.
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
        """The same with only the first training samples."""
        return replace(self, x_train=self.x_train[:n_train], y_train=self.y_train[:n_train])


@dataclass(frozen=True)
class DataOptions:
    """What a data set may be asked for.

    Attributes:
        label_noise: share of training labels replaced by another class, drawn evenly.
        teacher_hidden: widths of the teacher's own hidden layers.
        regression: targets are the teacher's outputs, not the class of the largest.
        train_samples: only the first so many training samples, of which ``label_noise`` is a
            share; None: all.
    """

    label_noise: float = 0.0
    teacher_hidden: tuple[int, ...] = (32,)
    regression: bool = False
    train_samples: int | None = None


# float64 samples in [0, 1] or about 0, and labels or targets: train, then test
Samples = tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]


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
        scale: what a value is multiplied by.
    """

    title: str
    shape: tuple[int, ...]
    n_classes: int
    n_train: int
    n_test: int
    read: Callable[[Path, DataOptions], Samples]
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
        data_dir: folder that holds one folder a data set; default :func:`default_data_dir`.
        device: where the tensors live.
        dtype: their floating-point type.
        options: label noise and what else a data set may be asked for.

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
        y_train = _noisy(y_train, spec.n_classes, options.label_noise)

    def samples(values: NDArray[Any]) -> Tensor:
        flat = torch.from_numpy(values.reshape(len(values), -1))
        return flat.to(device, dtype).mul_(spec.scale)

    def targets(values: NDArray[Any]) -> Tensor:
        if values.ndim == 2:
            return torch.from_numpy(values).to(device, dtype)
        indices = torch.from_numpy(values.astype(np.int64))
        return torch.nn.functional.one_hot(indices, spec.n_classes).to(device, dtype)

    data = Dataset(samples(x_train), targets(y_train), samples(x_test), targets(y_test), options)
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


def _noisy(labels: NDArray[Any], n_classes: int, share: float) -> NDArray[Any]:
    source = np.random.default_rng([LABELS, len(labels)])
    wrong = source.permutation(len(labels))[: round(share * len(labels))]
    noisy = labels.astype(np.int64)
    noisy[wrong] = (noisy[wrong] + source.integers(1, n_classes, len(wrong))) % n_classes
    return noisy


def _read_digits(_data_dir: Path, _options: DataOptions) -> Samples:
    """8 x 8 digits (Alpaydin and Kaynak 1998); a fixed random fifth is the test set."""
    from sklearn.datasets import load_digits  # takes a second: only where it is needed

    digits = load_digits()
    # The samples come in runs of 0 to 9, so that a split by position would not be balanced.
    order = np.random.RandomState(0).permutation(len(digits.target))
    images, labels = digits.images.astype(np.uint8)[order], digits.target.astype(np.uint8)[order]
    n_train = DATASETS["digits"].n_train
    return images[:n_train], labels[:n_train], images[n_train:], labels[n_train:]


def _read_teacher(_data_dir: Path, options: DataOptions) -> Samples:
    """Gaussian samples and what a random tanh network, the teacher, says of them."""
    spec = DATASETS["teacher"]
    source = np.random.default_rng(SAMPLES)
    x = source.standard_normal((spec.n_train + spec.n_test, spec.n_features))
    h = x
    for width in options.teacher_hidden:
        weights = source.standard_normal((width, h.shape[1])) * (2 / h.shape[1] ** 0.5)
        h = np.tanh(h @ weights.T)
    f = h @ (source.standard_normal((spec.n_classes, h.shape[1])) / h.shape[1] ** 0.5).T
    y = f if options.regression else f.argmax(1)
    return x[: spec.n_train], y[: spec.n_train], x[spec.n_train :], y[spec.n_train :]


def _read_spirals(_data_dir: Path, _options: DataOptions) -> Samples:
    """Three interleaved spirals in the plane, one class each."""
    spec = DATASETS["spirals"]
    source = np.random.default_rng([SAMPLES, 1])
    labels = np.arange(spec.n_train + spec.n_test) % spec.n_classes
    radius = source.uniform(0.1, 1, len(labels))
    turn = 2 * np.pi * (labels / spec.n_classes + radius)
    turn += source.normal(0, 0.15, len(labels))
    x = np.stack([radius * np.cos(turn), radius * np.sin(turn)], 1)
    n = spec.n_train
    return x[:n], labels[:n], x[n:], labels[n:]


@dataclass(frozen=True)
class IdxFile:
    """One IDX file (LeCun's format), published gzipped.

    Attributes:
        name: without ``.gz``.
        md5: of its bytes.
        packed: the md5 is that of the gzipped bytes; a plain file is then taken as it is.
    """

    name: str
    md5: str
    packed: bool = False


MNIST_FILES = (
    IdxFile("train-images-idx3-ubyte", "6bbc9ace898e44ae57da46a324031adb"),
    IdxFile("train-labels-idx1-ubyte", "a25bea736e30d166cdddb491f175f624"),
    IdxFile("t10k-images-idx3-ubyte", "2646ac647ad5339dbf082846283269ea"),
    IdxFile("t10k-labels-idx1-ubyte", "27ae3e4e09519cfbb04c329615203637"),
)
MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)


FASHION_FILES = (
    IdxFile("train-images-idx3-ubyte", "8d4fb7e6c68d591d4c3dfef9ec88bf0d", packed=True),
    IdxFile("train-labels-idx1-ubyte", "25c81989df183df01b3e8a0aad5dffbe", packed=True),
    IdxFile("t10k-images-idx3-ubyte", "bef4ecab320f06d8554ea6380940ec79", packed=True),
    IdxFile("t10k-labels-idx1-ubyte", "bb300cfdad3c16e7a12a480ee83cd310", packed=True),
)
FASHION_MIRRORS = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
)
CIFAR10_ARCHIVE = "cifar-10-binary.tar.gz"
CIFAR10_MD5 = "c32a1d4ab5d03f1284b67883e8d87530"
CIFAR10_MIRRORS = ("https://www.cs.toronto.edu/~kriz/",)
CIFAR10_TRAIN = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
CIFAR10_TEST = ("test_batch.bin",)


def read_idx_files(
    folder: Path, files: Sequence[IdxFile], mirrors: Sequence[str]
) -> tuple[NDArray[np.uint8], ...]:
    """Reads IDX files from ``folder``, plain or gzipped, downloading those that are missing.

    Args:
        folder: where the files are, or will be.
        files: what to read.
        mirrors: base addresses, tried in order; each serves ``NAME.gz``.

    Raises:
        DatasetError: a file is damaged, or missing and on no mirror within reach.
    """
    missing = [f"{f.name}.gz" for f in files if not _idx_path(folder, f).exists()]
    return tuple(_parse_idx(_unpacked(folder, file, mirrors, missing), file.name) for file in files)


def _idx_path(folder: Path, file: IdxFile) -> Path:
    """The plain file where there is one, else where the gzipped one is or belongs."""
    plain = folder / file.name
    return plain if plain.exists() else folder / f"{file.name}.gz"


def _unpacked(folder: Path, file: IdxFile, mirrors: Sequence[str], missing: Sequence[str]) -> bytes:
    path = _idx_path(folder, file)

    def check(content: bytes) -> bytes:
        if file.packed:
            _check_md5(content, file.md5)
            return _gunzip(content)
        unpacked = _gunzip(content)
        _check_md5(unpacked, file.md5)
        return unpacked

    if path.suffix == ".gz":
        if not path.exists():
            _download(path, mirrors, check, missing)
        return _checked(path, check)
    if file.packed:
        return path.read_bytes()
    return _checked(path, lambda content: _check_md5(content, file.md5))


class _Damaged(ValueError):
    """Bytes are not what they should be."""


def _check_md5(content: bytes, md5: str) -> bytes:
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != md5:
        raise _Damaged(f"its md5 is not {md5}")
    return content


def _gunzip(content: bytes) -> bytes:
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise _Damaged(f"not a gzip file: {error}") from error


def _checked(path: Path, check: Callable[[bytes], bytes]) -> bytes:
    try:
        return check(path.read_bytes())
    except _Damaged as error:
        raise DatasetError(
            f"{path} is damaged: {error}. "
            "Delete it to have it downloaded again, or put a good copy in its place."
        ) from error


def _download(
    target: Path,
    mirrors: Sequence[str],
    check: Callable[[bytes], bytes],
    missing: Sequence[str],
) -> None:
    """Fetches ``target`` whole and checked, or not at all: it is renamed into place at the end.

    Where it cannot be had the error names everything that is ``missing``.
    """
    failures = []
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".download-") as scratch:
            for mirror in mirrors:
                fetched = Path(scratch, target.name)
                try:
                    pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=30)(
                        mirror + target.name, str(fetched), None
                    )
                    check(fetched.read_bytes())
                except (requests.RequestException, ValueError) as error:
                    failures.append(f"{mirror}: {_cause(error)}")
                    continue
                fetched.rename(target)
                return
    except OSError as error:
        failures.append(f"{target.parent}: {error}")
    raise DatasetError(
        f"{target.name} is not in {target.parent} and could not be downloaded. Put these files "
        f"there by hand: {', '.join(missing)} (those that end in .gz may be unpacked); or set "
        f"FA_DATA_DIR to the folder that holds {target.parent.name}/. Tried: {'; '.join(failures)}."
    )


def _cause(error: Exception) -> str:
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    return "no connection" if isinstance(error, requests.ConnectionError) else str(error)


def _parse_idx(content: bytes, name: str) -> NDArray[np.uint8]:
    """IDX: two zero bytes, a type (8: unsigned byte), the rank, the sizes, then the values."""
    try:
        zeros, kind, rank = struct.unpack_from(">HBB", content)
        shape = struct.unpack_from(f">{rank}I", content, 4)
        if zeros or kind != 8:
            raise ValueError("its first bytes say otherwise")
        return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape).copy()
    except (struct.error, ValueError) as error:
        raise DatasetError(f"{name} is not an IDX file of unsigned bytes: {error}") from error


def _read_mnist(data_dir: Path, _options: DataOptions) -> Samples:
    x, y, x_test, y_test = read_idx_files(data_dir / "mnist", MNIST_FILES, MNIST_MIRRORS)
    return x, y, x_test, y_test


def _read_fashion_mnist(data_dir: Path, _options: DataOptions) -> Samples:
    folder = data_dir / "fashion_mnist"
    x, y, x_test, y_test = read_idx_files(folder, FASHION_FILES, FASHION_MIRRORS)
    return x, y, x_test, y_test


def read_cifar10(folder: Path, mirrors: Sequence[str]) -> Samples:
    """CIFAR-10 (Krizhevsky 2009) from its binary files, downloading the archive where they lack.

    A record is a label byte, then 32 x 32 red, green and blue bytes.

    Raises:
        DatasetError: a file is damaged, or missing and on no mirror within reach.
    """
    missing = [n for n in (*CIFAR10_TRAIN, *CIFAR10_TEST) if not (folder / n).exists()]
    archive = folder / CIFAR10_ARCHIVE
    if missing:

        def check(content: bytes) -> bytes:
            return _check_md5(content, CIFAR10_MD5)

        if not archive.exists():
            _download(
                archive, mirrors, check, [CIFAR10_ARCHIVE, "or from it " + ", ".join(missing)]
            )
        _unpack(io.BytesIO(_checked(archive, check)), missing, folder)
    train = _records(folder, CIFAR10_TRAIN)
    test = _records(folder, CIFAR10_TEST)
    return *train, *test


def _unpack(archive: io.BytesIO, names: Sequence[str], folder: Path) -> None:
    with tarfile.open(fileobj=archive) as tar:
        for member in tar:
            name = Path(member.name).name
            content = tar.extractfile(member) if name in names else None
            if content is not None:
                (folder / f"{name}.part").write_bytes(content.read())
                (folder / f"{name}.part").rename(folder / name)


def _records(folder: Path, names: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    parts = []
    for name in names:
        content = np.fromfile(folder / name, np.uint8)
        if len(content) % 3073 or not len(content):
            raise DatasetError(
                f"{folder / name} is damaged: {len(content)} bytes are not records of 3073. "
                "Delete it to have it unpacked again, or put a good copy in its place."
            )
        parts.append(content.reshape(-1, 3073))
    records = np.concatenate(parts)
    return records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1).copy(), records[:, 0]


def _read_cifar10(data_dir: Path, _options: DataOptions) -> Samples:
    return read_cifar10(data_dir / "cifar10", CIFAR10_MIRRORS)


DATASETS: dict[str, DatasetSpec] = {
    "digits": DatasetSpec(
        "Digits (8 x 8, built in)", (8, 8, 1), 10, 1438, 359, _read_digits, 1 / 16
    ),
    "mnist": DatasetSpec("MNIST (28 x 28)", (28, 28, 1), 10, 60_000, 10_000, _read_mnist, 1 / 255),
    "fashion_mnist": DatasetSpec(
        "Fashion-MNIST (28 x 28)", (28, 28, 1), 10, 60_000, 10_000, _read_fashion_mnist, 1 / 255
    ),
    "cifar10": DatasetSpec(
        "CIFAR-10 (32 x 32, colour)", (32, 32, 3), 10, 50_000, 10_000, _read_cifar10, 1 / 255
    ),
    "teacher": DatasetSpec("Teacher and student (built in)", (32,), 10, 8192, 2048, _read_teacher),
    "spirals": DatasetSpec("Three spirals (built in)", (2,), 3, 3000, 600, _read_spirals),
}
