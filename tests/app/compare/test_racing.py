"""A race is fair: what differs between its runs is the one field, and nothing that is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from app.compare.race import command_all, create_race, race_again, race_values, turn_words
from app.store import RunState, Store
from fa_engine import Limits, NotAllowed, RunConfig, Trainer

CONFIG: dict[str, Any] = {"hidden": [8, 6], "epochs": 2, "replicates": 2, "seed": 7}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(f"sqlite:///{tmp_path / 'runs.sqlite'}") as opened:
        yield opened


def raced(**more: Any) -> list[RunConfig]:
    return race_values(CONFIG | more, "scheme", ["bp", "fa", "dfa"], Limits())


def test_schemes_start_from_equal_weights_and_see_equal_batches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batches: dict[str, list[torch.Tensor]] = {}
    forward = Trainer.batch

    def noted(self: Trainer) -> Any:
        x, y = forward(self)
        batches.setdefault(self.config.scheme, []).append(x.clone())
        return x, y

    monkeypatch.setattr(Trainer, "batch", noted)
    trainers = [Trainer(config) for config in raced()]
    for trainer in trainers[1:]:
        for one, other in zip(trainers[0].network.weights, trainer.network.weights, strict=True):
            assert torch.equal(one, other)
    first = [next(iter(trainer)) for trainer in trainers]
    assert all((m.loss == first[0].loss).all() for m in first)
    for trainer in trainers:
        for _ in trainer:
            pass
    assert len(batches["bp"]) > 40
    for scheme in ("fa", "dfa"):
        assert len(batches[scheme]) == len(batches["bp"])
        assert all(map(torch.equal, batches[scheme], batches["bp"]))


def test_a_race_is_of_runs_that_differ_in_one_field(store: Store) -> None:
    race = create_race(store, raced())
    runs = store.race(race.race_id)
    assert [run.id for run in runs] == list(race.run_ids)
    assert [run.config["scheme"] for run in runs] == ["bp", "fa", "dfa"]
    assert len({repr(run.config | {"scheme": ""}) for run in runs}) == 1
    assert len({run.name for run in runs}) == 3
    rates = race_values(CONFIG, "learning_rate", [0.1, 0.2], Limits())
    assert [config.learning_rate for config in rates] == [0.1, 0.2]
    assert {config.scheme for config in rates} == {"fa"}


def test_a_race_of_schemes_leaves_a_composition_out() -> None:
    assert all(config.route is config.signal is None for config in raced(signal="sign"))


@pytest.mark.parametrize(
    ("field", "values", "wrong"),
    [
        ("colour", ["a", "b"], "field"),
        ("scheme", ["fa"], "values"),
        ("scheme", "fa", "values"),
        ("seed", [1] * 13, "values"),
        ("hidden", ["64", [64]], "values"),
    ],
)
def test_what_is_no_race_is_refused(field: str, values: Any, wrong: str) -> None:
    with pytest.raises(NotAllowed) as caught:
        race_values(CONFIG, field, values, Limits())
    assert caught.value.problem.field == wrong


def test_commands_go_to_all_that_have_not_ended(store: Store) -> None:
    race = create_race(store, raced())
    first, *_ = runs = store.race(race.race_id)
    assert command_all(store, [first], "stop") == 1
    assert command_all(store, store.race(race.race_id), "pause") == 2
    states = [run.state for run in store.race(race.race_id)]
    assert states == [RunState.STOPPED, RunState.PAUSED, RunState.PAUSED]
    again = race_again(store, runs, Limits())
    assert all(run.state is RunState.STOPPED for run in store.race(race.race_id))
    assert [r.config for r in store.race(again.race_id)] == [r.config for r in runs]


def test_who_waits_for_a_worker_is_told(store: Store) -> None:
    runs = store.race(create_race(store, raced()).race_id)
    assert turn_words(runs, 1) == "1 worker: they train one after the other, 3 wait."
    assert turn_words(runs, 2) == "2 workers: they train 2 at a time, 3 wait."
    assert turn_words(runs, 0) == "3 wait for a free worker."
    assert turn_words([], 1) == ""
