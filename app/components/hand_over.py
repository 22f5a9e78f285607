"""Hand over: start any scheme from a checkpoint of any run."""

from __future__ import annotations

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from app.components import drives
from app.components.form import scheme_options


def hand_over_form() -> Component:
    """Scheme, learning rate and epochs of the run that begins with the checkpoint's weights."""
    return html.Div(
        [
            dmc.Select(
                id="hand-scheme",
                label="Scheme",
                data=scheme_options(),
                value="fa",
                allowDeselect=False,
                size="sm",
                w=260,
            ),
            dmc.TextInput(id="hand-rate", label="Learning rate", value="", size="sm", w=120),
            dmc.TextInput(id="hand-epochs", label="Epochs", value="", size="sm", w=120),
            dmc.Button("Start from this checkpoint", id="hand-start", size="sm"),
        ],
        className="lab-form",
        **drives(),
    )
