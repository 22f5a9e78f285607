"""Tasks: what pages want computed from checkpoints, and what came of it.

A task is named by a key of what it computes, so that two pages that want the same wait for the same
task. A page says again and again what it wants; what nobody has wanted for a while is not begun,
and is left off where it was begun as soon as something else is wanted. One analyst holds a task by
a lease, as a worker holds a run.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, true, update
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import IntegrityError

from app.store.outcomes import put_outcome
from app.store.tables import one_more_edit, runs, tasks

WANTED_S = 8.0
"""How long a wish holds without being repeated, in seconds."""

LINGERS_S = 150.0
"""How much longer what was begun goes on where nothing else is wanted, in seconds: browsers let a
tab that is hidden ask once a minute, and a page on a busy machine is late."""

_FOR_GOOD = 1e12  # unix seconds: what is wanted until it is done or dropped

ATTEMPTS = 2  # a task whose analyst died twice is the likely cause
FORGOTTEN_S = 3600.0  # after its last wish a task that was never begun is removed
KEPT = 400  # finished tasks, the newest


MOST_WANTED = 200
"""Tasks that are wanted and not done at once: what is asked for beyond is not taken down, until it
is asked for again and there is room."""

MOST_FIRST = 50
"""So many more of those that a person waits for: they do not stand behind what is made ahead."""


class TaskState(StrEnum):
    """Where a task stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        """Whether nothing will happen to the task any more."""
        return self in (TaskState.DONE, TaskState.FAILED)


@dataclass(frozen=True)
class Ask:
    """What somebody wants computed.

    Attributes:
        key: names the result: the same key, the same result.
        kind: which computation.
        params: its parameters, JSON-ready.
        rank: 0 is what a person waits for; the greater, the later.
    """

    key: str
    kind: str
    params: dict[str, Any]
    rank: int = 0


@dataclass(frozen=True)
class Task:
    """A task as it stands.

    Attributes:
        progress: share that is done, from 0 to 1.
        message: why it failed, for a person.
        result: of a task that is done; of one that is computed, what it has shown so far, where it
            shows anything.
    """

    number: int
    key: str
    kind: str
    params: dict[str, Any]
    state: TaskState
    progress: float
    message: str
    result: bytes | None


@dataclass(frozen=True)
class Unstable:
    """What a result says of a run in the list of runs.

    Attributes:
        run_id, step: the run, and of which checkpoint.
        share: of modes below 0, from 0 to 1.
    """

    run_id: str
    step: int
    share: float


class Tasks:
    """The tasks of a store. Every method but :meth:`ask` and :meth:`start` is one transaction."""

    def __init__(self, reader: Engine, writer: Engine) -> None:
        self._reader, self._writer = reader, writer

    # -- the web's side -------------------------------------------------------------------------

    def ask(self, asks: Sequence[Ask]) -> dict[str, Task]:
        """Wants ``asks`` for the next :data:`WANTED_S` seconds; how each stands, by key.

        What has failed is tried anew once nobody has wanted it for that long. Where
        :data:`MOST_WANTED` are wanted already, what is new is left out of the answer.
        """
        if not asks:
            return {}
        try:
            self._want(asks)
        except IntegrityError:  # somebody else has asked for the same in this very moment
            self._want(asks)
        with self._reader.connect() as connection:
            rows = connection.execute(_BY_KEY, {"keys": [ask.key for ask in asks]}).mappings()
            return {row["key"]: _task(row) for row in rows}

    def _want(self, asks: Sequence[Ask]) -> None:
        until = time.time() + WANTED_S
        with self._writer.begin() as connection:
            keys = [ask.key for ask in asks]
            connection.execute(_FORGET, {"keys": keys, "now": time.time()})
            there = set(connection.execute(_KEYS, {"keys": keys}).scalars())
            known = [
                {"named": ask.key, "asked_rank": ask.rank, "until": until}
                for ask in asks
                if ask.key in there
            ]
            if known:
                connection.execute(_WANT, known)
            new = [ask for ask in asks if ask.key not in there]
            if new:
                new = _fitting(new, connection.execute(_COUNT, {"now": time.time()}).scalar_one())
            if new:
                last = connection.execute(select(func.max(tasks.c.number))).scalar() or 0
                ended = [state.value for state in TaskState if state.ended]
                old = (tasks.c.number <= last - KEPT) & tasks.c.state.in_(ended)
                forgotten = (tasks.c.state == TaskState.QUEUED.value) & (
                    tasks.c.wanted_until < time.time() - FORGOTTEN_S
                )
                connection.execute(delete(tasks).where(old | forgotten))
                connection.execute(insert(tasks), [_row(ask, until) for ask in new])

    def start(self, ask: Ask) -> bool:
        """Wants ``ask`` until it is done or dropped, whether or not anybody looks on; what is
        started first is computed first. What is on its way already goes on, what has ended is
        computed anew. False: there is no room for it now.
        """
        ended = [state.value for state in TaskState if state.ended]
        with self._writer.begin() as connection:
            over = (tasks.c.key == ask.key) & tasks.c.state.in_(ended)
            connection.execute(delete(tasks).where(over))
        found = self.ask([ask])
        with self._writer.begin() as connection:
            there = tasks.c.key == ask.key
            connection.execute(update(tasks).where(there).values(wanted_until=_FOR_GOOD))
        return ask.key in found

    def current(self, kind: str) -> list[Task]:
        """Those of one kind that are wanted and not done, the oldest first."""
        going = (tasks.c.state != TaskState.DONE.value) & (tasks.c.wanted_until > time.time())
        query = select(*_COLUMNS).where(tasks.c.kind == kind, going).order_by(tasks.c.number)
        with self._reader.connect() as connection:
            return [_task(row) for row in connection.execute(query).mappings()]

    def forget(self, key: str) -> None:
        """Drops a failed task, so that asking begins anew."""
        failed = (tasks.c.key == key) & (tasks.c.state == TaskState.FAILED.value)
        with self._writer.begin() as connection:
            connection.execute(delete(tasks).where(failed))

    def drop(self, key: str) -> None:
        """Has a task left off, whoever wants it, or forgets why it failed."""
        running = tasks.c.state == TaskState.RUNNING.value
        with self._writer.begin() as connection:
            connection.execute(delete(tasks).where(tasks.c.key == key, ~running))
            # Its number is not given away while somebody holds it.
            unwanted = update(tasks).where(tasks.c.key == key)
            connection.execute(unwanted.values(wanted_until=_long_ago()))

    def leave(self, key: str) -> None:
        """Has a task left off, unless somebody goes on wanting it."""
        with self._writer.begin() as connection:
            connection.execute(
                update(tasks).where(tasks.c.key == key).values(wanted_until=_long_ago())
            )

    # -- the analyst's side ---------------------------------------------------------------------

    def claim(
        self, owner: str, lease_s: float, kinds: Collection[str] | None = None
    ) -> Task | None:
        """Takes the most urgent task that is wanted, or None. No two owners get the same.

        Of equal rank, that which was wanted last goes first: its page is open now.

        Args:
            owner: who computes it.
            lease_s: seconds until somebody else may, unless it is reported on.
            kinds: of these alone; None: of any kind.
        """
        now = time.time()
        with self._reader.connect() as connection:
            if connection.execute(_ANY, {"now": now}).one_or_none() is None:
                return None
        wanted = _wanted(now) if kinds is None else _wanted(now).where(tasks.c.kind.in_(kinds))
        first = wanted.limit(1).with_for_update(skip_locked=True).scalar_subquery()
        with self._writer.begin() as connection:
            row = (
                connection.execute(
                    update(tasks)
                    .where(tasks.c.number == first, tasks.c.state == TaskState.QUEUED.value)
                    .values(
                        state=TaskState.RUNNING.value,
                        owner=owner,
                        lease_until=now + lease_s,
                        attempts=tasks.c.attempts + 1,
                        progress=0.0,
                    )
                    .returning(*_COLUMNS)
                )
                .mappings()
                .one_or_none()
            )
        return _task(row) if row else None

    def report(
        self,
        number: int,
        owner: str,
        progress: float,
        lease_s: float,
        so_far: bytes | None = None,
    ) -> bool:
        """Tells how far a task is and holds it; False where it should be left off.

        Args:
            number, owner: of the task.
            progress: share that is done.
            lease_s: seconds until somebody else may have it.
            so_far: what there is to show meanwhile; None: as before.
        """
        shown = {} if so_far is None else {"result": so_far}
        now = time.time()
        nothing_else = ~_wanted(now).exists()
        wanted = (tasks.c.wanted_until > now) | (
            (tasks.c.wanted_until > now - LINGERS_S) & nothing_else
        )
        with self._writer.begin() as connection:
            held = connection.execute(
                update(tasks)
                .where(_held(number, owner), wanted)
                .values(progress=progress, lease_until=now + lease_s, **shown)
            )
        return held.rowcount == 1

    def done(
        self,
        number: int,
        owner: str,
        result: bytes,
        unstable: Unstable | None = None,
        outcome: Mapping[str, Any] | None = None,
    ) -> None:
        """Files the result of a task, if it is still ``owner``'s and wanted.

        Args:
            number, owner, result: of the task.
            unstable: what it says of its run, which the list shows unless it knows of a later
                checkpoint.
            outcome: of an experiment, kept in the place of an older one.
        """
        values = {"state": TaskState.DONE.value, "progress": 1.0, "result": result}
        with self._writer.begin() as connection:
            filed = _end(connection, number, owner, **values)
            if filed and outcome is not None:
                put_outcome(connection, outcome)
            if filed and unstable is not None:
                later = runs.c.unstable_step > unstable.step
                connection.execute(
                    update(runs)
                    .where(runs.c.id == unstable.run_id, later.is_not(true()))
                    .values(
                        unstable_share=unstable.share,
                        unstable_step=unstable.step,
                        edits=one_more_edit(),
                    )
                )

    def failed(self, number: int, owner: str, message: str) -> None:
        """Files why there is no result."""
        values = {"state": TaskState.FAILED.value, "message": message, "result": None}
        self._end(number, owner, **values)

    def put_back(self, number: int, owner: str) -> None:
        """Queues a task that was left off; it is begun anew when somebody wants it."""
        again = {"state": TaskState.QUEUED.value, "progress": 0.0, "attempts": 0, "result": None}
        self._end(number, owner, **again)

    def _end(self, number: int, owner: str, **values: Any) -> None:
        with self._writer.begin() as connection:
            _end(connection, number, owner, **values)

    # -- the supervisor's side ------------------------------------------------------------------

    def release(self, owner: str, failed: str = "") -> None:
        """Puts back what ``owner`` held; what has been tried often enough has failed.

        Args:
            owner: who is gone.
            failed: why none of it is to be tried again; empty: it is.
        """
        self._release(tasks.c.owner == owner, failed)

    def release_expired(self) -> None:
        """The same for whoever has not been heard of for too long."""
        self._release(tasks.c.lease_until < time.time())

    def _release(self, whose: Any, failed: str = "") -> None:
        held = whose & (tasks.c.state == TaskState.RUNNING.value)
        with self._reader.connect() as connection:
            if connection.execute(select(tasks.c.number).where(held).limit(1)).first() is None:
                return
        spent = held if failed else held & (tasks.c.attempts >= ATTEMPTS)
        message = failed or "the process that computed it ended, perhaps for want of memory"
        free = {"owner": None, "lease_until": None, "progress": 0.0, "result": None}
        with self._writer.begin() as connection:
            connection.execute(
                update(tasks)
                .where(spent)
                .values(state=TaskState.FAILED.value, message=message, **free)
            )
            connection.execute(
                update(tasks).where(held).values(state=TaskState.QUEUED.value, **free)
            )


_COLUMNS = [column for column in tasks.c if column.name in Task.__dataclass_fields__]
_BY_KEY = select(*_COLUMNS).where(tasks.c.key.in_(bindparam("keys", expanding=True)))
_KEYS = select(tasks.c.key).where(tasks.c.key.in_(bindparam("keys", expanding=True)))
_FORGET = delete(tasks).where(
    tasks.c.key.in_(bindparam("keys", expanding=True)),
    tasks.c.state == TaskState.FAILED.value,
    tasks.c.wanted_until < bindparam("now"),
)
_WANT = (
    update(tasks)
    .where(tasks.c.key == bindparam("named"))
    .values(wanted_until=bindparam("until"), rank=bindparam("asked_rank"))
)


def _fitting(new: Sequence[Ask], wanted: int) -> list[Ask]:
    """Those that there is room for beside ``wanted`` others."""
    found: list[Ask] = []
    for ask in sorted(new, key=lambda ask: ask.rank):
        most = MOST_WANTED + (MOST_FIRST if ask.rank == 0 else 0)
        if wanted + len(found) < most:
            found.append(ask)
    return found


def _long_ago() -> float:
    return time.time() - LINGERS_S


def _wanted(now: Any) -> Any:
    return (
        select(tasks.c.number)
        .where(tasks.c.state == TaskState.QUEUED.value, tasks.c.wanted_until > now)
        .order_by(tasks.c.rank, tasks.c.wanted_until.desc(), tasks.c.number)
    )


_ANY = _wanted(bindparam("now")).limit(1)
_COUNT = (
    select(func.count())
    .select_from(tasks)
    .where(
        tasks.c.state.in_((TaskState.QUEUED.value, TaskState.RUNNING.value)),
        tasks.c.wanted_until > bindparam("now"),
    )
)


def _end(connection: Connection, number: int, owner: str, **values: Any) -> bool:
    """Lets go of a task; whether it was still ``owner``'s."""
    free = {"owner": None, "lease_until": None}
    ended = update(tasks).where(_held(number, owner)).values(**free, **values)
    return connection.execute(ended).rowcount == 1


def _held(number: int, owner: str) -> Any:
    return (
        (tasks.c.number == number)
        & (tasks.c.owner == owner)
        & (tasks.c.state == TaskState.RUNNING.value)
    )


def _row(ask: Ask, until: float) -> dict[str, Any]:
    return {
        "key": ask.key,
        "kind": ask.kind,
        "params": ask.params,
        "state": TaskState.QUEUED.value,
        "rank": ask.rank,
        "wanted_until": until,
        "attempts": 0,
        "progress": 0.0,
        "message": "",
    }


def _task(row: Any) -> Task:
    return Task(**{**row, "progress": float(row["progress"]), "state": TaskState(row["state"])})
