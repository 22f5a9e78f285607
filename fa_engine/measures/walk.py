"""Training as a walk through weight space (docs/MATH.md, section 7).

How far the weights have come and along how long a path, whether consecutive updates agree, what a
step was expected to do to the loss and what it did, and the quantity that feedback alignment
conserves. Rows are formed in the network's dtype and summed in float64; no denominator has an
epsilon, and what is undefined is ``nan``. Walking along never changes training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64
from numpy.typing import NDArray
from torch import Tensor

from fa_engine.feedback.schemes import Feedback
from fa_engine.measures.alignment import (
    PP,
    PQ,
    Array,
    cosine,
    formed,
    inner_product,
    least_square,
    uncancelled,
    unwarned,
)
from fa_engine.networks.layers import Dense
from fa_engine.networks.network import Network, Pass, Product

PENDING_VALUES = 2**18  # row norms that wait on the device for one transfer


@dataclass(frozen=True, kw_only=True)
class Walk:
    """Where the walk has come to, all layers' weights bottom first. None: nobody walked along.

    Attributes:
        displacement: ``(R, L)`` ``|W_l(t) - W_l(0)|``, from the weights before the first step.
        path_length: ``(R, L)`` the sum of ``|W_l(k+1) - W_l(k)|`` over all steps so far.
        update_cosine: ``(R, L)`` cosine of the next update direction ``u_l`` and the one before.
        loss_change: ``(R,)`` loss on the batch after its step, less the loss before it; nan where
            no step followed, or one after which the loss was not finite.
        predicted_loss_change: ``(R,)`` the same to first order: ``<gradient, step>`` over all
            weights and biases, with the step that was taken.
        conserved: ``(R, L-1)`` mean over the hidden units of what feedback alignment conserves
            (docs/MATH.md, section 6); nan where it does not.
        conserved_drift: ``(R, L-1)`` root mean square over the units of its change since the
            scheme in force took over.
    """

    displacement: Float64[Array, "R L"] | None = None
    path_length: Float64[Array, "R L"] | None = None
    update_cosine: Float64[Array, "R L"] | None = None
    loss_change: Float64[Array, " R"] | None = None
    predicted_loss_change: Float64[Array, " R"] | None = None
    conserved: Float64[Array, "R H"] | None = None
    conserved_drift: Float64[Array, "R H"] | None = None


@dataclass(frozen=True)
class Conserving:
    """A hidden layer whose units conserve a quantity with the layer above (MATH.md, section 6).

    Attributes:
        layer: its index.
        matrix: ``B``, shaped like the weights of the layer above.
        bias_share: what ``b^2`` counts in the quantity: biases that move at another rate than the
            weights count inversely.
    """

    layer: int
    matrix: Float[Tensor, "R n_out n_in"]
    bias_share: float


@dataclass(frozen=True)
class _Squares:
    """Squared norms of the updates of a step.

    Attributes:
        values: ``(R, L)``.
        unreliable: ``(L,)`` where inner products with this update have to be of formed matrices.
    """

    values: Float64[Array, "R L"]
    unreliable: Bool[NDArray[np.bool_], " L"]


class Walker:
    """Walks along with a training: told before and after each step, asked at a measurement.

    It takes the memory of two more copies of the parameters and of the last update's operands, and
    a pass over the weights each step.
    """

    def __init__(self, network: Network, conserving: Sequence[Conserving]) -> None:
        self._network = network
        self._conserving = list(conserving)
        self._parameters = [*network.weights, *network.biases]
        self._steps = [torch.empty_like(parameter) for parameter in self._parameters]
        self._ends = list(accumulate(w.shape[1] for w in network.weights))
        # None until the first step: initial weights may be set after they are drawn.
        self._start: list[Tensor] | None = None
        self._conserved_start: list[Tensor] | None = None
        self._path = np.zeros((network.replicates, network.n_layers))
        self._pending: list[Tensor] = []
        self._previous: Sequence[Product | None] = [None] * network.n_layers
        # Squared norms of the updates of the last measured step, and of the step before this one.
        self._squares: _Squares | None = None
        self._previous_squares: _Squares | None = None

    def follow(self, conserving: Sequence[Conserving]) -> None:
        """Another scheme takes over: what it conserves is compared with how it begins."""
        self._conserving, self._conserved_start = list(conserving), None

    def before_step(self) -> None:
        """Remembers the parameters; at the first step for good. It may be told again."""
        self._squares = None
        torch._foreach_copy_(self._steps, self._parameters)
        if self._start is None:
            self._start = [w.clone() for w in self._network.weights]
        if self._conserved_start is None:
            self._conserved_start = [self._conserved(pair) for pair in self._conserving]

    @unwarned
    def look(self, directions: Sequence[Product | None]) -> Walk:
        """Where the walk stands: after :meth:`before_step`, before the step.

        Args:
            directions: what the step will be taken along.
        """
        network = self._network
        assert self._start is not None
        assert self._conserved_start is not None
        moved = [w - s for w, s in zip(network.weights, self._start, strict=True)]
        self._reduce()
        conserved = np.full((2, network.replicates, network.n_layers - 1), np.nan)
        for pair, start in zip(self._conserving, self._conserved_start, strict=True):
            now = self._conserved(pair)
            conserved[0, :, pair.layer] = now.mean(-1).cpu().numpy()
            conserved[1, :, pair.layer] = (now - start).square().mean(-1).sqrt().cpu().numpy()
        undefined = np.full(network.replicates, np.nan)
        return Walk(
            displacement=self._norms(_row_norms(moved)),
            path_length=self._path.copy(),
            update_cosine=self._update_cosine(directions),
            loss_change=undefined,
            predicted_loss_change=undefined.copy(),
            conserved=conserved[0],
            conserved_drift=conserved[1],
        )

    def after_step(self, directions: Sequence[Product | None]) -> None:
        """Adds the step from what :meth:`before_step` remembered to the path.

        Args:
            directions: what the step was taken along.
        """
        for parameter, step in zip(self._parameters, self._steps, strict=True):
            torch.sub(parameter, step, out=step)
        self._pending.append(_row_norms(self._steps[: self._network.n_layers]))
        if len(self._pending) * self._pending[0].numel() > PENDING_VALUES:
            self._reduce()
        # A large matrix that was formed to be measured is not kept until the next measurement.
        self._previous = [
            u if u is None or u.is_small else Product(u.delta, u.input) for u in directions
        ]
        self._previous_squares, self._squares = self._squares, None

    @unwarned
    def changes(
        self,
        true: Sequence[Float[Tensor, "*R _m _n"]],
        past: Pass,
        before: Float64[Array, " R"],
        after: Float64[Array, " R"],
    ) -> tuple[Float64[Array, " R"], Float64[Array, " R"]]:
        """What the step just taken did to the loss on its batch, and was predicted to do.

        Args:
            true: the true deltas ``d_l`` on the batch, all layers.
            past: the forward pass on it, before the step.
            before: ``(R,)`` the loss on it, before the step.
            after: ``(R,)`` the loss on it now.

        Returns:
            ``loss_change`` and ``predicted_loss_change`` of :class:`Walk`.
        """
        network, n = self._network, self._network.n_layers
        predicted = np.zeros(network.replicates)
        for layer in range(n):
            step, bias = self._steps[layer], self._steps[n + layer]
            d, h = true[layer], past.inputs[layer]
            moved = network.matmul(h, network.operand(step).mT)
            moved = moved + network.operand(bias.unsqueeze(1))
            rows = torch.linalg.vecdot(d, moved)
            predicted += rows.sum(-1, dtype=torch.float64).reshape(-1).cpu().numpy()
        change = after - before
        change[~np.isfinite(change)] = np.nan
        return change, predicted

    def state(self) -> dict[str, Tensor]:
        """What has to be saved to walk on exactly, by name."""
        if self._start is None:
            return {}
        self._reduce()
        named = {f"walk.start.{i}": t for i, t in enumerate(self._start)}
        named |= {f"walk.conserved.{i}": t for i, t in enumerate(self._conserved_start or [])}
        named["walk.path"] = torch.from_numpy(self._path.copy())
        for layer, product in enumerate(self._previous):
            if product is not None:
                s, h = product.delta, product.input
                # The data are the same for every replicate, so once is enough.
                h = h[0] if layer == 0 and self._network.replicates > 1 else h
                named |= {f"walk.delta.{layer}": s, f"walk.input.{layer}": h}
        return {name: tensor.clone() for name, tensor in named.items()}  # some are one tensor

    def load_state(self, named: Mapping[str, Tensor]) -> None:
        """Takes up what :meth:`state` named."""
        network, device = self._network, self._network.weights[0].device
        if "walk.path" not in named:  # saved before the first step
            return
        named = {name: t.to(device) for name, t in named.items() if name.startswith("walk.")}
        self._path = named["walk.path"].cpu().numpy().copy()
        self._start = [named[f"walk.start.{i}"] for i in range(network.n_layers)]
        if "walk.conserved.0" in named:  # none where the scheme was changed after the last step
            conserved = range(len(self._conserving))
            self._conserved_start = [named[f"walk.conserved.{i}"] for i in conserved]
        previous: list[Product | None] = []
        for layer in range(network.n_layers):
            s, h = named.get(f"walk.delta.{layer}"), named.get(f"walk.input.{layer}")
            if s is None or h is None:
                previous.append(None)
            else:
                previous.append(Product(s, network.shared(h) if layer == 0 else h))
        self._previous = previous

    def _conserved(self, pair: Conserving) -> Float64[Tensor, "R n"]:
        """``(R, n_l)``: what each hidden unit conserves, in float64."""
        weights, bias = self._network.weights, self._network.biases[pair.layer].double()
        squared = weights[pair.layer].double().square().sum(-1)
        squared += pair.bias_share * bias.square()
        return squared / 2 - (pair.matrix.double() * weights[pair.layer + 1].double()).sum(-2)

    def _update_cosine(self, directions: Sequence[Product | None]) -> Float64[Array, "R L"]:
        previous = self._previous
        self._squares = self._squared(directions)
        if self._previous_squares is None:
            self._previous_squares = self._squared(previous)
        now, before = self._squares, self._previous_squares
        products = self._inner_products(directions, previous)
        for layer in np.flatnonzero(now.unreliable | before.unreliable).tolist():
            p, q = directions[layer], previous[layer]
            if p is not None and q is not None:
                products[:, layer] = formed(p, q)[PQ]
        return cosine(now.values, products, before.values)

    def _squared(self, directions: Sequence[Product | None]) -> _Squares:
        values = self._inner_products(directions, directions)
        spread = self._columns(
            [None if p is None else uncancelled(p).sum(-1, dtype=torch.float64) for p in directions]
        )
        dtype = self._network.weights[0].dtype
        unreliable: NDArray[np.bool_] = np.any(values < least_square(spread, dtype), axis=0)
        for layer in np.flatnonzero(unreliable).tolist():
            p = directions[layer]
            if p is not None:
                values[:, layer] = formed(p, p)[PP]
        return _Squares(values, unreliable)

    def _inner_products(
        self, left: Sequence[Product | None], right: Sequence[Product | None]
    ) -> Float64[Array, "R L"]:
        """``(R, L)``; nan where a layer hears nothing."""
        return self._columns(
            [
                None if p is None or q is None else inner_product(p, q)
                for p, q in zip(left, right, strict=True)
            ]
        )

    def _columns(self, columns: Sequence[Float64[Tensor, "*R"] | None]) -> Float64[Array, "_R L"]:
        """``(R, L)`` on the host, from ``(R)`` or ``()`` of each layer; None is nan."""
        weights = self._network.weights
        undefined = weights[0].new_full((len(weights[0]),), torch.nan, dtype=torch.float64)
        filled = [undefined if column is None else column.reshape(-1) for column in columns]
        found: Array = torch.stack(filled, 1).cpu().numpy()
        return found

    def _norms(self, row_norms: Float[Tensor, "*T rows"]) -> Float64[Array, "*T L"]:
        """Norms of all layers, ``(..., L)``, from those of their rows, ``(..., sum n_out)``."""
        rows = row_norms.cpu().numpy().astype(np.float64)
        squared: Array = np.add.reduceat(rows * rows, [0, *self._ends[:-1]], axis=-1)
        return np.sqrt(squared)

    @unwarned
    def _reduce(self) -> None:
        """Adds what is pending to the path, a step after the other: when makes no difference."""
        if self._pending:
            for norms in self._norms(torch.stack(self._pending)):
                self._path += norms
            self._pending.clear()


def conserving(
    network: Network, feedback: Feedback, frozen: Sequence[int], bias_rate: float
) -> list[Conserving]:
    """The hidden layers whose units conserve a quantity under steps ``W <- W - eta u``.

    It takes an activation with ``phi(a) = a phi'(a)``, a fixed random matrix where the weights of
    the layer above would stand, and two fully connected layers that both move.

    Args:
        network: the network.
        feedback: the scheme in force.
        frozen: indices of the layers that do not move.
        bias_rate: learning rate of the biases, as a multiple of that of the weights.
    """
    if not (network.activation.is_homogeneous and feedback.is_fixed_random):
        return []
    found = []
    for layer, matrix in enumerate(feedback.matrices):
        pair = (layer, layer + 1)
        # The output layer moves along the error, whatever signal the others hear.
        is_last = layer == network.n_layers - 2
        scheme = feedback.scheme
        # A bias that stands still is part of a, and of no weight that moves.
        if not bias_rate and bool(network.biases[layer].any()):
            continue
        heard = scheme.signal == "error" if is_last else scheme.route == "layerwise"
        dense = all(isinstance(network.layers[i], Dense) for i in pair)
        if heard and dense and not set(pair) & set(frozen):
            found.append(Conserving(layer, matrix, 1 / bias_rate if bias_rate else 0.0))
    return found


def _row_norms(matrices: Sequence[Float[Tensor, "R _n_out _n_in"]]) -> Float[Tensor, "R rows"]:
    """Norms of all rows of matrices ``(R, n_out, n_in)`` side by side, ``(R, sum n_out)``."""
    return torch.cat([torch.linalg.vector_norm(matrix, dim=-1) for matrix in matrices], -1)
