"""What the lab's pages share: the run they look at, and the checkpoint of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component

from app.components import address
from app.components.charts import chart
from app.components.share import copy_link
from app.divergence import divergence, state_class, state_words
from app.lab import Answer
from app.settings import Settings
from app.store import Checkpoint, Run, Store, UnknownRun, parted
from app.store.tasks import MOST_WANTED

BLANK: dict[str, Any] = {  # on either theme, until there is something to draw
    "layout": {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "xaxis": {"visible": False},
        "yaxis": {"visible": False},
    }
}
_MARKS = 8  # words under the slider at most


def panel(title: str, text: str, *parts: Component) -> Component:
    """One question of the lab: its title, what to look for, and the answer."""
    head = html.Div([html.H2(title), html.P(text)], className="panel-title")
    return html.Section([head, *parts], className="panel")


def graph(id_: str, height: int, name: str, coming: str) -> Component:
    """A figure of the lab, empty until a callback draws it; ``height`` in pixels. Until then it is
    said what is ``coming``."""
    return chart(id_, name, BLANK, class_name="lab-graph", style={"height": height}, coming=coming)


def waiting_words(answer: Answer) -> str:
    """What is said while there is no result yet."""
    if answer.crowded:
        return f"{MOST_WANTED} questions wait already, as many as may; this one waits for room …"
    if answer.waiting:
        return "Waiting for its turn …"
    return f"Computing, {100 * answer.progress:.0f} % …"


def shown_run(store: Store, run_id: str | None) -> tuple[Run | None, str]:
    """The run of that id, without one the newest; and why there is none, or none to show."""
    if run_id is None:
        newest = store.runs(limit=1)
        if not newest:
            return None, ""
        run_id = newest[0].id
    try:
        run = store.run(run_id)
        run.run_config()
        return run, ""
    except UnknownRun as error:
        return None, str(error)


def nothing_kept(store: Store, settings: Settings, run_id: str = "") -> str:
    """Why a run has no checkpoint."""
    if parted(run_id)[1] is not None:
        return (
            "It is one of several cells of a study that train together, and a cell has no "
            "checkpoints of its own. Train it by itself to look closer."
        )
    if store.rules.rule().over(settings)[0] == 0:
        return "This installation keeps no checkpoints (Room, on the Runs page)."
    return "There is no checkpoint yet."


def shown_checkpoints(known: dict[str, Any] | None) -> list[Checkpoint]:
    """The checkpoints that a page's store holds, ``{"run": id, "checkpoints": [[step, seq]]}``."""
    if not known or not known["run"]:
        return []
    return [Checkpoint(known["run"], step, seq) for step, seq in known["checkpoints"]]


def looked_at(known: Any, at: int, pressed_at: Sequence[Any] | None) -> Checkpoint | None:
    """The checkpoint whose step the page named when a button was pressed (assets/lab.js), or that
    at ``at`` where it named none yet."""
    found = shown_checkpoints(known)
    if not found:
        return None
    named = [c for c in found if pressed_at and pressed_at[:2] == [c.run_id, c.seq]]
    return named[0] if named else found[min(at, len(found) - 1)]


def run_line(prefix: str) -> Component:
    """Name, state and scheme of the run, or what to do where there is none; and a link to what is
    seen."""
    return html.Div(
        [html.Div(id=f"{prefix}-run", className="lab-run"), copy_link()], className="lab-head"
    )


def parent_name(store: Store, run: Run) -> str:
    """Of the run whose checkpoint it begins with, empty where there is none to be named."""
    found = shown_run(store, run.parent.run_id)[0] if run.parent else None
    return found.name if found else ""


def name_run(app: Dash, store: str) -> None:
    """Puts the run of a page, in its ``store``, into the address as soon as it is chosen: a link
    to the page goes on meaning that run. No step back leads to the address without it."""
    app.clientside_callback(
        ClientsideFunction("lab", "name_run"),
        Input(store, "data"),
        prevent_initial_call=True,
    )


def run_words(run: Run | None, missing: str = "", parent: str = "") -> list[Any]:
    """What :func:`run_line` holds; ``parent`` is the name of the run's parent."""
    if run is None:
        said = missing or "No run is chosen."
        return [
            html.Span(f"{said} ", className="no-run"),
            dcc.Link("Train one, or open one under Runs.", href=address("/")),
        ]
    words: list[Any] = [
        html.H2(run.name, dir="auto"),
        html.Span(state_words(run), className=f"state-word state-{state_class(run)}"),
        html.Span(f"step {run.step:,} of {run.total_steps:,}", className="soft"),
    ]
    found = divergence(run.diverged_at)
    if found:
        words.append(html.Span(found["since_short"], className="soft", title=found["since"]))
    if run.parent:
        origin = f"began with the weights of step {run.parent.step:,} of {parent or 'another run'}"
        words.append(dcc.Link(origin, href=f"?run={run.parent.run_id}", className="soft"))
    return words


def checkpoint_slider(prefix: str) -> Component:
    """Chooses a checkpoint; with a button that goes through all of them."""
    return html.Div(
        [
            dmc.Button(
                "Play", id=f"{prefix}-play", variant="default", size="sm", w=84, disabled=True
            ),
            html.Div(
                dmc.Slider(
                    id=f"{prefix}-at",
                    min=0,
                    max=1,
                    value=0,
                    step=1,
                    marks=[],
                    updatemode="drag",
                    label=None,
                    disabled=True,
                    thumbLabel="Checkpoint",
                ),
                className="lab-slider",
            ),
            html.Span(id=f"{prefix}-step", className="lab-step"),
            dcc.Interval(id=f"{prefix}-playing", interval=500, disabled=True),
        ],
        className="lab-time",
    )


def play(app: Dash, prefix: str) -> None:
    """Callbacks of the button beside the slider: it goes on by itself, in assets/lab.js."""
    app.clientside_callback(
        ClientsideFunction("lab", "play"),
        Output(f"{prefix}-playing", "disabled"),
        Output(f"{prefix}-play", "children"),
        Output(f"{prefix}-at", "value", allow_duplicate=True),
        Input(f"{prefix}-play", "n_clicks"),
        Input(f"{prefix}-playing", "n_intervals"),
        State(f"{prefix}-at", "value"),
        State(f"{prefix}-at", "max"),
        State(f"{prefix}-playing", "disabled"),
        prevent_initial_call=True,
    )


def slider_marks(checkpoints: Sequence[Checkpoint]) -> list[dict[str, Any]]:
    """A mark for each checkpoint, with its step under some of them."""
    last = len(checkpoints) - 1
    every = max(1, -(-len(checkpoints) // _MARKS))
    return [
        {
            "value": place,
            "label": _short(found.step) if place % every == 0 or place == last else None,
        }
        for place, found in enumerate(checkpoints)
        if place == last or place % every == 0
        # The last one's word needs room beside it.
        if place == last or last - place >= every / 2
    ]


def _short(step: int) -> str:
    return f"{step / 1000:.3g}k" if step >= 1000 else str(step)
