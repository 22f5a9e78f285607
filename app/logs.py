"""Logs: one line an event, with the run that it is about.

Everything goes through ``logging``, so that what libraries say stands in the same lines; structlog
gives the events their fields and draws the lines.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import MutableMapping
from contextlib import AbstractContextManager
from typing import Any

import structlog
from structlog.stdlib import BoundLogger, ExtraAdder, ProcessorFormatter

LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("text", "json")

# A line for every request, and for whatever strangers send, would bury what happens.
_QUIET = {"werkzeug": logging.WARNING, "uvicorn": logging.ERROR}


def logger(name: str) -> BoundLogger:
    """A logger whose events have fields: ``log.info("run begins", run_id=run.id)``.

    A field must not be called as an attribute of ``logging.LogRecord`` is.
    """
    bound: BoundLogger = structlog.wrap_logger(
        logging.getLogger(name),
        processors=[structlog.stdlib.filter_by_level, structlog.stdlib.render_to_log_kwargs],
        wrapper_class=BoundLogger,
        cache_logger_on_first_use=True,
    )
    return bound


def about(**fields: Any) -> AbstractContextManager[Any]:
    """Every event of this thread has these fields while the context lasts, libraries' too."""
    return structlog.contextvars.bound_contextvars(**fields)


def begin(level: str, format_: str | None) -> None:
    """Has this process write its log to stderr, unless something else writes it already.

    Args:
        level: one of :data:`LEVELS`; what is below is left out.
        format_: ``text``, for a person, or ``json``, an object a line; None: text on a terminal.
    """
    root = logging.getLogger()
    if root.handlers:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(_formatter(format_ or ("text" if sys.stderr.isatty() else "json")))
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(least)


def _formatter(format_: str) -> ProcessorFormatter:
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    before: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        ExtraAdder(),
        _add_pid,
        stamp,
    ]
    # The plain traceback: the richer ones show what variables hold, tokens too.
    if format_ == "json":
        drawn: list[Any] = [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(default=str),
        ]
    else:
        drawn = [
            _without_controls,
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            ),
        ]
    return ProcessorFormatter(
        foreign_pre_chain=before,
        processors=[ProcessorFormatter.remove_processors_meta, *drawn],
    )


def _add_pid(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    event["pid"] = os.getpid()
    return event


def _without_controls(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """What somebody has typed may hold what moves a terminal's cursor, or begins a line."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = "".join(
                c if c.isprintable() else c.encode("unicode_escape").decode() for c in value
            )
    return event
