"""Blocks: many measurements packed into one payload, and the series they unpack to.

A payload is the steps as little-endian int64, then each field named in the header as little-endian
float32, in that order and each in C order. A row a step would cost ten times as much to write.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fa_engine import Measurement
from fa_engine.measures.catalogue import MEASURES, sizes

FloatArray = NDArray[np.float32]

# Field -> its shape beyond T, in the letters of the header: R replicates, H hidden, L layers. Those
# that a plugin has added are there too; plugins are loaded with the engine.
SHAPES: dict[str, str] = {"epoch": "", **{name: row.shape for name, row in MEASURES.items()}}
# Names that blocks had as long as they gave replicates an accuracy that had no loss any more.
_RENAMED = {"descent_share": "descent_rate"}
# None between evaluations, or where nobody walked along; a block without any does not carry the
# field at all.
_SPARSE = frozenset(name for name, row in MEASURES.items() if row.sparse or row.of)
# Of plugins: a block says their shapes, for who reads it without the plugin.
OWN = frozenset(name for name, row in MEASURES.items() if row.of)


@dataclass(frozen=True)
class Series:
    """Measurements side by side: T of them, R replicates, L layers of weights.

    Undefined, and not measured at that step, is nan. Names and units are those of
    :class:`fa_engine.Measurement`.

    Attributes:
        step: (T,) int64.
        epoch: (T,).
        loss, accuracy, test_loss, test_accuracy: (T, R).
        gradient_angle_deg, delta_angle_deg, weight_angle_deg: (T, R, L-1) degrees.
        hidden_angle_deg: (T, R) degrees.
        delta_cosine_mean, delta_cosine_std: (T, R, L-1).
        update_norm, gradient_norm: (T, R, L-1).
        descent_rate, displacement, path_length, update_cosine: (T, R, L).
        loss_change, predicted_loss_change: (T, R).
        conserved, conserved_drift: (T, R, L-1).
        own: measures that plugins have added, by name, each (T, ...); attributes likewise.
    """

    step: NDArray[np.int64]
    epoch: FloatArray
    loss: FloatArray
    accuracy: FloatArray
    test_loss: FloatArray
    test_accuracy: FloatArray
    gradient_angle_deg: FloatArray
    hidden_angle_deg: FloatArray
    delta_angle_deg: FloatArray
    delta_cosine_mean: FloatArray
    delta_cosine_std: FloatArray
    weight_angle_deg: FloatArray
    update_norm: FloatArray
    gradient_norm: FloatArray
    descent_rate: FloatArray
    displacement: FloatArray
    path_length: FloatArray
    update_cosine: FloatArray
    loss_change: FloatArray
    predicted_loss_change: FloatArray
    conserved: FloatArray
    conserved_drift: FloatArray
    own: Mapping[str, FloatArray] = field(default_factory=dict)

    def __getattr__(self, name: str) -> FloatArray:
        own = vars(self).get("own", {})  # there is none yet while it is copied
        if name not in own:
            raise AttributeError(f"{type(self).__name__} has no {name!r}", name=name, obj=self)
        found: FloatArray = own[name]
        return found

    @classmethod
    def of(cls, arrays: Mapping[str, Any]) -> Series:
        """Of the arrays of ``step`` and of every name in :data:`SHAPES`."""
        own = {name: arrays[name] for name in OWN}
        return cls(**{name: array for name, array in arrays.items() if name not in own}, own=own)

    def arrays(self) -> dict[str, Any]:
        """The array of each, by name, ``step`` first."""
        return {name: getattr(self, name) for name in ("step", *SHAPES)}

    def __len__(self) -> int:
        return len(self.step)

    def __getitem__(self, some: slice) -> Series:
        """Some of the measurements."""
        return Series.of({name: array[some] for name, array in self.arrays().items()})

    @classmethod
    def empty(cls, replicates: int, layers: int) -> Series:
        """No measurements (T = 0) of ``replicates`` networks of ``layers`` layers of weights."""
        return unpack({"count": 0, "replicates": replicates, "layers": layers, "fields": []}, b"")

    @classmethod
    def concatenate(cls, parts: Sequence[Series]) -> Series:
        """One series of all ``parts``, in their order; at least one part."""
        if len(parts) == 1:
            return parts[0]
        several = [part.arrays() for part in parts]
        return cls.of({name: np.concatenate([s[name] for s in several]) for name in several[0]})


def pack(measurements: Sequence[Measurement]) -> tuple[dict[str, Any], bytes]:
    """Header and payload of ``measurements``, at least one and all of one run.

    What float32 cannot hold becomes inf.
    """
    first = measurements[0]
    replicates, layers = first.descent_rate.shape
    lengths = sizes(replicates, layers)
    header: dict[str, Any] = {
        "count": len(measurements),
        "replicates": replicates,
        "layers": layers,
        "fields": [],
    }
    parts = [np.array([m.step for m in measurements], dtype="<i8").tobytes()]
    with np.errstate(over="ignore"):
        for name in SHAPES:
            values = [getattr(m, name) for m in measurements]
            if name in _SPARSE:
                if all(value is None for value in values):
                    continue
                missing = np.full([lengths[letter] for letter in SHAPES[name]], np.nan)
                values = [missing if value is None else value for value in values]
            header["fields"].append(name)
            parts.append(np.array(values).astype("<f4").tobytes())
    return _telling_shapes(header), b"".join(parts)


def _telling_shapes(header: dict[str, Any]) -> dict[str, Any]:
    own = {name: SHAPES[name] for name in header["fields"] if name in OWN}
    return header | {"shapes": own} if own else header


def pack_series(series: Series) -> tuple[dict[str, Any], bytes]:
    """Header and payload of measurements that are side by side already."""
    replicates, layers = series.descent_rate.shape[1:]
    values = {name: getattr(series, name) for name in SHAPES}
    there = [n for n in SHAPES if n not in _SPARSE or not np.isnan(values[n]).all()]
    header = _telling_shapes(
        {"count": len(series), "replicates": replicates, "layers": layers, "fields": there}
    )
    payload = series.step.astype("<i8").tobytes()
    return header, payload + b"".join(values[name].astype("<f4").tobytes() for name in there)


def unpack(header: dict[str, Any], payload: bytes) -> Series:
    """The series that :func:`pack` packed. Its arrays may be read-only views of ``payload``."""
    count, replicates, layers = header["count"], header["replicates"], header["layers"]
    lengths = sizes(replicates, layers)
    arrays: dict[str, Any] = {"step": np.frombuffer(payload, "<i8", count).astype(np.int64)}
    offset = 8 * count
    for stored in header["fields"]:
        name = _RENAMED.get(stored, stored)
        letters = header.get("shapes", {}).get(stored) or SHAPES[name]
        shape = (count, *(lengths[letter] for letter in letters))
        array = np.frombuffer(payload, "<f4", int(np.prod(shape)), offset)
        offset += array.nbytes
        if SHAPES.get(name) == letters:  # else it is of a plugin that is not here, or has changed
            arrays[name] = array.reshape(shape).astype(np.float32, copy=False)
    for name in SHAPES.keys() - arrays.keys():
        shape = (count, *(lengths[letter] for letter in SHAPES[name]))
        arrays[name] = np.full(shape, np.nan, np.float32)
    if offset != len(payload):
        raise ValueError(f"a block of {offset} bytes came with {len(payload)}")
    if _RENAMED.keys() & set(header["fields"]):
        arrays = _of_the_finite(arrays)
    return Series.of(arrays)


def _of_the_finite(arrays: dict[str, Any]) -> dict[str, Any]:
    """The same with nan in every measure of the replicates whose loss is not finite."""
    gone = ~np.isfinite(arrays["loss"])
    if not gone.any():
        return arrays
    masked = dict(arrays)
    for name, shape in SHAPES.items():
        if shape.startswith("R"):
            masked[name] = arrays[name].copy()
            masked[name][gone] = np.nan
    return masked


def joined(blocks: Iterable[tuple[dict[str, Any], bytes]]) -> Series:
    """One series of all blocks, each a header and a payload; at least one."""
    return Series.concatenate([unpack(header, payload) for header, payload in blocks])
