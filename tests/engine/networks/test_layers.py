"""Layers as text, and convolutions against autograd and against the unrolled dense matrix."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional

from fa_engine import SCHEMES, RunConfig, Trainer, problems
from fa_engine.networks.layers import Conv, LayerError, build_layers, parse

CONV = RunConfig(
    hidden="conv 5x3, pool 2, conv 4x2, 12",
    learning_rate=0.1,
    batch_size=16,
    epochs=1,
    replicates=2,
    dtype="float64",
)
PHI = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": functional.leaky_relu,
    "sigmoid": torch.sigmoid,
    "gelu": functional.gelu,
    "erf": lambda a: torch.erf(a / 2**0.5),
    "linear": lambda a: a,
}
LOSS = {
    "cross_entropy": lambda f, y: functional.cross_entropy(f, y.argmax(-1)),
    "squared_error": lambda f, y: functional.mse_loss(f, y, reduction="sum") / (2 * len(y)),
    "binary_cross_entropy": lambda f, y: (
        functional.binary_cross_entropy_with_logits(f, y, reduction="sum") / len(y)
    ),
}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("64", (64,)),
        ("64, 32", (64, 32)),
        (64, (64,)),
        ([64.0, "32"], (64, 32)),
        (
            "conv 16x5, pool 2, conv 32x5, pool 2, 128",
            ("conv 16x5", "pool 2", "conv 32x5", "pool 2", 128),
        ),
        (["CONV 6X3", "pool2", 10], ("conv 6x3", "pool 2", 10)),
    ],
)
def test_layers_can_be_written(written, read):
    assert parse(written) == read
    assert parse(read) == read


@pytest.mark.parametrize(
    "written", ["", "conv", "conv 16", "conv 0x3", "pool 0", "64, -1", "1e3", [None], [[64]], [0.5]]
)
def test_what_is_no_layer_is_refused(written):
    with pytest.raises(LayerError):
        parse(written)


def test_lenet_has_the_shapes_of_lenet():
    layers = build_layers(parse("conv 16x5, pool 2, conv 32x5, pool 2, 128"), 784, (28, 28, 1), 10)
    assert [layer.output_shape for layer in layers] == [(12, 12, 16), (4, 4, 32), (128,), (10,)]
    assert [layer.fan_in for layer in layers] == [25, 400, 512, 128]
    config = RunConfig(dataset="mnist", hidden="conv 16x5, pool 2, conv 32x5, pool 2, 128")
    assert config.widths == (784, 2304, 512, 128, 10)
    assert RunConfig.model_validate_json(config.model_dump_json()) == config


@pytest.mark.parametrize(
    ("hidden", "dataset", "expected"),
    [
        ("conv 4x3", "spirals", "images"),
        ("32, conv 4x3", "digits", "before all widths"),
        ("pool 2, 32", "digits", "directly after"),
        ("conv 4x3, pool 2, pool 2", "digits", "directly after"),
        ("conv 4x9", "digits", "at least one value"),
        ("conv 4x3, pool 7", "digits", "at least one value"),
    ],
)
def test_impossible_layers_are_refused_by_name(hidden, dataset, expected):
    with pytest.raises(ValidationError) as caught:
        RunConfig(hidden=hidden, dataset=dataset, batch_size=8)
    (problem,) = problems(caught.value)
    assert problem.field == "hidden"
    assert expected in problem.allowed


def test_gather_and_scatter_are_transposes():
    layer = Conv((6, 5, 3), 4, 2, 1)
    x = torch.randn(2, 90, dtype=torch.float64)
    patches = layer.gather(x)
    other = torch.randn_like(patches)
    assert (patches * other).sum().item() == pytest.approx((x * layer.scatter(other)).sum().item())


def images(x, shape):
    return x.reshape(-1, *shape).permute(0, 3, 1, 2)


def kernels(weight, channels, size):
    return weight.reshape(len(weight), channels, size, size)


@pytest.mark.parametrize("replicates", [1, 2])
@pytest.mark.parametrize("loss_name", LOSS)
@pytest.mark.parametrize("activation", PHI)
def test_bp_through_convolutions_is_autograd(activation, loss_name, replicates):
    config = CONV.replace(scheme="bp", activation=activation, loss=loss_name)
    trainer = Trainer(config.replace(replicates=replicates))
    phi = PHI[activation]
    x, y = trainer.batch()
    before = [t.clone().requires_grad_() for t in trainer.network.weights]
    biases = [t.clone().requires_grad_() for t in trainer.network.biases]
    m = trainer.advance(measure=True)
    for r in range(replicates):
        h = functional.conv2d(images(x, (8, 8, 1)), kernels(before[0][r], 1, 3), biases[0][r])
        h = functional.max_pool2d(phi(h), 2)
        h = phi(functional.conv2d(h, kernels(before[1][r], 5, 2), biases[1][r]))
        h = phi(h.permute(0, 2, 3, 1).flatten(1) @ before[2][r].T + biases[2][r])
        loss = LOSS[loss_name](h @ before[3][r].T + biases[3][r], y)
        loss.backward()
        assert m.loss[r] == pytest.approx(loss.item(), rel=1e-12)
    now = [*trainer.network.weights, *trainer.network.biases]
    for a, b in zip(now, [*before, *biases], strict=True):
        torch.testing.assert_close(a, (b - 0.1 * b.grad).detach(), rtol=1e-11, atol=1e-13)
    norms = [b.grad.flatten(1).norm(dim=1).numpy() for b in before[:3]]
    np.testing.assert_allclose(m.gradient_norm, np.stack(norms, 1), rtol=1e-11)


def unrolled(weight, in_shape, size):
    """The dense matrix, ``(positions * c_out, n_in)``, that a convolution's kernel stands for."""
    basis = torch.eye(int(np.prod(in_shape)), dtype=weight.dtype)
    answers = functional.conv2d(images(basis, in_shape), kernels(weight, in_shape[2], size))
    return answers.permute(0, 2, 3, 1).flatten(1).T


def test_convolution_feedback_is_dense_feedback_on_the_unrolled_matrix():
    trainer = Trainer(CONV.replace(scheme="fa", replicates=1, hidden="conv 5x3, conv 4x2"))
    w, b = trainer.network.weights, trainer.network.biases
    x, y = trainer.batch()
    first = unrolled(w[0][0], (8, 8, 1), 3)
    second = unrolled(w[1][0], (6, 6, 5), 2)
    h1 = torch.tanh(x @ first.T + b[0][0].repeat(36))
    h2 = torch.tanh(h1 @ second.T + b[1][0].repeat(25))
    e = (torch.softmax(h2 @ w[2][0].T + b[2][0], -1) - y) / len(x)
    s2 = (e @ trainer.feedback.matrices[1][0]) * (1 - h2**2)
    s1 = (s2 @ unrolled(trainer.feedback.matrices[0][0], (6, 6, 5), 2)) * (1 - h1**2)
    before = w[0].clone()
    trainer.advance()
    patches = Conv((8, 8, 1), 5, 3, 1).gather(x)
    expected = before[0] - 0.1 * s1.reshape(-1, 5).T @ patches
    torch.testing.assert_close(trainer.network.weights[0][0], expected, rtol=1e-11, atol=1e-13)


def test_direct_feedback_through_convolutions_reaches_every_unpooled_unit_by_its_own_entry():
    trainer = Trainer(CONV.replace(scheme="dfa", replicates=1, hidden="conv 5x3, conv 4x2, 7"))
    w, b = trainer.network.weights, trainer.network.biases
    matrices = trainer.feedback.matrices
    assert [tuple(matrix.shape) for matrix in matrices] == [(1, 10, 180), (1, 10, 100), (1, 10, 7)]
    x, y = trainer.batch()
    h1 = torch.tanh(x @ unrolled(w[0][0], (8, 8, 1), 3).T + b[0][0].repeat(36))
    h2 = torch.tanh(h1 @ unrolled(w[1][0], (6, 6, 5), 2).T + b[1][0].repeat(25))
    h3 = torch.tanh(h2 @ w[2][0].T + b[2][0])
    e = (torch.softmax(h3 @ w[3][0].T + b[3][0], -1) - y) / len(x)
    s1, s2, s3 = (
        (e @ matrix[0]) * (1 - h**2) for matrix, h in zip(matrices, (h1, h2, h3), strict=True)
    )
    expected = [
        w[0][0] - 0.1 * s1.reshape(-1, 5).T @ Conv((8, 8, 1), 5, 3, 1).gather(x),
        w[1][0] - 0.1 * s2.reshape(-1, 4).T @ Conv((6, 6, 5), 4, 2, 1).gather(h1),
        w[2][0] - 0.1 * s3.T @ h2,
    ]
    trainer.advance()
    for found, wanted in zip(trainer.network.weights, expected, strict=False):
        torch.testing.assert_close(found[0], wanted, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("replicates", [1, 2])
def test_a_samples_delta_cosine_is_over_all_its_positions(replicates):
    trainer = Trainer(
        CONV.replace(scheme="fa", replicates=replicates, hidden="conv 5x3, conv 4x2", batch_size=8)
    )
    x, y = trainer.batch()
    expected = []
    for r in range(replicates):
        w, b = ([t[r] for t in ts] for ts in (trainer.network.weights, trainer.network.biases))
        feedback = [t[r] for t in trainer.feedback.matrices]
        h1 = torch.tanh(x @ unrolled(w[0], (8, 8, 1), 3).T + b[0].repeat(36))
        h2 = torch.tanh(h1 @ unrolled(w[1], (6, 6, 5), 2).T + b[1].repeat(25))
        e = torch.softmax(h2 @ w[2].T + b[2], -1) - y
        deltas = []
        for top, below in ((w[2], w[1]), feedback[::-1]):
            second = (e @ top) * (1 - h2**2)
            first = (second @ unrolled(below, (6, 6, 5), 2)) * (1 - h1**2)
            deltas.append((first, second))
        cosines = [torch.cosine_similarity(d, s, -1) for d, s in zip(*deltas, strict=True)]
        expected.append([[c.mean(), c.std(correction=0)] for c in cosines])
    m = trainer.advance(measure=True)
    expected = np.array(expected)
    np.testing.assert_allclose(m.delta_cosine_mean, expected[..., 0], rtol=1e-9)
    np.testing.assert_allclose(m.delta_cosine_std, expected[..., 1], rtol=1e-9)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_trains_a_convolutional_network(scheme, tmp_path):
    config = CONV.replace(scheme=scheme, dtype="float32", epochs=2, learning_rate=0.05)
    trainer = Trainer(config)
    for _ in range(20):
        trainer.advance()
    trainer.save(tmp_path / "c")
    resumed = Trainer.load(tmp_path / "c")
    measured, again = list(trainer), list(resumed)
    assert measured[-1].loss.mean() < 2.3
    np.testing.assert_array_equal(measured[-1].loss, again[-1].loss)
    assert measured[-1].gradient_angle_deg.shape == (2, 3)


@pytest.mark.parametrize("scheme", ["fa", "dfa"])
def test_a_convolutional_replicate_is_the_same_alone(scheme):
    together = Trainer(CONV.replace(scheme=scheme))
    alone = Trainer(CONV.replace(scheme=scheme, seed=1, replicates=1))
    list(together)
    list(alone)
    for a, b in zip(together.network.weights, alone.network.weights, strict=True):
        torch.testing.assert_close(a[1:], b, rtol=1e-9, atol=1e-11)


@pytest.mark.slow
def test_a_convolutional_network_learns_mnist(mnist_dir):
    config = RunConfig(
        dataset="mnist",
        hidden="conv 8x5, pool 4, 32",
        activation="relu",
        scheme="fa",
        batch_size=64,
        epochs=1,
        replicates=1,
        measure_every=100,
        evaluate_every=10_000,
    )
    assert list(Trainer(config, data_dir=mnist_dir))[-1].test_accuracy.mean() > 0.9
