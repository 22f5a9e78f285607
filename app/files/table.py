"""What runs have measured as one table (:mod:`fa_engine.files.table`), as the store gives it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from app.store import Run, Series
from fa_engine.files import table

ROWS = 20_000  # of a piece, about: a piece is what is in memory


def schema_of(runs: Sequence[Run], *, several: bool = False) -> pa.Schema:
    """The columns of these runs' table; with ``several`` the run and what differs are some too."""
    return table.schema_of([run.run_config() for run in runs], several=several)


def settings_of(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """For each run the settings in which the runs differ, ``config_scheme`` and so on."""
    return table.settings_of([run.run_config() for run in runs])


def batches(
    schema: pa.Schema, run: Run, parts: Iterable[Series], beside: Mapping[str, Any] | None = None
) -> Iterator[pa.RecordBatch]:
    """The rows of one run; ``beside`` are values of columns that are the same in all of them."""
    same = {"run": run.id, **(beside or {})}
    for series in _gathered(parts, max(1, ROWS // run.config["replicates"])):
        yield table.rows(schema, series.arrays(), run.diverged_at, same)


def _gathered(parts: Iterable[Series], count: int) -> Iterator[Series]:
    """The same measurements in pieces of ``count``, about: a run that goes slowly writes few at a
    time."""
    waiting: list[Series] = []
    for series in parts:
        waiting.append(series)
        if sum(map(len, waiting)) >= count:
            whole, waiting = Series.concatenate(waiting), []
            for first in range(0, len(whole), count):
                yield whole[first : first + count]
    if waiting:
        yield Series.concatenate(waiting)
