"""Feedback: how the output error becomes an update direction at every layer.

Every scheme is one row of :data:`SCHEMES`: route, signal and matrix (docs/MATH.md, section 2).
The **route** says how the signal travels: ``layerwise`` (each hidden layer hears from the layer
above it), ``direct`` (each hears the outputs) or ``none`` (hidden layers hear nothing). The
**signal** is what the outputs send. The **matrix** carries it in place of the transposed weights.
A new scheme is a new row and, where a part of it is new, one small function or class.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from torch import Tensor

from fa_engine.matrices import MATRICES, FeedbackOptions, LearnedMatrices
from fa_engine.network import Network, Pass, Product


@dataclass(frozen=True)
class Scheme:
    """One feedback scheme.

    Attributes:
        title: the name a person reads.
        route: a key of :data:`fa_engine.matrices.ROUTES`.
        signal: a key of :data:`SIGNALS`.
        matrix: a key of :data:`fa_engine.matrices.MATRICES`.
        explanation: one sentence for someone who meets the scheme for the first time.
        source: where it was published.
    """

    title: str
    route: str
    signal: str
    matrix: str
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
    "usf": Scheme(
        "Sign feedback, uniform (uSF)",
        "layerwise",
        "error",
        "sign",
        "The feedback matrices know the sign of every weight and nothing else.",
        "Liao, Leibo and Poggio 2016",
    ),
    "frsf": Scheme(
        "Sign feedback, fixed magnitudes (frSF)",
        "layerwise",
        "error",
        "signed_random",
        "The feedback matrices take the sign of every weight and a fixed random magnitude.",
        "Moskovitz, Litwin-Kumar and Abbott 2018",
    ),
    "brsf": Scheme(
        "Sign feedback, redrawn magnitudes (brSF)",
        "layerwise",
        "error",
        "signed_redrawn",
        "The feedback matrices take the sign of every weight and magnitudes redrawn at each step.",
        "Liao, Leibo and Poggio 2016",
    ),
    "kp": Scheme(
        "Kolen-Pollack",
        "layerwise",
        "error",
        "learned",
        "The feedback matrices take the same steps and the same decay as the weights, "
        "so that the two grow together.",
        "Kolen and Pollack 1994; Akrout et al. 2019",
    ),
    "wm": Scheme(
        "Weight mirror",
        "layerwise",
        "error",
        "mirrored",
        "Between the steps the feedback matrices learn the weights from the network's answer "
        "to noise.",
        "Akrout et al. 2019",
    ),
    "dkp": Scheme(
        "Direct Kolen-Pollack",
        "direct",
        "error",
        "learned",
        "The direct feedback matrices learn from the error and each layer's activity, "
        "by the step and decay of the output weights.",
        "Webster, Choi and Ahn 2021",
    ),
    "sdfa": Scheme(
        "Sign direct feedback alignment",
        "direct",
        "sign",
        "random",
        "Every hidden layer hears only the sign of the output error, through a fixed random "
        "matrix.",
        "Frenkel, Lefebvre and Bol 2021",
    ),
    "drtp": Scheme(
        "Direct random target projection",
        "direct",
        "target",
        "random",
        "Every hidden layer hears only the target, through a fixed random matrix: "
        "it need not wait for the outputs.",
        "Frenkel, Lefebvre and Bol 2021",
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


@dataclass(frozen=True)
class Signal:
    """What the outputs send to the hidden layers: ``(e, y) -> signal``, all ``(..., N, c)``."""

    title: str
    of: Callable[[Tensor, Tensor], Tensor]


SIGNALS: dict[str, Signal] = {
    "error": Signal("The output error", lambda e, _y: e),
    "sign": Signal("The sign of the output error", lambda e, _y: e.sign()),
    "target": Signal("The target", lambda e, y: y.expand_as(e)),
}


class Feedback:
    """One scheme at work on one network.

    Attributes:
        name: key of the scheme in :data:`SCHEMES`.
        scheme: its parts, as composed.
        matrices: one a hidden layer, bottom first: what carries the signal to that layer.
            Layerwise ``(R, n_out, fan_in)``, shaped like the weights of the layer above; direct
            ``(R, c, n_l)``; none: empty. Change them in place only.
        is_exact: the update directions are the true gradients.
        is_fixed_random: the signal of this very step goes through matrices that never change.
    """

    def __init__(
        self, name: str, scheme: Scheme, network: Network, options: FeedbackOptions
    ) -> None:
        self.name, self.scheme = name, scheme
        self._network = network
        self._source = MATRICES[scheme.matrix](network, scheme.route, options)
        self._operands = [network.operand(matrix) for matrix in self._source.tensors]
        self._signal = SIGNALS[scheme.signal].of
        modules, layers = options.delay_modules, network.n_layers
        module = [layer * modules // layers for layer in range(layers)]
        self._lags = [modules - 1 - m for m in module]
        self._past: deque[tuple[Pass, Tensor]] = deque(maxlen=modules)
        self._deltas: list[Tensor | None] = [None] * layers
        self.is_delayed = modules > 1
        self.is_exact = (
            not self.is_delayed
            and (scheme.route, scheme.signal) == ("layerwise", "error")
            and scheme.matrix == "weights"
        )
        self.is_fixed_random = not self.is_delayed and scheme.matrix == "random"
        self.learns = isinstance(self._source, LearnedMatrices)

    @property
    def matrices(self) -> tuple[Tensor, ...]:
        """See the class."""
        return self._source.tensors

    def directions(self, top: Tensor, y: Tensor, past: Pass, step: int) -> list[Product | None]:
        """Per layer the product that is the update direction ``u_l``.

        None where a layer hears nothing: the route is none, or its error is still on the way.

        Args:
            top: ``e / N``, ``(..., N, c)``.
            y: targets ``(N, c)``.
            past: the forward pass on this batch.
            step: steps taken so far.
        """
        self._source.refresh(step)
        signal = top if self.scheme.signal == "error" else self._signal(top, y) / y.shape[-2]
        self._past.appendleft((past, signal))
        deltas: list[Tensor | None] = [None] * len(self._deltas)
        if self._operands:
            deltas = self._hidden_deltas()
        deltas[-1] = top
        directions = [
            None if delta is None else Product(delta, self._past[lag][0].inputs[layer])
            for layer, delta, lag in zip(count(), deltas, self._lags)
        ]
        self._sent = signal
        if self.is_delayed:
            self._deltas = deltas
        else:
            self._past.clear()  # so that the next pass finds this one's memory free, and cached
        return directions

    def true_deltas(
        self, directions: Sequence[Product | None], top: Tensor, past: Pass
    ) -> list[Tensor]:
        """``d_l`` of every layer, bottom first; the step's own where it took exact gradients.

        Args:
            directions: what :meth:`directions` returned, less the frozen layers.
            top: ``d_L = e / N``.
            past: the forward pass on this batch.
        """
        moving = [direction for direction in directions if direction is not None]
        if self.is_exact and len(moving) == len(directions):
            return [direction.delta for direction in moving]
        return self._network.true_deltas(top, past)

    def learned(self, directions: Sequence[Product | None], past: Pass) -> list[Product | None]:
        """Per matrix the product that the optimiser moves it by; empty where none is learned.

        Args:
            directions: what :meth:`directions` returned, less the frozen layers.
            past: the forward pass on this batch.
        """
        return self._source.products(directions, self._sent, past)

    def carried(self, signal: Tensor, past: Pass) -> list[Tensor | None]:
        """What a signal becomes at each layer, without delay: ``s_l``, a linear map of it.

        The map that :mod:`fa_engine.stability` is about. Training is as it was afterwards.

        Args:
            signal: ``(..., N, c)``, for the outputs too.
            past: the forward pass that it travels back along.

        Returns:
            Per layer, bottom first, ``s_l``; None where a layer hears nothing.
        """
        deltas: list[Tensor | None] = [None] * self._network.n_layers
        deltas[-1] = above = signal
        for layer in range(len(self._operands) - 1, -1, -1):
            deltas[layer] = above = self._delta(layer, signal, above, past)
        return deltas

    def follow(self, step: int) -> None:
        """Brings matrices made from the weights up to date, as step ``step`` will; others stay."""
        if self._source.follows_weights:
            self._source.refresh(step)

    def _delta(self, layer: int, signal: Tensor, above: Tensor, past: Pass) -> Tensor:
        """``s_l`` from the outputs' signal (direct route) or the delta above (layerwise)."""
        if self.scheme.route == "direct":
            back = self._network.matmul(signal, self._operands[layer])
        else:
            back = self._network.down(layer + 1, above, self._operands[layer])
        return self._network.through(layer, back, past)

    def _hidden_deltas(self) -> list[Tensor | None]:
        network, lags = self._network, self._lags
        deltas: list[Tensor | None] = [None] * network.n_layers
        deltas[-1] = self._past[0][1]
        for layer in range(network.n_layers - 2, -1, -1):
            if lags[layer] >= len(self._past):
                continue  # its first error has not arrived yet
            past, signal = self._past[lags[layer]]
            # Across a module's border the delta of the step before is what has arrived.
            source = deltas if lags[layer] == lags[layer + 1] else self._signals()
            above = signal if self.scheme.route == "direct" else source[layer + 1]
            if above is not None:
                deltas[layer] = self._delta(layer, signal, above, past)
        return deltas

    def _signals(self) -> list[Tensor | None]:
        """Deltas of the step before, the outputs' being the signal they sent."""
        if len(self._past) < 2:
            return [None] * len(self._deltas)
        return [*self._deltas[:-1], self._past[1][1]]

    def state(self) -> dict[str, Tensor]:
        """Matrices by name, for checkpoints."""
        return self._source.state()

    def past_state(self) -> dict[str, Tensor]:
        """What is still on its way through a delayed network, by name, for checkpoints."""
        if not self.is_delayed:
            return {}
        named = {f"delta.{i}": d for i, d in enumerate(self._deltas) if d is not None}
        for age, (past, signal) in enumerate(self._past):
            prefix = f"past.{age}"
            named |= {f"{prefix}.signal": signal, f"{prefix}.outputs": past.outputs}
            for part in ("inputs", "kept", "hidden"):
                named |= {f"{prefix}.{part}.{i}": t for i, t in enumerate(getattr(past, part))}
            for layer, memo in enumerate(past.memos):
                named |= {f"{prefix}.memo.{layer}.{i}": t for i, t in enumerate(memo)}
        return {name: tensor.clone() for name, tensor in named.items()}  # some are one tensor

    def load_past_state(self, named: Mapping[str, Tensor]) -> None:
        """Takes up what :meth:`past_state` named."""

        device = self._network.weights[0].device
        named = {name: tensor.to(device) for name, tensor in named.items()}

        def listed(prefix: str) -> list[Tensor]:
            found: list[Tensor] = []
            while (name := f"{prefix}.{len(found)}") in named:
                found.append(named[name])
            return found

        hidden = range(self._network.n_layers - 1)
        for age in count():
            prefix = f"past.{age}"
            if f"{prefix}.signal" not in named:
                break
            past = Pass(
                listed(f"{prefix}.inputs"),
                listed(f"{prefix}.kept"),
                [tuple(listed(f"{prefix}.memo.{layer}")) for layer in hidden],
                listed(f"{prefix}.hidden"),
                named[f"{prefix}.outputs"],
            )
            self._past.append((past, named[f"{prefix}.signal"]))
        self._deltas = [named.get(f"delta.{layer}") for layer in range(len(self._deltas))]
