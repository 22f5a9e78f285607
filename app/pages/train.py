"""The Train page: choose, train, watch."""

from __future__ import annotations

import random
import time
from contextlib import suppress
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate
from pydantic import ValidationError

from app.address import read
from app.components import address, aria, drives
from app.components.charts import chart
from app.components.extend import register_extend
from app.components.form import (
    FIELDS,
    SEED_LIMIT,
    config_from,
    explanation,
    form,
    form_value,
    form_values,
    outline,
    query,
    queue_words,
    titles,
)
from app.components.presets import FIRST, PRESETS
from app.components.run_bar import actions, run_bar
from app.components.share import address_words
from app.components.shell import note, run_named, run_of
from app.components.wrong import say_wrong, wrong_store
from app.figures import History, training_figure
from app.pages.base import Context, Page
from app.pages.train_race import register_race
from app.store import Command, RunEnded, StoreError, UnknownRun
from app.store.naming import is_automatic, numbered, unnumbered
from fa_engine import RunConfig, problems

_EMPTY_LAYERS = 2
_LOOKED_AT = 100  # runs, newest first, for those that a new one would wait for


def layout(context: Context) -> Component:
    """The page as it is before the browser knows its run."""
    return html.Div(
        [
            dcc.Store(id="refresh", data=0),
            dcc.Store(id="form-shown"),
            dcc.Store(id="form-checked"),
            wrong_store("form-wrong"),
            dcc.Store(id="form-asked"),
            dcc.Store(id="form-given"),
            dcc.Store(id="form-order"),
            dcc.Store(id="race-order"),
            html.Div(id="live-sink", hidden=True),
            html.Aside(
                [form(context.settings.limits), actions()],
                className="side",
                **aria("Configuration"),
            ),
            html.Div(
                [
                    html.Div([run_bar(), _stage()], className="sight"),
                    html.P(id="chart-note", className="chart-note"),
                ],
                className="content",
            ),
        ],
        className="train",
    )


def _stage() -> Component:
    """The charts, and what stands before them while there is no run."""
    return html.Div(
        [
            chart(
                "charts",
                "Loss, accuracy and gradient angle by step",
                training_figure(History(_EMPTY_LAYERS, 1)),
                class_name="charts",
            ),
            _welcome(),
            _gone(),
            html.Div("Opening the run …", className="opening", role="status"),
        ],
        className="stage",
    )


def _welcome() -> Component:
    return html.Div(
        html.Div(
            [
                html.H2("Can a network learn through random feedback?"),
                html.P(
                    "Feedback alignment sends the error back through fixed random matrices instead "
                    "of the transposed weights. Start a run and watch the update of every hidden "
                    "layer turn towards the true gradient."
                ),
                dmc.Button("Start a first run", id="first", size="lg", **drives()),
                html.P(
                    "Eight networks learn handwritten digits, right here, in under half a minute.",
                    className="fine",
                ),
            ],
            className="welcome-card",
        ),
        className="welcome",
    )


def _gone() -> Component:
    """What stands in place of a run that the address names and that is not there."""
    return html.Div(
        html.Div(
            [
                html.H2("This run cannot be shown"),
                html.P(id="missing", role="alert", className="missing"),
                html.P(
                    "A deleted run can be brought back on the Runs page, under Deleted ones, until "
                    "it is removed for good."
                ),
                html.Div(
                    [
                        dcc.Link("All runs", href=address("/runs")),
                        dcc.Link("Start page", href=address("/")),
                    ],
                    className="ways-on",
                ),
            ],
            className="welcome-card",
        ),
        className="gone",
    )


def register(app: Dash, context: Context) -> None:
    """Callbacks of the page. What moves ten times a second is in assets/live.js."""
    store, limits = context.store, context.settings.limits
    checking = {"limits": limits}
    fields = {"type": "field", "name": ALL}
    say_wrong(app, "form-wrong", fields)

    @app.callback(
        Output("charts", "figure"),
        Input("run-named", "data"),
        Input("theme-now", "data"),
        Input("refresh", "data"),
    )
    def draw(named: dict[str, Any] | None, theme: str | None, _refresh: int) -> Any:
        if theme is None:  # it follows in a moment
            raise PreventUpdate
        figure = training_figure(_history(run_named(named)), theme)
        # The browser waits for this very drawing before it streams on; a later one is greater.
        figure.layout.meta["token"] = f"{time.time_ns():020}"
        return figure

    def _history(run_id: str | None) -> History:
        if run_id is None:
            return History(_EMPTY_LAYERS, 1, meta={"run": None})
        try:
            return context.backfills.history(run_id)
        except UnknownRun as error:
            return History(_EMPTY_LAYERS, 1, meta={"run": None, "missing": str(error)})

    @app.callback(
        Output("form-given", "data"),
        Output("address-note", "children"),
        Output("address-note", "hide"),
        Input("form-asked", "data"),
        Input({"type": "preset", "index": ALL}, "n_clicks"),
        Input("new-seed", "n_clicks"),
    )
    def give(asked: dict[str, Any] | None, presets: list[int | None], _new_seed: int | None) -> Any:
        cause = ctx.triggered_id
        if cause == "new-seed":
            seed = {"seed": str(random.randrange(SEED_LIMIT))}
            return _values_for_the_form(seed), no_update, no_update
        if isinstance(cause, dict) and any(presets):
            values = _as_shown(PRESETS[cause["index"]].config)
            return _values_for_the_form(values), [], True
        if not asked:
            raise PreventUpdate
        begin = _begin(run_of(asked["search"]))
        found = read(
            RunConfig, asked["search"], (begin or FIRST.config).model_dump(), context=checking
        )
        own = _as_shown(begin or FIRST.config)
        values = own | {name: form_value(value) for name, value in found.values.items()}
        told = {"address": True, "own": own if begin else None}
        return (
            _values_for_the_form(values) | told,
            address_words(found.problems),
            not found.problems,
        )

    def _begin(run_id: str | None) -> RunConfig | None:
        """What the form of an address without fields holds: that of its run, where it has one."""
        try:
            return store.run(run_id).run_config() if run_id else None
        except UnknownRun:
            return None

    @app.callback(
        Output("form-wrong", "data"),
        Output("form-note", "children"),
        Output("form-note", "className"),
        Output("train", "disabled"),
        Output("race", "disabled"),
        Output("scheme-text", "children"),
        Output("queue-note", "children"),
        Output("form-checked", "data"),
        Input("form-shown", "data"),
    )
    def check(shown: dict[str, Any] | None) -> Any:
        if not shown:
            raise PreventUpdate
        values = shown["values"]
        config, wrong = config_from(values, limits)
        text = outline(config) if config else f"To mend: {titles(list(wrong))}"
        return (
            wrong,
            text,
            "form-note" if config else "form-note wrong",
            config is None,
            config is None,
            explanation(values.get("scheme")),
            queue_words(store.runs(limit=_LOOKED_AT, of_studies=True), context.settings.workers),
            {
                "key": shown["key"],
                "query": query(values, config, _begin(shown.get("run")) or FIRST.config),
            },
        )

    @app.callback(
        Output("url", "search"),
        Output("notes", "sendNotifications"),
        Input("form-order", "data"),
        Input("first", "n_clicks"),
        Input("reset", "n_clicks"),
        State("url", "search"),
        running=[
            (Output("train", "loading"), True, False),
            (Output("first", "loading"), True, False),
            (Output("reset", "loading"), True, False),
        ],
        prevent_initial_call=True,
    )
    def start(
        order: dict[str, Any] | None,
        first: int | None,
        reset: int | None,
        search: str | None,
    ) -> Any:
        pressed = {"first": first, "reset": reset, "form-order": order}
        if not pressed.get(str(ctx.triggered_id)):  # the buttons have only appeared
            raise PreventUpdate
        if ctx.triggered_id == "first":
            config: RunConfig | None = FIRST.config
        elif ctx.triggered_id == "reset":
            return _again(search)
        else:
            assert order is not None  # it is what was pressed
            config, wrong = config_from(order["values"], limits)
            if wrong:  # it is said beside the fields already
                return no_update, note(" ".join(wrong.values()))
        assert config is not None
        try:
            return f"?run={store.create_run(config).id}", no_update
        except StoreError as error:
            return no_update, note(str(error))

    def _again(search: str | None) -> Any:
        """The run that is shown from its start, by a new one, for which it makes room."""
        run_id = run_of(search)
        if run_id is None:
            return no_update, note("There is no run to reset.")
        try:
            run = store.run(run_id)
            config = RunConfig.model_validate(run.config, context=checking)
            own = None  # it gets a name as any run does
            if not is_automatic(run.name, run.run_config()):
                own = numbered(unnumbered(run.name), {other.name for other in store.runs()})
            again = store.create_run(config, name=own, parent=run.parent)
        except ValidationError as error:
            return no_update, note(" ".join(problem.words for problem in problems(error)))
        except StoreError as error:
            return no_update, note(str(error))
        if not run.state.ended:
            with suppress(RunEnded):  # by itself, a moment ago
                store.send(run_id, Command(command="stop"))
        return f"?run={again.id}", no_update

    app.clientside_callback(
        ClientsideFunction("live", "adopt"),
        Output("live-sink", "lang"),
        Input("charts", "figure"),
    )
    for name, heard in (
        ("changed", Input(fields, "value")),
        ("checked", Input("form-checked", "data")),
    ):
        app.clientside_callback(
            ClientsideFunction("form", name), Output("live-sink", "data-" + name), heard
        )
    app.clientside_callback(
        ClientsideFunction("form", "arrive"), Output("form-asked", "data"), Input("url", "search")
    )
    app.clientside_callback(
        ClientsideFunction("form", "fill"), Output(fields, "value"), Input("form-given", "data")
    )
    app.clientside_callback(
        ClientsideFunction("form", "order"),
        Output("form-order", "data"),
        Input("train", "n_clicks"),
        prevent_initial_call=True,
    )
    register_race(app, context)
    app.clientside_callback(
        ClientsideFunction("live", "arrive"),
        Output("live-sink", "title"),
        Input("run-named", "data"),
    )
    for name in ("pause", "resume", "stop"):  # steps are counted by assets/live.js
        app.clientside_callback(
            ClientsideFunction("live", name),
            Output("live-sink", "data-" + name),
            Input(name, "n_clicks"),
            prevent_initial_call=True,
        )
    register_extend(app)
    for name, id_ in (("learning_rate", "now-lr"), ("scheme", "now-scheme")):
        app.clientside_callback(
            ClientsideFunction("live", name),
            Output("live-sink", "data-" + id_),
            Input(id_, "value"),
            prevent_initial_call=True,
        )


def _as_shown(config: RunConfig) -> dict[str, Any]:
    return dict(zip(FIELDS, form_values(config.model_dump()), strict=True))


def _values_for_the_form(values: dict[str, Any]) -> dict[str, Any]:
    """What assets/form.js fills in."""
    return {"values": values, "token": time.time_ns()}


TRAIN = Page("/", "Train", "Feedback alignment", layout, register)
