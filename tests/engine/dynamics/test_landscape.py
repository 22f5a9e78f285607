"""Planes hold what they are laid through, and surfaces are the loss and its slope."""

import numpy as np
import pytest
import torch

from fa_engine import RunConfig, Trainer
from fa_engine.config import NotAllowed
from fa_engine.dynamics.descent import step_on
from fa_engine.dynamics.landscape import (
    LEAST_SIDE,
    landscape,
    loss_surface,
    plane_through,
    point,
    principal_plane,
)
from fa_engine.dynamics.probes import probe_set
from fa_engine.networks.losses import LOSSES
from fa_engine.progress import Cancelled

CONFIG = RunConfig(
    hidden=(12, 9), learning_rate=0.2, batch_size=32, epochs=5, replicates=2, dtype="float64"
)
CONV = CONFIG.replace(hidden="conv 2x3, pool 2, 6")


def checkpoints(folder, config, steps):
    trainer, paths = Trainer(config), []
    for step in steps:
        while trainer.step < step:
            trainer.advance()
        paths.append(folder / f"{config.scheme}-{step}")
        trainer.save(paths[-1])
    return paths


def loss_at(trainer, probe):
    f = trainer.network.forward(probe.x).outputs
    return LOSSES[trainer.config.loss].value(f, probe.y).reshape(-1).numpy()


def test_a_plane_through_three_points_contains_them():
    points = torch.randn(3, 500, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    plane = plane_through(*points)
    torch.testing.assert_close(plane.axes @ plane.axes.T, torch.eye(2, dtype=torch.float64))
    np.testing.assert_allclose(plane.off(points), 0, atol=1e-12)
    at = plane.project(points)
    np.testing.assert_allclose(at[0], 0, atol=1e-12)
    assert at[1, 1] == pytest.approx(0, abs=1e-12)
    distances = np.linalg.norm(at[:, None] - at, axis=2)
    np.testing.assert_allclose(distances, torch.cdist(points, points), atol=1e-9)


def test_the_principal_plane_holds_most_of_the_variance():
    rng = np.random.default_rng(3)
    flat = rng.standard_normal((40, 2)) * [5, 2]
    axes = np.linalg.qr(rng.standard_normal((300, 2)))[0].T
    noise = 0.01 * rng.standard_normal((40, 300))
    points = torch.from_numpy(7 + flat @ axes + noise)
    plane = principal_plane(points)
    expected = np.linalg.svd(points - points.mean(0))[1] ** 2
    np.testing.assert_allclose(plane.explained, expected[:2] / expected.sum())
    assert plane.explained.sum() > 0.99
    # The same plane, whatever the axes.
    np.testing.assert_allclose(np.linalg.svd(plane.axes.numpy() @ axes.T)[1], 1, atol=1e-3)
    assert (plane.project(points)[-1] >= plane.project(points)[0]).all()


@pytest.mark.parametrize("make", [principal_plane, lambda points: plane_through(*points)])
def test_a_line_has_no_plane(make):
    line = torch.arange(3.0)[:, None] * torch.ones(1, 50)
    with pytest.raises(NotAllowed, match="not on one line"):
        make(line)


@pytest.mark.parametrize("config", [CONFIG, CONV], ids=["dense", "conv"])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_surface_is_the_loss_and_its_slope_the_gradient(config, loss):
    """At a point of the plane ``L`` is the checkpoint's loss, and ``-g`` its steepest descent."""
    config = config.replace(loss=loss, scheme="dfa", replicates=1, learning_rate=0.05)
    trainer = Trainer(config)
    probe, points, losses = probe_set(trainer.data, 50), [], []
    for _ in range(3):
        points.append(point(trainer.network).clone())
        losses.append(loss_at(trainer, probe)[0])
        for _ in range(10):
            trainer.advance()
    trainer = Trainer(config)
    plane = plane_through(*points)
    at, h = plane.project(torch.stack(points)), 1e-5
    for place, expected in zip(at, losses, strict=True):
        x, y = (place[i] + h * np.arange(-1, 2) for i in (0, 1))
        surface = loss_surface(config, trainer.network, plane, probe, x, y)
        assert surface.loss[1, 1] == pytest.approx(expected, rel=1e-12)
    x, y = (at[0, i] + h * np.arange(-1, 2) for i in (0, 1))
    surface = loss_surface(config, trainer.network, plane, probe, x, y)
    slope = [surface.loss[1, 2] - surface.loss[1, 0], surface.loss[2, 1] - surface.loss[0, 1]]
    gradient = torch.cat([g[0].flatten() for g in step_on(trainer, probe).gradient])
    np.testing.assert_allclose(np.array(slope) / (2 * h), plane.axes @ gradient, rtol=1e-5)


def test_the_landscape_of_two_runs(tmp_path):
    steps = [0, 4, 12, 30, 60]
    runs = [checkpoints(tmp_path, CONFIG.replace(scheme=s), steps) for s in ("fa", "bp")]
    seen = []

    def go_on(done, total):
        seen.append((done, total))
        return True

    found = landscape(runs, replicate=1, n=9, n_samples=64, progress=go_on)
    assert found.surface.loss.shape == (9, 9)
    assert (seen[0], seen[-1]) == ((0, 101), (101, 101))
    assert seen == sorted(seen)
    assert found.explained.sum() > 0.7
    for walk, run in zip(found.walks, runs, strict=True):
        assert walk.steps.tolist() == steps
        trainers = [Trainer.load(path) for path in run]
        probe = probe_set(trainers[0].data, 64)
        np.testing.assert_allclose(walk.loss, [loss_at(t, probe)[1] for t in trainers])
        for axis, values in enumerate((found.surface.x, found.surface.y)):
            assert values[0] < walk.at[:, axis].min() <= walk.at[:, axis].max() < values[-1]
        assert walk.off.shape == (5,)
    fa, bp = found.walks
    # Both runs start from the same weights; backpropagation's update is the gradient.
    np.testing.assert_allclose(fa.at[0], bp.at[0], atol=1e-9)
    np.testing.assert_allclose(bp.update, bp.gradient)
    np.testing.assert_allclose(fa.gradient[0], bp.gradient[0])
    assert np.abs(fa.update - fa.gradient).max() > 1e-3


def test_the_landscape_through_chosen_checkpoints(tmp_path):
    run = checkpoints(tmp_path, CONFIG, [0, 10, 20, 40])
    found = landscape([run], load=Trainer.load, through=[(0, 0), (0, 2), (0, 3)], n=3, n_samples=10)
    np.testing.assert_allclose(found.walks[0].off[[0, 2, 3]], 0, atol=1e-9)
    assert found.walks[0].off[1] > 0.01
    assert found.explained is None


def test_the_surface_of_a_narrow_path_is_no_strip(tmp_path):
    paths = checkpoints(tmp_path, CONFIG, [0, 3, 6])
    found = landscape([paths], through=[(0, 0), (0, 2), (0, 1)], n=5, n_samples=20)
    x, y = found.surface.x, found.surface.y
    path = found.walks[0].at
    assert np.ptp(path[:, 1]) < 0.3 * np.ptp(path[:, 0])
    assert np.ptp(x) == pytest.approx(1.5 * np.ptp(path[:, 0]))
    assert np.ptp(y) == pytest.approx(LEAST_SIDE * np.ptp(x))
    # The path is in the middle of it.
    assert y[[0, -1]].sum() == pytest.approx(path[:, 1].min() + path[:, 1].max(), abs=1e-9)


def test_what_does_not_fit_is_refused_by_name(tmp_path):
    run = checkpoints(tmp_path, CONFIG, [0, 5, 10])
    other = checkpoints(tmp_path, CONFIG.replace(hidden=(12, 8), scheme="dfa"), [0])
    for name, asked in (
        ("hidden", {"runs": [run, other]}),
        ("replicate", {"runs": [run], "replicate": 2}),
        ("n", {"runs": [run], "n": 1}),
        ("n_samples", {"runs": [run], "n_samples": 0}),
        ("through", {"runs": [run], "through": [(0, 0), (0, 1)]}),
        ("through", {"runs": [run], "through": [(0, 0), (0, 1), (0, 3)]}),
        ("runs", {"runs": []}),
        ("runs", {"runs": [run, []]}),
        ("points", {"runs": [run[:2]]}),
    ):
        with pytest.raises(NotAllowed, match=f"{name} = .*: allowed is") as refused:
            landscape(**asked)
        assert refused.value.problem.field == name
    huge = Trainer(CONFIG.replace(hidden=(4000, 4000), dtype="float32", replicates=1))
    with pytest.raises(NotAllowed, match=r"runs = 30: .* at most 5 .* would need 10.9 GiB"):
        landscape([range(30)], load=lambda _place: huge)
    with pytest.raises(Cancelled):
        landscape([run], progress=lambda _done, _total: False)


def test_a_path_that_leaves_every_plane_is_refused_in_words(tmp_path):
    paths = checkpoints(tmp_path, CONFIG, [0, 3, 6])
    trainer = Trainer.load(paths[1])
    trainer.network.weights[0][1, 0, 0] = float("nan")
    trainer.save(paths[1])
    with pytest.raises(NotAllowed, match=r"replicate = 1: .* at step 3 its weights are not finite"):
        landscape([paths], replicate=1, n=3, n_samples=20)
    landscape([paths], replicate=0, n=3, n_samples=20)


@pytest.mark.parametrize(
    ("name", "value"), [("train_samples", 500), ("label_noise", 0.2), ("teacher_hidden", (5,))]
)
def test_runs_on_other_samples_have_no_place_on_the_surface(tmp_path, name, value):
    config = CONFIG.replace(dataset="teacher")
    other = config.replace(**{name: value}, scheme="bp")
    runs = [checkpoints(tmp_path, run, [0, 1, 2]) for run in (config, other)]
    with pytest.raises(NotAllowed, match=f"{name} = .* as in the first of the runs"):
        landscape(runs, n=3, n_samples=20)
