"""The Studies page: a question of many runs, and what they say of it while they come."""

from __future__ import annotations

import json
from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from app.components import address, aria, drives
from app.components.asking import one_at_a_time
from app.components.lab_run import graph, panel
from app.components.share import address_note, address_words, copy_link
from app.components.shell import note
from app.components.studies import (
    act,
    field_select,
    studies_list,
    title_of,
    value_select,
)
from app.components.study_address import AGAINST, MEASURE, Looked
from app.pages.base import Context, Page
from app.pages.studies_charts import GONE, drawn, fields_of, run_at
from app.pages.studies_new import new_study, register_new
from app.store import StoreError, UnknownStudy
from app.studies import cells_of, varied_in

_TICK_MS = 1500

_SHOWN = {
    "title": Output("studies-title", "children"),
    "state": Output("studies-state", "children"),
    "progress": Output("studies-progress", "value"),
    "progress_style": Output("studies-progress", "style"),
    "export": Output("studies-export", "href"),
    "more": Output("studies-more", "href"),
    "pause": Output("studies-pause", "style"),
    "resume": Output("studies-resume", "style"),
    "stop": Output("studies-stop", "style"),
    "heat": Output("studies-heat", "figure"),
    "heat_box": Output("studies-heat-box", "style"),
    "lines": Output("studies-lines", "figure"),
    "scatter": Output("studies-scatter", "figure"),
    "parallel": Output("studies-parallel", "figure"),
    "correlation": Output("studies-correlation", "children"),
    "left_out": Output("studies-left-out", "children"),
    "best": Output("studies-best", "children"),
}


def layout(_context: Context) -> Component:
    """The page as it is before the browser knows which study it is about."""
    return html.Div(
        [
            dcc.Interval(id="studies-tick", interval=_TICK_MS),
            dcc.Store(id="studies-seen"),
            dcc.Store(id="studies-look"),
            dcc.Store(id="studies-gone"),
            address_note("studies-note-address"),
            html.Div(
                [
                    html.P(
                        "A question of many runs: say what varies, and every combination trains. "
                        "The answers are drawn while they come, with every network and with those "
                        "that diverged.",
                        className="lab-lead",
                    ),
                    copy_link(),
                ],
                className="claims-head",
            ),
            html.Div(
                [
                    html.Nav(
                        [
                            dcc.Link("New study", href=address("/studies"), className="claim"),
                            html.Div(id="studies-list"),
                        ],
                        className="claims-list",
                        **aria("Studies"),
                    ),
                    html.Div(
                        [
                            html.Div(id="studies-said", role="status"),
                            html.Button(
                                "Undo",
                                id="studies-undo",
                                className="save-as",
                                type="button",
                                hidden=True,
                                **drives(),
                            ),
                            html.Div(new_study(), id="studies-new", style=GONE),
                            html.Div(_one(), id="studies-one", style=GONE),
                        ]
                    ),
                ],
                className="claims",
            ),
        ],
        className="lab studies-page",
    )


def _one() -> list[Component]:
    return [
        html.Section(
            [
                html.H2(id="studies-title", dir="auto"),
                html.Div(
                    [
                        act("Pause"),
                        act("Resume"),
                        act("Stop"),
                        dcc.Link("Extend", id="studies-more", href="", className="save-as"),
                        html.A("CSV", id="studies-export", className="save-as", download=""),
                        act("Delete"),
                    ],
                    className="claims-acts",
                ),
                dmc.Progress(id="studies-progress", value=0, size="sm", **aria("Progress")),
                html.P(id="studies-state", className="soft", role="status"),
                html.Div(
                    [
                        value_select("measure", "Value", MEASURE),
                        value_select("against", "Against", AGAINST),
                        field_select("x", "Across"),
                        field_select("y", "By"),
                    ],
                    className="studies-look",
                ),
                html.P(id="studies-left-out", className="soft"),
            ],
            className="panel",
        ),
        html.Div(
            panel(
                "Where is it good?",
                "The median of the networks of each pair of values. A cross: every network there "
                "diverged; a star: some did. A click opens the run.",
                graph("studies-heat", 380, "Value over two fields", ""),
            ),
            id="studies-heat-box",
        ),
        panel(
            "How does it change?",
            "Medians along one field, a line a value of the other; the band reaches from the "
            "lowest network to the highest.",
            graph("studies-lines", 360, "Value along a field", ""),
        ),
        panel(
            "Do they go together?",
            "Every network a point; those that diverged have none. A click opens the run.",
            html.P(id="studies-correlation", className="study-number"),
            graph("studies-scatter", 380, "Two values against each other", ""),
        ),
        panel(
            "All of it",
            "A line a cell, through what was varied and what it came to. Drag a box over a part of "
            "an axis to keep the cells that go through it, with Shift a second one; a double click "
            "lets all go.",
            graph("studies-parallel", 360, "Every cell", ""),
        ),
        html.Section(
            [
                html.H2("The first cells", id="studies-first"),
                html.P(
                    "By the median over their networks, with the lowest and the highest; those "
                    "that lost a network come last. Of a value that has no best the lowest come "
                    "first.",
                    className="soft",
                ),
                html.Div(
                    id="studies-best",
                    className="compare-scroll",
                    tabIndex=0,
                    role="region",
                    **aria("The first cells"),
                ),
            ],
            className="panel",
        ),
    ]


def register(app: Dash, context: Context) -> None:
    """Callbacks of the page."""
    studies, results = context.store.studies, context.results
    register_new(app, context)

    @app.callback(
        Output("studies-new", "style"),
        Output("studies-one", "style"),
        Output("studies-note-address", "children"),
        Output("studies-note-address", "hide"),
        Output("studies-said", "children"),
        Input("url", "search"),
        Input("studies-gone", "data"),
    )
    def which(search: str | None, gone: dict[str, str] | None) -> Any:
        looked = Looked.read(search)
        said: Any = ""
        there = bool(looked.study)
        if there:
            try:
                studies.study(looked.study)
            except UnknownStudy as error:
                said, there = str(error), False
        elif gone:
            said = f"{gone['title']} is deleted."
        wrong = list(looked.problems)
        new = {} if not looked.study else GONE
        return new, {} if there else GONE, address_words(wrong), not wrong, said

    @one_at_a_time(
        app,
        "studies-tick",
        _TICK_MS,
        Output("studies-list", "children"),
        *_SHOWN.values(),
        Output("studies-seen", "data"),
        Input("url", "search"),
        Input("theme-now", "data"),
        Input("studies-tick", "n_intervals"),
        Input("studies-gone", "data"),
        State("studies-seen", "data"),
    )
    def show(
        search: str | None,
        theme: str | None,
        _tick: int | None,
        _gone: Any,
        seen: dict[str, str] | None,
    ) -> Any:
        if theme is None:
            raise PreventUpdate
        looked = Looked.read(search)
        listed, states = studies.studies(), studies.states()
        now = {
            "list": json.dumps(
                [looked.study, [(s.id, s.title, s.cells, states.get(s.id)) for s in listed]]
            ),
            "one": "",
        }
        told = None
        if looked.study:
            try:
                now["one"] = f"{looked.search()} {theme} {results.revision(looked.study)}"
                if (seen or {}).get("one") != now["one"]:
                    told = results.told(looked.study)
            except StoreError:  # it goes, or one of its runs does, at this moment
                pass
        if seen == now:
            raise PreventUpdate
        parts: dict[str, Any] = dict.fromkeys(_SHOWN, no_update)
        if told is not None:
            parts |= drawn(told, looked, theme)
        new_list: Any = no_update
        if (seen or {}).get("list") != now["list"]:
            new_list = studies_list(listed, states, looked.study)
        return (new_list, *parts.values(), now)

    # Apart from what is drawn: a control that waits for what is asked again and again is none.
    @app.callback(
        Output("studies-measure", "value"),
        Output("studies-against", "value"),
        Output("studies-x", "data"),
        Output("studies-x", "value"),
        Output("studies-y", "data"),
        Output("studies-y", "value"),
        Output("studies-look", "data"),
        Input("url", "search"),
    )
    def controls(search: str | None) -> Any:
        looked = Looked.read(search)
        if not looked.study:
            raise PreventUpdate
        try:
            study = studies.study(looked.study)
        except UnknownStudy:
            raise PreventUpdate from None
        varied = varied_in(study, cells_of(study))
        options = [{"value": name, "label": title_of(name)} for name in varied]
        x, y = fields_of(varied, looked) if varied else ("", None)
        shown = {"measure": looked.measure, "against": looked.against, "x": x, "y": y or ""}
        return looked.measure, looked.against, options, x, options, y, shown

    @app.callback(
        Output("url", "search", allow_duplicate=True),
        Input("studies-measure", "value"),
        Input("studies-against", "value"),
        Input("studies-x", "value"),
        Input("studies-y", "value"),
        State("url", "search"),
        State("studies-look", "data"),
        prevent_initial_call=True,
    )
    def look(
        measure: str | None,
        against: str | None,
        x: str | None,
        y: str | None,
        search: str | None,
        shown: dict[str, str] | None,
    ) -> Any:
        before = Looked.read(search)
        if not before.study or not shown:
            raise PreventUpdate
        now = {"measure": measure, "against": against, "x": x, "y": y}
        changed = {name: value for name, value in now.items() if value and value != shown[name]}
        if not changed:  # a control has been told what is shown
            raise PreventUpdate
        if now["x"] == now["y"]:  # they change places
            changed |= {"x": shown["y"], "y": shown["x"]}
        told: dict[str, Any] = {"study": before.study, **shown, **changed}
        return Looked(**told).search()

    @app.callback(
        Output("notes", "sendNotifications", allow_duplicate=True),
        Output("studies-tick", "n_intervals"),
        Output("studies-gone", "data"),
        Output("url", "search", allow_duplicate=True),
        Input("studies-pause", "n_clicks"),
        Input("studies-resume", "n_clicks"),
        Input("studies-stop", "n_clicks"),
        Input("studies-delete", "n_clicks"),
        Input("studies-undo", "n_clicks"),
        State("url", "search"),
        State("studies-gone", "data"),
        prevent_initial_call=True,
    )
    def press(*given: Any) -> Any:
        *_clicks, search, gone = given
        name = str(ctx.triggered_id or "").removeprefix("studies-")
        if not ctx.triggered or not ctx.triggered[0]["value"]:
            raise PreventUpdate
        study_id = Looked.read(search).study
        try:
            if name == "undo":
                if not gone:  # nothing was deleted here
                    raise PreventUpdate
                study = studies.restore(gone["id"])
                return no_update, 0, None, Looked(study=study.id).search()
            if name == "delete":
                study = studies.study(study_id)
                studies.delete(study_id)
                return no_update, 0, {"id": study_id, "title": study.title}, ""
            studies.send(study_id, name)
        except StoreError as error:
            return note(str(error)), no_update, no_update, no_update
        return no_update, 0, no_update, no_update

    @app.callback(
        Output("studies-undo", "hidden"),
        Input("studies-gone", "data"),
        Input("url", "search"),
    )
    def undo_is_there(gone: Any, search: str | None) -> bool:
        return not gone or bool(Looked.read(search).study)

    @app.callback(
        Output("url", "pathname", allow_duplicate=True),
        Output("url", "search", allow_duplicate=True),
        Input("studies-heat", "clickData"),
        Input("studies-scatter", "clickData"),
        Input("studies-parallel", "clickData"),
        State("url", "search"),
        State("studies-look", "data"),
        prevent_initial_call=True,
    )
    def open_run(*given: Any) -> Any:
        *_clicks, search, look = given
        clicked = ctx.triggered[0]["value"] if ctx.triggered else None
        point = ((clicked or {}).get("points") or [{}])[0]
        run_id = point.get("customdata")
        if ctx.triggered_id == "studies-heat" and point and look:
            run_id = run_at(results.told(Looked.read(search).study), look, point)
        if not run_id:
            raise PreventUpdate
        return address("/"), f"?run={run_id}"

    app.clientside_callback(
        ClientsideFunction("studies", "brush"),
        Input("studies-parallel", "selectedData"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("studies", "drawn_anew"),
        Input("studies-parallel", "figure"),
        prevent_initial_call=True,
    )


STUDIES = Page(
    "/studies", "Studies", "Studies · Feedback alignment", layout, register, of_run=False
)
