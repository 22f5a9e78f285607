"""What the Claims page is put together from: the list, a question, its predictions, its arms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from app.address import defaults, write
from app.components import address, aria
from app.components.form import FIELDS
from app.experiments import Going
from app.store import Known
from fa_engine import DATASETS, RunConfig
from fa_engine.studies.experiment import Experiment
from fa_engine.studies.outcome import in_words, with_unit
from fa_engine.studies.verdicts import Verdict

_CLASSES = {
    str(Verdict.BORNE_OUT): "verdict-yes",
    str(Verdict.NOT_BORNE_OUT): "verdict-no",
    str(Verdict.UNDECIDED): "verdict-open",
}


def page_of(experiment: str, dataset: str) -> str:
    """The address of an experiment on a data set; empty: the first that it can be asked of."""
    return address(f"/claims?claim={experiment}" + (f"&dataset={dataset}" if dataset else ""))


def verdict_word(verdict: str) -> Component:
    """A verdict, told by its words and not by its colour alone."""
    return html.Span(verdict, className=f"verdict {_CLASSES.get(verdict, 'verdict-none')}")


def claims_list(
    experiments: Mapping[str, Experiment],
    known: Sequence[Known],
    going: Sequence[Going],
    chosen: tuple[str, str],
) -> list[Component]:
    """All claims, each a link, with what they have come to on every data set."""
    verdicts = {(one.experiment, one.dataset): one.verdict for one in known}
    under_way = {(one.experiment, one.dataset): one for one in going}
    return [
        dmc.Anchor(
            [
                html.Span(experiment.title, className="claim-title"),
                html.Span(
                    [
                        part
                        for dataset in experiment.settings
                        for part in _state(dataset, name, verdicts, under_way)
                    ],
                    className="claim-verdicts",
                ),
            ],
            href=page_of(name, chosen[1] if chosen[1] in experiment.settings else ""),
            underline="never",
            className="claim here" if name == chosen[0] else "claim",
            **_here(name == chosen[0]),
        )
        for name, experiment in experiments.items()
    ]


def _here(shown: bool) -> dict[str, Any]:
    """The mark of a link to what is shown already."""
    return {"aria-current": "page"} if shown else {}


def _state(
    dataset: str,
    name: str,
    verdicts: Mapping[tuple[str, str], str],
    under_way: Mapping[tuple[str, str], Going],
) -> list[Component]:
    place = (name, dataset)
    called = html.Span(DATASETS[dataset].title, className="soft")
    if place in under_way:
        problem = under_way[place].problem
        words = "could not be run" if problem else progress_words(under_way[place])
        return [called, html.Span(words, className="verdict")]
    if place in verdicts:
        return [called, verdict_word(verdicts[place])]
    return [called, html.Span("not run yet", className="verdict verdict-none")]


def progress_words(going: Going) -> str:
    """How far one is."""
    return "waits its turn" if going.waiting else f"{100 * going.progress:.0f} %"


def question(name: str, experiment: Experiment, dataset: str) -> list[Component]:
    """What is asked, what is claimed and by whom, and of which data set it is asked."""
    asked = [
        dmc.Anchor(
            DATASETS[one].title,
            href=page_of(name, one),
            className="here" if one == dataset else "",
            **_here(one == dataset),
        )
        for one in experiment.settings
    ]
    return [
        html.H2(experiment.title),
        html.P(experiment.question, className="claim-question"),
        html.P([html.Em(experiment.claim), f" ({experiment.source})"]),
        html.Div(
            [html.Span("Asked of", className="soft"), *asked],
            className="claim-asked",
            role="group",
            **aria("Data set"),
        ),
    ]


def verdict_line(outcome: Mapping[str, Any] | None, going: Going | None) -> list[Component]:
    """What it has come to, when, with how many networks; or how far it is."""
    if going is not None and going.problem:
        return [html.P(f"It could not be run: {going.problem}", className="claim-problem")]
    if going is not None:
        words = "Waiting for its turn …" if going.waiting else "Training …"
        return [html.P(words, className="soft")]
    if outcome is None:
        said = (
            "It has not been run on this installation yet: the rules below stand before the data."
        )
        return [html.P(said, className="soft")]
    when = datetime.fromisoformat(outcome["ended_at"]).astimezone()
    about = (
        f"with {outcome['networks']} networks an arm, in {outcome['seconds']:.0f} s, on "
        f"{when:%d %B %Y at %H:%M}"
    )
    return [
        html.P(
            [
                html.Strong([verdict_word(outcome["verdict"])]),
                html.Span(about, className="soft"),
            ],
            className="claim-came-to",
        )
    ]


def predictions_table(experiment: Experiment, outcome: Mapping[str, Any] | None) -> Component:
    """What was predicted, by which rule, and what the networks said. Of an outcome all of it is as
    it was when it was decided."""
    now: list[dict[str, Any]] = [
        {"words": one.words, "rule": in_words(one), "interval": None, "reason": "–", "verdict": ""}
        for one in experiment.predictions
    ]
    told: list[dict[str, Any]] = outcome["predictions"] if outcome else now
    rows = [
        html.Tr(
            [
                html.Td(str(number)),
                html.Th(
                    [
                        html.Div(found["words"]),
                        html.Span(found["rule"], className="soft claim-rule"),
                    ],
                    scope="row",
                ),
                html.Td(_interval(found)),
                html.Td(verdict_word(found["verdict"]) if found["verdict"] else "–"),
            ]
        )
        for number, found in enumerate(told, start=1)
    ]
    levels = [found["interval"]["level"] for found in told if found["interval"]]
    interval = f"Median ({100 * levels[0]:.1f} % interval)" if levels else "Median (interval)"
    heads = ("No.", "Predicted", interval, "Verdict")
    table = html.Table(
        [
            html.Thead(html.Tr([html.Th(head, scope="col") for head in heads])),
            html.Tbody(rows),
        ],
        className="claim-predictions",
    )
    rules = [(found["words"], found["rule"]) for found in told]
    if rules == [(one["words"], one["rule"]) for one in now]:
        return table
    older = "It was decided by rules that have changed since: run it again."
    return html.Div([html.P(older, className="claim-problem"), table])


def _interval(found: Mapping[str, Any]) -> str:
    interval = found["interval"]
    if interval is None:
        return str(found["reason"])
    unit = found["unit"]
    low, middle, high = (
        with_unit(interval[key], unit).replace("-", "−") for key in ("low", "middle", "high")
    )
    return f"{middle} ({low} to {high})"


def legend(named: Sequence[tuple[str, str]]) -> list[Component]:
    """Which colour is which arm."""
    return [
        html.Span(
            [html.Span(className="swatch", style={"background": colour}), title],
            className="claim-arm",
        )
        for title, colour in named
    ]


def arms_links(experiment: Experiment, configs: Mapping[str, RunConfig]) -> list[Component]:
    """Every arm as a run that the Train page can start."""
    start = defaults(RunConfig)
    found: list[Component] = []
    for name, config in configs.items():
        arm, values = experiment.arms[name], config.model_dump()
        href = address("/") + "?" + write({field: values[field] for field in FIELDS}, start)
        link = dcc.Link(arm.title, href=href)
        beside = f", from where “{experiment.arms[arm.after].title}” ended" if arm.after else ""
        found.append(html.Li([link, html.Span(beside, className="soft")]))
    return found
