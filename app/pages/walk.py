"""The Walk page: training as a walk through weight space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
import numpy as np
from dash import ALL, Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from app.components.asking import one_at_a_time
from app.components.charts import chart
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
from app.components.params import at_most, given, param_fields, param_id
from app.components.shell import run_named
from app.figures.walk import (
    LANDSCAPE_CONFIG,
    distances_figure,
    landscape_figure,
    landscape_height,
    msd_figure,
    shares_figure,
)
from app.lab import Arrays, DiffusionParams, LandscapeParams, WalkParams, checked
from app.pages.base import Context, Page
from app.store import Checkpoint, Run
from fa_engine import RunConfig
from fa_engine.landscape import SAME

_TICK_MS = 2000  # between two looks at a run that goes on
_WAIT_MS = 500  # and at a result that is on its way
_PLANE = ("plane", "replicate", "resolution", "n_samples")
_OTHERS = 4  # runs beside the one that is looked at


def layout(_context: Context) -> Component:
    """The page as it is before the browser knows its run."""
    return html.Div(
        [
            dcc.Store(id="walk-known"),
            dcc.Store(id="walk-plane"),
            dcc.Store(id="walk-run-shown"),
            dcc.Interval(id="walk-tick", interval=_TICK_MS),
            dcc.Interval(id="walk-measured-tick", interval=_WAIT_MS),
            dcc.Interval(id="walk-msd-tick", interval=_WAIT_MS),
            dcc.Interval(id="walk-plane-tick", interval=_WAIT_MS, disabled=True),
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
            panel(
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
                                *param_fields("plane", LandscapeParams, _PLANE),
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
                                    maxValues=_OTHERS,
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
            ),
        ],
        className="lab",
    )


def register(app: Dash, context: Context) -> None:
    """Callbacks of the page."""
    store, desk = context.store, context.desk
    plane = {"type": "param-plane", "name": ALL}

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
            return msd_figure(None, theme), nothing_kept(context.settings), True
        last = kept[-1]
        params = DiffusionParams(run_id=last.run_id, step=last.step, seq=last.seq)
        (answer,) = desk.ask([params])
        if answer.packed is None:
            return no_update, answer.problem or waiting_words(answer), not answer.pending
        return msd_figure(answer.arrays(), theme), "", True

    @app.callback(
        Output("walk-through", "data"),
        Output("walk-others", "data"),
        Output(param_id("plane", "n_samples"), "value"),
        Output("walk-run-shown", "data"),
        Output("walk-through", "value"),
        Output("walk-others", "value"),
        Output("walk-plane", "data", allow_duplicate=True),
        Input("walk-known", "data"),
        State(param_id("plane", "n_samples"), "value"),
        State("walk-run-shown", "data"),
        prevent_initial_call="initial_duplicate",
    )
    def choices(known: dict[str, Any] | None, n_samples: str, shown: str | None) -> Any:
        if not known or not known["run"]:
            raise PreventUpdate
        own = store.run(known["run"])
        steps = [
            {"value": str(place), "label": f"step {kept.step:,}"}
            for place, kept in enumerate(shown_checkpoints(known))
        ]
        others = [
            {"value": run.id, "label": _called(run)}
            for run in store.runs(limit=30)
            if run.id != own.id and _alike(own.run_config(), run.run_config())
        ]
        samples = at_most(n_samples, own.run_config().n_train)
        kept = (no_update,) * 3 if shown == own.id else ([], [], None)
        return steps, others, samples, own.id, *kept

    @app.callback(
        Output("walk-plane", "data"),
        Output("walk-plane-note", "children", allow_duplicate=True),
        Output(plane, "error"),
        Output("walk-through", "error"),
        Output("walk-plane-tick", "disabled", allow_duplicate=True),
        Input("walk-go", "n_clicks"),
        State(plane, "value"),
        State("walk-through", "value"),
        State("walk-others", "value"),
        State("walk-known", "data"),
        prevent_initial_call=True,
    )
    def ask_plane(
        clicks: int | None,
        _values: list[Any],
        through: list[str] | None,
        others: list[str] | None,
        known: dict[str, Any] | None,
    ) -> Any:
        kept = shown_checkpoints(known)
        if not clicks or not known or not known["run"]:
            raise PreventUpdate
        names = [output["id"]["name"] for output in ctx.outputs_list[2]]
        if len(kept) < 3:
            said = "It takes three checkpoints at least."
            return no_update, said, [None] * len(names), None, no_update
        beside = [store.run(run_id) for run_id in others or ()]
        for run in beside:
            kept = [*kept, *store.checkpoints(run.id)]
        values = given(ctx.states_list[0]) | {
            "places": _places(kept),
            "through": [int(place) for place in through or ()],
        }
        own = store.run(known["run"]).run_config()
        others_have = {_called(run): run.run_config() for run in beside}
        params, wrong = checked(LandscapeParams, values, own, others_have)
        errors = [wrong.get(name) for name in names]
        if params is None:
            return no_update, "", errors, wrong.get("through"), no_update
        desk.again(params)
        return params.model_dump(), "", errors, None, False

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
    return f"{run.name} · {run.id}"


def _alike(one: RunConfig, other: RunConfig) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in SAME)


def _explained(a: Arrays) -> str:
    """What the plane leaves out."""
    extent = float(np.ptp(a["at"], axis=0).max())
    off = f"The paths are up to {float(a['off'].max()):.2g} off the plane, {extent:.2g} long on it."
    if "explained" not in a:
        return off
    first, second = (100 * float(share) for share in a["explained"])
    return f"The two directions hold {first:.0f} % and {second:.0f} % of the variance. {off}"


WALK = Page("/walk", "Walk", "Walk · Feedback alignment", layout, register)
