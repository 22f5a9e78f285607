"""Studies: questions of many runs, and which runs answer them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.engine import Connection, Engine

from app.store.commands import Command
from app.store.records import CommandRefused, New, Run, RunState, StoreError
from app.store.rows import (
    RUN_COLUMNS,
    as_run,
    check_order,
    check_patience,
    check_queue,
    create,
    new_id,
    order,
)
from app.store.tables import runs, studies


@dataclass(frozen=True)
class Study:
    """A study as it is kept.

    Attributes:
        title: for people.
        varied: what was written for its fields, and how its cells were chosen; what is in it is
            :mod:`app.studies`'s.
        cells: how many there are.
        created_at: unix seconds.
    """

    id: str
    title: str
    varied: Mapping[str, Any]
    cells: int
    created_at: float


class UnknownStudy(StoreError):
    """There is no study of that id."""

    def __init__(self, study_id: str) -> None:
        super().__init__(f"There is no study {study_id!r}: it was deleted, or never was.")


class Studies:
    """All studies. Every method is one transaction.

    Args:
        reader, writer: of the database.
        max_queued: runs that may wait; None: any number.
    """

    def __init__(self, reader: Engine, writer: Engine, max_queued: int | None = None) -> None:
        self._reader, self._writer, self._max_queued = reader, writer, max_queued

    def create(
        self, title: str, varied: Mapping[str, Any], cells: int, asked: Sequence[New]
    ) -> Study:
        """Keeps a new one and queues its runs, all of them or none.

        Args:
            title: for people.
            varied: what it varies.
            cells: how many cells it has.
            asked: its runs, each with the cells that it trains.

        Raises:
            QueueFull: too many runs wait already.
        """
        study = Study(new_id(), title, dict(varied), cells, time.time())
        with self._writer.begin() as connection:
            check_queue(connection, len(asked), self._max_queued)
            connection.execute(insert(studies).values(**vars(study)))
            self._queue(connection, study, asked)
        return study

    def extend(
        self, study_id: str, change: Callable[[Study], tuple[Mapping[str, Any], int, Sequence[New]]]
    ) -> Study:
        """Adds cells to a study, all of them or none.

        Args:
            study_id: which.
            change: given the study, what it varies from now on, how many cells it has, and the runs
                that are new. What it raises leaves the study as it is.

        Raises:
            UnknownStudy: there is none of that id.
            QueueFull: too many runs wait already.
        """
        with self._writer.begin() as connection:
            study = _study(_found(connection, study_id, lock=True))
            varied, cells, asked = change(study)
            check_queue(connection, len(asked), self._max_queued)
            study = replace(study, varied=dict(varied), cells=cells)
            values = {"varied": study.varied, "cells": cells}
            connection.execute(update(studies).where(studies.c.id == study_id).values(**values))
            self._queue(connection, study, asked)
            return study

    def study(self, study_id: str) -> Study:
        """One of them.

        Raises:
            UnknownStudy: there is none of that id, or it is deleted.
        """
        with self._reader.connect() as connection:
            return _study(_found(connection, study_id))

    def studies(self, limit: int = 100) -> list[Study]:
        """The newest first."""
        query = select(studies).where(studies.c.deleted_at.is_(None))
        query = query.order_by(studies.c.number.desc()).limit(limit)
        with self._reader.connect() as connection:
            return [_study(row) for row in connection.execute(query)]

    def runs(self, study_id: str) -> list[Run]:
        """The runs of a study, in the order in which they are trained."""
        query = select(*RUN_COLUMNS).where(runs.c.study_id == study_id, runs.c.deleted_at.is_(None))
        with self._reader.connect() as connection:
            rows = connection.execute(query.order_by(runs.c.number)).mappings()
            return [as_run(row) for row in rows]

    def states(self) -> dict[str, list[tuple[RunState, int, int]]]:
        """Of every study the state of each run, its steps and those that it was asked for."""
        columns = (runs.c.study_id, runs.c.state, runs.c.step, runs.c.total_steps)
        query = select(*columns).where(runs.c.study_id.is_not(None), runs.c.deleted_at.is_(None))
        found: dict[str, list[tuple[RunState, int, int]]] = {}
        with self._reader.connect() as connection:
            for study_id, state, step, total in connection.execute(query):
                found.setdefault(study_id, []).append((RunState(state), step, total))
        return found

    def rename(self, study_id: str, title: str) -> Study:
        """Gives it another title.

        Raises:
            UnknownStudy: there is none of that id.
        """
        with self._writer.begin() as connection:
            study = _study(_found(connection, study_id, lock=True))
            connection.execute(update(studies).where(studies.c.id == study_id).values(title=title))
        return replace(study, title=title)

    def send(self, study_id: str, command: str) -> int:
        """Sends pause, resume or stop to its runs; returns to how many that took it.

        Raises:
            UnknownStudy: there is none of that id.
            QueueFull: too many runs would wait.
        """
        with self._writer.begin() as connection:
            _found(connection, study_id)
            return _send(connection, study_id, Command(command=command), self._max_queued)

    def delete(self, study_id: str) -> None:
        """Deletes it with its runs; those that have not ended are stopped. :meth:`restore` brings
        it back.

        Raises:
            UnknownStudy: there is none of that id, or it is deleted.
        """
        now = time.time()
        with self._writer.begin() as connection:
            _found(connection, study_id, lock=True)
            _send(connection, study_id, Command(command="stop"), None)
            own = (runs.c.study_id == study_id) & runs.c.deleted_at.is_(None)
            connection.execute(update(runs).where(own).values(deleted_at=now))
            where = studies.c.id == study_id
            connection.execute(update(studies).where(where).values(deleted_at=now))

    def restore(self, study_id: str) -> Study:
        """Brings a deleted one back, with those of its runs that are not gone for good.

        Raises:
            UnknownStudy: there was never one of that id.
        """
        with self._writer.begin() as connection:
            where = studies.c.id == study_id
            gone = connection.execute(select(studies.c.deleted_at).where(where)).scalar()
            connection.execute(update(studies).where(where).values(deleted_at=None))
            own = (runs.c.study_id == study_id) & (runs.c.deleted_at == gone)
            connection.execute(update(runs).where(own).values(deleted_at=None))
            return _study(_found(connection, study_id))

    def _queue(self, connection: Connection, study: Study, asked: Iterable[New]) -> None:
        for new in asked:
            create(connection, replace(new, study_id=study.id))


def _send(connection: Connection, study_id: str, command: Command, most: int | None) -> int:
    query = select(*RUN_COLUMNS, runs.c.owner).where(
        runs.c.study_id == study_id, runs.c.deleted_at.is_(None)
    )
    query = query.order_by(runs.c.number)  # as everybody who takes several
    found = connection.execute(query.with_for_update()).mappings().all()
    if command.command == "resume":
        again = (RunState.PAUSED, RunState.STOPPED, RunState.INTERRUPTED)
        back = sum(row["owner"] is None and RunState(row["state"]) in again for row in found)
        check_queue(connection, back, most)
    sent = 0
    for row in found:
        with suppress(CommandRefused):  # it has ended, or does already what it is told
            check_order(row, command)
            if row["owner"] is not None and command.command != "stop":
                check_patience(connection, row["id"], row["obeyed"])
            order(connection, row, command)
            sent += 1
    return sent


def _found(connection: Connection, study_id: str, *, lock: bool = False) -> Row[Any]:
    query = select(studies).where(studies.c.id == study_id, studies.c.deleted_at.is_(None))
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise UnknownStudy(study_id)
    return row


def _study(row: Row[Any]) -> Study:
    return Study(row.id, row.title, row.varied, row.cells, row.created_at)
