"""The Stability page: any scheme may go on from a checkpoint's weights."""

from __future__ import annotations

from typing import Any

from dash import Dash, Input, Output, State, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from app.components import address
from app.components.form import FIELDS, config_from, form_values
from app.components.hand_over import hand_over_form
from app.components.lab_run import looked_at, panel
from app.components.shell import note
from app.pages.base import Context
from app.store import Parent, StoreError


def hand_over_panel() -> Component:
    """Which scheme, at which rate, how long."""
    return panel(
        "Hand over",
        "Start any scheme from this checkpoint's weights. Give a minimum that "
        "backpropagation found to feedback alignment and see whether it leaves; any "
        "minimum is stable for backpropagation whose steps do not overshoot. Learned feedback "
        "matrices (Kolen-Pollack, weight mirror) begin anew.",
        hand_over_form(),
    )


def register_hand_over(app: Dash, context: Context) -> None:
    """Its callback."""
    store = context.store

    @app.callback(
        Output("url", "pathname", allow_duplicate=True),
        Output("url", "search", allow_duplicate=True),
        Output("notes", "sendNotifications", allow_duplicate=True),
        Output("hand-rate", "error"),
        Output("hand-epochs", "error"),
        Input("hand-start", "n_clicks"),
        State("hand-scheme", "value"),
        State("hand-rate", "value"),
        State("hand-epochs", "value"),
        State("stab-checkpoints", "data"),
        State("stab-at", "value"),
        State("stab-pressed-at", "data"),
        running=[(Output("hand-start", "loading"), True, False)],
        prevent_initial_call=True,
    )
    def start(
        clicks: int | None,
        scheme: str,
        rate: str,
        epochs: str,
        known: dict[str, Any] | None,
        at: int,
        pressed_at: list[Any] | None,
    ) -> Any:
        if not clicks:
            raise PreventUpdate
        stay = (no_update, no_update)
        place = looked_at(known, at, pressed_at)
        if place is None:
            return *stay, note("There is no checkpoint to start from."), None, None
        parent = Parent(place.run_id, place.step)
        config = store.run(parent.run_id).run_config()
        values = dict(zip(FIELDS, form_values(config.model_dump()), strict=True))
        values |= {"scheme": scheme, "learning_rate": rate, "epochs": epochs}
        values |= {"route": "", "signal": "", "matrix": ""}  # the scheme's own
        child, wrong = config_from(values, context.settings.limits)
        if child is None:
            others = [m for n, m in wrong.items() if n not in ("learning_rate", "epochs")]
            said = note(" ".join(others)) if others else no_update
            return *stay, said, wrong.get("learning_rate"), wrong.get("epochs")
        try:
            run = store.create_run(child, parent=parent)
        except StoreError as error:
            return *stay, note(str(error)), None, None
        return address("/"), f"?run={run.id}", no_update, None, None
