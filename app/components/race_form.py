"""The Race button of the Train page, and what a race is over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from app.compare.race import MAX_RACED, RACED, race_values
from app.compare.selection import FIELDS
from app.components import aria, drives
from app.components.form import typed
from app.components.popover import popover
from fa_engine import Limits, RunConfig
from fa_engine.config import knob_of

_FEW = 4  # options of a field that are chosen to begin with


def race_buttons() -> Component:
    """One button that starts it, and a small one that chooses what it is over."""
    return html.Div(
        [
            dmc.Button(
                "Race",
                id="race",
                size="md",
                variant="default",
                className="act-race",
                **{"aria-description": "The configuration under several schemes, side by side"},
            ),
            popover(
                dmc.Button(
                    html.Span(className="caret"),
                    id="race-choose",
                    size="md",
                    variant="default",
                    className="act-race-choose",
                    **aria("What the race is over"),
                ),
                [
                    dmc.Select(
                        id="race-field",
                        label="Race over",
                        data=[{"value": name, "label": title} for name, title in FIELDS.items()],
                        value="scheme",
                        size="sm",
                        searchable=True,
                        allowDeselect=False,
                        openOnFocus=False,  # the popover is seen whole when it opens
                        comboboxProps={"withinPortal": False},
                    ),
                    dmc.TagsInput(
                        id="race-values",
                        label="Values, a run each",
                        description="Enter after each value",
                        data=options("scheme"),
                        value=list(RACED),
                        maxTags=MAX_RACED,
                        splitChars=[";"],
                        size="sm",
                        openOnFocus=False,
                        comboboxProps={"withinPortal": False},
                    ),
                    html.P(
                        "Equal seed, weights and batches: what differs is this field.",
                        className="soft",
                    ),
                ],
                width=300,
            ),
        ],
        className="race-buttons",
        role="group",
        **aria("Race"),
        **drives(),
    )


def options(field: str) -> list[str]:
    """The values that a field may have, where they can be listed."""
    known = RunConfig.model_fields[field]
    if known.annotation is bool:
        return ["yes", "no"]
    return list(knob_of(known).options or ())


def begin(field: str) -> list[str]:
    """Values that a race over a field begins with; none where a person has to say."""
    return list(RACED) if field == "scheme" else options(field)[:_FEW]


def raced_configs(
    values: Mapping[str, Any], field: str, tags: list[str], limits: Limits
) -> list[RunConfig]:
    """The configurations of a race over what a form holds.

    Raises:
        NotAllowed: there are too few values, too many, or the same twice.
        pydantic.ValidationError: one of the configurations is wrong.
    """
    common = {name: typed(name, value) for name, value in values.items()}
    return race_values(common, field, [typed(field, tag) for tag in tags], limits)
