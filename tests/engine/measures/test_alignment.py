"""The measures against a plain float64 recomputation from their definitions."""

import numpy as np
import pytest
import torch

from fa_engine import SCHEMES, RunConfig, Trainer
from fa_engine.measures import alignment
from fa_engine.measures.alignment import RowProducts, cosine, degrees


def angle(p, q):
    p, q = np.asarray(p, np.float64).ravel(), np.asarray(q, np.float64).ravel()
    return np.degrees(np.arccos(p @ q / (np.linalg.norm(p) * np.linalg.norm(q))))


def by_definition(trainer, x, y, r):
    """Every measure of replicate ``r``, a layer at a time, in NumPy's float64."""
    w = [t[r].double().numpy() for t in trainer.network.weights]
    b = [t[r].double().numpy() for t in trainer.network.biases]
    matrices = [t[r].double().numpy() for t in trainer.feedback.matrices]
    x, y = x.double().numpy(), y.double().numpy()
    n_hidden = len(w) - 1
    h = [x]
    for layer in range(n_hidden):
        h.append(np.tanh(h[-1] @ w[layer].T + b[layer]))
    f = h[-1] @ w[-1].T + b[-1]
    p = np.exp(f - f.max(1, keepdims=True))
    e = (p / p.sum(1, keepdims=True) - y) / len(x)

    d, s = [None] * n_hidden + [e], [None] * n_hidden + [e]
    direct = trainer.feedback.scheme.route == "direct"
    for layer in reversed(range(n_hidden)):
        prime = 1 - h[layer + 1] ** 2
        d[layer] = (d[layer + 1] @ w[layer + 1]) * prime
        s[layer] = ((e if direct else s[layer + 1]) @ matrices[layer]) * prime
    g = [d[layer].T @ h[layer] for layer in range(n_hidden + 1)]
    u = [s[layer].T @ h[layer] for layer in range(n_hidden + 1)]

    stands_for = list(w[1:])
    if direct:
        for layer in reversed(range(n_hidden - 1)):
            stands_for[layer] = stands_for[layer + 1] @ w[layer + 1]
    hidden = range(n_hidden)
    cosines = [
        [np.cos(np.radians(angle(a, b))) for a, b in zip(s[i], d[i], strict=True)] for i in hidden
    ]
    together = [np.concatenate([m.ravel() for m in side[:n_hidden]]) for side in (u, g)]
    return {
        "hidden_angle_deg": angle(*together),
        "delta_cosine_mean": np.mean(cosines, 1),
        "delta_cosine_std": np.std(cosines, 1),
        "gradient_angle_deg": [angle(u[i], g[i]) for i in hidden],
        "delta_angle_deg": [angle(s[i], d[i]) for i in hidden],
        "weight_angle_deg": [angle(matrices[i], stands_for[i]) for i in hidden],
        "update_norm": [np.linalg.norm(u[i]) for i in hidden],
        "gradient_norm": [np.linalg.norm(g[i]) for i in hidden],
        "descent_rate": [np.sum(u[i] * g[i]) for i in range(n_hidden + 1)],
    }


# Batches smaller and larger than the layers: through the batch's inner products, and through the
# gradients themselves.
@pytest.mark.parametrize("batch_size", [8, 300])
@pytest.mark.parametrize("replicates", [1, 3])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-9), ("float32", 2e-4)])
@pytest.mark.parametrize("scheme", ["fa", "dfa"])
def test_every_measure_is_its_definition(scheme, dtype, tolerance, replicates, batch_size):
    config = RunConfig(
        scheme=scheme,
        hidden=(40, 30, 20),
        batch_size=batch_size,
        replicates=replicates,
        dtype=dtype,
    )
    trainer = Trainer(config)
    for _ in range(4):
        x, y = trainer.batch()
        expected = [by_definition(trainer, x, y, r) for r in range(replicates)]
        m = trainer.advance(measure=True)
        for name in expected[0]:
            wanted = [e[name] for e in expected]
            np.testing.assert_allclose(
                getattr(m, name), wanted, rtol=tolerance, atol=1e-7, err_msg=name
            )


@pytest.mark.parametrize("batch_size", [8, 300])
@pytest.mark.parametrize("scheme", ["bp", "sham"])
def test_backpropagation_is_aligned_with_itself(scheme, batch_size):
    trainer = Trainer(RunConfig(scheme=scheme, dtype="float64", batch_size=batch_size))
    m = trainer.advance()
    for name in ("gradient_angle_deg", "delta_angle_deg", "weight_angle_deg"):
        np.testing.assert_allclose(getattr(m, name), 0, atol=1e-5)
    np.testing.assert_allclose(m.update_norm, m.gradient_norm, rtol=1e-12)


@pytest.mark.parametrize(
    "fields", [{}, {"hidden": "conv 4x3, pool 2, 9"}, {"scheme": "bp"}], ids=str
)
def test_gradient_alignment_can_be_measured_alone(fields):
    config = RunConfig(
        **{"hidden": (40, 30), "epochs": 1, "measure_every": 5, "evaluate_every": 20, **fields}
    )
    every, alone = Trainer(config), Trainer(config.replace(measures="gradient"))
    left = {"delta_angle_deg", "delta_cosine_mean", "delta_cosine_std", "weight_angle_deg"}
    for a, b in zip(every, alone, strict=True):
        for name, value in vars(a).items():
            if name in left:
                assert np.isnan(getattr(b, name)).all()
                assert getattr(b, name).shape == value.shape
            elif value is not None:
                np.testing.assert_array_equal(getattr(b, name), value, err_msg=name)


def test_what_is_undefined_is_nan():
    m = Trainer(RunConfig(scheme="shallow")).advance()
    for name in ("gradient_angle_deg", "delta_angle_deg", "weight_angle_deg"):
        assert np.isnan(getattr(m, name)).all(), name
    assert (m.update_norm == 0).all()
    assert (m.gradient_norm > 0).all()
    assert (m.descent_rate[:, :-1] == 0).all()
    assert (m.descent_rate[:, -1] > 0).all()

    # A gradient of exactly 0 (zero output weights) is undefined, never "aligned" or "not".
    trainer = Trainer(RunConfig(scheme="fa", weight_std=0))
    m = trainer.advance()
    assert np.isnan(m.gradient_angle_deg).all()
    assert np.isnan(m.weight_angle_deg).all()


def test_random_feedback_starts_at_right_angles():
    m = Trainer(RunConfig(scheme="fa", hidden=(300, 300), replicates=8)).advance()
    np.testing.assert_allclose(m.weight_angle_deg.mean(0), 90, atol=2)
    np.testing.assert_allclose(m.gradient_angle_deg.mean(0), 90, atol=8)


def test_gradient_alignment_sees_depth_and_weight_alignment_does_not():
    """Every B at 53 degrees from W: the weight angle is 53 everywhere, the gradient angle grows."""
    config = RunConfig(
        scheme="fa", hidden=(400, 400, 400), weight_std=0.005, replicates=2, dtype="float64"
    )
    trainer = Trainer(config)
    theta = np.radians(53)
    weights, matrices = trainer.network.weights[1:], trainer.feedback.matrices
    for matrix, weight in zip(matrices, weights, strict=True):
        noise = matrix - weight * ((matrix * weight).sum() / (weight * weight).sum())
        noise *= weight.norm() / noise.norm()
        matrix.copy_(np.cos(theta) * weight + np.sin(theta) * noise)
    m = trainer.advance()
    np.testing.assert_allclose(m.weight_angle_deg, 53, atol=1)
    # the cosines multiply on the way down: cos 53, cos^2 53, cos^3 53
    expected = np.degrees(np.arccos(np.cos(theta) ** np.array([3, 2, 1])))
    np.testing.assert_allclose(m.gradient_angle_deg.mean(0), expected, atol=4)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_descent_rates_predict_the_loss(scheme):
    """For a small step the loss falls by the learning rate times the sum of all shares."""
    config = RunConfig(
        scheme=scheme, hidden=(30, 20), learning_rate=1e-7, dtype="float64", replicates=2
    )
    trainer = Trainer(config)
    x, y = trainer.batch()
    m = trainer.advance(measure=True)
    for bias in trainer.network.biases:  # the shares are those of the weights
        bias.zero_()
    f = trainer.network.forward(x).outputs
    after = -(torch.log_softmax(f, -1) * y).sum(-1).mean(-1).numpy()
    np.testing.assert_allclose((m.loss - after) / 1e-7, m.descent_rate.sum(1), rtol=1e-4)


def cosine_of(p, q):
    return (p * q).sum((-1, -2)) / (p.norm(dim=(-2, -1)) * q.norm(dim=(-2, -1)))


def watched(monkeypatch, trainer):
    """The operands that are measured, as they pass by."""
    seen = {}
    directions_of, deltas_of = trainer.feedback.directions, trainer.feedback.true_deltas

    def directions(*args):
        seen["u"] = directions_of(*args)
        return seen["u"]

    def true_deltas(moves, top, past):
        seen["d"], seen["h"] = deltas_of(moves, top, past), past.inputs
        return seen["d"]

    monkeypatch.setattr(trainer.feedback, "directions", directions)
    monkeypatch.setattr(trainer.feedback, "true_deltas", true_deltas)
    return seen


def wide(*tensors, replicates):
    return [t.double().expand(replicates, *t.shape[-2:]) for t in tensors]


LINE = {
    "dataset": "spirals",
    "train_samples": 60,
    "batch_size": 60,
    "hidden": (256, 256),
    "activation": "linear",
    "loss": "squared_error",
    "learning_rate": 0.02,
    "epochs": 2000,
    "shuffle": False,
}
PLATEAU = {
    "hidden": (256, 256),
    "batch_size": 128,
    "activation": "sigmoid",
    "weight_std": 0.001,
    "train_samples": 128,
    "epochs": 2000,
}


@pytest.mark.parametrize("replicates", [1, 2])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("fields", "steps"),
    [
        (LINE | {"scheme": "bp", "walk": True}, 100),
        (LINE | {"scheme": "fa"}, 300),
        (LINE | {"scheme": "dfa", "measures": "gradient"}, 300),
        (PLATEAU | {"scheme": "bp"}, 20),
        (PLATEAU | {"scheme": "fa", "walk": True}, 20),
    ],
    ids=lambda value: value if isinstance(value, int) else value["scheme"],
)
def test_at_rest_with_an_error_left_samples_cancel_and_measures_hold(
    monkeypatch, fields, steps, dtype, replicates
):
    """There ``|s^T h|^2`` is so far below its terms that a sum over samples is rounding."""
    trainer = Trainer(RunConfig(**fields, replicates=replicates, dtype=dtype))
    for _ in range(steps):
        trainer.advance()
    seen = watched(monkeypatch, trainer)
    # The two weights of a neuron's inputs are so few that float32 forms their update itself.
    loose = 1e-2 if dtype == "float32" else 1e-6
    earlier = None
    for _ in range(3):
        m = trainer.advance(measure=True)
        now = []
        for layer in range(len(trainer.config.hidden)):
            update = seen["u"][layer]
            operands = (update.delta, update.input, seen["d"][layer], seen["h"][layer])
            s, h, d, k = wide(*operands, replicates=replicates)
            u, g = s.mT @ h, d.mT @ k
            now.append(u)
            np.testing.assert_allclose(m.update_norm[:, layer], u.norm(dim=(1, 2)), rtol=loose)
            np.testing.assert_allclose(m.gradient_norm[:, layer], g.norm(dim=(1, 2)), rtol=loose)
            found = np.cos(np.radians(m.gradient_angle_deg[:, layer]))
            np.testing.assert_allclose(found, cosine_of(u, g), atol=loose)
            scale = (u.norm(dim=(1, 2)) * g.norm(dim=(1, 2))).numpy()
            shares = (u * g).sum((1, 2)).numpy()
            np.testing.assert_allclose(m.descent_rate[:, layer] / scale, shares / scale, atol=loose)
            if m.update_cosine is not None and earlier is not None:
                found = m.update_cosine[:, layer]
                np.testing.assert_allclose(found, cosine_of(u, earlier[layer]), atol=loose)
        earlier = now
        assert np.isfinite(m.hidden_angle_deg).all()


@pytest.mark.parametrize("measures", ["all", "gradient"])
@pytest.mark.parametrize("replicates", [1, 2])
@pytest.mark.parametrize(
    "fields",
    [
        {"hidden": (12, 9, 8), "weight_std": 10.0},
        {"hidden": (12, 9, 8), "weight_std": 100.0, "activation": "sigmoid"},
        {"hidden": (64,) * 20, "weight_std": 0.01},
        {"hidden": (64,) * 20, "weight_std": 0.01, "scheme": "bp", "batch_size": 8},
        {"hidden": (64,) * 20, "weight_std": 0.01, "scheme": "dfa"},
    ],
    ids=str,
)
def test_small_deltas_are_measured_as_they_are(monkeypatch, fields, replicates, measures):
    """In float32 their squares underflow; held against float64 products of the same deltas."""
    config = RunConfig(
        **{"batch_size": 32, **fields}, replicates=replicates, dtype="float32", measures=measures
    )
    trainer = Trainer(config)
    seen = watched(monkeypatch, trainer)
    for _ in range(6):
        chain = trainer.network.weights[-1].double()
        chains = [chain]
        for w in trainer.network.weights[-2:0:-1]:
            chains.insert(0, chain := chain @ w.double())
        stands_for = chains if trainer.scheme == "dfa" else trainer.network.weights[1:]
        pairs = zip(trainer.feedback.matrices, stands_for, strict=True)
        weight = [cosine_of(b.double(), w.double()).numpy() for b, w in pairs]
        m = trainer.advance(measure=True)
        for layer in range(len(config.hidden)):
            update = seen["u"][layer]
            operands = (update.delta, update.input, seen["d"][layer], seen["h"][layer])
            s, h, d, k = wide(*operands, replicates=replicates)
            u, g = s.mT @ h, d.mT @ k
            np.testing.assert_allclose(m.gradient_norm[:, layer], g.norm(dim=(1, 2)), rtol=1e-4)
            np.testing.assert_allclose(m.update_norm[:, layer], u.norm(dim=(1, 2)), rtol=1e-4)
            found = np.cos(np.radians(m.gradient_angle_deg[:, layer]))
            np.testing.assert_allclose(found, cosine_of(u, g), atol=2e-4)
            if measures == "gradient":
                continue
            found = np.cos(np.radians(m.delta_angle_deg[:, layer]))
            np.testing.assert_allclose(found, cosine_of(s, d), atol=2e-5)
            samples = (s * d).sum(-1) / (s.norm(dim=-1) * d.norm(dim=-1))
            np.testing.assert_allclose(
                m.delta_cosine_mean[:, layer], samples.nanmean(-1), atol=2e-5
            )
            found = np.cos(np.radians(m.weight_angle_deg[:, layer]))
            np.testing.assert_allclose(found, weight[layer], atol=2e-5)


def test_rows_of_zeros_cost_no_second_product(monkeypatch):
    """Dead units and layers that hear nothing have nothing that float32 could lose."""
    again = []
    monkeypatch.setattr(RowProducts, "put", lambda *args: again.append(args))
    monkeypatch.setattr(alignment, "formed", lambda *args: again.append(args))
    for fields in ({"activation": "relu", "weight_std": 0.2}, {"scheme": "shallow"}):
        trainer = Trainer(RunConfig(hidden=(30, 20), **fields))
        for bias in trainer.network.biases[:-1]:
            bias[:, ::2] = -1e3  # of a rectifier: dead
        for _ in range(3):
            trainer.advance(measure=True)
    assert again == []


def test_rounding_carries_no_cosine_past_one():
    one = np.ones(3)
    cosines = cosine(one, np.array([1 + 1e-9, -1 - 1e-9, 0.5]), one)
    np.testing.assert_array_equal(cosines, [1, -1, 0.5])
    np.testing.assert_allclose(degrees(cosines), [0, 180, 60])


@pytest.mark.parametrize(("tilt", "least", "most"), [(1e-5, 0.002, 0.02), (1e-2, 0.0, 0.001)])
def test_float32_angles_end_at_two_hundredths_of_a_degree(tilt, least, most):
    read = {}
    for dtype in ("float32", "float64"):
        fields = {"dtype": dtype, "hidden": (64, 64), "batch_size": 64, "replicates": 8}
        trainer = Trainer(RunConfig(**fields))
        single = Trainer(RunConfig(**fields | {"dtype": "float32"}))
        source = torch.Generator().manual_seed(0)
        for own, w in zip(trainer.network.weights, single.network.weights, strict=True):
            own.copy_(w)
        for b, w in zip(trainer.feedback.matrices, single.network.weights[1:], strict=True):
            b.copy_(w + tilt * w.std() * torch.randn(w.shape, generator=source))
        read[dtype] = trainer.advance(measure=True).gradient_angle_deg
    # Both read the very same matrices: what differs is the rounding of products and cosines.
    assert least <= np.abs(read["float32"] - read["float64"]).max() <= most
    assert read["float64"].max() > 50 * tilt
