"""Experiments: each can be run as it stands, and its verdict follows the networks alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fa_engine.config import NotAllowed
from fa_engine.files.collected import Collected
from fa_engine.measures.catalogue import MEASURES
from fa_engine.progress import Cancelled
from fa_engine.studies.catalogue import EXPERIMENTS
from fa_engine.studies.experiment import Arm, Experiment, Prediction
from fa_engine.studies.outcome import in_words, with_unit
from fa_engine.studies.running import run, train, undecided
from fa_engine.studies.verdicts import Rule, least_networks

ASKED = [(name, dataset) for name, row in EXPERIMENTS.items() for dataset in row.settings]


def made_up(values: Any, rule: Rule) -> Experiment:
    """One whose networks say what the test has them say."""
    return Experiment(
        title="Made up",
        question="Does the verdict follow?",
        claim="It does.",
        source="this test",
        settings={"digits": {"hidden": (4,), "epochs": 1, "measure_every": 11}},
        arms={
            "one": Arm("One", {"scheme": "bp"}),
            "other": Arm("The other", {"scheme": "fa", "epochs": 3}, "one"),
        },
        predictions=[Prediction("A number", lambda _: np.array(values), "number", "", rule)],
        shows=["loss", "gradient_norm"],
        look_for="Nothing.",
    )


@pytest.mark.parametrize(("name", "dataset"), ASKED)
def test_every_experiment_can_be_asked_of_all_its_data_sets(name: str, dataset: str) -> None:
    experiment = EXPERIMENTS[name]
    configs = experiment.configs(dataset, device="auto")
    assert [*configs] == [*experiment.arms]
    assert len(configs) > 1
    for config in configs.values():
        assert (config.dataset, config.device) == (dataset, "auto")
        assert config.draws == 2  # networks share nothing: they are independent
        assert config.networks >= least_networks()
        for measure in experiment.shows:
            assert config.walk or not MEASURES[measure].walk
    assert len({config.networks for config in configs.values()}) == 1


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_says_what_it_asks(name: str) -> None:
    experiment = EXPERIMENTS[name]
    assert experiment.question.endswith("?")
    for sentence in (experiment.claim, experiment.look_for):
        assert sentence.endswith(".")
    assert experiment.title
    assert experiment.source
    assert experiment.predictions
    assert {*experiment.shows} <= {*MEASURES}
    before: set[str] = set()
    for arm_name, arm in experiment.arms.items():
        assert not arm.after or arm.after in before
        before.add(arm_name)
    for prediction in experiment.predictions:
        assert prediction.words[0] not in " ."
        assert prediction.unit in ("share", "°", "times", "")
        assert with_unit(prediction.rule.bound, prediction.unit) in in_words(prediction)


def test_a_data_set_that_it_has_no_settings_for_is_refused() -> None:
    with pytest.raises(NotAllowed, match="dataset = 'spirals': allowed is one of digits, mnist"):
        EXPERIMENTS["learns"].configs("spirals")


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (0.0213, "share", "2.13 %"),
        (-5.0, "°", "-5°"),
        (17.762, "times", "17.8 ×"),
        (1.5, "", "1.5"),
    ],
)
def test_a_number_is_said_in_its_unit(value: float, unit: str, said: str) -> None:
    assert with_unit(value, unit) == said


@pytest.mark.parametrize("above", [True, False])
@pytest.mark.parametrize(
    ("values", "side"),
    [([3.0] * 8, 1), ([1.0] * 8, -1), ([1.0] * 4 + [3.0] * 4, 0), ([3.0] * 7 + [np.nan], 0)],
)
def test_a_verdict_follows_what_the_networks_say(
    values: list[float], side: int, above: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(EXPERIMENTS, "made_up", made_up(values, Rule(2, above=above)))
    outcome = run("made_up")
    said = {0: "undecided", 1: "borne out", -1: "not borne out"}[side if above else -side]
    assert outcome.verdict == outcome.answers[0].finding.verdict == said
    told = json.loads(json.dumps(outcome.to_dict(), allow_nan=False))
    assert told["verdict"] == told["predictions"][0]["verdict"] == said
    expected = [None if np.isnan(value) else value for value in values]
    assert told["predictions"][0]["values"] == expected
    assert [*told["arms"]] == ["one", "other"]
    lines = {(line["measure"], line["layer"]) for line in told["arms"]["other"]["curves"]}
    assert lines == {("loss", None), ("gradient_norm", 1)}


def test_an_effect_that_cannot_be_computed_leaves_its_prediction_undecided(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(_evidence: object) -> Any:
        raise KeyError("no such arm")

    whole = made_up([3.0] * 8, Rule(2, above=True))
    broken = replace(whole.predictions[0], effect=fails)
    both = replace(whole, predictions=[broken, whole.predictions[0]])
    monkeypatch.setitem(EXPERIMENTS, "made_up", both)
    outcome = run("made_up")
    first, second = outcome.answers
    assert first.finding.verdict == outcome.verdict == "undecided"
    assert first.finding.reason == "it could not be computed: 'no such arm'"
    assert second.finding.verdict == "borne out"


def test_an_experiment_that_cannot_be_run_is_undecided_and_says_why() -> None:
    told = undecided("learns", "mnist", "no samples").to_dict()
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert (told["verdict"], told["dataset"], told["networks"]) == ("undecided", "mnist", 8)
    assert {one["reason"] for one in told["predictions"]} == {"no samples"}


def test_an_arm_goes_on_from_the_weights_of_another() -> None:
    experiment = made_up([1.0] * 8, Rule(2, above=True))
    found = train(experiment, experiment.configs(replicates=2))
    start = found["one"].trainer.network.state()
    again = train(experiment, experiment.configs(replicates=2, learning_rate=1e-12))
    end = again["other"].trainer.network.state()
    begun = again["one"].trainer.network.state()
    for name, tensor in begun.items():  # it has hardly moved
        np.testing.assert_allclose(end[name].numpy(), tensor.numpy(), atol=1e-6)
    moved = found["other"].trainer.network.state()
    assert any(not moved[name].equal(start[name]) for name in start)


def test_who_is_told_of_every_measurement_can_call_it_off() -> None:
    experiment = made_up([1.0] * 8, Rule(2, above=True))
    configs = experiment.configs(replicates=2)
    shares: list[float] = []

    def listens(share: float, collected: Mapping[str, Collected]) -> bool:
        shares.append(share)
        return len(collected) < 2

    with pytest.raises(Cancelled, match="called off in other, at step"):
        train(experiment, configs, tell=listens)
    assert shares == sorted(shares)
    assert 0.2 < shares[-1] < 0.3  # 22 of 88 steps are those of the first arm
    shares.clear()
    train(experiment, configs, tell=lambda share, _: not shares.append(share))  # type: ignore[func-returns-value]
    assert shares[-1] == 1
