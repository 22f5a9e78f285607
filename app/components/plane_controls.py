"""What is moved, typed and pressed on the Plane page."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from app.components import aria
from app.figures.plane_view import CASES, MAX_STARTS, View

# Name, formula and what it is; smallest, largest and step.
SLIDERS = (
    ("target", "Target", "t", -2.0, 2.0, 0.05),
    ("feedback", "Feedback", "b", -2.0, 2.0, 0.05),
    ("rate", "Learning rate", "η", 0.01, 0.5, 0.01),
    ("noise", "Gradient noise", "σ", 0.0, 1.0, 0.02),
)
TITLES = {"w1": "w₁", "w2": "w₂"}
_FIRST = View()
_VALUES = {
    "target": _FIRST.target,
    "feedback": _FIRST.feedback,
    "rate": _FIRST.learning_rate,
    "noise": _FIRST.noise,
}


def controls() -> Component:
    """All of them. On a telephone the sliders stay in sight of the planes (assets/css)."""
    return html.Aside(
        [_network(), _sliders(), _trajectories()], className="plane-side", **aria("Controls")
    )


def _network() -> Component:
    return html.Section(
        [
            dmc.Select(
                id="plane-case",
                label="Network",
                data=[{"value": name, "label": case["title"]} for name, case in CASES.items()],
                value=_FIRST.case,
                allowDeselect=False,
                size="sm",
                comboboxProps={"shadow": "sm"},
            ),
            dmc.Switch(
                id="plane-background",
                label="Cosine as background",
                checked=_FIRST.background,
                size="sm",
            ),
        ],
        className="plane-network",
        **aria("Network"),
    )


def _sliders() -> Component:
    return html.Section(
        [_slider(*slider) for slider in SLIDERS], className="plane-sliders", **aria("Sliders")
    )


def _slider(
    name: str, title: str, symbol: str, least: float, most: float, step: float
) -> Component:
    return html.Div(
        [
            html.Div(
                [
                    html.Span(title, className="plane-slider-title"),
                    html.Span(symbol, className="unit"),
                    html.Span(className="spring"),
                    html.Output(id=f"plane-{name}-value", className="plane-slider-value"),
                ],
                className="plane-slider-line",
            ),
            dmc.Slider(
                id=f"plane-{name}",
                value=_VALUES[name],
                min=least,
                max=most,
                step=step,
                precision=2,
                updatemode="drag",
                label=None,
                size="sm",
                thumbLabel=f"{title} {symbol}",
                marks=[{"value": 0}] if least < 0 else [],
            ),
        ],
        className="plane-slider",
    )


def _trajectories() -> Component:
    return html.Section(
        [
            html.H2("Trajectories", className="plane-heading"),
            dmc.Button(
                "Start in the unstable stretch", id="plane-unstable", size="sm", fullWidth=True
            ),
            html.Div(
                [
                    *(_weight(name, title) for name, title in TITLES.items()),
                    dmc.Button("Start here", id="plane-drop", variant="default", size="sm"),
                    dmc.Button("Clear", id="plane-clear", variant="default", size="sm"),
                ],
                className="plane-drop",
            ),
            html.P(
                f"Or click on a plane. {MAX_STARTS} at most: another one takes the oldest one's "
                "place.",
                className="plane-fine",
            ),
        ],
        className="plane-trajectories",
        **aria("Trajectories"),
    )


def _weight(name: str, title: str) -> Any:
    return dmc.TextInput(
        id=f"plane-{name}",
        label=title,
        value="0.5",
        size="sm",
        debounce=True,  # Enter says what is in it
        autoComplete="off",
        inputProps={"inputMode": "decimal"},
    )
