"""What is said of a run that has lost networks, wherever a person looks."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from web_helpers import CONFIG, Script

from app.components.lab_run import run_words
from app.components.shell import runs_list
from app.divergence import divergence, message, state_class, state_words
from app.figures.bands import bands
from app.server import WebApp
from app.store import Draft, RunState, Store
from app.views import event_view, series_of
from fa_engine import Trainer

SINCE = [None, None, 15]


def text(components: Any) -> str:
    return json.dumps(
        [part.to_plotly_json() for part in components], default=lambda c: c.to_plotly_json()
    )


def lose(script: Script, *, ended: RunState = RunState.FINISHED) -> None:
    script.write(Draft.diverged(15, SINCE))
    script.write(Draft.state(ended, 44))


@pytest.mark.parametrize(
    ("since", "lost", "words"),
    [
        ([None, None, 15], "1 of 3 networks diverged", "network 3 since step 15"),
        (
            [1200, 15, 15, 15, None, 15],
            "5 of 6 networks diverged",
            "networks 2 to 4 and 6 since step 15; network 1 since step 1,200",
        ),
        ([7, 7], "2 of 2 networks diverged", "networks 1 and 2 since step 7"),
        ([1000], "diverged", "since step 1,000"),
    ],
)
def test_how_many_are_left_and_since_when(since: list[int | None], lost: str, words: str) -> None:
    found = divergence(since)
    assert found is not None
    assert (found["lost"], found["since"]) == (lost, words)
    assert found["left"] == since.count(None)
    assert bool(found["empty"]) == (None not in since)


def test_nothing_is_said_of_a_run_that_is_whole() -> None:
    assert divergence([None, None]) is None


def test_the_caption_tells_of_how_many_the_lines_are() -> None:
    found = divergence([70, 1075, 15])
    assert found is not None
    assert found["lines"].endswith(
        "that are left: 3 at first, 2 from step 15 on, 1 from step 70 on, none from step 1,075 on."
    )
    many = divergence([10 * n for n in range(1, 9)])
    assert many is not None
    assert many["lines"].endswith("6 from step 20 on, …, none from step 80 on.")
    assert many["since_short"] == "from step 10 to step 80"


def test_who_watches_is_told_once_and_not_when_the_run_ends_of_it() -> None:
    assert message(15, [None, None, 15]).startswith("Network 3 of 3 diverged")
    assert "step 15. Of the networks, the other 2 train on" in message(15, [None, None, 15])
    assert "Network 1 of 3 diverged" in message(20, [20, None, 15])
    assert message(30, [20, 30, 15]) == ""


@pytest.mark.parametrize(
    ("state", "words", "colour"),
    [
        (RunState.FINISHED, "finished, 1 of 3 networks diverged", "partly"),
        (RunState.STOPPED, "stopped, 1 of 3 networks diverged", "partly"),
        (RunState.INTERRUPTED, "interrupted, 1 of 3 networks diverged", "interrupted"),
    ],
)
def test_no_run_that_lost_a_network_ends_in_plain_green(
    script: Script, state: RunState, words: str, colour: str
) -> None:
    lose(script, ended=state)
    run = script.store.run(script.run.id)
    assert (state_words(run), state_class(run)) == (words, colour)
    listed = text(runs_list([run], "/"))
    assert words in listed
    assert f"dot dot-{colour}" in listed
    assert "network 3 since step 15" in listed
    lab = text(run_words(run))
    assert words in lab
    assert f"state-{colour}" in lab
    assert "network 3 since step 15" in lab


def test_a_run_that_is_whole_ends_in_green(script: Script) -> None:
    script.finish()
    run = script.store.run(script.run.id)
    assert (state_words(run), state_class(run)) == ("finished", "finished")


def test_the_api_and_the_events_say_it(app: WebApp, script: Script) -> None:
    lose(script)
    client = app.test_client()
    run = client.get(f"/api/runs/{script.run.id}").get_json()
    assert run["diverged_at"] == SINCE
    assert run["divergence"]["left"] == 2
    assert client.get("/api/runs").get_json()["runs"][0]["divergence"] == run["divergence"]
    events = client.get(f"/api/runs/{script.run.id}/events?after=0").get_json()["events"]
    (told,) = [event for event in events if event["kind"] == "diverged"]
    assert told["diverged_at"] == SINCE
    assert told["divergence"] == run["divergence"]
    assert told["message"].startswith("Network 3 of 3 diverged")


def test_bands_count_the_living_alone(script: Script, app: WebApp) -> None:
    config = CONFIG.replace(
        activation="relu", loss="squared_error", learning_rate=0.3, hidden=(64, 64), measure_every=5
    )
    measured = list(Trainer(config))
    script.measured = measured
    script.measure(count=len(measured))
    events = app.store.events(script.run.id)
    series = series_of(events)
    assert series is not None
    found = bands(series)
    for index, m in enumerate(measured):
        alive = np.isfinite(m.loss)
        assert alive.sum() == (3 if m.step < 15 else 2)
        for key, values in (("loss", m.loss), ("accuracy", m.accuracy)):
            middle = np.median(values[alive])
            assert found[key].median[index] == pytest.approx(middle, rel=1e-5), (key, m.step)
    view = event_view(next(event for event in events if event.kind == "measurements"))
    assert view["bands"]["accuracy"]["median"] == found["accuracy"].as_json()["median"]


def test_where_no_network_is_left_test_measures_end_as_the_others_do(
    script: Script, app: WebApp
) -> None:
    """Else the chart's last word would be a test accuracy of networks that are gone."""
    config = CONFIG.replace(
        activation="relu",
        loss="squared_error",
        learning_rate=0.3,
        hidden=(64, 64),
        epochs=4,
        measure_every=5,
        evaluate_every=20,
    )
    script.measured = measured = list(Trainer(config))
    script.measure(count=len(measured))
    series = series_of(app.store.events(script.run.id))
    assert series is not None
    found = bands(series)
    last = measured[-1].step
    assert np.isnan(measured[-1].loss).all()
    for key in ("loss", "accuracy", "test_loss", "test_accuracy"):
        assert found[key].step[-1] == last
        assert np.isnan(found[key].median[-1])
        assert np.isfinite(found[key].median[:-1]).any()
    run = app.store.run(script.run.id)
    assert run.last_accuracy is None
    assert run.best_accuracy == pytest.approx(np.nanmax(found["test_accuracy"].median), abs=1e-6)


def test_a_switched_scheme_is_named_as_the_field_names_it(store_of: Store, script: Script) -> None:
    script.write(Draft.control(7, "scheme", "fa", "bp"))
    view = event_view(store_of.events(script.run.id)[-1])
    assert view["label"] == "FA → BP"
    assert view["title"].startswith("FA → BP at step 7 on ")


@pytest.fixture
def store_of(app: WebApp) -> Store:
    return app.store
