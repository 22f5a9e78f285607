"""The Walk page: training as a walk through weight space."""

from __future__ import annotations

from typing import Any

import numpy as np
from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from app.components.asking import one_at_a_time
from app.components.lab_run import (
    graph,
    name_run,
    nothing_kept,
    panel,
    parent_name,
    run_line,
    run_words,
    shown_checkpoints,
    shown_run,
    waiting_words,
)
from app.components.lab_state import WALK_CONTROLS, WalkState
from app.components.shell import run_named
from app.components.state import follow_state, state_parts
from app.figures.walk import (
    distances_figure,
    msd_figure,
    shares_figure,
)
from app.lab import DiffusionParams, WalkParams
from app.pages.base import Context, Page
from app.pages.walk_landscape import landscape_panel, register_landscape

_TICK_MS = 2000  # between two looks at a run that goes on
_WAIT_MS = 500  # and at a result that is on its way


def layout(_context: Context) -> Component:
    """The page as it is before the browser knows its run."""
    return html.Div(
        [
            dcc.Store(id="walk-known"),
            dcc.Store(id="walk-plane"),
            dcc.Store(id="walk-choices-of"),
            dcc.Store(id="walk-run-shown"),
            dcc.Store(id="walk-through-asked"),  # by the address
            dcc.Store(id="walk-drawn"),  # whether the address is to say so
            dcc.Interval(id="walk-tick", interval=_TICK_MS),
            dcc.Interval(id="walk-measured-tick", interval=_WAIT_MS),
            dcc.Interval(id="walk-msd-tick", interval=_WAIT_MS),
            dcc.Interval(id="walk-plane-tick", interval=_WAIT_MS, disabled=True),
            *state_parts("walk"),
            run_line("walk"),
            html.P(
                "Training is a walk through weight space, and by random feedback it need not go "
                "downhill. It ends when its steps are over, come to rest or not. How "
                "far it walks, whether it drifts or diffuses, and which layer does the work says "
                "how it gets there.",
                className="lab-lead",
            ),
            panel(
                "Who does the work",
                "A layer's update lowers the loss at the rate ⟨g, u⟩, to first order; drawn is its "
                "share of what all layers do, their magnitudes adding up to 100 %. The output "
                "layer's needs no feedback: its update is its gradient. Below 0 a layer's update "
                "points uphill, and a dashed line is then what all layers come to together.",
                graph(
                    "walk-shares",
                    320,
                    "Each layer's share of the descent",
                    "each layer's share of the descent, step by step.",
                ),
            ),
            panel(
                "Far, or only long?",
                "Distance from the start beside the length of the path, whether consecutive "
                "updates agree, and what a step did to the loss of its batch beside what it was "
                "predicted to do.",
                html.P(id="walk-note", className="lab-note"),
                html.Div(
                    graph(
                        "walk-distances",
                        520,
                        "Distances, agreement of updates, change of loss",
                        "distance from the start and length of the path, layer by layer, of a run "
                        "that is trained with “Follow the walk” switched on.",
                    ),
                    id="walk-distances-box",
                ),
            ),
            panel(
                "Drifting or diffusing?",
                "Mean squared displacement of each layer's weights against the steps between two "
                "looks at them, averaged over the run. An exponent of 2 is a drift, 1 is "
                "diffusion; below that the walk is held back.",
                graph(
                    "walk-msd",
                    400,
                    "Mean squared displacement against lag",
                    "mean squared displacements and their exponents, layer by layer.",
                ),
                html.P(id="walk-msd-note", className="lab-note", role="status"),
            ),
            landscape_panel(),
        ],
        className="lab",
    )


def register(app: Dash, context: Context) -> None:
    """Callbacks of the page."""
    store, desk = context.store, context.desk

    @one_at_a_time(
        app,
        "walk-tick",
        _TICK_MS,
        Output("walk-run", "children"),
        Output("walk-known", "data"),
        Output("walk-tick", "disabled"),
        Input("run-named", "data"),
        Input("walk-tick", "n_intervals"),
        State("walk-known", "data"),
    )
    def follow(
        named: dict[str, Any] | None, _tick: int | None, known: dict[str, Any] | None
    ) -> Any:
        run, missing = shown_run(store, run_named(named))
        if run is None:
            return run_words(None, missing), {"run": None}, True
        if known and (known["run"], known.get("revision")) == (run.id, run.revision):
            raise PreventUpdate
        kept = [[c.step, c.seq] for c in store.checkpoints(run.id)]
        data = {"run": run.id, "revision": run.revision, "checkpoints": kept}
        return run_words(run, parent=parent_name(store, run)), data, run.state.ended

    name_run(app, "walk-known")
    follow_state(app, "walk", WalkState, WALK_CONTROLS)

    @one_at_a_time(
        app,
        "walk-measured-tick",
        _WAIT_MS,
        Output("walk-shares", "figure"),
        Output("walk-distances", "figure"),
        Output("walk-distances-box", "hidden"),
        Output("walk-note", "children"),
        Output("walk-measured-tick", "disabled"),
        Input("walk-known", "data"),
        Input("walk-measured-tick", "n_intervals"),
        Input("theme-now", "data"),
    )
    def measured(known: dict[str, Any] | None, _tick: int | None, theme: str | None) -> Any:
        if not known or not known["run"] or theme is None:
            raise PreventUpdate
        params = WalkParams(run_id=known["run"], until=known["revision"])
        (answer,) = desk.ask([params])
        if answer.packed is None:
            return (*(no_update,) * 3, answer.problem or waiting_words(answer), not answer.pending)
        found = answer.arrays()
        followed = not np.isnan(found["path_length"]).all()
        words = ""
        if not followed:
            words = (
                "This run was not followed step by step. Train one with “Follow the walk” "
                "switched on (in the form, under Measuring)."
            )
        figure = distances_figure(found, theme) if followed else no_update
        return shares_figure(found, theme), figure, not followed, words, True

    @one_at_a_time(
        app,
        "walk-msd-tick",
        _WAIT_MS,
        Output("walk-msd", "figure"),
        Output("walk-msd-note", "children"),
        Output("walk-msd-tick", "disabled"),
        Input("walk-known", "data"),
        Input("walk-msd-tick", "n_intervals"),
        Input("theme-now", "data"),
    )
    def diffusion(known: dict[str, Any] | None, _tick: int | None, theme: str | None) -> Any:
        if known is None or theme is None:
            raise PreventUpdate
        kept = shown_checkpoints(known)
        if not kept:
            said = nothing_kept(context.store, context.settings, known["run"] or "")
            return msd_figure(None, theme), said, True
        last = kept[-1]
        params = DiffusionParams(run_id=last.run_id, step=last.step, seq=last.seq)
        (answer,) = desk.ask([params])
        if answer.packed is None:
            return no_update, answer.problem or waiting_words(answer), not answer.pending
        return msd_figure(answer.arrays(), theme), "", True

    register_landscape(app, context)


WALK = Page("/walk", "Walk", "Walk · Feedback alignment", layout, register)
