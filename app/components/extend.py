"""The button that has a run that has finished train longer."""

from __future__ import annotations

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, html
from dash.development.base_component import Component

from app.components import drives
from app.components.popover import popover
from app.store.commands import MAX_MORE


def extend_button() -> Component:
    """It asks by how many epochs; seen where the run has finished."""
    return html.Div(
        popover(
            dmc.Button("Extend", id="extend-choose", variant="default", size="sm"),
            [
                dmc.NumberInput(
                    id="extend-epochs",
                    label="More epochs",
                    description="It goes on from its last step, by the same feedback.",
                    min=1,
                    max=MAX_MORE,
                    allowDecimal=False,
                    allowNegative=False,
                    size="sm",
                ),
                dmc.Button("Go on", id="extend", size="sm"),
            ],
            width=260,
            id="extend-popover",
        ),
        className="act-extend",
        **drives(),
    )


def register_extend(app: Dash) -> None:
    """Its callback, in assets/live.js."""
    app.clientside_callback(
        ClientsideFunction("live", "train_longer"),
        Output("extend-popover", "opened"),
        Input("extend", "n_clicks"),
        State("extend-epochs", "value"),
        prevent_initial_call=True,
    )
