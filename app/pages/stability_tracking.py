"""The Stability page: which checkpoints a run keeps while it goes on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, ctx, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate
from pydantic import ValidationError

from app.components import drives
from app.components.shell import note
from app.pages.base import Context
from app.store import Command, RunEnded
from fa_engine import Problem, problems
from fa_engine.typed import Unclear, whole


def tracking() -> Component:
    """Keeps checkpoints of a run that goes on."""
    return html.Div(
        [
            dmc.TextInput(
                id="stab-every",
                label=html.Span(["Track every", html.Span("steps", className="unit")]),
                value="200",
                size="sm",
                w=140,
            ),
            dmc.Button("Track", id="stab-track", size="sm", variant="default"),
            dmc.Button("Keep a checkpoint now", id="stab-keep", size="sm", variant="default"),
            html.P(
                "Half of the room for it at this distance, then further and further apart; 0 stops "
                "it. Under 200 steps the spectra come after the training.",
                className="lab-note",
            ),
            html.P(id="stab-tracking-note", className="lab-note", role="status"),
        ],
        id="stab-tracking",
        className="lab-form",
        hidden=True,
        **drives(),
    )


def register_tracking(app: Dash, context: Context) -> None:
    """Its callback."""
    store = context.store

    @app.callback(
        Output("notes", "sendNotifications", allow_duplicate=True),
        Output("stab-every", "error"),
        Output("stab-tracking-note", "children"),
        Input("stab-track", "n_clicks"),
        Input("stab-keep", "n_clicks"),
        State("stab-every", "value"),
        State("stab-checkpoints", "data"),
        prevent_initial_call=True,
    )
    def keep(track: int | None, now: int | None, every: str, known: dict[str, Any] | None) -> Any:
        if not (track or now) or not known or not known["run"]:
            raise PreventUpdate
        body: dict[str, Any] = {"command": "checkpoint"}
        if ctx.triggered_id == "stab-track":
            body = {"command": "track", "every": _number(every)}
        try:
            command = Command.model_validate(body)
            store.send(known["run"], command)
        except ValidationError as error:
            return no_update, " ".join(_tracked(problem) for problem in problems(error)), ""
        except RunEnded as error:
            return note(str(error)), None, ""
        return no_update, None, _kept_words(command)


def _kept_words(command: Command) -> str:
    """What was asked of the run."""
    if command.command == "checkpoint":
        return "Asked for a checkpoint now: it joins the others as soon as it is kept."
    if command.every == 0:
        return "Tracking ends: no more checkpoints are kept for it."
    return f"A checkpoint is kept every {command.every:,} steps from now on."


def _tracked(problem: Problem) -> str:
    return replace(problem, called="Track every").words


def _number(text: str) -> Any:
    """A whole number as one, anything else as it was typed, to be refused by name."""
    try:
        return whole(text)
    except Unclear:
        return text
