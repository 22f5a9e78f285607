"""Outcomes: the newest of each experiment on each data set."""

from __future__ import annotations

from typing import Any

from app.store import Store


def told(experiment: str, dataset: str, verdict: str, **more: Any) -> dict[str, Any]:
    about = {"experiment": experiment, "dataset": dataset, "verdict": verdict}
    return about | {"networks": 8, "seconds": 6.5, "predictions": [], **more}


def test_the_newest_outcome_takes_the_place_of_the_one_before(store: Store) -> None:
    assert store.outcomes.known() == []
    assert store.outcomes.told("learns", "digits") is None
    store.outcomes.put(told("learns", "digits", "undecided"))
    store.outcomes.put(told("learns", "mnist", "borne out"))
    store.outcomes.put(told("stable", "digits", "not borne out"))
    again = told("learns", "digits", "borne out", predictions=[{"values": [0.5, None]}])
    store.outcomes.put(again)
    assert store.outcomes.told("learns", "digits") == again
    known = {(one.experiment, one.dataset): one for one in store.outcomes.known()}
    assert {place: one.verdict for place, one in known.items()} == {
        ("learns", "digits"): "borne out",
        ("learns", "mnist"): "borne out",
        ("stable", "digits"): "not borne out",
    }
    newest = known["learns", "digits"]
    assert (newest.networks, newest.seconds) == (8, 6.5)
    assert newest.ended_at >= known["stable", "digits"].ended_at
