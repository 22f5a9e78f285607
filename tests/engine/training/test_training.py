"""The step: each scheme against its equations, autograd, and itself (docs/MATH.md)."""

import dataclasses

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional

from fa_engine import SCHEMES, DataOptions, NotAllowed, RunConfig, Trainer, load_dataset
from fa_engine.networks.activations import ACTIVATIONS
from fa_engine.networks.losses import LOSSES
from fa_engine.optimizers import OPTIMIZERS

SMALL = RunConfig(
    hidden=(12, 9), learning_rate=0.1, batch_size=32, epochs=1, replicates=2, dtype="float64"
)
PHI = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": lambda a: torch.where(a > 0, a, 0.01 * a),
    "sigmoid": torch.sigmoid,
    "gelu": lambda a: a * (1 + torch.erf(a / 2**0.5)) / 2,
    "erf": lambda a: torch.erf(a / 2**0.5),
    "linear": lambda a: a,
}
PHI_PRIME = {
    "tanh": lambda a: 1 - torch.tanh(a) ** 2,
    "relu": lambda a: (a > 0).to(a.dtype),
    "leaky_relu": lambda a: 0.01 + 0.99 * (a > 0).to(a.dtype),
    "sigmoid": lambda a: torch.sigmoid(a) * (1 - torch.sigmoid(a)),
    "gelu": lambda a: (
        (1 + torch.erf(a / 2**0.5)) / 2 + a * torch.exp(-(a**2) / 2) / (2 * torch.pi) ** 0.5
    ),
    "erf": lambda a: (2 / torch.pi) ** 0.5 * torch.exp(-(a**2) / 2),
    "linear": torch.ones_like,
}


def parameters(trainer):
    return [t.clone() for t in (*trainer.network.weights, *trainer.network.biases)]


def equal(left, right):
    return all(torch.equal(a, b) for a, b in zip(left, right, strict=True))


def finish(trainer):
    return list(trainer)


def batch(trainer):
    """The batch the next step will use, ``(N, n_0)`` and ``(N, c)``."""
    x, y = trainer.batch()
    return x, y


def autograd_loss(name, f, y):
    if name == "cross_entropy":
        return functional.cross_entropy(f, y.argmax(-1))
    if name == "binary_cross_entropy":
        return functional.binary_cross_entropy_with_logits(f, y, reduction="none").sum(-1).mean()
    return ((f - y) ** 2).sum(-1).mean() / 2


@pytest.mark.parametrize("replicates", [1, 3])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_bp_is_autograd(activation, loss, replicates):
    config = SMALL.replace(
        scheme="bp", activation=activation, loss=loss, replicates=replicates, measure_every=1
    )
    trainer = Trainer(config)
    x, y = batch(trainer)
    before = [t.requires_grad_() for t in parameters(trainer)]
    measured = trainer.advance()
    for r in range(replicates):
        h = x
        for w, b in zip(before[:2], before[3:5], strict=True):
            h = PHI[activation](h @ w[r].T + b[r])
        value = autograd_loss(loss, h @ before[2][r].T + before[5][r], y)
        value.backward()
        assert measured.loss[r] == pytest.approx(value.item(), rel=1e-12)
    for now, was in zip(parameters(trainer), before, strict=True):
        torch.testing.assert_close(now, (was - 0.1 * was.grad).detach(), rtol=1e-12, atol=1e-14)
    for layer in range(2):
        norm = before[layer].grad.flatten(1).norm(dim=1)
        np.testing.assert_allclose(measured.gradient_norm[:, layer], norm, rtol=1e-12)


def deltas_by_hand(scheme, activation, w, b, matrices, x, y):
    """``s_l`` of one replicate from the defining equations, plainly, and the layers' inputs."""
    h, a = [x], []
    for layer in range(3):
        a.append(h[-1] @ w[layer].T + b[layer])
        h.append(PHI[activation](a[-1]))
    e = (torch.softmax(a[-1], -1) - y) / len(x)
    prime = PHI_PRIME[activation]
    if scheme == "shallow":
        return [torch.zeros_like(a[0]), torch.zeros_like(a[1]), e], h
    if scheme in {"dfa", "dkp", "sdfa", "drtp"}:
        signal = {"sdfa": e.sign() / len(x), "drtp": y / len(x)}.get(scheme, e)
        return [(signal @ matrices[i]) * prime(a[i]) for i in range(2)] + [e], h
    s2 = (e @ matrices[1]) * prime(a[1])
    return [(s2 @ matrices[0]) * prime(a[0]), s2, e], h


def matrices_by_hand(scheme, trainer, drawn):
    """The matrices a step has to use, given the weights before it and the ones first drawn."""
    weights = trainer.network.weights[1:]
    fan_in = [w.shape[2] for w in weights]
    if scheme in {"bp", "sham"}:
        return weights
    if scheme == "usf":
        return [w.sign() / n**0.5 for w, n in zip(weights, fan_in, strict=True)]
    if scheme == "frsf":
        return [m.abs() * w.sign() for m, w in zip(drawn, weights, strict=True)]
    return None


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_follows_its_equations(scheme, activation):
    trainer = Trainer(SMALL.replace(scheme=scheme, activation=activation))
    drawn = [m.clone() for m in trainer.feedback.matrices]
    if scheme == "frsf":  # its magnitudes are FA's draw
        drawn = Trainer(SMALL.replace(scheme="fa")).feedback.matrices
    for _ in range(3):
        x, y = batch(trainer)
        before = parameters(trainer)
        expected = matrices_by_hand(scheme, trainer, drawn)
        held = [m.clone() for m in expected or trainer.feedback.matrices]
        trainer.advance()
        after = parameters(trainer)
        if scheme in {"wm", "brsf"}:  # refreshed from noise: tested below, used as they are here
            held = [m.clone() for m in trainer.feedback.matrices]
        for r in range(2):
            w, b = [t[r] for t in before[:3]], [t[r] for t in before[3:]]
            s, h = deltas_by_hand(scheme, activation, w, b, [m[r] for m in held], x, y)
            for layer in range(3):
                moved = w[layer] - 0.1 * s[layer].T @ h[layer]
                torch.testing.assert_close(after[layer][r], moved, rtol=1e-12, atol=1e-14)
                moved = b[layer] - 0.1 * s[layer].sum(0)
                torch.testing.assert_close(after[3 + layer][r], moved, rtol=1e-12, atol=1e-14)
            learned = {
                "kp": [s[1].T @ h[1], s[2].T @ h[2]],  # the increments of the weights above
                "dkp": [s[2].T @ h[1], s[2].T @ h[2]],  # error and activity
            }.get(scheme)
            for i, step in enumerate(learned or []):
                moved = held[i][r] - 0.1 * step
                now = trainer.feedback.matrices[i][r]
                torch.testing.assert_close(now, moved, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("replicates", [1, 3])
def test_sham_is_bp_to_the_last_bit(replicates, dtype):
    runs = [
        Trainer(SMALL.replace(scheme=s, replicates=replicates, dtype=dtype, momentum=m))
        for m in (0.0, 0.9)
        for s in ("bp", "sham")
    ]
    for trainer in runs:
        finish(trainer)
    assert equal(parameters(runs[0]), parameters(runs[1]))
    assert equal(parameters(runs[2]), parameters(runs[3]))
    assert not equal(parameters(runs[0]), parameters(runs[2]))


@pytest.mark.parametrize("replicates", [1, 3])
def test_dfa_is_fa_with_one_hidden_layer(replicates):
    fa, dfa = (
        Trainer(SMALL.replace(scheme=s, hidden=(20,), replicates=replicates)) for s in ("fa", "dfa")
    )
    assert equal(fa.feedback.matrices, dfa.feedback.matrices)
    finish(fa)
    finish(dfa)
    assert equal(parameters(fa), parameters(dfa))


def test_dfa_is_not_fa_with_two():
    fa, dfa = (Trainer(SMALL.replace(scheme=s)) for s in ("fa", "dfa"))
    finish(fa)
    finish(dfa)
    assert not equal(parameters(fa), parameters(dfa))


def test_shallow_moves_the_output_layer_alone():
    trainer = Trainer(SMALL.replace(scheme="shallow", momentum=0.5, weight_decay=0.01))
    before = parameters(trainer)
    finish(trainer)
    after = parameters(trainer)
    moved = [not torch.equal(a, b) for a, b in zip(after, before, strict=True)]
    assert moved == [False, False, True, False, False, True]


@pytest.mark.parametrize("decay", [0.0, 0.05])
@pytest.mark.parametrize(
    ("optimizer", "momentum"), [("sgd", 0.0), ("sgd", 0.9), ("nesterov", 0.9)], ids=str
)
@pytest.mark.parametrize("replicates", [1, 3])
@pytest.mark.parametrize("scheme", ["bp", "kp"])
def test_the_optimizer_is_torchs(scheme, replicates, optimizer, momentum, decay):
    """Kolen-Pollack's matrices, begun as the weights, move as they do: backpropagation."""
    config = SMALL.replace(
        scheme=scheme,
        replicates=replicates,
        optimizer=optimizer,
        momentum=momentum,
        weight_decay=decay,
    )
    trainer = Trainer(config)
    for matrix, weight in zip(trainer.feedback.matrices, trainer.network.weights[1:], strict=True):
        matrix.copy_(weight)
    peer = [t.requires_grad_() for t in parameters(trainer)]
    sgd = torch.optim.SGD(
        peer, 0.1, momentum=momentum, weight_decay=decay, nesterov=optimizer == "nesterov"
    )
    for _ in range(5):
        x, y = batch(trainer)
        sgd.zero_grad()
        for r in range(replicates):
            h = torch.tanh(x @ peer[0][r].T + peer[3][r])
            h = torch.tanh(h @ peer[1][r].T + peer[4][r])
            autograd_loss("cross_entropy", h @ peer[2][r].T + peer[5][r], y).backward()
        sgd.step()
        trainer.advance(measure=True)
    for ours, theirs in zip(parameters(trainer), peer, strict=True):
        torch.testing.assert_close(ours, theirs.detach(), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_measuring_never_changes_training(scheme):
    config = SMALL.replace(scheme=scheme, dtype="float32", epochs=2)
    often = Trainer(config.replace(measure_every=1, evaluate_every=1))
    seldom = Trainer(config.replace(measure_every=1000, evaluate_every=1000))
    finish(often)
    finish(seldom)
    assert equal(parameters(often), parameters(seldom))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("scheme", ["bp", "fa", "kp", "dkp"])
def test_nor_does_it_under_any_optimizer(scheme, optimizer):
    """What was formed to be measured is what the optimiser gets, and some write into it."""
    momentum = 0.0 if optimizer.startswith("adam") else 0.9
    fields = {"optimizer": optimizer, "momentum": momentum, "weight_decay": 1e-2}
    config = SMALL.replace(scheme=scheme, dtype="float32", **fields)
    often, never = (Trainer(config.replace(walk=walk)) for walk in (True, False))
    for _ in range(12):
        often.advance(measure=True)
        never.advance()
    with_walk, alone = often.state(), never.state()
    assert all(torch.equal(with_walk[name], tensor) for name, tensor in alone.items())


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_training_leaves_can_be_changed_and_differentiated(scheme):
    """Steps run in inference mode; tensors made there would be of no use outside."""
    trainer = Trainer(SMALL.replace(scheme=scheme, measure_every=1))
    for _ in range(3):
        trainer.advance()
    for tensor in (*parameters(trainer), *trainer.feedback.matrices):
        leaf = tensor.clone().requires_grad_()
        leaf.square().sum().backward()
    for weight in trainer.network.weights:
        weight.mul_(0.5)
    assert not any(t.is_inference() for t in (*trainer.network.weights, *trainer.network.biases))
    assert not any(t.is_inference() for t in trainer.feedback.matrices)


def test_the_same_seed_repeats_the_run():
    first, second, other = (Trainer(SMALL.replace(seed=s)) for s in (3, 3, 4))
    for a, b in zip(first, second, strict=True):
        for name, value in vars(a).items():
            np.testing.assert_array_equal(value, vars(b)[name])
    assert equal(parameters(first), parameters(second))
    assert not equal(parameters(first), parameters(other))


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_replicate_of_eight_is_the_same_alone(scheme, momentum):
    config = SMALL.replace(scheme=scheme, seed=5, replicates=8, momentum=momentum, walk=True)
    together = Trainer(config)
    drawn = parameters(together), [b.clone() for b in together.feedback.matrices]
    measured = finish(together)
    for r in (0, 3, 7):
        alone = Trainer(config.replace(seed=5 + r, replicates=1))
        assert equal([t[r : r + 1] for t in drawn[0]], parameters(alone))
        assert equal([b[r : r + 1] for b in drawn[1]], alone.feedback.matrices)
        for among, own in zip(measured, alone, strict=True):
            for name in ("loss", "gradient_angle_deg", "descent_rate", "path_length"):
                np.testing.assert_allclose(
                    getattr(among, name)[r], getattr(own, name)[0], rtol=1e-6, atol=1e-6
                )
        for a, b in zip(parameters(together), parameters(alone), strict=True):
            torch.testing.assert_close(a[r : r + 1], b, rtol=1e-9, atol=1e-11)


def test_replicates_differ_in_weights_and_in_feedback():
    trainer = Trainer(SMALL)
    assert not torch.equal(trainer.network.weights[0][0], trainer.network.weights[0][1])
    assert not torch.equal(trainer.feedback.matrices[0][0], trainer.feedback.matrices[0][1])


def test_draws_have_the_scales_asked_for():
    def std(t):
        return t.std().item()

    wide = SMALL.replace(hidden=(400, 300))
    trainer = Trainer(wide)
    for weight in trainer.network.weights:
        assert std(weight) == pytest.approx(weight.shape[2] ** -0.5, rel=0.05)
    for matrix in trainer.feedback.matrices:
        assert std(matrix) == pytest.approx(matrix.shape[2] ** -0.5, rel=0.05)
    trainer = Trainer(wide.replace(weight_std=0.3, feedback_std=2.0))
    assert std(trainer.network.weights[0]) == pytest.approx(0.3, rel=0.05)
    assert std(trainer.feedback.matrices[0]) == pytest.approx(2.0, rel=0.05)
    assert all((b == 0).all() for b in trainer.network.biases)


def test_no_draw_touches_the_global_generator():
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    finish(Trainer(SMALL))
    assert torch.equal(torch.rand(1), expected)


def test_every_sample_is_seen_once_an_epoch():
    trainer = Trainer(SMALL.replace(batch_size=100, epochs=2))
    rows = []
    orders = []
    for _ in range(2):
        orders.append([])
        for _ in range(trainer.config.steps_per_epoch):
            x, _y = batch(trainer)
            orders[-1].append(x)
            trainer.advance()
        rows.append({row.numpy().tobytes() for row in torch.cat(orders[-1])})
    distinct = {row.numpy().tobytes() for row in trainer.data.x_train}
    assert all(len(seen) > 0.95 * len(distinct) for seen in rows)  # 38 of 1438 are dropped
    assert not torch.equal(orders[0][0], orders[1][0])


def test_measurements_come_when_they_are_due():
    config = SMALL.replace(measure_every=7, evaluate_every=20, epochs=1)  # 44 steps
    measured = finish(Trainer(config))
    assert [m.step for m in measured] == [0, 7, 14, 21, 28, 35, 42, 44]
    assert [m.step for m in measured if m.test_loss is not None] == [0, 21, 42, 44]
    assert measured[-1].epoch == 1
    m = measured[0]
    assert m.loss.shape == m.accuracy.shape == m.test_loss.shape == m.test_accuracy.shape == (2,)
    assert m.gradient_angle_deg.shape == m.delta_angle_deg.shape == (2, 2)
    assert m.weight_angle_deg.shape == m.update_norm.shape == m.gradient_norm.shape == (2, 2)
    assert m.descent_rate.shape == (2, 3)


def test_test_metrics_are_those_of_the_whole_test_set():
    trainer = Trainer(SMALL)
    loss, accuracy = trainer.evaluate()
    w, b = trainer.network.weights, trainer.network.biases
    for r in range(2):
        h = torch.tanh(trainer.data.x_test @ w[0][r].T + b[0][r])
        h = torch.tanh(h @ w[1][r].T + b[1][r])
        f = h @ w[2][r].T + b[2][r]
        target = trainer.data.y_test.argmax(-1)
        assert loss[r] == pytest.approx(functional.cross_entropy(f, target).item(), rel=1e-12)
        assert accuracy[r] == pytest.approx((f.argmax(-1) == target).double().mean().item())


def test_advance_can_measure_on_demand_and_stops_at_the_end():
    trainer = Trainer(SMALL.replace(measure_every=1000))
    trainer.advance()
    assert trainer.advance() is None
    assert trainer.advance(measure=True).step == 2
    assert trainer.step == 3
    finish(trainer)
    assert trainer.finished
    assert trainer.step == trainer.total_steps
    before = parameters(trainer)
    assert trainer.advance(measure=True) is None
    assert equal(before, parameters(trainer))


def test_learning_rate_and_scheme_change_between_steps():
    config = SMALL.replace(scheme="bp", learning_rate=0.1)
    changed, plain = Trainer(config), Trainer(config)
    original = Trainer(config.replace(scheme="fa"))
    for trainer in (changed, plain):
        for _ in range(5):
            trainer.advance()
    changed.scheme = "fa"
    changed.learning_rate = 0.05
    assert (changed.scheme, changed.learning_rate) == ("fa", 0.05)
    assert equal(parameters(changed), parameters(plain))  # the weights are kept
    assert equal(changed.feedback.matrices, original.feedback.matrices)
    x, y = batch(changed)
    before = parameters(changed)
    w, b = [t[0] for t in before[:3]], [t[0] for t in before[3:]]
    s, h = deltas_by_hand("fa", "tanh", w, b, [m[0] for m in changed.feedback.matrices], x, y)
    changed.advance()
    expected = before[0][0] - 0.05 * s[0].T @ h[0]
    torch.testing.assert_close(changed.network.weights[0][0], expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_bad_live_change_is_refused_and_changes_nothing(momentum):
    trainer = Trainer(SMALL.replace(momentum=momentum))
    with pytest.raises(ValidationError, match="learning_rate"):
        trainer.learning_rate = float("nan")
    with pytest.raises(ValidationError, match="scheme"):
        trainer.scheme = "magic"
    assert (trainer.learning_rate, trainer.scheme) == (0.1, "fa")


def test_a_diverging_run_stops_and_keeps_what_it_measured():
    config = SMALL.replace(
        activation="relu", loss="squared_error", learning_rate=100.0, epochs=50, measure_every=1
    )
    trainer = Trainer(config)
    measured = finish(trainer)
    assert trainer.finished
    assert trainer.diverged.all()
    assert 1 < trainer.step < trainer.total_steps
    assert np.isfinite(measured[0].loss).all()
    assert not np.isfinite(measured[-1].loss).any()


def test_a_divergence_is_seen_between_measurements():
    config = SMALL.replace(
        activation="relu",
        loss="squared_error",
        learning_rate=100.0,
        epochs=50,
        measure_every=10**6,
    )
    trainer = Trainer(config)
    measured = finish(trainer)
    assert trainer.diverged.all()
    assert trainer.step <= 200
    assert [m.step for m in measured] == [0, trainer.step]


def test_evaluating_a_convolution_takes_the_samples_in_small_lots(monkeypatch):
    trainer = Trainer(RunConfig(hidden="conv 8x3, 16", replicates=2))
    whole = trainer.evaluate()
    monkeypatch.setattr("fa_engine.training.evaluation.EVALUATION_BYTES", 2**18)
    sizes = []
    forward = trainer.network.forward
    monkeypatch.setattr(trainer.network, "forward", lambda x: sizes.append(len(x)) or forward(x))
    in_lots = trainer.evaluate()
    assert max(sizes) < 60
    assert sum(sizes) == 359
    np.testing.assert_allclose(whole, in_lots, rtol=1e-6)


def test_bce_is_exact_where_the_network_is_sure():
    f = torch.tensor([[17.0, 14.0]])
    y = torch.tensor([[1.0, 1.0]])
    expected = np.log1p(np.exp(-17.0)) + np.log1p(np.exp(-14.0))
    value = LOSSES["binary_cross_entropy"].of_samples(f, y).item()
    assert value == pytest.approx(expected, rel=1e-5)


def test_one_diverged_replicate_does_not_stop_the_others():
    trainer = Trainer(SMALL.replace(measure_every=1))
    trainer.network.weights[2][1].fill_(torch.nan)
    trainer.advance()
    assert trainer.diverged.tolist() == [False, True]
    measured = finish(trainer)
    assert trainer.step == trainer.total_steps
    assert np.isfinite(measured[-1].loss[0])
    assert np.isnan(measured[-1].loss[1])
    assert np.isnan(measured[-1].gradient_angle_deg[1]).all()


@pytest.mark.parametrize(
    ("loaded", "fields", "field"),
    [
        ({}, {"label_noise": 0.2}, "label_noise"),
        ({"label_noise": 0.2}, {}, "label_noise"),
        ({}, {"dataset": "teacher", "teacher_hidden": (8, 8)}, "teacher_hidden"),
        ({}, {"dataset": "teacher", "loss": "squared_error"}, "loss"),
        ({}, {"standardise": "feature"}, "standardise"),
        (
            {"standardise": "all", "train_samples": 900},
            {"standardise": "all", "train_samples": 800},
            "train_samples",
        ),
        ({"dtype": torch.float32}, {}, "dtype"),
    ],
)
def test_data_loaded_for_another_configuration_are_refused(loaded, fields, field):
    config = SMALL.replace(**fields)
    dtype = loaded.pop("dtype", torch.float64)
    data = load_dataset(config.dataset, dtype=dtype, options=DataOptions(**loaded))
    with pytest.raises(NotAllowed) as caught:
        Trainer(config, data=data)
    assert caught.value.problem.field == field
    if field != "dtype":  # from elsewhere they are taken as they are
        assert Trainer(config, data=dataclasses.replace(data, options=None)).step == 0


def test_a_missing_gpu_is_said(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="cuda"):
        Trainer(SMALL.replace(device="cuda"))
    assert Trainer(SMALL).network.weights[0].device.type == "cpu"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize(
    "fields",
    [
        *({"scheme": scheme} for scheme in SCHEMES),
        {"hidden": "conv 3x3, pool 2, conv 4x2, 9"},
        {"delay_modules": 3, "hidden": (12, 9, 8)},
        {"feedback_rank": 2, "optimizer": "adam", "learning_rate": 0.003},
        {"scheme": "kp", "momentum": 0.9, "weight_decay": 0.01},
        {"scheme": "dfa", "replicates": 1, "loss": "squared_error", "activation": "relu"},
    ],
)
def test_a_gpu_trains_the_same_network(tmp_path, fields):
    config = SMALL.replace(walk=True, **fields)
    on_gpu, on_cpu = (Trainer(config.replace(device=device)) for device in ("cuda", "cpu"))
    for trainer in (on_gpu, on_cpu):
        trainer.advance()
    on_gpu.save(tmp_path / "on_gpu")
    on_gpu = Trainer.load(tmp_path / "on_gpu")
    assert parameters(on_gpu)[0].device.type == "cuda"
    for a, b in zip(on_gpu, on_cpu, strict=True):
        # In degrees: of an angle near 0 the last bit of its cosine is a part in a million.
        angles = (a.gradient_angle_deg, b.gradient_angle_deg)
        np.testing.assert_allclose(*angles, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(a.path_length, b.path_length, rtol=1e-8)
    for a, b in zip(parameters(on_gpu), parameters(on_cpu), strict=True):
        torch.testing.assert_close(a.cpu(), b, rtol=1e-8, atol=1e-10)


@pytest.mark.slow
def test_the_reference_run_on_mnist(mnist_dir):
    """784-256-256-10 tanh, FA, lr 0.1, batch 128, 5 epochs: 93.0 +- 0.7 %, cosines 0.61, 0.54."""
    config = RunConfig(
        dataset="mnist",
        hidden=(256, 256),
        batch_size=128,
        epochs=5,
        replicates=4,
        measure_every=20,
        evaluate_every=10**9,  # at the end alone: the test set costs more than the training
    )
    measured = finish(Trainer(config, data_dir=mnist_dir))
    assert measured[-1].test_accuracy.mean() == pytest.approx(0.930, abs=0.007)
    settled = [m.gradient_angle_deg for m in measured if m.epoch > 4.5]
    cosines = np.cos(np.radians(np.mean(settled, axis=(0, 1))))
    np.testing.assert_allclose(cosines, [0.61, 0.54], atol=0.06)
