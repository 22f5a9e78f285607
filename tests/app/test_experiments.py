"""An experiment from its start to its outcome, through the store, by a real analyst."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from app.experiments import Experiments
from app.lab import ExperimentParams, computations
from app.settings import Settings
from app.store import Store
from app.worker.analyst import _Analyst
from fa_engine import problems
from fa_engine.studies.catalogue import EXPERIMENTS
from fa_engine.studies.experiment import Arm

SHORT = ExperimentParams(experiment="drives")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path, workers=0)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    with Store(settings.database_url) as made:
        yield made


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """The experiment in a second."""
    few = {"digits": {"hidden": (8,), "learning_rate": 0.2, "epochs": 8, "measure_every": 4}}
    monkeypatch.setitem(EXPERIMENTS, "drives", replace(EXPERIMENTS["drives"], settings=few))


def analyst(store: Store, settings: Settings, stop: Any = lambda: False) -> _Analyst:
    return _Analyst(settings, store, store.changes(), "analyst", stop)


@pytest.mark.usefixtures("short")
def test_an_experiment_is_started_computed_and_kept(store: Store, settings: Settings) -> None:
    experiments = Experiments(store)
    assert experiments.going() == experiments.known() == []
    assert experiments.outcome(SHORT) is None
    experiments.start(SHORT)
    (going,) = experiments.going()
    assert (going.experiment, going.dataset, going.waiting) == ("drives", "digits", True)
    assert analyst(store, settings).work_on_next()
    assert experiments.going() == []
    outcome = experiments.outcome(SHORT)
    assert outcome is not None
    assert json.loads(json.dumps(outcome, allow_nan=False)) == outcome
    assert len(outcome["predictions"][0]["values"]) == outcome["networks"] == 8
    assert {c["measure"] for c in outcome["arms"]["fa"]["curves"]} == set(
        EXPERIMENTS["drives"].shows
    )
    (known,) = experiments.known()
    assert (known.experiment, known.verdict) == ("drives", outcome["verdict"])
    # Again: the outcome of before stays until there is another.
    experiments.start(SHORT)
    assert experiments.going()[0].waiting
    assert experiments.outcome(SHORT) == outcome
    experiments.stop(SHORT)
    assert experiments.going() == []
    assert experiments.outcome(SHORT) == outcome


@pytest.mark.usefixtures("short")
def test_one_that_is_under_way_is_shown_and_can_be_stopped(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.lab.computations.SHOWN_S", 0.0)
    monkeypatch.setattr("app.worker.analyst.REPORT_S", 0.001)
    few = {"digits": dict(EXPERIMENTS["drives"].settings["digits"]) | {"epochs": 10_000}}
    monkeypatch.setitem(EXPERIMENTS, "drives", replace(EXPERIMENTS["drives"], settings=few))
    experiments = Experiments(store)
    experiments.start(SHORT)
    seen: list[Any] = []

    def look() -> bool:
        """At every step, as a page would; stops it when there is something to see."""
        going = experiments.going()
        if going and going[0].curves:
            seen.append(going[0])
            experiments.stop(SHORT)
        return False

    assert analyst(store, settings, look).work_on_next()
    assert 0 < seen[0].progress < 1
    assert next(curve["measure"] for curve in seen[0].curves["fa"]) == "loss"
    assert experiments.going() == []
    assert experiments.outcome(SHORT) is None


def test_why_one_cannot_be_run_is_said(store: Store, settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "mnist"
    folder.mkdir(parents=True)
    (folder / "train-images-idx3-ubyte").write_bytes(b"nothing of the kind")
    nowhere = settings.model_copy(update={"data_dir": folder.parent})
    params = ExperimentParams(experiment="learns", dataset="mnist")
    experiments = Experiments(store)
    experiments.start(params)
    assert analyst(store, nowhere).work_on_next()
    assert experiments.going() == []
    outcome = experiments.outcome(params)
    assert outcome is not None
    assert outcome["verdict"] == "undecided"
    for told in outcome["predictions"]:
        assert (told["values"], told["interval"], told["verdict"]) == ([], None, "undecided")
        assert "train-images" in told["reason"]
        assert str(tmp_path) not in told["reason"]


@pytest.mark.usefixtures("short")
def test_one_that_is_stopped_at_its_very_end_has_no_outcome(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiments = Experiments(store)
    monkeypatch.setattr("app.worker.analyst.REPORT_S", 0.001)

    def stopping(*arguments: Any, **more: Any) -> Any:
        outcome = real(*arguments, **more)
        experiments.stop(SHORT)
        time.sleep(0.1)  # the holder looks in meanwhile
        return outcome

    real = computations.run
    monkeypatch.setattr(computations, "run", stopping)
    experiments.start(SHORT)
    assert analyst(store, settings).work_on_next()
    assert experiments.outcome(SHORT) is None
    assert experiments.going() == []


def test_an_experiment_whose_networks_diverge_is_undecided(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    drives = EXPERIMENTS["drives"]
    wild = {
        "hidden": (8,),
        "epochs": 2,
        "activation": "relu",
        "learning_rate": 100.0,
        "weight_std": 1.0,
    }
    arms = {name: Arm(arm.title, dict(arm.changes) | wild) for name, arm in drives.arms.items()}
    monkeypatch.setitem(EXPERIMENTS, "drives", replace(drives, arms=arms))
    experiments = Experiments(store)
    experiments.start(SHORT)
    assert analyst(store, settings).work_on_next()
    outcome = experiments.outcome(SHORT)
    assert outcome is not None
    assert outcome["verdict"] == "undecided"
    assert "networks" in outcome["predictions"][1]["reason"]


@pytest.mark.parametrize(
    ("given", "field", "allowed"),
    [
        ({"experiment": "nothing"}, "experiment", "one of learns, extrema"),
        ({"dataset": "spirals"}, "dataset", "one of digits, mnist"),
        ({"dataset": "nothing"}, "dataset", "data set"),
        ({"replicates": 3}, "replicates", ""),
    ],
)
def test_what_is_no_experiment_is_refused(given: dict[str, Any], field: str, allowed: str) -> None:
    with pytest.raises(ValidationError) as refused:
        ExperimentParams(**given)
    (problem,) = problems(refused.value)
    assert problem.field == field
    assert allowed in problem.allowed


@pytest.mark.usefixtures("short")
def test_a_short_question_is_answered_meanwhile(store: Store, settings: Settings) -> None:
    experiments = Experiments(store)
    experiments.start(SHORT)
    made = analyst(store, settings)
    between: list[str] = []
    real = made.work_on_next

    def note(kinds: Any = None) -> bool:
        between.append(",".join(kinds or ()))
        return real(kinds)

    made.work_on_next = note  # type: ignore[method-assign]
    assert made.work_on_next()
    assert "landscape" in between[1]
    assert "experiment" not in between[1]
    assert experiments.going() == []
