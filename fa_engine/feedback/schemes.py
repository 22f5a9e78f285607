"""Feedback: how the output error becomes an update direction at every layer.

Every scheme is one row of :data:`SCHEMES`: route, signal and matrix (docs/MATH.md, section 2).
The **route** says how the signal travels: ``layerwise`` (each hidden layer hears from the layer
above it), ``direct`` (each hears the outputs) or ``none`` (hidden layers hear nothing). The
**signal** is what the outputs send. The **matrix** carries it in place of the transposed weights.
A new scheme is a new row and, where a part of it is new, one small function or class; from
outside it is added through :mod:`fa_engine.register`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from jaxtyping import Float
from torch import Tensor

from fa_engine.feedback.matrices import MATRICES, FeedbackOptions
from fa_engine.networks.network import Network, Pass, Product
from fa_engine.registry import Registry


@dataclass(frozen=True)
class Scheme:
    """One feedback scheme.

    Attributes:
        title: the name a person reads.
        short: what the field calls it.
        route: a key of :data:`fa_engine.feedback.matrices.ROUTES`.
        signal: a key of :data:`SIGNALS`.
        matrix: a key of :data:`~fa_engine.MATRICES`.
        explanation: one sentence for someone who meets the scheme for the first time.
        source: where it was published.
        deviation: in what the rule here differs from the published one; empty: in nothing.
            docs/MATH.md has the same words.
    """

    title: str
    short: str
    route: str
    signal: str
    matrix: str
    explanation: str
    source: str
    deviation: str = ""


_MAGNITUDES = (
    "The magnitudes come from the feedback distribution, normal unless set, and their scale is "
    "1/√(fan-in) unless set; the published ones are uniform."
)
_PER_SAMPLE = (
    "The signal is divided by the batch size, as the output error is; in the authors' code it is "
    "not. A feedback scale as many times larger gives theirs."
)

SCHEMES: Registry[Scheme] = Registry(
    "feedback scheme",
    bp=Scheme(
        "Backpropagation",
        "BP",
        "layerwise",
        "error",
        "weights",
        "The error travels back through the transposed forward weights: the exact gradient.",
        "Rumelhart, Hinton and Williams 1986",
    ),
    fa=Scheme(
        "Feedback alignment",
        "FA",
        "layerwise",
        "error",
        "random",
        "The error travels back layer by layer through fixed random matrices "
        "instead of the transposed weights.",
        "Lillicrap et al. 2016",
    ),
    dfa=Scheme(
        "Direct feedback alignment",
        "DFA",
        "direct",
        "error",
        "random",
        "The output error goes straight to every hidden layer, each through a fixed random matrix "
        "of its own.",
        "Nøkland 2016",
    ),
    usf=Scheme(
        "Sign feedback, uniform (uSF)",
        "uSF",
        "layerwise",
        "error",
        "sign",
        "The feedback matrices know the sign of every weight and nothing else.",
        "Liao, Leibo and Poggio 2016",
        "The size of their entries is a choice, 1/√(fan-in) unless set; its authors add batch "
        "normalisation or take steps of the updates' signs alone.",
    ),
    frsf=Scheme(
        "Sign feedback, fixed magnitudes (frSF)",
        "frSF",
        "layerwise",
        "error",
        "signed_random",
        "The feedback matrices take the sign of every weight and a fixed random magnitude.",
        "Liao, Leibo and Poggio 2016",
        _MAGNITUDES,
    ),
    brsf=Scheme(
        "Sign feedback, redrawn magnitudes (brSF)",
        "brSF",
        "layerwise",
        "error",
        "signed_redrawn",
        "The feedback matrices take the sign of every weight and magnitudes redrawn at each step.",
        "Liao, Leibo and Poggio 2016",
        _MAGNITUDES,
    ),
    kp=Scheme(
        "Kolen-Pollack",
        "KP",
        "layerwise",
        "error",
        "learned",
        "The feedback matrices take the same steps and the same decay as the weights, "
        "so that the two grow together.",
        "Kolen and Pollack 1994; Akrout et al. 2019",
    ),
    wm=Scheme(
        "Weight mirror",
        "WM",
        "layerwise",
        "error",
        "mirrored",
        "Between the steps the feedback matrices learn the weights from the network's answer "
        "to noise.",
        "Akrout et al. 2019",
        "Noise is normal and goes through the weights alone, and the matrices are a running mean; "
        "in the authors' code noise is uniform and goes through bias and activation too, and the "
        "matrices are summed, rescaled, and mirrored before training as well.",
    ),
    dkp=Scheme(
        "Direct Kolen-Pollack",
        "DKP",
        "direct",
        "error",
        "learned",
        "The direct feedback matrices learn from the error and each layer's activity, "
        "by the step and decay of the output weights.",
        "Webster, Choi and Ahn 2021",
    ),
    sdfa=Scheme(
        "Sign direct feedback alignment",
        "sDFA",
        "direct",
        "sign",
        "random",
        "Every hidden layer hears only the sign of the output error, through a fixed random "
        "matrix.",
        "Frenkel, Lefebvre and Bol 2021",
        _PER_SAMPLE,
    ),
    drtp=Scheme(
        "Direct random target projection",
        "DRTP",
        "direct",
        "target",
        "random",
        "Every hidden layer hears only the target, through a fixed random matrix: "
        "it need not wait for the outputs.",
        "Frenkel, Lefebvre and Bol 2021",
        _PER_SAMPLE,
    ),
    shallow=Scheme(
        "Shallow (control)",
        "Shallow",
        "none",
        "error",
        "weights",
        "Only the output layer learns and the hidden layers keep their random weights: "
        "what alignment has to beat.",
        "control",
    ),
    sham=Scheme(
        "Sham feedback (control)",
        "Sham",
        "layerwise",
        "error",
        "tied",
        "Feedback alignment's own code with the matrices set equal to the weights before each "
        "step: it must equal backpropagation to the last bit.",
        "control",
    ),
)
"""A :class:`Scheme` by name, in the order of the form."""


@dataclass(frozen=True)
class Signal:
    """What the outputs send to the hidden layers: ``(e, y) -> signal``, all ``(..., N, c)``.

    Attributes:
        title: what a person reads.
        of: makes it from the error ``e`` of each sample, not divided by ``N``, and the target.
        sign: of the error that it stands for: the target is a part of ``-e = y - f``, so that
            through ``B`` it is what the error would be through ``-B``.
        fades: where the error goes to 0 it is the error, to first order.
    """

    title: str
    of: Callable[[Tensor, Tensor], Tensor]
    sign: int = 1
    fades: bool = True


PARTS = ("delta", "input")  # of a product on its way

SIGNALS: Registry[Signal] = Registry(
    "signal",
    error=Signal("The output error", lambda e, _y: e),
    sign=Signal("The sign of the output error", lambda e, _y: e.sign(), fades=False),
    target=Signal("The target", lambda e, y: y.expand_as(e), sign=-1, fades=False),
)
"""A :class:`Signal` by name: what the outputs send."""


class Feedback:
    """One scheme at work on one network.

    Attributes:
        name: key of the scheme in :data:`SCHEMES`.
        scheme: its parts, as composed.
        is_exact: the update directions are the true gradients.
        is_fixed_random: the signal of this very step goes through matrices that never change.
        learns: the optimiser moves the matrices.
        takes_weight_steps: by the very updates of the weights above.
        refreshed: the last step before which the matrices were refreshed; None: none was.
    """

    def __init__(
        self, name: str, scheme: Scheme, network: Network, options: FeedbackOptions
    ) -> None:
        self.name, self.scheme = name, scheme
        self._network = network
        self._source = MATRICES[scheme.matrix](network, scheme.route, options)
        self._operands = [network.operand(matrix) for matrix in self._source.tensors]
        self._signal = SIGNALS[scheme.signal].of
        self.is_delayed = options.delay_modules > 1
        self._lags = lags(network.n_layers, options.delay_modules)
        self._waiting: list[deque[Product]] = [deque(maxlen=lag) for lag in self._lags]
        self._latest: Sequence[Product | None] = ()
        self._sent: Tensor | None = None
        self.refreshed: int | None = None
        self.is_exact = (
            not self.is_delayed
            and (scheme.route, scheme.signal) == ("layerwise", "error")
            and scheme.matrix == "weights"
        )
        self.is_fixed_random = not self.is_delayed and self._source.is_fixed
        self.learns = self._source.learns
        # Kolen-Pollack's matrices move as the weights above do; direct ones by the error.
        self.takes_weight_steps = self._source.takes_weight_steps and scheme.route == "layerwise"

    @property
    def matrices(self) -> tuple[Float[Tensor, "R _n_out _n_in"], ...]:
        """What carries the signal to each hidden layer, one a layer, bottom first. Layerwise
        ``(R, n_out, fan_in)``, shaped like the weights of the layer above; direct ``(R, c, n_l)``;
        none: empty. Change them in place only."""
        return self._source.tensors

    def directions(
        self, top: Float[Tensor, "*R N c"], y: Float[Tensor, "*#R N c"], past: Pass, step: int
    ) -> list[Product | None]:
        """Per layer the product that is the update direction ``u_l``.

        None where a layer hears nothing: the route is none, or its error is still on the way.
        Before a step is taken it may be asked any number of times: matrices that learn are
        refreshed once a step, and a delay passes on only in :meth:`took_step`. That one and
        :meth:`learned` are of what was asked last, or of what is recalled (:meth:`recall`).

        Args:
            top: ``e / N``, ``(..., N, c)``.
            y: targets ``(N, c)``, or ``(R, N, c)``.
            past: the forward pass on this batch.
            step: steps taken so far.
        """
        # What is made of the weights is made anew: somebody may have changed them meanwhile.
        if step != self.refreshed or self._source.follows_weights:
            self._source.refresh(step)
            self.refreshed = step
        n = y.shape[-2]
        signal = top if self.scheme.signal == "error" else self._signal(top * n, y) / n
        self._sent = signal
        deltas = self.carried(signal, past)
        deltas[-1] = top
        directions = [
            None if delta is None else Product(delta, h)
            for delta, h in zip(deltas, past.inputs, strict=True)
        ]
        if not self.is_delayed:
            return directions
        self._latest = directions
        return self._late(directions)

    def asked(self) -> tuple[Tensor | None, Sequence[Product | None]]:
        """What :meth:`directions` was asked last, for :meth:`recall`.

        Returns:
            The signal that was sent, ``(..., N, c)``, and what a delay is about to hold back.
        """
        return self._sent, self._latest

    def recall(self, asked: tuple[Tensor | None, Sequence[Product | None]]) -> None:
        """Stands again where :meth:`directions` had been asked just that; others may have asked
        since, of other samples.

        Args:
            asked: what :meth:`asked` gave, ``(..., N, c)`` and products.
        """
        self._sent, self._latest = asked

    def took_step(self) -> None:
        """The step was taken along what :meth:`directions` returned: what waits grows older."""
        for direction, waiting in zip(self._latest, self._waiting, strict=False):
            if direction is not None:
                waiting.append(direction)
        self._latest = ()

    def _late(self, directions: Sequence[Product | None]) -> list[Product | None]:
        """Per layer what was made of the batch whose error reaches it at this step.

        It was made then, by the weights and matrices of that step, and has waited since: the same
        numbers as making it now from copies of all that (Huo et al. 2018), and less to keep.
        """
        return [
            direction if lag == 0 else waiting[0] if len(waiting) == lag else None
            for direction, waiting, lag in zip(directions, self._waiting, self._lags, strict=True)
        ]

    def true_deltas(
        self, directions: Sequence[Product | None], top: Float[Tensor, "*R N c"], past: Pass
    ) -> list[Float[Tensor, "*R _m _n"]]:
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
        if not self.learns:
            return []
        assert self._sent is not None
        return self._source.products(directions, self._sent, past)

    def carried(
        self, signal: Float[Tensor, "*R N c"], past: Pass
    ) -> list[Float[Tensor, "*R _m _n"] | None]:
        """What a signal becomes at each layer, without delay: ``s_l``, a linear map of it.

        The map that :mod:`fa_engine.dynamics.stability` is about. Training is as it was afterwards.

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

    @property
    def lags(self) -> tuple[int, ...]:
        """By how many steps each layer's error is late, bottom first; 0 without a delay."""
        return tuple(self._lags)

    def stands_for(self, layer: int) -> int:
        """1, or -1 where what is to be compared with the weights is ``-B``: where the signal
        enters, if it stands for the error's negative (:attr:`Signal.sign`).

        Args:
            layer: index of the hidden layer that hears through the matrix.
        """
        enters = self.scheme.route == "direct" or layer == len(self._operands) - 1
        return SIGNALS[self.scheme.signal].sign if enters else 1

    def take_mean(self) -> None:
        """Matrices that are redrawn at every step become their mean, until :meth:`follow`."""
        self._source.take_mean()

    def follow(self, step: int) -> None:
        """Brings matrices made from the weights up to date, as step ``step`` will; others stay."""
        if self._source.follows_weights:
            self._source.refresh(step)

    def _delta(
        self,
        layer: int,
        signal: Float[Tensor, "*R N c"],
        above: Float[Tensor, "*R _m _n"],
        past: Pass,
    ) -> Float[Tensor, "*R _m _n"]:
        """``s_l`` from the outputs' signal (direct route) or the delta above (layerwise)."""
        if self.scheme.route == "direct":
            back = self._network.matmul(signal, self._operands[layer])
        else:
            back = self._network.down(layer + 1, above, self._operands[layer])
        return self._network.through(layer, back, past)

    def state(self) -> dict[str, Tensor]:
        """Matrices by name, for checkpoints: see :meth:`Matrices.state`, ``(R, n_out, n_in)``."""
        return self._source.state()

    def past_state(self) -> dict[str, Tensor]:
        """What is still on its way through a delayed network, by name, for checkpoints:
        ``waiting.layer.age.delta`` ``(..., N, n_out)`` and ``.input`` ``(..., N, fan_in)``."""
        return {
            f"waiting.{layer}.{age}.{part}": getattr(product, part).clone()
            for layer, waiting in enumerate(self._waiting)
            for age, product in enumerate(waiting)
            for part in PARTS
        }

    def load_past_state(self, named: Mapping[str, Tensor]) -> None:
        """Takes up what is on its way.

        Args:
            named: what :meth:`past_state` gave, ``(..., N, n)`` each; other names are left alone.
        """
        device = self._network.weights[0].device
        for layer, waiting in enumerate(self._waiting):
            waiting.clear()
            for age in count():
                names = [f"waiting.{layer}.{age}.{part}" for part in PARTS]
                if names[0] not in named:
                    break
                waiting.append(Product(*(named[name].to(device) for name in names)))


def lags(n_layers: int, modules: int) -> list[int]:
    """Per layer, bottom first, by how many steps the error of its module is late.

    Args:
        n_layers: layers of the network.
        modules: ``K``: modules of as even a number of layers as can be; the top one is not late.
    """
    return [modules - 1 - layer * modules // n_layers for layer in range(n_layers)]
