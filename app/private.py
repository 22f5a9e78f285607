"""An installation's own files are its owner's alone, whichever umask it was started with.

What processes of ours make from now on is private by :func:`be_private`, which each of them calls
as it begins; what is there already is made so by :func:`keep_private`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from app.logs import logger

if TYPE_CHECKING:  # an entry of a program asks for privacy before the settings' long imports
    from app.settings import Settings

SESSION_KEY = "session.key"  # in the state folder; what signs cookies (app/access.py)

_FOLDER, _FILE = 0o700, 0o600
_BESIDE = ("", "-wal", "-shm", "-journal")  # what SQLite has beside a database

_log = logger(__name__)


def be_private() -> None:
    """What this process and those it starts make from now on is its owner's alone. Of the whole
    process, so it is for the entry of a program and nobody else."""
    os.umask(0o777 - _FOLDER)


def keep_private(settings: Settings) -> None:
    """Makes the state folder and takes from others what they may do in it; the same with a database
    that lies elsewhere. Whatever is not this user's own stays as it is.

    Raises:
        OSError: the folder cannot be made.
    """
    state = settings.state_dir
    _make(state)
    database = _database(settings)
    if database is not None:
        _make(database.parent)
        # What SQLite puts beside it later gets the mode of the database.
        with suppress(OSError):
            os.close(os.open(database, os.O_CREAT | os.O_EXCL, _FILE))
    if not hasattr(os, "fchmod"):  # Windows knows no such modes
        return
    if not _is_shared(state):
        _tighten(state)
    _tighten(state / SESSION_KEY)
    for folder in (settings.checkpoint_dir, state / "cache"):
        for path in _within(folder):
            _tighten(path)
    if database is not None:
        for end in _BESIDE:
            _tighten(database.with_name(database.name + end))


def _database(settings: Settings) -> Path | None:
    from sqlalchemy.engine import make_url

    url = make_url(settings.database_url)
    if url.get_backend_name() != "sqlite" or not url.database or url.database.startswith("file:"):
        return None
    return Path(url.database).absolute()


def _make(folder: Path) -> None:
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(mode=_FOLDER, exist_ok=True)


def _is_shared(folder: Path) -> bool:
    """Whether it is one like ``/tmp``, which many put things into."""
    return bool(folder.stat().st_mode & stat.S_ISVTX)


def _within(folder: Path) -> Iterator[Path]:
    """``folder`` and all that is in it, links not followed."""
    folder = folder.resolve()  # it may itself be a link to where there is room
    yield folder
    for place, folders, files in os.walk(folder):
        yield from (Path(place, name) for name in (*folders, *files))


def _tighten(path: Path) -> None:
    """Takes from others what they may do with a file or folder, if it is this user's own."""
    try:
        # The owner is asked of the very thing that is changed: a link is none, and a pipe must not
        # hold this up.
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:  # it is not there, or is nothing that this user may read
        return
    try:
        found = os.fstat(opened)
        mode = _FOLDER if stat.S_ISDIR(found.st_mode) else _FILE
        kind = stat.S_ISDIR(found.st_mode) or stat.S_ISREG(found.st_mode)
        if kind and found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) != mode:
            os.fchmod(opened, mode)
    except OSError as error:  # a file system without modes
        _log.warning("a file stays open to others", path=str(path), error=str(error))
    finally:
        os.close(opened)
