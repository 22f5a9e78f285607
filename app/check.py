"""``python -m app check``: what of an installation is whole, and what can be saved of the rest."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from tqdm import tqdm

from app.settings import Settings
from app.store import Store, StoreError, UnknownRun, unpack, why_away
from app.store.salvage import Saved, opened, save
from fa_engine import CheckpointError
from fa_engine.training.checkpoint import read

_AT_ONCE = 200
_MOST_LINES = 20  # of what SQLite finds; more say no more


@dataclass(frozen=True)
class Found:
    """What one look came to.

    Attributes:
        what: was looked at.
        problem: what is not as it should be; empty: nothing.
        note: what there is.
    """

    what: str
    problem: str = ""
    note: str = ""

    def __str__(self) -> str:
        mark = "BAD" if self.problem else "ok "
        return f"{mark} {self.what}: {self.problem or self.note}"


def check(settings: Settings, *, quiet: bool = True) -> Iterator[Found]:
    """Looks at database, events and checkpoints, and mends nothing; the tables of an older version
    are brought to this one, as at any start.

    Data sets are checked byte for byte whenever they are read.

    Args:
        settings: of the installation.
        quiet: no bar that shows how far it is.
    """
    path = sqlite_path(settings)
    whole = True
    if path is not None:
        for found in _check_file(path):
            whole = whole and not found.problem
            yield found
    if whole and (path is None or path.exists()):
        yield from _check_runs(settings, quiet)
    yield from _check_checkpoints(settings.checkpoint_dir, quiet)


def sqlite_path(settings: Settings) -> Path | None:
    """The file of the database; None where it is a server's."""
    url = make_url(settings.database_url)
    return Path(str(url.database)) if url.get_backend_name() == "sqlite" else None


def saved_words(saved: Saved, target: Path) -> str:
    """What was saved and what was not, for a person."""
    lines = [
        f"Saved into {target}: {saved.runs:,} runs with {saved.events:,} events, "
        f"{saved.reports:,} reports."
    ]
    lines += [f"Lost: {count:,} events of {run}" for run, count in saved.lost.items()]
    if saved.unread:
        lines.append(f"Damaged tables, whose rows may be missing: {', '.join(saved.unread)}.")
    lines.append(
        "Look at it with FA_DATABASE_URL=sqlite:///"
        f"{target} python -m app; to go on with it, end everything, and move it to the place of "
        "the damaged one (remove the files that end in -wal and -shm beside that one)."
    )
    return "\n".join(lines)


def run(settings: Settings, target: Path | None, say: Callable[[str], None]) -> int:
    """The command; its exit code: 0 where everything is whole, 1 where not, whether or not it was
    saved, and 2 where nothing could be saved.

    Args:
        settings: of the installation.
        target: a new database for what can be saved; None: nothing is.
        say: takes a line for a person.
    """
    bad = 0
    for found in check(settings, quiet=not sys.stderr.isatty()):
        bad += bool(found.problem)
        say(str(found))
    if target is not None:
        path = sqlite_path(settings)
        if path is None:
            say("--save is for SQLite files; PostgreSQL is saved by pg_dump.")
            return 2
        try:
            say(saved_words(save(path, target), target))
        except FileExistsError:
            say(f"{target} exists already, and is not written over.")
            return 2
        except (OSError, sqlite3.DatabaseError) as error:
            say(f"Nothing could be saved: {error}")
            return 2
    elif bad:
        say(f"{bad} of these are not whole. `python -m app check --save FILE` saves what can be.")
    return int(bool(bad))


def _check_file(path: Path) -> Iterator[Found]:
    if not path.exists():
        yield Found("database", note=f"there is none yet at {path}")
        return
    try:
        with opened(path) as source:
            with path.open("rb") as file:
                begins = file.read(16)
            if begins != b"SQLite format 3\0":
                yield Found("database", f"the beginning of {path} is damaged")
                return
            if not source.execute("SELECT 1 FROM sqlite_master WHERE name = 'runs'").fetchall():
                yield Found("database", f"{path} has no table of runs")
                return
            said = [str(row[0]) for row in source.execute(f"PRAGMA integrity_check({_MOST_LINES})")]
            lonely = source.execute("PRAGMA foreign_key_check").fetchall()
    except OSError as error:
        yield Found("database", f"{path} cannot be read: {error.strerror}")
        return
    except sqlite3.DatabaseError as error:
        yield Found("database", f"{path} is damaged: {error}")
        return
    if said != ["ok"]:
        yield Found("database", "; ".join(" ".join(line.split()) for line in said))
    elif lonely:
        yield Found("database", f"{len(lonely):,} rows belong to runs that are not there")
    else:
        yield Found("database", note=f"{path} is whole")


def _check_runs(settings: Settings, quiet: bool) -> Iterator[Found]:
    try:
        with Store(settings.database_url) as store:
            runs = store.runs(limit=10**9, of_studies=True)
            bad = 0
            for one in tqdm(runs, "runs", disable=quiet, leave=False):
                problem = _of_events(store, one.id, one.revision)
                if problem:
                    bad += 1
                    yield Found(f"run {one.id} ({one.name})", problem)
            deleted = store.keep.count(deleted=True)
    except (SQLAlchemyError, StoreError) as error:
        yield Found("runs", why_away(error))
        return
    if not bad:
        beside = f"; {deleted:,} deleted ones were not looked at" if deleted else ""
        yield Found("runs", note=f"{len(runs):,}, with every event in its place{beside}")


def _of_events(store: Store, run_id: str, revision: int) -> str:
    """What is wrong with the events of a run."""
    after = 0
    try:
        while events := store.events(run_id, after=after, limit=_AT_ONCE):
            for event in events:
                if event.seq != after + 1:
                    return f"event {after + 1:,} is missing"
                after = event.seq
                if event.kind == "measurements":
                    unpack(event.header, event.payload)
    except UnknownRun:  # it was deleted meanwhile
        return ""
    except (SQLAlchemyError, ValueError, KeyError, TypeError) as error:
        return f"event {after + 1:,} cannot be read: {why_away(error)}"
    return "" if after >= revision else f"its last {revision - after:,} events are missing"


def _check_checkpoints(directory: Path, quiet: bool) -> Iterator[Found]:
    paths = sorted(directory.glob("*/*.safetensors"))
    bad = 0
    for path in tqdm(paths, "checkpoints", disable=quiet, leave=False):
        problem = _of_file(path)
        if problem:
            bad += 1
            yield Found(f"checkpoint {path.relative_to(directory)}", problem)
    if not bad:
        yield Found("checkpoints", note=f"{len(paths):,} files, all whole")


def _of_file(path: Path) -> str:
    """What is wrong with the file of a checkpoint, or of a trajectory."""
    try:
        if path.stem == "trajectory":
            load_file(path)
        else:
            read(path)
    except FileNotFoundError:  # it made room in this very moment
        return ""
    except (CheckpointError, OSError, SafetensorError) as error:
        return str(error)
    return ""
