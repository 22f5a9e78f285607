"""The Stability page: whether the walk stays where it is, checkpoint by checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import dash_mantine_components as dmc
import numpy as np
import plotly.graph_objects as go
from dash import ALL, Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate
from pydantic import ValidationError

from app.components.form import FIELDS, config_from, form_values
from app.components.hand_over import hand_over_form
from app.components.lab_run import (
    checkpoint_slider,
    graph,
    nothing_kept,
    panel,
    parent_name,
    play,
    run_line,
    run_words,
    shown_checkpoints,
    shown_run,
    slider_marks,
    waiting_words,
)
from app.components.params import given, param_fields, param_id
from app.components.shell import note, run_of
from app.figures.stability import return_figure, spectrum_figure, stability_figure
from app.lab import Answer, Arrays, KickParams, SpectrumParams, checked
from app.pages.base import Context, Page
from app.store import Checkpoint, Command, Parent, Run, RunEnded, StoreError
from fa_engine import Problem, problems
from fa_engine.typed import Unclear, whole

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
            dcc.Store(id="stab-asked"),
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
                html.P(id="stab-note", className="lab-note", role="status"),
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
                html.P(id="stab-series-note", className="lab-note", role="status"),
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
                "Half of the room for it at this distance, then further and further apart; 0 stops "
                "it. Under 200 steps the spectra come after the training.",
                className="lab-note",
            ),
            html.P(id="stab-tracking-note", className="lab-note", role="status"),
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
        return run_words(run, parent=parent_name(store, run)), data, run.state.ended

    @app.callback(
        Output("stab-at", "max"),
        Output("stab-at", "marks"),
        Output("stab-at", "value"),
        Output("stab-at", "disabled"),
        Output("stab-play", "disabled"),
        Input("stab-checkpoints", "data"),
        State("stab-at", "value"),
        State("stab-at", "max"),
        State("stab-at", "disabled"),
    )
    def places(known: dict[str, Any] | None, at: int, last: int, fresh: bool) -> Any:
        found = shown_checkpoints(known)
        if len(found) < 2:
            return 1, [], 0, True, True
        newest = len(found) - 1
        # Whoever looks at the newest goes on looking at the newest.
        return newest, slider_marks(found), (newest if fresh or at >= last else at), False, False

    @app.callback(
        Output("stab-spectrum", "figure"),
        Output("stab-series", "figure"),
        Output("stab-numbers", "children"),
        Output("stab-look", "className"),
        Output("stab-step", "children"),
        Output("stab-note", "children"),
        Output("stab-series-note", "children"),
        Output("stab-drawn", "data"),
        Output("stab-asked", "data"),
        Output("stab-tick", "disabled"),
        Output(look, "error"),
        Input("stab-checkpoints", "data"),
        Input("stab-at", "value"),
        Input(look, "value"),
        Input("theme-now", "data"),
        Input("stab-scale", "value"),
        Input("stab-tick", "n_intervals"),
        State("stab-drawn", "data"),
        State("stab-asked", "data"),
    )
    def draw(
        known: dict[str, Any] | None,
        at: int,
        _values: list[Any],
        theme: str | None,
        scale: str,
        _tick: int | None,
        drawn: list[Any] | None,
        asked: int | None,
    ) -> Any:
        if known is None or theme is None:
            raise PreventUpdate
        found = shown_checkpoints(known)
        log = scale == "log"
        names = [output["id"]["name"] for output in ctx.outputs_list[-1]]
        fine = [None] * len(names)
        if not found:
            said = nothing_kept(context.settings) if known["run"] else ""
            signature = [known["run"], None, theme, scale]
            idle = known["run"] is None
            if signature == drawn:
                return (*(no_update,) * 5, said, "", no_update, None, idle, fine)
            series = _series_figure([], {}, None, theme, log)
            empty = spectrum_figure(None, theme=theme)
            return (empty, series, [], _READY, "", said, "", signature, None, idle, fine)
        place = min(at, len(found) - 1)
        values = given(ctx.inputs_list[2])
        begun, order = _in_order(found, place, asked)
        wanted, wrong = _spectra(store.run(known["run"]), [*begun, *order], values)
        if not wanted:
            errors = [wrong.get(name) for name in names]
            signature = [known["run"], found[place].seq, "refused"]
            step = f"step {found[place].step:,}"
            kept = (no_update, no_update, no_update, _PENDING, step)
            return (*kept, "", "", signature, None, known["ended"], errors)
        n = len(begun)
        stand = desk.ask(wanted[:n]) + desk.ask(wanted[n:])
        answers = {c.seq: a for c, a in zip([*begun, *order], stand, strict=True)}
        shown = _shown(found, place, answers)
        now = answers[shown.seq]
        done = sum(not answer.pending for answer in answers.values())
        idle = known["ended"] and done == len(answers)
        computing = (c for c in reversed(found) if _computing(answers[c.seq]))
        coming = next(computing, found[place])
        said = _on_its_way(found[place], shown, coming, answers)
        counted = "" if done == len(found) else f"{done} of {len(found)} checkpoints are computed."
        asked = coming.seq
        signature = [known["run"], shown.seq, values, theme, scale, done, len(found), now.pending]
        if signature == drawn:
            return (*(no_update,) * 5, said, counted, no_update, asked, idle, fine)
        series = _series_figure(found, answers, shown.step, theme, log)
        rest = (f"step {shown.step:,}", said, counted, signature, asked, idle, fine)
        if now.packed is not None:
            arrays = now.arrays()
            figure = spectrum_figure(arrays, theme=theme)
            return (figure, series, _numbers(arrays, shown.step), _READY, *rest)
        if now.pending and drawn and drawn[0] == known["run"]:
            return (no_update, series, no_update, _PENDING, *rest)
        return (spectrum_figure(None, theme=theme), series, [], _READY, *rest)

    def _spectra(
        run: Run, order: Sequence[Checkpoint], values: dict[str, Any]
    ) -> tuple[list[SpectrumParams], dict[str, str]]:
        first = order[0]
        named = {"run_id": run.id, "step": first.step, "seq": first.seq}
        params, wrong = checked(SpectrumParams, named | values, run.run_config())
        if params is None:
            return [], wrong
        # What is allowed depends on the run, not on the checkpoint.
        return [params.model_copy(update={"step": c.step, "seq": c.seq}) for c in order], {}

    @app.callback(
        Output("stab-kick", "data"),
        Output(kick, "error"),
        Output("stab-kick-tick", "disabled", allow_duplicate=True),
        Input("stab-kick-go", "n_clicks"),
        State(kick, "value"),
        State(look, "value"),
        State("stab-checkpoints", "data"),
        State("stab-at", "value"),
        State("stab-drawn", "data"),
        prevent_initial_call=True,
    )
    def begin_kick(
        clicks: int | None,
        _kick: list[Any],
        _look: list[Any],
        known: dict[str, Any] | None,
        at: int,
        drawn: list[Any] | None,
    ) -> Any:
        if not clicks:
            raise PreventUpdate
        names = [output["id"]["name"] for output in ctx.outputs_list[1]]
        place = _looked_at(known, at, drawn)
        if place is None:
            return {"said": "There is no checkpoint to kick."}, [None] * len(names), True
        look_values = given(ctx.states_list[1])
        values = given(ctx.states_list[0]) | {
            "run_id": place.run_id,
            "step": place.step,
            "seq": place.seq,
            "replicate": look_values["replicate"],
            "n_samples": look_values["n_samples"],
        }
        params, wrong = checked(KickParams, values, store.run(place.run_id).run_config())
        if params is None:
            # What belongs to a field far above is said here as well.
            others = [message for name, message in wrong.items() if name not in names]
            said = " ".join(["Nothing was kicked.", *others])
            return {"said": said}, [wrong.get(name) for name in names], True
        desk.again(params)
        return {"params": params.model_dump()}, [None] * len(names), False

    @app.callback(
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
        Input("stab-kick-stop", "n_clicks"),
        prevent_initial_call=True,
    )
    def leave_kick(clicks: int | None) -> Any:
        if not clicks:
            raise PreventUpdate
        return {"said": "The kick was left off."}  # what nobody asks for is not computed on

    @app.callback(
        Output("hand-rate", "value"),
        Output("hand-epochs", "value"),
        Output(param_id("look", "n_samples"), "value"),
        Output("stab-run-shown", "data"),
        Output("stab-kick", "data", allow_duplicate=True),
        Output("stab-tracking-note", "children", allow_duplicate=True),
        Input("stab-checkpoints", "data"),
        State("stab-run-shown", "data"),
        prevent_initial_call="initial_duplicate",
    )
    def adapt(known: dict[str, Any] | None, shown: str | None) -> Any:
        if not known or not known["run"] or known["run"] == shown:
            raise PreventUpdate
        run = store.run(known["run"])
        config = run.run_config()
        samples = str(SpectrumParams.default_samples(config))
        return f"{run.learning_rate:g}", str(config.epochs), samples, run.id, None, ""

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
        State("stab-drawn", "data"),
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
        drawn: list[Any] | None,
    ) -> Any:
        if not clicks:
            raise PreventUpdate
        stay = (no_update, no_update)
        place = _looked_at(known, at, drawn)
        if place is None:
            return *stay, note("There is no checkpoint to start from."), None, None
        parent = Parent(place.run_id, place.step)
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
        Output("stab-tracking-note", "children"),
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
            command = Command.model_validate(body)
            store.send(known["run"], command)
        except ValidationError as error:
            return no_update, " ".join(_tracked(problem) for problem in problems(error)), ""
        except RunEnded as error:
            return note(str(error)), None, ""
        return no_update, None, _kept_words(command)

    play(app, "stab")


_SERIES = ("unstable_share", "min_real", "angle_deg")


def _in_order(
    found: Sequence[Checkpoint], place: int, asked: int | None
) -> tuple[list[Checkpoint], list[Checkpoint]]:
    """What is to be computed: first the checkpoint that is looked at, then the others from the
    first on; and apart from them, to be finished before, what was begun.

    That is ``asked``, the seq of one that is being computed, where the newest is looked at: a run
    may keep checkpoints faster than their spectra come, and no sooner is one begun than another
    is the newest.
    """
    last = place == len(found) - 1
    begun = [c for c in found[:-1] if last and c.seq == asked]
    others = [c for c in found if c not in begun and c != found[place]]
    return begun, [found[place], *others]


def _shown(found: Sequence[Checkpoint], place: int, answers: Mapping[int, Answer]) -> Checkpoint:
    """The checkpoint at ``place``, or the newest whose spectrum is there while the newest of all
    is looked at and its own is still to come."""
    if place == len(found) - 1 and answers[found[place].seq].pending:
        ready = (c for c in reversed(found) if answers[c.seq].packed is not None)
        return next(ready, found[place])
    return found[place]


def _looked_at(known: Any, at: int, drawn: Sequence[Any] | None) -> Checkpoint | None:
    """The checkpoint whose step the page names, or that at ``at`` where it names none yet."""
    found = shown_checkpoints(known)
    if not found:
        return None
    named = [c for c in found if drawn and drawn[:2] == [c.run_id, c.seq]]
    return named[0] if named else found[min(at, len(found) - 1)]


def _on_its_way(
    wanted: Checkpoint, shown: Checkpoint, coming: Checkpoint, answers: Mapping[int, Answer]
) -> str:
    """What is not there yet, or why it never will be; empty where all is well."""
    now = answers[wanted.seq]
    if not now.pending:
        return now.problem
    how = waiting_words(answers[coming.seq])
    if shown == coming == wanted:
        return how
    parts = [f"Step {coming.step:,} is on its way: {how[0].lower()}{how[1:]}"]
    if shown != wanted:
        parts.insert(0, f"Shown is step {shown.step:,}, the newest that is computed.")
    if coming != wanted:
        parts.append(f"Then comes step {wanted.step:,}.")
    return " ".join(parts)


def _computing(answer: Answer) -> bool:
    return answer.pending and not answer.waiting


def _series_figure(
    found: Sequence[Checkpoint],
    answers: Mapping[int, Answer],
    at: int | None,
    theme: str,
    log: bool,
) -> go.Figure:
    """What each checkpoint's spectrum comes to; with a gap for those that are still to come."""
    series = {name: np.full(len(found), np.nan) for name in _SERIES}
    for place, checkpoint in enumerate(found):
        if answers[checkpoint.seq].packed is not None:
            for name, value in answers[checkpoint.seq].arrays(*_SERIES).items():
                series[name][place] = value
    steps = np.array([c.step for c in found])
    return stability_figure(steps, series, at=at, theme=theme, log=log)


def _kept_words(command: Command) -> str:
    """What was asked of the run."""
    if command.command == "checkpoint":
        return "Asked for a checkpoint now: it joins the others as soon as it is kept."
    if command.every == 0:
        return "Tracking ends: no more checkpoints are kept for it."
    return f"A checkpoint is kept every {command.every:,} steps from now on."


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
            "stable, but |1 − ηλ| > 1",
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


def _kick_words(a: Arrays, params: KickParams) -> str:
    kicked = f"Network {params.replicate}, kicked at step {params.step:,}:"
    apart = a["separation"]  # (M, T)
    loss, reference = float(np.median(a["loss"][:, -1])), float(a["reference_loss"][-1])
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = float(np.median(apart[:, -1] / apart[:, 0]))
    if not np.isfinite([ratio, loss]).all():
        return f"{kicked} the copies diverged."
    if not a["reference_distance"].any() and (apart == apart[:, :1]).all():
        return f"{kicked} nothing moves there, the learning rate is 0."
    if ratio < _CAME_BACK:
        way = "the kicks die out"
    elif ratio > _LEFT:
        way = "the kicks grow"
    elif params.along == "random":
        way = "the copies stay about where they were kicked to, as most directions change no output"
    else:
        way = "the kicks have neither died out nor grown yet"
    return (
        f"{kicked} {way}. What they set apart is {ratio:.2g} times as far apart in "
        f"the end; the loss is {loss:.3g}, without a kick {reference:.3g}."
    )


def _tracked(problem: Problem) -> str:
    return replace(problem, called="Track every").words


def _number(text: str) -> Any:
    """A whole number as one, anything else as it was typed, to be refused by name."""
    try:
        return whole(text)
    except Unclear:
        return text


STABILITY = Page("/stability", "Stability", "Stability · Feedback alignment", layout, register)
