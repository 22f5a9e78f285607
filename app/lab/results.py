"""Results: named arrays, and the bytes they are kept as."""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]


def pack_arrays(arrays: Mapping[str, Any]) -> bytes:
    """Arrays, numbers and texts by name as one npz file; what is None is left out."""
    buffer = io.BytesIO()
    kept: dict[str, Any] = {
        name: np.asarray(value) for name, value in arrays.items() if value is not None
    }
    np.savez_compressed(buffer, **kept)
    return buffer.getvalue()


def unpack_arrays(packed: bytes, names: Collection[str] | None = None) -> Arrays:
    """What :func:`pack_arrays` packed; numbers and texts are arrays of no dimension.

    Args:
        packed: the file.
        names: only these are read; None: all.
    """
    with np.load(io.BytesIO(packed), allow_pickle=False) as file:
        return {name: file[name] for name in file.files if names is None or name in names}
