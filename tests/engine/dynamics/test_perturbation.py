"""A kick dies out along a stable mode and grows along an unstable one (docs/MATH.md, 4)."""

import numpy as np
import pytest
import torch

from fa_engine import Dataset, RunConfig, Trainer
from fa_engine.config import NotAllowed
from fa_engine.dynamics.perturbation import perturb_and_return
from fa_engine.dynamics.stability import Probe, least_stable, spectrum, telling
from fa_engine.progress import Cancelled

CONFIG = RunConfig(
    hidden=(8, 7),
    loss="squared_error",
    learning_rate=0.05,
    batch_size=2,
    shuffle=False,
    epochs=1,
    replicates=2,
    dtype="float64",
)
N = 2


def fixed_point(config, seed=0):
    """A network at an exact global minimum: its own outputs on two samples are the targets."""
    trainer = Trainer(config.replace(seed=seed, replicates=1))
    data = trainer.data
    x = data.x_train[:N]
    f = trainer.network.forward(x).outputs
    y = {"squared_error": f, "cross_entropy": torch.softmax(f, -1)}[config.loss]

    def tiled(values):
        return values.repeat(719, 1)

    few = Dataset(tiled(x), tiled(y), data.x_test, data.y_test)
    return Trainer(config.replace(seed=seed, replicates=1), data=few), Probe(x, y)


def least_stable_real(config, sign):
    """The first seed whose least stable mode is real and has the sign asked for."""
    for seed in range(40):
        trainer, probe = fixed_point(config, seed)
        mode = least_stable(trainer, probe).eigenvalue[0]
        if abs(mode.imag) < 1e-12 and mode.real * sign > 0.002:
            return trainer, probe, mode.real
    raise AssertionError("no such network among forty")


@pytest.mark.parametrize("loss", ["squared_error", "cross_entropy"])
@pytest.mark.parametrize("scheme", ["fa", "dfa"])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_least_stable_mode_grows_or_dies_as_its_eigenvalue_says(scheme, loss, sign):
    """After ``t`` steps a kick along it is ``(1 - eta lambda)^t`` as long."""
    config = CONFIG.replace(scheme=scheme, loss=loss)
    if sign > 0:  # one layer above a frozen one: the kernel is then positive definite
        config = config.replace(frozen=(1, 2))
    trainer, probe, mode = least_stable_real(config, sign)
    rate = config.learning_rate
    steps = round(0.7 / abs(rate * mode))
    found = perturb_and_return(
        trainer,
        epsilon=1e-6,
        along="least_stable",
        steps=steps,
        every=steps,
        probe=probe,
        kernel_probe=probe,
    )
    assert found.distance.shape == (2, 2)
    np.testing.assert_allclose(found.reference_distance, 0, atol=1e-12)
    np.testing.assert_allclose(found.distance[:, 0], 1e-6, rtol=1e-9)
    expected = (1 - rate * mode) ** steps
    assert (expected > 1.5) == (sign < 0)
    np.testing.assert_allclose(found.distance[:, 1] / 1e-6, expected, rtol=0.02)
    if loss == "squared_error":  # whose smallest value here is 0
        assert ((found.loss[:, 1] > found.loss[:, 0]) == (sign < 0)).all()


def test_the_telling_mode_grows_where_one_does_and_dies_out_elsewhere():
    """With a horizon of its own: what the page does by default."""
    left, probe, mode = least_stable_real(CONFIG, -1)
    asked = {"epsilon": 1e-4, "along": "telling", "steps": None, "every": None}
    grown = perturb_and_return(left, **asked, probe=probe, kernel_probe=probe)
    assert grown.mode.real == pytest.approx(mode)
    assert grown.e_folding == pytest.approx(1 / np.log(1 - 0.05 * mode))
    assert grown.steps[-1] == max(100, int(2 * grown.e_folding))
    assert (grown.outputs[:, -1] > 5 * grown.outputs[:, 0]).all()
    aligned = CONFIG.replace(frozen=(1, 2))  # then the kernel is positive definite
    kept, probe, least = least_stable_real(aligned, 1)
    back = perturb_and_return(kept, **asked, probe=probe, kernel_probe=probe)
    assert back.mode.real > least  # not the slowest
    assert (back.outputs[:, -1] < 0.05 * back.outputs[:, 0]).all()
    assert (back.separation[:, -1] < 0.05 * back.separation[:, 0]).all()
    # A mode that leaves so slowly that nobody would see it is not the telling one.
    slow = CONFIG.replace(learning_rate=1e-6)
    left, probe, _ = least_stable_real(slow, -1)
    assert telling(left, probe).eigenvalue[0].real > 0


def test_what_the_outputs_see_is_measured_in_the_outputs():
    trainer, probe = fixed_point(CONFIG)
    found = perturb_and_return(trainer, epsilon=0.1, directions=3, steps=4, every=2, probe=probe)
    assert found.outputs.shape == found.separation.shape == (3, 3)
    # Without an error left the loss is the squared distance of the outputs.
    np.testing.assert_allclose(found.loss, 10 * found.outputs**2 / 2, rtol=1e-6)


def test_random_kicks_return_to_a_stable_point_and_leave_an_unstable_one():
    """The loss: in weight space most directions are neutral, and a kick along them stays."""
    bp, bp_probe = fixed_point(CONFIG.replace(scheme="bp", learning_rate=0.01))
    stable = perturb_and_return(bp, epsilon=0.02, steps=3000, every=1000, probe=bp_probe)
    assert (spectrum(bp, bp_probe).n_unstable == 0).all()
    assert (spectrum(bp, bp_probe).overshooting_share(0.01) == 0).all()
    assert (stable.loss[:, -1] < 0.1 * stable.loss[:, 0]).all()
    assert (stable.distance[:, -1] < 0.02 * 1.05).all()

    fa, fa_probe, mode = least_stable_real(CONFIG, -1)
    left = perturb_and_return(
        fa, epsilon=0.02, steps=round(10 / abs(0.05 * mode)), every=5, probe=fa_probe
    )
    assert (left.distance.max(1) > 0.1).all()
    assert (left.reference_distance < 1e-9).all()


@pytest.mark.parametrize("scheme", ["fa", "brsf", "wm", "kp"])
def test_the_copy_that_is_not_kicked_is_the_run_continued(scheme):
    config = CONFIG.replace(scheme=scheme, batch_size=32, shuffle=True, epochs=2)
    trainer = Trainer(config)
    for _ in range(5):
        trainer.advance()
    start = [t[1].clone() for t in (*trainer.network.weights, *trainer.network.biases)]
    found = perturb_and_return(
        trainer, epsilon=1e-3, directions=3, steps=20, every=7, replicate=1, relative=True
    )
    assert found.steps.tolist() == [0, 7, 14, 20]
    length = sum(p.square().sum() for p in start) ** 0.5
    assert found.epsilon == pytest.approx(1e-3 * length.item())
    np.testing.assert_allclose(found.separation[:, 0], found.epsilon)
    assert trainer.step == 5
    for _ in range(20):
        trainer.advance()
    now = [t[1] for t in (*trainer.network.weights, *trainer.network.biases)]
    moved = sum((a - b).square().sum() for a, b in zip(now, start, strict=True)) ** 0.5
    assert found.reference_distance[-1] == pytest.approx(moved.item(), rel=1e-12)


def test_the_same_seed_kicks_the_same_way_and_a_checkpoint_serves_too(tmp_path):
    trainer = Trainer(CONFIG)
    trainer.save(tmp_path / "c")
    asked = {"epsilon": 0.1, "directions": 2, "steps": 3, "every": 1}
    one, other = (perturb_and_return(s, **asked) for s in (trainer, tmp_path / "c"))
    np.testing.assert_array_equal(one.distance, other.distance)
    again = perturb_and_return(trainer, **asked, seed=1)
    assert (again.distance[:, 1:] != one.distance[:, 1:]).all()


def test_frozen_layers_are_not_kicked():
    """All of a kick goes to what can return."""
    trainer = Trainer(CONFIG.replace(frozen=(1, 2), bias=False))
    found = perturb_and_return(trainer, epsilon=0.5, directions=2, steps=1, every=1)
    np.testing.assert_allclose(found.distance[:, 0], 0.5)


def test_a_finished_run_is_trained_on():
    trainer = Trainer(CONFIG.replace(batch_size=1000))
    list(trainer)
    found = perturb_and_return(trainer, epsilon=1e-3, directions=1, steps=5, every=5)
    assert found.reference_distance[-1] > 0


def test_progress_is_told_and_may_call_off():
    seen = []

    def go_on(done, total):
        seen.append((done, total))
        return done < 20

    with pytest.raises(Cancelled, match="20 of 100"):
        perturb_and_return(Trainer(CONFIG), epsilon=0.1, steps=100, every=10, progress=go_on)
    assert seen == [(0, 100), (10, 100), (20, 100)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epsilon", 0.0),
        ("epsilon", float("nan")),
        ("epsilon", "x"),
        ("epsilon", 1e-17),
        ("steps", "a"),
        ("steps", 2.5),
        ("every", "a"),
        ("directions", True),
        ("directions", 0),
        ("directions", 257),
        ("steps", 0),
        ("every", 0),
        ("every", 11),
        ("along", "up"),
        ("replicate", 2),
    ],
)
def test_what_is_out_of_range_is_named(name, value):
    asked = {"epsilon": 0.1, "steps": 10, "every": 1} | {name: value}
    with pytest.raises(NotAllowed, match=f"{name} = .*: allowed is"):
        perturb_and_return(Trainer(CONFIG), **asked)


def test_more_copies_than_memory_are_refused():
    trainer = Trainer(CONFIG.replace(hidden=(2000, 2000), dtype="float32", replicates=1))
    with pytest.raises(NotAllowed, match="directions = 20: allowed is at most 11"):
        perturb_and_return(trainer, epsilon=0.1, directions=20, steps=1, every=1)


def test_a_kick_below_the_resolution_of_the_weights_is_refused():
    trainer = Trainer(CONFIG.replace(dtype="float32"))
    for relative in (True, False):
        with pytest.raises(NotAllowed, match=r"epsilon = 1e-08: allowed is .* lost in rounding"):
            perturb_and_return(trainer, epsilon=1e-8, relative=relative, steps=10)


def test_a_replicate_that_has_diverged_is_not_kicked():
    trainer = Trainer(CONFIG)
    trainer.network.weights[1][1] = float("nan")
    for along in ("random", "least_stable"):
        with pytest.raises(NotAllowed, match="replicate = 1: allowed is one that has not diverged"):
            perturb_and_return(trainer, epsilon=0.1, steps=10, replicate=1, along=along)
        perturb_and_return(trainer, epsilon=0.1, steps=10, replicate=0, along=along)
