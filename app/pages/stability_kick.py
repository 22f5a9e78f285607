"""The Stability page: copies of a checkpoint are kicked, and trained on."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
import numpy as np
from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx, html
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from app.components.asking import LOOK_MS, one_at_a_time
from app.components.lab_run import graph, looked_at, panel, waiting_words
from app.components.lab_state import KICK
from app.components.params import given, param_fields
from app.components.wrong import say_wrong, wrong_store
from app.figures.stability import return_figure
from app.lab import Arrays, KickParams, checked
from app.pages.base import Context

_CAME_BACK, _LEFT = 0.8, 1.25  # how far apart in the end, as a multiple of the beginning


def kick_panel() -> Component:
    """How they are kicked, and what becomes of them."""
    return panel(
        "Perturb and return",
        "Copies of the network at this checkpoint are kicked out of their place and trained on, by "
        "the scheme whose spectrum is shown. Where K decides, what the outputs see of a kick dies "
        "out along a stable mode and grows along an unstable one. Most directions in weight space "
        "change no output at all: what a kick left there stays, and is no error.",
        html.Div(
            [
                html.Div(
                    [
                        wrong_store("stab-kick-wrong"),
                        *param_fields("kick", KickParams, KICK),
                        dmc.Group(
                            [
                                dmc.Button("Kick", id="stab-kick-go", size="sm"),
                                dmc.Button(
                                    "Leave off",
                                    id="stab-kick-stop",
                                    size="sm",
                                    variant="default",
                                    disabled=True,
                                ),
                            ],
                            gap="xs",
                        ),
                        html.P(id="stab-kick-note", className="lab-note", role="status"),
                    ]
                ),
                graph(
                    "stab-return",
                    520,
                    "Kicked copies of the network",
                    "how far apart kicked copies are, and their loss, after a kick.",
                ),
            ],
            className="lab-split reverse",
        ),
    )


def register_kick(app: Dash, context: Context) -> None:
    """Callbacks of the panel."""
    store, desk = context.store, context.desk
    look, kick = ({"type": f"param-{group}", "name": ALL} for group in ("look", "kick"))
    say_wrong(app, "stab-kick-wrong", kick)

    # An address may ask for a kick as well. It has no part in the callback of the button, whose
    # answer would be dropped for that of a drawing that came after the click; and as an output it
    # would have the kick wait for every drawing.
    app.clientside_callback(
        ClientsideFunction("lab", "kick_asked"),
        Input("stab-drawn", "data"),
        State("stab-kicked", "data"),
        State("stab-kick", "data"),
        State("stab-kick-go", "n_clicks"),
        prevent_initial_call=True,
    )

    @app.callback(
        Output("stab-kick", "data"),
        Output("stab-kick-wrong", "data"),
        Output("stab-kick-tick", "disabled", allow_duplicate=True),
        Output("stab-kicked", "data"),
        Input("stab-kick-go", "n_clicks"),
        State(kick, "value"),
        State(look, "value"),
        State("stab-checkpoints", "data"),
        State("stab-at", "value"),
        State("stab-pressed-at", "data"),
        prevent_initial_call=True,
    )
    def begin_kick(
        clicks: int | None,
        _kick: list[Any],
        _look: list[Any],
        known: dict[str, Any] | None,
        at: int,
        pressed_at: list[Any] | None,
    ) -> Any:
        if not clicks:
            raise PreventUpdate
        place = looked_at(known, at, pressed_at)
        if place is None:
            return {"said": "There is no checkpoint to kick."}, {}, True, False
        look_values = given(ctx.states_list[1])
        values = given(ctx.states_list[0]) | {
            "run_id": place.run_id,
            "step": place.step,
            "seq": place.seq,
            "replicate": look_values["replicate"],
            "n_samples": look_values["n_samples"],
            "under": look_values["under"],
        }
        params, wrong = checked(KickParams, values, store.run(place.run_id).run_config())
        if params is None:
            # What belongs to a field far above is said here as well.
            own = {state["id"]["name"] for state in ctx.states_list[0]}
            others = [message for name, message in wrong.items() if name not in own]
            said = " ".join(["Nothing was kicked.", *others])
            return {"said": said}, wrong, True, False
        desk.again(params)
        return {"params": params.model_dump()}, {}, False, True

    @one_at_a_time(
        app,
        "stab-kick-tick",
        LOOK_MS,
        Output("stab-return", "figure"),
        Output("stab-kick-note", "children"),
        Output("stab-kick-tick", "disabled"),
        Output("stab-kick-stop", "disabled"),
        Input("stab-kick", "data"),
        Input("stab-kick-tick", "n_intervals"),
        Input("theme-now", "data"),
    )
    def draw_kick(wanted: dict[str, Any] | None, _tick: int | None, theme: str | None) -> Any:
        if theme is None:
            raise PreventUpdate
        if wanted is None or "params" not in wanted:
            return return_figure(None, theme=theme), (wanted or {}).get("said", ""), True, True
        params = KickParams.model_validate(wanted["params"])
        (answer,) = desk.ask([params])
        if answer.packed is None:
            said = answer.problem or waiting_words(answer)
            over = not answer.pending
            return return_figure(None, theme=theme), said, over, over
        arrays = answer.arrays()
        return return_figure(arrays, theme=theme), _kick_words(arrays, params), True, True

    @app.callback(
        Output("stab-kick", "data", allow_duplicate=True),
        Output("stab-kicked", "data", allow_duplicate=True),
        Input("stab-kick-stop", "n_clicks"),
        State("stab-kick", "data"),
        prevent_initial_call=True,
    )
    def leave_kick(clicks: int | None, wanted: dict[str, Any] | None) -> Any:
        if not clicks:
            raise PreventUpdate
        if wanted and "params" in wanted:
            desk.leave(KickParams.model_validate(wanted["params"]))
        return {"said": "The kick was left off."}, False


def _kick_words(a: Arrays, params: KickParams) -> str:
    """What became of the kicks: nothing that the curves do not show."""
    kicked = f"Network {params.replicate}, kicked at step {params.step:,}"
    steps = int(a["steps"][-1])
    if params.along != "random":
        kicked += f" along the mode {_mode(complex(a['mode']))}"
        if a["stability"] and a["pace"]:
            kicked += f", which {_becomes(a)}"
    loss, reference = float(np.median(a["loss"][:, -1])), float(a["reference_loss"][-1])
    with np.errstate(invalid="ignore", divide="ignore"):
        seen, weights = (
            float(np.median(a[name][:, -1] / a[name][:, 0])) for name in ("outputs", "separation")
        )
    if not np.isfinite([weights, loss]).all():
        return f"{kicked}: the copies diverged."
    apart = a["separation"]  # (M, T)
    if not a["reference_distance"].any() and (apart == apart[:, :1]).all():
        return f"{kicked}: nothing moves there, the learning rate is 0."
    if not np.isfinite(seen):
        way = "no output sees the kicks"
    elif seen < _CAME_BACK:
        way = "what the outputs see of the kicks dies out"
    elif seen > _LEFT:
        way = "what the outputs see of the kicks grows"
    else:
        way = "what the outputs see of the kicks has neither died out nor grown yet"
    return (
        f"{kicked}: {way}. After {steps:,} steps the outputs are {seen:.2g} times as far apart, "
        f"the weights {weights:.2g} times; the loss is {loss:.3g}, without a kick {reference:.3g}."
    )


def _mode(value: complex) -> str:
    imaginary = f" ± {abs(value.imag):.3g} i" if abs(value.imag) > 1e-9 * abs(value) else ""
    return f"λ = {value.real:.3g}{imaginary}".replace("-", "−")


def _becomes(a: Arrays) -> str:
    growing = complex(a["mode"]).real < 0
    steps = float(a["e_folding"])
    within = f"in {steps:,.0f} steps" if steps >= 1.5 else "in a step or less"
    return f"becomes e times as {'large' if growing else 'small'} {within}"
