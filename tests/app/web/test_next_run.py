"""What the form says of the next run: what it waits for, and how long the first one takes."""

from __future__ import annotations

from app.components.form import queue_words
from app.components.presets import FIRST, PRESETS
from app.server import WebApp
from app.store import Command
from fa_engine import RunConfig


def test_a_new_run_says_behind_which_it_is_queued(app: WebApp) -> None:
    store = app.store
    assert queue_words(store.runs(), workers=1) == ""
    store.create_run(RunConfig(), name="first")
    assert queue_words(store.runs(), workers=1) == "A new run is queued behind first."
    assert queue_words(store.runs(), workers=2) == ""
    store.create_run(RunConfig(), name="second")
    said = "A new run is queued behind first and 1 more."
    assert queue_words(store.runs(), workers=1) == queue_words(store.runs(), workers=2) == said
    assert "free worker; first and 1 more" in queue_words(store.runs(), workers=0)
    for run in store.runs():
        store.send(run.id, Command(command="stop"))
    assert queue_words(store.runs(), workers=1) == ""


def test_the_first_run_is_short_and_others_are_what_they_say() -> None:
    assert FIRST.config.total_steps <= 12_000  # half a minute on two cores
    digits, backprop, forty, mnist = (preset.config for preset in PRESETS)
    assert backprop == digits.replace(scheme="bp")
    assert forty.train_samples == 40
    assert mnist.epochs == 5
