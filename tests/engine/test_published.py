"""What is told of the schemes' deviations from the published rules (``Scheme.deviation``) holds."""

import numpy as np
import pytest
import torch

from fa_engine import SCHEMES, RunConfig, Trainer

SMALL = RunConfig(
    hidden=(30, 20), learning_rate=0.1, batch_size=32, epochs=1, replicates=1, dtype="float64"
)


@pytest.mark.parametrize("scheme", ["sdfa", "drtp"])
def test_a_feedback_scale_larger_by_the_batch_size_gives_the_authors_rule(scheme):
    """Frenkel et al. send sign(e), or the target, undivided; the outputs' error is divided."""
    assert "batch size" in SCHEMES[scheme].deviation
    trainer = Trainer(SMALL.replace(scheme=scheme, feedback_std=32 * 0.05))
    drawn = Trainer(SMALL.replace(scheme=scheme, feedback_std=0.05)).feedback.matrices
    x, y = trainer.batch()
    w, b = ([t[0].clone() for t in ts] for ts in (trainer.network.weights, trainer.network.biases))
    h = [x]
    for weight, bias in zip(w[:-1], b[:-1], strict=True):
        h.append(torch.tanh(h[-1] @ weight.T + bias))
    e = torch.softmax(h[-1] @ w[-1].T + b[-1], -1) - y
    sent = e.sign() if scheme == "sdfa" else y
    trainer.advance()
    for layer in (0, 1):
        s = (sent @ drawn[layer][0]) * (1 - h[layer + 1] ** 2)
        moved = w[layer] - trainer.network.weights[layer][0]
        torch.testing.assert_close(moved, 0.1 * s.T @ h[layer], rtol=1e-9, atol=1e-12)
    moved = w[2] - trainer.network.weights[2][0]
    torch.testing.assert_close(moved, 0.1 * (e / 32).T @ h[2], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("scheme", ["frsf", "brsf"])
def test_sign_feedbacks_magnitudes_are_those_of_the_feedback_distribution(scheme):
    wide = SMALL.replace(scheme=scheme, hidden=(400, 300))
    for init, kurtosis in (("normal", 3.0), ("uniform", 1.8)):
        for matrix in Trainer(wide.replace(feedback_init=init)).feedback.matrices:
            scaled = matrix.flatten() * matrix.shape[2] ** 0.5
            assert scaled.square().mean().item() == pytest.approx(1, rel=0.05)
            assert (scaled**4).mean().item() == pytest.approx(kurtosis, rel=0.1)
            if init == "uniform":  # as published: even from 0 to the largest
                magnitudes = np.sort(scaled.abs().numpy())
                even = np.linspace(0, 3**0.5, len(magnitudes))
                np.testing.assert_allclose(magnitudes, even, atol=0.04)


def test_uniform_sign_feedback_is_of_size_one_over_the_root_of_the_fan_in():
    for matrix in Trainer(SMALL.replace(scheme="usf")).feedback.matrices:
        size = torch.full_like(matrix, matrix.shape[2] ** -0.5)
        torch.testing.assert_close(matrix.abs(), size)
