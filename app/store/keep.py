"""Keep: the list of runs, what people put to them, and what is deleted, restored, and gone."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Row, delete, exists, func, select, text, update
from sqlalchemy.engine import Connection, Engine

from app.store.cells import parted
from app.store.commands import Command
from app.store.labels import MOST_TAGS, Labels
from app.store.listing import Listing, chosen, page
from app.store.records import CommandRefused, Run, RunState, UnknownRun
from app.store.rows import OF_A_STUDY, RUN_COLUMNS, as_run, order
from app.store.summary import join_tags, split_tags, words_of
from app.store.tables import metadata, one_more_edit, runs, tasks
from fa_engine import NotAllowed

MOST_AT_ONCE = 1_000
"""Runs that one request changes."""

_GOING = runs.c.state.in_([state.value for state in RunState if not state.ended])


@dataclass(frozen=True)
class Heir:
    """A run that was handed over from another one."""

    id: str
    name: str
    parent_id: str


@dataclass(frozen=True)
class Deleted:
    """What a deletion came to.

    Attributes:
        run_ids: what is deleted.
        stopped: those of them that had not ended, and end now.
        heirs: runs that began with a checkpoint of them, and stay.
    """

    run_ids: list[str]
    stopped: list[str]
    heirs: list[Heir]


class Keep:
    """The list of runs and what people do with it. Every method is one transaction."""

    def __init__(self, reader: Engine, writer: Engine) -> None:
        self._reader, self._writer = reader, writer

    @property
    def dialect(self) -> str:
        """What kind of database it is: ``sqlite``, ``postgresql``."""
        return self._reader.dialect.name

    # -- the list -------------------------------------------------------------------------------

    def page(self, listing: Listing) -> tuple[list[Run], int]:
        """A page of a list, and how many runs the whole list has."""
        with self._reader.connect() as connection:
            rows = connection.execute(page(listing, *RUN_COLUMNS)).mappings().all()
            if listing.offset == 0 and len(rows) < listing.limit:
                return [as_run(row) for row in rows], len(rows)
            count = select(func.count()).select_from(runs).where(chosen(listing))
            return [as_run(row) for row in rows], connection.execute(count).scalar_one()

    def count(self, *, deleted: bool = False) -> int:
        """How many runs there are, or how many can be restored."""
        listing = Listing(deleted=deleted)
        count = select(func.count()).select_from(runs).where(chosen(listing))
        with self._reader.connect() as connection:
            return connection.execute(count).scalar_one()

    def names(self, run_ids: Collection[str]) -> dict[str, str]:
        """The names of these runs by id; those that are not there are left out."""
        query = select(runs.c.id, runs.c.name).where(
            runs.c.id.in_(list(run_ids)), runs.c.deleted_at.is_(None)
        )
        with self._reader.connect() as connection:
            return {row.id: row.name for row in connection.execute(query)}

    def deleted_ids(self) -> list[str]:
        """The runs that can be restored."""
        query = select(runs.c.id).where(runs.c.deleted_at.is_not(None))
        with self._reader.connect() as connection:
            return list(connection.execute(query).scalars())

    def revision(self) -> tuple[int, int, int, int]:
        """Changes whenever the list does: how many runs, events, going ones and edits there are."""
        query = select(
            func.count(),
            func.coalesce(func.sum(runs.c.revision), 0),
            func.count().filter(_GOING),
            func.coalesce(func.sum(runs.c.edits), 0),
        ).where(runs.c.deleted_at.is_(None))
        with self._reader.connect() as connection:
            count, events, going, edits = connection.execute(query).one()
        return int(count), int(events), int(going), int(edits)

    # -- what people put to runs ----------------------------------------------------------------

    def change(self, run_ids: Sequence[str], labels: Labels) -> list[Run]:
        """Changes all of these runs or none.

        Raises:
            UnknownRun: there is no such run.
            fa_engine.NotAllowed: too many runs, or tags of a run.
        """
        with self._writer.begin() as connection:
            for row in _found(connection, run_ids):
                tags = labels.tags_after(split_tags(row.tags))
                if len(tags) > MOST_TAGS:
                    raise NotAllowed("tags", tags, f"at most {MOST_TAGS} tags of a run")
                values: dict[str, Any] = {
                    "name": row.name if labels.name is None else labels.name,
                    "note": row.note if labels.note is None else labels.note,
                    "tags": join_tags(tags),
                    "pinned": row.pinned if labels.pinned is None else labels.pinned,
                }
                words = words_of(row.id, values["name"], values["note"], values["tags"])
                values |= {"words": words, "edits": one_more_edit()}
                connection.execute(update(runs).where(runs.c.id == row.id).values(values))
            return _as_asked(connection, run_ids)

    # -- deleted, restored, gone ----------------------------------------------------------------

    def delete(self, run_ids: Sequence[str]) -> Deleted:
        """Deletes all of these runs or none; :meth:`restore` brings them back as they were.

        A run that has not ended is stopped. What is deleted is there for nobody any more.

        Raises:
            UnknownRun: there is no such run.
            fa_engine.NotAllowed: too many runs.
        """
        with self._writer.begin() as connection:
            rows = _found(connection, run_ids)
            going = [row for row in rows if not RunState(row.state).ended]
            for row in going:
                order(connection, row._mapping, Command(command="stop"))
            ids = [row.id for row in rows]
            connection.execute(
                update(runs).where(runs.c.id.in_(ids)).values(deleted_at=time.time())
            )
            heirs = connection.execute(
                select(runs.c.id, runs.c.name, runs.c.parent_id)
                .where(runs.c.parent_id.in_(ids), runs.c.deleted_at.is_(None))
                .order_by(runs.c.number)
            ).all()
        return Deleted(ids, [row.id for row in going], [Heir(*heir) for heir in heirs])

    def restore(self, run_ids: Sequence[str]) -> list[Run]:
        """Brings deleted runs back, all of these or none; what is there already stays.

        Raises:
            UnknownRun: it was never there, or is gone for good.
            fa_engine.NotAllowed: too many runs.
        """
        with self._writer.begin() as connection:
            found = _found(connection, run_ids, deleted=True)
            ids = [row.id for row in found]
            connection.execute(update(runs).where(runs.c.id.in_(ids)).values(deleted_at=None))
            return _as_asked(connection, run_ids)

    def purge(self, forget: Callable[[str], None]) -> list[str]:
        """Removes deleted runs for good, with events and commands; returns their ids.

        Those stay that still end, or whose checkpoint a queued run is to begin with.

        Args:
            forget: called with each id before it is gone: removes what is kept elsewhere.
        """
        heirs = runs.alias()
        waiting = heirs.c.state.in_([s.value for s in RunState if not s.ended])
        needed = exists().where(heirs.c.parent_id == runs.c.id, waiting)
        where = runs.c.deleted_at.is_not(None) & ~_GOING & ~needed
        with self._reader.connect() as connection:
            ids = connection.execute(select(runs.c.id).where(where)).scalars().all()
        gone = []
        for run_id in ids:  # one at a time: workers write in between
            with self._writer.begin() as connection:
                # The condition again: it may have been restored in the meantime.
                removed = connection.execute(delete(runs).where(runs.c.id == run_id, where))
                if removed.rowcount:
                    forget(run_id)
                    gone.append(run_id)
        return gone

    # -- room -----------------------------------------------------------------------------------

    def sizes(self) -> dict[str, int]:
        """Bytes of the database, and of the results in it."""
        length = select(func.coalesce(func.sum(func.length(tasks.c.result)), 0))
        with self._reader.connect() as connection:
            results = int(connection.execute(length).scalar_one())
            if self.dialect == "sqlite":
                file = Path(str(self._reader.url.database))
                parts = [file, *(file.with_name(file.name + end) for end in ("-wal", "-shm"))]
                total = sum(part.stat().st_size for part in parts if part.exists())
            else:
                size = text("SELECT pg_total_relation_size(:name)")
                total = sum(
                    int(connection.execute(size, {"name": name}).scalar_one())
                    for name in metadata.tables
                )
        return {"database": total, "results": results}

    def shrink(self) -> bool:
        """Gives what deletions have left free back to the disk; False: not while a run goes on.

        SQLite writes its file anew, and nobody else can write meanwhile. PostgreSQL cleans up by
        itself.
        """
        if self.dialect != "sqlite":
            return True
        with self._reader.connect() as connection:
            if connection.execute(select(runs.c.id).where(_GOING).limit(1)).first():
                return False
        raw = self._reader.raw_connection()
        try:  # outside any transaction, as SQLite wants it
            raw.cursor().execute("VACUUM")
            raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            raw.close()
        return True


def _found(
    connection: Connection, run_ids: Sequence[str], *, deleted: bool = False
) -> list[Row[*tuple[Any, ...]]]:
    """The rows of these runs, locked, each once and in their order; deleted ones where asked."""
    if not 1 <= len(run_ids) <= MOST_AT_ONCE:
        raise NotAllowed("ids", len(run_ids), f"1 to {MOST_AT_ONCE:,} runs at once")
    columns = (
        runs.c[name] for name in ("id", "name", "note", "tags", "pinned", "state", "step", "owner")
    )
    query = select(*columns).where(runs.c.id.in_(run_ids)).order_by(runs.c.number)
    if not deleted:
        query = query.where(runs.c.deleted_at.is_(None))
    rows = {row.id: row for row in connection.execute(query.with_for_update())}
    for run_id in run_ids:
        if run_id not in rows:
            if _is_of_a_study(connection, parted(run_id)[0]):
                raise CommandRefused(OF_A_STUDY)
            raise UnknownRun(run_id)
    return [rows[run_id] for run_id in dict.fromkeys(run_ids)]


def _is_of_a_study(connection: Connection, run_id: str) -> bool:
    query = select(runs.c.id).where(runs.c.id == run_id, runs.c.study_id.is_not(None))
    return connection.execute(query).first() is not None


def _as_asked(connection: Connection, run_ids: Sequence[str]) -> list[Run]:
    query = select(*RUN_COLUMNS).where(runs.c.id.in_(run_ids))
    found = {row["id"]: as_run(row) for row in connection.execute(query).mappings()}
    return [found[run_id] for run_id in dict.fromkeys(run_ids)]
