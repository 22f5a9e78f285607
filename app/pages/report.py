"""The Report page: charts of comparisons, each with a paragraph beside it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs

import dash_mantine_components as dmc
from dash import ALL, Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate
from pydantic import ValidationError

from app.components import address, aria, drives
from app.components.charts import chart
from app.components.share import copy_link
from app.components.shell import note
from app.figures.comparison import COMPARE_CONFIG
from app.pages.base import Context, Page
from app.report import Content, Drawn, ReportChart, charts_of, draw, kept
from app.store import Report, StoreError
from fa_engine import problems

_SETTLE_MS = 600  # after the last letter of a paragraph
_MOVES = {"up": "↑", "down": "↓", "out": "×"}


def layout(_context: Context) -> Component:
    """The page as it is before the browser knows its report."""
    return html.Div(
        [
            dcc.Store(id="report-known"),
            dcc.Store(id="report-deleted"),
            html.Div(id="report-head", className="report-head"),
            html.Div(id="report-charts"),
        ],
        className="lab report",
    )


def report_of(search: str | None) -> str | None:
    """The report that an address names, ``?report=ID``."""
    return next(iter(parse_qs((search or "").lstrip("?")).get("report", [])), None)


def register(app: Dash, context: Context) -> None:
    """Callbacks of the page."""
    reports, comparer = context.store.reports, context.comparer
    texts = {"type": "report-text", "chart": ALL}
    moves = {"type": "report-move", "chart": ALL, "to": ALL}

    @app.callback(
        Output("report-head", "children"),
        Output("report-charts", "children"),
        Output("report-known", "data"),
        Input("url", "search"),
        Input("theme-now", "data"),
        State("report-known", "data"),
    )
    def show(search: str | None, theme: str | None, known: list[Any] | None) -> Any:
        if theme is None:  # it follows in a moment
            raise PreventUpdate
        report_id = report_of(search)
        if known == [report_id, theme]:
            raise PreventUpdate
        if report_id is None:
            return html.H2("Reports"), _list(reports.reports()), [None, theme]
        try:
            report = reports.report(report_id)
        except StoreError as error:
            gone = [html.P(str(error)), dcc.Link("All reports", href=address("/report"))]
            return html.H2("Reports"), gone, [report_id, theme]
        return _head(report), _sections(report, theme), [report_id, theme]

    def _sections(report: Report, theme: str) -> list[Component]:
        charts = charts_of(report)
        if not charts:
            return [html.P("No chart is left in it.", className="soft")]
        return [_section(draw(comparer, one, theme), len(charts)) for one in charts]

    @app.callback(
        Output("notes", "sendNotifications", allow_duplicate=True),
        Output("report-title", "error"),
        Input("report-title", "value"),
        Input(texts, "value"),
        State("url", "search"),
        prevent_initial_call=True,
    )
    def write(title: str | None, _texts: Sequence[str], search: str | None) -> Any:
        report_id = report_of(search)
        if report_id is None or not any(entry["value"] is not None for entry in ctx.triggered):
            raise PreventUpdate
        written = {entry["id"]["chart"]: entry["value"] for entry in ctx.inputs_list[1]}

        def shown(report: Report) -> dict[str, Any]:
            charts = [
                {**one, "text": written.get(one["id"], one["text"]) or ""} for one in report.charts
            ]
            return {"title": title, "charts": charts}

        def change(report: Report) -> tuple[str, list[Any]]:
            content = Content.model_validate(shown(report))
            return content.title or report.title, kept(content.charts or ())

        try:
            now = reports.report(report_id)
            if shown(now) == {"title": now.title, "charts": list(now.charts)}:
                return no_update, None  # charts that are drawn anew bring their fields along
            reports.change(report_id, change)
        except ValidationError as error:
            wrong = problems(error)
            of_title = " ".join(p.words for p in wrong if p.field == "title")
            others = " ".join(p.words for p in wrong if p.field != "title")
            return note(others) if others else no_update, of_title or None
        except StoreError as error:
            return note(str(error)), None
        return no_update, None

    @app.callback(
        Output("report-charts", "children", allow_duplicate=True),
        Output("notes", "sendNotifications", allow_duplicate=True),
        Input(moves, "n_clicks"),
        State("url", "search"),
        State("theme-now", "data"),
        prevent_initial_call=True,
    )
    def arrange(clicks: Sequence[int | None], search: str | None, theme: str) -> Any:
        report_id, which = report_of(search), ctx.triggered_id
        if report_id is None or not any(clicks) or not which:
            raise PreventUpdate

        def change(report: Report) -> tuple[str, list[Any]]:
            return report.title, _moved(list(report.charts), which["chart"], which["to"])

        try:
            report = reports.change(report_id, change)
        except StoreError as error:
            return no_update, note(str(error))
        return _sections(report, theme), no_update

    @app.callback(
        Output("report-deleted", "data"),
        Output("report-head", "children", allow_duplicate=True),
        Output("report-charts", "children", allow_duplicate=True),
        Output("report-known", "data", allow_duplicate=True),
        Input("report-delete", "n_clicks"),
        Input("report-undo", "n_clicks"),
        State("url", "search"),
        State("theme-now", "data"),
        prevent_initial_call=True,
    )
    def delete(clicks: int | None, undo: int | None, search: str | None, theme: str) -> Any:
        report_id = report_of(search)
        if report_id is None or not (clicks or undo):
            raise PreventUpdate
        if ctx.triggered_id == "report-undo":
            report = reports.restore(report_id)
            return None, _head(report), _sections(report, theme), [report_id, theme]
        try:
            reports.delete(report_id)
        except StoreError:  # somebody else has, since
            raise PreventUpdate from None
        return report_id, _deleted(), [], [report_id, theme]


def _moved(charts: list[Any], chart_id: str, to: str) -> list[Any]:
    """The charts with one of them moved up or down, or out."""
    place = next((n for n, one in enumerate(charts) if one["id"] == chart_id), None)
    if place is None:  # it is out already
        return charts
    one = charts.pop(place)
    if to != "out":
        charts.insert(max(0, place + (1 if to == "down" else -1)), one)
    return charts


def _head(report: Report) -> list[Component]:
    return [
        dmc.TextInput(
            id="report-title",
            value=report.title,
            debounce=_SETTLE_MS,
            size="md",
            className="report-title",
            autoComplete="off",
            **aria("Title of the report"),
            **drives(),
        ),
        html.Div(
            [
                copy_link(),
                html.A(
                    "Save as one HTML file",
                    href=address(f"/api/reports/{report.id}/export.html"),
                    className="save-as",
                ),
                _button("Delete"),
                _button("Undo", hidden=True),
                dcc.Link("All reports", href=address("/report"), className="save-as"),
            ],
            className="report-actions",
        ),
    ]


def _deleted() -> list[Component]:
    return [
        html.P("The report is deleted."),
        html.Div(
            [
                _button("Undo"),
                _button("Delete", hidden=True),
                dcc.Link("All reports", href=address("/report"), className="save-as"),
            ],
            className="report-actions",
        ),
    ]


def _button(title: str, *, hidden: bool = False) -> Component:
    name = f"report-{title.lower()}"
    return html.Button(
        title, id=name, type="button", className="save-as", hidden=hidden, **drives()
    )


def _section(drawn: Drawn, count: int) -> Component:
    one = drawn.chart
    figure = (
        chart(
            f"report-chart-{one.id}",
            drawn.title,
            drawn.figure,
            class_name="report-chart",
            config=COMPARE_CONFIG,
        )
        if drawn.figure is not None
        else html.Div("There is nothing to draw.", className="report-none soft")
    )
    return html.Section(
        [
            html.Div([html.H2(drawn.title), figure], className="report-picture"),
            html.Div(
                [
                    dmc.Textarea(
                        id={"type": "report-text", "chart": one.id},
                        value=one.text,
                        debounce=_SETTLE_MS,
                        placeholder="What this chart shows",
                        autosize=True,
                        minRows=4,
                        **aria(f"Paragraph beside {drawn.title}"),
                        **drives(),
                    ),
                    *(html.P(words, className="soft") for words in drawn.said),
                    html.Div(
                        [
                            dcc.Link(
                                "Open in Compare",
                                href=address(f"/compare?{one.comparison}"),
                                className="save-as",
                            ),
                            *(
                                _move(one, to, drawn.title)
                                for to in _MOVES
                                if count > 1 or to == "out"
                            ),
                        ],
                        className="report-actions",
                    ),
                ],
                className="report-words",
            ),
        ],
        className="panel report-part",
        key=f"{one.id}-{time.time_ns()}",
    )


def _move(one: ReportChart, to: str, title: str) -> Component:
    words = {"up": "Move up", "down": "Move down", "out": "Leave out"}[to]
    return html.Button(
        _MOVES[to],
        id={"type": "report-move", "chart": one.id, "to": to},
        type="button",
        title=words,
        className="save-as",
        **aria(f"{words}: {title}"),
        **drives(),
    )


def _list(found: Sequence[Report]) -> list[Component]:
    intro = html.P(
        [
            "A report is a choice of charts with a paragraph beside each. ",
            dcc.Link("Compare some runs", href=address("/compare")),
            ", press Report there, write, and hand on its address or one HTML file.",
        ],
        className="lab-lead",
    )
    rows = [
        html.Li(
            [
                html.Bdi(dcc.Link(report.title, href=address(f"/report?report={report.id}"))),
                html.Span(
                    f"{len(report.charts)} chart{'' if len(report.charts) == 1 else 's'}, changed "
                    + time.strftime("%Y-%m-%d %H:%M", time.localtime(report.changed_at)),
                    className="soft",
                ),
            ]
        )
        for report in found
    ]
    return [intro, html.Ul(rows, className="report-list") if rows else html.P("There is none yet.")]


REPORT = Page(
    "/report",
    "Report",
    "Report · Feedback alignment",
    layout,
    register,
    of_run=False,
    in_navigation=False,
)
