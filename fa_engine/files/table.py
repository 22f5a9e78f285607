"""What runs have measured as one tidy table: CSV and Parquet, piece by piece.

A row for each step and replicate, by step and then by replicate, counted from 1. Layer measures
are wide: a column a layer, counted from 1 at the bottom. What is not defined, or was not measured
at that step, is empty; ``diverged`` says which rows are of a replicate that is no longer finite and
has no value at all.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from fa_engine.config import RunConfig
from fa_engine.measures.catalogue import MEASURES

ABOUT = b"feedback_alignment"
"""Where a Parquet file has its settings, as JSON in the metadata of its schema."""


def per_replicate() -> tuple[str, ...]:
    """Measures of a whole network."""
    return tuple(name for name, row in MEASURES.items() if row.shape == "R")


def per_layer() -> tuple[str, ...]:
    """Measures of a network's layers."""
    return tuple(name for name, row in MEASURES.items() if len(row.shape) == 2)


def schema_of(configs: Sequence[RunConfig], *, several: bool = False) -> pa.Schema:
    """The columns of the table of these runs.

    Args:
        configs: of the runs, at least one. The columns of layers are those of the deepest.
        several: whether the run and the settings in which they differ are columns too.
    """
    layers = max(len(config.layers) for config in configs)
    fields = [
        pa.field("step", pa.int64()),
        pa.field("epoch", pa.float32()),
        pa.field("replicate", pa.int32()),
        pa.field("diverged", pa.bool_()),
        *(pa.field(name, pa.float32()) for name in per_replicate()),
        *(
            pa.field(f"{name}_{layer + 1}", pa.float32())
            for name in per_layer()
            for layer in range(layers - (MEASURES[name].shape == "RH"))
        ),
    ]
    if several:
        beside = settings_of(configs)
        own = (pa.field(name, _type([of[name] for of in beside])) for name in beside[0])
        fields = [pa.field("run", pa.string()), *own, *fields]
    return pa.schema(fields)


def settings_of(configs: Sequence[RunConfig]) -> list[dict[str, Any]]:
    """For each run the settings in which the runs differ, ``config_scheme`` and so on."""
    found = [config.model_dump() for config in configs]
    differ = [name for name in found[0] if any(c[name] != found[0][name] for c in found)]
    return [{f"config_{name}": _flat(config[name]) for name in differ} for config in found]


def rows(
    schema: pa.Schema,
    series: Mapping[str, NDArray[Any]],
    diverged_at: Sequence[int | None],
    beside: Mapping[str, Any] | None = None,
) -> pa.RecordBatch:
    """The rows of T measurements of one run.

    Args:
        schema: the columns.
        series: ``step`` and ``epoch`` ``(T,)``, and by its name every measure, ``(T, R)`` or, of
            layers, ``(T, R, L)``; nan where it has no value.
        diverged_at: of each replicate, see :class:`fa_engine.Trainer`.
        beside: values of columns that are the same in all rows.
    """
    count, replicates = series["loss"].shape
    steps = np.repeat(series["step"], replicates)
    never = np.iinfo(np.int64).max
    since = np.array([never if at is None else at for at in diverged_at])
    columns: dict[str, Any] = {
        "step": steps,
        "epoch": np.repeat(series["epoch"], replicates),
        "replicate": np.tile(np.arange(1, replicates + 1, dtype=np.int32), count),
        "diverged": steps >= np.tile(since, count),
    }
    columns |= {name: series[name].reshape(-1) for name in per_replicate()}
    for name in per_layer():
        for layer, values in enumerate(np.moveaxis(series[name], 2, 0), 1):
            columns[f"{name}_{layer}"] = values.reshape(-1)
    arrays = []
    for field in schema:
        if field.name in columns:  # nan is no value
            arrays.append(pa.array(columns[field.name], field.type, from_pandas=True))
        else:  # of all rows, or of a layer that this run has not
            value = pa.scalar((beside or {}).get(field.name), field.type)
            arrays.append(pa.repeat(value, count * replicates))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def as_csv(schema: pa.Schema, rows: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    """The table as CSV. A number is the shortest text that reads back as the same float32."""
    sink = _Sink()
    yield (",".join(schema.names) + "\n").encode()
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="needed")
    with pyarrow.csv.CSVWriter(pa.PythonFile(sink, mode="w"), schema, write_options=options) as out:
        for batch in rows:
            out.write_batch(batch)
            yield sink.taken()
    yield sink.taken()


def as_parquet(
    schema: pa.Schema, rows: Iterable[pa.RecordBatch], about: Mapping[str, Any]
) -> Iterator[bytes]:
    """The table as Parquet, a row group a piece; ``about`` goes into its metadata."""
    sink = _Sink()
    schema = schema.with_metadata({ABOUT: json.dumps(about).encode()})
    with pyarrow.parquet.ParquetWriter(
        pa.PythonFile(sink, mode="w"), schema, compression="zstd"
    ) as out:
        for batch in rows:
            out.write_batch(batch.replace_schema_metadata(schema.metadata))
            yield sink.taken()
    yield sink.taken()


class _Sink(io.RawIOBase):
    """A file that keeps what is written until it is taken."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, part: Any) -> int:
        self._parts.append(bytes(part))
        return len(self._parts[-1])

    def taken(self) -> bytes:
        """What was written since the last time."""
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _flat(value: Any) -> Any:
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else value


def _type(values: Sequence[Any]) -> pa.DataType:
    """Of a column that holds these settings."""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {bool}:
        return pa.bool_()
    if kinds <= {int}:
        return pa.int64()
    return pa.float64() if kinds <= {int, float} else pa.string()
