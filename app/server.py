"""The web application: Flask, Dash on it, the API and what is asked of a live stream."""

from __future__ import annotations

import atexit
import sys
from http import HTTPStatus
from pathlib import Path
from typing import Any

from dash import Dash, Input, Output, html
from dash.development.base_component import Component
from flask import Flask, Response, request
from flask_compress import Compress

from app import logs
from app.access import (
    NoTokens,
    authorization,
    check_access,
    guard_changes,
    keep_access,
)
from app.api import api_blueprint, errors_as_json
from app.backfills import Backfills
from app.cache import make_cache
from app.compare import Comparer
from app.components import shell as frame
from app.document import document_blueprint
from app.experiments_api import experiments_blueprint
from app.export import export_blueprint
from app.gate import keep_gate
from app.headers import keep_headers
from app.health import health_blueprint
from app.hub import Hub, Places
from app.intake import import_blueprint
from app.keep_api import keep_blueprint
from app.lab import Desk
from app.live import live_blueprint
from app.meters import Meters
from app.metrics import count_requests, metrics_blueprint
from app.pages import PAGES, Context
from app.private import keep_private
from app.races import races_blueprint
from app.reports_api import reports_blueprint
from app.room import Room
from app.settings import Settings, settings_or_exit
from app.store import Store
from app.strict import be_strict
from app.studies import Results
from app.studies_api import studies_blueprint
from app.system import System
from app.watching import only_watches

_HERE = Path(__file__).parent
# Beside the package in the repository, in it where it was installed.
ASSETS = next(path for path in (_HERE / "assets", _HERE.parent / "assets") if path.is_dir())

_NOT_AGAIN = 3  # with any other status some servers start another process, and so on for ever
_ASSETS_ENDPOINT = "_dash_assets.static"  # Dash's name for it
# The stream is not among them: its events would wait in the compressor.
_COMPRESSED = (
    "text/html",
    "text/css",
    "text/csv",
    "text/javascript",
    "application/javascript",
    "application/json",
)
# Quick ones first: what is compressed is made anew for every request but the bundles.
_ALGORITHMS = ("zstd", "br", "gzip")


class WebApp(Flask):
    """A Flask application that knows its parts.

    Attributes:
        settings, store, hub, places, dash: what it was made of.
    """

    settings: Settings
    store: Store
    hub: Hub
    places: Places
    dash: Dash

    def close(self) -> None:
        """Ends the live streams and lets go of the database."""
        self.hub.close()
        self.store.close()


def create_app(settings: Settings | None = None) -> WebApp:
    """The application, ready to serve. Without ``settings`` they come from the environment.

    Everything it needs is made here; nothing lives in a module. Workers are not started.

    Raises:
        SystemExit: the environment is wrong, or others could reach the server and nothing would be
            asked of them; why has been said on one line each.
    """
    try:
        settings = settings or settings_or_exit()
        check_access(settings)
    except (SystemExit, NoTokens) as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(_NOT_AGAIN) from None
    logs.begin(settings.log_level, settings.log_format)  # a server of somebody else's may not
    keep_private(settings)
    flask = WebApp("app", static_folder=None)
    flask.settings = settings
    flask.store = Store(settings.database_url, settings.max_queued)
    meters = Meters()
    flask.hub = Hub(flask.store, lag=meters.lag.observe)
    flask.places = Places(settings.max_streams, settings.max_client_streams)
    cache = make_cache(flask, settings)
    room = Room(flask.store, settings, cache)
    system = System(flask.store, settings, cache, meters, lambda: flask.places.taken)
    backfills, desk = Backfills(flask.store, cache), Desk(flask.store, cache)
    guard_changes(flask.store, room)
    count_requests(flask, meters)  # those that are refused too
    keep_gate(flask, settings)
    keep_access(flask, settings)
    be_strict(flask)
    errors_as_json(flask)
    flask.register_blueprint(api_blueprint(flask.store, settings))
    flask.register_blueprint(keep_blueprint(flask.store, room))
    comparer = Comparer(flask.store)
    flask.register_blueprint(races_blueprint(flask.store, settings, comparer))
    flask.register_blueprint(reports_blueprint(flask.store, comparer))
    flask.register_blueprint(experiments_blueprint(flask.store))
    results = Results(flask.store, cache)
    flask.register_blueprint(studies_blueprint(flask.store, settings, results))
    flask.register_blueprint(document_blueprint())
    flask.register_blueprint(export_blueprint(flask.store, settings, backfills))
    flask.register_blueprint(import_blueprint(flask.store))
    flask.register_blueprint(live_blueprint(flask.store, flask.places))
    flask.register_blueprint(health_blueprint(system))
    flask.register_blueprint(metrics_blueprint(meters, flask.store, system, settings))
    flask.dash = _dash(
        flask, Context(settings, flask.store, backfills, desk, room, comparer, system, results)
    )
    keep_headers(flask, settings, flask.dash.csp_hashes())
    _compress(flask)
    _set_up(flask)
    atexit.register(flask.hub.close)
    return flask


def _compress(flask: Flask) -> None:
    flask.config |= {
        "COMPRESS_MIMETYPES": _COMPRESSED,
        "COMPRESS_ALGORITHM": _ALGORITHMS,
        "COMPRESS_ALGORITHM_STREAMING": _ALGORITHMS,
    }
    Compress(flask)

    @flask.after_request  # the last one is the first to be called
    def whole(response: Response) -> Response:
        # Of a file that is sent piece by piece the compressor closes nothing, and a browser that
        # has it already would be sent it again.
        if request.endpoint == _ASSETS_ENDPOINT and response.direct_passthrough:
            response.direct_passthrough = False
            response.get_data()
        return response


def _set_up(flask: WebApp) -> None:
    """Dash sets itself up in its first request and answers 500 to those that come beside it, so
    the first is this one.
    """
    own = authorization(flask.settings)
    with flask.test_client() as client, client.get("/", headers=own) as answer:
        if answer.status_code != HTTPStatus.OK:
            raise RuntimeError(f"the first page answers {answer.status}")


def _dash(flask: Flask, context: Context) -> Dash:
    base = context.settings.base
    server: Any = flask  # Dash's annotation forgets that it takes an application
    dash = Dash(
        "app",
        server=server,
        # what browsers ask for; here it is asked for without the prefix (app/gate.py)
        requests_pathname_prefix=base,
        routes_pathname_prefix="/",
        assets_folder=str(ASSETS),
        # The shared worker is fetched by name; as a script of the page it would run twice.
        assets_ignore=r"live-worker\.js",
        index_string=frame.DOCUMENT,
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
    links = [
        frame.Link(base + page.path[1:], page.name, page.title, page.of_run, page.in_navigation)
        for page in PAGES
    ]
    dash.layout = lambda: frame.shell(links, watching=only_watches())
    frame.register(dash, context.store, links)
    pages = {link.path: page for link, page in zip(links, PAGES, strict=True)}
    for page in PAGES:
        page.register(dash, context)

    def route(pathname: str | None) -> Component:
        page = pages.get(pathname or base) or pages.get(f"{pathname}/")
        if page is None:
            return html.Div(
                [html.H1("There is no such page."), html.A("To the training page", href=base)],
                className="nowhere",
            )
        # The name of the page for who cannot see which link is marked.
        return html.Div([html.H1(page.name, className="unseen"), page.layout(context)])

    dash.callback(Output("page", "children"), Input("url", "pathname"))(route)
    return dash
