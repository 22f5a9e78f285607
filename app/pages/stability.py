"""The Stability page: whether the walk stays where it is, checkpoint by checkpoint."""

from __future__ import annotations

from typing import Any

from dash import Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from app.components.asking import LOOK_MS, one_at_a_time
from app.components.lab_run import (
    name_run,
    parent_name,
    play,
    run_line,
    run_words,
    shown_checkpoints,
    shown_run,
    slider_marks,
)
from app.components.params import param_id
from app.components.shell import run_named
from app.lab import SpectrumParams
from app.pages.base import Context, Page
from app.pages.stability_hand_over import hand_over_panel, register_hand_over
from app.pages.stability_kick import kick_panel, register_kick
from app.pages.stability_spectrum import register_spectrum, series_panel, spectrum_panel
from app.pages.stability_tracking import register_tracking

_LEAD = r"""
Where the error is what is sent back, the outputs move by $df/dt = -K e$. Here $K = J P^\top\!/N$
pairs the true Jacobian $J$ with $P$, the one that the feedback believes in. At a point without
error an eigenvalue with a negative real part, of $H K$ with another loss than squared error, where
$H = de/df$, is a direction in which the walk leaves. The loss falls at the rate
$\langle g, u \rangle = e^\top K e / N$: alignment for every error means that $K + K^\top$ is
positive definite, and then there is no such direction. Where an error is left the walk rests at
$P^\top e = 0$, aligned or not.
"""


def layout(_context: Context) -> Component:
    """The page as it is before the browser knows its run."""
    return html.Div(
        [
            dcc.Store(id="stab-checkpoints"),
            dcc.Store(id="stab-drawn"),
            dcc.Store(id="stab-asked"),
            dcc.Store(id="stab-kick"),
            dcc.Store(id="stab-run-shown"),
            dcc.Interval(id="stab-run-tick", interval=LOOK_MS),
            dcc.Interval(id="stab-tick", interval=LOOK_MS),
            dcc.Interval(id="stab-kick-tick", interval=LOOK_MS, disabled=True),
            run_line("stab"),
            dcc.Markdown(_LEAD, mathjax=True, className="lab-lead"),
            spectrum_panel(),
            series_panel(),
            kick_panel(),
            hand_over_panel(),
        ],
        className="lab",
    )


def register(app: Dash, context: Context) -> None:
    """Callbacks of the page."""
    store = context.store

    @one_at_a_time(
        app,
        "stab-run-tick",
        LOOK_MS,
        Output("stab-run", "children"),
        Output("stab-checkpoints", "data"),
        Output("stab-tracking", "hidden"),
        Output("stab-run-tick", "disabled"),
        Input("run-named", "data"),
        Input("stab-run-tick", "n_intervals"),
        State("stab-checkpoints", "data"),
    )
    def follow(
        named: dict[str, Any] | None, _tick: int | None, known: dict[str, Any] | None
    ) -> Any:
        run, missing = shown_run(store, run_named(named))
        if run is None:
            return run_words(None, missing), {"run": None, "revision": 0}, True, True
        if known and (known["run"], known["revision"]) == (run.id, run.revision):
            raise PreventUpdate
        found = [[c.step, c.seq] for c in store.checkpoints(run.id)]
        data = {
            "run": run.id,
            "revision": run.revision,
            "ended": run.state.ended,
            "checkpoints": found,
        }
        words, ended = run_words(run, parent=parent_name(store, run)), run.state.ended
        return words, data, ended, ended

    name_run(app, "stab-checkpoints")

    @app.callback(
        Output("stab-at", "max"),
        Output("stab-at", "marks"),
        Output("stab-at", "value"),
        Output("stab-at", "disabled"),
        Output("stab-play", "disabled"),
        Input("stab-checkpoints", "data"),
        State("stab-at", "value"),
        State("stab-at", "max"),
        State("stab-at", "disabled"),
    )
    def places(known: dict[str, Any] | None, at: int, last: int, fresh: bool) -> Any:
        found = shown_checkpoints(known)
        if len(found) < 2:
            return 1, [], 0, True, True
        newest = len(found) - 1
        # Whoever looks at the newest goes on looking at the newest.
        return newest, slider_marks(found), (newest if fresh or at >= last else at), False, False

    @app.callback(
        Output("hand-rate", "value"),
        Output("hand-epochs", "value"),
        Output(param_id("look", "n_samples"), "value"),
        Output("stab-run-shown", "data"),
        Output("stab-kick", "data", allow_duplicate=True),
        Output("stab-tracking-note", "children", allow_duplicate=True),
        Input("stab-checkpoints", "data"),
        State("stab-run-shown", "data"),
        prevent_initial_call="initial_duplicate",
    )
    def adapt(known: dict[str, Any] | None, shown: str | None) -> Any:
        if not known or not known["run"] or known["run"] == shown:
            raise PreventUpdate
        run = store.run(known["run"])
        config = run.run_config()
        samples = str(SpectrumParams.default_samples(config))
        return f"{run.learning_rate:g}", str(config.epochs), samples, run.id, None, ""

    register_spectrum(app, context)
    register_tracking(app, context)
    register_kick(app, context)
    register_hand_over(app, context)
    play(app, "stab")


STABILITY = Page("/stability", "Stability", "Stability · Feedback alignment", layout, register)
