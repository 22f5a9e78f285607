"""Studies as the store keeps them: all or nothing, paused and stopped as one, deleted and back."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.store import New, QueueFull, RunState, Store, UnknownStudy
from fa_engine import RunConfig

CONFIG = RunConfig(hidden=(6,), epochs=1, replicates=2)
VARIED = {"parts": [{"fields": {"seed": "0, 1"}}]}


def two(store: Store) -> str:
    """A study of two runs, one of them with a worker."""
    asked = [New(CONFIG, "one", cells=[0]), New(CONFIG.replace(seed=1), "two", cells=[1])]
    study = store.studies.create("seeds", VARIED, 2, asked)
    assert store.claim("w", 30)
    return study.id


def states(store: Store, study_id: str) -> list[str]:
    return [run.state.value for run in store.studies.runs(study_id)]


def test_a_study_is_kept_with_its_runs(store: Store) -> None:
    study_id = two(store)
    study = store.studies.study(study_id)
    assert (study.title, study.varied, study.cells) == ("seeds", VARIED, 2)
    assert [s.id for s in store.studies.studies()] == [study_id]
    runs = store.studies.runs(study_id)
    assert [(run.name, run.cells, run.study_id) for run in runs] == [
        ("one", [0], study_id),
        ("two", [1], study_id),
    ]
    steps = CONFIG.total_steps
    assert store.studies.states() == {
        study_id: [(RunState.RUNNING, 0, steps), (RunState.QUEUED, 0, steps)]
    }
    assert store.studies.rename(study_id, "another").title == "another"
    assert store.studies.study(study_id).title == "another"


def test_all_of_it_is_queued_or_nothing(tmp_path: Path) -> None:
    with Store(f"sqlite:///{tmp_path}/runs.sqlite", max_queued=2) as store:
        with pytest.raises(QueueFull):
            store.studies.create("s", VARIED, 3, [New(CONFIG)] * 3)
        assert store.studies.studies() == []
        assert store.runs(of_studies=True) == []
        study = store.studies.create("s", VARIED, 2, [New(CONFIG)] * 2)
        with pytest.raises(QueueFull):
            store.studies.extend(study.id, lambda s: (s.varied, 3, [New(CONFIG)]))
        assert store.studies.study(study.id).cells == 2


def test_it_is_paused_resumed_and_stopped_as_one(store: Store) -> None:
    study_id = two(store)
    (first, _) = store.studies.runs(study_id)
    assert store.studies.send(study_id, "pause") == 2
    # The worker of the first has yet to hear of it.
    assert [command.command for _, command in store.commands(first.id)] == ["pause"]
    assert states(store, study_id) == ["running", "paused"]
    assert store.claim("v", 30) is None
    store.studies.send(study_id, "resume")
    assert states(store, study_id) == ["running", "queued"]
    store.studies.send(study_id, "stop")
    assert states(store, study_id) == ["running", "stopped"]
    assert [command.command for _, command in store.commands(first.id)][-1] == "stop"
    store.studies.send(study_id, "resume")  # what was stopped goes on
    assert states(store, study_id)[1] == "queued"
    with pytest.raises(UnknownStudy):
        store.studies.send("none", "stop")


def test_it_is_extended(store: Store) -> None:
    study_id = two(store)
    more = {"parts": [*VARIED["parts"], {"fields": {"seed": "2"}}]}
    new = [New(CONFIG.replace(seed=2), cells=[2])]
    assert store.studies.extend(study_id, lambda _: (more, 3, new)).cells == 3
    assert store.studies.study(study_id).varied == more
    assert [run.cells for run in store.studies.runs(study_id)] == [[0], [1], [2]]

    def refuse(_study: object) -> tuple[dict[str, object], int, list[New]]:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        store.studies.extend(study_id, refuse)
    assert store.studies.study(study_id).cells == 3


def test_it_is_deleted_and_brought_back(store: Store) -> None:
    study_id = two(store)
    store.studies.delete(study_id)
    assert store.studies.studies() == store.studies.runs(study_id) == []
    assert store.studies.states() == {}
    for call in (store.studies.study, store.studies.delete):
        with pytest.raises(UnknownStudy, match="was deleted, or never was"):
            call(study_id)
    store.studies.restore(study_id)
    assert [s.id for s in store.studies.studies()] == [study_id]
    assert states(store, study_id) == ["running", "stopped"]
    with pytest.raises(UnknownStudy):
        store.studies.restore("none")


def test_what_is_gone_for_good_leaves_the_study(store: Store) -> None:
    study_id = two(store)
    store.studies.delete(study_id)
    assert store.keep.purge(lambda _: None)  # the second; the first has a worker that ends it
    store.studies.restore(study_id)
    assert [run.cells for run in store.studies.runs(study_id)] == [[0]]
    assert store.studies.study(study_id).cells == 2
