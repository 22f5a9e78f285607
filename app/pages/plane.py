"""The Plane page: two weights, the whole theory to touch (docs/MATH.md, section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from app.components import aria
from app.components.charts import chart
from app.components.plane_controls import SLIDERS, TITLES, controls
from app.components.plane_state import CONTROLS, PlaneState
from app.components.plane_words import INTRO, TEXTS, THEORY
from app.components.share import copy_link
from app.components.shell import note
from app.components.state import follow_state, state_parts
from app.figures.palette import DARK, LIGHT, Rgb, css
from app.figures.plane import PLANE_CONFIG, along_figure, plane_figure
from app.figures.plane_view import MAX_STARTS, REACH, View, setup, unstable_start
from app.pages.base import Context, Page
from fa_engine import Problem
from fa_engine.typed import Unclear, hint, real

Starts = Sequence[Sequence[float]]

_FIRST = View()
_PLANES = ("plane-fa", "plane-bp")
_FIGURES = (*_PLANES, "plane-along")
_NAMES = {
    "plane-fa": "Plane of the two weights under feedback alignment",
    "plane-bp": "Plane of the two weights under backpropagation",
    "plane-along": "Loss and cosine along every walk",
}
_CONTROLS = ("plane-case", *(f"plane-{name}" for name, *_ in SLIDERS))


def layout(_context: Context) -> Component:
    """The page, drawn for the first view."""
    return html.Div(
        [
            dcc.Store(id="plane-setup", data=setup()),
            dcc.Store(id="plane-texts", data=TEXTS),
            dcc.Store(id="plane-starts", data=[list(start) for start in _FIRST.starts]),
            controls(),
            html.Div(
                [
                    *state_parts("plane"),
                    html.Div(
                        [html.H2("Two weights", className="plane-title"), copy_link()],
                        className="form-head",
                    ),
                    _formula(INTRO, "plane-intro"),
                    _legend(),
                    html.Div(
                        [
                            _picture(
                                "plane-fa",
                                "Feedback alignment",
                                plane_figure(_FIRST, "fa"),
                                html.Strong(id="plane-told"),
                            ),
                            _picture(
                                "plane-bp",
                                "Backpropagation",
                                plane_figure(_FIRST, "bp"),
                            ),
                        ],
                        className="plane-pair plane-panels",
                    ),
                    _picture(
                        "plane-along",
                        "Along the way",
                        along_figure(_FIRST),
                        panels=("Loss", "Cosine (shaded: uphill)"),
                    ),
                ],
                className="plane-pictures",
            ),
            html.Section(
                [html.H2("Why"), _formula(THEORY, "plane-formulas")], className="plane-theory"
            ),
        ],
        className="plane",
    )


def _picture(
    id_: str,
    title: str,
    figure: Any,
    told: Component | None = None,
    panels: Sequence[str] = (),
) -> Component:
    return html.Section(
        [
            html.H2(title, className="plane-heading"),
            html.Div(
                [
                    *(html.Span(panel, className="plane-panel-title") for panel in panels),
                    chart(id_, _NAMES[id_], figure, config=PLANE_CONFIG, class_name="plane-graph"),
                ],
                className="plane-panel" if id_ in _PLANES else "plane-chart",
            ),
            *([html.P(id=f"{id_}-ends", className="plane-ends")] if id_ in _PLANES else []),
            html.P(
                [
                    *((told, " ") if told is not None else ()),
                    html.Span(TEXTS[id_.removeprefix("plane-")][_FIRST.case], id=f"{id_}-text"),
                ],
                className="plane-text",
            ),
        ],
        className="plane-picture",
        **aria(title),
    )


def _formula(text: str, class_name: str) -> Component:
    return dcc.Markdown(text, mathjax=True, className=class_name)


def _legend() -> Component:
    def entry(kind: str, text: str, light: Rgb, dark: Rgb) -> Component:
        colours = {"--light": css(light), "--dark": css(dark)}
        return html.Li([html.Span(className=f"mark mark-{kind}", style=colours), text])

    return html.Ul(
        [
            entry("line", "stable fixed points", LIGHT.stable, DARK.stable),
            entry("dashed", "unstable ones", LIGHT.unstable, DARK.unstable),
            entry("area", "cosine above 0", LIGHT.stable, DARK.stable),
            entry("area", "below 0: uphill", LIGHT.unstable, DARK.unstable),
            entry("dotted", "conserved quantity", LIGHT.ink, DARK.ink),
            entry("thin", "loss 0.1, 0.3, 1, 3, 10, 30", LIGHT.soft, DARK.soft),
            entry("disc", "a path's end, at rest", LIGHT.ink, DARK.ink),
            entry("ring", "still moving after its last step", LIGHT.ink, DARK.ink),
        ],
        className="plane-legend",
        **aria("Legend"),
    )


def register(app: Dash, _context: Context) -> None:
    """Callbacks of the page. What follows a slider is in assets/plane.js."""
    follow_state(app, "plane", PlaneState, CONTROLS)
    moved = [*((id_, "value") for id_ in _CONTROLS), ("plane-background", "checked")]

    app.clientside_callback(
        ClientsideFunction("plane", "draw"),
        *(Output(f"plane-{name}-value", "children") for name, *_ in SLIDERS),
        Output("plane-told", "children"),
        *(Output(f"{id_}-text", "children") for id_ in _FIGURES),
        *(Output(f"{id_}-ends", "children") for id_ in _PLANES),
        *(Input(*control) for control in moved),
        Input("plane-starts", "data"),
        State("plane-setup", "data"),
        State("plane-texts", "data"),
    )

    @app.callback(
        *(Output(id_, "figure") for id_ in _FIGURES),
        Input("theme-now", "data"),
        *(State(*control) for control in moved),
        State("plane-starts", "data"),
    )
    def recolour(
        theme: str | None,
        case: str,
        target: float,
        feedback: float,
        rate: float,
        noise: float,
        background: bool,
        starts: Starts,
    ) -> Any:
        if theme is None or (theme == "light" and not ctx.triggered_id):
            raise PreventUpdate  # the page begins light
        view = View(
            case, target, feedback, rate, noise, background, tuple((w1, w2) for w1, w2 in starts)
        )
        return (
            plane_figure(view, "fa", theme),
            plane_figure(view, "bp", theme),
            along_figure(view, theme),
        )

    @app.callback(
        Output("plane-starts", "data"),
        Output("plane-w1", "error"),
        Output("plane-w2", "error"),
        Output("notes", "sendNotifications", allow_duplicate=True),
        Input("plane-drop", "n_clicks"),
        Input("plane-w1", "n_submit"),
        Input("plane-w2", "n_submit"),
        Input("plane-unstable", "n_clicks"),
        Input("plane-clear", "n_clicks"),
        State("plane-w1", "value"),
        State("plane-w2", "value"),
        State("plane-starts", "data"),
        State("plane-case", "value"),
        State("plane-target", "value"),
        State("plane-feedback", "value"),
        prevent_initial_call=True,
    )
    def start(
        _drop: int | None,
        _first: int | None,
        _second: int | None,
        _unstable: int | None,
        _clear: int | None,
        w1: Any,
        w2: Any,
        starts: Starts,
        case: str,
        target: float,
        feedback: float,
    ) -> Any:
        if not any(entry["value"] for entry in ctx.triggered):
            raise PreventUpdate  # the page has only appeared
        if ctx.triggered_id == "plane-clear":
            return [], None, None, no_update
        if ctx.triggered_id == "plane-unstable":
            found = unstable_start(View(case, target, feedback).plane)
            if found is None:
                return no_update, None, None, note("No fixed point in sight is unstable here.")
            return _with(starts, found), None, None, no_update
        values, wrong = zip(*(weight(n, v) for n, v in (("w1", w1), ("w2", w2))), strict=True)
        if any(wrong):
            return no_update, *wrong, no_update
        return _with(starts, values), None, None, no_update


def weight(name: str, typed: Any) -> tuple[float, None] | tuple[None, str]:
    """A weight as it was typed, or what is wrong with it."""
    allowed = f"a number from {-REACH:g} to {REACH:g}"
    try:
        value = real(str(typed).replace("\u2212", "-"))
    except Unclear as error:
        value, allowed = float("nan"), allowed + hint(error)
    if not -REACH <= value <= REACH:
        return None, Problem(name, typed, allowed, TITLES[name]).words
    return value, None


def _with(starts: Starts, one: Sequence[float]) -> list[list[float]]:
    return [*map(list, starts), list(one)][-MAX_STARTS:]


PLANE = Page("/plane", "Plane", "The plane of two weights", layout, register, of_run=False)
