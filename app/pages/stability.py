"""The Stability page: whether the walk stays where it is, checkpoint by checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
import numpy as np
from dash import ALL, Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate
from pydantic import ValidationError

from app.components.form import FIELDS, config_from, form_values
from app.components.hand_over import hand_over_form
from app.components.lab_run import (
    BLANK,
    checkpoint_slider,
    graph,
    nothing_kept,
    panel,
    play,
    run_line,
    run_words,
    shown_checkpoints,
    shown_run,
    slider_marks,
    waiting_words,
)
from app.components.params import at_most, given, param_fields, param_id
from app.components.shell import note, run_of
from app.figures.stability import return_figure, spectrum_figure, stability_figure
from app.lab import Answer, Arrays, KickParams, Params, SpectrumParams, checked
from app.pages.base import Context, Page
from app.store import Checkpoint, Command, Parent, Run, RunEnded, StoreError
from fa_engine import problems

_TICK_MS = 700
_CAME_BACK, _LEFT = 0.8, 1.25  # how far apart in the end, as a multiple of the beginning
_LOOK = ("under", "n_samples", "replicate")
_KICK = ("along", "epsilon", "directions", "steps", "seed")

_READY, _PENDING = "lab-split", "lab-split pending"  # what is shown belongs to another checkpoint
_LEAD = r"""
Near a point without error the outputs move by $df/dt = -K e$, where $K = J P^\top\!/N$ pairs the
true Jacobian $J$ with $P$, the one that the feedback believes in. An eigenvalue with a negative
real part is a direction in which the walk leaves. The loss falls at the rate
$\langle g, u \rangle = e^\top K e / N$: alignment for every error means that $K + K^\top$ is
positive definite, and then there is no such direction.
"""


def layout(_context: Context) -> Component:
    """The page as it is before the browser knows its run."""
    return html.Div(
        [
            dcc.Store(id="stab-checkpoints"),
            dcc.Store(id="stab-drawn"),
            dcc.Store(id="stab-kick"),
            dcc.Store(id="stab-run-shown"),
            dcc.Interval(id="stab-tick", interval=_TICK_MS),
            dcc.Interval(id="stab-kick-tick", interval=_TICK_MS, disabled=True),
            run_line("stab"),
            dcc.Markdown(_LEAD, mathjax=True, className="lab-lead"),
            panel(
                "Spectrum of the feedback kernel",
                "Each dot is a mode of the walk. In the shaded half-plane modes grow: the network "
                "cannot rest here. Backpropagation's kernel of the same weights is drawn in grey "
                "and never reaches it.",
                checkpoint_slider("stab"),
                html.Div(
                    [
                        graph("stab-spectrum", 540),
                        html.Div(
                            [
                                html.Div(id="stab-numbers", className="lab-numbers"),
                                *param_fields("look", SpectrumParams, _LOOK, settle_ms=300),
                            ]
                        ),
                    ],
                    id="stab-look",
                    className=_READY,
                ),
                html.P(id="stab-note", className="lab-note", role="status"),
            ),
            panel(
                "Through training",
                "The share of unstable modes and the smallest real part, beside the alignment "
                "angle at the same steps. Modes turn stable while the angle falls: alignment is "
                "where the walk settles.",
                dmc.SegmentedControl(
                    id="stab-scale",
                    data=[
                        {"value": "linear", "label": "Linear steps"},
                        {"value": "log", "label": "Log steps"},
                    ],
                    value="linear",
                    size="xs",
                ),
                graph("stab-series", 420),
                _tracking(),
            ),
            panel(
                "Perturb and return",
                "Copies of the network at this checkpoint are kicked out of their place and "
                "trained on by the run's own scheme. At a stable place what a kick changed dies "
                "out; along an unstable mode it grows. Most directions in weight space change no "
                "output at all, so watch the loss, and kick along the least stable mode.",
                html.Div(
                    [
                        html.Div(
                            [
                                *param_fields("kick", KickParams, _KICK),
                                dmc.Button("Kick", id="stab-kick-go", size="sm"),
                                html.P(id="stab-kick-note", className="lab-note", role="status"),
                            ]
                        ),
                        graph("stab-return", 420),
                    ],
                    className="lab-split reverse",
                ),
            ),
            panel(
                "Hand over",
                "Start any scheme from this checkpoint's weights. Give a minimum that "
                "backpropagation found to feedback alignment and watch it leave, or hand an "
                "aligned one to backpropagation and watch it stay. Learned feedback matrices "
                "(Kolen-Pollack, weight mirror) begin anew.",
                hand_over_form(),
            ),
        ],
        className="lab",
    )


def _tracking() -> Component:
    return html.Div(
        [
            dmc.TextInput(
                id="stab-every",
                label=html.Span(["Track every", html.Span("steps", className="unit")]),
                value="200",
                size="sm",
                w=140,
            ),
            dmc.Button("Track", id="stab-track", size="sm", variant="default"),
            dmc.Button("Keep a checkpoint now", id="stab-keep", size="sm", variant="default"),
            html.P(
                "Half of the room for it at this distance, then further and further apart; under "
                "200 steps the spectra come after the training.",
                className="lab-note",
            ),
        ],
        id="stab-tracking",
        className="lab-form",
        hidden=True,
    )


def register(app: Dash, context: Context) -> None:
    """Callbacks of the page."""
    store, desk = context.store, context.desk
    look, kick = ({"type": f"param-{group}", "name": ALL} for group in ("look", "kick"))

    @app.callback(
        Output("stab-run", "children"),
        Output("stab-checkpoints", "data"),
        Output("stab-tracking", "hidden"),
        Input("url", "search"),
        Input("stab-tick", "n_intervals"),
        State("stab-checkpoints", "data"),
    )
    def follow(search: str | None, _tick: int | None, known: dict[str, Any] | None) -> Any:
        run, missing = shown_run(store, run_of(search))
        if run is None:
            return run_words(None, missing), {"run": None, "revision": 0}, True
        if known and (known["run"], known["revision"]) == (run.id, run.revision):
            raise PreventUpdate
        found = [[c.step, c.seq] for c in store.checkpoints(run.id)]
        data = {
            "run": run.id,
            "revision": run.revision,
            "ended": run.state.ended,
            "checkpoints": found,
        }
        return run_words(run), data, run.state.ended

    @app.callback(
        Output("stab-at", "max"),
        Output("stab-at", "marks"),
        Output("stab-at", "value"),
        Output("stab-at", "disabled"),
        Input("stab-checkpoints", "data"),
        State("stab-at", "value"),
        State("stab-at", "max"),
        State("stab-at", "disabled"),
    )
    def places(known: dict[str, Any] | None, at: int, last: int, fresh: bool) -> Any:
        found = shown_checkpoints(known)
        if len(found) < 2:
            return 1, [], 0, True
        newest = len(found) - 1
        # Whoever looks at the newest goes on looking at the newest.
        return newest, slider_marks(found), (newest if fresh or at >= last else at), False

    @app.callback(
        Output("stab-spectrum", "figure"),
        Output("stab-series", "figure"),
        Output("stab-numbers", "children"),
        Output("stab-look", "className"),
        Output("stab-step", "children"),
        Output("stab-note", "children"),
        Output("stab-drawn", "data"),
        Output("stab-tick", "disabled"),
        Output(look, "error"),
        Input("stab-checkpoints", "data"),
        Input("stab-at", "value"),
        Input(look, "value"),
        Input("theme-now", "data"),
        Input("stab-scale", "value"),
        Input("stab-tick", "n_intervals"),
        State("stab-drawn", "data"),
    )
    def draw(
        known: dict[str, Any] | None,
        at: int,
        _values: list[Any],
        theme: str | None,
        scale: str,
        _tick: int | None,
        drawn: list[Any] | None,
    ) -> Any:
        if known is None or theme is None:
            raise PreventUpdate
        found = shown_checkpoints(known)
        names = [output["id"]["name"] for output in ctx.outputs_list[-1]]
        if not found:
            said = nothing_kept(context.settings) if known["run"] else ""
            return (
                *(no_update,) * 5,
                said,
                None,
                known["run"] is None,
                [None] * len(names),
            )
        values = given(ctx.inputs_list[2])
        run = store.run(known["run"])
        wanted, wrong = _spectra(run, found, at, values)
        errors = [wrong.get(name) for name in names]
        if not wanted:
            return (*(no_update,) * 5, "", drawn, known["ended"], errors)
        place = min(at, len(found) - 1)
        steps = [c.step for c in _looked_first(found, place)]
        answers = dict(zip(steps, desk.ask(wanted), strict=True))
        now = answers[found[place].step]
        done = sum(not answer.pending for answer in answers.values())
        idle = known["ended"] and done == len(answers)
        said = _progress(now, done, len(answers))
        signature = [known["run"], found[place].seq, values, theme, scale, done, now.pending]
        if signature == drawn:
            return (*(no_update,) * 5, said, no_update, idle, errors)
        step = f"step {found[place].step:,}"
        ready = {s: a.arrays(*_SERIES) for s, a in sorted(answers.items()) if a.packed is not None}
        series = stability_figure(
            np.array(list(ready)),
            {name: np.array([a[name] for a in ready.values()]) for name in _SERIES},
            at=found[place].step,
            theme=theme,
            log=scale == "log",
        )
        if now.packed is None:
            numbers: Any = no_update if now.pending else []
            spectrum = no_update if now.pending else BLANK
            return spectrum, series, numbers, _PENDING, step, said, signature, idle, errors
        arrays = now.arrays()
        return (
            spectrum_figure(arrays, theme=theme),
            series,
            _numbers(arrays, found[place].step),
            _READY,
            step,
            said,
            signature,
            idle,
            errors,
        )

    def _spectra(
        run: Run, found: Sequence[Checkpoint], at: int, values: dict[str, Any]
    ) -> tuple[list[Params], dict[str, str]]:
        ordered = _looked_first(found, min(at, len(found) - 1))
        wanted: list[Params] = []
        for checkpoint in ordered:
            named = {"run_id": run.id, "step": checkpoint.step, "seq": checkpoint.seq}
            params, wrong = checked(SpectrumParams, named | values, run.run_config())
            if params is None:
                return [], wrong
            wanted.append(params)
        return wanted, {}

    @app.callback(
        Output("stab-kick", "data"),
        Output(kick, "error"),
        Output("stab-kick-tick", "disabled", allow_duplicate=True),
        Input("stab-kick-go", "n_clicks"),
        State(kick, "value"),
        State(look, "value"),
        State("stab-checkpoints", "data"),
        State("stab-at", "value"),
        prevent_initial_call=True,
    )
    def begin_kick(
        clicks: int | None,
        _kick: list[Any],
        _look: list[Any],
        known: dict[str, Any] | None,
        at: int,
    ) -> Any:
        found = shown_checkpoints(known)
        if not clicks or not known or not found:
            raise PreventUpdate
        names = [output["id"]["name"] for output in ctx.outputs_list[1]]
        place = found[min(at, len(found) - 1)]
        look_values = given(ctx.states_list[1])
        values = given(ctx.states_list[0]) | {
            "run_id": known["run"],
            "step": place.step,
            "seq": place.seq,
            "replicate": look_values["replicate"],
            "n_samples": look_values["n_samples"],
        }
        params, wrong = checked(KickParams, values, store.run(known["run"]).run_config())
        if params is None:
            return no_update, [wrong.get(name) for name in names], no_update
        desk.again(params)
        return params.model_dump(), [None] * len(names), False

    @app.callback(
        Output("stab-return", "figure"),
        Output("stab-kick-note", "children"),
        Output("stab-kick-tick", "disabled"),
        Input("stab-kick", "data"),
        Input("stab-kick-tick", "n_intervals"),
        Input("theme-now", "data"),
    )
    def draw_kick(wanted: dict[str, Any] | None, _tick: int | None, theme: str | None) -> Any:
        if theme is None:
            raise PreventUpdate
        if wanted is None:
            return return_figure(None, theme=theme), "", True
        (answer,) = desk.ask([KickParams.model_validate(wanted)])
        if answer.packed is None:
            said = answer.problem or waiting_words(answer)
            return return_figure(None, theme=theme), said, not answer.pending
        arrays = answer.arrays()
        words = _kick_words(arrays, wanted["step"], wanted["along"])
        return return_figure(arrays, theme=theme), words, True

    @app.callback(
        Output("hand-rate", "value"),
        Output("hand-epochs", "value"),
        Output(param_id("look", "n_samples"), "value"),
        Output("stab-run-shown", "data"),
        Output("stab-kick", "data", allow_duplicate=True),
        Input("stab-checkpoints", "data"),
        State("stab-run-shown", "data"),
        State(param_id("look", "n_samples"), "value"),
        prevent_initial_call="initial_duplicate",
    )
    def adapt(known: dict[str, Any] | None, shown: str | None, n_samples: str) -> Any:
        if not known or not known["run"] or known["run"] == shown:
            raise PreventUpdate
        run = store.run(known["run"])
        config = run.run_config()
        samples = at_most(n_samples, config.n_train)
        return f"{run.learning_rate:g}", str(config.epochs), samples, run.id, None

    @app.callback(
        Output("url", "pathname", allow_duplicate=True),
        Output("url", "search", allow_duplicate=True),
        Output("notes", "sendNotifications", allow_duplicate=True),
        Output("hand-rate", "error"),
        Output("hand-epochs", "error"),
        Input("hand-start", "n_clicks"),
        State("hand-scheme", "value"),
        State("hand-rate", "value"),
        State("hand-epochs", "value"),
        State("stab-checkpoints", "data"),
        State("stab-at", "value"),
        running=[(Output("hand-start", "loading"), True, False)],
        prevent_initial_call=True,
    )
    def start(
        clicks: int | None,
        scheme: str,
        rate: str,
        epochs: str,
        known: dict[str, Any] | None,
        at: int,
    ) -> Any:
        found = shown_checkpoints(known)
        if not clicks:
            raise PreventUpdate
        stay = (no_update, no_update)
        if not known or not found:
            return *stay, note("There is no checkpoint to start from."), None, None
        parent = Parent(known["run"], found[min(at, len(found) - 1)].step)
        config = store.run(parent.run_id).run_config()
        values = dict(zip(FIELDS, form_values(config.model_dump()), strict=True))
        values |= {"scheme": scheme, "learning_rate": rate, "epochs": epochs}
        values |= {"route": "", "signal": "", "matrix": ""}  # the scheme's own
        child, wrong = config_from(values, context.settings.limits)
        if child is None:
            others = [m for n, m in wrong.items() if n not in ("learning_rate", "epochs")]
            said = note(" ".join(others)) if others else no_update
            return *stay, said, wrong.get("learning_rate"), wrong.get("epochs")
        name = f"{scheme} from step {parent.step:,} of {store.run(parent.run_id).name}"
        try:
            run = store.create_run(child, name[:100], parent)
        except StoreError as error:
            return *stay, note(str(error)), None, None
        return "/", f"?run={run.id}", no_update, None, None

    @app.callback(
        Output("notes", "sendNotifications", allow_duplicate=True),
        Output("stab-every", "error"),
        Input("stab-track", "n_clicks"),
        Input("stab-keep", "n_clicks"),
        State("stab-every", "value"),
        State("stab-checkpoints", "data"),
        prevent_initial_call=True,
    )
    def keep(track: int | None, now: int | None, every: str, known: dict[str, Any] | None) -> Any:
        if not (track or now) or not known or not known["run"]:
            raise PreventUpdate
        body: dict[str, Any] = {"command": "checkpoint"}
        if ctx.triggered_id == "stab-track":
            body = {"command": "track", "every": _number(every)}
        try:
            store.send(known["run"], Command.model_validate(body))
        except ValidationError as error:
            return no_update, " ".join(problem.message for problem in problems(error))
        except RunEnded as error:
            return note(str(error)), None
        return no_update, None

    play(app, "stab")


_SERIES = ("unstable_share", "min_real", "angle_deg")


def _looked_first(found: Sequence[Checkpoint], place: int) -> list[Checkpoint]:
    """The one that is looked at, then the others from the ends to the middle of training."""
    return [found[place], *found[:place], *found[place + 1 :]]


def _progress(now: Answer, done: int, count: int) -> str:
    if now.problem:
        return now.problem
    if now.packed is None:
        return waiting_words(now)
    return f"{done} of {count} checkpoints are analysed." if done < count else ""


def _numbers(a: Arrays, step: int) -> list[Component]:
    """What the spectrum says, and the identity, in numbers."""
    if not np.isfinite(a["min_real"]):
        return [html.P(f"This network had diverged by step {step:,}: it has no spectrum.")]
    modes = len(a["eigenvalues"])
    rows = [
        (
            "Unstable modes",
            f"{int(a['n_unstable'])} of {modes}",
            f"{100 * float(a['unstable_share']):.1f} %",
        ),
        ("Smallest real part", f"{float(a['min_real']):.3g}", ""),
        ("Largest real part", f"{float(a['max_real']):.3g}", ""),
        (
            "Modes that a step overshoots",
            f"{100 * float(a['overshooting_share']):.1f} %",
            "they grow by |1 − ηλ| > 1",
        ),
    ]
    if "error_unstable_share" in a:
        share = f"{100 * float(a['error_unstable_share']):.1f} %"
        rows.append(("Unstable modes of H K", share, "what softmax makes of K"))
    rows += [
        (
            "Errors it would follow uphill",
            f"{100 * float(a['misaligned_share']):.1f} %",
            "negative modes of (K + Kᵀ)/2",
        ),
        ("Update to true gradient", f"{float(a['angle_deg']):.1f}°", "all parameters together"),
    ]
    identity = [
        ("−eᵀK e/N", float(a["kernel_rate"]), "from the kernel"),
        ("−⟨g, u⟩", float(a["product_rate"]), "from gradient and update"),
        ("dLoss/dt", float(a["finite_rate"]), "measured, by a small step"),
    ]
    return [
        _table("What it says", rows),
        _table(
            "Alignment is this quadratic form",
            [(name, f"{value:.6g}", words) for name, value, words in identity],
        ),
    ]


def _table(title: str, rows: Sequence[tuple[str, str, str]]) -> Component:
    return html.Div(
        [
            html.H3(title),
            html.Table(
                html.Tbody(
                    [
                        html.Tr(
                            [
                                html.Th(name, scope="row"),
                                html.Td([value, html.Span(words, className="unit")]),
                            ]
                        )
                        for name, value, words in rows
                    ]
                )
            ),
        ]
    )


def _kick_words(a: Arrays, step: int, along: str) -> str:
    apart = a["separation"]  # (M, T)
    loss, reference = float(np.median(a["loss"][:, -1])), float(a["reference_loss"][-1])
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = float(np.median(apart[:, -1] / apart[:, 0]))
    if not np.isfinite([ratio, loss]).all():
        return f"Kicked at step {step:,}: the copies diverged."
    if not a["reference_distance"].any() and (apart == apart[:, :1]).all():
        return f"Kicked at step {step:,}: nothing moves there, the learning rate is 0."
    if ratio < _CAME_BACK:
        way = "the kicks die out"
    elif ratio > _LEFT:
        way = "the kicks grow"
    elif along == "random":
        way = "the copies stay about where they were kicked to, as most directions change no output"
    else:
        way = "the kicks have neither died out nor grown yet"
    return (
        f"Kicked at step {step:,}: {way}. What they set apart is {ratio:.2g} times as far apart in "
        f"the end; the loss is {loss:.3g}, without a kick {reference:.3g}."
    )


def _number(text: str) -> Any:
    """A whole number as one, anything else as it was typed, to be refused by name."""
    try:
        return int(text)
    except (TypeError, ValueError):
        return text


STABILITY = Page("/stability", "Stability", "Stability · Feedback alignment", layout, register)
