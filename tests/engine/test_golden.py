"""A published run, digit for digit: Akrout et al. 2019, MNIST, 784-500-10 (their result files).

Everything goes through public configuration and by setting initial parameters: sigmoid, binary
cross-entropy, no shuffling, biases at 1/128 of the weights' rate (a quirk of that code).
"""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from fa_engine import RunConfig, Trainer

EPOCHS = 10  # as published; in float64, for a minute and more
FIRST = 3  # a wrong step is off by more than the tolerance in the first epoch already


@pytest.fixture(scope="module")
def golden():
    """The published files: ``FA_GOLDEN_DIR``, or beside the repository."""
    beside = Path(__file__).parents[3] / "shared" / "golden"
    folder = Path(os.environ.get("FA_GOLDEN_DIR") or beside)
    if not folder.is_dir():
        pytest.skip("no published trajectories: set FA_GOLDEN_DIR to their folder")

    def read(scheme):
        with (folder / f"mnist_784-500-10_{scheme}.csv").open() as file:
            return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]

    return read


def start(scheme, epochs, mnist_dir):
    """Their initial parameters, drawn in their order."""
    trainer = Trainer(
        RunConfig(
            dataset="mnist",
            hidden=(500,),
            activation="sigmoid",
            loss="binary_cross_entropy",
            scheme=scheme,
            learning_rate=0.2,
            bias_rate=1 / 128,
            batch_size=128,
            epochs=epochs,
            replicates=1,
            shuffle=False,
            measure_every=1,
            measures="gradient",
            evaluate_every=10**9,
            dtype="float64",
        ),
        data_dir=mnist_dir,
    )
    r = np.random.RandomState(1111)
    scales = [(1 / (784 + 500)) ** 0.5, (1 / (500 + 10)) ** 0.5]
    biases = [r.randn(500, 1) * scales[0], r.randn(10, 1) * scales[1]]
    weights = [r.randn(500, 784) * scales[0], r.randn(10, 500) * scales[1]]
    for own, theirs in zip(trainer.network.biases, biases, strict=True):
        own[0].copy_(torch.from_numpy(theirs[:, 0]))
    for own, theirs in zip(trainer.network.weights, weights, strict=True):
        own[0].copy_(torch.from_numpy(theirs))
    if scheme == "fa":
        r.randn(784, 500)  # drawn there and never used
        matrix = r.randn(500, 10) * scales[1]
        trainer.feedback.matrices[0][0].copy_(torch.from_numpy(matrix.T))
    return trainer


def delta_angle_deg(trainer):
    """Of the hidden layer's delta by FA against that by BP, on the first training image alone."""
    x, y = trainer.data.x_train[:1], trainer.data.y_train[:1]
    past = trainer.network.forward(x)
    e = torch.sigmoid(past.outputs) - y
    prime = past.kept[0] * (1 - past.kept[0])
    s = (e @ trainer.feedback.matrices[0][0]) * prime
    d = (e @ trainer.network.weights[1][0]) * prime
    return np.degrees(np.arccos((torch.sum(s * d) / (s.norm() * d.norm())).item()))


@pytest.mark.slow
@pytest.mark.parametrize("epochs", [FIRST, pytest.param(EPOCHS, marks=pytest.mark.thorough)])
@pytest.mark.parametrize("scheme", ["bp", "fa"])
def test_the_published_trajectory_is_followed(scheme, epochs, golden, mnist_dir):
    trainer = start(scheme, epochs, mnist_dir)
    losses = []
    published = golden(scheme)
    while trainer.step < trainer.total_steps:
        losses.append(trainer.advance().loss[0])
        if trainer.step % 468:
            continue
        row = published[trainer.step // 468 - 1]
        assert np.mean(losses) == pytest.approx(row["train_loss"], rel=1e-6)
        _, accuracy = trainer.evaluate()
        assert 100 * accuracy[0] == pytest.approx(row["test_accuracy_percent"], abs=1e-6)
        if scheme == "fa":
            angle = delta_angle_deg(trainer)
            assert angle == pytest.approx(row["delta_angle_deg"], rel=1e-6)
            w, b = trainer.network.weights[1][0], trainer.feedback.matrices[0][0]
            cosine = (torch.sum(w * b) / (w.norm() * b.norm())).item()
            assert np.degrees(np.arccos(cosine)) == pytest.approx(row["weight_angle_deg"], rel=1e-6)
        losses = []
