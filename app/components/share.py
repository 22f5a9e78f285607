"""A link to what is seen, and what is said of one that could not be followed wholly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from app.components import data, drives
from fa_engine import Problem


def copy_link() -> Component:
    """A button that copies the page's address (assets/share.js); it may stand anywhere, often."""
    return html.Button("Copy link", className="copy-link", type="button", **data(copy="link"))


# The last part of an address, what it is called, and what it is.
_FILES = (
    ("export.csv", "CSV", "every value, a row a step and network"),
    ("export.parquet", "Parquet", "the same, for pandas, Polars, R"),
    ("export.json", "JSON", "all of it, to be imported again"),
    ("export.config.json", "Settings", "JSON: what it is, and what was changed"),
    ("export.py", "Python", "a script that repeats the run"),
    ("export.html", "Charts", "a page that needs no network"),
    ("weights.safetensors", "Weights", "of the last checkpoint, safetensors"),
)
_VIEWS = (
    ("show=charts", "Charts alone", "for a projector; Escape leads back"),
    ("type=large", "Larger type", "on every page"),
)


def export_menu() -> Component:
    """Everything that a run can be taken away as; assets/header.js says of which run."""
    files = [
        html.A(_entry(title, text), id=_export_id(path), href="#", **data(export=path))
        for path, title, text in _FILES
    ]
    views = [
        html.Button(_entry(title, text), type="button", **data(view=view))
        for view, title, text in _VIEWS
    ]
    return html.Details(
        [html.Summary("Export"), html.Div([*files, html.Hr(), *views], className="export-list")],
        className="export",
    )


def _export_id(path: str) -> str:
    return "export-" + path.removeprefix("export.").replace(".", "-")


def _entry(title: str, text: str) -> list[Component]:
    return [html.Strong(title), html.Span(text)]


def import_button() -> Component:
    """Takes in a run that was exported as JSON (assets/share.js)."""
    return html.Button(
        "Import a run …",
        className="import-run",
        type="button",
        role="menuitem",  # a menu has no other children
        title="A file that “Export, JSON” has made",
        **data(**{"import": "runs"}),
        **drives(),
    )


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
