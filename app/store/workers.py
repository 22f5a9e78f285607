"""Which workers there are: every supervisor says again and again which of its own are alive."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, delete, func, insert, select
from sqlalchemy.engine import Engine

from app.store.records import RunState
from app.store.tables import runs, tasks, workers

BEAT_S = 5.0
"""Between two words of a supervisor about its workers, in seconds."""

SILENT_S = 20.0
"""After that much silence a worker counts no more: three words and some are missing."""

_FORGOTTEN_S = 600.0  # a supervisor that was killed takes back nothing


@dataclass(frozen=True)
class Seen:
    """A worker process as its supervisor sees it.

    Attributes:
        owner: the name that it holds runs and tasks by.
        kind: ``worker`` trains, ``analyst`` computes what pages want.
        host: the machine, as it calls itself.
        pid: its process there.
        began_at: when it was started, in seconds since the epoch.
    """

    owner: str
    kind: str
    host: str
    pid: int
    began_at: float


@dataclass(frozen=True)
class Worker:
    """A worker process as the database knows it.

    Attributes:
        heard_s: seconds since its supervisor spoke of it.
        run_id, run_name, step, steps_per_second: of the run that it trains, or None.
        task: the kind of what it computes, or None.
    """

    owner: str
    kind: str
    host: str
    pid: int
    began_at: float
    heard_s: float
    run_id: str | None
    run_name: str | None
    step: int | None
    steps_per_second: float | None
    task: str | None

    @property
    def silent(self) -> bool:
        """Whether nothing has been heard of it for too long."""
        return self.heard_s > SILENT_S


@dataclass(frozen=True)
class Census:
    """How many there are of what, and what they do.

    Attributes:
        runs: by state; deleted ones are not counted.
        tasks: of the lab, by state.
        steps_per_second: of all runs that train, together.
        oldest_queued_s: age of the oldest run that waits in the queue; 0: none waits.
    """

    runs: dict[str, int]
    tasks: dict[str, int]
    steps_per_second: float
    oldest_queued_s: float


class Workers:
    """The workers of a store, and counts. Every method is one transaction."""

    def __init__(self, reader: Engine, writer: Engine) -> None:
        self._reader, self._writer = reader, writer

    def beat(self, seen: Sequence[Seen], gone: Sequence[str] = ()) -> None:
        """Says that ``seen`` are alive, and that those of the names ``gone`` are not."""
        now = time.time()
        names = [one.owner for one in seen]
        old = workers.c.heard_at < now - _FORGOTTEN_S
        with self._writer.begin() as connection:
            connection.execute(delete(workers).where(workers.c.owner.in_([*names, *gone]) | old))
            if seen:
                connection.execute(insert(workers), [vars(one) | {"heard_at": now} for one in seen])

    def all(self) -> list[Worker]:
        """Every worker that was heard of lately, with what it does; the oldest first."""
        now = time.time()
        with self._reader.connect() as connection:
            rows = connection.execute(_WORKERS).mappings().all()
        return [
            # The machines' clocks differ: what was heard in the future was heard just now.
            Worker(heard_s=max(0.0, now - row["heard_at"]), **{name: row[name] for name in _SHOWN})
            for row in rows
        ]

    def census(self) -> Census:
        """Counts of runs and tasks."""
        with self._reader.connect() as connection:
            found = connection.execute(_BY_STATE).all()
            doing = connection.execute(_TASKS_BY_STATE).all()
        by_state = {row.state: row for row in found}
        training = by_state.get(RunState.RUNNING.value)
        queued = by_state.get(RunState.QUEUED.value)
        return Census(
            runs={state.value: getattr(by_state.get(state.value), "n", 0) for state in RunState},
            tasks={row.state: row.n for row in doing},
            steps_per_second=float(training.rate or 0.0) if training else 0.0,
            oldest_queued_s=max(0.0, time.time() - queued.oldest) if queued else 0.0,
        )


_SHOWN = (
    "owner", "kind", "host", "pid", "began_at",
    "run_id", "run_name", "step", "steps_per_second", "task",
)  # fmt: skip
_HELD = and_(
    runs.c.owner == workers.c.owner,
    runs.c.state.in_([RunState.RUNNING.value, RunState.PAUSED.value]),
)
_WORKERS: Any = (
    select(
        *workers.c,
        runs.c.id.label("run_id"),
        runs.c.name.label("run_name"),
        runs.c.step,
        runs.c.steps_per_second,
        tasks.c.kind.label("task"),
    )
    .select_from(
        workers.outerjoin(runs, _HELD).outerjoin(
            tasks, and_(tasks.c.owner == workers.c.owner, tasks.c.state == "running")
        )
    )
    .order_by(workers.c.began_at, workers.c.owner)
)
_BY_STATE = (
    select(
        runs.c.state,
        func.count().label("n"),
        func.sum(runs.c.steps_per_second).label("rate"),
        func.min(runs.c.created_at).label("oldest"),
    )
    .where(runs.c.deleted_at.is_(None))
    .group_by(runs.c.state)
)
_TASKS_BY_STATE = select(tasks.c.state, func.count().label("n")).group_by(tasks.c.state)
