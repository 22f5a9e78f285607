"""Optimisers and schedules against torch.optim and their formulas."""

import math

import pytest
import torch

from fa_engine import RunConfig, Trainer

SMALL = RunConfig(
    hidden=(12, 9), learning_rate=0.02, batch_size=32, epochs=2, replicates=2, dtype="float64"
)
PEERS = {
    "sgd": lambda p, m, d: torch.optim.SGD(p, 0.02, momentum=m, weight_decay=d),
    "nesterov": lambda p, m, d: torch.optim.SGD(p, 0.02, momentum=m, weight_decay=d, nesterov=True),
    "rmsprop": lambda p, m, d: torch.optim.RMSprop(p, 0.02, momentum=m, weight_decay=d),
    "adam": lambda p, _m, d: torch.optim.Adam(p, 0.02, weight_decay=d),
    "adamw": lambda p, _m, d: torch.optim.AdamW(p, 0.02, weight_decay=d),
}
CASES = [("sgd", 0.0), ("sgd", 0.9), ("nesterov", 0.9), ("rmsprop", 0.0), ("rmsprop", 0.5)]
CASES += [("adam", 0.0), ("adamw", 0.0)]


@pytest.mark.parametrize("bias_rate", [1.0, 0.1])
@pytest.mark.parametrize(("optimizer", "momentum"), CASES)
def test_bp_with_every_optimizer_is_torchs(optimizer, momentum, bias_rate):
    decay = 0.05
    config = SMALL.replace(
        scheme="bp",
        optimizer=optimizer,
        momentum=momentum,
        weight_decay=decay,
        bias_rate=bias_rate,
    )
    trainer = Trainer(config)
    network = trainer.network
    for r in range(2):
        weights = [w[r].clone().requires_grad_() for w in network.weights]
        biases = [b[r].clone().requires_grad_() for b in network.biases]
        peer = PEERS[optimizer](
            [{"params": weights}, {"params": biases, "lr": 0.02 * bias_rate}], momentum, decay
        )
        alone = Trainer(config.replace(replicates=1, seed=r))
        for _ in range(6):
            x, y = alone.batch()
            peer.zero_grad()
            h = torch.tanh(x @ weights[0].T + biases[0])
            h = torch.tanh(h @ weights[1].T + biases[1])
            f = h @ weights[2].T + biases[2]
            torch.nn.functional.cross_entropy(f, y.argmax(-1)).backward()
            peer.step()
            alone.advance()
        ours = [*alone.network.weights, *alone.network.biases]
        for a, b in zip(ours, [*weights, *biases], strict=True):
            torch.testing.assert_close(a[0], b.detach(), rtol=1e-10, atol=1e-12)


def rates(config):
    trainer = Trainer(config)
    seen = []
    while trainer.step < trainer.total_steps:
        trainer.advance()
        seen.append(trainer.optimizer.rate)
    return seen


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_schedules_follow_their_formulas(momentum):
    config = SMALL.replace(epochs=4, momentum=momentum)
    n = config.total_steps
    per_epoch = config.steps_per_epoch
    assert rates(config) == pytest.approx([0.02] * n)
    stepped = rates(config.replace(schedule="step", schedule_every=2, schedule_factor=0.1))
    assert stepped == pytest.approx([0.02 * 0.1 ** (t // (2 * per_epoch)) for t in range(n)])
    cosine = rates(config.replace(schedule="cosine"))
    assert cosine == pytest.approx([0.01 * (1 + math.cos(math.pi * t / n)) for t in range(n)])


def test_a_live_learning_rate_goes_through_the_schedule():
    trainer = Trainer(SMALL.replace(schedule="cosine"))
    for _ in range(trainer.total_steps // 2):
        trainer.advance()
    trainer.learning_rate = 1.0
    trainer.advance()
    assert trainer.learning_rate == 1.0
    assert trainer.optimizer.rate == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("optimizer", ["nesterov", "adam"])
def test_a_change_of_scheme_keeps_the_momentum_of_the_weights(optimizer):
    momentum = 0.9 if optimizer == "nesterov" else 0.0
    config = SMALL.replace(scheme="bp", optimizer=optimizer, momentum=momentum)
    changed, plain = Trainer(config), Trainer(config)
    for trainer in (changed, plain):
        for _ in range(5):
            trainer.advance()
    changed.scheme = "sham"  # equals bp, so nothing but a lost momentum could tell them apart
    for _ in range(5):
        changed.advance()
        plain.advance()
    for a, b in zip(changed.network.weights, plain.network.weights, strict=True):
        assert torch.equal(a, b)
