"""The Stability page: the spectrum of one checkpoint, and what it comes to through training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc
import numpy as np
import plotly.graph_objects as go
from dash import ALL, Dash, Input, Output, State, ctx, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from app.components import attributes
from app.components.asking import LOOK_MS, one_at_a_time
from app.components.lab_run import (
    checkpoint_slider,
    graph,
    nothing_kept,
    panel,
    shown_checkpoints,
    waiting_words,
)
from app.components.lab_state import LOOK
from app.components.params import given, param_fields
from app.components.series_words import series_words
from app.components.spectrum_numbers import numbers
from app.components.wrong import say_wrong, wrong_store
from app.figures.spectrum import SPECTRUM_HEIGHT, spectrum_figure
from app.figures.stability import stability_figure
from app.lab import Answer, SpectrumParams, checked
from app.pages.base import Context
from app.pages.stability_tracking import tracking
from app.store import Checkpoint, Run

_READY, _PENDING = "lab-split", "lab-split pending"  # what is shown belongs to another checkpoint
_SERIES = ("unstable_share", "min_real", "angle_deg")
_DECIDED = ("stability", "of_moment")
_OF_ERROR = ("error_unstable_share", "error_eigenvalues")


def spectrum_panel() -> Component:
    """The spectrum of the checkpoint that is looked at."""
    return panel(
        "Spectrum of the feedback kernel",
        "Each dot is a mode of K. What they decide of this scheme, and what not, stands beside the "
        "chart. Backpropagation's kernel of the same weights is drawn in grey: it never reaches "
        "the shaded half, below 0. The scale is one for all checkpoints.",
        wrong_store("stab-wrong"),
        checkpoint_slider("stab"),
        html.P(id="stab-note", className="lab-note", role="status"),
        html.Div(
            [
                graph(
                    "stab-spectrum",
                    SPECTRUM_HEIGHT,
                    "Spectrum of the feedback kernel",
                    "every mode of the walk as a dot, growing ones on shaded ground.",
                ),
                html.Div(
                    [
                        html.Div(id="stab-numbers", className="lab-numbers"),
                        *param_fields("look", SpectrumParams, LOOK, settle_ms=300),
                    ]
                ),
            ],
            id="stab-look",
            className=_READY,
        ),
    )


def series_panel() -> Component:
    """What the checkpoints' spectra come to."""
    return panel(
        "Through training",
        "The share of modes with a negative real part and the smallest real part, of what decides "
        "with this loss, beside the angle between update and gradient at the same steps.",
        dmc.SegmentedControl(
            id="stab-scale",
            data=[
                {"value": "linear", "label": "Linear steps"},
                {"value": "log", "label": "Log steps"},
            ],
            value="linear",
            size="xs",
        ),
        graph(
            "stab-series",
            420,
            "Stability through training",
            "the share of unstable modes, the smallest real part and the alignment angle, "
            "checkpoint by checkpoint.",
        ),
        html.P(id="stab-series-note", className="lab-note", role="status"),
        tracking(),
    )


def register_spectrum(app: Dash, context: Context) -> None:
    """Callbacks of both panels."""
    store, desk = context.store, context.desk
    look = {"type": "param-look", "name": ALL}
    say_wrong(app, "stab-wrong", look)

    @one_at_a_time(
        app,
        "stab-tick",
        LOOK_MS,
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
        Output("stab-wrong", "data"),
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
        if not found:
            of = known["run"]
            said = nothing_kept(context.store, context.settings, of) if of else ""
            signature = [known["run"], None, theme, scale]
            idle = known["run"] is None
            if signature == drawn:
                return (*(no_update,) * 5, said, "", no_update, None, idle, {})
            series, _ = _series_figure([], {}, None, theme, log)
            empty = spectrum_figure(None, theme=theme)
            return (empty, series, [], _READY, "", said, "", signature, None, idle, {})
        place = min(at, len(found) - 1)
        values = given(ctx.inputs_list[2])
        begun, order = _in_order(found, place, asked)
        wanted, wrong = _spectra(store.run(known["run"]), [*begun, *order], values)
        if not wanted:
            signature = [known["run"], found[place].seq, "refused"]
            step = _step(found[place])
            kept = (no_update, no_update, no_update, _PENDING, step)
            return (*kept, "", "", signature, None, known["ended"], wrong)
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
        on_the_way = f"{done} of {len(found)} checkpoints are computed."
        asked = coming.seq
        signature = [known["run"], shown.seq, values, theme, scale, done, len(found), now.pending]
        if signature == drawn:
            return (*(no_update,) * 5, said, no_update, no_update, asked, idle, {})
        series, went = _series_figure(found, answers, shown.step, theme, log)
        counted = went if done == len(found) else f"{went} {on_the_way}".strip()
        rest: tuple[Any, ...] = (_step(shown), said, counted, signature, asked, idle, {})
        if now.packed is not None:
            arrays = now.arrays()
            figure = spectrum_figure(arrays, theme, _reach(answers))
            return (figure, series, numbers(arrays, shown.step), _READY, *rest)
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


def _step(shown: Checkpoint) -> Component:
    """Its step, and for assets/lab.js which checkpoint that is, in one element: what a person sees
    and what a button takes are never two."""
    named = attributes(data_shown=f"{shown.run_id} {shown.seq}")
    return html.Span(f"step {shown.step:,}", **named)


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
) -> tuple[go.Figure, str]:
    """What each checkpoint's spectrum comes to, with a gap for those that are still to come and
    where ``K`` decides nothing; and in words."""
    series = {name: np.full(len(found), np.nan) for name in (*_SERIES, "decided")}
    for place, checkpoint in enumerate(found):
        if answers[checkpoint.seq].packed is None:
            continue
        a = dict(answers[checkpoint.seq].arrays(*_SERIES, *_DECIDED, *_OF_ERROR))
        if "error_unstable_share" in a:  # another loss than squared error: H K decides
            a["unstable_share"] = a["error_unstable_share"]
            a["min_real"] = a["error_eigenvalues"].real.min()
        series["decided"][place] = any(bool(a[name]) for name in _DECIDED)
        for name in _SERIES:
            if series["decided"][place] or name == "angle_deg":
                series[name][place] = a[name]
    steps = np.array([c.step for c in found])
    figure = stability_figure(steps, series, at=at, theme=theme, log=log)
    return figure, series_words(steps, series)


def _reach(answers: Mapping[int, Answer]) -> float:
    """The largest magnitude of all spectra that are there: one scale for all of them."""
    there = (a for a in answers.values() if a.packed is not None)
    found = [float(a.arrays("reach")["reach"]) for a in there]
    return max((reach for reach in found if np.isfinite(reach)), default=0.0)
