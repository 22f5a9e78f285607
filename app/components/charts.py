"""A chart with its name, its words, and what stands in its place before it is drawn."""

from __future__ import annotations

from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from app.components import address, aria, data
from app.components.picture import save_buttons
from app.figures import CHART_CONFIG


def chart(
    id_: str,
    name: str,
    figure: Any,
    *,
    class_name: str = "",
    style: dict[str, Any] | None = None,
    config: Any = CHART_CONFIG,
    coming: str = "",
) -> Component:
    """A figure as large as its box.

    Args:
        id_: of the graph.
        name: what a screen reader calls it.
        figure: what is drawn first.
        class_name, style: of the box.
        config: plotly's.
        coming: what will be there, said while nothing is drawn.

    Its last values in words, for who does not see it, follow in the browser
    (assets/chart-words.js).
    """
    parts: list[Component] = [
        dcc.Graph(id=id_, config=config, figure=figure, responsive=True, style={"height": "100%"}),
        save_buttons(name),
        html.Figcaption(id=f"{id_}-words", className="unseen"),
    ]
    if coming:
        parts.append(_coming(coming))
    words = aria(name) | data(chart=id_)
    return html.Figure(parts, className=f"chart {class_name}".strip(), style=style, **words)


def _coming(words: str) -> Component:
    """Hidden as soon as something is drawn, and its link where there is a run (assets/css)."""
    return html.Div(
        [
            html.P([html.Strong("Here will be "), words]),
            dcc.Link("Train a first run", href=address("/"), className="coming-start"),
        ],
        className="coming",
    )
