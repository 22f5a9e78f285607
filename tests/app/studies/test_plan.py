"""What a study will train: cells, runs, memory, time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.store import CommandRefused, RunState, Store
from app.studies import READY, Asked, cells_of, extend, extension_of, plan_of, varied_in
from app.studies.plan import BATCH_NETWORKS
from fa_engine import Limits, NotAllowed
from fa_engine.memory import peak_bytes

FIELDS = {"learning_rate": "0.1, 0.3", "hidden": "8; 6", "epochs": "1", "replicates": "2"}


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with Store(f"sqlite:///{tmp_path}/runs.sqlite") as found:
        yield found


def test_cells_that_can_be_side_by_side_are_one_run(store: Store) -> None:
    plan = plan_of(Asked(FIELDS), Limits(), store)
    assert len(plan.configs) == 4
    assert [run.numbers for run in plan.runs] == [(0, 2), (1, 3)]  # a run for each architecture
    assert [run.config.networks for run in plan.runs] == [4, 4]
    assert plan.networks == 8
    assert plan.n_bytes == max(peak_bytes(run.config) for run in plan.runs)
    assert plan.title == "Learning rate × Hidden layers"
    assert plan.told()["varied"] == ["learning_rate", "hidden"]


def test_a_run_is_no_larger_than_pays(store: Store) -> None:
    fields = {"learning_rate": "log 0.01 1 40", "replicates": "4"}
    plan = plan_of(Asked(fields), Limits(), store)
    assert max(run.config.networks for run in plan.runs) <= BATCH_NETWORKS
    assert sorted(n for run in plan.runs for n in run.numbers) == [*range(40)]
    many = plan_of(Asked({"seed": "1, 2", "replicates": "100"}), Limits(), store)
    assert [run.config.networks for run in many.runs] == [100, 100]


def test_time_is_by_how_quick_the_last_runs_were(store: Store) -> None:
    before = plan_of(Asked(FIELDS), Limits(), store)
    run = store.create_run(before.configs[0])
    assert before.seconds > 0
    assert plan_of(Asked(FIELDS), Limits(), store, workers=2).seconds == pytest.approx(
        before.seconds / 2
    )
    assert run.state is RunState.QUEUED  # it says nothing of speed yet
    assert plan_of(Asked(FIELDS), Limits(), store).seconds == before.seconds


def test_a_study_has_its_cells_by_number(store: Store) -> None:
    plan = plan_of(Asked(FIELDS), Limits(), store)
    study = plan.start(store)
    assert cells_of(study) == list(plan.configs)
    assert varied_in(study, cells_of(study)) == ["learning_rate", "hidden"]
    for run in store.studies.runs(study.id):
        assert [*run.run_config().cells] == [plan.configs[n] for n in run.cells or ()]


def test_an_extension_keeps_the_numbers_of_what_is_there(store: Store) -> None:
    first = plan_of(Asked(FIELDS), Limits(), store)
    study = first.start(store)
    wider = Asked(FIELDS | {"learning_rate": "0.1, 0.2, 0.3"})
    plan = extension_of(study, wider, Limits(), store)
    assert [config.learning_rate for config in plan.configs] == [0.2, 0.2]
    longer = extend(store, study.id, plan)
    assert longer.cells == 6
    assert cells_of(longer)[:4] == list(first.configs)
    assert cells_of(longer)[4:] == list(plan.configs)
    runs = store.studies.runs(study.id)
    assert sorted(n for run in runs for n in run.cells or ()) == [*range(6)]
    with pytest.raises(CommandRefused, match="extended meanwhile"):
        extend(store, study.id, plan)
    with pytest.raises(NotAllowed, match="further values, or another seed"):
        extension_of(longer, wider, Limits(), store)
    with pytest.raises(NotAllowed, match="further networks come by another seed"):
        extension_of(longer, Asked(FIELDS | {"replicates": "4"}), Limits(), store)
    seeds = extension_of(longer, Asked(FIELDS | {"seed": "1"}), Limits(), store)
    assert len(seeds.configs) == 4


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"field": {}}, "field"),
        ({"fields": []}, "fields"),
        ({"fields": {"epochs": "1, 2"}, "title": "=1"}, "title"),
        ({"fields": {"epochs": "1, 2"}, "title": 3}, "title"),
        ({"fields": {"epochs": "1, 2"}, "seed": -1}, "seed"),
        ({"fields": {"epochs": "1, 2"}, "seed": True}, "seed"),
        ({"fields": {"epochs": "1, 2"}, "sampling": []}, "sampling"),
        ({"fields": {"epochs": {}}}, "fields"),
    ],
)
def test_what_is_asked_for_wrongly_is_named(body: dict[str, Any], field: str, store: Store) -> None:
    with pytest.raises(NotAllowed) as refused:
        plan_of(Asked.read(body), Limits(), store)
    assert refused.value.problem.field == field


@pytest.mark.parametrize("name", READY)
def test_what_is_ready_can_be_started(name: str, store: Store) -> None:
    ready = READY[name]
    plan = plan_of(Asked(ready.fields), Limits(), store)
    assert len(plan.configs) >= 9
    assert plan.asked.variation().varied == tuple(
        key
        for key, text in ready.fields.items()
        if (set(text) & set(",;l") and key not in ("scheme",)) or (key == "scheme" and "," in text)
    )
