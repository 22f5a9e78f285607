"""What ``K`` decides, scheme by scheme, by training on from points without error (MATH.md, 4).

Each test holds the sentences of :mod:`fa_engine.dynamics.decides` that it names.
"""

from itertools import pairwise

import numpy as np
import pytest
import torch

from fa_engine import SCHEMES, Dataset, RunConfig, Trainer
from fa_engine.dynamics import decides
from fa_engine.dynamics.decides import decision
from fa_engine.dynamics.delays import companion, one_lag_roots
from fa_engine.dynamics.perturbation import perturb_and_return
from fa_engine.dynamics.stability import Probe, kernel, least_stable, probe_set, spectrum

N = 2
CONFIG = RunConfig(
    hidden=(8, 7),
    loss="squared_error",
    learning_rate=0.01,
    batch_size=N,
    shuffle=False,
    epochs=1,
    replicates=1,
    dtype="float64",
)


def without_error(config):
    """A trainer at an exact minimum: the targets are its own outputs on two samples."""
    data = Trainer(config.replace(replicates=1)).data
    x = data.x_train[:N]
    first = Trainer(config.replace(replicates=1))
    y = first.network.forward(x).outputs
    if config.loss == "cross_entropy":
        y = torch.softmax(y, -1)

    def tiled(values):
        return values.repeat(719, 1)

    few = Dataset(tiled(x), tiled(y), data.x_test, data.y_test)
    trainer = Trainer(config, data=few)
    for own, source in zip(trainer.network.weights, first.network.weights, strict=True):
        own.copy_(source.expand_as(own))
    return trainer, Probe(x, y)


def nearly_without_error(config):
    """The sign of an error that is exactly 0 is 0: there is a little of it."""
    trainer, probe = without_error(config)
    trainer.network.biases[-1].add_(1e-10)
    return trainer, probe


def error(trainer, probe):
    """``(R, N c)``."""
    f = trainer.network.forward(probe.x).outputs
    return (f - probe.y).reshape(trainer.config.replicates, -1)


def aligned(config, units=8):
    """One hidden layer that hears through the weights themselves: ``K`` is backpropagation's."""
    trainer, probe = without_error(config.replace(hidden=(units,)))
    sign = trainer.feedback.stands_for(0)
    trainer.feedback.matrices[0].copy_(sign * trainer.network.weights[1])
    return trainer, probe


def loss(trainer, probe):
    return (error(trainer, probe).square().sum(1) / 2 / N).numpy()


def kicked(trainer, probe, size=1e-6):
    """Moved along the least stable mode, by ``size``; returns its eigenvalue, which is real."""
    mode = least_stable(trainer, probe)
    for own, way in zip(trainer.network.weights, mode.weights, strict=True):
        own.add_(way[:1], alpha=size)
    for own, way in zip(trainer.network.biases, mode.biases, strict=True):
        own.add_(way[:1], alpha=size)
    return mode.eigenvalue[0]


def leaving(config, least=0.01):
    """The first seed with a real mode that leaves at such a rate; not yet kicked."""
    for seed in range(60):
        trainer, probe = without_error(config.replace(seed=seed))
        mode = least_stable(trainer, probe).eigenvalue[0]
        if abs(mode.imag) < 1e-12 and mode.real < -least:
            return trainer, probe, mode.real
    raise AssertionError("no such network among sixty")


def advance(trainer, steps):
    trainer.total_steps = trainer.step + steps + 1
    for _ in range(steps):
        trainer.advance()


def words(config):
    return decision(config.composition, config).words


@pytest.mark.parametrize("scheme", SCHEMES)
def test_it_rests_where_it_is_said_to(scheme):
    """Where no error is left: a fixed point, or none. `MOTIONS`, `SIGNS`, `TARGETS`."""
    config = CONFIG.replace(scheme=scheme)
    trainer, probe = nearly_without_error(config)
    advance(trainer, 10)
    said = decision(config.composition, config)
    assert said.rests == (scheme not in ("sdfa", "drtp"))
    assert (loss(trainer, probe)[0] < 1e-16) == said.rests
    if not said.rests:
        assert not said.stability
        assert "decides nothing there" in said.words[0]


@pytest.mark.parametrize("loss", ["squared_error", "cross_entropy"])
@pytest.mark.parametrize("scheme", ["fa", "dfa", "kp", "dkp", "usf", "frsf"])
def test_a_mode_below_0_leaves_at_its_pace(scheme, loss):
    """`MOTIONS` none, learned (to first order, `K` of this moment) and jumps (no sign changes); of
    `H K` with another loss, `CURVED`."""
    rate = 0.01 if loss == "squared_error" else 0.1  # `H K` is small, and so its pace
    config = CONFIG.replace(scheme=scheme, loss=loss, learning_rate=rate)
    if scheme in ("usf", "frsf"):
        # Signs agree with the weights: with one sign turned over at the top something leaves.
        config = config.replace(hidden=(8, 8, 7))
    said = decision(config.composition, config)
    assert said.stability
    assert said.pace
    trainer, probe, mode = leaving(config, 0.002 if loss == "squared_error" else 0.0002)
    before = [m.clone() for m in trainer.feedback.matrices]
    steps = round(1.0 / (rate * -mode))
    found = perturb_and_return(
        trainer,
        epsilon=1e-7,
        along="least_stable",
        steps=steps,
        every=steps,
        probe=probe,
        kernel_probe=probe,
    )
    expected = (1 - rate * mode) ** steps
    assert expected > 2.5
    np.testing.assert_allclose(found.distance[:, -1] / 1e-7, expected, rtol=0.02)
    assert all(map(torch.equal, before, trainer.feedback.matrices))


def test_modes_of_the_kernel_alone_decide_nothing_of_another_loss():
    """`CURVED`: some of K are below 0 and none of H K, and nothing leaves, whatever the kick."""
    config = CONFIG.replace(loss="cross_entropy", learning_rate=0.3)
    assert decides.CURVED in words(config)
    assert decides.CURVED not in words(CONFIG)
    assert all("H K" in sentence for sentence in words(config))
    for seed in range(200):
        trainer, probe = without_error(config.replace(seed=seed))
        found = spectrum(trainer, probe)
        if found.unstable_share[0] > 0.04 and found.error_unstable_share[0] == 0:
            break
    else:
        raise AssertionError("no such network among two hundred")
    for bias in trainer.network.biases:
        bias.add_(torch.randn(bias.shape, generator=torch.Generator().manual_seed(1)) * 1e-4)
    losses = []
    for _ in range(3):
        f = trainer.network.forward(probe.x).outputs
        losses.append(float((torch.softmax(f, -1) - probe.y).square().sum()))
        advance(trainer, 1000)
    start, middle, end = losses
    assert end < middle < start


@pytest.mark.parametrize("scheme", ["usf", "frsf"])
def test_where_a_weight_changes_its_sign_the_kernel_is_another(scheme):
    """`MOTIONS` jumps."""
    trainer, probe = without_error(CONFIG.replace(scheme=scheme))
    weight = trainer.network.weights[2]
    weight[0, 0, 0] = 1e-9
    one = kernel(trainer, probe)
    weight[0, 0, 0] = 2e-9
    same = kernel(trainer, probe)
    weight[0, 0, 0] = -1e-9
    other = kernel(trainer, probe)
    assert (same - one).abs().max() < 1e-8
    assert (other - one).abs().max() > 1e-3 * one.abs().max()


def test_redrawn_matrices_move_by_their_mean_and_scatter_with_the_error():
    """`MOTIONS` redrawn: the mean of 256 draws is that of the mean kernel."""
    config = CONFIG.replace(scheme="brsf", replicates=256, learning_rate=0.02)
    trainer, probe = without_error(config)
    k = kernel(trainer, probe, mean=True)[0].numpy()
    assert np.abs(kernel(trainer, probe)[0].numpy() - k).max() > 0.01 * np.abs(k).max()
    shift = torch.zeros_like(trainer.network.biases[2])
    shift[:, :5] = 1e-6
    scatter = {}
    for size in (1.0, 0.5):
        trainer, probe = without_error(config)
        trainer.network.biases[2].add_(shift, alpha=size)
        start = error(trainer, probe)[0].numpy()
        advance(trainer, 60)
        e = error(trainer, probe).numpy()
        expected = np.linalg.matrix_power(np.eye(len(k)) - 0.02 * k, 60) @ start
        alone = e.std(0)
        np.testing.assert_allclose(e.mean(0), expected, atol=4.5 * alone.max() / 256**0.5)
        assert np.linalg.norm(e.mean(0) - start) > 20 * alone.max() / 256**0.5  # it has moved
        scatter[size] = alone
    np.testing.assert_allclose(scatter[0.5], scatter[1.0] / 2, rtol=1e-4)


def test_mirrored_matrices_go_on_and_in_the_end_nothing_leaves():
    """`MOTIONS` mirrored: the same point, the same matrices, under FA and under WM."""
    fixed = CONFIG.replace(mirror_rate=0.2)
    trainer, probe, mode = leaving(fixed, 0.02)
    steps = round(4.0 / (0.01 * -mode))
    assert steps > 8 / 0.2  # long against 1 / eta_m
    ends, shares = {}, {}
    for scheme in ("fa", "wm"):
        config = trainer.config.replace(scheme=scheme)
        other, probe = without_error(config)
        for own, b in zip(other.feedback.matrices, trainer.feedback.matrices, strict=True):
            own.copy_(b)
        for own, w in zip(other.network.weights, trainer.network.weights, strict=True):
            own.copy_(w)
        moved = [m.clone() for m in other.feedback.matrices]
        kicked(other, probe)
        start = loss(other, probe)[0]
        advance(other, steps)
        assert all(map(torch.equal, moved, other.feedback.matrices)) == (scheme == "fa")
        ends[scheme] = loss(other, probe)[0] / start
        shares[scheme] = spectrum(other, probe, error=False).min_real[0]
    assert ends["fa"] > 100
    assert ends["wm"] < 10
    assert shares["fa"] < -0.01
    assert shares["wm"] > shares["fa"] / 4
    said = decision(SCHEMES["wm"], fixed)
    assert (said.stability, said.of_moment) == (False, True)
    assert "short against 5 steps" in said.words[0]


@pytest.mark.parametrize("scheme", ["sdfa", "drtp"])
def test_a_signal_that_does_not_fade_leaves_any_point_without_error(scheme):
    """`SIGNS`, `TARGETS`: from a point that every mode of `K` calls stable too."""
    trainer, probe = aligned(CONFIG.replace(scheme=scheme, learning_rate=0.05))
    assert (spectrum(trainer, probe).n_unstable == 0).all()
    trainer.network.biases[1].add_(1e-3)
    start = loss(trainer, probe)[0]
    advance(trainer, 10)
    assert loss(trainer, probe)[0] > 20 * start


def test_a_sign_chatters_as_far_as_its_step_is_long():
    """`SIGNS`: a quarter of the step, a third of the amplitude."""
    amplitude = {}
    for rate in (0.01, 0.0025):
        trainer, probe = aligned(CONFIG.replace(scheme="sdfa", learning_rate=rate), 64)
        trainer.network.biases[1].add_(1e-10)
        advance(trainer, round(3 / rate))
        seen = []
        for _ in range(100):
            advance(trainer, 1)
            seen.append(loss(trainer, probe)[0])
        amplitude[rate] = np.sqrt(np.mean(seen))
    assert 0.2 < amplitude[0.0025] / amplitude[0.01] < 0.5


def test_the_target_pushes_for_ever():
    """`TARGETS`: the hidden weights go on and on, as far again in the second half."""
    trainer, _ = without_error(CONFIG.replace(scheme="drtp"))
    places = [trainer.network.weights[0].clone()]
    for _ in range(2):
        advance(trainer, 100)
        places.append(trainer.network.weights[0].clone())
    first, second = ((b - a).norm().item() for a, b in pairwise(places))
    assert second > 0.1 * first > 0


@pytest.mark.parametrize("scheme", ["bp", "fa", "kp"])
def test_decay_moves_the_weights_where_no_error_is_left(scheme):
    """`DECAY`."""
    config = CONFIG.replace(scheme=scheme, weight_decay=0.01)
    trainer, probe = without_error(config)
    advance(trainer, 10)
    assert loss(trainer, probe)[0] > 1e-12
    said = decision(config.composition, config)
    assert (said.rests, said.stability) == (False, False)
    assert said.words == (decides.DECAY,)


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
def test_an_adaptive_optimiser_leaves_what_plain_steps_keep(optimizer):
    """`ADAPTIVE`: backpropagation, no mode below 0, and a small kick grows a hundredfold."""
    config = CONFIG.replace(scheme="bp", optimizer=optimizer, learning_rate=0.01)
    trainer, probe = without_error(config)
    assert (spectrum(trainer, probe).n_unstable == 0).all()
    trainer.network.biases[2].add_(1e-6)
    start = loss(trainer, probe)[0]
    advance(trainer, 1)
    assert loss(trainer, probe)[0] > 100 * start
    assert not decision(config.composition, config).stability
    assert words(config)[0].startswith("K is that of plain steps.")


def test_momentum_quickens_what_the_kernel_decides():
    """`MOMENTUM`: 0.5 makes it twice as fast."""
    trainer, probe, mode = leaving(CONFIG.replace(momentum=0.5, learning_rate=0.001))
    kicked(trainer, probe)
    steps = round(1.5 / (2 * 0.001 * -mode))
    advance(trainer, 40)
    before = error(trainer, probe).norm().item()
    advance(trainer, steps)
    grown = error(trainer, probe).norm().item() / before
    assert np.log(grown) / (0.001 * -mode * steps) == pytest.approx(2.0, rel=0.05)
    assert words(trainer.config)[1] == (
        "With momentum 0.5 it is about 2 times as fast as K alone says."
    )


@pytest.mark.parametrize("scheme", ["fa", "dfa", "bp"])
@pytest.mark.parametrize("modules", [2, 3])
def test_with_a_lag_a_module_the_joint_matrix_says_what_becomes_of_an_error(scheme, modules):
    """`DELAY`: from a start with nothing under way it gives every error to come."""
    config = CONFIG.replace(scheme=scheme, delay_modules=modules, learning_rate=0.02)
    trainer, probe = without_error(config)
    trainer.network.biases[2].add_(1e-10)
    joint = companion(trainer, probe, 0.02)[0].numpy()
    found = spectrum(trainer, probe)
    assert found.roots.shape == (1, 20 * modules)
    expected = np.concatenate([error(trainer, probe)[0].numpy(), np.zeros(20 * (modules - 1))])
    for steps in (1, 2, 20, 100):
        now, asked = trainer.step, steps - trainer.step
        advance(trainer, asked)
        expected = np.linalg.matrix_power(joint, steps - now) @ expected
        e = error(trainer, probe)[0].numpy()
        np.testing.assert_allclose(e, expected[:20], atol=1e-4 * np.abs(e).max())
    assert (found.n_outside[0] > 0) == (found.growth[0] > 1 + 1e-9)
    assert decides.DELAY in words(config)


@pytest.mark.parametrize("lag", [1, 2])
def test_with_one_lag_each_mode_has_the_roots_of_its_polynomial(lag):
    """``z^(j+1) - z^j + eta lambda``, and training multiplies a mode by the largest of them."""
    config = CONFIG.replace(hidden=(8, 7), delay_modules=3, learning_rate=0.02)
    config = config.replace(frozen=tuple(n for n in (1, 2, 3) if n != 3 - lag))
    trainer, probe, mode = leaving(config, 0.002)
    roots = one_lag_roots(mode, 0.02, lag)
    assert len(roots) == lag + 1
    found = spectrum(trainer, probe)
    for root in roots:
        assert np.abs(found.roots - root).min() < 1e-5
    kicked(trainer, probe, 1e-7)
    advance(trainer, 20)
    before = error(trainer, probe).norm().item()
    advance(trainer, 20)
    grown = (error(trainer, probe).norm().item() / before) ** 0.05
    assert grown == pytest.approx(np.abs(roots).max(), rel=1e-3)


def test_a_step_that_is_stable_at_once_is_not_when_it_comes_late():
    """The polynomial of one lag: a real mode is stable up to ``eta lambda = 1``, and not to 2."""
    assert np.abs(one_lag_roots(1.5, 1.0, 0)).max() < 1
    assert np.abs(one_lag_roots(1.5, 1.0, 1)).max() > 1
    assert np.abs(one_lag_roots(0.9, 1.0, 1)).max() < 1


@pytest.mark.parametrize("signal", ["error", "sign", "target"])
@pytest.mark.parametrize("route", ["layerwise", "direct", "none"])
def test_the_parts_decide_whatever_a_scheme_is_called(route, signal):
    config = CONFIG.replace(scheme="fa", route=route, signal=signal, matrix="random")
    said = decision(config.composition, config)
    alone = decision(config.composition, config.replace(frozen=(1, 2)))
    assert said.stability == (route == "none" or signal == "error")
    assert alone.stability  # nothing hears the signal: the output layer follows the error
    trainer, probe = nearly_without_error(config)
    advance(trainer, 5)
    assert (loss(trainer, probe)[0] < 1e-16) == said.rests


@pytest.mark.parametrize("route", ["layerwise", "direct"])
def test_the_target_through_b_is_the_error_through_minus_b(route):
    """``K`` and the weight angle of a network that is aligned say so, with ``-B`` for ``B``."""
    config = CONFIG.replace(scheme="fa", route=route, signal="target", matrix="random")
    trainer, probe = without_error(config)
    w3, w2 = trainer.network.weights[2], trainer.network.weights[1]
    trainer.feedback.matrices[1].copy_(-w3)
    trainer.feedback.matrices[0].copy_(w2 if route == "layerwise" else -(w3 @ w2))
    if route == "layerwise":  # then it is backpropagation's own
        exact = kernel(trainer, probe, backpropagation=True)
        torch.testing.assert_close(kernel(trainer, probe), exact)
    assert spectrum(trainer, probe).n_unstable[0] == 0
    np.testing.assert_allclose(trainer.advance(measure=True).weight_angle_deg, 0, atol=1e-5)


@pytest.mark.slow
def test_direct_random_target_projection_aligns_by_minus_b():
    """Digits, after 30 epochs: few modes below 0, and weights that turned towards ``-B``."""
    config = RunConfig(hidden=(64, 64), scheme="drtp", learning_rate=0.1, epochs=30)
    trainer = Trainer(config.replace(measure_every=660))
    measured = list(trainer)
    assert measured[-1].weight_angle_deg[0, -1] < 80
    assert measured[-1].gradient_angle_deg[0, -1] < 80
    probe = probe_set(trainer.data, 64)
    assert spectrum(trainer, probe, error=False).unstable_share[0] < 0.1
