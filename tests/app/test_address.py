"""Addresses of models: what is written is read back, what is wrong is named, the rest is taken."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from app.address import BESIDE, Reading, defaults, read, write
from app.components.lab_state import (
    STABILITY_CONTROLS,
    WALK_CONTROLS,
    StabilityState,
    WalkState,
)
from app.components.plane_state import CONTROLS, PlaneState, start_pairs, start_texts
from app.components.presets import FIRST, PRESETS
from fa_engine import SCHEMES, Limits, RunConfig, allowed

BEGIN = FIRST.config.model_dump()


def reading(search: str, **more: Any) -> Reading:
    return read(RunConfig, search, BEGIN, **more)


CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "scheme": st.sampled_from(sorted(SCHEMES)),
        "hidden": st.lists(st.integers(1, 2000), min_size=1, max_size=5).map(tuple),
        "learning_rate": st.floats(1e-12, 100, exclude_min=True),
        "momentum": st.floats(0, 1, exclude_max=True),
        "weight_std": st.none() | st.floats(0, 100) | st.just("he"),
        "feedback_gain": st.floats(0, 100),
        "feedback_seed": st.none() | st.integers(0, 2**31 - 1),
        "walk": st.booleans(),
        "bias": st.booleans(),
        "frozen": st.sampled_from([(), (1,), (2, 1)]),
        "teacher_hidden": st.lists(st.integers(1, 4096), max_size=8).map(tuple),
        "seed": st.integers(0, 2**31 - 1),
        "epochs": st.integers(1, 10_000),
        "label_noise": st.floats(0, 1),
    },
)


@given(CHANGES)
def test_what_is_written_is_read_back(changes: dict[str, Any]) -> None:
    config = FIRST.config.replace(**changes)
    search = write(config.model_dump(), BEGIN)
    found = reading(f"?{search}", context={"limits": Limits(max_parameters=10**12)})
    assert found.problems == []
    assert FIRST.config.replace(**found.values) == config
    # Only what differs is there.
    assert {name for name, _ in parse_qsl(search, keep_blank_values=True)} == {
        name for name, value in config.model_dump().items() if value != BEGIN[name]
    }


@given(st.dictionaries(st.sampled_from([*RunConfig.model_fields, "x"]), st.text(max_size=12)))
def test_whatever_an_address_says_what_is_taken_is_allowed(given_: dict[str, str]) -> None:
    found = read(RunConfig, write(given_, dict.fromkeys(given_)))
    named = {problem.field for problem in found.problems}
    if named <= set(given_):  # or what is given does not go with the rest, which is said
        RunConfig.model_validate(defaults(RunConfig) | found.values)
    assert all(problem.words and problem.allowed for problem in found.problems)
    assert not set(found.values) & named & set(given_)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.title)
def test_a_preset_has_an_address(preset: Any) -> None:
    found = reading(write(preset.config.model_dump(), BEGIN))
    assert FIRST.config.replace(**found.values) == preset.config


def test_an_address_can_be_read_by_a_person() -> None:
    config = FIRST.config.replace(
        scheme="dfa", hidden=(256, 128), learning_rate=0.05, walk=False, weight_std=0.5
    )
    assert write(config.model_dump(), BEGIN) == (
        "hidden=256,128&weight_std=0.5&scheme=dfa&learning_rate=0.05&walk=no"
    )
    images = FIRST.config.replace(dataset="mnist", hidden="conv 16x5, pool 2, 64")
    search = write(images.model_dump(), BEGIN)
    assert search == "dataset=mnist&hidden=conv+16x5,pool+2,64"
    assert FIRST.config.replace(**reading(search).values) == images


def test_a_wrong_value_is_named_and_the_rest_is_taken() -> None:
    found = reading("?scheme=dfa&learning_rate=200&hidden=64,abc&seed=7&run=abc&show=charts")
    assert found.values == {"scheme": "dfa", "seed": 7}
    assert {problem.words for problem in found.problems} == {
        "Learning rate = '200': allowed is a number above 0, at most 100",
        "Hidden layers = '64,abc': allowed is " + allowed("hidden"),
    }


def test_an_unknown_name_is_said_and_a_second_value_is_one_too_many() -> None:
    found = reading("lerning_rate=0.1&seed=1&seed=2")
    assert found.values == {}
    unknown, twice = found.problems
    assert unknown.field == "lerning_rate"
    assert "learning_rate" in unknown.words
    assert twice.words == "Seed = 1, 2: allowed is one value"


def test_what_may_be_one_number_or_two_is_not_guessed() -> None:
    assert reading("hidden=256,256").values == {"hidden": (256, 256)}
    (problem,) = reading("hidden=1,024").problems
    assert "1024 or 1, 24" in problem.words


def test_values_that_do_not_go_together_are_told_by_the_field_that_has_to_change() -> None:
    found = reading("train_samples=40")
    assert found.values == {"train_samples": "40"}
    assert [problem.field for problem in found.problems] == ["batch_size"]
    assert reading("train_samples=40&batch_size=40").problems == []
    lifted = reading("epochs=20000", context={"limits": Limits(max_epochs=20_000)})
    assert lifted.values == {"epochs": 20_000}
    assert [problem.field for problem in reading("epochs=20000").problems] == ["epochs"]


class Chosen(BaseModel):
    """A page's state, of other kinds of fields."""

    runs: tuple[str, ...] = Field((), title="Runs")
    x: Literal["step", "epoch"] = "step"
    smoothing: float = Field(0.0, title="Smoothing", ge=0, lt=1)
    log: bool = False
    cursor: int | None = None


def test_any_model_has_addresses() -> None:
    chosen = Chosen(runs=("abc", "def"), x="epoch", smoothing=0.9, log=True, cursor=40)
    search = write(chosen.model_dump(), defaults(Chosen))
    assert search == "runs=abc,def&x=epoch&smoothing=0.9&log=yes&cursor=40"
    assert Chosen(**read(Chosen, search).values) == chosen
    assert Chosen(**read(Chosen, "?runs=abc&cursor=").values) == Chosen(runs=("abc",))
    found = read(Chosen, "smoothing=2&x=minutes&log=perhaps")
    assert found.values == {}
    assert [problem.field for problem in found.problems] == ["x", "smoothing", "log"]
    assert found.problems[0].words == "x = 'minutes': allowed is 'step' or 'epoch'"
    assert found.problems[1].words == "Smoothing = '2': allowed is less than 1"


def test_fields_have_names_of_their_own() -> None:
    assert not set(BESIDE) & set(RunConfig.model_fields)


def test_the_plane_page_has_addresses() -> None:
    begin = defaults(PlaneState)
    state = PlaneState(case="tanh", target=-1.5, noise=0.2, background=False, starts=("0.5:1.0",))
    search = write(state.model_dump(), begin)
    assert search == "case=tanh&target=-1.5&noise=0.2&background=no&starts=0.5:1"
    assert PlaneState(**read(PlaneState, search).values) == state
    assert write(PlaneState().model_dump(), begin) == ""
    assert PlaneState(**read(PlaneState, "starts=").values).starts == ()
    assert start_pairs(start_texts([[0.25, -3]])) == [[0.25, -3.0]]
    for wrong in ("starts=1", "starts=1:9", "starts=a:b", "starts=" + ",".join(["1:1"] * 6)):
        (problem,) = read(PlaneState, wrong).problems
        assert problem.title == "Trajectories"
        assert "at most 5 pairs of weights" in problem.words
    assert read(PlaneState, "target=5").problems[0].words == (
        "Target = '5': allowed is less than or equal to 2"
    )


def test_the_lab_pages_have_addresses() -> None:
    begin = defaults(StabilityState)
    search = "step=4400&scale=log&kicked=yes&under=bp&epsilon=0.1"
    state = StabilityState(**read(StabilityState, search).values)
    assert state == StabilityState(step=4400, under="bp", scale="log", epsilon=0.1, kicked=True)
    assert write(state.model_dump(), begin) == search
    assert write(StabilityState().model_dump(), begin) == ""
    found = read(StabilityState, "step=-1&scale=cubic&under=nothing&n_samples=1e9&replicate=two")
    assert found.values == {}
    assert {problem.words for problem in found.problems} == {
        "Checkpoint = '-1': allowed is the step of a checkpoint, from 0",
        "Scale of the steps = 'cubic': allowed is linear or log",
        "Feedback = 'nothing': allowed is own or the name of a scheme",
        "Probe set = '1e9': allowed is a whole number from 1 to 100,000",
        "Network = 'two': allowed is a whole number from 1 to 1,000,000",
    }
    begin = defaults(WalkState)
    search = "through=0,200,4400&others=abc&drawn=yes&plane=three&resolution=21"
    walk = WalkState(**read(WalkState, search).values)
    assert walk.through == ("0", "200", "4400")
    assert write(walk.model_dump(), begin) == search
    (problem,) = read(WalkState, "through=1,2,3,4").problems
    assert problem.words.startswith("Three checkpoints = '1,2,3,4': allowed is at most three")


@pytest.mark.parametrize(
    ("state", "controls"),
    [(StabilityState, STABILITY_CONTROLS), (WalkState, WALK_CONTROLS), (PlaneState, CONTROLS)],
)
def test_every_field_of_a_page_has_a_control(state: Any, controls: Any) -> None:
    names = [control.field for control in controls]
    assert sorted(names) == sorted(state.model_fields)
