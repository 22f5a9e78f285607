"""What tells that the database is away for a while: locked, restarting, without room on disk."""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import (
    DatabaseError,
    DisconnectionError,
    InterfaceError,
    OperationalError,
    TimeoutError,
)

AWAY = (OperationalError, InterfaceError, DisconnectionError, TimeoutError)
"""Errors that may pass. What was to be written was not, or nobody can tell whether it was."""


def why_away(error: BaseException) -> str:
    """In one line, without statement and values: what the database said."""
    said = getattr(error, "orig", None) or error
    return " ".join(str(said).split())


def is_damage(error: BaseException) -> bool:
    """Whether the database's file is not what it should be: a page or its beginning is damaged."""
    # SQLite has no error of its own for it: this one, and not one of the kinds below it.
    return type(error) is DatabaseError and type(error.orig) is sqlite3.DatabaseError


def why_not(error: BaseException, url: str) -> str:
    """Why something could not be done with files or the database, in one line for a person.

    Args:
        error: what was raised.
        url: of the database, as it may be shown.
    """
    if is_damage(error):
        return (
            f"the database {url} is damaged ({why_away(error)}). `python -m app check` says what "
            "is whole, and saves what can be"
        )
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return f"{why_away(error)} ({url})"
