"""A delayed error (Huo et al. 2018): an update is the gradient of the step it comes from."""

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch.nn import functional

from fa_engine import CheckpointError, RunConfig, Trainer
from fa_engine.feedback.schemes import lags

SMALL = RunConfig(
    hidden=(12, 9, 8),
    learning_rate=0.3,
    batch_size=32,
    epochs=1,
    replicates=1,
    dtype="float64",
)
CONV = "conv 5x3, pool 2, conv 4x2, 12"


def loss_of(x, y, w, b, hidden):
    """Cross-entropy of a tanh network, written out with PyTorch's own layers."""
    if hidden == CONV:
        images = x.reshape(-1, 1, 8, 8)
        h = torch.tanh(functional.conv2d(images, w[0].reshape(5, 1, 3, 3), b[0]))
        h = functional.max_pool2d(h, 2)
        h = torch.tanh(functional.conv2d(h, w[1].reshape(4, 5, 2, 2), b[1]))
        h = h.permute(0, 2, 3, 1).flatten(1)
        w, b = w[2:], b[2:]
    else:
        h = x
    for weight, bias in zip(w[:-1], b[:-1], strict=True):
        h = torch.tanh(functional.linear(h, weight, bias))
    return functional.cross_entropy(functional.linear(h, w[-1], b[-1]), y.argmax(-1))


def test_layers_are_cut_into_modules_of_even_size():
    assert lags(4, 1) == [0, 0, 0, 0]
    assert lags(4, 2) == [1, 1, 0, 0]
    assert lags(4, 4) == [3, 2, 1, 0]
    assert lags(3, 2) == [1, 1, 0]


@pytest.mark.parametrize("replicates", [1, 2])
@pytest.mark.parametrize("hidden", [(12, 9, 8), CONV], ids=["dense", "conv"])
@pytest.mark.parametrize("modules", [2, 3, 4])
def test_each_modules_update_is_autograds_gradient_of_the_earlier_step(modules, hidden, replicates):
    config = SMALL.replace(scheme="bp", hidden=hidden, delay_modules=modules, replicates=replicates)
    trainer = Trainer(config)
    late = lags(trainer.network.n_layers, modules)
    gradients = []
    for step in range(9):
        x, y = trainer.batch()
        w = [t.clone().requires_grad_() for t in trainer.network.weights]
        b = [t.clone().requires_grad_() for t in trainer.network.biases]
        for r in range(replicates):
            loss_of(x, y, [t[r] for t in w], [t[r] for t in b], hidden).backward()
        gradients.append([(p.grad, q.grad) for p, q in zip(w, b, strict=True)])
        trainer.advance()
        for layer, lag in enumerate(late):
            moved = [
                before.detach() - after[layer]
                for before, after in (
                    (w[layer], trainer.network.weights),
                    (b[layer], trainer.network.biases),
                )
            ]
            expected = (
                gradients[step - lag][layer]
                if step >= lag
                else (torch.zeros((), dtype=torch.float64),) * 2
            )
            for change, gradient in zip(moved, expected, strict=True):
                torch.testing.assert_close(
                    change, 0.3 * gradient.expand_as(change), rtol=1e-10, atol=1e-15
                )


def replayed(config, matrices):
    """Huo et al. 2018 as a plain loop: batches wait with copies of the weights and matrices of
    their step, and a module goes back through them when its error has arrived."""
    trainer = Trainer(config.replace(delay_modules=1))
    w = [t[0].clone() for t in trainer.network.weights]
    b = [t[0].clone() for t in trainer.network.biases]
    layers, direct = len(w), config.scheme in ("dfa", "dkp", "sdfa", "drtp")
    late = lags(layers, config.delay_modules)
    batches = []
    for t in range(config.total_steps):
        trainer.step = t
        x, y = trainer.batch()
        h = [x]
        for layer in range(layers):
            a = h[-1] @ w[layer].T + b[layer]
            h.append(torch.tanh(a) if layer < layers - 1 else a)
        e = (torch.softmax(h[-1], -1) - y) / len(x)
        sent = {"sdfa": e.sign() / len(x), "drtp": y / len(x)}.get(config.scheme, e)
        carriers = {
            "bp": w[1:],
            "sham": w[1:],
            "usf": [m.sign() * m.shape[1] ** -0.5 for m in w[1:]],
        }.get(config.scheme, matrices)
        copies = [carrier.clone() for carrier in carriers]
        batches.append({"h": h, "s": [None] * layers, "e": e, "sent": sent, "carriers": copies})
        moves = []
        for layer in reversed(range(layers)):
            if t < late[layer]:
                continue
            batch = batches[t - late[layer]]
            if layer == layers - 1:
                batch["s"][layer] = batch["e"]
            else:
                above = batch["s"][layer + 1] if layer < layers - 2 else batch["sent"]
                source = batch["sent"] if direct else above
                prime = 1 - batch["h"][layer + 1] ** 2
                batch["s"][layer] = (source @ batch["carriers"][layer]) * prime
            moves.append((layer, batch["s"][layer], batch["h"][layer]))
        for layer, s, inputs in moves:
            w[layer] -= config.learning_rate * s.T @ inputs
            b[layer] -= config.learning_rate * s.sum(0)
            if config.scheme == "kp" and layer > 0:
                matrices[layer - 1] -= config.learning_rate * s.T @ inputs
        if config.scheme == "dkp":  # learned from what the network answers now
            for layer, matrix in enumerate(matrices):
                matrix -= config.learning_rate * e.T @ h[layer + 1]
    return w


SCHEMES_BY_HAND = ("bp", "fa", "dfa", "kp", "dkp", "usf", "sham", "sdfa", "drtp")


@pytest.mark.parametrize("scheme", SCHEMES_BY_HAND)
@pytest.mark.parametrize("modules", [2, 3, 4])
def test_a_delayed_scheme_is_the_replay_of_the_earlier_step(scheme, modules):
    config = SMALL.replace(scheme=scheme, delay_modules=modules, measure_every=7)
    trainer = Trainer(config)
    expected = replayed(config, [m[0].clone() for m in trainer.feedback.matrices])
    list(trainer)
    for ours, theirs in zip(trainer.network.weights, expected, strict=True):
        torch.testing.assert_close(ours[0], theirs, rtol=1e-9, atol=1e-11)


def test_a_delay_changes_training_and_leaves_deltas_undefined():
    plain, delayed = Trainer(SMALL), Trainer(SMALL.replace(delay_modules=3))
    list(plain)
    measured = list(delayed)
    assert not torch.equal(plain.network.weights[0], delayed.network.weights[0])
    assert np.isnan(
        measured[-1].delta_angle_deg
    ).all()  # two batches: no angle between their deltas
    assert np.isfinite(measured[-1].gradient_angle_deg).all()


def test_only_what_waits_is_kept():
    """A layer keeps the error and the input of as many batches as its lag, and no weights."""
    plain, delayed = Trainer(SMALL), Trainer(SMALL.replace(delay_modules=4))
    for trainer in (plain, delayed):
        for _ in range(6):
            trainer.advance()
    assert plain.feedback.past_state() == {}
    kept = {name: tuple(t.shape) for name, t in delayed.feedback.past_state().items()}
    sizes = [(64, 12), (12, 9), (9, 8)]
    assert kept == {
        f"waiting.{layer}.{age}.{part}": (32, size)
        for layer, (n_in, n_out) in enumerate(sizes)
        for age in range(3 - layer)
        for part, size in (("delta", n_out), ("input", n_in))
    }


def test_a_checkpoint_of_the_older_rule_is_refused(tmp_path):
    """It kept activations for a way back through later weights: it cannot be gone on with."""
    trainer = Trainer(SMALL.replace(delay_modules=2))
    for _ in range(3):
        trainer.advance()
    trainer.save(tmp_path / "new")
    with safe_open(tmp_path / "new", "pt") as file:
        header = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    tensors = {n: t for n, t in tensors.items() if not n.startswith("waiting.")}
    tensors["past.0.signal"] = torch.zeros(32, 10)
    header["tensors"] = json.dumps(sorted(tensors))
    save_file(tensors, tmp_path / "old", header)
    with pytest.raises(CheckpointError, match="delay"):
        Trainer.load(tmp_path / "old")
