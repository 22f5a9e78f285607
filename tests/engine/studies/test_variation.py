"""What a study varies: values, ranges, grids and draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fa_engine import Limits, NotAllowed, RunConfig, Trainer
from fa_engine.studies.variation import Axis, Variation, WrongCells


def test_a_grid_is_every_combination_and_its_last_field_changes_fastest() -> None:
    variation = Variation.read({"scheme": "bp, fa", "learning_rate": "0.1, 0.2", "epochs": "3"})
    assert variation.varied == ("scheme", "learning_rate")
    assert [(c.scheme, c.learning_rate, c.epochs) for c in variation.configs()] == [
        ("bp", 0.1, 3),
        ("bp", 0.2, 3),
        ("fa", 0.1, 3),
        ("fa", 0.2, 3),
    ]


@pytest.mark.parametrize(
    ("name", "given", "values"),
    [
        ("learning_rate", "log 0.01 1 3", (0.01, 0.1, 1.0)),
        ("learning_rate", "LOG 0.01 1 5", (0.01, 0.0316, 0.1, 0.316, 1.0)),
        ("learning_rate", "linear 0.1 0.5 3", (0.1, 0.3, 0.5)),
        ("epochs", "log 1 100 3", (1, 10, 100)),
        ("epochs", "linear 1 2 5", (1, 2)),  # whole numbers alone, each once
        ("learning_rate", "linear 0.12345 0.6789 3", (0.12345, 0.401, 0.6789)),
        ("learning_rate", "linear 0.5001 0.5003 3", (0.5001, 0.5002, 0.5003)),
        ("weight_std", "log 0.01 1 3", (0.01, 0.1, 1.0)),
        ("learning_rate", [0.1, 0.2], (0.1, 0.2)),
        ("learning_rate", 0.1, (0.1,)),
        ("bias", "yes, no", (True, False)),
        ("weight_std", "0.1, 0.2", ("0.1", "0.2")),
        ("weight_std", "0.1, 0.2, 0.3; 0.4", ("0.1, 0.2, 0.3", "0.4")),
    ],
)
def test_values_are_read_as_they_are_written(name: str, given: Any, values: Any) -> None:
    assert Axis.read(name, given).values == values


def test_layers_have_commas_of_their_own() -> None:
    configs = Variation.read({"hidden": "64; 64, 32; 8"}).configs()
    assert [config.hidden for config in configs] == [(64,), (64, 32), (8,)]
    assert len(Variation.read({"hidden": "64, 32", "seed": "1, 2"}).configs()) == 2


def test_what_is_written_in_two_ways_is_one_cell() -> None:
    rates = [c.learning_rate for c in Variation.read({"learning_rate": "0.1, 1e-1, 0.2"}).configs()]
    assert rates == [0.1, 0.2]
    assert len(Variation.read({"hidden": "64,64; 64, 64; 8"}).configs()) == 2


def test_networks_of_two_seeds_share_no_draw() -> None:
    first, second = Variation.read({"seed": "0, 1", "replicates": "2"}).configs()
    weights = [Trainer(config).network.weights[0] for config in (first, second)]
    assert not any(torch.equal(a, b) for a in weights[0] for b in weights[1])
    assert Variation.read({"seed": "0, 1", "draws": "1"}).configs()[0].draws == 1  # who wants to


def test_schemes_that_are_compared_have_the_parts_of_their_own_rows() -> None:
    configs = Variation.read({"scheme": "dfa, bp", "matrix": "random"}).configs()
    assert [config.matrix for config in configs] == ["random", "random"]  # it was written
    assert len(Variation.read({"scheme": "dfa, bp"}).configs()) == 2


@pytest.mark.parametrize(
    ("asked", "field", "allowed"),
    [
        ({"fields": {}}, "fields", "two or more values"),
        ({"fields": {"epochs": "3"}}, "fields", "two or more values"),
        ({"fields": {"lr": "1, 2"}}, "lr", "a field of a run"),
        ({"fields": {"vary": "1, 2"}}, "vary", "a field of a run"),
        ({"fields": {"epochs": "3, 3"}}, "epochs", "different values"),
        ({"fields": {"epochs": "3, , 4"}}, "epochs", "different values"),
        ({"fields": {"learning_rate": "log 0 1 3"}}, "learning_rate", "above 0"),
        ({"fields": {"learning_rate": "log 1 0.1 3"}}, "learning_rate", "a range such as"),
        ({"fields": {"learning_rate": "log 0.1 1"}}, "learning_rate", "a range such as"),
        ({"fields": {"learning_rate": "log 0.1 inf 3"}}, "learning_rate", "a range such as"),
        ({"fields": {"learning_rate": "log 0.1 1 1"}}, "learning_rate", "at least 2"),
        ({"fields": {"learning_rate": "log 0.1 1 3 4"}}, "learning_rate", "a range such as"),
        ({"fields": {"scheme": "log 1 2 3"}}, "scheme", "no range"),
        (
            {"fields": {"seed": "linear 1 500 500", "epochs": "1, 2, 3"}},
            "fields",
            "500 × 3 = 1,500",
        ),
        ({"fields": {"epochs": "1, 2"}, "sampling": "all"}, "sampling", "grid, random, sobol"),
        ({"fields": {"epochs": "1, 2"}, "sampling": "sobol"}, "samples", "from 2 to 1,000"),
        ({"fields": {"epochs": "1, 2"}, "sampling": "random", "samples": 1}, "samples", "from 2"),
        ({"fields": {"epochs": "1, 2"}, "sampling": "random", "samples": True}, "samples", "from"),
    ],
)
def test_what_is_wrong_is_named(asked: dict[str, Any], field: str, allowed: str) -> None:
    with pytest.raises(NotAllowed) as refused:
        Variation.read(**asked)
    assert refused.value.problem.field == field
    assert allowed in refused.value.problem.allowed


def test_all_cells_that_cannot_be_trained_are_said_at_once() -> None:
    with pytest.raises(WrongCells) as wrong:
        Variation.read({"learning_rate": "0.1, -1", "hidden": "8; 0; 16"}).configs()
    assert {problem.field for problem in wrong.value.problems} == {"learning_rate", "hidden"}
    with pytest.raises(WrongCells, match="parameters"):
        Variation.read({"seed": "1, 2"}).configs(Limits(max_parameters=10))


@pytest.mark.parametrize("sampling", ["random", "sobol"])
def test_draws_lie_in_the_ranges_and_are_the_same_again(sampling: str) -> None:
    fields = {"learning_rate": "log 0.001 1 3", "hidden": "8; 16", "replicates": "2"}
    variation = Variation.read(fields, sampling, 32)
    cells = variation.cells()
    assert cells == Variation.read(fields, sampling, 32).cells()
    assert cells != Variation.read(fields, sampling, 32, seed=1).cells()
    rates = np.array([cell["learning_rate"] for cell in cells])
    assert ((rates >= 0.001) & (rates <= 1)).all()
    assert len(set(rates)) > 3  # anywhere in the range, not at the grid's places
    assert {cell["hidden"] for cell in cells} == {"8", "16"}
    assert {config.replicates for config in variation.configs()} == {2}


def test_sobol_spreads_evenly() -> None:
    cells = Variation.read(
        {"learning_rate": "log 0.0001 1 3", "momentum": "linear 0 0.8 3"}, "sobol", 16
    )
    rates = np.log10([cell["learning_rate"] for cell in cells.cells()])
    quarters = np.histogram(rates, bins=[-4, -3, -2, -1, 0.001])[0]
    assert quarters.tolist() == [4, 4, 4, 4]


def test_draws_that_are_alike_are_one_cell() -> None:
    assert len(Variation.read({"epochs": "1, 2"}, "random", 20).cells()) == 2


@given(
    low=st.floats(1e-4, 1.0),
    ratio=st.floats(1.5, 100.0),
    count=st.integers(2, 12),
)
def test_a_range_begins_and_ends_where_it_says(low: float, ratio: float, count: int) -> None:
    high = low * ratio
    values = Axis.read("learning_rate", f"log {low} {high} {count}").values
    assert values[0] == pytest.approx(low, rel=5e-3)
    assert values[-1] == pytest.approx(high, rel=5e-3)
    assert list(values) == sorted(set(values))


def test_everything_is_what_a_run_takes() -> None:
    (config, _) = Variation.read({"seed": "1, 2"}).configs()
    assert config == RunConfig(seed=1, draws=2)
