"""The walk through weight space against a plain float64 recomputation (docs/MATH.md, section 7)."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from fa_engine import SCHEMES, RunConfig, Trainer

SMALL = RunConfig(
    hidden=(12, 9),
    learning_rate=0.05,
    batch_size=32,
    epochs=1,
    replicates=2,
    dtype="float64",
    measure_every=1,
    walk=True,
)
CONV = {"hidden": "conv 3x3, pool 2, conv 4x2, 9"}
WALKS = [
    {"scheme": "bp"},
    {"scheme": "fa"},
    {"scheme": "fa", "replicates": 1, "weight_decay": 0.1},
    {"scheme": "dfa", "optimizer": "adam", "learning_rate": 0.003, "bias_rate": 0.5},
    {"scheme": "kp", "momentum": 0.9},
    {"scheme": "sdfa", "optimizer": "rmsprop", "learning_rate": 0.003, "replicates": 3},
    {"scheme": "fa", "batch_size": 300},  # through the updates themselves, not inner products
    {"scheme": "fa", "frozen": (2,), "loss": "squared_error"},
    {"scheme": "fa", **CONV},
    {"scheme": "fa", "replicates": 1, **CONV},
    {"scheme": "dfa", "optimizer": "nesterov", "momentum": 0.5, **CONV},
]


def parameters(trainer):
    """Weights and biases in float64, copied."""
    network = trainer.network
    return [[t.double().clone() for t in ts] for ts in (network.weights, network.biases)]


def outputs(trainer, weights, biases, x, r):
    """Forward pass of replicate ``r`` on flat samples, from PyTorch's own layers."""
    h = x.reshape(-1, 1, 8, 8) if "conv" in str(trainer.config.hidden[0]) else x
    for index, layer in enumerate(trainer.network.layers):
        w, b = weights[index][r], biases[index][r]
        if not hasattr(layer, "kernel"):
            # channels come last in the engine
            h = h.permute(0, 2, 3, 1).flatten(1) if h.ndim == 4 else h
            h = h @ w.T + b
        else:
            w = w.reshape(layer.n_out, layer.input_shape[2], layer.kernel, layer.kernel)
            h = functional.conv2d(h, w, b)
        if index < len(weights) - 1:
            h = torch.tanh(h)
        if getattr(layer, "pool", 1) > 1:
            h = functional.max_pool2d(h, layer.pool)
    return h


def loss_of(trainer, f, y):
    if trainer.config.loss == "squared_error":
        return ((f - y) ** 2).sum(-1).mean() / 2
    return functional.cross_entropy(f, y.argmax(-1))


def gradients(trainer, before, x, y, r):
    """Autograd's gradients and the loss, of replicate ``r``."""
    leaves = [[t.clone().requires_grad_() for t in ts] for ts in before]
    loss = loss_of(trainer, outputs(trainer, *leaves, x, r), y)
    loss.backward()
    return [[t.grad[r] for t in ts] for ts in leaves], loss.item()


def norm(t):
    return t.reshape(-1).norm().item()


@pytest.mark.parametrize("fields", WALKS, ids=lambda f: "-".join(map(str, f.values())))
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-9), ("float32", 2e-3)])
def test_the_walk_is_its_definition(fields, dtype, tolerance):
    trainer = Trainer(SMALL.replace(dtype=dtype, **fields))
    config, n = trainer.config, trainer.network.n_layers
    start = parameters(trainer)[0]
    path = np.zeros((config.replicates, n))
    previous = None
    for _ in range(4):
        before = parameters(trainer)
        x, y = (t.double() for t in trainer.batch())
        m = trainer.advance(measure=True)
        after = parameters(trainer)
        for r in range(config.replicates):
            for layer in range(n):
                moved = norm(before[0][layer][r] - start[layer][r])
                assert m.displacement[r, layer] == pytest.approx(moved, rel=tolerance, abs=1e-12)
                assert m.path_length[r, layer] == pytest.approx(path[r, layer], rel=tolerance)
                path[r, layer] += norm(after[0][layer][r] - before[0][layer][r])
            slopes, loss = gradients(trainer, before, x, y, r)
            steps = [
                [a[r] - b[r] for a, b in zip(*pair, strict=True)]
                for pair in zip(after, before, strict=True)
            ]
            predicted = sum(
                torch.sum(g * step).item()
                for kind in zip(slopes, steps, strict=True)
                for g, step in zip(*kind, strict=True)
            )
            then = loss_of(trainer, outputs(trainer, *after, x, r), y).item()
            absolute = 1e-12 if dtype == "float64" else 1e-5
            assert m.predicted_loss_change[r] == pytest.approx(
                predicted, rel=tolerance, abs=absolute
            )
            assert m.loss_change[r] == pytest.approx(then - loss, rel=tolerance, abs=absolute)
        plain = config.optimizer == "sgd" and config.momentum == config.weight_decay == 0
        if plain:  # then the step is the update
            now = [a - b for a, b in zip(after[0], before[0], strict=True)]
            cosines = np.full((config.replicates, n), np.nan)
            for r in range(config.replicates) if previous else ():
                for layer in range(n):
                    u, v = now[layer][r], previous[layer][r]
                    if norm(u) * norm(v) > 0:
                        cosines[r, layer] = (torch.sum(u * v) / (norm(u) * norm(v))).item()
            np.testing.assert_allclose(m.update_cosine, cosines, rtol=tolerance, atol=tolerance)
            previous = now


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "nesterov"])
def test_the_update_cosine_is_that_of_directions_not_of_steps(optimizer):
    """Whatever the optimiser makes of them, and however the batch is laid out."""
    momentum = 0.0 if optimizer == "adam" else 0.9
    config = SMALL.replace(scheme="bp", optimizer=optimizer, momentum=momentum, learning_rate=0.01)
    trainer = Trainer(config)
    previous = None
    for _ in range(4):
        x, y = trainer.batch()
        before = parameters(trainer)
        found = [gradients(trainer, before, x, y, r)[0][0] for r in range(2)]
        m = trainer.advance()
        if previous is None:
            assert np.isnan(m.update_cosine).all()
        else:
            expected = [
                [functional.cosine_similarity(u.flatten(), v.flatten(), 0).item() for u, v in pairs]
                for pairs in (zip(a, b, strict=True) for a, b in zip(found, previous, strict=True))
            ]
            np.testing.assert_allclose(m.update_cosine, expected, rtol=1e-9)
        previous = found


@pytest.mark.parametrize("fields", [{}, {"momentum": 0.9}, {"delay_modules": 2}, CONV], ids=str)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_walking_along_never_changes_training(scheme, fields):
    config = SMALL.replace(scheme=scheme, dtype="float32", measure_every=3, **fields)
    walked, alone = Trainer(config), Trainer(config.replace(walk=False, measure_every=1000))
    for _ in range(20):
        walked.advance()
        alone.advance()
    for a, b in zip(walked.network.weights, alone.network.weights, strict=True):
        assert torch.equal(a, b)


def test_the_path_counts_every_step_however_seldom_it_is_measured():
    often = list(Trainer(SMALL))
    seldom = list(Trainer(SMALL.replace(measure_every=17)))
    for m in seldom:
        np.testing.assert_array_equal(m.path_length, often[m.step].path_length)
        np.testing.assert_array_equal(m.update_cosine, often[m.step].update_cosine)
    assert (often[-1].path_length > often[-1].displacement).all()
    assert np.isnan(often[-1].loss_change).all()  # no step follows the last measurement
    assert np.isfinite(often[-2].loss_change).all()


def test_nobody_walks_along_unless_asked():
    m = Trainer(SMALL.replace(walk=False)).advance()
    assert m.displacement is m.path_length is m.update_cosine is m.loss_change is None
    assert m.predicted_loss_change is m.conserved is m.conserved_drift is None


def test_the_walk_starts_from_weights_set_by_hand():
    trainer = Trainer(SMALL)
    trainer.network.weights[0].mul_(3)
    assert (trainer.advance().displacement == 0).all()
    assert (trainer.advance().displacement > 0).all()


def test_a_small_step_changes_the_loss_as_predicted():
    for scheme in SCHEMES:
        m = Trainer(SMALL.replace(scheme=scheme, learning_rate=1e-6)).advance()
        np.testing.assert_allclose(m.loss_change, m.predicted_loss_change, rtol=1e-3)


def conserved(trainer, layer):
    """``1/2 |(W_l[i], b_l[i])|^2 - <B_{l+1}[:, i], W_{l+1}[:, i]>`` of each hidden unit ``i``."""
    w, b = trainer.network.weights, trainer.network.biases
    own = (w[layer] ** 2).sum(2) + b[layer] ** 2 / trainer.config.bias_rate
    return own / 2 - (trainer.feedback.matrices[layer] * w[layer + 1]).sum(1)


@pytest.mark.parametrize(
    ("fields", "layers"),
    [
        ({"scheme": "fa"}, (0, 1)),
        ({"scheme": "fa", "activation": "linear", "bias_rate": 0.25}, (0, 1)),
        ({"scheme": "fa", "activation": "leaky_relu", "bias": False}, (0, 1)),
        ({"scheme": "dfa"}, (1,)),
        ({"scheme": "fa", "signal": "sign"}, (0,)),
        ({"scheme": "fa", "hidden": (9, 8, 7), "frozen": (1,)}, (1, 2)),
        ({"scheme": "fa", "hidden": "conv 3x3, 9, 8"}, (1, 2)),
    ],
    ids=str,
)
def test_what_is_conserved_drifts_with_the_step_size_alone(fields, layers):
    fields = {"activation": "relu", "batch_size": 1438, "shuffle": False, **fields}
    drifts = []
    for halvings in range(2):
        rate, epochs = 0.01 / 2**halvings, 20 * 2**halvings
        trainer = Trainer(SMALL.replace(**fields, learning_rate=rate, epochs=epochs))
        start = {layer: conserved(trainer, layer) for layer in layers}
        first = trainer.advance()
        assert (first.conserved_drift[:, list(layers)] == 0).all()
        last = list(trainer)[-1]
        for layer in range(trainer.network.n_layers - 1):
            if layer not in layers:
                assert np.isnan(last.conserved[:, layer]).all()
                assert np.isnan(last.conserved_drift[:, layer]).all()
                continue
            now = conserved(trainer, layer)
            np.testing.assert_allclose(last.conserved[:, layer], now.mean(1), rtol=1e-12)
            drift = (now - start[layer]).square().mean(1).sqrt()
            np.testing.assert_allclose(last.conserved_drift[:, layer], drift, rtol=1e-9)
        drifts.append(last.conserved_drift[:, list(layers)].max())
        # A rounding error of a walk that went somewhere.
        assert drifts[-1] < 0.05 * last.displacement[:, [layer + 1 for layer in layers]].min()
    assert drifts[1] / drifts[0] == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize(
    "fields",
    [
        {"activation": "tanh"},
        {"scheme": "bp"},
        {"scheme": "kp"},
        {"scheme": "usf"},
        {"scheme": "shallow"},
        {"momentum": 0.5},
        {"weight_decay": 0.01},
        {"optimizer": "adam"},
        {"delay_modules": 2},
        {"frozen": (2,)},
    ],
    ids=str,
)
def test_where_nothing_is_conserved_it_is_undefined(fields):
    m = Trainer(SMALL.replace(**{"activation": "relu", **fields})).advance()
    assert np.isnan(m.conserved).all()
    assert np.isnan(m.conserved_drift).all()


def test_biases_that_stand_still_leave_something_conserved_only_at_zero():
    config = SMALL.replace(activation="linear", bias_rate=0.0)
    assert np.isfinite(Trainer(config).advance(measure=True).conserved).all()
    weights = {name: t.clone() for name, t in Trainer(config).network.state().items()}
    for name, tensor in weights.items():
        if "bias" in name:
            tensor.fill_(0.1)
    started = Trainer(config, weights=weights)
    assert np.isnan(started.advance(measure=True).conserved).all()


def test_a_new_scheme_conserves_from_where_it_takes_over():
    trainer = Trainer(SMALL.replace(activation="relu", scheme="bp", learning_rate=0.001))
    for _ in range(10):
        assert np.isnan(trainer.advance().conserved).all()
    trainer.scheme = "fa"
    assert (trainer.advance().conserved_drift == 0).all()
    assert (trainer.advance().conserved_drift > 0).all()
    assert (trainer.advance().conserved_drift < 1e-5).all()


@pytest.mark.parametrize(
    "fields",
    [{}, {"measure_every": 1}, {"replicates": 1}, {"delay_modules": 2}, CONV],
    ids=str,
)
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_a_resumed_walk_goes_on_bit_for_bit(tmp_path, fields, activation):
    fields = {"measure_every": 5, **fields}
    config = SMALL.replace(activation=activation, dtype="float32", **fields)
    unbroken, broken = Trainer(config), Trainer(config)
    for _ in range(13):
        unbroken.advance()
        broken.advance()
    broken.save(tmp_path / "c")
    resumed = Trainer.load(tmp_path / "c")
    for a, b in zip(unbroken, resumed, strict=True):
        for name, value in vars(a).items():
            np.testing.assert_array_equal(value, vars(b)[name], err_msg=name)


def test_a_walk_saved_before_its_first_step_or_right_after_a_change_goes_on(tmp_path):
    fresh = Trainer(SMALL)
    fresh.save(tmp_path / "c")
    resumed = Trainer.load(tmp_path / "c")
    assert (resumed.advance().displacement == 0).all()
    changed = Trainer(SMALL.replace(activation="relu", scheme="bp"))
    for _ in range(3):
        changed.advance()
    changed.scheme = "fa"
    changed.save(tmp_path / "c")
    resumed = Trainer.load(tmp_path / "c")
    for _ in range(3):
        a, b = changed.advance(), resumed.advance()
        np.testing.assert_array_equal(a.conserved_drift, b.conserved_drift)
        np.testing.assert_array_equal(a.displacement, b.displacement)


def test_a_diverged_walk_is_not_silent():
    config = SMALL.replace(learning_rate=100, loss="squared_error", activation="linear", epochs=50)
    measured = list(Trainer(config))
    assert not np.isfinite(measured[-1].displacement).all()
    assert not np.isfinite(measured[-1].loss).any()


@pytest.mark.parametrize("scheme", ["bp", "fa", "dfa"])
def test_updates_too_small_for_float32_products_have_a_cosine_all_the_same(scheme):
    fields = {"hidden": (32,) * 14, "activation": "relu", "weight_std": 0.005, "scheme": scheme}
    found = {}
    for dtype in ("float32", "float64"):
        config = SMALL.replace(**fields, feedback_std=0.005, dtype=dtype, measures="gradient")
        trainer = Trainer(config)
        trainer.advance()
        found[dtype] = trainer.advance(measure=True).update_cosine
    np.testing.assert_array_equal(np.isnan(found["float32"]), np.isnan(found["float64"]))
    np.testing.assert_allclose(found["float32"], found["float64"], atol=1e-3)
