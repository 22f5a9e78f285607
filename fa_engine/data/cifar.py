"""CIFAR-10 (Krizhevsky 2009), from its binary or its Python batches."""

from __future__ import annotations

import io
import pickle
import tarfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fa_engine.data.files import (
    File,
    check_digest,
    check_labels,
    checked,
    contents,
    download,
    find,
    for_all,
)
from fa_engine.data.samples import DataOptions, DatasetError, Samples

N_CLASSES, N_TRAIN, N_TEST = 10, 50_000, 10_000
RECORD = 1 + 3 * 32 * 32  # a label, then red, green and blue planes of 32 x 32

Batch = tuple[NDArray[np.uint8], NDArray[np.uint8]]  # (n, 3072) pixels and (n,) labels


def parse_binary(content: bytes, path: Path) -> Batch:
    """Records of a label byte and 3072 pixels.

    Raises:
        DatasetError: they are not whole.
    """
    if len(content) % RECORD or not content:
        raise DatasetError(f"{path}: {len(content):,} bytes are not records of {RECORD}")
    records = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
    return records[:, 1:], records[:, 0]


class _Arrays(pickle.Unpickler):
    """Reads what arrays are made of, which runs nothing. Digests are checked before; this is for
    the day on which somebody makes a file with the digest of another."""

    _OF_ARRAYS = frozenset({"_reconstruct", "_frombuffer", "ndarray", "dtype"})

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("_codecs", "encode"):  # how Python 2's bytes are written
            return super().find_class(module, name)
        if module.partition(".")[0] == "numpy" and name in self._OF_ARRAYS:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name}")


def parse_python(content: bytes, path: Path) -> Batch:
    """A pickled dictionary of the same, read as arrays and nothing else.

    Raises:
        DatasetError: it has no data or labels, or something that is no array.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it was written by an old NumPy, and a new one says so
        try:
            batch = _Arrays(io.BytesIO(content), encoding="bytes").load()
        except pickle.UnpicklingError as error:
            raise DatasetError(f"{path} holds more than arrays: {error}") from error
    if not isinstance(batch, dict) or not {b"data", b"labels"} <= set(batch):
        raise DatasetError(f"{path} has no data and labels")
    return np.asarray(batch[b"data"], np.uint8), np.asarray(batch[b"labels"]).astype(np.uint8)


@dataclass(frozen=True)
class Layout:
    """One of the ways in which the data set is published.

    Attributes:
        archive: everything in one file.
        batches: five of training samples, then the test batch.
        parse: makes pixels and labels of a batch.
    """

    archive: File
    batches: tuple[File, ...]
    parse: Callable[[bytes, Path], Batch]


BINARY = Layout(
    File("cifar-10-binary.tar.gz", "md5:c32a1d4ab5d03f1284b67883e8d87530"),
    (
        File("data_batch_1.bin", "sha1:aadd24acce27caa71bf4b10992e9e7b2d74c2540"),
        File("data_batch_2.bin", "sha1:c0ba65cce70568cd57b4e03e9ac8d2a5367c1795"),
        File("data_batch_3.bin", "sha1:1dd00a74ab1d17a6e7d73e185b69dbf31242f295"),
        File("data_batch_4.bin", "sha1:aab85764eb3584312d3c7f65fd2fd016e36a258e"),
        File("data_batch_5.bin", "sha1:26e2849e66a845b7f1e4614ae70f4889ae604628"),
        File("test_batch.bin", "sha1:67eb016db431130d61cd03c7ad570b013799c88c"),
    ),
    parse_binary,
)
PYTHON = Layout(
    File("cifar-10-python.tar.gz", "md5:c58f30108f718f92721af3b95e74349a"),
    (
        File("data_batch_1", "md5:c99cafc152244af753f735de768cd75f"),
        File("data_batch_2", "md5:d4bba439e000b95fd0a9bffe97cbabec"),
        File("data_batch_3", "md5:54ebc095f3ab1f0389bbae665268c751"),
        File("data_batch_4", "md5:634d18415352ddfa80567beed471001a"),
        File("data_batch_5", "md5:482c414d41f54cd18b22e5b47cb7c3cb"),
        File("test_batch", "md5:40351d587109b95175f43aff81a1287e"),
    ),
    parse_python,
)
LAYOUTS = (BINARY, PYTHON)
MIRRORS = ("https://www.cs.toronto.edu/~kriz/",)
FOLDERS = (
    "cifar10",
    "cifar10/cifar-10-batches-bin",
    "cifar-10-batches-bin",
    "cifar10/cifar-10-batches-py",
    "cifar-10-batches-py",
    ".",
)


def read_cifar10_files(
    folders: Sequence[Path], mirrors: Sequence[str], layouts: Sequence[Layout] = LAYOUTS
) -> Samples:
    """Reads the batches or, where they are not all there, an archive of them.

    Args:
        folders: where they may be; into the first of them the archive is downloaded.
        mirrors: base addresses, tried in order; each serves the archive of the first layout.
        layouts: what to look for, in this order.

    Raises:
        DatasetError: a file is damaged, or missing and on no mirror within reach.
    """
    for layout in layouts:
        found = [find(file, folders) for file in layout.batches]
        places = [place for place in found if place is not None]
        if len(places) == len(layout.batches):
            return _samples(
                layout,
                {
                    place: contents(place, file)
                    for place, file in zip(places, layout.batches, strict=True)
                },
            )
    for layout in layouts:
        archive = find(layout.archive, folders)
        if archive is not None:
            return _unpacked(archive, layout, folders[0])
    layout, home = layouts[0], folders[0]
    lacking = [f.name for f in layout.batches if find(f, folders) is None]
    archive = home / layout.archive.name
    advice = (
        f"Put {' or '.join(each.archive.name for each in layouts)} there by hand, or from the "
        f"first {', '.join(lacking)}; or set FA_DATA_DIR to the folder that holds {home.name}/."
    )
    download(archive, mirrors, partial(check_digest, digest=layout.archive.digest), advice)
    return _unpacked(archive, layout, home)


def _unpacked(archive: Path, layout: Layout, home: Path) -> Samples:
    content = checked(archive, partial(check_digest, digest=layout.archive.digest))
    wanted = {file.name: file for file in layout.batches}
    inside: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        for member in tar:
            name = Path(member.name).name
            packed = tar.extractfile(member) if name in wanted else None
            if packed is not None:
                inside[name] = packed.read()
    lacking = [name for name in wanted if name not in inside]
    if lacking:
        raise DatasetError(f"{archive} lacks {', '.join(lacking)}")
    with suppress(OSError):  # a folder that may not be written to: it is unpacked each time
        for name, part in inside.items():
            scratch = home / f"{name}.part"
            scratch.write_bytes(part)
            for_all(scratch)
            scratch.replace(home / name)
    return _samples(layout, {archive / name: inside[name] for name in wanted})


def _samples(layout: Layout, batches: Mapping[Path, bytes]) -> Samples:
    parsed = []
    for path, content in batches.items():
        pixels, labels = layout.parse(content, path)
        parsed.append((pixels, check_labels(labels, N_CLASSES, path)))
    pixels = np.concatenate([of_batch for of_batch, _ in parsed])
    labels = np.concatenate([of_batch for _, of_batch in parsed])
    images = pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1).copy()  # channels last
    n_train = len(labels) - len(parsed[-1][1])
    return images[:n_train], labels[:n_train], images[n_train:], labels[n_train:]


def read_cifar10(data_dir: Path, _options: DataOptions) -> Samples:
    """32 x 32 photographs in colour."""
    return read_cifar10_files([data_dir / folder for folder in FOLDERS], MIRRORS)
