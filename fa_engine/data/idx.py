"""MNIST (LeCun, Cortes and Burges) and Fashion-MNIST (Xiao et al. 2017): gzipped IDX files."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fa_engine.data.files import (
    File,
    check_digest,
    check_labels,
    contents,
    download,
    find,
    unzipped,
)
from fa_engine.data.samples import DataOptions, DatasetError, Samples

N_CLASSES, N_TRAIN, N_TEST = 10, 60_000, 10_000
NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def _files(title: str, digests: Sequence[str]) -> tuple[File, ...]:
    """The four files of a data set; unpacking tools write a dot for the first hyphen of a type."""
    return tuple(
        File(name, f"md5:{digest}", (name.replace("-idx", ".idx"),), title)
        for name, digest in zip(NAMES, digests, strict=True)
    )


MNIST_FILES = _files(
    "MNIST",
    (
        "6bbc9ace898e44ae57da46a324031adb",
        "a25bea736e30d166cdddb491f175f624",
        "2646ac647ad5339dbf082846283269ea",
        "27ae3e4e09519cfbb04c329615203637",
    ),
)
MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
MNIST_FOLDERS = ("mnist", "mnist/raw", "MNIST/raw", "mnist/MNIST/raw", "MNIST")

FASHION_FILES = _files(
    "Fashion-MNIST",
    (
        "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "9018921c3c673c538a1fc5bad174d6f9",
        "8181f5470baa50b63fa0f6fddb340f0a",
        "15d484375f8d13e6eb1aabb0c3f46965",
    ),
)
FASHION_MIRRORS = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
)
FASHION_FOLDERS = (
    "fashion_mnist",
    "fashion_mnist/raw",
    "FashionMNIST/raw",
    "fashion_mnist/FashionMNIST/raw",
    "FashionMNIST",
    "fashion-mnist",
)


def read_idx_files(
    folders: Sequence[Path], files: Sequence[File], mirrors: Sequence[str]
) -> tuple[NDArray[np.uint8], ...]:
    """Reads IDX files, downloading those that are nowhere.

    Args:
        folders: where they may be; into the first of them they are downloaded.
        files: what to read; those of one dimension are labels.
        mirrors: base addresses, tried in order; each serves ``NAME.gz``.

    Raises:
        DatasetError: a file is damaged, or missing and on no mirror within reach.
    """
    home = folders[0]
    places = [find(file, folders) for file in files]
    missing = [f"{f.name}.gz" for f, place in zip(files, places, strict=True) if place is None]
    advice = (
        f"Put these files there by hand: {', '.join(missing)} (they may be unpacked); or set "
        f"FA_DATA_DIR to the folder that holds {home.name}/."
    )
    arrays = []
    for file, place in zip(files, places, strict=True):
        path = place or home / f"{file.name}.gz"
        if place is None:
            download(path, mirrors, partial(_published, file), advice)
        values = parse_idx(contents(path, file, MNIST_FILES + FASHION_FILES), path.name)
        arrays.append(check_labels(values, N_CLASSES, path) if values.ndim == 1 else values)
    return tuple(arrays)


def _published(file: File, packed: bytes) -> bytes:
    return check_digest(unzipped(packed), file.digest)


def parse_idx(content: bytes, name: str) -> NDArray[np.uint8]:
    """IDX: two zero bytes, a type (8: unsigned byte), the rank, the sizes, then the values."""
    try:
        zeros, kind, rank = struct.unpack_from(">HBB", content)
        shape = struct.unpack_from(f">{rank}I", content, 4)
        if zeros or kind != 8:
            raise ValueError("its first bytes say otherwise")
        return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape).copy()
    except (struct.error, ValueError) as error:
        raise DatasetError(f"{name} is not an IDX file of unsigned bytes: {error}") from error


def read_mnist(data_dir: Path, _options: DataOptions) -> Samples:
    """28 x 28 digits."""
    return _read(data_dir, MNIST_FOLDERS, MNIST_FILES, MNIST_MIRRORS)


def read_fashion_mnist(data_dir: Path, _options: DataOptions) -> Samples:
    """28 x 28 articles of clothing."""
    return _read(data_dir, FASHION_FOLDERS, FASHION_FILES, FASHION_MIRRORS)


def _read(
    data_dir: Path, folders: Sequence[str], files: Sequence[File], mirrors: Sequence[str]
) -> Samples:
    x, y, x_test, y_test = read_idx_files([data_dir / f for f in folders], files, mirrors)
    return x, y, x_test, y_test
