"""What a study says of each network."""

from __future__ import annotations

import numpy as np
import pytest

from app.store import Series, pack, unpack
from app.studies.values import VALUES, summed_up
from fa_engine import RunConfig, Trainer
from fa_engine.measures.catalogue import MEASURES

CONFIG = RunConfig(hidden=(8, 6), replicates=3, epochs=3, measure_every=10, evaluate_every=20)


@pytest.fixture(scope="module")
def series() -> Series:
    return unpack(*pack([*Trainer(CONFIG)]))


def test_every_value_is_there_once_a_network(series: Series) -> None:
    found = summed_up(series, [None] * 3)
    assert found.keys() == VALUES.keys()
    assert all(values.shape == (3,) for values in found.values())
    assert {name.partition(".")[0] for name in VALUES} >= MEASURES.keys()


def test_last_values_are_the_last_that_were_measured(series: Series) -> None:
    found = summed_up(series, [None] * 3)
    np.testing.assert_array_equal(found["loss"], series.loss[-1])
    np.testing.assert_array_equal(
        found["gradient_angle_deg.bottom"], series.gradient_angle_deg[-1, :, 0]
    )
    np.testing.assert_array_equal(
        found["gradient_angle_deg.top"], series.gradient_angle_deg[-1, :, 1]
    )
    np.testing.assert_array_equal(found["descent_rate.top"], series.descent_rate[-1, :, 2])
    tested = series.test_accuracy[np.isfinite(series.test_accuracy).all(1)]
    np.testing.assert_array_equal(found["test_accuracy"], tested[-1])
    np.testing.assert_array_equal(found["best_test_accuracy"], tested.max(0))
    assert np.isnan(found["path_length.top"]).all()  # nobody walked along


def test_the_first_evaluation_that_reaches_an_accuracy_counts(series: Series) -> None:
    arrays = series.arrays()
    accuracy = np.full_like(arrays["test_accuracy"], np.nan)
    accuracy[0], accuracy[2], accuracy[4] = [0.1, 0.1, 0.1], [0.6, 0.4, 0.85], [0.5, 0.9, 0.7]
    arrays["test_accuracy"] = accuracy
    found = summed_up(Series.of(arrays), [None] * 3)
    epoch = series.epoch
    np.testing.assert_array_equal(found["epochs_to_50"], [epoch[2], epoch[4], epoch[2]])
    np.testing.assert_array_equal(found["epochs_to_80"], [np.nan, epoch[4], epoch[2]])
    np.testing.assert_array_equal(found["epochs_to_95"], [np.nan] * 3)


def test_who_has_diverged_has_no_last_value(series: Series) -> None:
    found = summed_up(series, [None, 20, None])
    assert found["diverged"].tolist() == [0, 1, 0]
    for name in ("loss", "test_accuracy", "best_test_accuracy", "gradient_angle_deg.bottom"):
        assert np.isfinite(found[name]).tolist() == [True, False, True], name


def test_a_network_without_hidden_layers_measured_nothing_of_them() -> None:
    nothing = Series.empty(2, 3)
    found = summed_up(nothing, [None, None])
    assert all(np.isnan(v).all() for name, v in found.items() if name != "diverged")


@pytest.mark.parametrize(
    ("name", "number", "said"),
    [
        ("test_accuracy", 0.9712, "97.1 %"),
        ("gradient_angle_deg.top", 54.04, "54.0°"),
        ("loss", 0.01234, "0.0123"),
        ("loss", float("nan"), "–"),
    ],
)
def test_a_number_is_shown_with_its_unit(name: str, number: float, said: str) -> None:
    assert VALUES[name].shown(number) == said
