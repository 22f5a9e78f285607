"""The Plane page: two weights, the whole theory to touch (docs/MATH.md, section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from app.components import aria, data
from app.components.picture import save_buttons
from app.components.shell import note
from app.figures.palette import DARK, LIGHT, Rgb, css
from app.figures.plane import (
    CASES,
    MAX_STARTS,
    PLANE_CONFIG,
    REACH,
    View,
    along_figure,
    plane_figure,
    setup,
    unstable_start,
)
from app.pages.base import Context, Page
from fa_engine import Problem
from fa_engine.typed import Unclear, hint, real

Starts = Sequence[Sequence[float]]

# Name, formula and what it is; smallest, largest and step.
_SLIDERS = (
    ("target", "Target", "t", -2.0, 2.0, 0.05),
    ("feedback", "Feedback", "b", -2.0, 2.0, 0.05),
    ("rate", "Learning rate", "η", 0.01, 0.5, 0.01),
    ("noise", "Gradient noise", "σ", 0.0, 1.0, 0.02),
)
_TITLES = {"w1": "w₁", "w2": "w₂"}
_FIRST = View()
_VALUES = {
    "target": _FIRST.target,
    "feedback": _FIRST.feedback,
    "rate": _FIRST.learning_rate,
    "noise": _FIRST.noise,
}
_PLANES = ("plane-fa", "plane-bp")
_FIGURES = (*_PLANES, "plane-along")
_CONTROLS = ("plane-case", *(f"plane-{name}" for name, *_ in _SLIDERS))

_INTRO = (
    "$f(x) = w_2\\,\\phi(w_1 x)$ has two weights, so its whole weight space fits on a page, and "
    "its feedback matrix is one number $b$. Click on either plane to let both schemes walk from "
    "there."
)
# What to look for, by network; without a target the network makes no difference, nor does it to
# feedback alignment without feedback. assets/plane.js chooses, and puts in front what it counts.
_SAME = "The same loss, the same starts, the true gradient: the cosine is 1 everywhere. "
_ALONG = (
    "Loss (on a logarithmic scale, feedback alignment solid, backpropagation dashed) and cosine "
    "along every walk. "
)
_TO_THE_LINE = (
    _ALONG + "While the cosine is negative the loss rises, from the unstable stretch often a "
    "thousandfold. Nothing pulls the cosine up, but the walk can rest only where alignment holds."
)
TEXTS = {
    "fa": {
        "linear": (
            "Find the line of fixed points, where the loss is zero: solid where feedback alignment "
            "comes to rest, dashed where it leaves, which is where the background, the cosine of "
            "update and gradient, says that the update points uphill. In small steps without noise "
            "every path keeps to its dotted parabola, and rests only on a solid stretch."
        ),
        "tanh": (
            "The line of fixed points, where the loss is zero, is bent, but still solid where "
            "feedback alignment comes to rest and dashed where it leaves and the update points "
            "uphill. In small steps without noise every path keeps to its dotted curve, steeper "
            "than a parabola, and rests only on a solid stretch."
        ),
        "tanh_several": (
            "No weights fit all three samples, so that fixed points are single, with an error that "
            "the feedback does not see: discs are stable, crosses are not. Each has a mirror "
            "image, both signs changed, and feedback alignment can rest in only one of the two, be "
            "they minima or saddles: compare the discs of backpropagation."
        ),
        "no_target": (
            "With target 0 both axes are fixed points, where the loss is zero: solid where "
            "feedback alignment comes to rest, dashed where it leaves. All of them are minima, so "
            "that to leave one is to walk uphill."
        ),
        "no_feedback": (
            "Without feedback only noise moves w₁: other paths are vertical. They rest on the "
            "solid line, where w₂ is the best for its w₁."
        ),
    },
    "bp": {
        "linear": (
            _SAME + "All of the line is stable, and in small steps without noise paths follow "
            "hyperbolas downhill. The one other fixed point, the cross, is the saddle at the "
            "origin."
        ),
        "tanh": (
            _SAME + "All of the line is stable, and in small steps without noise paths follow the "
            "dotted curves downhill. The one other fixed point, the cross, is the saddle at the "
            "origin."
        ),
        "tanh_several": (
            _SAME + "Discs are minima, both of a mirrored pair stable, and crosses are saddles. "
            "The one at the origin is a fixed point of backpropagation alone."
        ),
        "no_target": (
            _SAME + "Both axes are stable throughout: the origin, a saddle for every other target, "
            "is a minimum as well."
        ),
    },
    "along": {
        "linear": _TO_THE_LINE,
        "tanh": _TO_THE_LINE,
        "tanh_several": (
            _ALONG + "While the cosine is negative the loss rises. So feedback alignment may end "
            "at a saddle, from where backpropagation would go on downhill."
        ),
        "no_target": _TO_THE_LINE,
        "no_feedback": (
            _ALONG + "Without feedback only the second layer learns, along its own gradient, so "
            "that the cosine is never negative. In small steps without noise the loss falls to the "
            "least that the first weight, left as it is, allows."
        ),
    },
}
_THEORY = r"""
**The walk.** With the error $e = f - t y$ the weights follow

$$\dot w_1 = -\langle c\, e\, \phi'(w_1 x)\, x \rangle$$

$$\dot w_2 = -\langle e\, \phi(w_1 x) \rangle$$

where $c = b$ for feedback alignment and $c = w_2$ for backpropagation.

**Fixed points** of the linear network are the hyperbola $w_1 w_2 = t$. There the walk is stable
while

$$K = b\, w_2 + w_1^2 > 0,$$

which fails where $|w_1| < |b t|^{1/3}$ on the branch with $b\, w_2 < 0$ (with $t = 0$ on the
half of the axis $w_1 = 0$ with $b\, w_2 < 0$). The loss falls at the rate
$\langle g, u \rangle = K e^2$: alignment *is* stability. For backpropagation
$K = w_2^2 + w_1^2$. Solid and dashed speak of small steps: one of size $\eta$ overshoots where
$\eta K > 2$, so that the walk cannot rest there either, and with noise it rests nowhere.

**Conserved** along every path is $\tfrac12 w_1^2 - b\, w_2$, and with backpropagation
$w_1^2 - w_2^2$, up to a drift in proportion to the learning rate.

**With tanh** one sample bends the picture. Three samples break the line into isolated points, none
of them a perfect fit: $P^\top e = 0$ although $e \neq 0$. All are critical points of the loss,
minima and saddles, and mirrored: $(-w_1, -w_2)$ is one as well. Backpropagation is stable at every
minimum, feedback alignment here at the minima with $b\, w_2 > 0$ and at the saddles with
$b\, w_2 < 0$.
"""


def layout(_context: Context) -> Component:
    """The page, drawn for the first view."""
    return html.Div(
        [
            dcc.Store(id="plane-setup", data=setup()),
            dcc.Store(id="plane-texts", data=TEXTS),
            dcc.Store(id="plane-starts", data=[list(start) for start in _FIRST.starts]),
            html.Aside([_network(), _trajectories()], className="plane-side", **aria("Controls")),
            html.Div(
                [
                    html.H1("Two weights", className="plane-title"),
                    _formula(_INTRO, "plane-intro"),
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
                [html.H2("Why"), _formula(_THEORY, "plane-formulas")], className="plane-theory"
            ),
        ],
        className="plane",
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
            *(_slider(*slider) for slider in _SLIDERS),
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
                    *(_weight(name, title) for name, title in _TITLES.items()),
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
        autoComplete="off",
        inputProps={"inputMode": "decimal"},
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
                    dcc.Graph(
                        id=id_,
                        figure=figure,
                        config=PLANE_CONFIG,
                        responsive=True,
                        style={"height": "100%"},
                    ),
                    save_buttons(title),
                ],
                className="plane-panel" if id_ in _PLANES else "plane-chart",
                **data(chart=id_),
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
    controls = [*((id_, "value") for id_ in _CONTROLS), ("plane-background", "checked")]

    app.clientside_callback(
        ClientsideFunction("plane", "draw"),
        *(Output(f"plane-{name}-value", "children") for name, *_ in _SLIDERS),
        Output("plane-told", "children"),
        *(Output(f"{id_}-text", "children") for id_ in _FIGURES),
        *(Output(f"{id_}-ends", "children") for id_ in _PLANES),
        *(Input(*control) for control in controls),
        Input("plane-starts", "data"),
        State("plane-setup", "data"),
        State("plane-texts", "data"),
    )

    @app.callback(
        *(Output(id_, "figure") for id_ in _FIGURES),
        Input("theme-now", "data"),
        *(State(*control) for control in controls),
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
        return None, Problem(name, typed, allowed, _TITLES[name]).words
    return value, None


def _with(starts: Starts, one: Sequence[float]) -> list[list[float]]:
    return [*map(list, starts), list(one)][-MAX_STARTS:]


PLANE = Page("/plane", "Plane", "The plane of two weights", layout, register, of_run=False)
