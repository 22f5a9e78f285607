"""What older databases know in other words, put into the columns that have come since."""

from __future__ import annotations

import numpy as np
from sqlalchemy import Table, select, update
from sqlalchemy.engine import Connection

from app.store.blocks import Series, joined

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
