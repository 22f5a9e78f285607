"""The System page: what probes and metrics say, for a person."""

from __future__ import annotations

from dash import Dash, Input, Output, dcc, html
from dash.development.base_component import Component
from sqlalchemy.exc import SQLAlchemyError

from app.components import address, aria
from app.components.room_panel import taken_table
from app.components.system_panel import about, counts, verdict, workers_table
from app.pages.base import Context, Page
from app.watching import only_watches

_TICK_MS = 3000


def layout(context: Context) -> Component:
    """The page as it is at this moment; then it follows."""
    return html.Div(
        [
            dcc.Interval(id="system-tick", interval=_TICK_MS),
            html.Div(_now(context), id="system-now"),
            _section(
                "What runs here",
                *about(context.settings, context.system.began_at, controls=not only_watches()),
            ),
            html.P(
                [
                    "The same for programs: ",
                    *_links("/readyz", "/metrics", "/api/docs"),
                ],
                className="soft",
            ),
        ],
        className="system-page",
    )


def register(app: Dash, context: Context) -> None:
    """Callbacks of the page."""

    @app.callback(
        Output("system-now", "children"),
        Input("system-tick", "n_intervals"),
        prevent_initial_call=True,
    )
    def follow(_ticks: int | None) -> list[Component]:
        return _now(context)


def _now(context: Context) -> list[Component]:
    now = context.system.now()
    return [
        _section("Ready", *verdict(now)),
        _section("Workers", workers_table(now.workers)),
        _section("What is done", counts(now, context.settings)),
        _section(
            "Room",
            _taken(context),
            html.P(html.A("What can be freed", href=address("/runs"))),
        ),
    ]


def _taken(context: Context) -> Component:
    try:
        return taken_table(context.room.lately())
    except (SQLAlchemyError, OSError):  # the checks say why
        return html.P("Not known: the database does not answer.", className="soft")


def _section(title: str, *content: Component) -> Component:
    return html.Section([html.H2(title), *content], className="room", **aria(title))


def _links(*paths: str) -> list[Component | str]:
    parts: list[Component | str] = []
    for path in paths:
        parts += [" · " if parts else "", html.A(path, href=address(path))]
    return parts


SYSTEM = Page(
    path="/system",
    name="System",
    title="System · Feedback alignment",
    layout=layout,
    register=register,
    of_run=False,
    in_navigation=False,
)
