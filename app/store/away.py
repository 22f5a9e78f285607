"""What tells that the database is away for a while: locked, restarting, without room on disk."""

from __future__ import annotations

from sqlalchemy.exc import DisconnectionError, InterfaceError, OperationalError, TimeoutError

AWAY = (OperationalError, InterfaceError, DisconnectionError, TimeoutError)
"""Errors that may pass. What was to be written was not, or nobody can tell whether it was."""


def why_away(error: BaseException) -> str:
    """In one line, without statement and values: what the database said."""
    said = getattr(error, "orig", None) or error
    return " ".join(str(said).split())
