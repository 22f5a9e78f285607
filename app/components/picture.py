"""Saving a chart as a picture: assets/picture.js does it, a PDF with app/files/pdf.py."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from app.components import data

FORMATS = ("png", "svg", "pdf")


def save_buttons(name: str) -> Component:
    """Buttons that save the chart that stands in the same box; the box has ``data-chart``.

    Args:
        name: of the chart, as the buttons are called for who does not see where they are.
    """
    words = html.Span("Save as ", className="save-words")
    return html.Div([words, *(_button(name, kind) for kind in FORMATS)], className="save")


def _button(name: str, kind: str) -> Component:
    words = f"Save “{name}” as {kind.upper()}"
    return html.Button(kind.upper(), className="save-as", title=words, **data(save=kind))
