"""Exponents of known walks, and what a sketch keeps of a displacement."""

import numpy as np
import pytest
import torch

from fa_engine import RunConfig, Trainer
from fa_engine.dynamics.diffusion import (
    MAX_SNAPSHOTS,
    Trajectory,
    mean_squared_displacement,
    power_law,
)

CONFIG = RunConfig(hidden=(64, 16), batch_size=16, epochs=10, replicates=3, learning_rate=0.05)


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def test_a_random_walk_diffuses(rng):
    """``|w(t + lag) - w(t)|^2 = k lag`` for unit steps in ``k`` dimensions."""
    walk = rng.standard_normal((500, 3, 200)).cumsum(0)
    found = mean_squared_displacement(np.arange(500), walk)
    np.testing.assert_allclose(found.exponent, 1, atol=0.05)
    np.testing.assert_allclose(found.squared[0], 200, rtol=0.05)
    fitted = found.factor * found.lags[:, None] ** found.exponent
    np.testing.assert_allclose(fitted, found.squared, rtol=0.3)
    assert found.lags[0] == 1
    assert 200 < found.lags[-1] <= 250
    assert len(found.lags) < 40


def test_a_straight_line_drifts(rng):
    direction = rng.standard_normal((2, 50))
    line = np.arange(0, 4000, 10)[:, None, None] * direction
    found = mean_squared_displacement(list(range(0, 4000, 10)), line)
    np.testing.assert_allclose(found.exponent, 2, atol=0.01)
    np.testing.assert_allclose(found.squared[0], 100 * (direction**2).sum(1))
    assert found.lags[0] == pytest.approx(10)


def test_a_drifting_random_walk_crosses_over(rng):
    """Diffusion wins at short lags, drift at long ones."""
    walk = rng.standard_normal((512, 1, 300)).cumsum(0) + 0.2 * np.arange(512)[:, None, None]
    found = mean_squared_displacement(np.arange(512), walk)
    early, late = found.lags < 4, found.lags > 100
    assert power_law(found.lags[early], found.squared[early])[0] < 1.2
    assert power_law(found.lags[late], found.squared[late])[0] > 1.6


def test_all_pairs_are_averaged(rng):
    steps, walk = np.array([0, 1, 2, 3, 4, 5]), rng.standard_normal((6, 2, 4))
    found = mean_squared_displacement(steps, walk)
    assert found.lags.tolist() == [1, 2]
    for lag, squared in zip((1, 2), found.squared, strict=True):
        expected = ((walk[lag:] - walk[:-lag]) ** 2).sum(2).mean(0)
        np.testing.assert_allclose(squared, expected)


def test_checkpoints_at_uneven_steps_serve_too(rng):
    steps = np.unique(np.geomspace(1, 3000, 40).astype(int))
    walk = rng.standard_normal((3001, 2, 100)).cumsum(0)[steps]
    found = mean_squared_displacement(steps, walk)
    np.testing.assert_allclose(found.exponent, 1, atol=0.1)
    line = steps[:, None, None] * np.ones((1, 1, 3))
    np.testing.assert_allclose(mean_squared_displacement(steps, line).exponent, 2, atol=0.01)


def test_what_cannot_be_said_is_nan_or_refused():
    still = mean_squared_displacement(np.arange(9), np.ones((9, 1, 4)))
    assert np.isnan(still.exponent).all()
    with pytest.raises(ValueError, match="2 snapshots"):
        mean_squared_displacement([0, 1], np.ones((2, 1, 4)))
    with pytest.raises(ValueError, match="no snapshot"):
        Trajectory(Trainer(CONFIG).network).snapshots()


def test_a_sketch_keeps_squared_lengths_within_its_error():
    """Relative standard deviation ``sqrt(2 / size)``, over seeds; the mean is the length."""
    network = Trainer(CONFIG.replace(replicates=1)).network
    exact = network.weights[0].square().sum().item()
    found = []
    for seed in range(200):
        trajectory = Trajectory(network, size=128, seed=seed)
        trajectory.record(0)
        found.append((trajectory.snapshots(0) ** 2).sum() / exact)
    assert np.mean(found) == pytest.approx(1, abs=4 * (2 / 128 / 200) ** 0.5)
    assert np.std(found) == pytest.approx((2 / 128) ** 0.5, rel=0.25)


def test_a_sketch_is_linear_and_a_small_layer_exact():
    trainer = Trainer(CONFIG)
    trajectory = Trajectory(trainer.network, size=1024)
    assert trajectory.whole == [False, True, True]
    kept = [w.clone() for w in trainer.network.weights]
    trajectory.record(0)
    for weight in trainer.network.weights:
        weight.mul_(3)
    trajectory.record(1)
    one, three = trajectory.snapshots(0)
    np.testing.assert_allclose(three, 3 * one, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(trajectory.snapshots(2)[0], kept[2].flatten(1).numpy())
    assert trajectory.snapshots().shape == (2, 3, 1024 + 1024 + 160)


def test_a_track_follows_a_run_at_bounded_cost_and_leaves_it_alone():
    tracked, plain = Trainer(CONFIG), Trainer(CONFIG)
    trajectory, all_of_it = Trajectory(tracked.network, size=256), []
    for _ in range(800):
        trajectory.record(tracked.step)
        all_of_it.append(tracked.network.weights[0].flatten(1).double().numpy().copy())
        tracked.advance()
        plain.advance()
        assert len(trajectory.steps) < MAX_SNAPSHOTS
    assert all(map(torch.equal, tracked.network.weights, plain.network.weights))
    assert trajectory.interval == 2
    assert trajectory.steps == list(range(0, 800, 2))
    sketched = mean_squared_displacement(trajectory.steps, trajectory.snapshots(0))
    exact = mean_squared_displacement(trajectory.steps, np.stack(all_of_it[::2]))
    np.testing.assert_allclose(sketched.squared, exact.squared, rtol=4 * (2 / 256) ** 0.5)
    np.testing.assert_allclose(sketched.exponent, exact.exponent, atol=0.1)
    assert ((exact.exponent > 0.8) & (exact.exponent < 2.05)).all()


def test_a_saved_track_goes_on():
    trainer = Trainer(CONFIG)
    whole, first = Trajectory(trainer.network, every=2), Trajectory(trainer.network, every=2)
    second = Trajectory(trainer.network)
    for step in range(20):
        whole.record(step)
        if step < 9:
            first.record(step)
        elif step == 9:
            second.load_state(first.state())
        else:
            second.record(step)
        trainer.advance()
    assert second.steps == whole.steps == list(range(0, 20, 2))
    np.testing.assert_array_equal(second.snapshots(), whole.snapshots())
