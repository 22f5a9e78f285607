"""A link to what is seen, and what is said of one that could not be followed wholly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from app.components import data
from fa_engine import Problem


def copy_link() -> Component:
    """A button that copies the page's address (assets/share.js); it may stand anywhere, often."""
    return html.Button("Copy link", className="copy-link", type="button", **data(copy="link"))


def address_note(id_: str) -> Any:
    """Where a page says what is wrong with its address; closed by who has read it."""
    return dmc.Alert(
        id=id_,
        title="Not all of this address could be taken",
        color="yellow",
        hide=True,
        withCloseButton=True,
        closeButtonLabel="Close",
        className="address-note",
    )


def address_words(problems: Sequence[Problem]) -> list[Component]:
    """What such a note holds: a line for each."""
    return [html.P(problem.words) for problem in problems]
