"""The four alignments, norms and descent rates of one batch (docs/MATH.md, section 3).

Measuring shares the forward pass, the output error and the feedback deltas with the training step:
only the true deltas are new. Products are formed in the network's dtype and rows of them summed in
float64. Two things can make that wrong, and then the pair is multiplied again, its matrices formed
in float64: float32 loses a product, a square that turns subnormal or 0; or a large layer was
compared through its samples and their gradients cancel, as they do where training comes to rest
with an error left (:func:`uncancelled`). Matrices that were formed, as a small layer's are, are
then right but for the rounding of the step itself. No denominator has an epsilon; what is
undefined, a norm of 0, is ``nan``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, chain
from math import prod

import numpy as np
import torch
from jaxtyping import Float, Float64
from numpy.typing import NDArray
from torch import Tensor

from fa_engine.feedback.schemes import Feedback
from fa_engine.networks.layers import Dense, Layer
from fa_engine.networks.network import SMALL_VALUES, Network, Pass, Product

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Alignment:
    """How one batch's feedback compares with its true gradient. Hidden layers, bottom first:
    ``H = L - 1`` of them.

    The update of a frozen layer is 0: its angles are nan, and its gradient counts in
    ``hidden_angle_deg``.

    Attributes:
        gradient_angle_deg: ``(R, L-1)`` between update direction ``u_l`` and true gradient ``g_l``.
        hidden_angle_deg: ``(R,)`` the same over the weights of all hidden layers together.
        delta_angle_deg: ``(R, L-1)`` between ``s_l`` and ``d_l``, flattened over the batch.
        delta_cosine_mean: ``(R, L-1)`` mean over the samples of the cosine between their rows of
            ``s_l`` and ``d_l``; samples without an error, or without feedback, are left out.
        delta_cosine_std: ``(R, L-1)`` its standard deviation.
        weight_angle_deg: ``(R, L-1)`` between feedback matrix and what it stands for: layerwise
            ``W_{l+1}``, direct ``W_L ... W_{l+1}``. Where the target is sent, that of ``-B``
            (:meth:`fa_engine.Feedback.stands_for`).
        update_norm: ``(R, L-1)`` ``|u_l|``.
        gradient_norm: ``(R, L-1)`` ``|g_l|``.
        descent_rate: ``(R, L)`` ``<g_l, u_l>``, output layer included: what layer ``l``'s weights
            contribute to the first-order decrease of the loss, per unit of learning rate; negative
            where the layer's update leads uphill.
    """

    gradient_angle_deg: Float64[Array, "R H"]
    hidden_angle_deg: Float64[Array, " R"]
    delta_angle_deg: Float64[Array, "R H"]
    delta_cosine_mean: Float64[Array, "R H"]
    delta_cosine_std: Float64[Array, "R H"]
    weight_angle_deg: Float64[Array, "R H"]
    update_norm: Float64[Array, "R H"]
    gradient_norm: Float64[Array, "R H"]
    descent_rate: Float64[Array, "R H+1"]


# Rows of a table of inner products of a pair (p, q).
PP, PQ, QQ = range(3)

# What overflows, in a replicate that diverges, is inf or nan and is seen as such.
unwarned = np.errstate(divide="ignore", invalid="ignore", over="ignore")

# Pairs of matrices whose rows are multiplied, or such products already, (3, ..., rows).
Pair = tuple[Tensor, Tensor] | Tensor

# A square whose row has entries of 1e-4 of its length is still made of normal float32 numbers.
SMALL_SQUARE = 1e-30

# The same for the square of a matrix, of up to 1e8 entries.
SMALL_SUM = 1e-24

# Of a square without cancellation: what is below has too few digits left.
LEAST_SHARES = {
    dtype: 4 * torch.finfo(dtype).eps ** 0.5 for dtype in (torch.float32, torch.float64)
}


@unwarned
def measure(
    network: Network,
    feedback: Feedback,
    directions: Sequence[Product | None],
    true: Sequence[Float[Tensor, "*R _m _n"]],
    past: Pass,
    *,
    gradient_alone: bool = False,
) -> Alignment:
    """Compares the update directions of a step with the true gradients on its batch.

    Args:
        network: the network, not yet moved by this batch.
        feedback: the scheme that made ``directions``.
        directions: per layer ``u_l``, None where the layer does not move.
        true: per layer the true delta ``d_l``.
        past: the forward pass on the batch.
        gradient_alone: leave delta and weight alignment unmeasured, nan.
    """
    n = network.n_layers - 1
    both = [_update_and_gradient(*of) for of in zip(directions, true, past.inputs, strict=True)]
    pairs = [gradient_pair(u, g) for u, g in both]
    if not gradient_alone:
        pairs += [_delta_pair(u, g) for u, g in both[:n]]
        pairs += _weight_pairs(network, feedback)
    ready = [index for index in range(n + 1) if isinstance(pairs[index], Tensor)]
    products = RowProducts([*pairs, *(_uncancelled(*both[i]) for i in ready)], network.replicates)
    if not gradient_alone and true[0].dtype == torch.float32:
        for index in _lost(products, pairs, range(n + 1, len(pairs))):
            products.put(index, _in_float64(index, network, feedback, both))
    sums = products.sums()
    spread: Array | float = 0.0
    if ready:
        spread = np.zeros((3, network.replicates, n + 1))
        spread[..., ready] = sums[..., len(pairs) :]
        sums = sums[..., : len(pairs)]
    least = least_square(spread, true[0].dtype)
    for index in _unreliable(sums[..., : n + 1], least, both):
        sums[..., index] = formed(*both[index])
    gradient = sums[..., :n]
    together = np.add.reduce(gradient, -1, keepdims=True)
    samples = (
        []
        if gradient_alone
        else [_by_sample(network.layers[i], products.rows(n + 1 + i)) for i in range(n)]
    )
    # One call for all cosines: over whole layers, over all hidden layers, and sample by sample.
    cosines = cosine(*np.concatenate([sums, together, *samples], -1))
    angles = degrees(cosines[:, : len(pairs) + 1])
    norms = np.sqrt(gradient)
    if gradient_alone:
        delta = weight = mean = std = np.full((network.replicates, n), np.nan)
    else:
        delta, weight = angles[:, n + 1 : 2 * n + 1], angles[:, 2 * n + 1 : -1]
        mean, std = _over_samples(cosines[:, len(pairs) + 1 :].reshape(network.replicates, n, -1))
    return Alignment(
        gradient_angle_deg=angles[:, :n],
        hidden_angle_deg=angles[:, -1],
        delta_angle_deg=delta,
        delta_cosine_mean=mean,
        delta_cosine_std=std,
        weight_angle_deg=weight,
        update_norm=norms[PP],
        gradient_norm=norms[QQ],
        descent_rate=sums[PQ, :, : n + 1],
    )


def _update_and_gradient(u: Product | None, d: Tensor, k: Tensor) -> tuple[Product, Product]:
    """``u_l``, 0 where a layer does not move, and ``g_l``; one object where the two are equal."""
    if u is None:
        return Product(torch.zeros_like(d), k), Product(d, k)
    return u, u if u.delta is d and u.input is k else Product(d, k)


class RowProducts:
    """Inner products of pairs of matrices: of their rows in their dtype, of the whole in float64.

    There is one transfer from the device for all of them. Small matrices with rows of one length
    are multiplied together, since there a call costs more than the arithmetic.
    """

    def __init__(self, pairs: Sequence[Pair], replicates: int) -> None:
        """Multiplies.

        Args:
            pairs: matrices ``(..., rows, n)`` and ``(..., rows, n)``, or products as
                :func:`gradient_pair` gives them.
            replicates: ``R``.
        """
        self._layout = layout = _layout(
            tuple(
                [(p.shape, True) if isinstance(p, Tensor) else (p[0].shape, False) for p in pairs]
            )
        )
        blocks = [_multiplied([pairs[index] for index in group]) for group in layout.groups]
        rows = torch.cat(blocks, -1) if len(blocks) > 1 else blocks[0]
        self._rows: Array = rows.reshape(3, replicates, -1).cpu().numpy().astype(np.float64)

    def put(self, index: int, pair: Pair) -> None:
        """Multiplies a pair again, from operands of the same shapes."""
        start, end = self._layout.spans[index]
        rows = _multiplied([pair]).reshape(3, self._rows.shape[1], -1)
        self._rows[..., start:end] = rows.cpu().numpy()

    def small(self) -> list[int]:
        """The pairs of which some row has a square below :data:`SMALL_SQUARE`, 0 included."""
        squares = self._rows[PP : QQ + 1 : QQ - PP]
        if np.minimum.reduce(squares, axis=None) >= SMALL_SQUARE:  # nearly always; nan is not
            return []
        low = np.any(np.abs(squares) < SMALL_SQUARE, axis=(0, 1))
        return [i for i, (start, end) in enumerate(self._layout.spans) if low[start:end].any()]

    def rows(self, index: int) -> Float64[Array, "3 R rows"]:
        """``(3, R, rows)`` products of the rows of a pair: ``<p, p>``, ``<p, q>``, ``<q, q>``."""
        start, end = self._layout.spans[index]
        return self._rows[..., start:end]

    def sums(self) -> Float64[Array, "3 R pairs"]:
        """``(3, R, pairs)`` inner products of whole matrices."""
        sums = np.add.reduceat(self._rows, self._layout.starts, axis=-1)
        ordered: Array = sums if self._layout.in_order else sums.take(self._layout.ranks, -1)
        return ordered


def least_square(
    uncancelled: Float64[Array, "*s"] | float, dtype: torch.dtype
) -> Float64[Array, "*s"]:
    """What the square of a gradient has to be for its sum over samples to be right: the rounding
    of that sum is then about the square root of the dtype's.

    Args:
        uncancelled: sums of :func:`uncancelled` over the samples.
        dtype: that of the products.
    """
    share, smallest = LEAST_SHARES[dtype], SMALL_SUM if dtype == torch.float32 else 0.0
    return np.asarray(np.maximum(share * uncancelled, smallest))


def _unreliable(
    sums: Float64[Array, "3 R L"],
    least: Float64[Array, " ..."],
    both: Sequence[tuple[Product, Product]],
) -> list[int]:
    """The layers of which a square is too small; what is all zero is 0 and nothing else."""
    if (sums >= least)[PP : QQ + 1 : QQ - PP].all():  # nearly always
        return []
    low: NDArray[np.bool_] = np.any(sums < least, axis=1)
    return [
        index
        for index, (u, g) in enumerate(both)
        if (low[PP, index] and bool(u.delta.any())) or (low[QQ, index] and bool(g.delta.any()))
    ]


def _lost(products: RowProducts, pairs: Sequence[Pair], among: Collection[int]) -> list[int]:
    """The pairs whose products float32 cannot hold; a row of zeros alone loses nothing."""
    lost = []
    for index in products.small():
        if index not in among:
            continue
        pair, squares = pairs[index], products.rows(index)[[PP, QQ]]
        if isinstance(pair, Tensor):  # it is undefined
            continue
        if ((np.abs(squares) < SMALL_SQUARE) & (squares != 0)).any():
            lost.append(index)
            continue
        for operand, square in zip(pair, squares, strict=True):
            nonzero = operand.any(-1).reshape(square.shape).cpu().numpy()
            if (nonzero & (square == 0)).any():
                lost.append(index)
                break
    return lost


def _in_float64(
    index: int,
    network: Network,
    feedback: Feedback,
    both: Sequence[tuple[Product, Product]],
) -> Pair:
    """A pair of deltas or of weights of :func:`measure`, by its index, cast to float64."""
    n = network.n_layers - 1
    if index > 2 * n:
        return _weight_pairs(network, feedback, torch.float64)[index - 2 * n - 1]
    u, g = both[index - n - 1]
    if u.delta.ndim == 2:
        return u.delta.double(), g.delta.double()
    # One replicate after the other: twice as wide, and with all products, they would together be
    # the most that a run ever takes.
    of_each = [_products(s.double(), d.double()) for s, d in zip(u.delta, g.delta, strict=True)]
    return torch.stack(of_each, 1)


def formed(u: Product, g: Product) -> Float64[Array, "3 R"]:
    """``<u, u>``, ``<u, g>`` and ``<g, g>``, ``(3, R)``, of matrices formed in float64, a replicate
    after the other."""
    found = []
    for own_u, own_g in zip(_of_each(u), _of_each(g), strict=True):
        p = _formed(*own_u)
        q = p if g is u else _formed(*own_g)
        found.append(torch.stack([torch.linalg.vecdot(*of) for of in ((p, p), (p, q), (q, q))]))
    return np.asarray(torch.stack(found, 1).cpu().numpy())


def _of_each(u: Product) -> list[tuple[Tensor, Tensor]]:
    """Delta and input of each replicate."""
    if u.delta.ndim == 2:
        return [(u.delta, u.input)]
    return list(zip(u.delta, u.input, strict=True))


def _formed(s: Float[Tensor, "N n_out"], h: Float[Tensor, "N n_in"]) -> Float64[Tensor, " n"]:
    return (s.double().mT @ h.double()).flatten()


def uncancelled(u: Product) -> Float[Tensor, "*R N"]:
    """``(..., N)``: ``|s_n|^2 |h_n|^2`` of each sample. Their sum is what ``|s^T h|^2`` would be if
    the samples' gradients were at right angles.

    Where they cancel, as at a minimum with an error left, ``|s^T h|^2`` is far below it, and summed
    over samples as ``<s, (h h^T) s>`` it is nothing but rounding.
    """
    s, h = u.delta, u.input
    shared = h.ndim == 3 and h.stride(0) == 0
    inputs = h[0] if shared else h
    squares: Tensor = torch.linalg.vecdot(s, s) * torch.linalg.vecdot(inputs, inputs)
    return squares


def _uncancelled(u: Product, g: Product) -> Float[Tensor, "3 *R N"]:
    """``(3, ..., N)``, in the place of the products that it judges."""
    p = uncancelled(u)
    q = p if g is u else uncancelled(g)
    return torch.stack((p, p, q))


@dataclass(frozen=True)
class _Layout:
    """Which pairs are multiplied together, and where their rows come to lie.

    Attributes:
        groups: indices of the pairs of each group.
        starts: where the rows of each pair begin, as they lie.
        spans: begin and end of the rows of each pair, by index.
        ranks: the place of each pair, by index.
        in_order: the pairs lie as they are numbered.
    """

    groups: list[list[int]]
    starts: list[int]
    spans: list[tuple[int, int]]
    ranks: list[int]
    in_order: bool


@lru_cache(maxsize=64)
def _layout(shapes: tuple[tuple[torch.Size, bool], ...]) -> _Layout:
    """The layout of pairs: the shape of a matrix or of ready products, and which of the two."""
    groups: dict[tuple[int, int], list[int]] = {}
    for index, (shape, ready) in enumerate(shapes):
        fused = not ready and prod(shape) <= SMALL_VALUES
        groups.setdefault((-1, shape[-1]) if fused else (index, 0), []).append(index)
    order = list(chain.from_iterable(groups.values()))
    sizes = [shape[-1] if ready else shape[-2] for shape, ready in shapes]
    ends = list(accumulate(sizes[index] for index in order))
    starts = [0, *ends[:-1]]
    ranks = [order.index(index) for index in range(len(order))]
    spans = [(starts[rank], ends[rank]) for rank in ranks]
    return _Layout(list(groups.values()), starts, spans, ranks, ranks == sorted(ranks))


def _multiplied(group: Sequence[Pair]) -> Float[Tensor, "3 *R rows"]:
    """``(3, ..., rows)`` products of all pairs of a group, side by side."""
    first = group[0]
    if isinstance(first, Tensor):
        return first
    if len(group) == 1:
        return _products(*first)
    if all(p is q for p, q in group):
        p = torch.cat([p for p, _ in group], -2)
        return _products(p, p)
    p, q = torch.cat([matrix for side in zip(*group, strict=True) for matrix in side], -2).chunk(
        2, -2
    )
    return _products(p, q)


def _products(
    p: Float[Tensor, "*R rows n"],
    q: Float[Tensor, "*R rows n"],
    p2: Float[Tensor, "*R rows n"] | None = None,
    q2: Float[Tensor, "*R rows n"] | None = None,
) -> Float[Tensor, "3 *R rows"]:
    """``(3, ..., rows)``: ``<p, p2>``, ``<p, q2>``, ``<q, q2>``; p2, q2 default to p, q.

    A row's own terms are summed in the network's dtype, in vector registers.
    """
    p2, q2 = p if p2 is None else p2, q if q2 is None else q2
    dot = torch.linalg.vecdot
    qq = dot(q, q2)
    return torch.stack((qq, qq, qq) if p is q else (dot(p, p2), dot(p, q2), qq))


def cosine(
    pp: Float64[Array, "*s"], pq: Float64[Array, "*s"], qq: Float64[Array, "*s"]
) -> Float64[Array, "*s"]:
    """Cosines in [-1, 1] from the inner products of pairs ``(p, q)``; nan where a norm is 0."""
    found: Array = pq / (np.sqrt(pp) * np.sqrt(qq))
    found[np.isinf(found)] = np.nan  # a norm underflowed to 0 before the product did
    # Rounding may carry a cosine past 1.
    clamped: Array = np.minimum(np.maximum(found, -1.0), 1.0)
    return clamped


def degrees(cosines: Float64[Array, "*s"]) -> Float64[Array, "*s"]:
    """Angles in degrees from cosines."""
    angles: Array = np.degrees(np.arccos(cosines))
    return angles


def _by_sample(layer: Layer, products: Float64[Array, "3 R m"]) -> Float64[Array, "3 R N"]:
    """``(3, R, N)`` from products of rows, of which a convolution has one a position."""
    if isinstance(layer, Dense):
        return products
    sums: Array = products.reshape(*products.shape[:2], -1, prod(layer.grid)).sum(-1)
    return sums


def _over_samples(
    cosines: Float64[Array, "R H N"],
) -> tuple[Float64[Array, "R H"], Float64[Array, "R H"]]:
    """Mean and standard deviation over samples, ``(R, L-1)``, from ``(R, L-1, N)``."""
    samples = cosines.shape[-1]
    mean = np.add.reduce(cosines, -1) / samples
    if np.isfinite(mean).all():
        return mean, np.sqrt(np.add.reduce((cosines - mean[..., None]) ** 2, -1) / samples)
    kept = np.ma.masked_invalid(cosines)
    return kept.mean(-1).filled(np.nan), kept.std(-1).filled(np.nan)


def gradient_pair(u: Product, g: Product) -> Pair:
    """Matrices ``u = s^T h`` and ``g = d^T k``, or products of rows that sum to theirs.

    ``<s^T h, d^T k> = <s, (h k^T) d>``: with a batch smaller than the layer the two matrices need
    not be formed. Small ones are: that takes fewer calls, and the optimiser may want them too.
    """
    s, h, d, k = u.delta, u.input, g.delta, g.input
    batch, n_out, n_in = d.shape[-2], d.shape[-1], k.shape[-1]
    if g.is_small:
        return u.matrix(), g.matrix()
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
    return u.matrix(), g.matrix()


def inner_product(u: Product, g: Product) -> Float64[Tensor, "*R"]:
    """``<s^T h, d^T k>`` in float64, ``(...)``, by whichever way takes fewer multiplications."""
    s, h, d, k = u.delta, u.input, g.delta, g.input
    batch, n_out, n_in = d.shape[-2], d.shape[-1], k.shape[-1]
    if not g.is_small and batch * (n_out + n_in) < 2 * n_out * n_in:
        rows = torch.linalg.vecdot(s, _inner(h, k) @ d)
    else:
        rows = torch.linalg.vecdot(u.matrix(), g.matrix())
    total: Tensor = rows.sum(-1, dtype=torch.float64)
    return total


def _inner(h: Float[Tensor, "*R N n"], k: Float[Tensor, "*R N n"]) -> Float[Tensor, "*R N N"]:
    """``h k^T`` of two layers' inputs, ``(..., N, N)``."""
    # The data are the same for every replicate, and so are their products.
    if h.ndim == 3 and h.stride(0) == 0 == k.stride(0):
        return (h[0] @ k[0].mT).expand(len(h), -1, -1)
    return h @ k.mT


def _delta_pair(u: Product, g: Product) -> Pair:
    """``s_l`` and ``d_l``; nan where they belong to different batches, as with a delayed error."""
    s, h, d, k = u.delta, u.input, g.delta, g.input
    return (s, d) if h is k else d.new_full((3, *d.shape[:-1]), torch.nan)


def _weight_pairs(
    network: Network, feedback: Feedback, dtype: torch.dtype | None = None
) -> list[Pair]:
    """Each feedback matrix and what it stands for; nan where they cannot be compared.

    Args:
        network: whose weights they stand for.
        feedback: whose matrices they are.
        dtype: what they are cast to first; None: theirs.
    """
    weights = [w.to(dtype or w.dtype) for w in network.weight_operands]
    targets: list[Tensor | None] = list(weights[1:])
    if feedback.scheme.route == "direct":
        # Above a convolution the chain of weights is no product of matrices.
        for layer in range(len(targets) - 2, -1, -1):
            above, own = targets[layer + 1], weights[layer + 1]
            dense = isinstance(network.layers[layer + 1], Dense)
            targets[layer] = above @ own if dense and above is not None else None
    matrices: list[Tensor | None] = [
        w if m is own else _signed(network.operand(m).to(w.dtype), feedback.stands_for(layer))
        for layer, (m, own, w) in enumerate(
            zip(feedback.matrices, network.weights[1:], weights[1:], strict=False)
        )
    ]
    matrices = matrices or [None] * len(targets)
    return [
        _undefined(weights[0].shape[:-2], weights[0])
        if matrix is None or target is None or matrix.shape != target.shape
        else (matrix, target)
        for matrix, target in zip(matrices, targets, strict=True)
    ]


def _signed(matrix: Tensor, sign: int) -> Tensor:
    return matrix if sign > 0 else -matrix


def _undefined(lead: torch.Size, like: Tensor) -> Tensor:
    return like.new_full((3, *lead, 1), torch.nan)
