"""Cells: configurations that one run of a study trains together, each seen as a run of its own.

``abc.3`` is cell 3 of the run ``abc``: its events are those of ``abc``, of its own networks alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from app.store.blocks import SHAPES, Series, pack_series, unpack
from app.store.naming import name_of
from app.store.records import Event, Run, RunState, UnknownRun, UnreadableRun
from fa_engine import RunConfig, problems
from fa_engine.config import UNLIMITED
from fa_engine.config.vary import cells_of, n_cells

_MOST_DIGITS = 6


def parted(run_id: str) -> tuple[str, int | None]:
    """The run that an id is of, and which cell of it; None: the whole."""
    whole, _, number = run_id.rpartition(".")
    plain = number.isascii() and number.isdecimal() and len(number) <= _MOST_DIGITS
    if whole and plain and str(int(number)) == number:
        return whole, int(number)
    return run_id, None


def cell_id(run_id: str, config: Mapping[str, Any], cell: int) -> str:
    """The id of a cell; that of the run where it has no other."""
    return f"{run_id}.{cell}" if config.get("vary") else run_id


def cells_in(config: Mapping[str, Any]) -> int:
    """How many cells a run trains, of its configuration as JSON."""
    return n_cells(config.get("vary"))


def networks_of(config: Mapping[str, Any], cell: int) -> slice:
    """Where the networks of a cell are among those of its run."""
    return slice(cell * config["replicates"], (cell + 1) * config["replicates"])


def run_of(run: Run, cell: int) -> Run:
    """A cell as a run.

    Raises:
        UnknownRun: the run has none of that number.
    """
    if not run.config.get("vary") or cell >= cells_in(run.config):
        raise UnknownRun(f"{run.id}.{cell}")
    rest = {name: value for name, value in run.config.items() if name != "vary"}
    own = rest | cells_of(run.config["vary"])[cell]
    since = run.diverged_at[networks_of(run.config, cell)]
    over = run.state is RunState.FINISHED and None not in since
    try:
        name = name_of(RunConfig.model_validate(own, context={"limits": UNLIMITED}))
    except ValidationError as error:
        raise UnreadableRun(run.name, problems(error)) from None
    return replace(
        run,
        id=f"{run.id}.{cell}",
        name=name,
        config=own,
        state=RunState.DIVERGED if over else run.state,
        diverged_at=since,
        scheme=own["scheme"],
        learning_rate=own["learning_rate"],
        # The row has them over all cells.
        best_accuracy=None,
        last_accuracy=None,
        last_angle_deg=None,
        unstable_share=None,
    )


def event_of(event: Event, cell: int, replicates: int) -> Event:
    """What happened to a cell, of what happened to its run."""
    own = slice(cell * replicates, (cell + 1) * replicates)
    header, payload = event.header, event.payload
    if event.kind == "measurements":
        told = {name: header[name] for name in ("progress",) if name in header}
        header, payload = pack_series(series_of(unpack(header, payload), own))
        header = header | told
    elif event.kind == "diverged":
        header = header | {"diverged_at": header["diverged_at"][own]}
    return replace(event, run_id=f"{event.run_id}.{cell}", header=header, payload=payload)


def series_of(series: Series, networks: slice) -> Series:
    """The measurements of some of the networks."""
    arrays = series.arrays()
    for name, shape in SHAPES.items():
        if shape.startswith("R"):
            arrays[name] = arrays[name][:, networks]
    return Series.of(arrays)
