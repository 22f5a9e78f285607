"""Data sets: what they are called, how large they are, and where their samples come from.

``digits`` ships with scikit-learn and needs no network. ``mnist`` is read from its IDX files; where
they are missing they are downloaded once and checked by the md5 of their unpacked bytes.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import platformdirs
import pooch
import requests
import torch
from numpy.typing import NDArray
from torch import Tensor


class DatasetError(RuntimeError):
    """The samples cannot be had; the message says which files to put where."""


@dataclass(frozen=True)
class Dataset:
    """Samples on one device.

    Attributes:
        x_train: ``(n_train, n_features)``, in [0, 1].
        y_train: ``(n_train, c)``, one-hot.
        x_test: ``(n_test, n_features)``.
        y_test: ``(n_test, c)``.
    """

    x_train: Tensor
    y_train: Tensor
    x_test: Tensor
    y_test: Tensor


@dataclass(frozen=True)
class DatasetSpec:
    """What is known of a data set before it is loaded.

    Attributes:
        title: the name a person reads.
        n_features: values a sample.
        n_classes: classes, and so network outputs ``c``.
        n_train: training samples.
        n_test: test samples.
        read: ``data_dir -> (x_train, labels_train, x_test, labels_test)``, unsigned bytes.
        scale: what a byte is multiplied by, so that features lie in [0, 1].
    """

    title: str
    n_features: int
    n_classes: int
    n_train: int
    n_test: int
    read: Callable[[Path], tuple[NDArray[np.uint8], ...]]
    scale: float


def default_data_dir() -> Path:
    """``FA_DATA_DIR`` where it is set, else a folder in the user's cache."""
    configured = os.environ.get("FA_DATA_DIR")
    return Path(configured or platformdirs.user_cache_path("feedback-alignment") / "data")


def load_dataset(
    name: str,
    data_dir: Path | str | None = None,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Dataset:
    """The samples of data set ``name``.

    Args:
        name: a key of :data:`DATASETS`.
        data_dir: folder that holds one folder a data set; default :func:`default_data_dir`.
        device: where the tensors live.
        dtype: their floating-point type.

    Raises:
        DatasetError: the files are neither there nor to be downloaded, or are damaged.
    """
    spec = DATASETS[name]
    x_train, labels_train, x_test, labels_test = spec.read(Path(data_dir or default_data_dir()))

    def samples(pixels: NDArray[np.uint8]) -> Tensor:
        flat = torch.from_numpy(pixels.reshape(len(pixels), -1))
        return flat.to(device, dtype).mul_(spec.scale)

    def one_hot(labels: NDArray[np.uint8]) -> Tensor:
        indices = torch.from_numpy(labels.astype(np.int64))
        return torch.nn.functional.one_hot(indices, spec.n_classes).to(device, dtype)

    return Dataset(samples(x_train), one_hot(labels_train), samples(x_test), one_hot(labels_test))


def _read_digits(_data_dir: Path) -> tuple[NDArray[np.uint8], ...]:
    """8 x 8 digits (Alpaydin and Kaynak 1998); a fixed random fifth is the test set."""
    from sklearn.datasets import load_digits  # takes a second: only where it is needed

    digits = load_digits()
    # The samples come in runs of 0 to 9, so that a split by position would not be balanced.
    order = np.random.RandomState(0).permutation(len(digits.target))
    images, labels = digits.images.astype(np.uint8)[order], digits.target.astype(np.uint8)[order]
    n_train = DATASETS["digits"].n_train
    return images[:n_train], labels[:n_train], images[n_train:], labels[n_train:]


@dataclass(frozen=True)
class IdxFile:
    """One IDX file (LeCun's format): its name and the md5 of its unpacked bytes."""

    name: str
    md5: str


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
    return tuple(_parse_idx(_unpacked(folder, file, mirrors), file.name) for file in files)


def _unpacked(folder: Path, file: IdxFile, mirrors: Sequence[str]) -> bytes:
    packed, plain = folder / f"{file.name}.gz", folder / file.name
    if plain.exists():
        content = plain.read_bytes()
    else:
        if not packed.exists():
            _download(packed, file, mirrors)
        content = _gunzip(packed)
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != file.md5:
        found = plain if plain.exists() else packed
        raise DatasetError(
            f"{found} is damaged: the md5 of its unpacked bytes is not {file.md5}. "
            "Delete it to have it downloaded again, or put a good copy in its place."
        )
    return content


def _gunzip(path: Path) -> bytes:
    try:
        return gzip.decompress(path.read_bytes())
    except (OSError, EOFError, ValueError) as error:
        raise DatasetError(
            f"{path} is damaged ({error}). "
            "Delete it to have it downloaded again, or put a good copy in its place."
        ) from error


def _download(target: Path, file: IdxFile, mirrors: Sequence[str]) -> None:
    """Fetches ``target`` whole and checked, or not at all: it is renamed into place at the end."""
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
                    content = _gunzip(fetched)
                except (requests.RequestException, DatasetError, ValueError) as error:
                    failures.append(f"{mirror}: {error}")
                    continue
                if hashlib.md5(content, usedforsecurity=False).hexdigest() == file.md5:
                    fetched.rename(target)
                    return
                failures.append(f"{mirror}: the md5 of the unpacked bytes is not {file.md5}")
    except OSError as error:
        failures.append(f"{target.parent}: {error}")
    raise DatasetError(
        f"{target.name} is not in {target.parent} and could not be downloaded. Put "
        f"{target.name} (or the unpacked {file.name}) there by hand, or set FA_DATA_DIR to the "
        f"folder that holds {target.parent.name}/. Tried: " + "; ".join(failures)
    )


def _parse_idx(content: bytes, name: str) -> NDArray[np.uint8]:
    """IDX: two zero bytes, a type (8: unsigned byte), the rank, the sizes, then the values."""
    zeros, kind, rank = struct.unpack_from(">HBB", content)
    if zeros or kind != 8:
        raise DatasetError(f"{name} is not an IDX file of unsigned bytes")
    shape = struct.unpack_from(f">{rank}I", content, 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape).copy()


def _read_mnist(data_dir: Path) -> tuple[NDArray[np.uint8], ...]:
    return read_idx_files(data_dir / "mnist", MNIST_FILES, MNIST_MIRRORS)


DATASETS: dict[str, DatasetSpec] = {
    "digits": DatasetSpec("Digits (8 x 8, built in)", 64, 10, 1438, 359, _read_digits, 1 / 16),
    "mnist": DatasetSpec("MNIST (28 x 28)", 784, 10, 60_000, 10_000, _read_mnist, 1 / 255),
}
