"""Store: the one owner of the database. Every method is one transaction.

Who writes what: the web creates runs and sends commands; a worker claims a run, holds it with a
lease and appends its events; a supervisor marks runs as interrupted whose worker is gone. A worker
whose run was taken from it cannot write to it any more: each of its writes names it as the owner.

The row of a run is what its events add up to, and is written together with them. Events of a run
are numbered 1, 2, 3 ...: the number comes from the row, whose lock is held until they are written,
so that nobody sees number n + 1 before n.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import RowMapping, bindparam, delete, insert, select, update
from sqlalchemy.engine import Connection

from app.store import engine, naming
from app.store.blocks import Series, joined
from app.store.commands import Command
from app.store.engine import Changes, commands, events, runs
from app.store.records import (
    ACTIVE,
    Checkpoint,
    Draft,
    Event,
    LeaseLost,
    Parent,
    Run,
    RunEnded,
    RunState,
    UnknownCheckpoint,
    UnknownRun,
)
from app.store.tasks import Tasks
from fa_engine import RunConfig
from fa_engine.config import UNLIMITED

_ID_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"
_ID_LENGTH = 10
_RUN_COLUMNS = [column for column in runs.c if column.name in Run.__dataclass_fields__]
_ACTIVE = [state.value for state in ACTIVE]


class Store:
    """The runs, their events and the commands to them, in the database at ``url``.

    Safe in threads; any number of processes may open the same database. Close it, or use it as a
    context manager.

    Attributes:
        tasks: what is to be computed beside training.
    """

    def __init__(self, url: str) -> None:
        self._reader, self._writer = engine.connect(url)
        self.tasks = Tasks(self._reader, self._writer)

    def close(self) -> None:
        """Closes all connections."""
        self._reader.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def changes(self) -> Changes:
        """A look at whether anything has been written; close it."""
        return Changes(self._reader)

    # -- read by anyone -------------------------------------------------------------------------

    def run(self, run_id: str) -> Run:
        """The run as it stands.

        Raises:
            UnknownRun: there is none of that id.
        """
        with self._reader.connect() as connection:
            row = connection.execute(_RUN, {"run_id": run_id}).mappings().one_or_none()
        if row is None:
            raise UnknownRun(run_id)
        return _run(row)

    def runs(self, limit: int = 100) -> list[Run]:
        """The newest runs first, at most ``limit`` of them."""
        query = select(*_RUN_COLUMNS).order_by(runs.c.number.desc()).limit(limit)
        with self._reader.connect() as connection:
            return [_run(row) for row in connection.execute(query).mappings()]

    def race(self, race_id: str) -> list[Run]:
        """The runs that were started together, in the order of their start; none: no such race."""
        query = select(*_RUN_COLUMNS).where(runs.c.race_id == race_id).order_by(runs.c.number)
        with self._reader.connect() as connection:
            return [_run(row) for row in connection.execute(query).mappings()]

    def events(self, run_id: str, after: int = 0, limit: int | None = None) -> list[Event]:
        """Events with ``seq > after`` in order, at most ``limit`` of them.

        Raises:
            UnknownRun: there is no such run.
        """
        query = _EVENTS if limit is None else _EVENTS.limit(limit)
        with self._reader.connect() as connection:
            rows = connection.execute(query, {"run_id": run_id, "after": after}).all()
        if not rows:
            self.revision(run_id)
        return [Event(*row) for row in rows]

    def series(self, run_id: str, after: int = 0, until: int | None = None) -> Series:
        """The measurements in events ``after < seq <= until``.

        Read ``run.revision`` first and pass it as ``until`` to go on from there with
        :meth:`events` without a gap and without a duplicate.

        Raises:
            UnknownRun: there is no such run.
        """
        query = _BLOCKS if until is None else _BLOCKS.where(events.c.seq <= until)
        with self._reader.connect() as connection:
            rows = connection.execute(query, {"run_id": run_id, "after": after}).all()
        if rows:
            return joined(rows)
        config = self.run(run_id).run_config()
        return Series.empty(config.replicates, len(config.layers))

    def checkpoints(self, run_id: str) -> list[Checkpoint]:
        """The checkpoints that a run has kept, by step; of a step that was kept twice the last.

        Raises:
            UnknownRun: there is no such run.
        """
        with self._reader.connect() as connection:
            rows = connection.execute(_CHECKPOINTS, {"run_id": run_id}).all()
        if not rows:
            self.revision(run_id)
        found = {h["step"]: Checkpoint(run_id, h["step"], seq) for h, seq in rows}
        return [found[step] for step in sorted(found)]

    def checkpoint(self, run_id: str, step: int) -> Checkpoint:
        """The run's checkpoint of a step.

        Raises:
            UnknownRun: there is no such run.
            UnknownCheckpoint: it has kept none of that step.
        """
        for found in self.checkpoints(run_id):
            if found.step == step:
                return found
        raise UnknownCheckpoint(run_id, step)

    def revision(self, run_id: str) -> int:
        """The seq of the run's last event.

        Raises:
            UnknownRun: there is no such run.
        """
        found = self.revisions([run_id])
        if run_id not in found:
            raise UnknownRun(run_id)
        return found[run_id]

    def revisions(self, run_ids: Collection[str]) -> dict[str, int]:
        """The seq of the last event of each run, in one query; unknown ids are left out."""
        with self._reader.connect() as connection:
            rows = connection.execute(_REVISIONS, {"run_ids": list(run_ids)})
            return dict(rows.all())

    # -- the web's side -------------------------------------------------------------------------

    def create_run(
        self,
        config: RunConfig,
        name: str | None = None,
        parent: Parent | None = None,
        race_id: str | None = None,
    ) -> Run:
        """Queues a run.

        Args:
            config: what to train.
            name: for people; by default it says what the run is, and is no other run's.
            parent: a checkpoint whose weights it begins with.
            race_id: the same for all runs that are started together, at most 32 letters; see
                :meth:`race`.

        Raises:
            UnknownRun: there is no such parent.
            UnknownCheckpoint: the parent has kept none of that step.
        """
        if parent is not None:
            self.checkpoint(parent.run_id, parent.step)
        handed_from = self.run(parent.run_id).name if parent else ""
        row = {
            "id": "".join(secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH)),
            "name": (name or "").strip(),
            "config": config.model_dump(mode="json"),
            "state": RunState.QUEUED.value,
            "reason": "",
            "created_at": time.time(),
            "step": 0,
            "total_steps": config.total_steps,
            "epoch": 0.0,
            "steps_per_second": 0.0,
            "learning_rate": config.learning_rate,
            "scheme": config.scheme,
            "revision": 1,
            "diverged_at": [None] * config.replicates,
            "parent_id": parent.run_id if parent else None,
            "parent_step": parent.step if parent else None,
            "race_id": race_id,
        }
        with self._writer.begin() as connection:
            if not row["name"]:
                row["name"] = _distinct_name(connection, config, parent, handed_from)
            created = (
                connection.execute(insert(runs).values(row).returning(*_RUN_COLUMNS))
                .mappings()
                .one()
            )
            _write(connection, created["id"], 0, [Draft.state(RunState.QUEUED, 0)])
        return _run(created)

    def send(self, run_id: str, command: Command) -> int:
        """Sends a command to a run; returns the command's number, which grows with time.

        A queued run that is stopped ends at once, and one that is paused waits in the queue, takes
        no worker, and is queued again when it is resumed or asked for a step; what else is sent to
        it takes effect when it begins.

        Raises:
            UnknownRun: there is no such run.
            RunEnded: the run takes no more commands.
        """
        with self._writer.begin() as connection:
            # With the row locked, commands to a run are numbered in the order they can be seen.
            row = connection.execute(
                select(runs.c.state, runs.c.owner).where(runs.c.id == run_id).with_for_update()
            ).one_or_none()
            if row is None:
                raise UnknownRun(run_id)
            state = RunState(row.state)
            if state.ended:
                raise RunEnded(run_id, state)
            body = command.model_dump(mode="json", exclude_none=True)
            number: int = connection.execute(
                insert(commands)
                .values(run_id=run_id, at=time.time(), body=body)
                .returning(commands.c.number)
            ).scalar_one()
            if row.owner is None:
                drafts, heard = _in_the_queue(state, command.command)
                if drafts:
                    _append(connection, drafts, runs.c.id == run_id)
                if heard:  # nothing of it is left for the worker
                    connection.execute(delete(commands).where(commands.c.number == number))
        return number

    # -- the worker's side ----------------------------------------------------------------------

    def claim(self, owner: str, lease_s: float) -> Run | None:
        """Takes the oldest queued run for ``owner``, or None. No two owners get the same."""
        with self._reader.connect() as connection:
            # Most of the time nothing is queued, and a look does not hold up any writer.
            if connection.execute(_ANY_QUEUED).one_or_none() is None:
                return None
        oldest = (
            select(runs.c.id)
            .where(runs.c.state == RunState.QUEUED.value)
            .order_by(runs.c.number)
            .limit(1)
            .with_for_update(skip_locked=True)
            .scalar_subquery()
        )
        with self._writer.begin() as connection:
            claimed = _append(
                connection,
                [Draft.state(RunState.RUNNING, 0)],
                (runs.c.id == oldest) & (runs.c.state == RunState.QUEUED.value),
                owner=owner,
                lease_until=time.time() + lease_s,
                started_at=time.time(),
            )
        return _run(claimed[0]) if claimed else None

    def heartbeat(self, run_id: str, owner: str, lease_s: float) -> None:
        """Holds the run for ``lease_s`` seconds from now.

        Raises:
            LeaseLost: the run is not ``owner``'s.
        """
        with self._writer.begin() as connection:
            held = connection.execute(
                _HEARTBEAT,
                {"held_id": run_id, "held_by": owner, "until": time.time() + lease_s},
            )
            if held.rowcount != 1:
                raise LeaseLost(run_id, owner)

    def append(self, run_id: str, owner: str, drafts: Sequence[Draft], lease_s: float) -> int:
        """Writes events, at least one, and what they make of the run; renews the lease.

        All of them or none. An event that ends the run ends the ownership as well.

        Returns:
            The run's new revision.

        Raises:
            LeaseLost: the run is not ``owner``'s; nothing was written.
        """
        with self._writer.begin() as connection:
            changed = _append(
                connection,
                drafts,
                (runs.c.id == bindparam("held_id")) & _HELD,
                {"held_id": run_id, "held_by": owner},
                lease_until=time.time() + lease_s,
            )
            if not changed:
                raise LeaseLost(run_id, owner)
        revision: int = changed[0]["revision"]
        return revision

    def commands(self, run_id: str, after: int = 0) -> list[tuple[int, Command]]:
        """Commands to a run with a number greater than ``after``, in order, with their numbers."""
        with self._reader.connect() as connection:
            rows = connection.execute(_COMMANDS, {"run_id": run_id, "after": after}).all()
        return [(number, Command.model_validate(body)) for number, body in rows]

    # -- the supervisor's side ------------------------------------------------------------------

    def interrupt(self, owner: str, reason: str) -> list[str]:
        """Marks the runs that ``owner`` holds as interrupted; returns their ids."""
        return self._interrupt(runs.c.owner == owner, reason)

    def interrupt_expired(self) -> list[str]:
        """Marks runs as interrupted whose lease has run out; returns their ids."""
        expired = runs.c.lease_until < time.time()
        return self._interrupt(expired, "nothing more was heard of its worker")

    def _interrupt(self, whose: Any, reason: str) -> list[str]:
        where = whose & runs.c.state.in_(_ACTIVE)
        with self._reader.connect() as connection:
            found = connection.execute(select(runs.c.id, runs.c.step).where(where)).all()
        interrupted = []
        for run_id, step in found:
            draft = Draft.state(RunState.INTERRUPTED, step, reason)
            with self._writer.begin() as connection:
                # The condition again: the worker may have come back in the meantime.
                if _append(connection, [draft], (runs.c.id == run_id) & where):
                    interrupted.append(run_id)
        return interrupted


_RUN = select(*_RUN_COLUMNS).where(runs.c.id == bindparam("run_id"))
_EVENTS = (
    select(*(events.c[name] for name in Event.__dataclass_fields__))
    .where(events.c.run_id == bindparam("run_id"), events.c.seq > bindparam("after"))
    .order_by(events.c.seq)
)
_BLOCKS = (
    select(events.c.header, events.c.payload)
    .where(events.c.run_id == bindparam("run_id"), events.c.seq > bindparam("after"))
    .where(events.c.kind == "measurements")
    .order_by(events.c.seq)
)
_CHECKPOINTS = (
    select(events.c.header, events.c.seq)
    .where(events.c.run_id == bindparam("run_id"), events.c.kind == "checkpoint")
    .order_by(events.c.seq)
)
_REVISIONS = select(runs.c.id, runs.c.revision).where(
    runs.c.id.in_(bindparam("run_ids", expanding=True))
)
_ANY_QUEUED = select(runs.c.id).where(runs.c.state == RunState.QUEUED.value).limit(1)
_COMMANDS = (
    select(commands.c.number, commands.c.body)
    .where(commands.c.run_id == bindparam("run_id"), commands.c.number > bindparam("after"))
    .order_by(commands.c.number)
)
_HELD = (runs.c.owner == bindparam("held_by")) & runs.c.state.in_(_ACTIVE)
_HEARTBEAT = (
    update(runs)
    .where(runs.c.id == bindparam("held_id"), _HELD)
    .values(lease_until=bindparam("until"))
)


def _append(
    connection: Connection,
    drafts: Sequence[Draft],
    where: Any,
    parameters: dict[str, Any] | None = None,
    **values: Any,
) -> list[RowMapping]:
    """Writes ``drafts`` to the one run that ``where`` finds; its changed row, or nothing."""
    values |= _changes(drafts)
    changed = (
        connection.execute(
            update(runs)
            .where(where)
            .values(revision=runs.c.revision + len(drafts), **values)
            .returning(*_RUN_COLUMNS),
            parameters or {},
        )
        .mappings()
        .all()
    )
    for row in changed:
        named = _renamed(connection, row, drafts)
        _write(connection, row["id"], row["revision"] - len(drafts), named)
    return list(changed)


def _renamed(connection: Connection, row: RowMapping, drafts: Sequence[Draft]) -> list[Draft]:
    """``drafts`` with the new name of the run in those that change its scheme."""
    told, name = [], row["name"]
    for draft in drafts:
        if draft.kind == "control" and draft.header["name"] == "scheme":
            config = RunConfig.model_validate(row["config"], context={"limits": UNLIMITED})
            name = naming.switched(name, config, draft.header["to"], draft.header["step"])
            draft = replace(draft, header=draft.header | {"title": name})
        told.append(draft)
    if name != row["name"]:
        connection.execute(update(runs).where(runs.c.id == row["id"]).values(name=name))
    return told


def _in_the_queue(state: RunState, command: str) -> tuple[list[Draft], bool]:
    """What a command does to a run that no worker has, and whether that is all it does."""
    match state, command:
        case RunState.QUEUED | RunState.PAUSED, "stop":
            return [Draft.state(RunState.STOPPED, 0, "stopped before it began")], False
        case RunState.QUEUED, "pause":
            return [Draft.state(RunState.PAUSED, 0, "paused before it began")], True
        case RunState.PAUSED, "resume" | "step":
            return [Draft.state(RunState.QUEUED, 0)], command == "resume"
    return [], command in ("pause", "resume")


def _distinct_name(
    connection: Connection, config: RunConfig, parent: Parent | None, handed_from: str
) -> str:
    name = naming.name_of(config)
    if parent is not None:
        name = naming.handed_name(config, parent.step, handed_from)
    alike = select(runs.c.name, runs.c.config).where(runs.c.name.startswith(name, autoescape=True))
    # Of several runs of one name, which only people give, the oldest one's settings count.
    rows = connection.execute(alike.order_by(runs.c.number.desc())).all()
    return naming.distinct(name, config, {row.name: row.config for row in rows})


def _changes(drafts: Sequence[Draft]) -> dict[str, Any]:
    """What ``drafts`` change in the row of their run."""
    changes: dict[str, Any] = {}
    for draft in drafts:
        header = draft.header
        if draft.kind == "state":
            changes |= {name: header[name] for name in ("state", "reason", "step")}
            if RunState(header["state"]).ended:
                changes |= {"ended_at": time.time(), "owner": None, "lease_until": None}
        elif draft.kind == "control":
            changes[header["name"]] = header["to"]
        elif draft.kind == "diverged":
            changes["diverged_at"] = header["diverged_at"]
        changes |= header.get("progress", {})
    return changes


def _write(connection: Connection, run_id: str, last: int, drafts: Sequence[Draft]) -> None:
    now = time.time()
    connection.execute(
        insert(events),
        [
            {
                "run_id": run_id,
                "seq": last + number,
                "kind": draft.kind,
                "at": now,
                "header": draft.header,
                "payload": draft.payload,
            }
            for number, draft in enumerate(drafts, start=1)
        ],
    )


def _run(row: RowMapping) -> Run:
    # SQLite hands whole numbers that were stored as REAL back as integers in RETURNING.
    reals = {name: float(row[name]) for name in ("epoch", "steps_per_second", "learning_rate")}
    trained_s = None if row["trained_s"] is None else float(row["trained_s"])
    # A run of an older database that never diverged has nothing there.
    diverged_at = row["diverged_at"] or [None] * row["config"]["replicates"]
    known = {"state": RunState(row["state"]), "trained_s": trained_s, "diverged_at": diverged_at}
    return Run(**{**row, **reals, **known})
