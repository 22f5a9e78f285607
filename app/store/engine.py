"""Connections to the tables that behave alike on SQLite and PostgreSQL."""

from __future__ import annotations

import os
import sqlite3
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, event, inspect
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import (
    DatabaseError,
    DBAPIError,
    IntegrityError,
    OperationalError,
    ProgrammingError,
)

from app.store.tables import events, metadata, runs
from app.store.upgrade import fill_diverged, fill_lists, sum_up

# How long a writer waits for another one before it gives up. Transactions take milliseconds, and
# whoever can wait longer, a worker for one, tries again.
BUSY_TIMEOUT_S = 3.0
PAGE_BYTES = 8192
"""Of a new file. Its first page holds all of what the tables are: where any other is damaged, the
rest can be read."""

_ATTEMPTS = 50
_BEGIN = "fa_begin"
_WAL = "PRAGMA journal_mode = WAL"
_DATA_VERSION = "PRAGMA data_version"


def connect(url: str) -> tuple[Engine, Engine]:
    """Engines for reading and for writing, on one pool; the tables are there afterwards.

    Both are safe in threads, and in processes forked after this call.
    """
    parsed = make_url(url)
    options: dict[str, Any] = {"pool_pre_ping": True}
    sqlite = parsed.get_backend_name() == "sqlite"
    if sqlite:
        if not parsed.database or parsed.database == ":memory:":
            raise ValueError("the database must be a file: workers are processes of their own")
        Path(parsed.database).absolute().parent.mkdir(parents=True, exist_ok=True)
        # A connection to a file costs next to nothing, and needs no ping.
        options = {"max_overflow": -1}
    reader = create_engine(parsed, **options)
    _share_no_connection(reader)
    if sqlite:
        _prepare_sqlite(reader)
    writer = reader.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})
    _patiently(lambda: _create(writer, sqlite))
    return reader, writer


class Changes:
    """Tells whether somebody has written to the database, so that a look for something new can be
    left out; close it, or use it as a context manager.

    A query is a tenth of a millisecond, and several times that on the thread of a process that
    computes, whose caches it empties. SQLite counts what other connections commit, and that number
    is read in a few microseconds. Elsewhere the answer is always yes.

    Safe in threads, one at a time.
    """

    def __init__(self, reader: Engine) -> None:
        sqlite = reader.dialect.name == "sqlite"
        self._connection = reader.raw_connection() if sqlite else None
        self._version: int | None = None

    def since_last_time(self) -> bool:
        """Whether there may be something new; true the first time."""
        if self._connection is None:
            return True
        before = self._version
        driver: Any = self._connection.driver_connection
        with _said_as_elsewhere(_DATA_VERSION):
            (self._version,) = driver.execute(_DATA_VERSION).fetchone()
        return self._version != before

    def close(self) -> None:
        """Gives the connection back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Changes:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


@contextmanager
def _said_as_elsewhere(statement: str) -> Iterator[None]:
    """What SQLite says to who asks it past SQLAlchemy, as SQLAlchemy would say it."""
    try:
        yield
    except sqlite3.Error as error:
        damaged = type(error) is sqlite3.DatabaseError
        raise (DatabaseError if damaged else OperationalError)(statement, None, error) from error


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        # Transactions are begun below, not by the driver, which would begin them too late.
        connection.isolation_level = None
        for setting in (
            f"PRAGMA page_size = {PAGE_BYTES}",  # of a new file; an older one keeps its own
            f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_S * 1000)}",
            "PRAGMA synchronous = NORMAL",
            "PRAGMA foreign_keys = ON",
        ):
            with _said_as_elsewhere(setting):
                connection.execute(setting)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A writer takes its lock at once: a reader that turns writer later may find it refused.
        connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN"))


def _share_no_connection(engine: Engine) -> None:
    """A process that is forked from this one begins with none: two that speak over the same one, if
    only to ask whether it is alive, hear each other's answers."""
    found = weakref.ref(engine)

    def begin_anew() -> None:
        parents = found()
        if parents is not None:
            parents.dispose(close=False)  # which is the parent's to do

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=begin_anew)


def _create(writer: Engine, sqlite: bool) -> None:
    if sqlite:
        with _said_as_elsewhere("connect"):
            connection = writer.raw_connection()
        try:  # outside any transaction, as SQLite wants it; the mode stays with the file
            with _said_as_elsewhere(_WAL):
                connection.cursor().execute(_WAL)
        finally:
            connection.close()
    with writer.begin() as connection_:
        metadata.create_all(connection_)
        added = _add_columns(connection_)
        _add_indexes(connection_)
        if "runs.diverged_at" in added:
            fill_diverged(connection_, runs, events)
        if "runs.words" in added:
            fill_lists(connection_, runs)
    sum_up(writer, runs, events)


def _add_columns(connection: Connection) -> set[str]:
    """Columns that have come since the database was made; what was there has nothing in them."""
    added = set()
    inspector = inspect(connection)
    for table in metadata.sorted_tables:
        there = {column["name"] for column in inspector.get_columns(table.name)}
        for column in table.columns:
            if column.name not in there:
                kind = column.type.compile(connection.dialect)
                connection.exec_driver_sql(
                    f"ALTER TABLE {table.name} ADD COLUMN {column.name} {kind}"
                )
                added.add(f"{table.name}.{column.name}")
    return added


def _add_indexes(connection: Connection) -> None:
    """Indexes that have come since the database was made."""
    inspector = inspect(connection)
    for table in metadata.sorted_tables:
        there = {index["name"] for index in inspector.get_indexes(table.name)}
        for index in table.indexes:
            if index.name not in there:
                index.create(connection)


def _stays(error: DBAPIError) -> bool:
    """Whether waiting mends nothing: a file that may not be opened or written, say."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)


def _patiently(action: Callable[[], None]) -> None:
    """Several processes may open a new database at once, and all but one find it half made."""
    for attempt in range(_ATTEMPTS):
        try:
            action()
            return
        except (IntegrityError, OperationalError, ProgrammingError) as error:
            if attempt == _ATTEMPTS - 1 or _stays(error):
                raise
            time.sleep(0.02 * min(attempt + 1, 10))
