"""The Stability page: whether the walk stays where it is, checkpoint by checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, ctx, dcc, html, no_update
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
from app.components.lab_state import STABILITY_CONTROLS, StabilityState, fit_samples
from app.components.shell import note, run_named
from app.components.state import follow_state, state_parts
from app.lab import SpectrumParams
from app.pages.base import Context, Page
from app.pages.stability_hand_over import hand_over_panel, register_hand_over
from app.pages.stability_kick import kick_panel, register_kick
from app.pages.stability_spectrum import register_spectrum, series_panel, spectrum_panel
from app.pages.stability_tracking import register_tracking
from app.store import Checkpoint
from fa_engine import Problem

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
            dcc.Store(id="stab-pressed-at"),  # what was drawn then
            dcc.Store(id="stab-kick"),
            dcc.Store(id="stab-kicked"),  # whether the address is to say so
            dcc.Store(id="stab-step-asked"),  # by the address
            dcc.Store(id="stab-step-now"),  # nothing: the newest
            dcc.Store(id="stab-run-now"),
            dcc.Store(id="stab-run-shown"),
            dcc.Interval(id="stab-run-tick", interval=LOOK_MS),
            dcc.Interval(id="stab-tick", interval=LOOK_MS),
            dcc.Interval(id="stab-kick-tick", interval=LOOK_MS, disabled=True),
            *state_parts("stability"),
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

    follow_state(app, "stability", StabilityState, STABILITY_CONTROLS)

    @app.callback(
        Output("stab-at", "max"),
        Output("stab-at", "marks"),
        Output("stab-at", "value"),
        Output("stab-at", "disabled"),
        Output("stab-play", "disabled"),
        Output("notes", "sendNotifications", allow_duplicate=True),
        Input("stab-checkpoints", "data"),
        Input("stab-step-asked", "data"),
        State("stab-at", "value"),
        State("stab-at", "max"),
        State("stab-at", "disabled"),
        prevent_initial_call="initial_duplicate",
    )
    def places(
        known: dict[str, Any] | None, asked: int | None, at: int, last: int, fresh: bool
    ) -> Any:
        found = shown_checkpoints(known)
        if len(found) < 2:
            return 1, [], 0, True, True, no_update
        newest = len(found) - 1
        said: Any = no_update
        if fresh or ctx.triggered_id == "stab-step-asked":
            place, said = _asked(found, asked)
        else:  # whoever looks at the newest goes on looking at the newest
            place = newest if at >= last else at
        return newest, slider_marks(found), place, False, False, said

    app.clientside_callback(
        ClientsideFunction("lab", "step_now"),
        Output("stab-step-now", "data"),
        Input("stab-at", "value"),
        Input("stab-at", "disabled"),
        State("stab-checkpoints", "data"),
    )

    # A callback that runs at every checkpoint would hold up all that waits for what it may change,
    # the kick for one: the graph of callbacks ends here.
    app.clientside_callback(
        ClientsideFunction("lab", "stability_run"),
        Input("stab-checkpoints", "data"),
        State("stab-run-now", "data"),
    )

    @app.callback(
        Output("hand-rate", "value"),
        Output("hand-epochs", "value"),
        Output("stab-run-shown", "data"),
        Output("stab-kick", "data", allow_duplicate=True),
        Output("stab-tracking-note", "children", allow_duplicate=True),
        Input("stab-run-now", "data"),
        prevent_initial_call="initial_duplicate",
    )
    def adapt(run_id: str | None) -> Any:
        if not run_id:
            raise PreventUpdate
        run = store.run(run_id)
        epochs = str(run.run_config().epochs)
        return f"{run.learning_rate:g}", epochs, run.id, None, ""

    fit_samples(
        *(app, store, "look", StabilityState),
        arrives=("stab-run-shown", "stability-given"),
        fits=lambda config: str(SpectrumParams.default_samples(config)),  # large networks have few
    )
    register_spectrum(app, context)
    register_tracking(app, context)
    register_kick(app, context)
    register_hand_over(app, context)
    play(app, "stab")


def _asked(found: Sequence[Checkpoint], step: int | None) -> tuple[int, Any]:
    """The place of the checkpoint that an address names, and a note where there is none."""
    newest = len(found) - 1
    if step is None:
        return newest, no_update
    place = max((n for n, kept in enumerate(found) if kept.step <= step), default=0)
    if found[place].step == step:
        return place, no_update
    allowed = f"the step of a checkpoint that is kept; shown is {found[place].step:,}"
    return place, note(Problem("step", step, allowed, "Checkpoint").words)


STABILITY = Page("/stability", "Stability", "Stability · Feedback alignment", layout, register)
