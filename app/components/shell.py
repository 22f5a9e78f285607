"""The frame around every page: brand, recent runs, theme."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from app.components import aria
from app.store import Run

_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif"
_THEME = {
    "primaryColor": "blue",
    "primaryShade": {"light": 7, "dark": 7},
    "fontFamily": _FONT,
    "headings": {"fontFamily": _FONT},
    "defaultRadius": "md",
    "cursorType": "pointer",
}


def shell() -> Any:
    """Everything but the page, which the router puts into ``page``."""
    return dmc.MantineProvider(
        [
            dcc.Location(id="url", refresh=False),
            dcc.Store(id="theme-now"),  # light or dark, as the page is; kept by assets/live.js
            dmc.NotificationContainer(id="notes", position="bottom-right", autoClose=8000),
            html.Header(
                [
                    dcc.Link("Feedback alignment", href="/", className="brand"),
                    html.Span("training without the transposed weights", className="brand-note"),
                    html.Div(className="spring"),
                    dmc.Menu(
                        [
                            dmc.MenuTarget(
                                dmc.Button(
                                    "Runs",
                                    id="runs-button",
                                    variant="default",
                                    size="sm",
                                    rightSection=html.Span(className="caret"),
                                )
                            ),
                            # The list itself is inside: a dropdown keeps what it opened with.
                            dmc.MenuDropdown(html.Div(id="runs-list", className="runs-list")),
                        ],
                        position="bottom-end",
                        width=320,
                        shadow="sm",
                    ),
                    dmc.ColorSchemeToggle(
                        id="theme",
                        lightIcon=html.Span(className="icon-sun"),
                        darkIcon=html.Span(className="icon-moon"),
                        variant="default",
                        size="lg",
                        **aria("Light or dark"),
                    ),
                ],
                className="top",
            ),
            html.Main(id="page"),
        ],
        theme=_THEME,
        defaultColorScheme="auto",
    )


def runs_list(runs: Sequence[Run]) -> list[Component]:
    """The recent runs, newest first, each a way to open it."""
    if not runs:
        return [dmc.MenuLabel("No runs yet")]
    return [
        dmc.MenuLabel("Recent runs"),
        *(
            dmc.MenuItem(
                html.Div(
                    [
                        html.Span(run.name, className="run-item-name"),
                        html.Span(
                            [
                                html.Span(className=f"dot dot-{run.state.value}"),
                                f"{run.state.value} · {_ago(run.created_at)} · "
                                f"{run.config['replicates']} networks · seed {run.config['seed']}",
                            ],
                            className="run-item-note",
                        ),
                    ]
                ),
                href=f"/?run={run.id}",
            )
            for run in runs
        ),
    ]


def note(message: str) -> list[dict[str, Any]]:
    """An error, as the notifications show it."""
    return [
        {
            "action": "show",
            "title": "That did not work",
            "message": message,
            "color": "red",
            "id": f"note-{time.time_ns()}",
        }
    ]


def _ago(at: float) -> str:
    passed = max(0.0, time.time() - at)
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if passed >= size:
            return f"{passed / size:.0f} {unit} ago"
    return "just now"
