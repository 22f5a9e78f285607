"""How the installation is doing, in tables that a person reads."""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from dash import html
from dash.development.base_component import Component

from app.components import address, aria
from app.room import size_words
from app.settings import PREFIX, Settings
from app.store import Census, Worker
from app.system import OK, OPTIONAL, Snapshot, is_ready

_PACKAGES = ("torch", "dash", "plotly", "numpy", "SQLAlchemy")
_CHECKED = {
    "database": "The database takes what is written",
    "workers": "Somebody trains, and somebody computes",
    "cache": "The cache of the pages answers",
    "disk": "There is room on the disk",
}


def verdict(now: Snapshot) -> list[Component]:
    """The one sentence, and what was checked for it."""
    ready = is_ready(now.checks)
    said = "Everything is there." if ready else "Something is lacking."
    if ready and any(one != OK for one in now.checks.values()):
        said = "It works, slower than it could."
    rows = [
        (
            html.Span(
                [
                    html.Span(className=f"dot dot-{_dot(name, found)}"),
                    _CHECKED.get(name, name),
                ],
                className="system-check",
            ),
            "yes" if found == OK else f"no: {found}",
        )
        for name, found in now.checks.items()
    ]
    return [html.P(said, className="system-verdict"), _table(rows)]


def workers_table(workers: list[Worker]) -> Component:
    """Every process that trains or computes, on whichever machine."""
    if not workers:
        return html.P("None has been heard of.", className="soft")
    titles = ("Process", "Machine", "For", "Does", "Steps/s")
    table = html.Table(
        [
            html.Thead(html.Tr([html.Th(title, scope="col") for title in titles])),
            html.Tbody([html.Tr([html.Td(cell) for cell in _worker(one)]) for one in workers]),
        ],
        className="system-workers",
    )
    # Wider than a telephone; who uses a keyboard scrolls it too.
    return html.Div(
        table, className="system-wide", tabIndex=0, role="region", **aria("Every worker")
    )


def counts(now: Snapshot, settings: Settings) -> Component:
    """Queue, runs, what the lab computes, and who watches."""
    census = now.census
    if census is None:
        return html.P("The database does not answer.", className="soft")
    rows: list[tuple[Any, Any]] = [
        (state, f"{count:,}") for state, count in census.runs.items() if count
    ]
    return _table(
        [
            ("Waiting in the queue", _queue(census, settings)),
            ("Steps a second, of all runs", f"{census.steps_per_second:,.0f}"),
            *((f"Runs that are {state}", count) for state, count in rows if state != "queued"),
            ("Computed from checkpoints now", f"{census.tasks.get('running', 0):,}"),
            ("Wanted of that, and not begun", f"{census.tasks.get('queued', 0):,}"),
            ("Live streams", f"{now.viewers:,} of {settings.max_streams:,}"),
            ("95 % of events are sent within", _lag(now.lag_s)),
            ("Room on the disk", "not known" if now.free is None else size_words(now.free)),
        ]
    )


def about(settings: Settings, began_at: float, *, controls: bool) -> list[Component]:
    """What runs here; settings for who controls, without passwords."""
    rows: list[tuple[Any, Any]] = [
        (
            "This web server was started",
            time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(began_at)),
        ),
        ("Python", platform.python_version()),
        *((name, version(name)) for name in _PACKAGES),
    ]
    if not controls:
        return [_table(rows)]
    shown = [(f"{PREFIX}{name.upper()}", value) for name, value in settings.shown().items()]
    return [_table(rows), html.Details([html.Summary("Settings"), _table(shown)])]


def _table(rows: Iterable[tuple[Any, Any]]) -> Component:
    return html.Table(
        html.Tbody(
            [html.Tr([html.Th(title, scope="row"), html.Td(value)]) for title, value in rows]
        )
    )


def _worker(worker: Worker) -> list[Any]:
    does: Any = "waits"
    if worker.silent:
        does = f"nothing was heard for {_for(worker.heard_s)}"
    elif worker.run_id:
        name = html.A(worker.run_name, href=address(f"/?run={worker.run_id}"), dir="auto")
        does = ["trains ", name, f" at step {worker.step:,}"]
    elif worker.task:
        does = f"computes: {worker.task}"
    rate = worker.steps_per_second if worker.run_id and not worker.silent else None
    return [
        f"{worker.kind} {worker.pid}",
        worker.host,
        _for(time.time() - worker.began_at),
        does,
        "" if rate is None else f"{rate:,.0f}",
    ]


def _dot(name: str, found: str) -> str:
    if found == OK:
        return "finished"
    return "paused" if name in OPTIONAL else "failed"


def _queue(census: Census, settings: Settings) -> str:
    waiting = census.runs["queued"]
    if not waiting:
        return "none"
    return (
        f"{waiting:,} of {settings.max_queued:,} at most; "
        f"the oldest is {_for(census.oldest_queued_s)} old"
    )


def _lag(lag_s: float | None) -> str:
    if lag_s is None:
        return "nothing was sent yet"
    return "more than 10 s" if math.isinf(lag_s) else f"{1000 * lag_s:,.0f} ms"


def _for(seconds: float) -> str:
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
