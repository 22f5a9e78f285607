"""The Train page's race: several runs of what the form says, and the page that shows them."""

from __future__ import annotations

from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, no_update
from dash.exceptions import PreventUpdate
from pydantic import ValidationError

from app.compare import create_race
from app.components.race_form import begin, options, raced_configs
from app.components.shell import note
from app.pages.base import Context
from app.store import StoreError
from fa_engine import NotAllowed, problems


def register_race(app: Dash, context: Context) -> None:
    """Callbacks of the Race button and of what it is over."""
    store, settings = context.store, context.settings

    @app.callback(
        Output("race-values", "data"),
        Output("race-values", "value"),
        Input("race-field", "value"),
        prevent_initial_call=True,
    )
    def over(field: str) -> Any:
        return options(field), begin(field)

    @app.callback(
        Output("url", "pathname", allow_duplicate=True),
        Output("url", "search", allow_duplicate=True),
        Output("notes", "sendNotifications", allow_duplicate=True),
        Input("race-order", "data"),
        State("race-field", "value"),
        State("race-values", "value"),
        running=[(Output("race", "loading"), True, False)],
        prevent_initial_call=True,
    )
    def start(order: dict[str, Any] | None, field: str, values: list[str]) -> Any:
        if not order:
            raise PreventUpdate
        try:
            configs = raced_configs(order["values"], field, values or [], settings.limits)
            race = create_race(store, configs)
        except ValidationError as error:
            said = " ".join(problem.words for problem in problems(error))
            return no_update, no_update, note(said)
        except NotAllowed as error:
            return no_update, no_update, note(error.problem.words)
        except StoreError as error:
            return no_update, no_update, note(str(error))
        return f"{settings.base}compare", f"?race={race.race_id}", no_update

    app.clientside_callback(
        ClientsideFunction("form", "race"),
        Output("race-order", "data"),
        Input("race", "n_clicks"),
        prevent_initial_call=True,
    )
