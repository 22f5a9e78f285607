"""Parameters: one message for whatever is wrong with them, from one definition."""

from __future__ import annotations

from typing import Any

import pytest

from app.lab import COMPUTATIONS, KickParams, LandscapeParams, Params, SpectrumParams, checked
from fa_engine import RunConfig

CONFIG = RunConfig(hidden=(8,), replicates=3)
ON_CHECKPOINTS = [
    known.params for known in COMPUTATIONS.values() if issubclass(known.params, Params)
]


@pytest.mark.parametrize("kind", ON_CHECKPOINTS)
def test_defaults_are_allowed(kind: type[Params]) -> None:
    params, wrong = checked(kind, {}, CONFIG)
    assert wrong == {}
    assert isinstance(params, kind)


@pytest.mark.parametrize("kind", ON_CHECKPOINTS)
def test_every_number_says_what_is_allowed(kind: type[Params]) -> None:
    for name, field in kind.model_fields.items():
        if field.annotation not in (int, float) or not field.title:
            continue
        for value in ("", "many", -1, "nan", None, 10**12, [1]):
            params, wrong = checked(kind, {name: value}, CONFIG)
            assert params is None
            assert list(wrong) == [name]
            shown = "is empty" if value in ("", None) else "= "
            assert wrong[name].startswith(f"{field.title} {shown}")
            assert "allowed is" in wrong[name]


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (SpectrumParams, {"replicate": 4}, "Network = 4: allowed is from 1 to 3"),
        (
            SpectrumParams,
            {"n_samples": 300},
            "Probe set = 300: allowed is a whole number from 1 to 200: 3,000 modes take minutes",
        ),
        (SpectrumParams, {"under": "magic"}, "Feedback = 'magic': allowed is own or the name"),
        (
            SpectrumParams,
            {"n_samples": "abc"},
            "Probe set = 'abc': allowed is a whole number from 1 to 200",
        ),
        (KickParams, {"n_samples": 0}, "Probe set = 0: allowed is a whole number from 1 to 200"),
        (
            LandscapeParams,
            {"n_samples": 1439},
            "Samples = 1439: allowed is a whole number from 1 to 1,438",
        ),
        (
            KickParams,
            {"along": "north"},
            "Direction = 'north': allowed is one of telling, least_stable, ",
        ),
        (KickParams, {"epsilon": 0}, "Length of the kick = 0: allowed is a number above 0"),
        (LandscapeParams, {"plane": "three"}, "Checkpoints = 0: allowed is three checkpoints"),
        (
            LandscapeParams,
            {"plane": "three", "through": [1, 1, 2]},
            "Checkpoints = 2: allowed is three checkpoints",
        ),
    ],
)
def test_what_a_run_does_not_allow(kind: type[Params], values: Any, message: str) -> None:
    params, wrong = checked(kind, values, CONFIG)
    assert params is None
    assert message in next(iter(wrong.values()))


def test_another_run_with_fewer_networks_is_named() -> None:
    others = {"first": CONFIG, "second": CONFIG.replace(replicates=2)}
    params, wrong = checked(LandscapeParams, {"replicate": 3}, CONFIG, others)
    assert params is None
    assert wrong == {"replicate": "Network = 3: allowed is from 1 to 2, the networks of second"}
    assert checked(LandscapeParams, {"replicate": 2}, CONFIG, others)[1] == {}


def test_a_probe_set_too_large_for_memory_says_what_it_would_need() -> None:
    config = RunConfig(dataset="mnist", hidden=(64,), replicates=4)
    _, wrong = checked(SpectrumParams, {"n_samples": 60_000}, config)
    assert "from 1 to 200: 600,000 modes take minutes" in wrong["n_samples"]
    assert "GiB of memory are needed where 2 are the limit" in wrong["n_samples"]


def test_what_is_allowed_is_what_is_told() -> None:
    for config in (CONFIG, CONFIG.replace(train_samples=9, batch_size=9)):
        most = SpectrumParams.most_samples(config)
        assert checked(SpectrumParams, {"n_samples": most}, config)[1] == {}
        for value in ("many", most + 1, 10**9):
            _, wrong = checked(SpectrumParams, {"n_samples": value}, config)
            assert f"allowed is a whole number from 1 to {most}" in wrong["n_samples"]
