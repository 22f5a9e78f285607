"""The four alignments, norms and descent shares of one batch (docs/MATH.md, section 3).

Measuring shares the forward pass, the output error and the feedback deltas with the training step:
only the true deltas are new. Products are formed in the network's dtype and rows of them summed in
float64. No denominator has an epsilon; what is undefined, a norm of 0 in that dtype, is ``nan``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import prod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fa_engine.feedback import Feedback
from fa_engine.layers import Dense, Layer
from fa_engine.network import Network, Pass, Product

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Alignment:
    """How one batch's feedback compares with its true gradient. Hidden layers, bottom first.

    Attributes:
        gradient_angle_deg: ``(R, L-1)`` between update direction ``u_l`` and true gradient ``g_l``.
        hidden_angle_deg: ``(R,)`` the same over the weights of all hidden layers together.
        delta_angle_deg: ``(R, L-1)`` between ``s_l`` and ``d_l``, flattened over the batch.
        delta_cosine_mean: ``(R, L-1)`` mean over the samples of the cosine between their rows of
            ``s_l`` and ``d_l``; samples without an error, or without feedback, are left out.
        delta_cosine_std: ``(R, L-1)`` its standard deviation.
        weight_angle_deg: ``(R, L-1)`` between feedback matrix and what it stands for: layerwise
            ``W_{l+1}``, direct ``W_L ... W_{l+1}``.
        update_norm: ``(R, L-1)`` ``|u_l|``.
        gradient_norm: ``(R, L-1)`` ``|g_l|``.
        descent_share: ``(R, L)`` ``<g_l, u_l>``, output layer included: what layer ``l``'s weights
            contribute to the first-order decrease of the loss, per unit of learning rate.
    """

    gradient_angle_deg: Array
    hidden_angle_deg: Array
    delta_angle_deg: Array
    delta_cosine_mean: Array
    delta_cosine_std: Array
    weight_angle_deg: Array
    update_norm: Array
    gradient_norm: Array
    descent_share: Array


# Rows of a table of inner products of a pair (p, q).
PP, PQ, QQ = range(3)


# What overflows, in a replicate that diverges, is inf or nan and is seen as such.
unwarned = np.errstate(divide="ignore", invalid="ignore", over="ignore")


@unwarned
def measure(
    network: Network,
    feedback: Feedback,
    directions: Sequence[Product | None],
    true: Sequence[Tensor],
    past: Pass,
) -> Alignment:
    """Compares the update directions of a step with the true gradients on its batch.

    Args:
        network: the network, not yet moved by this batch.
        feedback: the scheme that made ``directions``.
        directions: per layer ``(s_l, h_{l-1})``, None where the layer does not move.
        true: per layer the true delta ``d_l``.
        past: the forward pass on the batch.
    """
    gradients = list(zip(true, past.inputs, strict=True))
    pairs = list(zip(directions, gradients, strict=True))
    n = network.n_layers - 1
    pieces = [gradient_products(u or (torch.zeros_like(g[0]), g[1]), g) for u, g in pairs]
    pieces += [_delta_products(u, g) for u, g in pairs[:n]]
    pieces += _weight_products(network, feedback)
    rows, ends = _rows(pieces, network.replicates)
    table = _sums(rows, ends)
    gradient = table[..., :n]
    # One call for all angles: gradient, all hidden layers together, delta, weight.
    together = gradient.sum(-1, keepdims=True)
    angles = angle_deg(*np.concatenate([gradient, together, table[..., n + 1 :]], -1))
    samples = [
        _by_sample(network.layers[layer], rows[..., ends[n + layer] : ends[n + layer + 1]])
        for layer in range(n)
    ]
    mean, std = zip(*map(_sample_cosines, samples), strict=True)
    return Alignment(
        gradient_angle_deg=angles[:, :n],
        hidden_angle_deg=angles[:, n],
        delta_angle_deg=angles[:, n + 1 : 2 * n + 1],
        delta_cosine_mean=np.stack(mean, 1),
        delta_cosine_std=np.stack(std, 1),
        weight_angle_deg=angles[:, 2 * n + 1 :],
        update_norm=np.sqrt(gradient[PP]),
        gradient_norm=np.sqrt(gradient[QQ]),
        descent_share=table[PQ, :, : n + 1],
    )


def summed(pieces: Sequence[Tensor], replicates: int) -> Array:
    """``(3, R, pieces)`` inner products of pairs, from the products of their rows, ``(3, ..., m)``.

    Args:
        pieces: what :func:`gradient_products` returned, one a pair.
        replicates: ``R``.
    """
    return _sums(*_rows(pieces, replicates))


def _rows(pieces: Sequence[Tensor], replicates: int) -> tuple[Array, list[int]]:
    """All rows side by side, for one transfer from the device, and where each piece ends."""
    rows = torch.cat(list(pieces), -1).reshape(3, replicates, -1).cpu().numpy()
    return rows.astype(np.float64), list(accumulate(piece.shape[-1] for piece in pieces))


def _sums(rows: Array, ends: Sequence[int]) -> Array:
    sums: Array = np.add.reduceat(rows, [0, *ends[:-1]], axis=-1)
    return sums


def angle_deg(pp: Array, pq: Array, qq: Array) -> Array:
    """Angles in degrees from the inner products of pairs ``(p, q)``; nan where a norm is 0."""
    angles: Array = np.degrees(np.arccos(np.clip(cosine(pp, pq, qq), -1.0, 1.0)))
    return angles


def cosine(pp: Array, pq: Array, qq: Array) -> Array:
    """Cosines from the inner products of pairs ``(p, q)``; nan where a norm is 0."""
    found: Array = pq / (np.sqrt(pp) * np.sqrt(qq))
    found[np.isinf(found)] = np.nan  # a norm underflowed to 0 before the product did
    return found


def _by_sample(layer: Layer, products: Array) -> Array:
    """``(3, R, N)`` from products of rows, of which a convolution has one a position."""
    if isinstance(layer, Dense):
        return products
    sums: Array = products.reshape(*products.shape[:2], -1, prod(layer.grid)).sum(-1)
    return sums


def _sample_cosines(products: Array) -> tuple[Array, Array]:
    """Mean and standard deviation over samples, ``(R,)``, from ``(3, R, N)``."""
    cosines = cosine(*products)
    defined = np.isfinite(cosines)
    if defined.all():
        return cosines.mean(-1), cosines.std(-1)
    kept = np.ma.masked_array(np.where(defined, cosines, 0.0), ~defined)
    return kept.mean(-1).filled(np.nan), kept.std(-1).filled(np.nan)


def gradient_products(u: Product, g: Product) -> Tensor:
    """``(3, ..., m)`` products of rows that sum to those of ``u = s^T h`` and ``g = d^T k``.

    ``<s^T h, d^T k> = <s, (h k^T) d>``: with a batch smaller than the layer the two matrices need
    not be formed.
    """
    (s, h), (d, k) = u, g
    batch, n_out, n_in = d.shape[-2], d.shape[-1], k.shape[-1]
    if h is k and batch * (2 * n_out + n_in) < 2 * n_out * n_in:
        inputs = _inner(k, k)
        kd = inputs @ d
        return _products(s, d, kd if s is d else inputs @ s, kd)
    if h is not k and 3 * batch * (n_out + n_in) < 2 * n_out * n_in:
        return torch.stack(
            [
                torch.linalg.vecdot(p, _inner(a, b) @ q)
                for p, a, b, q in ((s, h, h, s), (s, h, k, d), (d, k, k, d))
            ]
        )
    gradient = d.mT @ k
    update = gradient if s is d and h is k else s.mT @ h
    return _products(update, gradient)


def _inner(h: Tensor, k: Tensor) -> Tensor:
    """``h k^T`` of two layers' inputs, ``(..., N, N)``."""
    # The data are the same for every replicate, and so are their products.
    if h.ndim == 3 and h.stride(0) == 0 == k.stride(0):
        return (h[0] @ k[0].mT).expand(len(h), -1, -1)
    return h @ k.mT


def _delta_products(u: Product | None, g: Product) -> Tensor:
    """``(3, ..., m)`` products of the rows of ``s_l`` and ``d_l``.

    nan where the two belong to different batches, as with a delayed error.
    """
    d, h = g
    s, past_h = (torch.zeros_like(d), h) if u is None else u
    products = _products(s, d)
    return products if past_h is h else torch.full_like(products, torch.nan)


def _products(p: Tensor, q: Tensor, p2: Tensor | None = None, q2: Tensor | None = None) -> Tensor:
    """``(3, ..., m)`` row by row: ``<p, p2>``, ``<p, q2>``, ``<q, q2>``; p2, q2 default to p, q.

    A row's own terms are summed in the network's dtype, in vector registers; rows in float64.
    """
    p2, q2 = p if p2 is None else p2, q if q2 is None else q2
    dot = torch.linalg.vecdot
    qq = dot(q, q2)
    return torch.stack((qq, qq, qq) if p is q else (dot(p, p2), dot(p, q2), qq))


def _weight_products(network: Network, feedback: Feedback) -> list[Tensor]:
    """``(3, ..., m)`` products of the rows of each feedback matrix and what it stands for."""
    targets: list[Tensor | None] = list(network.weight_operands[1:])
    if feedback.scheme.route == "direct":
        # Above a convolution the chain of weights is no product of matrices.
        for layer in range(len(targets) - 2, -1, -1):
            above, own = targets[layer + 1], network.weight_operands[layer + 1]
            dense = isinstance(network.layers[layer + 1], Dense)
            targets[layer] = above @ own if dense and above is not None else None
    matrices: list[Tensor | None] = [network.operand(m) for m in feedback.matrices]
    matrices = matrices or [None] * len(targets)
    like = network.weight_operands[0]
    undefined = like.new_full((3, *like.shape[:-2], 1), torch.nan)
    return [
        undefined
        if matrix is None or target is None or matrix.shape != target.shape
        else _products(matrix, target)
        for matrix, target in zip(matrices, targets, strict=True)
    ]
