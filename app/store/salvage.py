"""Saves from a damaged SQLite file what can still be read into a new one.

Rows are read one by one around the damage. A run whose row is gone is lost, its events too; of a
run some of whose events are gone the others are numbered anew, and a notice says how many there
were.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy.engine import URL

from app.store.engine import PAGE_BYTES, connect
from app.store.records import Draft
from app.store.tables import commands, events, outcomes, reports, runs, studies

_AT_ONCE = 200
_FARTHEST = 2**62  # a row's number
_MAGIC = b"SQLite format 3\0"
_HEADER = 100  # bytes, at the beginning of the file
_PAGES = 28  # where the header says how many pages there are
_COUNTS = (24, _PAGES, 92)  # its changes, its pages, and since which change that number holds
_NOTICE = "The database was damaged: {lost:,} of the {revision:,} events of this run were lost."
_ADD = "INSERT INTO events (run_id, seq, kind, at, header, payload) VALUES (?, ?, ?, ?, ?, ?)"
_PAGE_SIZES = (PAGE_BYTES, 4096)  # of this version, and of those before it
_TABLES = (runs, events, commands, reports, outcomes, studies)


@dataclass
class Saved:
    """What was saved, and what was not.

    Attributes:
        runs, events, reports: how many were.
        lost: of which runs how many events were not, by their names.
        unread: tables that were damaged, and from which rows may be missing.
    """

    runs: int = 0
    events: int = 0
    reports: int = 0
    lost: dict[str, int] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The database to read from, however little of it is left; nothing is written to it.

    A file whose beginning is damaged is read from a copy that has a new one.

    Raises:
        OSError: the file cannot be read.
        sqlite3.DatabaseError: nothing of it can.
    """
    with path.open("rb") as file:
        damaged = file.read(len(_MAGIC)) != _MAGIC
    with tempfile.TemporaryDirectory(prefix="salvage-") as folder:
        if damaged:
            path = _with_a_header_that_fits(path, Path(folder))
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as source:
            source.execute("PRAGMA query_only = ON")
            source.execute("SELECT count(*) FROM sqlite_master")
            yield source


def save(path: Path, target: Path) -> Saved:
    """Saves what can be read of the database at ``path`` into a new one at ``target``.

    Raises:
        FileExistsError: there is one already.
        OSError, sqlite3.DatabaseError: nothing can be read, or nothing written.
    """
    if target.exists():
        raise FileExistsError(target)
    saved = Saved()
    try:
        _make(target)
        with (
            opened(path) as source,
            closing(sqlite3.connect(target, isolation_level=None)) as sink,
        ):
            sink.execute("BEGIN")
            for table in _TABLES:
                _copy(source, sink, table.name, saved)
            _tidy(sink, saved)
            sink.execute("COMMIT")
    except BaseException:
        for end in ("", "-wal", "-shm"):
            target.with_name(target.name + end).unlink(missing_ok=True)
        raise
    return saved


def _make(path: Path) -> None:
    """An empty database."""
    reader, _ = connect(URL.create("sqlite", database=str(path)).render_as_string(False))
    reader.dispose()


def _with_a_header_that_fits(path: Path, folder: Path) -> Path:
    """A copy that can be opened: the size of its pages went with its beginning."""
    for size in _PAGE_SIZES[:-1]:
        within = folder / str(size)
        within.mkdir()
        copy = _with_new_header(path, within, size)
        with closing(sqlite3.connect(copy)) as tried, suppress(sqlite3.DatabaseError):
            tried.execute("SELECT count(*) FROM sqlite_master")
            return copy
    return _with_new_header(path, folder, _PAGE_SIZES[-1])


def _with_new_header(path: Path, folder: Path, page: int) -> Path:
    """A copy with the beginning of a database as this program makes them, of pages of that size."""
    copy, fresh = folder / path.name, folder / "fresh.sqlite"
    for end in ("", "-wal"):
        beside = path.with_name(path.name + end)
        if beside.exists():
            shutil.copyfile(beside, copy.with_name(copy.name + end))
    _make(fresh)
    header = bytearray(fresh.read_bytes()[:_HEADER])
    header[16:18] = page.to_bytes(2, "big")
    pages = copy.stat().st_size // page
    for begin in _COUNTS:
        value = pages if begin == _PAGES else 1
        header[begin : begin + 4] = value.to_bytes(4, "big")
    header[32:40] = bytes(8)  # no list of free pages, which this one does not know
    with copy.open("r+b") as file:
        file.write(header)
    return copy


def _copy(source: sqlite3.Connection, sink: sqlite3.Connection, name: str, saved: Saved) -> None:
    try:
        there = [row[1] for row in source.execute(f"PRAGMA table_info({name})")]
        wanted = {row[1] for row in sink.execute(f"PRAGMA table_info({name})")}
    except sqlite3.DatabaseError:
        saved.unread.append(name)
        return
    columns = ", ".join(column for column in there if column in wanted)
    marks = ", ".join("?" for column in there if column in wanted)
    if not columns:  # there was no such table in that version
        return
    whole = True
    for row in _rows(source, name, columns):
        if row is None:
            whole = False
        else:
            sink.execute(f"INSERT OR IGNORE INTO {name} ({columns}) VALUES ({marks})", row)
    if not whole:
        saved.unread.append(name)


def _rows(source: sqlite3.Connection, name: str, columns: str) -> Iterator[tuple[Any, ...] | None]:
    """Every row that can be read, in order; None where some could not be."""
    query = f"SELECT rowid, {columns} FROM {name} WHERE rowid > ? ORDER BY rowid LIMIT ?"
    last, after, at_once, leap = _last(source, name, columns), 0, _AT_ONCE, 1
    while after < last:
        try:
            found = source.execute(query, (after, at_once)).fetchall()
        except sqlite3.DatabaseError:
            if at_once > 1:  # nearer to the damage, one by one
                at_once = 1
                continue
            yield None
            after, leap = after + leap, min(2 * leap, _AT_ONCE)
            continue
        if not found:
            return
        yield from (row[1:] for row in found)
        after = found[-1][0]
        at_once, leap = min(2 * at_once, _AT_ONCE), 1


def _last(source: sqlite3.Connection, name: str, columns: str) -> int:
    """The number of the last row, as far as it is known, so that a search for it ends."""
    try:
        row = source.execute(
            f"SELECT rowid, {columns} FROM {name} ORDER BY rowid DESC LIMIT 1"
        ).fetchone()
        return int(row[0]) if row else 0
    except sqlite3.DatabaseError:
        pages = int(source.execute("PRAGMA page_count").fetchone()[0])
        size = int(source.execute("PRAGMA page_size").fetchone()[0])
        return pages * size // 16  # no row takes less


def _tidy(sink: sqlite3.Connection, saved: Saved) -> None:
    """Leaves events and commands of known runs alone, and numbers events without a gap."""
    for name in ("events", "commands"):
        sink.execute(f"DELETE FROM {name} WHERE run_id NOT IN (SELECT id FROM runs)")
    rows = sink.execute("SELECT id, name, revision, step FROM runs").fetchall()
    for run_id, name, revision, step in rows:
        seqs = [
            seq
            for (seq,) in sink.execute(
                "SELECT seq FROM events WHERE run_id = ? ORDER BY seq", (run_id,)
            )
        ]
        for seq, old in enumerate(seqs, start=1):
            if seq != old:
                sink.execute(
                    "UPDATE events SET seq = ? WHERE run_id = ? AND seq = ?", (seq, run_id, old)
                )
        saved.events += len(seqs)
        lost = revision - len(seqs)
        if lost > 0:
            saved.lost[f"{name} ({run_id})"] = lost
            notice = _NOTICE.format(lost=lost, revision=revision)
            header = json.dumps(Draft.notice(step, notice).header)
            seqs.append(revision)
            row = (run_id, len(seqs), "notice", time.time(), header, b"")
            sink.execute(_ADD, row)
        sink.execute("UPDATE runs SET revision = ? WHERE id = ?", (len(seqs), run_id))
    saved.runs = len(rows)
    (saved.reports,) = sink.execute("SELECT count(*) FROM reports").fetchone()
