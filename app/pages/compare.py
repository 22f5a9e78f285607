"""The Compare page: any runs on the same axes, as they go on or afterwards."""

from __future__ import annotations

import time
from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate
from pydantic import ValidationError

from app.address import defaults, read, write
from app.compare import BESIDE, Selection
from app.compare.race import command_all, race_again, turn_words
from app.components import aria
from app.components.charts import chart
from app.components.compare_controls import (
    CHOSEN,
    GOING,
    control_id,
    controls,
    from_controls,
    going_buttons,
    run_options,
    shown_values,
)
from app.components.compared import charts, chips, differences, result_table
from app.components.lab_run import BLANK, panel
from app.components.shell import note, run_of
from app.figures.comparison import angle_figure, descent_figure
from app.pages.base import Context, Page
from app.pages.compare_report import register_reporting
from app.store import StoreError
from fa_engine import problems

_LISTED = 200  # runs that can be added
_CONTROLS = [Output(control_id(name), "value", allow_duplicate=True) for name in CHOSEN]


def layout(_context: Context) -> Component:
    """The page as it is before the browser knows its runs."""
    return html.Div(
        [
            dcc.Store(id="compare-known"),
            dcc.Store(id="compare-chosen"),
            dcc.Store(id="compare-out"),
            dcc.Store(id="compare-numbers"),
            dcc.Store(id="compare-beat", data=0),
            dcc.Store(id="compare-anew", data=0),
            html.Div(id="compare-sink", hidden=True),
            html.Div(
                [
                    html.H2("Which runs", id="compare-title"),
                    html.Ul(id="compare-chips", className="chips"),
                    dmc.Select(
                        id="compare-add",
                        placeholder="Add a run",
                        data=[],
                        searchable=True,
                        clearable=False,
                        size="sm",
                        className="compare-add",
                        nothingFoundMessage="no such run",
                        comboboxProps={"shadow": "sm"},
                        **aria("Add a run"),
                    ),
                    going_buttons(),
                    html.Div(id="compare-notes", className="compare-notes", role="status"),
                ],
                className="panel compare-runs",
            ),
            controls(),
            html.Div(id="compare-charts", className="compare-charts"),
            html.Div(
                [
                    html.P(
                        "Point at a chart to read off every line at once; a click, or the arrow "
                        "keys, keep the cursor there (with Shift ten measurements at a time, Home "
                        "and End for the ends, Escape takes it away). The wheel zooms, a drag "
                        "pans, a double click shows all.",
                        className="soft",
                    ),
                    html.Div(
                        id="compare-readout",
                        className="compare-scroll",
                        tabIndex=0,
                        role="region",
                        **aria("Values at the cursor"),
                    ),
                ],
                className="panel",
            ),
            html.Div(
                [
                    panel(
                        "Aligned, and accurate?",
                        "One point a measurement, coloured by its step: the angle over all hidden "
                        "layers, and the accuracy on the batch; medians over the replicates. That "
                        "alignment is needed and not enough shows as points at the left that are "
                        "not at the top.",
                        chart("compare-angle", "Accuracy against hidden angle", BLANK),
                    ),
                    panel(
                        "Who does the work?",
                        "Each layer's share of the descent, the mean over the later half of the "
                        "run; below 0 its update leads uphill.",
                        chart("compare-descent", "Each layer's share of the descent", BLANK),
                    ),
                ],
                className="compare-pair",
            ),
            html.Section(
                [html.H2("What differs"), html.Div(id="compare-differences")], className="panel"
            ),
            html.Section(
                [
                    html.H2("Results"),
                    html.P(
                        "Best and last are of the median; mean, standard deviation and the two "
                        "ends are of the last value of each network that is left: one that has "
                        "diverged has none.",
                        className="soft",
                    ),
                    html.Div(id="compare-results"),
                ],
                className="panel",
            ),
        ],
        className="lab compare",
    )


def selection_of(search: str | None) -> tuple[Selection, list[str]]:
    """What an address asks for, and what is wrong with it; the rest of it is taken."""
    found = read(Selection, search, beside=BESIDE)
    selection = Selection(**found.values)
    run_id = run_of(search)
    if run_id and not selection.runs and not selection.race:  # come from another page
        selection = selection.model_copy(update={"runs": (run_id,)})
    return selection, [problem.words for problem in found.problems]


def search_of(selection: Selection) -> str:
    """The address of a selection."""
    query = write(selection.model_dump(), defaults(Selection))
    return f"?{query}" if query else ""


def register(app: Dash, context: Context) -> None:
    """Callbacks of the page; what moves by itself is in assets/compare.js."""
    store, settings, comparer = context.store, context.settings, context.comparer

    @app.callback(
        Output("compare-charts", "children"),
        Output("compare-chips", "children"),
        Output("compare-notes", "children"),
        Output("compare-title", "children"),
        Output("compare-add", "data"),
        Output("compare-add", "value"),
        Output("compare-known", "data"),
        *_CONTROLS,
        Input("url", "search"),
        Input("theme-now", "data"),
        Input("compare-anew", "data"),
        State("compare-known", "data"),
        State("compare-chosen", "data"),
        prevent_initial_call="initial_duplicate",
    )
    def draw(
        search: str | None,
        theme: str | None,
        _anew: int,
        known: dict[str, Any] | None,
        chosen: str | None,
    ) -> Any:
        if theme is None:  # it follows in a moment
            raise PreventUpdate
        selection, wrong = selection_of(search)
        lasting = selection.model_copy(update={"cursor": None})
        key = [search_of(lasting), theme, wrong]
        if known and known["key"] == key and ctx.triggered_id == "url":
            raise PreventUpdate  # the cursor alone has moved
        comparison = comparer.compare(lasting)
        shown = shown_values(selection)
        same = chosen == search_of(lasting)
        return (
            charts(comparison, lasting, theme) if comparison.runs else _nothing(),
            chips(comparison, theme),
            [html.P(text) for text in (*wrong, *comparison.notes)],
            _title(selection, len(comparison.runs)),
            run_options(store.runs(limit=_LISTED), [run.id for run in comparison.runs]),
            None,
            {
                "key": key,
                "query": search_of(lasting).lstrip("?"),
                "have": ",".join(f"{run.id}:{run.revision}" for run in comparison.runs),
                "going": comparison.going,
                "cursor": selection.cursor,
                "x": selection.x,
                "names": comparison.names,
                "token": time.time_ns(),
            },
            *(no_update if same else shown[name] for name in CHOSEN),
        )

    @app.callback(
        Output("compare-numbers", "data"),
        Output("compare-turns", "children"),
        *(Output(control_id(name), "disabled") for name in GOING),
        Input("url", "search"),
        Input("theme-now", "data"),
        Input("compare-beat", "data"),
        Input("compare-anew", "data"),
    )
    def numbers(search: str | None, theme: str | None, _beat: int, _anew: int) -> Any:
        if theme is None:
            raise PreventUpdate
        selection, _ = selection_of(search)
        comparison = comparer.compare(selection)
        alone = selection.model_copy(update={"group": None})
        paints = [*comparer.paints(alone).values()]
        states = {run.state.value for run in comparison.runs if not run.state.ended}
        disabled = {
            "pause": not states & {"queued", "running"},
            "resume": "paused" not in states,
            "step": not states,
            "stop": not states,
            "reset": not comparison.runs,
        }
        return (
            {
                "tables": {
                    "compare-results": result_table(comparison, selection),
                    "compare-differences": differences(comparison),
                },
                "figures": {
                    "compare-angle": angle_figure(comparer.clouds(selection), paints, theme),
                    "compare-descent": descent_figure(comparer.shares(selection), theme),
                },
                "live": ctx.triggered_id == "compare-beat",
            },
            turn_words(comparison.runs, settings.workers),
            *(disabled[name] for name in GOING),
        )

    @app.callback(
        Output("url", "search", allow_duplicate=True),
        Output("compare-chosen", "data"),
        Output("notes", "sendNotifications", allow_duplicate=True),
        Input("compare-add", "value"),
        Input("compare-out", "data"),
        State("url", "search"),
        State("compare-known", "data"),
        *(Input(control_id(name), "value") for name in CHOSEN),
        prevent_initial_call=True,
    )
    def choose(added: str | None, out: Any, search: str | None, known: Any, *values: Any) -> Any:
        causes = {entry["prop_id"].split(".")[0] for entry in ctx.triggered}
        if not known or (causes == {"compare-add"} and not added):  # nobody has chosen anything
            raise PreventUpdate
        selection, _ = selection_of(search)
        fields = selection.model_dump()
        if causes & {"compare-add", "compare-out"} and len(causes) == 1:
            runs = [run.id for run in comparer.runs(selection)[0]]
            runs = [*runs, added] if added else [run for run in runs if run != out["run"]]
            changed = {"runs": tuple(runs), "race": None}
        else:
            changed = from_controls(dict(zip(CHOSEN, values, strict=True)))
        try:
            made = Selection(**fields | changed)
        except ValidationError as error:
            said = " ".join(problem.words for problem in problems(error))
            return no_update, no_update, note(said)
        if made == selection:
            raise PreventUpdate
        lasting = made.model_copy(update={"cursor": None})
        return search_of(made), search_of(lasting), no_update

    @app.callback(
        Output("url", "search", allow_duplicate=True),
        Output("notes", "sendNotifications", allow_duplicate=True),
        State("url", "search"),
        *(Input(control_id(name), "n_clicks") for name in GOING),
        prevent_initial_call=True,
    )
    def command(search: str | None, *clicks: int | None) -> Any:
        if not any(clicks):  # the buttons have only appeared
            raise PreventUpdate
        selection, _ = selection_of(search)
        runs, _gone = comparer.runs(selection)
        asked = str(ctx.triggered_id).removeprefix("compare-")
        if asked != "reset":
            command_all(store, runs, asked)
            return no_update, no_update
        try:
            race = race_again(store, runs, settings.limits)
        except ValidationError as error:
            return no_update, note(" ".join(problem.words for problem in problems(error)))
        except StoreError as error:
            return no_update, note(str(error))
        update = {"runs": (), "race": race.race_id, "cursor": None}
        return search_of(selection.model_copy(update=update)), no_update

    register_reporting(app, context, selection_of)
    app.clientside_callback(
        ClientsideFunction("compare", "adopt"),
        Output("compare-sink", "title"),
        Input("compare-known", "data"),
    )
    app.clientside_callback(
        ClientsideFunction("compare_numbers", "show"),
        Output("compare-sink", "data-numbers"),
        Input("compare-numbers", "data"),
    )


def _title(selection: Selection, count: int) -> str:
    if selection.race and count:
        return f"Race of {count} runs"
    return f"{count} run{'' if count == 1 else 's'}" if count else "Which runs?"


def _nothing() -> Component:
    return html.Div(
        [
            html.P(
                "Add runs above, or press Race on the Train page: one configuration under several "
                "schemes, side by side."
            )
        ],
        className="panel soft",
    )


COMPARE = Page("/compare", "Compare", "Compare", layout, register)
