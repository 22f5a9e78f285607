"""The four alignments, norms and descent shares of one batch (docs/MATH.md, section 3).

Measuring shares the forward pass, the output error and the feedback deltas with the training step:
only the true deltas are new. Sums run in float64, no denominator has an epsilon, and what is
undefined (a norm of exactly 0) is ``nan``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fa_engine.feedback import Feedback
from fa_engine.network import Network

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Alignment:
    """How one batch's feedback compares with its true gradient. Hidden layers, bottom first.

    Attributes:
        gradient_angle_deg: ``(R, L-1)`` between update direction ``u_l`` and true gradient ``g_l``.
        delta_angle_deg: ``(R, L-1)`` between ``s_l`` and ``d_l``, flattened over the batch.
        weight_angle_deg: ``(R, L-1)`` between feedback matrix and what it stands for: layerwise
            ``W_{l+1}``, direct ``W_L ... W_{l+1}``.
        update_norm: ``(R, L-1)`` ``|u_l|``.
        gradient_norm: ``(R, L-1)`` ``|g_l|``.
        descent_share: ``(R, L)`` ``<g_l, u_l>``, output layer included: what layer ``l``'s weights
            contribute to the first-order decrease of the loss, per unit of learning rate.
    """

    gradient_angle_deg: Array
    delta_angle_deg: Array
    weight_angle_deg: Array
    update_norm: Array
    gradient_norm: Array
    descent_share: Array


# Rows of a table of inner products of a pair (p, q).
PP, PQ, QQ = range(3)


def measure(
    network: Network,
    feedback: Feedback,
    deltas: Sequence[Tensor | None],
    outputs: Sequence[Tensor],
) -> Alignment:
    """Compares the feedback deltas of a batch with its true deltas.

    Args:
        network: the network, not yet moved by this batch.
        feedback: the scheme that made ``deltas``.
        deltas: ``s_l`` per layer, as :meth:`Feedback.deltas` returned them.
        outputs: what ``network.forward`` returned for the batch.
    """
    top = deltas[-1]
    assert top is not None, "the output layer always has a delta"
    true = (
        list(deltas)
        if feedback.is_exact
        else [*network.backward(top, outputs, network.weight_operands[1:])]
    )
    layers = range(network.n_layers - 1)
    hidden = [_or_zero(deltas[layer], true[layer]) for layer in layers]
    rows = [_gradient_products(*hidden[layer], outputs[layer]) for layer in layers]
    rows += [_gradient_products(top, top, outputs[-2])]
    rows += [_products(s, d) for s, d in hidden]
    rows += _weight_products(network, feedback)
    # One table, (row, 3, R), so that there is one transfer from the device.
    table = torch.stack(rows).cpu().numpy().transpose(1, 2, 0)
    n = len(layers)
    gradient, delta, weight = table[..., :n], table[..., n + 1 : 2 * n + 1], table[..., 2 * n + 1 :]
    return Alignment(
        gradient_angle_deg=angle_deg(*gradient),
        delta_angle_deg=angle_deg(*delta),
        weight_angle_deg=angle_deg(*weight),
        update_norm=np.sqrt(gradient[PP]),
        gradient_norm=np.sqrt(gradient[QQ]),
        descent_share=table[PQ, :, : n + 1],
    )


def angle_deg(pp: Array, pq: Array, qq: Array) -> Array:
    """Angles in degrees from the inner products of pairs ``(p, q)``; nan where a norm is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        cosine = pq / (np.sqrt(pp) * np.sqrt(qq))
    angles: Array = np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))
    return angles


def _or_zero(s: Tensor | None, d: Tensor | None) -> tuple[Tensor, Tensor]:
    """The pair ``(s_l, d_l)``, with zeros for the delta of a layer that hears nothing."""
    assert d is not None, "a true delta exists for every layer"
    return (torch.zeros_like(d) if s is None else s), d


def _gradient_products(s: Tensor, d: Tensor, h: Tensor) -> Tensor:
    """``(3, R)`` inner products of ``u = s^T h`` and ``g = d^T h``.

    ``<s^T h, d^T h> = <s, (h h^T) d>``: with a batch smaller than the layer the two gradients need
    not be formed.
    """
    batch, n_out, n_in = s.shape[-2], s.shape[-1], h.shape[-1]
    if batch * (2 * n_out + n_in) < 2 * n_out * n_in:
        shared = h.ndim == 3 and h.stride(0) == 0  # the data, the same for every replicate
        inputs = (h[0] @ h[0].mT).expand(len(h), -1, -1) if shared else h @ h.mT
        gs, gd = inputs @ s, inputs @ d
        return _table(_dot(s, gs), _dot(s, gd), _dot(d, gd))
    return _products(s.mT @ h, d.mT @ h)


def _products(p: Tensor, q: Tensor) -> Tensor:
    """``(3, R)``: ``<p, p>``, ``<p, q>``, ``<q, q>``, each flattened over all but replicates."""
    return _table(_dot(p, p), _dot(p, q), _dot(q, q))


_dot = torch.linalg.vecdot


def _table(*rows: Tensor) -> Tensor:
    """``(3, R)`` in float64 from three ``(m,)`` (R = 1) or ``(R, m)`` dot products of rows.

    A row's own terms are summed in the network's dtype, in vector registers; all else in float64.
    """
    return torch.stack(rows).sum(-1, dtype=torch.float64).reshape(3, -1)


def _weight_products(network: Network, feedback: Feedback) -> list[Tensor]:
    """``(3, R)`` products of each feedback matrix with what it stands for, a hidden layer each."""
    targets = list(network.weights[1:])
    if not feedback.matrices:  # nothing is fed back: undefined
        return [torch.full_like(_products(w, w), torch.nan) for w in targets]
    if feedback.route == "direct":
        for layer in range(len(targets) - 2, -1, -1):
            targets[layer] = targets[layer + 1] @ targets[layer]
    return [_products(b, w) for b, w in zip(feedback.matrices, targets, strict=True)]
