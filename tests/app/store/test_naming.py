"""Names that a person can read and tell apart."""

from __future__ import annotations

import pytest

from app.store import Command, Draft, Parent, RunState, Store, naming
from fa_engine import SCHEMES, RunConfig

CONFIG = RunConfig(hidden=(64, 64), learning_rate=0.02)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({}, "FA"),
        ({"scheme": "kp"}, "KP"),
        ({"route": "layerwise"}, "FA"),  # as it is anyway
        ({"route": "direct"}, "DFA"),
        ({"route": "direct", "signal": "sign", "matrix": "random"}, "sDFA"),
        ({"signal": "sign"}, "FA with sign signal"),
        (
            {"signal": "target", "matrix": "signed_random"},
            "FA with target signal, signed random matrix",
        ),
    ],
)
def test_a_scheme_is_named_as_the_field_names_it(parts: dict[str, str], words: str) -> None:
    config = CONFIG.replace(**parts)
    assert naming.scheme_words(config) == words
    assert naming.name_of(config) == f"{words} on digits, 64-64, rate 0.02"


def test_short_names_are_all_different() -> None:
    shorts = [scheme.short for scheme in SCHEMES.values()]
    assert len(set(shorts)) == len(SCHEMES)
    assert all(len(short) < 8 for short in shorts)


def test_no_two_runs_are_called_alike_and_what_differs_is_named(store: Store) -> None:
    made = [
        store.create_run(CONFIG.replace(**changes))
        for changes in ({}, {}, {"seed": 12345, "epochs": 2000}, {"bias": False}, {"seed": 1}, {})
    ]
    assert [run.name for run in made] == [
        "FA on digits, 64-64, rate 0.02",
        "FA on digits, 64-64, rate 0.02 (2)",
        "FA on digits, 64-64, rate 0.02, epochs 2,000, seed 12345",
        "FA on digits, 64-64, rate 0.02, no biases",
        "FA on digits, 64-64, rate 0.02, seed 1",
        "FA on digits, 64-64, rate 0.02 (3)",
    ]
    assert store.create_run(CONFIG, name="mine").name == "mine"


def test_a_run_that_begins_with_anothers_weights_says_so(store: Store) -> None:
    parent = store.create_run(CONFIG.replace(scheme="bp"))
    assert store.claim("w", 10.0) is not None
    store.append(parent.id, "w", [Draft.checkpoint(3000, 10)], 10.0)
    names = [store.create_run(CONFIG, parent=Parent(parent.id, 3000)).name for _ in range(2)]
    first = "FA from step 3,000 of BP on digits, 64-64, rate 0.02"
    assert names == [first, f"{first} (2)"]


def test_the_name_follows_a_live_switch(store: Store) -> None:
    run_id = store.create_run(CONFIG).id
    assert store.claim("w", 10.0) is not None
    store.append(run_id, "w", [Draft.control(1200, "scheme", "fa", "bp")], 10.0)
    assert store.run(run_id).name == "FA → BP at step 1,200 on digits, 64-64, rate 0.02"
    # The event says it to those who watch.
    assert store.events(run_id)[-1].header["title"] == store.run(run_id).name
    store.append(run_id, "w", [Draft.control(1300, "scheme", "bp", "dfa")], 10.0)
    assert store.run(run_id).name == "FA → … → DFA at step 1,300 on digits, 64-64, rate 0.02"
    store.append(run_id, "w", [Draft.control(1400, "learning_rate", 0.02, 0.5)], 10.0)
    assert "title" not in store.events(run_id)[-1].header
    assert naming.is_automatic(store.run(run_id).name, CONFIG)
    assert store.create_run(CONFIG).name == "FA on digits, 64-64, rate 0.02"


def test_a_name_that_a_person_chose_stays(store: Store) -> None:
    run_id = store.create_run(CONFIG, name="My first run").id
    assert store.claim("w", 10.0) is not None
    store.append(run_id, "w", [Draft.control(5, "scheme", "fa", "bp")], 10.0)
    assert store.run(run_id).name == "My first run"
    assert not naming.is_automatic("My first run", CONFIG)
    assert naming.numbered("My first run", {"My first run"}) == "My first run (2)"
    assert naming.unnumbered("My first run (12)") == "My first run"


def test_names_stay_within_their_room() -> None:
    name = naming.handed_name(CONFIG, 10**6, "x" * 200)
    assert len(name) == naming.LONGEST
    assert len(naming.numbered(name, {name})) == naming.LONGEST


def test_a_queued_run_is_paused_in_the_queue_at_once(store: Store) -> None:
    held, other = store.create_run(CONFIG).id, store.create_run(CONFIG).id
    store.send(held, Command(command="pause"))
    run = store.run(held)
    assert (run.state, run.reason) == (RunState.PAUSED, "paused before it began")
    claimed = store.claim("w", 10.0)
    assert claimed is not None
    assert claimed.id == other
    assert store.take_back_expired() == []
    store.send(held, Command(command="set", learning_rate=0.5))
    store.send(held, Command(command="resume"))
    assert store.run(held).state is RunState.QUEUED
    claimed = store.claim("w2", 10.0)
    assert claimed is not None
    assert claimed.id == held
    # The worker hears what is still to be done.
    assert [command.command for _, command in store.commands(held)] == ["set"]


def test_a_run_paused_in_the_queue_takes_a_step_or_is_stopped(store: Store) -> None:
    stepped, dropped = store.create_run(CONFIG).id, store.create_run(CONFIG).id
    for run_id in (stepped, dropped):
        store.send(run_id, Command(command="pause"))
    store.send(dropped, Command(command="stop"))
    assert store.run(dropped).state is RunState.STOPPED
    store.send(stepped, Command(command="step"))
    claimed = store.claim("w", 10.0)
    assert claimed is not None
    assert claimed.id == stepped
    assert [command.command for _, command in store.commands(stepped)] == ["step"]
