"""The search that is there on every page: a run is found by typing and opened by Enter.

assets/find.js asks the API for what is typed, in the words that the Runs page searches by.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from app.components import aria, attributes, data

_KEY = "/"
_WHAT = "Names, notes, tags, ids, schemes, data"


def find_button() -> Component:
    """Opens it, as the key does."""
    return html.Button(
        [html.Span(className="icon-find"), html.Kbd(_KEY, className="find-key")],
        id="find-button",
        className="find-button",
        type="button",
        title=f"Find a run ({_KEY})",
        **aria("Find a run"),
        **attributes(aria_keyshortcuts=_KEY),
    )


def find_dialog(run_pages: Sequence[str]) -> Any:
    """What it opens.

    Args:
        run_pages: paths of the pages that show a run, on which it is opened when one is shown; the
            first of them elsewhere.
    """
    return html.Dialog(
        [
            html.H2("Find a run", id="find-title", className="unseen"),
            dmc.TextInput(
                id="find-field",
                placeholder=_WHAT,
                size="md",
                autoComplete="off",
                inputProps={"type": "search"},
                **aria("Find a run"),
            ),
            html.Div(id="find-list", role="listbox", className="find-list", **aria("Runs")),
            html.P(id="find-said", className="find-said", role="status"),
        ],
        id="find",
        className="find",
        **attributes(aria_labelledby="find-title"),
        **data(pages=" ".join(run_pages)),
    )
