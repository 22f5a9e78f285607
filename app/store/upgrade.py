"""What older databases know in other words, put into the columns that have come since."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import ValidationError
from sqlalchemy import Table, func, select, update
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DatabaseError

from app.logs import logger
from app.store.away import is_damage, why_away
from app.store.blocks import Series, joined, unpack
from app.store.summary import SUMMARY, SUMMED_UP, best_of, described, summary_of, words_of
from fa_engine import RunConfig
from fa_engine.config import UNLIMITED, as_written

log = logger(__name__)

_ANY_SIZE = {"limits": UNLIMITED}
_BLOCKS_AT_ONCE = 100
_NOTICE = "diverged: its loss"  # in the notice of each replicate but the last ones of a run


def fill_diverged(connection: Connection, runs: Table, events: Table) -> None:
    """Fills ``runs.diverged_at`` from the measurements of the runs that had told of it."""
    told = {
        row.run_id
        for row in connection.execute(
            select(events.c.run_id, events.c.header).where(events.c.kind == "notice")
        )
        if _NOTICE in row.header.get("message", "")
    }
    ended = connection.execute(select(runs.c.id).where(runs.c.state == "diverged")).scalars()
    for run_id in told | set(ended):
        blocks = connection.execute(
            select(events.c.header, events.c.payload)
            .where(events.c.run_id == run_id, events.c.kind == "measurements")
            .order_by(events.c.seq)
        ).all()
        if blocks:
            since = _since(joined([(row.header, row.payload) for row in blocks]))
            connection.execute(update(runs).where(runs.c.id == run_id).values(diverged_at=since))


def _since(series: Series) -> list[int | None]:
    """For each replicate the first step at which its loss is not finite, or None."""
    gone = ~np.isfinite(series.loss)
    first = gone.argmax(0)
    return [
        int(series.step[at]) if gone[at, replicate] else None
        for replicate, at in enumerate(first.tolist())
    ]


def fill_lists(connection: Connection, runs: Table) -> None:
    """Fills what lists are sorted and searched by, from configurations."""
    columns = (runs.c.id, runs.c.name, runs.c.config, runs.c.diverged_at)
    for row in connection.execute(select(*columns)).all():
        since = row.diverged_at or [None] * row.config["replicates"]
        values = {
            "pinned": False,
            "words": words_of(row.id, row.name, None, None),
            "replicates_left": since.count(None),
        }
        try:
            values |= described(RunConfig.model_validate(as_written(row.config), context=_ANY_SIZE))
        except (ValidationError, ValueError, KeyError) as error:
            # Of another version; such a run can be listed, if not be opened.
            log.warning("run cannot be described", run_id=row.id, error=str(error))
        connection.execute(update(runs).where(runs.c.id == row.id).values(values))


def sum_up(writer: Engine, runs: Table, events: Table) -> None:
    """Fills what an older program has summed up in another way, or not at all; run by run, so that
    others can write between. A run that cannot be read is asked for again at the next start."""
    way = func.coalesce(runs.c.summed_up, 0) < SUMMED_UP
    with writer.connect() as connection:
        waiting = connection.execute(select(runs.c.id).where(way)).scalars().all()
    for run_id in waiting:
        values: dict[str, Any] = {"summed_up": SUMMED_UP}
        try:
            with writer.begin() as connection:
                try:
                    values |= dict.fromkeys(SUMMARY) | _summary(connection, events, run_id)
                except (ValueError, KeyError) as error:
                    log.warning("run cannot be summed up", run_id=run_id, error=str(error))
                connection.execute(update(runs).where(runs.c.id == run_id, way).values(values))
        except DatabaseError as error:
            if not is_damage(error):
                raise
            log.warning("run cannot be summed up", run_id=run_id, error=why_away(error))


def _summary(connection: Connection, events: Table, run_id: str) -> dict[str, Any]:
    """Block by block: a long run has more measurements than fit into memory."""
    found: dict[str, Any] = {}
    blocks = (
        select(events.c.header, events.c.payload)
        .where(events.c.run_id == run_id, events.c.kind == "measurements")
        .order_by(events.c.seq)
        .execution_options(yield_per=_BLOCKS_AT_ONCE)
    )
    for header, payload in connection.execute(blocks):
        new = summary_of(unpack(header, payload))
        found |= new | best_of(found, new)
    return found
