"""The feedback kernel ``K = J P^T / N``, built without either Jacobian in full.

With ``D_l, E_l`` of shape ``(N c, n_l)`` the true and the pseudo Jacobian of the outputs by layer
``l``'s pre-activations, one row an output of a sample (docs/MATH.md, section 4)::

    K = (1/N) sum_l (D_l E_l^T) * repeat_c(h_{l-1} h_{l-1}^T + 1)
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from fa_engine.dynamics.probes import Probe, check_probe
from fa_engine.feedback.schemes import SIGNALS
from fa_engine.networks.layers import Dense, Layer
from fa_engine.networks.losses import Loss
from fa_engine.networks.network import Network, Pass
from fa_engine.surroundings import undisturbed
from fa_engine.training.trainer import Trainer


@undisturbed
def kernel(
    trainer: Trainer, probe: Probe, *, backpropagation: bool = False, mean: bool = False
) -> Float[Tensor, "R Nc Nc"]:
    """The feedback kernel ``K = J P^T / N`` of the scheme in force; the trainer stays as it is.

    With ``D_l, E_l`` of shape ``(N c, n_l)`` the true and the pseudo Jacobian of the outputs by
    layer ``l``'s pre-activations, one row an output of a sample (docs/MATH.md, section 4)::

        K = (1/N) sum_l (D_l E_l^T) * repeat_c(h_{l-1} h_{l-1}^T + 1)

    Args:
        trainer: network, scheme and configuration.
        probe: ``N`` samples.
        backpropagation: of the same weights under backpropagation, ``J J^T / N``.
        mean: of the mean of matrices that are redrawn at every step, which is the mean of ``K``:
            it is linear in each of them, and they are drawn apart.

    Returns:
        ``(R, N c, N c)`` in the network's dtype; row ``n c + k`` is output ``k`` of sample ``n``.

    Raises:
        NotAllowed: the probe set is too large for memory.
    """
    check_probe(trainer.config, len(probe.x))
    return layers_kernel(trainer, probe, moving(trainer), backpropagation, mean)


def moving(trainer: Trainer) -> list[int]:
    """Indices of the layers of ``trainer.network`` that are not frozen, from 0 at the bottom."""
    frozen = {number - 1 for number in trainer.config.frozen}
    return [layer for layer in range(trainer.network.n_layers) if layer not in frozen]


def rate_of_biases(trainer: Trainer) -> float:
    """Learning rate of the biases, as a multiple of that of the weights: that of
    ``trainer.config``, and 0 without biases."""
    return trainer.config.bias_rate if trainer.config.bias else 0.0


@undisturbed
def layers_kernel(
    trainer: Trainer,
    probe: Probe,
    layers: Sequence[int],
    backpropagation: bool,
    mean: bool = False,
) -> Float[Tensor, "R Nc Nc"]:
    """What some layers contribute to the kernel, which is the sum of what each does.

    Args:
        trainer: network, scheme and configuration; it stays as it is.
        probe: ``N`` samples.
        layers: their indices, from 0 at the bottom.
        backpropagation: see :func:`kernel`.
        mean: see :func:`kernel`.

    Returns:
        ``(R, N c, N c)`` in the network's dtype.
    """
    network, feedback = trainer.network, trainer.feedback
    n, c = probe.y.shape
    inputs = network.forward(probe.x).inputs
    # One backward pass carries a one-hot error for every output of every sample.
    spread = network.forward(probe.x.repeat_interleave(c, 0))
    errors = network.shared(torch.eye(c).to(probe.y).repeat(n, 1))
    true = network.true_deltas(errors, spread)
    fed: Sequence[Tensor | None] = true
    if not backpropagation and not feedback.is_exact:
        fed = carried(trainer, errors, spread, mean)
    bias_rate = rate_of_biases(trainer)
    found = network.weights[0].new_zeros(network.replicates, n * c, n * c)
    for layer in layers:
        pseudo = fed[layer]
        if pseudo is not None:
            d, e, h = (stacked(network, t) for t in (true[layer], pseudo, inputs[layer]))
            _add_layer_(found, network.layers[layer], d, e, h, bias_rate)
    return found.div_(n)


def carried(
    trainer: Trainer, errors: Float[Tensor, "*R N c"], past: Pass, mean: bool = False
) -> list[Float[Tensor, "*R _m _n"] | None]:
    """What an error becomes at each layer, were it sent the way that the signal is sent: through
    ``-B`` where the signal stands for its negative.

    Args:
        trainer: whose scheme it is.
        errors: ``(..., N, c)``.
        past: the forward pass that they travel back along.
        mean: through the mean of matrices that are redrawn at every step.

    Returns:
        Per layer, bottom first, ``(..., m, n_l)``; None where a layer hears nothing.
    """
    feedback = trainer.feedback
    feedback.follow(trainer.step)
    if mean:
        feedback.take_mean()
    deltas = feedback.carried(errors, past)
    if mean:
        feedback.follow(trainer.step)  # what the step to come will use
    sign = SIGNALS[feedback.scheme.signal].sign
    if sign > 0:
        return deltas
    return [None if delta is None else sign * delta for delta in deltas[:-1]] + deltas[-1:]


def stacked(network: Network, operand: Float[Tensor, "*R m n"]) -> Float[Tensor, "_R m n"]:
    """An ``operand`` of ``network`` with its replicate dimension, ``(R, m, n)``, also where there
    is one replicate."""
    return operand.unsqueeze(0) if network.replicates == 1 else operand


def _add_layer_(
    found: Float[Tensor, "R Nc Nc"],
    layer: Layer,
    d: Float[Tensor, "R Ncm n_out"],
    e: Float[Tensor, "R Ncm n_out"],
    h: Float[Tensor, "R Nm n"],
    bias_rate: float,
) -> None:
    """Adds one layer's part to ``N K``. ``d``, ``e`` ``(R, N c m, n_out)``, ``h`` ``(R, N m, n)``,
    with ``m`` the positions of a convolution, else 1."""
    replicates, rows = found.shape[:2]
    if isinstance(layer, Dense):
        n = h.shape[1]
        samples = h[:1] if h.stride(0) == 0 else h  # the data, the same for every replicate
        gram = samples @ samples.mT + bias_rate
        product = d @ e.mT
        blocks = (replicates, n, rows // n, n, rows // n)
        found.view(blocks).addcmul_(product.view(blocks), gram[:, :, None, :, None])
        return
    # Positions share their weights: their Jacobians are summed first, each row as large as the
    # layer's weights, which in a convolution are few.
    positions = prod(layer.grid)
    n = h.shape[1] // positions
    patches = h.reshape(replicates * n, positions, -1)

    def by_weight(deltas: Tensor) -> tuple[Tensor, Tensor]:
        split = deltas.reshape(replicates * n, rows // n, positions, -1)
        columns = split.transpose(2, 3).reshape(replicates * n, -1, positions)
        by_bias = split.sum(2).view(replicates, rows, -1)
        return (columns @ patches).view(replicates, rows, -1), by_bias

    (j, j_bias), (p, p_bias) = by_weight(d), by_weight(e)
    found.add_(j @ p.mT).add_(j_bias @ p_bias.mT, alpha=bias_rate)


@undisturbed
def error_kernel(
    matrix: Float64[Tensor, "R Nc Nc"], past: Pass, loss: Loss
) -> Float64[Tensor, "R modes modes"]:
    """``H K`` on the errors that the loss can have, in float64.

    Softmax errors sum to 0 within a sample. In an orthonormal basis ``Q`` of such errors ``H K``
    becomes ``(Q^T H Q) (Q^T K Q)``: all its modes but the neutral ones, which are left out.

    Args:
        matrix: ``K``, ``(R, N c, N c)`` in float64 on the host.
        past: the forward pass on the probe set.
        loss: one with a curvature ``H``.

    Returns:
        ``(R, N c, N c)``, for softmax ``(R, N (c - 1), N (c - 1))``.
    """
    assert loss.curvature is not None
    replicates = len(matrix)
    f = past.outputs.cpu().to(torch.float64)
    curvature = loss.curvature(f.reshape(replicates, -1, f.shape[-1]))
    n, c = curvature.shape[1:3]
    if loss.shift_invariant:
        basis = zero_sum_basis(c)
        curvature = basis.T @ curvature @ basis
        matrix = (matrix.view(replicates, n * c * n, c) @ basis).view(replicates, n, c, -1)
        matrix = (basis.T @ matrix).reshape(replicates, n * (c - 1), -1)
        c -= 1
    return (curvature @ matrix.view(replicates, n, c, n * c)).view(replicates, n * c, n * c)


@undisturbed
def zero_sum_basis(c: int) -> Float64[Tensor, "{c} {c}-1"]:
    """``(c, c - 1)`` orthonormal columns, each orthogonal to the vector of ones; float64."""
    corner = torch.ones(c, c, dtype=torch.float64).triu()
    for column in range(c - 1):
        corner[column + 1, column] = -(column + 1.0)
    columns = corner[:, : c - 1]
    basis: Tensor = columns / columns.norm(dim=0)
    return basis
