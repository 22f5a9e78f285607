"""Store: the one owner of the database. Every method is one transaction.

Who writes what: the web creates runs and sends commands; a worker claims a run, holds it with a
lease and appends its events; a supervisor takes runs back whose worker is gone. A worker
whose run was taken from it cannot write to it any more: each of its writes names it as the owner.
A run whose worker is gone goes back into the queue; another worker takes it up where it was.

The row of a run is what its events add up to, and is written together with them. Events of a run
are numbered 1, 2, 3 ...: the number comes from the row, whose lock is held until they are written,
so that nobody sees number n + 1 before n.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Collection, Sequence
from itertools import accumulate
from typing import Any

from sqlalchemy import bindparam, exists, func, select, update

from app.store import engine
from app.store.blocks import Series, joined
from app.store.cells import event_of, networks_of, parted, run_of, series_of
from app.store.commands import Command
from app.store.copies import Copies
from app.store.engine import Changes
from app.store.keep import Keep
from app.store.outcomes import Outcomes
from app.store.past import past_of, steps_since
from app.store.records import (
    ACTIVE,
    Checkpoint,
    CommandRefused,
    Draft,
    Event,
    LeaseLost,
    New,
    Parent,
    Past,
    Run,
    RunOfCells,
    RunState,
    UnknownCheckpoint,
    UnknownRun,
)
from app.store.reports import Reports
from app.store.rows import (
    AGAIN,
    OF_A_STUDY,
    RUN_COLUMNS,
    append,
    as_run,
    check_order,
    check_patience,
    check_queue,
    create,
    order,
)
from app.store.rules import Rules
from app.store.studies import Studies
from app.store.tables import commands, events, runs, tasks
from app.store.tasks import Tasks
from app.store.workers import Workers
from fa_engine import RunConfig

MOST_DEATHS = 3
"""Workers that may die over a run one after the other before it is left alone."""

_ACTIVE = [state.value for state in ACTIVE]
_GOING = [state.value for state in RunState if not state.ended]


class Store:
    """The runs, their events and the commands to them, in the database at ``url``.

    Safe in threads; any number of processes may open the same database. Close it, or use it as a
    context manager.

    Args:
        url: of the database.
        max_queued: runs that may wait in the queue; None: any number.

    Attributes:
        tasks: what is to be computed beside training.
        keep: the list of runs, and what people put to them.
        copies: runs that leave and come piece by piece.
        workers: which are alive, and counts of what there is.
        reports: charts with a paragraph beside each.
        outcomes: what experiments have come to.
        rules: by which old checkpoints make room.
        studies: questions of many runs.
    """

    def __init__(self, url: str, max_queued: int | None = None) -> None:
        self._reader, self._writer = engine.connect(url)
        self._max_queued = max_queued
        self.tasks = Tasks(self._reader, self._writer)
        self.keep = Keep(self._reader, self._writer)
        self.copies = Copies(self._reader, self._writer)
        self.workers = Workers(self._reader, self._writer)
        self.reports = Reports(self._reader, self._writer)
        self.outcomes = Outcomes(self._reader, self._writer)
        self.rules = Rules(self._reader, self._writer)
        self.studies = Studies(self._reader, self._writer, max_queued)

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

    def probe(self) -> float:
        """Waits until a write is let in, and writes nothing; returns the seconds that it waited.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: none is.
        """
        began = time.monotonic()
        with self._writer.begin() as connection:
            connection.execute(select(1))
        return time.monotonic() - began

    # -- read by anyone -------------------------------------------------------------------------

    def run(self, run_id: str) -> Run:
        """The run as it stands.

        Raises:
            UnknownRun: there is none of that id; RunOfCells: or it is several.
        """
        whole, cell = parted(run_id)
        run = self._run(whole)
        if cell is not None:
            return run_of(run, cell)
        if run.study_id and run.config.get("vary"):
            raise RunOfCells(run.name)
        return run

    def _run(self, run_id: str) -> Run:
        with self._reader.connect() as connection:
            row = connection.execute(_RUN, {"run_id": run_id}).mappings().one_or_none()
        if row is None:
            raise UnknownRun(run_id)
        return as_run(row)

    def runs(self, limit: int = 100, *, of_studies: bool = False) -> list[Run]:
        """The newest runs first, at most ``limit`` of them; those of studies where asked."""
        some = _THERE if of_studies else _THERE & runs.c.study_id.is_(None)
        query = select(*RUN_COLUMNS).where(some).order_by(runs.c.number.desc()).limit(limit)
        with self._reader.connect() as connection:
            return [as_run(row) for row in connection.execute(query).mappings()]

    def going(self) -> list[str]:
        """The ids of all runs that have not ended, those of studies among them."""
        query = select(runs.c.id).where(runs.c.state.in_(_GOING), _THERE)
        with self._reader.connect() as connection:
            return list(connection.execute(query).scalars())

    def race(self, race_id: str) -> list[Run]:
        """The runs that were started together, in the order of their start; none: no such race."""
        raced = (runs.c.race_id == race_id) & _THERE
        query = select(*RUN_COLUMNS).where(raced).order_by(runs.c.number)
        with self._reader.connect() as connection:
            return [as_run(row) for row in connection.execute(query).mappings()]

    def events(
        self,
        run_id: str,
        after: int = 0,
        limit: int | None = None,
        most_bytes: int | None = None,
    ) -> list[Event]:
        """Events with ``seq > after`` in order, at most ``limit`` of them and, but for a single
        one, ``most_bytes`` of measurements.

        Raises:
            UnknownRun: there is no such run.
        """
        whole, cell = parted(run_id)
        replicates = 0 if cell is None else self.run(run_id).config["replicates"]
        asked = {"run_id": whole, "after": after}
        with self._reader.connect() as connection:
            if most_bytes is not None:  # their sizes are known without reading them
                sizes = connection.execute(_SIZES.limit(limit), asked).scalars().all()
                limit = max(1, bisect_right([*accumulate(sizes)], most_bytes))
            rows = connection.execute(_EVENTS.limit(limit), asked).all()
        if not rows:
            self.revision(run_id)
        found = [Event(*row) for row in rows]
        if cell is None or not found:
            return found
        return [event_of(event, cell, replicates) for event in found]

    def series(self, run_id: str, after: int = 0, until: int | None = None) -> Series:
        """The measurements in events ``after < seq <= until``.

        Read ``run.revision`` first and pass it as ``until`` to go on from there with
        :meth:`events` without a gap and without a duplicate.

        Raises:
            UnknownRun: there is no such run.
        """
        query = _BLOCKS if until is None else _BLOCKS.where(events.c.seq <= until)
        whole, cell = parted(run_id)
        with self._reader.connect() as connection:
            rows = connection.execute(query, {"run_id": whole, "after": after}).all()
        if not rows:
            config = self._run(whole).run_config()
            networks = config.replicates if cell is not None else config.networks
            return Series.empty(networks, len(config.layers))
        if cell is None:
            return joined(rows)
        return series_of(joined(rows), networks_of(self._run(whole).config, cell))

    def clock(self, run_id: str) -> list[tuple[int, float]]:
        """Steps of a run, rising, with the seconds that it had trained by then."""
        with self._reader.connect() as connection:
            headers = connection.execute(_HEADERS, {"run_id": parted(run_id)[0]}).scalars()
            told = [header.get("progress") or {} for header in headers]
        found: dict[int, float] = {}
        for progress in told:
            if progress.get("trained_s") is not None:
                found[progress["step"]] = progress["trained_s"]
        return sorted(found.items())

    def checkpoints(self, run_id: str) -> list[Checkpoint]:
        """The checkpoints that a run has kept, by step; of a step that was kept twice the last.

        Those of a run of several cells are of all their networks, and none of a cell.

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
        of = {run_id: parted(run_id)[0] for run_id in run_ids}
        with self._reader.connect() as connection:
            rows = connection.execute(_REVISIONS, {"run_ids": [*set(of.values())]})
            found: dict[str, int] = dict(rows.all())
        return {run_id: found[whole] for run_id, whole in of.items() if whole in found}

    # -- the web's side -------------------------------------------------------------------------

    def create_run(
        self,
        config: RunConfig,
        name: str | None = None,
        parent: Parent | None = None,
        taken_up: bool = True,
    ) -> Run:
        """Queues a run.

        Args:
            config: what to train.
            name: for people; by default it says what the run is, and is no other run's.
            parent: a checkpoint whose weights it begins with.
            taken_up: whether it goes back into the queue when its worker dies.

        Raises:
            UnknownRun: there is no such parent.
            UnknownCheckpoint: the parent has kept none of that step.
            QueueFull: too many runs wait already.
        """
        (run,) = self.create_runs([New(config, name, parent, taken_up)])
        return run

    def create_runs(self, asked: Sequence[New], race_id: str | None = None) -> list[Run]:
        """Queues all of these runs, or none.

        Args:
            asked: in the order in which they are to be trained.
            race_id: what they have in common, at most 32 letters; see :meth:`race`.

        Raises:
            UnknownRun, UnknownCheckpoint, QueueFull: see :meth:`create_run`.
        """
        names = []
        for new in asked:
            if new.parent is not None:
                self.checkpoint(new.parent.run_id, new.parent.step)
            names.append(self.run(new.parent.run_id).name if new.parent else "")
        with self._writer.begin() as connection:
            check_queue(connection, len(asked), self._max_queued)
            return [
                create(connection, new, handed_from, race_id)
                for new, handed_from in zip(asked, names, strict=True)
            ]

    def send(self, run_id: str, command: Command) -> int:
        """Sends a command to a run; returns the command's number, which grows with time.

        A queued run that is stopped ends at once, and one that is paused waits in the queue, takes
        no worker, and is queued again when it is resumed or asked for a step; what else is sent to
        it takes effect when it begins. One that was stopped or interrupted is queued again by
        ``resume``, one that has finished by ``extend``.

        Raises:
            UnknownRun: there is no such run.
            CommandRefused: the run does not take it as it stands; RunEnded: nor any other.
        """
        with self._writer.begin() as connection:
            # With the row locked, commands to a run are numbered in the order they can be seen.
            whole, cell = parted(run_id)
            query = select(*RUN_COLUMNS, runs.c.owner).where(runs.c.id == whole, _THERE)
            row = connection.execute(query.with_for_update()).mappings().one_or_none()
            if row is None:
                raise UnknownRun(run_id)
            # Its study says what it trains: that stays as it is.
            of_study = row["study_id"] and command.command in ("set", "extend", "step")
            if cell is not None or of_study or row["config"].get("vary"):
                raise CommandRefused(OF_A_STUDY)
            check_order(row, command)
            if row["owner"] is None and command.command in ("resume", "step", "extend"):
                check_queue(connection, 1, self._max_queued)
            elif command.command != "stop":
                check_patience(connection, whole, row["obeyed"])
            return order(connection, row, command)

    # -- the worker's side ----------------------------------------------------------------------

    def claim(self, owner: str, lease_s: float) -> Run | None:
        """Takes the oldest queued run for ``owner``, or None. No two owners get the same.

        Those of studies come last: a person waits for the others.
        """
        with self._reader.connect() as connection:
            # Most of the time nothing is queued, and a look does not hold up any writer.
            if connection.execute(_ANY_QUEUED).one_or_none() is None:
                return None
        oldest = (
            select(runs.c.id, runs.c.step)
            .where(runs.c.state == RunState.QUEUED.value)
            .order_by(runs.c.study_id.is_not(None), runs.c.number)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        with self._writer.begin() as connection:
            row = connection.execute(oldest).one_or_none()
            if row is None:
                return None
            claimed = append(
                connection,
                [Draft.state(RunState.RUNNING, row.step)],
                (runs.c.id == row.id) & (runs.c.state == RunState.QUEUED.value),
                owner=owner,
                lease_until=time.time() + lease_s,
                started_at=func.coalesce(runs.c.started_at, time.time()),
            )
        return as_run(claimed[0]) if claimed else None

    def past(self, run_id: str) -> Past:
        """What a run has told of itself, for the worker that takes it up again."""
        with self._reader.connect() as connection:
            return past_of(connection, run_id)

    def steps_since(self, run_id: str, step: int) -> set[int]:
        """The steps from ``step`` on at which a run was measured."""
        with self._reader.connect() as connection:
            return steps_since(connection, run_id, step)

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

    def append(
        self,
        run_id: str,
        owner: str,
        drafts: Sequence[Draft],
        lease_s: float,
        obeyed: int | None = None,
    ) -> int:
        """Writes events, at least one, and what they make of the run; renews the lease.

        All of them or none. An event that ends the run or puts it back ends the ownership as well.

        Args:
            run_id: whose.
            owner: who writes.
            drafts: the events.
            lease_s: seconds from now.
            obeyed: the number of the last command that was obeyed by then.

        Returns:
            The run's new revision.

        Raises:
            LeaseLost: the run is not ``owner``'s; nothing was written.
        """
        with self._writer.begin() as connection:
            changed = append(
                connection,
                drafts,
                (runs.c.id == bindparam("held_id")) & _HELD,
                {"held_id": run_id, "held_by": owner},
                lease_until=time.time() + lease_s,
                **({} if obeyed is None else {"obeyed": obeyed}),
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

    def take_back(self, owner: str, reason: str, *, interrupted: bool = False) -> list[str]:
        """Puts the runs that ``owner`` holds back into the queue; returns their ids.

        One that was paused is paused there. Of a run of which :data:`MOST_DEATHS` workers have died
        without a step between, it is the likely cause: that one is interrupted.

        Args:
            owner: whose.
            reason: why, for a person.
            interrupted: no other worker is to take them up, unless a person resumes them.
        """
        return self._take_back(runs.c.owner == owner, reason, interrupted)

    def take_back_expired(self) -> list[str]:
        """The same for runs whose lease has run out."""
        expired = runs.c.lease_until < time.time()
        return self._take_back(expired, "nothing more was heard of its worker")

    def shorten_leases(self, lease_s: float) -> None:
        """Has no lease end later than ``lease_s`` seconds from now: the clock was set back, and
        what was said by the later one would hold for as long as that."""
        until = time.time() + lease_s
        with self._writer.begin() as connection:
            for held in (runs, tasks):
                connection.execute(
                    update(held).where(held.c.lease_until > until).values(lease_until=until)
                )
            connection.execute(
                update(tasks).where(tasks.c.wanted_until > until).values(wanted_until=until)
            )

    def _take_back(self, whose: Any, reason: str, interrupted: bool = False) -> list[str]:
        where = whose & runs.c.state.in_(_ACTIVE)
        columns = [runs.c[name] for name in _OF_THE_DEAD]
        with self._reader.connect() as connection:
            found = connection.execute(select(*columns).where(where)).all()
        taken = []
        for row in found:
            went_on = row.death_step is None or row.step > row.death_step
            deaths = 1 if went_on else (row.deaths or 0) + 1
            if row.taken_up is False or interrupted:
                draft = Draft.state(RunState.INTERRUPTED, row.step, reason)
            elif deaths >= MOST_DEATHS:
                said = f"{reason}, as {deaths - 1} before it at this step"
                draft = Draft.state(RunState.INTERRUPTED, row.step, said)
            else:
                held = RunState(row.state) is RunState.PAUSED
                state = RunState.PAUSED if held else RunState.QUEUED
                draft = Draft.put_back(state, row.step, f"{reason}; {AGAIN}")
            values: dict[str, Any] = {"deaths": deaths, "death_step": row.step}
            with self._writer.begin() as connection:
                # The condition again: the worker may have come back in the meantime.
                if append(connection, [draft], (runs.c.id == row.id) & where, **values):
                    taken.append(row.id)
        return taken


_OF_THE_DEAD = ("id", "step", "state", "deaths", "death_step", "taken_up")
# A deleted run is there for nobody until it is restored, but for the worker that is to end it.
_THERE = runs.c.deleted_at.is_(None)
_RUN = select(*RUN_COLUMNS).where(runs.c.id == bindparam("run_id"), _THERE)
_OF_THE_RUN = (events.c.run_id == bindparam("run_id")) & exists().where(
    runs.c.id == bindparam("run_id"), _THERE
)
_EVENTS = (
    select(*(events.c[name] for name in Event.__dataclass_fields__))
    .where(_OF_THE_RUN, events.c.seq > bindparam("after"))
    .order_by(events.c.seq)
)
_SIZES = (
    select(func.length(events.c.payload))
    .where(_OF_THE_RUN, events.c.seq > bindparam("after"))
    .order_by(events.c.seq)
)
_BLOCKS = (
    select(events.c.header, events.c.payload)
    .where(_OF_THE_RUN, events.c.seq > bindparam("after"))
    .where(events.c.kind == "measurements")
    .order_by(events.c.seq)
)
_HEADERS = select(events.c.header).where(events.c.run_id == bindparam("run_id"))
_CHECKPOINTS = (
    select(events.c.header, events.c.seq)
    .where(_OF_THE_RUN, events.c.kind == "checkpoint")
    .order_by(events.c.seq)
)
_REVISIONS = select(runs.c.id, runs.c.revision).where(
    runs.c.id.in_(bindparam("run_ids", expanding=True)), _THERE
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
