"""The web application: Flask, Dash on it, the API and the live stream."""

from __future__ import annotations

import atexit
from pathlib import Path
from typing import Any

from dash import Dash, Input, Output, html
from dash.development.base_component import Component
from flask import Flask

from app.api import api_blueprint, guard
from app.cache import Backfills, make_cache
from app.components import shell as frame
from app.lab import Desk
from app.live import Hub, live_blueprint
from app.pages import PAGES, Context
from app.settings import Settings, settings_or_exit
from app.store import Store

ASSETS = Path(__file__).parent.parent / "assets"


class WebApp(Flask):
    """A Flask application that knows its parts.

    Attributes:
        settings, store, hub, dash: what it was made of.
    """

    settings: Settings
    store: Store
    hub: Hub
    dash: Dash

    def close(self) -> None:
        """Ends the live streams and lets go of the database."""
        self.hub.close()
        self.store.close()


def create_app(settings: Settings | None = None) -> WebApp:
    """The application, ready to serve. Without ``settings`` they come from the environment.

    Everything it needs is made here; nothing lives in a module. Workers are not started.
    """
    settings = settings or settings_or_exit()
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    flask = WebApp("app", static_folder=None)
    flask.settings = settings
    flask.store = Store(settings.database_url)
    flask.hub = Hub(flask.store, settings.max_streams)
    cache = make_cache(flask, settings)
    backfills, desk = Backfills(flask.store, cache), Desk(flask.store, cache)
    guard(flask)
    flask.register_blueprint(api_blueprint(flask.store, settings))
    flask.register_blueprint(live_blueprint(flask.store, flask.hub))
    flask.dash = _dash(flask, Context(settings, flask.store, backfills, desk))
    atexit.register(flask.hub.close)
    return flask


def _dash(flask: Flask, context: Context) -> Dash:
    server: Any = flask  # Dash's annotation forgets that it takes an application
    dash = Dash(
        "app",
        server=server,
        assets_folder=str(ASSETS),
        # The shared worker is fetched by name; as a script of the page it would run twice.
        assets_ignore=r"live-worker\.js",
        title=PAGES[0].title,
        update_title="",
        suppress_callback_exceptions=True,  # pages come and go
        use_pages=False,
        enable_mcp=False,
        meta_tags=[
            {"name": "viewport", "content": "width=device-width, initial-scale=1"},
            {"name": "color-scheme", "content": "light dark"},
        ],
    )
    links = [frame.Link(page.path, page.name, page.title, page.of_run) for page in PAGES]
    dash.layout = frame.shell(links)
    frame.register(dash, context.store, links)
    pages = {page.path: page for page in PAGES}
    for page in PAGES:
        page.register(dash, context)

    def route(pathname: str | None) -> Component:
        page = pages.get(pathname or "/")
        if page is None:
            return html.Div(
                [html.H2("There is no such page."), html.A("To the training page", href="/")],
                className="nowhere",
            )
        return page.layout(context)

    dash.callback(Output("page", "children"), Input("url", "pathname"))(route)
    return dash
