"""The feedback kernel against explicit Jacobians, and what its spectrum says (docs/MATH.md, 4)."""

import re
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch.nn import functional

from fa_engine import SCHEMES, Dataset, RunConfig, Trainer
from fa_engine.config import NotAllowed
from fa_engine.dynamics.probes import MAX_PROBE_BYTES, check_samples, most_samples, probe_bytes
from fa_engine.dynamics.stability import Probe, Spectrum, kernel, least_stable, probe_set, spectrum
from fa_engine.networks.activations import ACTIVATIONS
from fa_engine.networks.layers import Conv
from fa_engine.networks.losses import LOSSES
from fa_engine.progress import Cancelled

SMALL = RunConfig(
    hidden=(7, 6), learning_rate=0.1, batch_size=32, epochs=1, replicates=2, dtype="float64"
)
CONV = SMALL.replace(hidden="conv 2x3, pool 2, 5")


def walked(config, steps=5):
    trainer = Trainer(config)
    for _ in range(steps):
        trainer.advance()
    return trainer


def plain_outputs(trainer, replicate, x, parameters, feedback):
    """``f`` of one replicate as plain PyTorch, differentiated by autograd.

    With ``feedback`` its gradient is the pseudo one: values stay, errors take the scheme's way.
    """
    network, phi = trainer.network, trainer.network.activation
    weights, biases = parameters[: network.n_layers], parameters[network.n_layers :]
    # The target through B stands for the error through -B.
    matrices = [
        m[replicate] * (-1 if trainer.feedback.scheme.signal == "target" else 1)
        for m in trainer.feedback.matrices
    ]
    route = trainer.feedback.scheme.route if feedback else "layerwise"
    h, detours = x, 0.0
    for index, layer in enumerate(network.layers):
        if feedback and index > 0:
            free = h.detach()
            if route == "direct":
                sent = h @ matrices[index - 1].T
                detours = detours + sent - sent.detach()
            h = free if route != "layerwise" else h
        own, carrier = weights[index], weights[index]
        if feedback and index > 0 and route == "layerwise":
            carrier = matrices[index - 1]

        def affine(values, weight, layer=layer):
            if not isinstance(layer, Conv):
                return values @ weight.T
            images = values.view(-1, *layer.input_shape).permute(0, 3, 1, 2)
            shape = (-1, layer.input_shape[2], layer.kernel, layer.kernel)
            return functional.conv2d(images, weight.view(shape)).permute(0, 2, 3, 1)

        a = affine(h.detach() if feedback else h, own) + biases[index]
        if feedback:
            moved = affine(h, carrier.detach())
            a = a + moved - moved.detach()
        h = phi.apply(a.clone())[0] if index < network.n_layers - 1 else a
        if isinstance(layer, Conv):
            h = functional.max_pool2d(h.permute(0, 3, 1, 2), layer.pool).permute(0, 2, 3, 1)
            h = h.flatten(1)
    return h + detours


def explicit_kernel(trainer, replicate, probe, feedback=True):
    """``J M P^T / N`` with both Jacobians in full; ``M`` is the biases' own rate, 0: frozen."""
    network, config = trainer.network, trainer.config
    parameters = [t[replicate].clone() for t in (*network.weights, *network.biases)]
    trainer.feedback.follow(trainer.step)

    def jacobian(through_feedback):
        found = torch.func.jacrev(
            lambda p: plain_outputs(trainer, replicate, probe.x, p, through_feedback)
        )(parameters)
        rows = probe.y.numel()
        rates = []
        for index, block in enumerate(found):
            layer = index % network.n_layers
            rate = 0.0 if layer + 1 in config.frozen else 1.0
            if index >= network.n_layers:
                rate *= config.bias_rate if config.bias else 0.0
            rates.append(torch.full((block.numel() // rows,), rate, dtype=torch.float64))
        return torch.cat([block.reshape(rows, -1) for block in found], 1), torch.cat(rates)

    j, rates = jacobian(False)
    p, _ = jacobian(feedback)
    return (j * rates) @ p.T / len(probe.x)


@pytest.mark.parametrize("config", [SMALL, CONV], ids=["dense", "conv"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_kernel_is_that_of_explicit_jacobians(scheme, config):
    """``K = J P^T / N``."""
    if scheme in {"dkp", "wm"} and config is CONV:
        config = config.replace(learning_rate=0.01)
    trainer = walked(config.replace(scheme=scheme))
    probe = probe_set(trainer.data, 3)
    ours = kernel(trainer, probe)
    assert ours.shape == (2, 30, 30)
    for replicate in range(2):
        expected = explicit_kernel(trainer, replicate, probe)
        torch.testing.assert_close(ours[replicate], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_kernel_follows_every_activation(activation):
    trainer = walked(SMALL.replace(activation=activation, replicates=1))
    probe = probe_set(trainer.data, 3, seed=1)
    expected = explicit_kernel(trainer, 0, probe)
    torch.testing.assert_close(kernel(trainer, probe)[0], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "changes", [{"frozen": (1, 3)}, {"bias": False}, {"bias_rate": 0.25}, {"delay_modules": 2}]
)
@pytest.mark.parametrize("config", [SMALL, CONV], ids=["dense", "conv"])
def test_what_does_not_move_does_not_count(config, changes):
    trainer = walked(config.replace(**changes))
    probe = probe_set(trainer.data, 3)
    expected = explicit_kernel(trainer, 1, probe)
    torch.testing.assert_close(kernel(trainer, probe)[1], expected, rtol=1e-9, atol=1e-12)
    result = spectrum(trainer, probe)
    np.testing.assert_allclose(result.kernel_rate, result.product_rate, rtol=1e-9)


def test_backpropagation_is_symmetric_and_never_unstable():
    """``P = J``: ``K = J J^T / N``."""
    fa, bp = walked(SMALL), walked(SMALL.replace(scheme="bp"))
    for trainer in (fa, bp):
        probe = probe_set(trainer.data, 4)
        matrix = kernel(trainer, probe, backpropagation=True)
        torch.testing.assert_close(matrix, matrix.mT, rtol=1e-12, atol=1e-15)
        expected = explicit_kernel(trainer, 0, probe, feedback=False)
        torch.testing.assert_close(matrix[0], expected, rtol=1e-9, atol=1e-12)
        result = spectrum(trainer, probe, backpropagation=True)
        assert (result.n_unstable == 0).all()
        assert (result.misaligned_share == 0).all()
        np.testing.assert_allclose(result.eigenvalues.real, result.symmetric)
    np.testing.assert_allclose(kernel(bp, probe), kernel(bp, probe, backpropagation=True))
    # Not so for feedback alignment, or the above would say nothing.
    own = spectrum(fa, probe_set(fa.data, 4))
    assert (own.n_unstable > 0).any()
    assert np.abs(own.eigenvalues.imag).max() > 1e-3


def walk_jacobian(trainer, probe, step=1e-6):
    """``d(dw/dt)/dw`` by differences of the update direction that training itself would take."""
    network = trainer.network
    parameters = [t[0].view(-1) for t in (*network.weights, *network.biases)]

    def direction():
        past = network.forward(probe.x)
        top = trainer._loss.error(past.outputs, probe.y) / len(probe.x)
        products = trainer.feedback.directions(top, probe.y, past, trainer.step)
        return torch.cat(
            [p.matrix().reshape(-1) for p in products] + [p.delta.sum(0) for p in products]
        )

    columns = []
    for values in parameters:
        for index in range(len(values)):
            kept = values[index].item()
            values[index] = kept + step
            ahead = direction()
            values[index] = kept - step
            columns.append((direction() - ahead) / (2 * step))
            values[index] = kept
    return torch.stack(columns, 1)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("scheme", ["bp", "fa", "dfa", "usf"])
def test_the_walk_itself_has_these_eigenvalues(scheme, loss):
    """Where ``e = 0`` the Jacobian of ``dw/dt`` is ``-P^T H J / N``: the modes of ``-H K``."""
    config = SMALL.replace(scheme=scheme, loss=loss, hidden=(4, 3), replicates=1)
    trainer = walked(config)
    x = trainer.data.x_train[:3]
    f = trainer.network.forward(x).outputs
    squash = {
        "cross_entropy": lambda f: torch.softmax(f, -1),
        "squared_error": lambda f: f,
        "binary_cross_entropy": torch.sigmoid,
    }
    probe = Probe(x, squash[loss](f))
    jacobian = walk_jacobian(trainer, probe)
    walk = torch.linalg.eigvals(jacobian).numpy()
    result = spectrum(trainer, probe)
    modes = result.eigenvalues if loss == "squared_error" else result.error_eigenvalues
    modes = modes[0]
    assert len(modes) == (27 if loss == "cross_entropy" else 30)
    distinct = modes[np.abs(modes) > 1e-4]
    assert len(distinct) > 10
    for mode in distinct:
        assert np.abs(walk + mode).min() < 1e-6
    # As many as there are: the other modes of the walk are neutral.
    assert (np.abs(walk) > 1e-4).sum() == len(distinct)

    pulled = least_stable(trainer, probe)
    vector = torch.cat([t[0].flatten() for t in (*pulled.weights, *pulled.biases)])
    assert vector.norm().item() == pytest.approx(1.0)
    assert pulled.eigenvalue[0].real == pytest.approx(modes.real.min(), abs=1e-12)
    if abs(pulled.eigenvalue[0].imag) < 1e-12 < abs(pulled.eigenvalue[0].real) / 1e4:
        turned = jacobian @ vector
        torch.testing.assert_close(
            turned, -pulled.eigenvalue[0].real * vector, rtol=1e-4, atol=1e-6
        )


@pytest.mark.parametrize("replicates", [1, 3])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_alignment_is_this_quadratic_form(scheme, loss, replicates):
    """``dLoss/dt = -<g, u> = -(1/N) e^T K e``, for another signal
    ``-(e^T K_L e + e^T K_h s) / N``, and the loss itself changes so."""
    trainer = walked(SMALL.replace(scheme=scheme, loss=loss, replicates=replicates))
    probe = probe_set(trainer.data, 5, seed=3)
    result = spectrum(trainer, probe, finite_difference=True)
    assert result.kernel_rate.shape == (replicates,)
    np.testing.assert_allclose(result.kernel_rate, result.product_rate, rtol=1e-8)
    np.testing.assert_allclose(result.finite_rate, result.product_rate, rtol=1e-5)
    # The same statement as the angle's.
    assert ((result.angle_deg < 90) == (result.product_rate < 0)).all()
    if scheme == "bp":
        np.testing.assert_allclose(result.angle_deg, 0, atol=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_curvature_is_the_derivative_of_the_error(loss):
    f = torch.randn(4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    y = functional.one_hot(torch.arange(4), 5).double()
    error, curvature = LOSSES[loss].error, LOSSES[loss].curvature
    step = 1e-6 * torch.eye(5, dtype=torch.float64).unsqueeze(1)  # one output at a time
    expected = ((error(f + step, y) - error(f - step, y)) / 2e-6).permute(1, 2, 0)
    found = torch.eye(5).double().expand(4, 5, 5) if curvature is None else curvature(f)
    torch.testing.assert_close(found, expected, rtol=1e-7, atol=1e-9)
    neutral = bool((expected.sum(-1).abs() < 1e-8).all())
    assert LOSSES[loss].shift_invariant == neutral


@pytest.mark.parametrize("replicates", [1, 2])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_looking_changes_nothing(scheme, replicates):
    """Weights and matrices of a run that is looked at are those of one that is not."""
    config = SMALL.replace(scheme=scheme, replicates=replicates)
    plain, seen = walked(config, 12), Trainer(config)
    probe = probe_set(seen.data, 3)
    for _ in range(12):
        spectrum(seen, probe)
        least_stable(seen, probe)
        seen.advance()
    for a, b in (
        (plain.network.weights, seen.network.weights),
        (plain.network.biases, seen.network.biases),
        (plain.feedback.matrices, seen.feedback.matrices),
    ):
        assert all(map(torch.equal, a, b))


def test_a_replicate_has_the_spectrum_that_it_has_alone():
    together = walked(SMALL.replace(replicates=3))
    probe = probe_set(together.data, 4)
    both = spectrum(together, probe)
    for replicate in range(3):
        alone = walked(SMALL.replace(replicates=1, seed=replicate))
        np.testing.assert_allclose(
            np.sort(spectrum(alone, probe).eigenvalues.real[0]),
            np.sort(both.eigenvalues.real[replicate]),
            atol=1e-9,
        )


def test_what_has_diverged_is_undefined_and_the_rest_is_not():
    trainer = walked(SMALL)
    trainer.network.weights[1][0].fill_(torch.nan)
    result = spectrum(trainer, probe_set(trainer.data, 3))
    for values in (
        result.min_real,
        result.unstable_share,
        result.error_unstable_share,
        result.misaligned_share,
        result.kernel_rate,
        result.overshooting_share(0.1),
    ):
        assert np.isnan(values[0])
        assert np.isfinite(values[1])


def test_shares_count_what_they_say():
    modes = np.array([[-2.0, -1e-20, 0.5 + 3j, 1.0]])
    rate = np.zeros(1)
    result = Spectrum(1, 1e-16, modes, modes.real, None, rate, rate, None, rate)
    assert result.n_unstable.tolist() == [1]
    assert result.unstable_share.tolist() == [0.25]
    assert (result.min_real, result.max_real) == (-2.0, 1.0)
    # -2 grows at any rate: unstable, and no overshooting. Stable modes overshoot from
    # eta = 2 Re / abs^2 on: 0.5 + 3j from 0.108, 1 from 2.
    assert result.overshooting_share(0.1).tolist() == [0.0]
    assert result.overshooting_share(0.11).tolist() == [0.25]
    assert result.overshooting_share(2.1).tolist() == [0.5]


def test_what_overshoots_is_told_by_the_modes_of_the_error_kernel():
    modes, error = np.array([[0.5 + 0j, 1.0]]), np.array([[-1.0 + 0j, 30.0]])
    rate = np.zeros(1)
    result = Spectrum(1, 1e-16, modes, modes.real, error, rate, rate, None, rate)
    assert result.overshooting_share(0.05).tolist() == [0.0]
    assert result.overshooting_share(0.1).tolist() == [0.5]


def test_a_probe_set_is_part_of_the_training_set():
    data = Trainer(SMALL).data
    first, drawn = probe_set(data, 5), probe_set(data, 5, seed=4)
    assert torch.equal(first.x, data.x_train[:5])
    assert torch.equal(drawn.x, probe_set(data, 5, seed=4).x)
    assert not torch.equal(drawn.x, probe_set(data, 5, seed=5).x)
    rows = {tuple(row) for row in torch.cat([data.x_train, data.y_train], 1).tolist()}
    assert {tuple(row) for row in torch.cat([drawn.x, drawn.y], 1).tolist()} <= rows
    for n in (0, 1439):
        with pytest.raises(NotAllowed, match=f"n_samples = {n}: allowed is .* from 1 to 1,438"):
            probe_set(data, n)


def test_a_probe_set_too_large_for_memory_is_refused_with_its_size():
    trainer = Trainer(SMALL.replace(replicates=64))
    sizes = [probe_bytes(trainer.config, n) for n in (100, 200, 400)]
    assert all(2 < large / small < 4.1 for small, large in pairwise(sizes))
    with pytest.raises(NotAllowed, match=r"n_samples = 1400: .* would need \d+.\d GiB") as refused:
        kernel(trainer, probe_set(trainer.data, 1400))
    largest = int(refused.value.problem.allowed.split()[2])
    assert probe_bytes(trainer.config, largest) <= 2**31 < probe_bytes(trainer.config, largest + 1)


@pytest.mark.slow
def test_feedback_alignment_rests_only_where_it_is_stable(mnist_dir):
    """The table of docs/MATH.md, section 4: unstable modes of fresh, FA's and BP's networks."""
    config = RunConfig(
        dataset="mnist",
        hidden=(256, 256),
        batch_size=128,
        epochs=1,
        replicates=2,
        weight_std=0.01,
        measure_every=10**9,
        evaluate_every=10**9,
    )
    wide = Trainer(config.replace(weight_std=784**-0.5), data_dir=mnist_dir)
    narrow = Trainer(config, data=wide.data)
    minimum = Trainer(config.replace(scheme="bp", weight_std=None), data=wide.data)
    probe = probe_set(wide.data, 64)
    assert (spectrum(narrow, probe).unstable_share > 0.2).all()
    for trainer in (narrow, wide):
        list(trainer)  # where it settles in the first half of an epoch it stays
        settled = spectrum(trainer, probe)
        assert (settled.unstable_share < 0.005).all()  # 0 %: at most 3 of 640, near 0
        assert (settled.min_real > -1e-3).all()
        assert (settled.error_unstable_share == 0).all()
        assert (settled.angle_deg < 75).all()
    list(minimum)
    # FA's matrices are the ones that the seed would have drawn: the minimum knew nothing of them.
    minimum.scheme = "fa"
    left = spectrum(minimum, probe)
    assert (left.unstable_share >= 0.1).all()
    assert (left.error_unstable_share >= 0.08).all()
    assert (left.min_real < -0.1).all()


def few(n, n_copies=1438):
    """Digits with the first ``n`` training samples alone, over and over: every batch is all."""
    data = Trainer(SMALL.replace(dtype="float32")).data

    def tiled(values):
        return values[:n].repeat(n_copies // n + 1, 1)[:n_copies]

    return Dataset(tiled(data.x_train), tiled(data.y_train), data.x_test, data.y_test)


@pytest.mark.slow
def test_feedback_alignment_leaves_a_minimum_of_backpropagation():
    """At a loss of 1.6e-5 a tenth of the modes is unstable; FA walks off until few are."""
    config = RunConfig(
        hidden=(64, 64),
        loss="squared_error",
        scheme="bp",
        learning_rate=0.05,
        shuffle=False,
        batch_size=40,
        epochs=1000,
        replicates=2,
        measure_every=10**9,
    )
    trainer = Trainer(config, data=few(40))
    probe = probe_set(trainer.data, 40)

    def loss():
        return LOSSES["squared_error"].value(trainer.network.forward(probe.x).outputs, probe.y)

    def advance(steps):
        for _ in range(steps):
            trainer.advance()

    while loss().max() > 1.6e-5:
        assert trainer.step < 20_000
        advance(200)
    minimum, start = loss(), [w.clone() for w in trainer.network.weights]
    # Backpropagation stays, but for an oscillation in its steepest mode.
    advance(1000)
    assert (loss() < 3 * minimum).all()
    minimum = loss()

    trainer.scheme = "fa"
    before = spectrum(trainer, probe)
    assert (before.unstable_share > 0.08).all()
    advance(10_000)
    after = spectrum(trainer, probe)
    assert (loss() > 10 * minimum).all()
    assert (after.unstable_share < before.unstable_share / 2).all()
    moved = sum(
        (a - b).square().sum((1, 2)) for a, b in zip(trainer.network.weights, start, strict=True)
    )
    assert (moved.sqrt() > 1).all()


def test_a_spectrum_tells_how_far_it_is_and_can_be_called_off():
    trainer = walked(SMALL)
    probe = probe_set(trainer.data, 3)
    seen = []
    spectrum(trainer, probe, progress=lambda done, total: seen.append((done, total)) or True)
    assert seen == [(done, 7) for done in range(8)]  # the kernel, then 3 matrices of 2 replicates
    with pytest.raises(Cancelled, match="2 of 7"):
        spectrum(trainer, probe, progress=lambda done, _total: done < 2)


def test_one_number_of_samples_is_allowed_whatever_sets_it():
    def refused(config, n_samples):
        with pytest.raises(NotAllowed) as error:
            check_samples(config, n_samples)
        return error.value.problem.allowed

    assert most_samples(SMALL) == 200  # by its modes: 10 outputs a sample, 2,000 modes
    check_samples(SMALL, 1)
    check_samples(SMALL, 200)
    assert refused(SMALL, 0) == "a whole number from 1 to 200"
    assert refused(SMALL, 201) == "a whole number from 1 to 200: 2,010 modes take minutes"
    assert re.fullmatch(
        r"a whole number from 1 to 200: 10,000 modes take minutes and "
        r"[\d.]+ GiB of memory are needed where 2 are the limit",
        refused(SMALL, 1000),
    )
    few = SMALL.replace(train_samples=7, batch_size=7)  # by the training set
    assert most_samples(few) == 7
    assert refused(few, 8) == "a whole number from 1 to 7"
    wide = RunConfig(dataset="mnist", hidden="conv 64x5, conv 64x5, 10")  # by memory
    most = most_samples(wide)
    assert 1 < most < 200
    assert probe_bytes(wide, most) <= MAX_PROBE_BYTES < probe_bytes(wide, most + 1)
    assert refused(wide, most + 1).startswith(f"a whole number from 1 to {most}: 2.3 GiB of")


def test_the_least_stable_mode_of_what_diverged_is_refused_in_words():
    trainer = walked(SMALL)
    trainer.network.weights[0][1] = float("inf")
    with pytest.raises(NotAllowed, match="replicate = 1: allowed is one that has not diverged"):
        least_stable(trainer, probe_set(trainer.data, 3))


@pytest.mark.parametrize("bias", [True, False])
def test_a_mode_that_moves_no_weight_is_refused_in_words(bias):
    trainer = walked(SMALL.replace(activation="relu", loss="squared_error", bias=bias))
    trainer.network.weights[0].copy_(-trainer.network.weights[0].abs())
    trainer.network.biases[0].zero_()  # dead: every unit of the bottom layer is 0 on every sample
    trainer.network.weights[1].zero_()
    trainer.network.biases[1].zero_()
    with pytest.raises(NotAllowed, match="units are dead"):
        least_stable(trainer, probe_set(trainer.data, 3))
