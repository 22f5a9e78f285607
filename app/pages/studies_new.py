"""A study that is not started yet: what varies, what that comes to, and the button."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from app.components import drives
from app.components.shell import note
from app.components.studies import ROWS, preview_words, ready_buttons, rows
from app.components.study_address import Looked
from app.pages.base import Context
from app.store import StoreError
from app.studies import Plan, extend, extension_of, plan_of
from fa_engine import NotAllowed
from fa_engine.studies.variation import SAMPLINGS, WrongCells

_FIELDS = {"type": "study-field", "row": ALL}
_VALUES = {"type": "study-values", "row": ALL}
_ROWS = {"type": "study-row", "row": ALL}
_GONE = {"display": "none"}
_MOST_PROBLEMS = 5


def new_study() -> list[Component]:
    """The form of a study."""
    return [
        html.Section(
            [
                dcc.Store(id="study-rows-now"),
                html.H2("What varies?", id="studies-what"),
                ready_buttons(),
                html.P(
                    "A row a field: values with commas between them, a range (log 0.01 1 5 is five "
                    "values from 0.01 to 1, linear 0 1 5 likewise), or one value for all. Layers "
                    "have commas of their own, so that semicolons go between them: 64; 64, 64. "
                    "Whatever has no row is as on the Train page at its start.",
                    className="soft",
                ),
                html.Div(rows(), className="study-rows"),
                html.Div(
                    [
                        dmc.Select(
                            id="study-sampling",
                            label="Cells",
                            data=[{"value": k, "label": v} for k, v in SAMPLINGS.items()],
                            value="grid",
                            size="sm",
                            allowDeselect=False,
                            comboboxProps={"shadow": "sm"},
                        ),
                        dmc.TextInput(
                            id="study-samples",
                            label="Draws",
                            value="",
                            size="sm",
                            debounce=400,
                            placeholder="of a grid none",
                        ),
                        dmc.TextInput(
                            id="study-title",
                            label="Title",
                            value="",
                            size="sm",
                            debounce=400,
                            placeholder="what varies",
                            autoComplete="off",
                        ),
                    ],
                    className="studies-look",
                ),
                html.Div(id="study-preview", role="status", className="study-preview"),
                dmc.Button("Start the study", id="study-start", disabled=True, **drives()),
            ],
            className="panel",
        )
    ]


def register_new(app: Dash, context: Context) -> None:
    """Callbacks of the form."""
    store, settings = context.store, context.settings

    def plan(looked: Looked) -> Plan:
        asked = looked.asked()
        if not looked.extend:
            return plan_of(asked, settings.limits, store, settings.workers)
        study = store.studies.study(looked.extend)
        return extension_of(study, asked, settings.limits, store, settings.workers)

    @app.callback(
        Output("study-rows-now", "data"),
        Output("study-sampling", "value"),
        Output("study-samples", "value"),
        Output("study-samples", "disabled"),
        Output("study-title", "value"),
        Output("study-title", "disabled"),
        Output("study-preview", "children"),
        Output("study-start", "disabled"),
        Output("study-start", "children"),
        Output("studies-what", "children"),
        Input("url", "search"),
        State(_FIELDS, "value"),
        State(_VALUES, "value"),
    )
    def arrive(search: str | None, fields: Sequence[Any], values: Sequence[Any]) -> Any:
        looked = Looked.read(search)
        if looked.study:
            raise PreventUpdate
        named, texts = _placed(looked, fields, values)
        used = max((row + 1 for row in range(ROWS) if named[row] or texts[row]), default=0)
        styles = [{} if row <= used else _GONE for row in range(ROWS)]
        said, ready = _said(plan, looked, settings.workers)
        heading, button = "What varies?", "Start the study"
        if looked.extend:
            heading, button = "What further values?", "Add these cells"
        return (
            [named, texts, styles],
            *(looked.sampling, looked.samples, looked.sampling == "grid"),
            *(looked.title, bool(looked.extend), said, not ready, button, heading),
        )

    # All rows are told by the browser: an answer of the server could overtake a newer one.
    app.clientside_callback(
        ClientsideFunction("studies", "rows"),
        Output(_FIELDS, "value"),
        Output(_VALUES, "value"),
        Output(_ROWS, "style"),
        Input("study-rows-now", "data"),
        prevent_initial_call=True,
    )

    @app.callback(
        Output("url", "search", allow_duplicate=True),
        Input(_FIELDS, "value"),
        Input(_VALUES, "value"),
        Input("study-sampling", "value"),
        Input("study-samples", "value"),
        Input("study-title", "value"),
        State("url", "search"),
        prevent_initial_call=True,
    )
    def edit(
        fields: Sequence[Any],
        values: Sequence[Any],
        sampling: str,
        samples: str | None,
        title: str | None,
        search: str | None,
    ) -> Any:
        before = Looked.read(search)
        if before.study or len(before.fields) > ROWS:
            raise PreventUpdate
        named = {
            str(name): (text or "").strip()
            for name, text in zip(fields, values, strict=True)
            if name
        }
        after = replace(
            before,
            fields=named,
            sampling=sampling,
            samples=(samples or "").strip() if sampling != "grid" else "",
            title=(title or "").strip(),
            problems=(),
        )
        if after.search() == replace(before, problems=()).search():
            raise PreventUpdate
        return after.search()

    @app.callback(
        Output("url", "search", allow_duplicate=True),
        Output("notes", "sendNotifications", allow_duplicate=True),
        Input("study-start", "n_clicks"),
        State("url", "search"),
        prevent_initial_call=True,
        running=[(Output("study-start", "loading"), True, False)],
    )
    def start(clicks: int | None, search: str | None) -> Any:
        looked = Looked.read(search)
        if not clicks or looked.study or ctx.triggered_id != "study-start":
            raise PreventUpdate
        try:
            planned = plan(looked)
            study = extend(store, looked.extend, planned) if looked.extend else planned.start(store)
        except (StoreError, NotAllowed, WrongCells) as error:
            return no_update, note(_words(error))
        shown = Looked(study=study.id, measure=looked.measure, against=looked.against)
        return shown.search(), no_update


def _placed(
    looked: Looked, fields: Sequence[Any], values: Sequence[Any]
) -> tuple[list[Any], list[str]]:
    """What each row holds: rows that say it already stay where they are."""
    shown = {name: text or "" for name, text in zip(fields, values, strict=True) if name}
    if {name: text.strip() for name, text in shown.items()} == looked.fields:
        return list(fields), [text or "" for text in values]
    items = [*looked.fields.items()][:ROWS]
    items += [("", "")] * (ROWS - len(items))
    return [name or None for name, _ in items], [text for _, text in items]


def _said(plan: Any, looked: Looked, workers: int) -> tuple[Any, bool]:
    """What is said of a study before it is started, and whether it can be."""
    if len(looked.fields) > ROWS:
        allowed = f"at most {ROWS} fields here, and over HTTP any number"
        return html.P(f"There are {len(looked.fields)} fields: allowed are {allowed}."), False
    if not looked.fields:
        return "Choose a field and two values or more, or one of the studies above.", False
    try:
        found: Plan = plan(looked)
    except WrongCells as error:
        lines = [problem.words for problem in error.problems]
        left = len(lines) - _MOST_PROBLEMS
        more = [f"… and {left} more"] if left > 0 else []
        return [html.P(line, className="wrong") for line in lines[:_MOST_PROBLEMS] + more], False
    except (NotAllowed, StoreError) as error:
        return html.P(_words(error), className="wrong"), False
    return preview_words(found, extends=bool(looked.extend), workers=workers), True


def _words(error: Exception) -> str:
    if isinstance(error, NotAllowed):
        return error.problem.words
    if isinstance(error, WrongCells):
        return " ".join(problem.words for problem in error.problems[:_MOST_PROBLEMS])
    return str(error)
