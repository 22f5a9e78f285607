"""Published files: found where people have them, checked byte for byte, downloaded once."""

from __future__ import annotations

import gzip
import hashlib
import sys
import tempfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pooch
import requests
from numpy.typing import NDArray

from fa_engine.data.samples import DatasetError


@dataclass(frozen=True)
class File:
    """A published file.

    Attributes:
        name: as published, without ``.gz``.
        digest: of its bytes, unpacked if it is published gzipped: ``md5:...`` or ``sha1:...``.
        other_names: what else it is called.
        title: of its data set.
    """

    name: str
    digest: str
    other_names: tuple[str, ...] = ()
    title: str = ""


class Damaged(ValueError):
    """Bytes are not what they should be."""


def find(file: File, folders: Sequence[Path]) -> Path | None:
    """Where ``file`` lies, by any of its names, plain or gzipped; None: nowhere.

    Args:
        file: what to find.
        folders: where to look, in this order.

    Raises:
        DatasetError: there is only a folder of that name.
    """
    names = [name + end for name in (file.name, *file.other_names) for end in ("", ".gz")]
    places = [folder / name for folder in folders for name in names]
    for place in places:
        if place.exists() and not place.is_dir():  # a pipe is as good as a file
            return place
    for place in places:
        if place.is_dir():
            raise DatasetError(
                f"{place} is a folder where the file {file.name} is expected. Put the file itself "
                "in the folder's place."
            )
    return None


def contents(path: Path, file: File, known: Sequence[File] = ()) -> bytes:
    """The bytes of ``file`` at ``path``, unpacked and checked.

    Args:
        path: what :func:`find` found.
        file: what it has to be.
        known: files that it may have been mistaken for.

    Raises:
        DatasetError: they are others, or cannot be read.
    """

    def check(content: bytes) -> bytes:
        unpacked = unzipped(content) if path.suffix == ".gz" else content
        return check_digest(unpacked, file.digest, known)

    return checked(path, check)


def checked(path: Path, check: Callable[[bytes], bytes]) -> bytes:
    """What ``check`` makes of the bytes at ``path``.

    Raises:
        DatasetError: it refused them with :class:`Damaged`, or they cannot be read.
    """
    try:
        return check(path.read_bytes())
    except Damaged as error:
        raise DatasetError(
            f"{path} is damaged: {error}. "
            "Delete it to have it downloaded again, or put a good copy in its place."
        ) from error
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror or error}") from error


def check_digest(content: bytes, digest: str, known: Sequence[File] = ()) -> bytes:
    """``content``, if it has this digest.

    Args:
        content: of a file.
        digest: ``md5:...`` or ``sha1:...``.
        known: files that are named if it is one of them.

    Raises:
        Damaged: it has another.
    """
    kind, _, value = digest.partition(":")
    found = hashlib.new(kind, content, usedforsecurity=False).hexdigest()
    if found == value:
        return content
    mistaken = next((f for f in known if f.digest == f"{kind}:{found}"), None)
    instead = f", as of {mistaken.name} of {mistaken.title}," if mistaken else ""
    raise Damaged(f"its {kind} is {found}{instead} and should be {value}")


def unzipped(content: bytes) -> bytes:
    """The bytes that were gzipped.

    Raises:
        Damaged: they were not, or not whole.
    """
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise Damaged(f"not a gzip file: {error}") from error


def check_labels(labels: NDArray[Any], n_classes: int, path: Path) -> NDArray[Any]:
    """``labels``, if each is one of the classes.

    Raises:
        DatasetError: one is not; it names file, value and place.
    """
    wrong = np.flatnonzero(labels >= n_classes)
    if len(wrong):
        first = wrong[0]
        raise DatasetError(
            f"{path}: label {first + 1:,} is {labels[first]}: allowed is 0 to {n_classes - 1}"
        )
    return labels


def download(
    target: Path,
    mirrors: Sequence[str],
    check: Callable[[bytes], bytes],
    advice: str,
) -> None:
    """Fetches ``target`` whole and checked, or not at all: it is renamed into place at the end.

    Args:
        target: the file; the same name is asked of the mirrors.
        mirrors: base addresses, tried in order.
        check: refuses bytes with :class:`Damaged`.
        advice: what a person can do instead.

    Raises:
        DatasetError: it cannot be had; the message has the advice.
    """
    failures = []
    try:
        missing = [folder for folder in target.parents if not folder.exists()]
        target.parent.mkdir(parents=True, exist_ok=True)
        for folder in missing:
            for_all(folder)
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
                for_all(fetched)
                fetched.rename(target)
                return
    except OSError as error:
        failures.append(f"{target.parent}: {error}")
    raise DatasetError(
        f"{target.name} is not in {target.parent} and could not be downloaded. {advice} "
        f"Tried: {'; '.join(failures)}."
    )


def for_all(path: Path) -> None:
    """Lets others read a file, or go into a folder, that was made here: a folder of data sets may
    be one for many people, and what was published is nobody's secret, whichever umask there is."""
    path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))


def _cause(error: Exception) -> str:
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    return "no connection" if isinstance(error, requests.ConnectionError) else str(error)
