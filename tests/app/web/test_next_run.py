"""What the form says of the next run: what it waits for, and how long the first one takes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from app.components.form import queue_words
from app.components.presets import FIRST, PRESETS
from app.server import WebApp
from app.store import LEASE_S, Command, New
from fa_engine import RunConfig, Trainer

README = Path(__file__).parents[3] / "README.md"


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
    assert FIRST.config.total_steps <= 8_000  # 24 s of two cores that were slow, 16 s of quiet ones
    digits, backprop, forty, mnist = (preset.config for preset in PRESETS)
    assert backprop == digits.replace(scheme="bp")
    assert forty.train_samples == 40
    assert mnist.epochs == 5


def last(**changes: object) -> tuple[list[float], float]:
    """How the first run with these changes ends: degrees of its hidden layers over the last ten
    measurements, and the share of the test digits that it classifies, medians of its networks."""
    *_, at_last = measured = list(Trainer(FIRST.config.replace(**changes)))
    assert at_last.test_accuracy is not None
    angles = [np.median(m.gradient_angle_deg, axis=0) for m in measured[-10:]]
    return list(np.mean(angles, axis=0)), float(np.median(at_last.test_accuracy))


def test_the_first_run_is_worth_watching() -> None:
    trainer = Trainer(FIRST.config.replace(epochs=100))
    first, *_, at_last = (m for m in trainer if m.test_accuracy is not None)
    assert np.all(np.median(first.gradient_angle_deg, axis=0) > 85)  # no better than chance
    assert np.all(np.median(at_last.gradient_angle_deg, axis=0) < 70)
    assert np.median(at_last.test_accuracy) > 0.9


@pytest.mark.thorough
def test_it_ends_as_the_readme_says() -> None:
    """Which scales align, and what shallow networks reach: four runs of a quarter of a minute."""
    angles, accuracy = last()
    large_angles, large = last(weight_std=1.0)
    _, shallow = last(scheme="shallow")
    _, large_shallow = last(scheme="shallow", weight_std=1.0)
    found = [*large_angles, *angles, *(100 * s for s in (large, accuracy, large_shallow, shallow))]
    said = re.search(
        r"hidden layers end at (\d+) and (\d+) degrees, not (\d+) and (\d+)\) and classifies"
        r" (\d+) %"
        r".*instead of (\d+) %.*of that scale, (\d+) %.*of the usual scale, (\d+) %",
        README.read_text().replace("\n", " "),
    )
    assert said
    np.testing.assert_allclose(found, [float(number) for number in said.groups()], atol=1.0)


def test_a_new_run_goes_before_what_a_study_has_not_begun(app: WebApp) -> None:
    store = app.store
    config = RunConfig(epochs=1)
    asked = [New(config, "one", cells=[0]), New(config, "two", cells=[1])]
    store.studies.create("s", {"parts": []}, 2, asked)
    assert queue_words(store.runs(of_studies=True), workers=1) == ""
    assert store.claim("w", LEASE_S)
    said = queue_words(store.runs(of_studies=True), workers=1)
    assert said == "A new run is queued behind one."
