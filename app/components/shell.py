"""The frame around every page: brand, recent runs, theme."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component

from app.components import aria, data
from app.components.find import find_button, find_dialog
from app.components.share import import_button
from app.divergence import divergence, state_class, state_words
from app.figures.palette import to_light
from app.store import Run, Store

_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif"
_THEME = {
    "primaryColor": "blue",
    "primaryShade": {"light": 8, "dark": 8},  # white words on it can be read, on a shade less not
    "fontFamily": _FONT,
    "headings": {"fontFamily": _FONT},
    "defaultRadius": "md",
    "cursorType": "pointer",
    "respectReducedMotion": True,
}
DOCUMENT = """<!DOCTYPE html>
<html lang="en">
    <head>
        {%metas%}
        <title>{%title%}</title>
        {%favicon%}
        {%css%}
    </head>
    <body>
        {%app_entry%}
        <noscript>This dashboard is drawn by JavaScript.</noscript>
        {%config%}
        {%scripts%}
        {%renderer%}
    </body>
</html>
"""
"""Around everything, as Dash fills it in; the language is what Dash's own leaves out."""
PRIMARY = (25, 113, 194)
"""What Mantine calls blue 8: the ground of buttons, and the accent of a light page."""
DIMMED = "You are watching: only who holds the control link may do what is dimmed here."
"""What stands above a page some of whose controls are disabled for who only watches."""
_RECENT = 8  # as many as need no scrolling: nothing in a menu would take the focus for it


@dataclass(frozen=True)
class Link:
    """A page as the navigation sees it; the first of all is the one that the brand leads to.

    Attributes:
        path: its address.
        name: one word.
        title: of the browser's tab.
        of_run: whether it shows the run that the address names.
        in_navigation: whether the navigation leads to it.
    """

    path: str
    name: str
    title: str
    of_run: bool
    in_navigation: bool = True


def shell(links: Sequence[Link], *, watching: bool = False) -> Any:
    """Everything but the page, which the router puts into ``page``; ``watching``: for somebody who
    may change nothing."""
    return dmc.MantineProvider(
        [
            dcc.Location(id="url", refresh=False),
            dcc.Store(id="run-named"),  # the run in the address; kept by assets/shell.js
            dcc.Store(id="theme-now"),  # light or dark, as the page is; kept by assets/live.js
            dcc.Store(id="titles", data={link.path: link.title for link in links}),
            dmc.NotificationContainer(id="notes", position="bottom-right", autoClose=8000),
            html.A("Skip to the content", href="#page", id="skip", className="skip"),
            html.Header(
                [
                    dcc.Link("Feedback alignment", href=links[0].path, className="brand"),
                    html.Span("training without the transposed weights", className="brand-note"),
                    html.Nav(id="nav", className="nav", **aria("Pages")),
                    html.Div(className="spring"),
                    *([_badge()] if watching else []),
                    find_button(),
                    dmc.Menu(
                        [
                            dmc.MenuTarget(
                                dmc.Button(
                                    "Recent",
                                    id="runs-button",
                                    variant="default",
                                    size="sm",
                                    rightSection=html.Span(className="caret"),
                                )
                            ),
                            # The list itself is inside: a dropdown keeps what it opened with.
                            dmc.MenuDropdown(
                                [html.Div(id="runs-list", className="runs-list"), import_button()]
                            ),
                        ],
                        position="bottom-end",
                        width=320,
                        shadow="sm",
                        withinPortal=False,  # in the header, and next to its button for the keys
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
            *([html.P(DIMMED, className="dimmed-words")] if watching else []),
            find_dialog([link.path for link in links if link.of_run]),
            html.Main(id="page", tabIndex=-1, **data(light=json.dumps(to_light()))),
        ],
        theme=_THEME,
        defaultColorScheme="auto",
    )


def _badge() -> Component:
    return html.Span(
        "Watching",
        id="watching",
        title="You look on: who holds the control link starts, steers and deletes.",
    )


def register(app: Dash, store: Store, links: Sequence[Link]) -> None:
    """The frame's own callbacks: where one is, the recent runs, the theme."""

    @app.callback(Output("nav", "children"), Input("url", "pathname"), Input("run-named", "data"))
    def navigation(pathname: str | None, named: dict[str, Any] | None) -> list[Component]:
        return nav(links, pathname, run_named(named))

    @app.callback(
        Output("runs-list", "children"),
        Input("runs-button", "n_clicks"),
        Input("url", "pathname"),
    )
    def recent(_clicks: int | None, pathname: str | None) -> list[Component]:
        here = next((link for link in links if link.path == pathname and link.of_run), links[0])
        every, system = (
            next(link.path for link in links if link.name == name) for name in ("Runs", "System")
        )
        listed = runs_list(store.runs(limit=_RECENT), here.path, links[0].path, every)
        return [*listed, dmc.MenuItem("System", href=system)]

    app.clientside_callback(
        ClientsideFunction("shell", "title"), Input("url", "pathname"), State("titles", "data")
    )
    app.clientside_callback(
        ClientsideFunction("shell", "run_named"),
        Output("run-named", "data"),
        Input("url", "search"),
        State("run-named", "data"),
    )
    app.clientside_callback(
        ClientsideFunction("view", "arrive"),
        Output("page", "data-view"),
        Input("url", "search"),
        Input("url", "pathname"),
    )
    app.clientside_callback(
        ClientsideFunction("live", "theme"),
        Output("theme-now", "data"),
        Input("theme", "computedColorScheme"),
    )


def run_of(search: str | None) -> str | None:
    """The run that an address names, ``?run=ID``."""
    return next(iter(parse_qs((search or "").lstrip("?")).get("run", [])), None)


def run_named(named: dict[str, Any] | None) -> str | None:
    """The same as the store ``run-named`` has it, which stays what it is while the rest of an
    address changes."""
    return named["run"] if named else None


def nav(links: Sequence[Link], pathname: str | None, run_id: str | None) -> list[Component]:
    """A link to every page, which takes the run along; the one that is shown is marked."""
    query = "?" + urlencode({"run": run_id}) if run_id else ""
    return [
        dmc.Anchor(
            link.name,
            href=link.path + query,
            underline="never",
            className="nav-link",
            **({"aria-current": "page"} if link.path == pathname else {}),
        )
        for link in links
        if link.in_navigation
    ]


def runs_list(
    runs: Sequence[Run], path: str, home: str = "/", every: str = "/runs"
) -> list[Component]:
    """The recent runs, newest first, each a way to open it on the page at ``path``; without any the
    way to the page at ``home``, where one is started. All of them are at ``every``."""
    if not runs:
        return [dmc.MenuLabel("No runs yet"), dmc.MenuItem("Train a first one", href=home)]
    return [
        dmc.MenuLabel("Recent runs"),
        *(
            dmc.MenuItem(
                html.Div(
                    [
                        html.Span(run.name, className="run-item-name", dir="auto"),
                        html.Span(
                            [
                                html.Span(className=f"dot dot-{state_class(run)}"),
                                f"{state_words(run)} · {_ago(run.created_at)} · "
                                f"{_networks(run)} · seed {run.config['seed']}",
                            ],
                            className="run-item-note",
                            title=_since(run),
                        ),
                    ]
                ),
                href=f"{path}?run={run.id}",
            )
            for run in runs
        ),
        dmc.MenuDivider(),
        dmc.MenuItem("All runs", href=every),
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


def _networks(run: Run) -> str:
    count = run.config["replicates"]
    return f"{count:,} network{'' if count == 1 else 's'}"


def _since(run: Run) -> str:
    """Which of its networks diverged, and since when; empty where none did."""
    found = divergence(run.diverged_at)
    return str(found["since"]) if found else ""


def _ago(at: float) -> str:
    passed = max(0.0, time.time() - at)
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if passed >= size:
            return f"{passed / size:.0f} {unit} ago"
    return "just now"
