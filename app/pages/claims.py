"""The Claims page: what the paper claims, as experiments that are run here, with their verdicts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate
from pydantic import ValidationError

from app.components import aria, drives
from app.components.asking import one_at_a_time
from app.components.charts import chart
from app.components.claims import (
    arms_links,
    claims_list,
    legend,
    predictions_table,
    progress_words,
    question,
    verdict_line,
)
from app.components.lab_run import BLANK
from app.components.share import address_note, address_words, copy_link
from app.components.shell import note
from app.experiments import Experiments, Going
from app.figures.experiment import (
    EFFECT_PX,
    PANEL_PX,
    curves_figure,
    effects_figure,
    legend_of,
)
from app.lab import ExperimentParams, titled
from app.pages.base import Context, Page
from app.store import StoreError
from fa_engine import Problem, RunConfig, problems
from fa_engine.studies.catalogue import EXPERIMENTS
from fa_engine.studies.experiment import Experiment

_TICK_MS = 1000
_EDGES_PX = 74  # above and below the panels of a figure
_GONE = {"display": "none"}
_NAMED = {"experiment": "claim", "dataset": "dataset"}  # fields, and what an address calls them

_SHOWN = {
    "list": Output("claims-list", "children"),
    "question": Output("claims-question", "children"),
    "verdict": Output("claims-verdict", "children"),
    "predictions": Output("claims-predictions", "children"),
    "effects": Output("claims-effects", "figure"),
    "effects_box": Output("claims-effects-box", "style"),
    "effects_key": Output("claims-effects-key", "hidden"),
    "look": Output("claims-look", "children"),
    "legend": Output("claims-legend", "children"),
    "curves": Output("claims-curves", "figure"),
    "curves_box": Output("claims-curves-box", "style"),
    "arms": Output("claims-arms", "children"),
    "run": Output("claims-run", "children"),
    "run_disabled": Output("claims-run", "disabled"),
    "stop": Output("claims-stop", "style"),
    "progress": Output("claims-progress", "value"),
    "progress_style": Output("claims-progress", "style"),
    "progress_words": Output("claims-progress-words", "children"),
    "wrong": Output("claims-note-address", "children"),
    "wrong_hide": Output("claims-note-address", "hide"),
}
"""What the page draws again when something of it has changed."""


def layout(_context: Context) -> Component:
    """The page as it is before the browser knows which claim it is about."""
    return html.Div(
        [
            dcc.Interval(id="claims-tick", interval=_TICK_MS),
            dcc.Store(id="claims-seen"),
            address_note("claims-note-address"),
            html.Div(
                [
                    html.P(
                        "What is claimed of feedback alignment: the paper's six claims first, then "
                        "what others found. Each has its predictions and the rule by which the "
                        "networks decide, fixed before they are trained. Run them: the verdict is "
                        "computed from what is measured here.",
                        className="lab-lead",
                    ),
                    copy_link(),
                ],
                className="claims-head",
            ),
            html.Div(
                [
                    html.Nav(
                        [
                            html.Div(id="claims-list"),
                            dmc.Button(
                                "Run all",
                                id="claims-all",
                                variant="default",
                                size="sm",
                                **drives(),
                            ),
                        ],
                        className="claims-list",
                        **aria("Claims"),
                    ),
                    html.Section(_detail(), className="panel claims-one"),
                ],
                className="claims",
            ),
        ],
        className="lab claims-page",
    )


def _detail() -> list[Component]:
    return [
        html.Div(id="claims-question", className="claims-question"),
        html.Div(
            [
                dmc.Button("Run it", id="claims-run", size="sm", **drives()),
                dmc.Button(
                    "Stop",
                    id="claims-stop",
                    size="sm",
                    variant="default",
                    style=_GONE,
                    **drives(),
                ),
                dmc.Progress(
                    id="claims-progress", value=0, size="sm", style=_GONE, **aria("Progress")
                ),
                html.Span(id="claims-progress-words", className="soft"),
            ],
            className="claims-acts",
        ),
        html.Div(id="claims-verdict", role="status"),
        html.Div(id="claims-predictions", className="claims-wide"),
        html.Div(
            _filling("claims-effects", "What the networks say"),
            id="claims-effects-box",
        ),
        html.P(
            "A dot is a network, the bar the interval that holds the median of all networks there "
            "could be, the dashed line the bound; the side that was predicted is shaded.",
            id="claims-effects-key",
            className="soft",
        ),
        html.P(id="claims-look", className="claims-look"),
        html.Div(id="claims-legend", className="claims-legend"),
        html.Div(
            _filling("claims-curves", "What was measured"),
            id="claims-curves-box",
        ),
        html.Details(
            [html.Summary("Train one of them yourself"), html.Ul(id="claims-arms")],
            className="claims-arms",
        ),
    ]


def _filling(id_: str, name: str) -> Component:
    """A chart as high as the box that it stands in."""
    return chart(id_, name, BLANK, class_name="lab-graph", style={"height": "100%"})


def chosen_by(search: str | None) -> ExperimentParams:
    """The claim and the data set that an address names; what it names wrongly is left out."""
    named = _named(search)
    for values in (named, {k: v for k, v in named.items() if k == "experiment"}, {}):
        try:
            return ExperimentParams(**values)
        except ValidationError:
            continue
    raise AssertionError("the defaults are valid")


def _named(search: str | None) -> dict[str, str]:
    asked = parse_qs((search or "").lstrip("?"))
    return {name: asked[key][0] for name, key in _NAMED.items() if key in asked}


def wrong_with(search: str | None) -> list[Problem]:
    """What an address names wrongly."""
    named = _named(search)
    try:
        ExperimentParams(**named)
    except ValidationError as error:
        return [titled(ExperimentParams, problem) for problem in problems(error)]
    return []


def register(app: Dash, context: Context) -> None:
    """Callbacks of the page."""
    experiments = Experiments(context.store)

    @one_at_a_time(
        app,
        "claims-tick",
        _TICK_MS,
        *_SHOWN.values(),
        Output("claims-seen", "data"),
        Input("url", "search"),
        Input("theme-now", "data"),
        Input("claims-tick", "n_intervals"),
        State("claims-seen", "data"),
    )
    def show(
        search: str | None, theme: str | None, _tick: int | None, seen: dict[str, str] | None
    ) -> Any:
        if theme is None:
            raise PreventUpdate
        params = chosen_by(search)
        place = (params.experiment, params.dataset)
        experiment = EXPERIMENTS[params.experiment]
        known, going = experiments.known(), experiments.going()
        own = next((g for g in going if (g.experiment, g.dataset) == place), None)
        under_way = own is not None and not own.problem
        ended = [k.ended_at for k in known if (k.experiment, k.dataset) == place]
        of_place = json.dumps([place, theme])
        now = {
            "list": json.dumps([place, *map(str, known), *map(_list_state, going)]),
            "claim": json.dumps([of_place, search]),
            "outcome": json.dumps([of_place, ended, *([own.waiting, own.problem] if own else [])]),
            "curves": json.dumps([of_place, ended, _points(own) if under_way else -1]),
        }
        new = {key for key, value in now.items() if (seen or {}).get(key) != value}
        if not new and not under_way:
            raise PreventUpdate
        wanted = own is None and new & {"outcome", "curves"}
        outcome = experiments.outcome(params) if wanted else None
        parts: dict[str, Any] = dict.fromkeys(_SHOWN, no_update)
        if "list" in new:
            parts["list"] = claims_list(EXPERIMENTS, known, going, place)
        if "claim" in new:
            configs = experiment.configs(params.dataset)
            parts["question"] = question(params.experiment, experiment, params.dataset)
            parts["look"] = experiment.look_for
            parts["arms"] = arms_links(experiment, configs)
            wrong = wrong_with(search)
            parts["wrong"], parts["wrong_hide"] = address_words(wrong), not wrong
        if "outcome" in new:
            shown = None if own is not None else outcome
            parts["verdict"] = verdict_line(shown, own)
            parts["predictions"] = predictions_table(experiment, shown)
            parts |= _effects(experiment, shown, theme)
            parts["run"] = "Run it again" if ended else "Run it"
        if "curves" in new:
            arms = _arms(experiment, params, own) if under_way else (outcome or {}).get("arms")
            parts |= _curves(experiment, arms, theme)
        parts["run_disabled"] = under_way
        parts["stop"] = {} if under_way else _GONE
        parts["progress"] = 100 * own.progress if own is not None and under_way else 0
        parts["progress_style"] = {} if under_way else _GONE
        parts["progress_words"] = progress_words(own) if own is not None and under_way else ""
        return (*parts.values(), now)

    @app.callback(
        Output("notes", "sendNotifications", allow_duplicate=True),
        Output("claims-tick", "n_intervals"),
        Input("claims-run", "n_clicks"),
        Input("claims-stop", "n_clicks"),
        Input("claims-all", "n_clicks"),
        State("url", "search"),
        prevent_initial_call=True,
    )
    def act(run: int | None, stop: int | None, every: int | None, search: str | None) -> Any:
        pressed = {"claims-run": run, "claims-stop": stop, "claims-all": every}
        if not pressed.get(str(ctx.triggered_id)):
            raise PreventUpdate
        params = chosen_by(search)
        try:
            if ctx.triggered_id == "claims-stop":
                experiments.stop(params)
            elif ctx.triggered_id == "claims-run":
                experiments.start(params)
            else:
                for name, one in EXPERIMENTS.items():
                    if params.dataset in one.settings:
                        experiments.start(ExperimentParams(experiment=name, dataset=params.dataset))
        except StoreError as error:
            return note(str(error)), no_update
        return no_update, 0


def _list_state(going: Going) -> str:
    return f"{going.experiment} {going.dataset} {progress_words(going)} {going.problem}"


def _points(going: Going | None) -> int:
    """How much of an experiment that is under way could be drawn."""
    if going is None:
        return 0
    return sum(len(curve["step"]) for arm in going.curves.values() for curve in arm)


def _arms(
    experiment: Experiment, params: ExperimentParams, going: Going | None
) -> dict[str, dict[str, Any]]:
    """What the arms of an experiment under way have measured, as an outcome would tell it."""
    configs: Mapping[str, RunConfig] = experiment.configs(params.dataset)
    curves = going.curves if going else {}
    return {
        name: {
            "title": arm.title,
            "after": arm.after,
            "config": {"scheme": configs[name].scheme},
            "curves": curves.get(name, []),
        }
        for name, arm in experiment.arms.items()
    }


def _effects(
    experiment: Experiment, outcome: Mapping[str, Any] | None, theme: str
) -> dict[str, Any]:
    found = outcome["predictions"] if outcome else []
    if not any(one["values"] for one in found):
        return {"effects": BLANK, "effects_box": _GONE, "effects_key": True}
    return {
        "effects": effects_figure(found, experiment.title, theme),
        "effects_box": {"height": EFFECT_PX * len(found) + 56},
        "effects_key": False,
    }


def _curves(experiment: Experiment, arms: Mapping[str, Any] | None, theme: str) -> dict[str, Any]:
    if not arms or not any(arm["curves"] for arm in arms.values()):
        return {"legend": [], "curves": BLANK, "curves_box": _GONE}
    return {
        "legend": legend(legend_of(arms, theme)),
        "curves": curves_figure(arms, experiment.shows, experiment.title, theme),
        "curves_box": {"height": PANEL_PX * len(experiment.shows) + _EDGES_PX},
    }


CLAIMS = Page("/claims", "Claims", "Claims and verdicts", layout, register, of_run=False)
