"""Exact identities that hold whatever the data: free tests (docs/MATH.md, section 6)."""

import numpy as np
import pytest
import torch

from fa_engine import SCHEMES, RunConfig, Trainer
from fa_engine.seeding import MIRROR, generator

SMALL = RunConfig(
    hidden=(12, 9), learning_rate=0.1, batch_size=32, epochs=1, replicates=2, dtype="float64"
)


def train(config):
    trainer = Trainer(config)
    list(trainer)
    return trainer


def conserved(trainer, layer):
    """``1/2 |(W_l[i], b_l[i])|^2 - <B_{l+1}[:, i], W_{l+1}[:, i]>`` of each hidden unit ``i``."""
    w, b = trainer.network.weights, trainer.network.biases
    own = (w[layer] ** 2).sum(2) + b[layer] ** 2
    return own / 2 - (trainer.feedback.matrices[layer] * w[layer + 1]).sum(1)


@pytest.mark.parametrize(("scheme", "layers"), [("fa", (0, 1)), ("dfa", (1,))])
@pytest.mark.parametrize("activation", ["relu", "linear"])
def test_fa_conserves_a_quantity_per_unit(scheme, layers, activation):
    """The drift is a learning-rate error: half the rate and twice the steps, half the drift."""
    drifts = []
    for halvings in range(3):
        config = SMALL.replace(
            scheme=scheme, activation=activation, learning_rate=0.01 / 2**halvings
        )
        trainer = Trainer(config.replace(shuffle=False, batch_size=1438, epochs=20 * 2**halvings))
        before = [conserved(trainer, layer) for layer in layers]
        start = trainer.network.weights[0].clone()
        list(trainer)
        moved = (trainer.network.weights[0] - start).norm()
        after = [conserved(trainer, layer) for layer in layers]
        drifts.append(max((a - b).abs().max().item() for a, b in zip(after, before, strict=True)))
        assert drifts[-1] < 0.05 * moved
    assert drifts[1] / drifts[0] == pytest.approx(0.5, abs=0.06)
    assert drifts[2] / drifts[1] == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("scheme", ["bp", "kp"])
def test_the_conserved_quantity_is_fas_own(scheme):
    """Without fixed random feedback the same sum moves: the test above can fail."""
    config = SMALL.replace(activation="relu", scheme=scheme, batch_size=1438, epochs=40)
    trainer = Trainer(config.replace(learning_rate=0.01))
    before = conserved(trainer, 0)
    fa = Trainer(config.replace(learning_rate=0.01, scheme="fa"))
    fa_before = conserved(fa, 0)
    list(trainer)
    list(fa)
    drift = (conserved(trainer, 0) - before).abs().max()
    assert drift > 20 * (conserved(fa, 0) - fa_before).abs().max()


@pytest.mark.parametrize("decay", [0.0, 0.05])
def test_kolen_pollack_forgets_the_difference(decay):
    """``W_t - B_t = (1 - eta lambda)^t (W_0 - B_0)`` under SGD."""
    trainer = Trainer(SMALL.replace(scheme="kp", weight_decay=decay))
    pairs = list(zip(trainer.network.weights[1:], trainer.feedback.matrices, strict=True))
    start = [(w - b).clone() for w, b in pairs]
    list(trainer)
    forgotten = (1 - 0.1 * decay) ** trainer.step
    for (w, b), was in zip(pairs, start, strict=True):
        torch.testing.assert_close(w - b, forgotten * was, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "rmsprop", "adam"])
def test_kolen_pollack_takes_the_same_increments_with_every_optimizer(optimizer):
    momentum = 0.9 if optimizer in {"sgd", "nesterov"} else 0.0
    config = SMALL.replace(scheme="kp", momentum=momentum, optimizer=optimizer, learning_rate=0.01)
    trainer = Trainer(config)
    pairs = list(zip(trainer.network.weights[1:], trainer.feedback.matrices, strict=True))
    start = [(w - b).clone() for w, b in pairs]
    list(trainer)
    for (w, b), was in zip(pairs, start, strict=True):
        torch.testing.assert_close(w - b, was, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "rmsprop", "adam"])
@pytest.mark.parametrize("before", ["fa", "kp", "dkp"])
def test_kolen_pollack_takes_the_same_increments_from_a_live_switch_on(before, optimizer):
    momentum = 0.9 if optimizer in {"sgd", "nesterov"} else 0.0
    config = SMALL.replace(
        scheme=before, momentum=momentum, optimizer=optimizer, learning_rate=0.01, replicates=2
    )
    trainer = Trainer(config)
    for _ in range(15):
        trainer.advance()
    trainer.scheme = "dfa"
    trainer.advance()
    trainer.scheme = "kp"
    pairs = list(zip(trainer.network.weights[1:], trainer.feedback.matrices, strict=True))
    start = [(w - b).clone() for w, b in pairs]
    list(trainer)
    for (w, b), was in zip(pairs, start, strict=True):
        torch.testing.assert_close(w - b, was, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("scheme", ["usf", "frsf", "brsf"])
def test_sign_feedback_has_the_signs_of_the_weights_from_the_start(scheme):
    trainer = Trainer(SMALL.replace(scheme=scheme))
    weights = trainer.network.weights[1:]
    for matrix, weight in zip(trainer.feedback.matrices, weights, strict=True):
        assert torch.equal(matrix.sign(), weight.sign())
        assert not torch.equal(matrix, weight)


def test_usf_stands_still_while_no_weight_changes_sign():
    config = SMALL.replace(scheme="usf", learning_rate=1e-9)
    trainer = Trainer(config)
    trainer.advance()
    matrices = [m.clone() for m in trainer.feedback.matrices]
    signs = [w.sign() for w in trainer.network.weights]
    list(trainer)
    assert all(
        torch.equal(w.sign(), s) for w, s in zip(trainer.network.weights, signs, strict=True)
    )
    assert all(torch.equal(a, b) for a, b in zip(trainer.feedback.matrices, matrices, strict=True))
    trainer.network.weights[1].neg_()
    trainer.finished, trainer.total_steps = False, trainer.total_steps + 1
    trainer.advance()
    assert torch.equal(trainer.feedback.matrices[0], -matrices[0])


def test_the_weight_mirror_finds_the_weights():
    """With the weights held still, ``B`` becomes ``W`` up to the noise of its own samples."""
    config = SMALL.replace(scheme="wm", learning_rate=1e-9, mirror_rate=0.02, epochs=20)
    trainer = Trainer(config)
    measured = list(trainer)
    assert (measured[0].weight_angle_deg > 45).all()
    assert (measured[-1].weight_angle_deg < 12).all()


@pytest.mark.parametrize("batch_size", [16, 479])
@pytest.mark.parametrize(("samples", "angle"), [(8, 33), (64, 13), (512, 4.7)])
def test_the_mirrors_noise_decides_how_close_to_the_weights_it_rests(batch_size, samples, angle):
    """``tan(angle)^2 = m (n_in + 1) / ((2 - m) N)``, whatever the batch."""
    config = SMALL.replace(scheme="wm", hidden=(64, 64), learning_rate=1e-9, measure_every=1)
    trainer = Trainer(config.replace(mirror_samples=samples, batch_size=batch_size, epochs=100))
    for _ in range(60):  # of the draw at the start 0.9^60 = 0.2 % is left
        trainer.advance()
    rest = np.mean([trainer.advance().weight_angle_deg for _ in range(20)])
    assert rest == pytest.approx(angle, rel=0.03)
    closed = np.degrees(np.arctan((0.1 * 65 / (1.9 * samples)) ** 0.5))
    assert rest == pytest.approx(closed, rel=0.03)


def test_the_weight_mirror_is_its_equation():
    """``B <- (1 - m) B + m noise_out^T noise_in / N`` with ``noise_out = noise_in W^T``."""
    trainer = Trainer(SMALL.replace(scheme="wm", mirror_rate=0.3, mirror_samples=20, seed=4))
    for step in range(3):
        before = [m.clone() for m in trainer.feedback.matrices]
        weights = [w.clone() for w in trainer.network.weights[1:]]
        trainer.advance()
        for r in range(2):
            source = generator(4 + r, MIRROR, step)
            for layer, (matrix, weight) in enumerate(zip(before, weights, strict=True)):
                noise_in = torch.randn(20, weight.shape[2], generator=source, dtype=torch.float64)
                noise_out = noise_in @ weight[r].T
                mirrored = 0.7 * matrix[r] + 0.3 * noise_out.T @ noise_in / 20
                now = trainer.feedback.matrices[layer][r]
                torch.testing.assert_close(now, mirrored, rtol=1e-12, atol=1e-13)


def test_redrawn_feedback_has_the_magnitudes_of_a_fresh_draw():
    trainer = Trainer(SMALL.replace(scheme="brsf", hidden=(300, 200), feedback_std=0.5))
    for _ in range(2):
        trainer.advance()
        for matrix in trainer.feedback.matrices:  # of abs(R), R normal: its root mean square is std
            assert matrix.square().mean().sqrt().item() == pytest.approx(0.5, rel=0.02)
            assert matrix.abs().mean().item() == pytest.approx(0.5 * (2 / np.pi) ** 0.5, rel=0.02)


def test_redrawn_feedback_is_new_at_each_step_and_keeps_the_signs():
    trainer = Trainer(SMALL.replace(scheme="brsf"))
    seen = []
    for _ in range(3):
        weights = trainer.network.weights[1].clone()
        trainer.advance()
        matrix = trainer.feedback.matrices[0].clone()
        assert torch.equal(matrix.sign(), weights.sign())
        seen.append(matrix.abs())
    assert not torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[1], seen[2])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_composed_scheme_is_the_named_one(scheme):
    row = SCHEMES[scheme]
    named = train(SMALL.replace(scheme=scheme))
    other = "bp" if scheme != "bp" else "fa"
    composed = train(
        SMALL.replace(scheme=other, route=row.route, signal=row.signal, matrix=row.matrix)
    )
    for a, b in zip(named.network.weights, composed.network.weights, strict=True):
        assert torch.equal(a, b)


def test_unnamed_compositions_train_too():
    for signal in ("sign", "target"):
        for route, matrix in [
            ("layerwise", "random"),
            ("layerwise", "weights"),
            ("direct", "learned"),
        ]:
            config = SMALL.replace(route=route, signal=signal, matrix=matrix)
            assert np.isfinite(list(Trainer(config))[-1].loss).all()


@pytest.mark.parametrize("frozen", [(1,), (2, 3), (1, 2, 3)])
def test_frozen_layers_stay(frozen):
    trainer = Trainer(SMALL.replace(frozen=frozen, momentum=0.5, weight_decay=0.1))
    before = [w.clone() for w in (*trainer.network.weights, *trainer.network.biases)]
    list(trainer)
    after = (*trainer.network.weights, *trainer.network.biases)
    for index, (a, b) in enumerate(zip(after, before, strict=True)):
        assert torch.equal(a, b) == (index % 3 + 1 in frozen)


@pytest.mark.parametrize("scheme", ["fa", "brsf", "wm"])
def test_a_dtype_changes_nothing_but_rounding(scheme):
    """What is drawn at the start and at each step is the same."""
    wide, narrow = (
        Trainer(SMALL.replace(scheme=scheme, dtype=dtype)) for dtype in ("float64", "float32")
    )
    for _ in range(3):
        wide.advance()
        narrow.advance()
    for a, b in zip(wide.feedback.matrices, narrow.feedback.matrices, strict=True):
        torch.testing.assert_close(b.double(), a, rtol=1e-4, atol=1e-5)


def test_without_biases_they_stay_zero():
    trainer = train(SMALL.replace(bias=False))
    assert all((b == 0).all() for b in trainer.network.biases)
    assert trainer.config.n_parameters == 2 * (64 * 12 + 12 * 9 + 9 * 10)


@pytest.mark.parametrize("init", ["normal", "uniform", "orthogonal"])
def test_feedback_keeps_its_entry_variance(init):
    wide = SMALL.replace(hidden=(300, 200), feedback_std=0.5, feedback_init=init)
    for extra in ({}, {"feedback_density": 0.1}, {"feedback_rank": 5}):
        for matrix in Trainer(wide.replace(**extra)).feedback.matrices:
            assert matrix.std().item() == pytest.approx(0.5, rel=0.15), (init, extra)


CONVOLUTIONS = ("conv 20x3", "pool 2", "conv 30x2", 40)


@pytest.mark.parametrize("scheme", ["fa", "dfa"])
@pytest.mark.parametrize("hidden", [(300, 200), CONVOLUTIONS], ids=["dense", "conv"])
@pytest.mark.parametrize("density", [1e-9, 0.1, 0.25, 0.5, 0.96])
def test_every_unit_hears_exactly_so_many(scheme, hidden, density):
    """Crafton et al. 2019. An independent mask of density 0.1 leaves a third of them deaf."""
    config = SMALL.replace(scheme=scheme, hidden=hidden, feedback_density=density)
    for matrix in Trainer(config).feedback.matrices:
        n_out = matrix.shape[1]
        heard = (matrix != 0).sum(1)
        assert (heard == max(1, round(density * n_out))).all()


@pytest.mark.parametrize("density", [0.001, 0.1, 0.3])
@pytest.mark.parametrize("scheme", ["fa", "dfa"])
def test_sparse_feedback_keeps_the_variance_of_what_a_unit_hears(scheme, density):
    dense = SMALL.replace(scheme=scheme, hidden=(400, 300), feedback_std=0.7, replicates=8)
    for matrix in Trainer(dense.replace(feedback_density=density)).feedback.matrices:
        n_out = matrix.shape[1]
        # Of independent signals of variance 1 a unit hears the sum of its squared entries.
        assert (matrix**2).sum(1).mean().item() == pytest.approx(0.49 * n_out, rel=0.06)
        # Which units it hears is drawn evenly.
        share = (matrix != 0).double().mean((0, 2))
        assert share.std().item() < 0.2 * share.mean().item() + 0.01


def test_feedback_has_the_density_rank_and_shape_asked_for():
    wide = SMALL.replace(hidden=(300, 200))
    for matrix in Trainer(wide.replace(feedback_density=0.1)).feedback.matrices:
        assert (matrix != 0).double().mean().item() == pytest.approx(0.1, abs=0.02)
    for matrix in Trainer(wide.replace(feedback_rank=5)).feedback.matrices:
        assert torch.linalg.matrix_rank(matrix).tolist() == [5, 5]
    for matrix in Trainer(wide.replace(feedback_init="orthogonal")).feedback.matrices:
        gram = (matrix @ matrix.mT) if matrix.shape[1] < matrix.shape[2] else (matrix.mT @ matrix)
        unit = torch.eye(gram.shape[1], dtype=gram.dtype) * gram[0, 0, 0]
        torch.testing.assert_close(gram, unit.expand_as(gram), rtol=1e-9, atol=1e-9)
    uniform = Trainer(wide.replace(feedback_init="uniform", feedback_std=1.0)).feedback.matrices[0]
    assert uniform.abs().max() <= 3**0.5


def test_feedback_has_a_seed_of_its_own():
    plain = Trainer(SMALL)
    own = Trainer(SMALL.replace(feedback_seed=77))
    assert torch.equal(plain.network.weights[0], own.network.weights[0])
    assert not torch.equal(plain.feedback.matrices[0], own.feedback.matrices[0])
    same = Trainer(SMALL.replace(seed=77))
    assert torch.equal(own.feedback.matrices[0], same.feedback.matrices[0])


@pytest.mark.parametrize("init", ["uniform", "orthogonal", "zero"])
def test_initial_weights_follow_their_distribution(init):
    trainer = Trainer(SMALL.replace(weight_init=init, weight_std=0.2, hidden=(200, 100)))
    weight = trainer.network.weights[0]
    if init == "zero":
        assert (weight == 0).all()
    else:
        assert weight.std().item() == pytest.approx(0.2, rel=0.1)
        assert init == "orthogonal" or weight.abs().max() <= 0.2 * 3**0.5
