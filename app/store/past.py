"""What a run has told of itself already, read by the worker that takes it up again."""

from __future__ import annotations

import numpy as np
from sqlalchemy import select
from sqlalchemy.engine import Connection

from app.store.commands import SETTABLE
from app.store.records import Past
from app.store.tables import commands, events, runs


def past_of(connection: Connection, run_id: str) -> Past:
    """See :meth:`app.store.Store.past`."""
    told = connection.execute(
        select(events.c.kind, events.c.header)
        .where(events.c.run_id == run_id, events.c.kind.in_(("control", "checkpoint")))
        .order_by(events.c.seq)
    ).all()
    last = connection.execute(
        _BLOCKS.where(events.c.run_id == run_id).limit(1),
    ).one_or_none()
    obeyed = connection.execute(select(runs.c.obeyed).where(runs.c.id == run_id)).scalar() or 0
    bodies = connection.execute(
        select(commands.c.body)
        .where(commands.c.run_id == run_id, commands.c.number <= obeyed)
        .order_by(commands.c.number)
    ).scalars()
    tracked = [body.get("every") or 0 for body in bodies if body["command"] == "track"]
    return Past(
        step=int(_steps(*last)[-1]) if last else -1,
        controls=[
            (h["step"], h["name"], h["to"])
            for kind, h in told
            if kind == "control" and h["name"] in SETTABLE
        ],
        checkpoints=sorted({h["step"] for kind, h in told if kind == "checkpoint"}),
        every=tracked[-1] if tracked else 0,
    )


def steps_since(connection: Connection, run_id: str, step: int) -> set[int]:
    """See :meth:`app.store.Store.steps_since`."""
    found: set[int] = set()
    blocks = connection.execute(
        _BLOCKS.where(events.c.run_id == run_id).execution_options(yield_per=10)
    )
    for header, payload in blocks:  # from the last one back
        steps = _steps(header, payload)
        found.update(steps[steps >= step].tolist())
        if steps[0] < step:
            break
    return found


def _steps(header: dict[str, int], payload: bytes) -> np.ndarray:
    return np.frombuffer(payload, "<i8", header["count"])


_BLOCKS = (
    select(events.c.header, events.c.payload)
    .where(events.c.kind == "measurements")
    .order_by(events.c.seq.desc())
)
