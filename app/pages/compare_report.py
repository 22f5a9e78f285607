"""The Compare page: its charts, put into a report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate
from pydantic import ValidationError

from app.compare import Selection
from app.components import address
from app.components.compare_controls import report_items
from app.components.shell import note
from app.pages.base import Context
from app.report import UNTITLED, Content, charts_of, comparison_charts, kept
from app.store import Report, StoreError
from fa_engine import problems

_LISTED = 8  # reports that the charts can be added to


def register_reporting(
    app: Dash, context: Context, selection_of: Callable[[str | None], tuple[Selection, list[str]]]
) -> None:
    """Callbacks of the menu; ``selection_of`` reads an address."""
    reports, comparer = context.store.reports, context.comparer

    @app.callback(
        Output("compare-reports", "children"),
        Input("compare-known", "data"),
    )
    def offer(_known: dict[str, Any] | None) -> list[Component]:
        # Not when the menu opens: an item that is replaced while it is clicked has heard nothing.
        return report_items(reports.reports(limit=_LISTED), address("/report"))

    @app.callback(
        Output("url", "pathname", allow_duplicate=True),
        Output("url", "search", allow_duplicate=True),
        Output("notes", "sendNotifications", allow_duplicate=True),
        Input({"type": "report-to", "report": ALL}, "n_clicks"),
        State("url", "search"),
        prevent_initial_call=True,
    )
    def put(clicks: Sequence[int | None], search: str | None) -> Any:
        if not any(clicks) or not ctx.triggered_id:
            raise PreventUpdate
        charts = comparison_charts(comparer, selection_of(search)[0])
        if not charts:
            return no_update, no_update, note("There is no chart yet: choose runs first.")
        to = ctx.triggered_id["report"]
        try:
            if to == "new":
                made = reports.create(UNTITLED, kept(charts))
            else:
                made = reports.change(to, lambda report: (report.title, _with(report, charts)))
        except ValidationError as error:
            said = " ".join(problem.words for problem in problems(error))
            return no_update, no_update, note(said)
        except StoreError as error:
            return no_update, no_update, note(str(error))
        return address("/report"), f"?report={made.id}", no_update


def _with(report: Report, charts: Sequence[Any]) -> list[Any]:
    content = Content(charts=[*charts_of(report), *charts])
    return kept(content.charts or ())
