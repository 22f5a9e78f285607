"""The header of a run. The browser fills it in (assets/live.js) from the run and its events."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from app.components import aria, attributes, drives
from app.components.extend import extend_button
from app.components.form import scheme_options
from app.components.race_form import race_buttons
from app.components.share import copy_link, export_menu


def run_bar() -> Component:
    """Name, state, progress, numbers, and the two things that can change while it runs."""
    return html.Section(
        [
            html.Div(
                [
                    html.H2(id="run-name", className="run-name", dir="auto"),
                    html.Span(id="run-state", className="state", role="status"),
                    html.Span(
                        "connection lost, trying again",
                        className="lost",
                        role="alert",
                    ),
                    html.Span(id="run-since", className="reason"),
                    html.Span(id="run-reason", className="reason"),
                    html.A(id="run-parent", className="run-parent", hidden=True),
                    html.Span(id="run-origin", className="reason"),
                    html.Div(id="changes", className="changes"),
                    html.Div([copy_link(), export_menu()], className="take-away"),
                ],
                className="run-line",
            ),
            html.Div(
                html.Div(id="run-progress", className="progress-fill"),
                className="progress",
                role="progressbar",
                id="run-progressbar",
                **aria("Progress"),
            ),
            html.Div(
                [
                    _number("step", "run-step"),
                    _number("epoch", "run-epoch"),
                    _number("steps/s", "run-speed"),
                    _number("time left", "run-left"),
                    html.Div(className="spring"),
                    html.Div(
                        [
                            html.Span("Change now", className="now-title"),
                            dmc.TextInput(
                                id="now-lr",
                                label="learning rate",
                                size="xs",
                                debounce=True,
                                autoComplete="off",
                                className="now-lr",
                            ),
                            dmc.Select(
                                id="now-scheme",
                                label="scheme",
                                data=scheme_options(),
                                size="xs",
                                allowDeselect=False,
                                className="now-scheme",
                                comboboxProps={"shadow": "sm"},
                            ),
                        ],
                        className="now",
                        id="now",
                        **drives(),
                    ),
                ],
                className="numbers",
            ),
        ],
        className="run-bar",
        **aria("Run"),
    )


def actions() -> Component:
    """The large button and its small companions; which of them show depends on the state."""
    return html.Div(
        [
            html.Div(
                [
                    html.Div(id="form-note", className="form-note", role="status"),
                    html.Div(id="queue-note", className="queue-note", role="status"),
                ],
                className="notes",
            ),
            html.Div(
                [
                    dmc.Button(
                        [
                            html.Span("Train", className="when-idle"),
                            html.Span("Train new", className="when-going"),
                        ],
                        id="train",
                        size="md",
                        className="act-train",
                        **_key("Enter in a field", "Enter"),
                        **drives(),
                    ),
                    _large("Pause", **_key("Space")),
                    _large("Resume", **_key("Space")),
                    race_buttons(),
                ],
                className="buttons large",
            ),
            html.Div(
                [
                    _small("Step", **_key("Right arrow", "ArrowRight")),
                    _small("Stop"),
                    _small("Reset"),
                    extend_button(),
                    html.Button("?", id="keys-button", className="keys-button", **_key("?", "?")),
                ],
                className="buttons",
            ),
            _keys(),
        ],
        className="actions",
    )


_KEYS = (
    ("Enter", "in a field: train what the form says"),
    ("Space", "pause or resume"),
    ("→", "one step, then pause"),
    ("/", "find a run, on every page"),
    ("?", "this list"),
)


def _keys() -> Component:
    return html.Dialog(
        [
            html.H2("Keys", id="keys-title"),
            html.Table(
                html.Tbody(
                    [
                        html.Tr([html.Th(html.Kbd(key), scope="row"), html.Td(what)])
                        for key, what in _KEYS
                    ]
                )
            ),
            html.P("While you type, and on a control that uses a key itself, it is left alone."),
            html.Button("Close", id="keys-close", className="preset"),
        ],
        id="keys",
        className="keys",
        **attributes(aria_labelledby="keys-title"),
    )


def _key(words: str, name: str = "") -> dict[str, Any]:
    """Which key a button has, for its tooltip and for a screen reader."""
    return attributes(aria_keyshortcuts=name or words, data_key=words)


def _large(title: str, **more: Any) -> Any:
    name = title.lower()
    return dmc.Button(title, id=name, size="md", className=f"act-{name}", **more, **drives())


def _small(title: str, **more: Any) -> Any:
    # Disabled until there is a run that takes it.
    common = {"variant": "default", "size": "sm", "disabled": True} | drives()
    return dmc.Button(title, id=title.lower(), **common, **more)


def _number(title: str, id_: str) -> Component:
    return html.Div(
        [
            html.Span(title, id=f"{id_}-title", className="number-title"),
            html.Span(id=id_, className="number"),
        ],
        className="number-box",
    )
