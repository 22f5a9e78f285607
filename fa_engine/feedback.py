"""Feedback: how the output error becomes a feedback delta at every hidden layer.

Every scheme is one row of :data:`SCHEMES`: route, signal and matrix (docs/MATH.md, section 2).
The **route** says how the error travels: ``layerwise`` (each hidden layer hears from the layer
above it), ``direct`` (each hears the output error) or ``none`` (hidden layers hear nothing). The
**signal** is what the output layer sends. The **matrix** carries it in place of the transposed
weights. A new scheme is a new row and, where a part of it is new, one small function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from fa_engine.network import Network
from fa_engine.seeding import FEEDBACK, draw_normal

Route = Literal["layerwise", "direct", "none"]
Signal = Literal["error"]
Matrix = Literal["weights", "random", "tied"]


@dataclass(frozen=True)
class Scheme:
    """One feedback scheme.

    Attributes:
        title: the name a person reads.
        route: ``layerwise``, ``direct`` or ``none``.
        signal: what the output layer sends back.
        matrix: ``weights`` (``W`` itself), ``random`` (fixed, drawn once per replicate) or
            ``tied`` (a copy of ``W`` made anew at each step, walking the path of ``random``).
        explanation: one sentence for someone who meets the scheme for the first time.
        source: where it was published.
    """

    title: str
    route: Route
    signal: Signal
    matrix: Matrix
    explanation: str
    source: str


SCHEMES: dict[str, Scheme] = {
    "bp": Scheme(
        "Backpropagation",
        "layerwise",
        "error",
        "weights",
        "The error travels back through the transposed forward weights: the exact gradient.",
        "Rumelhart, Hinton and Williams 1986",
    ),
    "fa": Scheme(
        "Feedback alignment",
        "layerwise",
        "error",
        "random",
        "The error travels back layer by layer through fixed random matrices "
        "instead of the transposed weights.",
        "Lillicrap et al. 2016",
    ),
    "dfa": Scheme(
        "Direct feedback alignment",
        "direct",
        "error",
        "random",
        "The output error goes straight to every hidden layer, each through a fixed random matrix "
        "of its own.",
        "Nøkland 2016",
    ),
    "shallow": Scheme(
        "Shallow (control)",
        "none",
        "error",
        "weights",
        "Only the output layer learns and the hidden layers keep their random weights: "
        "what alignment has to beat.",
        "control",
    ),
    "sham": Scheme(
        "Sham feedback (control)",
        "layerwise",
        "error",
        "tied",
        "Feedback alignment's own code with the matrices set equal to the weights before each "
        "step: it must equal backpropagation to the last bit.",
        "control",
    ),
}


class Feedback:
    """One scheme at work on one network.

    Attributes:
        name: key of the scheme in :data:`SCHEMES`.
        matrices: one a hidden layer, bottom first: what carries the error to that layer.
            Layerwise ``(R, n_{l+2}, n_{l+1})``, shaped like the weights of the layer above; direct
            ``(R, c, n_{l+1})``; none: empty. Change them in place only.
    """

    def __init__(
        self, name: str, network: Network, std: float | None, seeds: Sequence[int]
    ) -> None:
        """Args: scheme name, network, std of random matrices (None: 1/sqrt(fan_in)), seeds."""
        scheme = SCHEMES[name]
        self.name = name
        self.route, self._network = scheme.route, network
        self._deltas, shapes = ROUTES[scheme.route]
        make, self._refresh = MATRICES[scheme.matrix]
        self.matrices = make(network, shapes(network), std, seeds)
        self._operands = [network.operand(matrix) for matrix in self.matrices]
        # With W itself as the matrix the feedback deltas are the true ones.
        self.is_exact = scheme.route == "layerwise" and scheme.matrix == "weights"

    def deltas(self, top: Tensor, outputs: Sequence[Tensor]) -> list[Tensor | None]:
        """The feedback delta ``s_l`` of every layer; None where a layer hears nothing.

        Args:
            top: ``s_L = e / N``.
            outputs: what ``network.forward`` returned for the batch.
        """
        self._refresh(self.matrices, self._network)
        return self._deltas(self._network, top, outputs, self._operands)

    def state(self) -> dict[str, Tensor]:
        """Matrices by name, for checkpoints; none where they are the weights themselves."""
        own = () if self.is_exact else self.matrices
        return {f"feedback.{layer}": matrix for layer, matrix in enumerate(own)}


Shapes = list[tuple[int, int]]


def _layerwise_shapes(network: Network) -> Shapes:
    return [(w.shape[1], w.shape[2]) for w in network.weights[1:]]


def _direct_shapes(network: Network) -> Shapes:
    n_outputs = network.weights[-1].shape[1]
    return [(n_outputs, w.shape[2]) for w in network.weights[1:]]


def _no_shapes(_network: Network) -> Shapes:
    return []


def _layerwise_deltas(
    network: Network, top: Tensor, outputs: Sequence[Tensor], matrices: Sequence[Tensor]
) -> list[Tensor | None]:
    return [*network.backward(top, outputs, matrices)]


def _direct_deltas(
    network: Network, top: Tensor, outputs: Sequence[Tensor], matrices: Sequence[Tensor]
) -> list[Tensor | None]:
    pullback_ = network.activation.pullback_
    hidden = zip(matrices, outputs[1:-1], strict=True)
    return [*(pullback_(network.matmul(top, matrix), h) for matrix, h in hidden), top]


def _no_deltas(network: Network, top: Tensor, *_: object) -> list[Tensor | None]:
    return [None] * (network.n_layers - 1) + [top]


# route -> (how deltas are computed, shapes of its matrices)
ROUTES: dict[Route, tuple[Callable[..., list[Tensor | None]], Callable[[Network], Shapes]]] = {
    "layerwise": (_layerwise_deltas, _layerwise_shapes),
    "direct": (_direct_deltas, _direct_shapes),
    "none": (_no_deltas, _no_shapes),
}

Matrices = tuple[Tensor, ...]


def _weights(network: Network, shapes: Shapes, *_: object) -> Matrices:
    return network.weights[1:] if shapes else ()


def _random(network: Network, shapes: Shapes, std: float | None, seeds: Sequence[int]) -> Matrices:
    """Drawn from the top layer down, so that FA and DFA share the matrix of the top layer."""
    like = network.weights[0]
    downwards = shapes[::-1]
    stds = [n_in**-0.5 if std is None else std for _, n_in in downwards]
    drawn = draw_normal(downwards, stds, seeds, FEEDBACK, like.device, like.dtype)
    return drawn[::-1]


def _tied(network: Network, *_: object) -> Matrices:
    return tuple(w.clone() for w in network.weights[1:])


def _leave(matrices: Matrices, network: Network) -> None:
    pass


def _copy_weights(matrices: Matrices, network: Network) -> None:
    for matrix, weight in zip(matrices, network.weights[1:], strict=True):
        matrix.copy_(weight)


# matrix -> (how it is made, how it is refreshed before each step)
MATRICES: dict[Matrix, tuple[Callable[..., Matrices], Callable[[Matrices, Network], None]]] = {
    "weights": (_weights, _leave),
    "random": (_random, _leave),
    "tied": (_tied, _copy_weights),
}
