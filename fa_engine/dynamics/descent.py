"""How fast the loss changes on a probe set: by update and gradient, by kernel, by small steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from fa_engine.dynamics.kernel import layers_kernel, moving, rate_of_biases
from fa_engine.dynamics.probes import Probe
from fa_engine.feedback.schemes import SIGNALS
from fa_engine.measures.alignment import Array, cosine, degrees, unwarned
from fa_engine.networks.losses import LOSSES
from fa_engine.networks.network import Network, Pass
from fa_engine.surroundings import undisturbed
from fa_engine.training.trainer import Trainer

FINITE_STEP = 1e-5  # length of a finite-difference step: float64 rounding and curvature balance


@dataclass(frozen=True)
class Step:
    """Update direction and gradient on a probe set, weights of all layers and then biases.

    Attributes:
        update: per parameter ``u``, ``(R, ...)``; biases times their rate; 0 where frozen.
        gradient: per parameter ``g``, likewise, biases at rate 1.
        rate: ``(R,)`` ``-<g, u>``.
        angle_deg: ``(R,)`` between the two.
        error_left: ``(R,)`` root mean square of the error.
    """

    update: list[Float[Tensor, "R ..."]]
    gradient: list[Float[Tensor, "R ..."]]
    rate: Float64[Array, " R"]
    angle_deg: Float64[Array, " R"]
    error_left: Float64[Array, " R"]


@undisturbed
@unwarned
def step_on(trainer: Trainer, probe: Probe, *, backpropagation: bool = False) -> Step:
    """``u`` and ``g`` on a probe set, formed as the training step forms them, without a delay.

    Args:
        trainer: stays as it is.
        probe: ``N`` samples.
        backpropagation: of the same weights under backpropagation.
    """
    network, feedback = trainer.network, trainer.feedback
    past = network.forward(probe.x)
    top = LOSSES[trainer.config.loss].error(past.outputs, probe.y)
    true: list[Tensor | None] = [*network.true_deltas(top / len(probe.x), past)]
    fed = true
    if not backpropagation:
        feedback.follow(trainer.step)
        fed = feedback.carried(sent_signal(trainer, top, probe) / len(probe.x), past)
        fed[-1] = true[-1]
    bias_rate = rate_of_biases(trainer)
    update = [p for part in directions(trainer, fed, past, bias_rate) for p in part]
    free = 1.0 if bias_rate else 0.0
    gradient = [p for part in directions(trainer, true, past, free) for p in part]
    pairs = ((update, update), (update, gradient), (gradient, gradient))
    uu, ug, gg = (_inner(p, q) for p, q in pairs)
    squares = top.double().square().reshape(network.replicates, -1).mean(1)
    left: Array = squares.sqrt().cpu().numpy()
    return Step(update, gradient, -ug, degrees(cosine(uu, ug, gg)), left)


@undisturbed
def rate_by_kernel(
    trainer: Trainer,
    probe: Probe,
    past: Pass,
    matrix: Float64[Tensor, "R Nc Nc"],
    backpropagation: bool,
) -> Float64[Array, " R"]:
    """``-(e^T K_L e + e^T K_h s) / N``: the output layer hears the error, the hidden ones ``s``.

    Args:
        trainer: network, scheme and configuration; it stays as it is.
        probe: ``N`` samples.
        past: the forward pass on them.
        matrix: their kernel, ``(R, N c, N c)`` in float64 on the host.
        backpropagation: ``matrix`` is that of the same weights under backpropagation.

    Returns:
        ``(R,)`` change of the loss per unit of learning rate.
    """
    n = len(probe.x)
    e = LOSSES[trainer.config.loss].error(past.outputs, probe.y)
    signal = e if backpropagation else sent_signal(trainer, e, probe)
    if signal is not e:
        signal = signal * SIGNALS[trainer.feedback.scheme.signal].sign  # as K has its matrices

    def flat(values: Tensor) -> Tensor:
        return values.cpu().to(torch.float64).reshape(len(matrix), -1, 1)

    answer = matrix @ flat(signal)
    if signal is not e:
        output = [layer for layer in moving(trainer) if layer == trainer.network.n_layers - 1]
        own = layers_kernel(trainer, probe, output, backpropagation).cpu().to(torch.float64)
        answer += own @ flat(e - signal)
    rate: Array = -(flat(e) * answer).sum((1, 2)).numpy() / n
    return rate


@undisturbed
def rate_by_small_steps(trainer: Trainer, probe: Probe, step: Step) -> Float64[Array, " R"]:
    """Change of the loss along ``-u`` by a central difference, in float64.

    Args:
        trainer: network and loss; it stays as it is.
        probe: ``N`` samples.
        step: what :func:`step_on` made of them.

    Returns:
        ``(R,)`` per unit of learning rate.
    """
    network, loss = trainer.network, LOSSES[trainer.config.loss]
    u = [t.double() for t in step.update]
    length = np.sqrt(_inner(u, u))
    size = torch.from_numpy(np.where(length > 0, FINITE_STEP / np.maximum(length, 1e-300), 1.0))
    size = size.to(u[0].device)

    def ahead(sign: float) -> Array:
        parameters = [
            p.double() - sign * size.view(-1, *[1] * (p.ndim - 1)) * own
            for p, own in zip((*network.weights, *network.biases), u, strict=True)
        ]
        layers = network.n_layers
        moved = Network(
            network.layers,
            parameters[:layers],
            parameters[layers:],
            network.activation,
            network.has_bias,
        )
        f = moved.forward(probe.x.double()).outputs
        value: Array = loss.value(f, probe.y.double()).reshape(-1).cpu().numpy()
        return value

    rate: Array = (ahead(1.0) - ahead(-1.0)) / (2 * size.cpu().numpy())
    return rate


@undisturbed
def directions(
    trainer: Trainer,
    deltas: Sequence[Float[Tensor, "*R _m _n"] | None],
    past: Pass,
    bias_rate: float,
) -> tuple[list[Float[Tensor, "R _n_out _fan_in"]], list[Float[Tensor, "R _n_out"]]]:
    """``delta^T h`` a layer, and the biases' times their rate; 0 where a layer does not move.

    Args:
        trainer: whose layers they are, and which of them are frozen.
        deltas: per layer ``(..., m, n_l)``; None where it hears nothing.
        past: the forward pass that they belong to.
        bias_rate: learning rate of the biases, as a multiple of that of the weights.

    Returns:
        Per layer, bottom first, ``(R, n_out, fan_in)`` of the weights and ``(R, n_out)`` of the
        biases.
    """
    network, moved = trainer.network, set(moving(trainer))
    weights, biases = [], []
    for layer, delta in enumerate(deltas):
        w, b = network.weights[layer], network.biases[layer]
        if delta is None or layer not in moved:
            weights.append(torch.zeros_like(w))
            biases.append(torch.zeros_like(b))
            continue
        weights.append(network.matmul(delta.mT, past.inputs[layer]).view_as(w))
        biases.append(delta.sum(-2).view_as(b) * bias_rate)
    return weights, biases


@undisturbed
def sent_signal(
    trainer: Trainer, e: Float[Tensor, "*R N c"], probe: Probe
) -> Float[Tensor, "*R N c"]:
    """What the outputs send on a probe set, ``(..., N, c)``, not divided by ``N``.

    Args:
        trainer: whose signal it is.
        e: the error of each sample, ``(..., N, c)``.
        probe: the samples, with their targets.
    """
    name = trainer.feedback.scheme.signal
    return e if name == "error" else SIGNALS[name].of(e, probe.y)


def _inner(
    p: Sequence[Float[Tensor, "R ..."]], q: Sequence[Float[Tensor, "R ..."]]
) -> Float64[Array, " R"]:
    """``(R,)`` inner products over all parameters, summed in float64."""
    terms = [(a.double() * b.double()).flatten(1).sum(1) for a, b in zip(p, q, strict=True)]
    total: Array = torch.stack(terms).sum(0).cpu().numpy()
    return total
