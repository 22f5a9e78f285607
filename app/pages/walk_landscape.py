"""The Walk page: where the path goes on the loss surface."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
import numpy as np
from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from app.address import defaults, text_of
from app.components.asking import one_at_a_time
from app.components.charts import chart
from app.components.lab_run import panel, shown_checkpoints, waiting_words
from app.components.lab_state import MAX_OTHERS, PLANE, WalkState, fit_samples
from app.components.params import at_most, given, param_fields
from app.components.wrong import say_wrong, wrong_store
from app.figures.walk import LANDSCAPE_CONFIG, landscape_figure, landscape_height
from app.lab import Arrays, LandscapeParams, checked
from app.pages.base import Context
from app.store import Checkpoint, Run, UnknownRun, UnreadableRun
from app.store.texts import isolated
from fa_engine import NotAllowed, RunConfig
from fa_engine.dynamics.landscape import SAME

_WAIT_MS = 500  # between two looks at a result that is on its way


def landscape_panel() -> Component:
    """Which plane, and the surface on it."""
    return panel(
        "Where it goes",
        "The path over the loss surface, on the plane that shows most of it or through "
        "three checkpoints of your choice. Coloured arrows point where the scheme goes, "
        "grey ones where the loss falls fastest. Where the two are more than 90° apart, a "
        "small step leads uphill; the arrows, all of one length, are projections on the "
        "plane, and the angle that counts is that in all of weight space.",
        html.Div(
            [
                html.Div(
                    [
                        wrong_store("walk-wrong"),
                        *param_fields("plane", LandscapeParams, PLANE),
                        dmc.MultiSelect(
                            id="walk-through",
                            label="Three checkpoints",
                            description="That the plane goes through.",
                            data=[],
                            maxValues=3,
                            searchable=True,
                            className="field",
                        ),
                        dmc.MultiSelect(
                            id="walk-others",
                            label="Other runs",
                            description="Of the same network on the same data.",
                            data=[],
                            maxValues=MAX_OTHERS,
                            searchable=True,
                            className="field",
                        ),
                        dmc.Button("Draw", id="walk-go", size="sm"),
                        html.P(id="walk-plane-note", className="lab-note", role="status"),
                    ]
                ),
                html.Div(id="walk-landscape", className="lab-landscape"),
            ],
            className="lab-split reverse",
        ),
    )


def register_landscape(app: Dash, context: Context) -> None:
    """Callbacks of the panel."""
    store, desk = context.store, context.desk
    plane = {"type": "param-plane", "name": ALL}
    say_wrong(app, "walk-wrong", plane)

    @app.callback(
        Output("walk-through", "data"),
        Output("walk-others", "data"),
        Output("walk-choices-of", "data"),
        Input("walk-known", "data"),
    )
    def choices(known: dict[str, Any] | None) -> Any:
        if not known or not known["run"]:
            raise PreventUpdate
        own = store.run(known["run"])
        steps = [
            {"value": name, "label": f"step {kept.step:,}"}
            for name, kept in _by_step(shown_checkpoints(known)).items()
        ]
        others = [
            {"value": run.id, "label": _called(run)}
            for run in store.runs(limit=30)
            if run.id != own.id and _alike(own.run_config(), run)
        ]
        return steps, others, own.id

    # What was chosen and drawn stays while the run goes on. Nor does it wait for what is asked
    # again and again: the graph of callbacks ends here.
    app.clientside_callback(
        ClientsideFunction("lab", "walk_run"),
        Input("walk-choices-of", "data"),
        State("walk-run-shown", "data"),
    )

    @app.callback(
        Output("walk-through", "value"),
        Input("walk-through-asked", "data"),
        Input("walk-run-shown", "data"),
        State("walk-known", "data"),
        prevent_initial_call=True,
    )
    def choose(asked: list[str] | None, _run: str | None, known: dict[str, Any] | None) -> Any:
        if asked is None or not known or not known["run"]:
            raise PreventUpdate
        there = _by_step(shown_checkpoints(known))
        return [step for step in asked if step in there]

    begins = text_of(defaults(WalkState)["n_samples"])
    fit_samples(
        *(app, store, "plane", WalkState),
        arrives=("walk-run-shown", "walk-given"),
        fits=lambda config: at_most(begins, config.n_train),
    )

    @app.callback(
        Output("walk-plane", "data"),
        Output("walk-plane-note", "children", allow_duplicate=True),
        Output("walk-wrong", "data"),
        Output("walk-through", "error"),
        Output("walk-plane-tick", "disabled", allow_duplicate=True),
        Output("walk-drawn", "data"),
        Input("walk-go", "n_clicks"),
        Input("walk-run-shown", "data"),
        Input("walk-given", "data"),
        State(plane, "value"),
        State("walk-through", "value"),
        State("walk-others", "value"),
        State("walk-known", "data"),
        State("walk-through-asked", "data"),
        State("walk-drawn", "data"),
        State("walk-plane", "data"),
        prevent_initial_call=True,
    )
    def ask_plane(
        clicks: int | None,
        _run: str | None,
        _given: int | None,
        _values: list[Any],
        through: list[str] | None,
        others: list[str] | None,
        known: dict[str, Any] | None,
        asked_through: list[str] | None,
        drawn: bool | None,
        before: dict[str, Any] | None,
    ) -> Any:
        # An address may ask for it as well: as soon as the run is known.
        pressed = bool(clicks) and ctx.triggered_id == "walk-go"
        through = through if pressed else asked_through
        asked = pressed or (drawn and before is None)
        if not asked or not known or not known["run"]:
            raise PreventUpdate
        kept = shown_checkpoints(known)
        if len(kept) < 3:
            said = "It takes three checkpoints at least."
            return no_update, said, {}, None, no_update, False
        try:
            places = _chosen(kept, through or ())
            beside = [store.run(run_id) for run_id in others or ()]
        except NotAllowed as error:
            return no_update, "", {}, error.problem.words, no_update, False
        except UnknownRun as error:
            return no_update, str(error), {}, None, no_update, False
        for run in beside:
            kept = [*kept, *store.checkpoints(run.id)]
        values = given(ctx.states_list[0]) | {"places": _places(kept), "through": places}
        own = store.run(known["run"]).run_config()
        others_have = {_called(run): run.run_config() for run in beside}
        params, wrong = checked(LandscapeParams, values, own, others_have)
        if params is None:
            return no_update, "", wrong, wrong.get("through"), no_update, False
        desk.again(params)
        return params.model_dump(), "", {}, None, False, True

    @one_at_a_time(
        app,
        "walk-plane-tick",
        _WAIT_MS,
        Output("walk-landscape", "children"),
        Output("walk-plane-note", "children"),
        Output("walk-plane-tick", "disabled"),
        Input("walk-plane", "data"),
        Input("walk-plane-tick", "n_intervals"),
        Input("theme-now", "data"),
    )
    def landscape(wanted: dict[str, Any] | None, _tick: int | None, theme: str | None) -> Any:
        if theme is None:
            raise PreventUpdate
        if wanted is None:
            return _chart(None, [], theme, "none"), "", True
        params = LandscapeParams.model_validate(wanted)
        (answer,) = desk.ask([params])
        if answer.packed is None:
            return no_update, answer.problem or waiting_words(answer), not answer.pending
        arrays = answer.arrays()
        names = [store.run(run_id).name for run_id in dict.fromkeys(p[0] for p in params.places)]
        return _chart(arrays, names, theme, params.model_dump_json()), _explained(arrays), True


def _by_step(kept: Sequence[Checkpoint]) -> dict[str, Checkpoint]:
    """Checkpoints by their step, as an address has it; of two of the same step the later one."""
    return {str(checkpoint.step): checkpoint for checkpoint in kept}


def _chosen(kept: Sequence[Checkpoint], steps: Sequence[str]) -> list[int]:
    """Places of the checkpoints of these steps in the list.

    Raises:
        fa_engine.NotAllowed: there is none.
    """
    known = _by_step(kept)
    for step in steps:
        if step not in known:
            allowed = "the step of a checkpoint that is kept"
            raise NotAllowed("through", step, allowed, "Three checkpoints")
    return [kept.index(known[step]) for step in steps]


def _places(kept: Sequence[Checkpoint]) -> tuple[tuple[str, int, int], ...]:
    return tuple((c.run_id, c.step, c.seq) for c in kept)


def _chart(found: Arrays | None, names: list[str], theme: str, of: str) -> Component:
    """The landscape, in a chart of its own for each plane: the ranges and the share of its room
    that plotly has fitted to the shape of one surface it keeps for the next."""
    figure = chart(
        "walk-surface",
        "Paths over the loss surface",
        landscape_figure(found, names, theme),
        config=LANDSCAPE_CONFIG,
        style={"height": landscape_height(found)},
        coming="the path over the loss surface: choose a plane, and draw.",
    )
    return html.Div(figure, key=f"{theme} {of}")


def _called(run: Run) -> str:
    return f"{isolated(run.name)} · {run.id}"


def _alike(one: RunConfig, run: Run) -> bool:
    try:
        other = run.run_config()
    except UnreadableRun:
        return False
    return all(getattr(one, name) == getattr(other, name) for name in SAME)


def _explained(a: Arrays) -> str:
    """What the plane leaves out."""
    extent = float(np.ptp(a["at"], axis=0).max())
    off = f"The paths are up to {float(a['off'].max()):.2g} off the plane, {extent:.2g} long on it."
    if "explained" not in a:
        return off
    first, second = (100 * float(share) for share in a["explained"])
    return f"The two directions hold {first:.0f} % and {second:.0f} % of the variance. {off}"
