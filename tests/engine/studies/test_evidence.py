"""Evidence: what is asked of series that were made by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fa_engine import RunConfig, Trainer, probe_set, spectrum
from fa_engine.studies.evidence import MOST_SAMPLES, Shown

NAN = np.nan


def shown(diverged: tuple[bool, ...] = (False, False), **series: Any) -> Shown:
    """Of two networks, measured every 10 steps."""
    arrays = {name: np.array(values, np.float32) for name, values in series.items()}
    count = len(next(iter(arrays.values())))
    arrays["step"] = np.arange(count) * 10
    trainer: Any = SimpleNamespace(diverged=np.array(diverged))
    return Shown(RunConfig(), arrays, trainer)


def same(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-6)


NOW_AND_THEN = [[1, 2], [NAN, NAN], [3, 4], [5, NAN], [NAN, NAN]]


def test_a_measure_is_asked_for_where_it_was_taken() -> None:
    one = shown(loss=NOW_AND_THEN)
    same(one.first("loss"), [1, 2])
    same(one.at("loss", 1), [3, 4])
    same(one.at("loss", 20), [3, 4])
    same(one.at("loss", 21), [5, NAN])
    same(one.at("loss", 31), [NAN, NAN])
    same(one.last("loss"), [5, NAN])
    layered = shown(angle=[[[1, 2], [3, 4]], [[5, 6], [7, 8]]])
    same(layered.first("angle"), [[1, 2], [3, 4]])
    same(layered.last("angle"), [[5, 6], [7, 8]])
    same(shown(loss=[[NAN, NAN]]).last("loss"), [NAN, NAN])


def test_where_a_network_that_diverged_ended_is_not_known() -> None:
    gone = {"diverged": (True, False), "loss": [[1, 2], [3, 4]]}
    one = shown(**gone, update_norm=np.ones((2, 2, 1)))
    same(one.last("loss"), [NAN, 4])
    same(one.at_rest("loss"), [NAN, 2])
    same(shown((True, False), loss=[[1, 2]] * 8).late_mean("loss"), [NAN, 2])
    same(one.first("loss"), [1, 2])  # how it began is


def test_rest_is_where_all_hidden_layers_together_move_least() -> None:
    lengths = [[[3, 4], [1, 1]], [[4, 2.9], [NAN, NAN]], [[0, 4.97], [9, 0]]]
    one = shown(update_norm=lengths, loss=[[1, 2], [3, 4], [5, 6]])
    same(one.at_rest("loss"), [3, 2])
    same(one.at_rest("update_norm"), [[4, 2.9], [1, 1]])


def test_the_share_of_the_output_layer_is_of_the_sum_over_layers() -> None:
    rates = [[[1, 1, 2], [0, 0, 5]], [[4, 4, 0], [-1, 0, 3]], [[9, 9, 9], [0, 0, 0]]]
    one = shown(descent_rate=rates, accuracy=[[0.1, 0.1], [0.5, 0.2], [0.4, 0.6]])
    same(one.output_share(0), [0.5, 1])
    same(one.output_share(10), [0, 1.5])
    same(one.output_share(20), [1 / 3, NAN])
    # The first network is there at its second measurement, the second one at its third.
    same(one.output_share_until("accuracy", 0.5), [0.5, 8 / 7])
    same(one.output_share_until("accuracy", 0.6), [NAN, 8 / 7])
    same(one.output_share_until("accuracy", 0.1), [NAN, NAN])  # there before the first step


def test_late_is_the_last_quarter() -> None:
    values = np.arange(16.0).reshape(8, 2)
    same(shown(loss=values).late_mean("loss"), values[6:].mean(0))
    same(shown(loss=np.arange(18.0).reshape(9, 2)).late_mean("loss"), [15, 16])


@pytest.mark.parametrize(("drifts", "expected"), [(True, 2.0), (False, 1.0)])
def test_a_drift_is_told_from_a_random_walk(drifts: bool, expected: float) -> None:
    rng = np.random.default_rng(1)
    steps = np.full((256, 2, 300), 0.1) if drifts else rng.standard_normal((256, 2, 300))
    path: Any = SimpleNamespace(
        steps=np.arange(256), snapshots=lambda layer: np.cumsum(steps, 0) if layer == 0 else None
    )
    trainer: Any = SimpleNamespace(diverged=np.array([False, False]))
    one = Shown(RunConfig(), {}, trainer, path)
    np.testing.assert_allclose(one.exponent(), expected, atol=0.1)


def test_an_exponent_needs_a_walk_that_was_followed() -> None:
    with pytest.raises(ValueError, match="walk is to be on"):
        shown(loss=[[1, 2]]).exponent()


def test_modes_are_those_of_the_spectrum_under_the_scheme_that_is_asked_for() -> None:
    config = RunConfig(hidden=(8,), replicates=3, scheme="fa", epochs=1)
    trainer = Trainer(config)
    for _ in trainer:
        pass
    before = trainer.network.weights[0].clone()
    one = Shown(config, {}, trainer)
    probe = probe_set(trainer.data, MOST_SAMPLES)
    found = spectrum(trainer, probe, symmetric=False)
    share = found.error_unstable_share
    same(one.unstable_share("fa"), found.unstable_share if share is None else share)
    assert one.unstable_share("fa").max() > 0
    same(one.unstable_share("bp"), np.zeros(3))  # K is a Gram matrix there
    assert trainer.scheme == "fa"
    assert trainer.network.weights[0].equal(before)
