"""Feedback matrices: how each kind is made, refreshed before a step, and learned.

One class a kind, each a few lines; :data:`MATRICES` names them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import prod

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from fa_engine.networks.layers import Layer
from fa_engine.networks.network import Network, Pass, Product
from fa_engine.registry import Registry
from fa_engine.seeding import FEEDBACK, MIRROR, REDRAW, Draw, Seed, draw, generator


@dataclass(frozen=True)
class Route:
    """How the signal travels.

    Attributes:
        title: what a person reads.
        shapes: of the layers of a network, the shape ``(n_out, n_in)`` of the matrix of each hidden
            layer, bottom first.
        fans: likewise its fan-in and fan-out.
    """

    title: str
    shapes: Callable[[Sequence[Layer]], list[tuple[int, int]]]
    fans: Callable[[Sequence[Layer]], list[tuple[int, int]]]


def _layerwise_shapes(layers: Sequence[Layer]) -> list[tuple[int, int]]:
    return [(layer.n_out, layer.fan_in) for layer in layers[1:]]


def _layerwise_fans(layers: Sequence[Layer]) -> list[tuple[int, int]]:
    return [(layer.fan_in, layer.fan_out) for layer in layers[1:]]


def _direct_shapes(layers: Sequence[Layer]) -> list[tuple[int, int]]:
    return [(layers[-1].n_out, prod(layer.output_shape)) for layer in layers[:-1]]


def _direct_fans(layers: Sequence[Layer]) -> list[tuple[int, int]]:
    return [(n_in, n_out) for n_out, n_in in _direct_shapes(layers)]


MEAN_OF = 100_000  # draws of which a mean magnitude is taken: right to 0.3 %

ROUTES: Registry[Route] = Registry(
    "route",
    layerwise=Route("Layer by layer", _layerwise_shapes, _layerwise_fans),
    direct=Route("Straight from the outputs", _direct_shapes, _direct_fans),
    none=Route("Not at all", lambda _layers: [], lambda _layers: []),
)
"""A :class:`Route` by name: how the signal travels."""


@dataclass(frozen=True)
class FeedbackOptions:
    """What a scheme's parts may ask for.

    Attributes:
        seeds: one a replicate.
        how: distribution and scale of random matrices; one a replicate, where they differ.
        delay_modules: ``K``: the network is cut into ``K`` modules; the one ``j`` below the top
            takes the update that belongs to the step ``j`` before (Huo et al. 2018).
        mirror_rate: ``eta_m`` of the weight mirror.
        mirror_samples: noise samples a step.
    """

    seeds: Sequence[Seed]
    how: Draw | tuple[Draw, ...] = field(default_factory=Draw)
    delay_modules: int = 1
    mirror_rate: float = 0.1
    mirror_samples: int = 64

    def downwards(self) -> Draw | tuple[Draw, ...]:
        """How they are drawn from the top layer down."""
        if isinstance(self.how, Draw):
            return self.how.reversed()
        return tuple(how.reversed() for how in self.how)

    def how_of(self, replicate: int) -> Draw:
        """How the matrices of one replicate are drawn.

        Args:
            replicate: which, from 0.
        """
        return self.how if isinstance(self.how, Draw) else self.how[replicate]


class Matrices:
    """The matrices of one scheme: how they are made, refreshed and learned.

    The contract of a kind of one's own, which is a subclass:

    - :meth:`make` draws them once, one tensor ``(R, n_out, n_in)`` a hidden layer, bottom first, of
      the shapes in ``self.shapes``; replicate ``r`` from ``options.seeds[r]`` alone.
    - :meth:`refresh` changes them in place before a step, once a step, from ``self.network`` and
      what was drawn. It touches nothing else, so that measuring never changes training. Where
      ``follows_weights`` is set it may be called again at a step, and makes the same of the same
      weights.
    - :meth:`products` says by what the optimiser moves them, where ``learns`` is set; the same
      optimiser, rate and decay as that of the weights.
    - :meth:`state` names every tensor that a checkpoint has to keep; they are written into in place
      when it is taken up.

    Attributes:
        title: what a person reads.
        routes: the routes it is defined for.
        is_fixed: what :meth:`make` drew never changes. A subclass that refreshes or learns is taken
            not to be, unless it says so.
        learns: the optimiser moves them by :meth:`products`.
        takes_weight_steps: what moves them are the updates of the weights above, momentum included.
        copies: tensors of their size that are kept beside them, themselves included.
        follows_weights: made from the weights before each step.
        is_drawn: made, at the start at least, from random draws.
        is_scaled: made with the feedback scale.
        keeps_rank: what is drawn with a rank carries the signal with that rank.
        sees_noise: learned from samples of noise.
        motion: how they move where no error is left, a key of
            :data:`fa_engine.dynamics.decides.MOTIONS`.
        tensors: one a hidden layer, bottom first.
    """

    title = "Fixed random"
    is_fixed = True
    learns = False
    takes_weight_steps = False
    copies = 1
    follows_weights = False  # what make() draws is not yet what the first step uses
    routes: tuple[str, ...] = ("layerwise", "direct", "none")
    is_drawn = True
    is_scaled = True
    keeps_rank = True
    sees_noise = False
    motion = "none"

    def __init_subclass__(cls) -> None:
        if {"refresh", "products"} & vars(cls).keys():
            cls.is_fixed = vars(cls).get("is_fixed", False)
            cls.motion = vars(cls).get("motion", "unsaid")

    def __init__(self, network: Network, route: str, options: FeedbackOptions) -> None:
        self.network, self.route, self.options = network, route, options
        self.shapes = ROUTES[route].shapes(network.layers)
        self.tensors = self.make()
        if self.follows_weights:
            self.refresh(0)

    def make(self) -> tuple[Float[Tensor, "R _n_out _n_in"], ...]:
        """The matrices of ``self.shapes``, one ``(R, n_out, n_in)`` a hidden layer, bottom first.

        Here they are drawn as ``options.how`` says, from the top layer down, so that FA and DFA
        share the matrix of the top layer.
        """
        like, options = self.network.weights[0], self.options
        downwards = self.shapes[::-1]
        drawn = draw(
            options.downwards(), downwards, options.seeds, FEEDBACK, like.device, like.dtype
        )
        return drawn[::-1]

    def refresh(self, step: int) -> None:
        """Brings the matrices up to date, in place, before a step; here it does nothing.

        Args:
            step: steps taken so far: the key of what is drawn anew, so that a resumed run draws
                what it would have drawn.
        """

    def take_mean(self) -> None:
        """Becomes the mean of what is redrawn at every step, until the next refresh."""

    def products(
        self, directions: Sequence[Product | None], signal: Float[Tensor, "*R N c"], past: Pass
    ) -> list[Product | None]:
        """Per matrix what the optimiser moves it by, in the place of a gradient; empty where
        matrices are not learned so, as here.

        Args:
            directions: per layer the update direction ``u_l``; None where a layer stays.
            signal: what the outputs sent, divided by ``N``: ``(..., N, c)``.
            past: the forward pass on this batch.

        Returns:
            Per matrix, bottom first, the product ``delta^T input`` of the matrix's shape; None
            where it stays.
        """
        return []

    def state(self) -> dict[str, Tensor]:
        """Tensors by name, for checkpoints: ``feedback.l`` ``(R, n_out, n_in)``."""
        return {f"feedback.{layer}": tensor for layer, tensor in enumerate(self.tensors)}


class WeightMatrices(Matrices):
    """``W`` itself: backpropagation."""

    title = "The weights themselves"
    is_fixed = False
    routes = ("layerwise", "none")
    is_drawn = False
    is_scaled = False

    def make(self) -> tuple[Float[Tensor, "R _n_out _n_in"], ...]:
        """``W_{l+1}`` of each hidden layer, ``(R, n_out, fan_in)``: no copies."""
        return self.network.weights[1:] if self.shapes else ()

    def state(self) -> dict[str, Tensor]:
        """Nothing: the network keeps its weights, ``(R, n_out, fan_in)``, itself."""
        return {}


class TiedMatrices(Matrices):
    """A copy of ``W`` made before each step."""

    title = "Copies of the weights"
    motion = "none"
    follows_weights = True
    routes = ("layerwise",)
    is_drawn = False
    is_scaled = False

    def make(self) -> tuple[Float[Tensor, "R _n_out _n_in"], ...]:
        """Copies of ``W_{l+1}``, ``(R, n_out, fan_in)``."""
        return tuple(w.clone() for w in self.network.weights[1:])

    def refresh(self, step: int) -> None:
        """``B <- W``, whatever the step."""
        for matrix, weight in zip(self.tensors, self.network.weights[1:], strict=True):
            matrix.copy_(weight)


class SignMatrices(TiedMatrices):
    """``c sign(W)`` with ``c`` the feedback scale."""

    title = "The signs of the weights"
    motion = "jumps"
    is_scaled = True

    def make(self) -> tuple[Float[Tensor, "R _n_out _n_in"], ...]:
        """Room for the signs, ``(R, n_out, fan_in)``, and the scale of each."""
        like = self.network.weights[0]
        hows = [self.options.how_of(replicate) for replicate in range(len(like))]
        self._scales = [
            _doubles(how.std_of(n_in, layer) for how in hows).to(like)
            for layer, (_, n_in) in enumerate(self.shapes)
        ]
        return super().make()

    def refresh(self, step: int) -> None:
        """``B <- c sign(W)``, whatever the step."""
        weights = self.network.weights[1:]
        for matrix, weight, scale in zip(self.tensors, weights, self._scales, strict=True):
            torch.sign(weight, out=matrix).mul_(scale)


class SignedRandomMatrices(Matrices):
    """``abs(M) sign(W)`` with ``M`` fixed."""

    title = "The signs of the weights, fixed random magnitudes"
    copies = 2
    motion = "jumps"
    follows_weights = True
    routes = ("layerwise",)
    keeps_rank = False  # signs of their own make it full

    def make(self) -> tuple[Float[Tensor, "R _n_out _n_in"], ...]:
        """Draws ``abs(M)``, ``(R, n_out, fan_in)``, and room for the matrices beside it."""
        self._magnitudes = tuple(m.abs_() for m in super().make())
        return tuple(m.clone() for m in self._magnitudes)

    def refresh(self, step: int) -> None:
        """``B <- abs(M) sign(W)``, whatever the step."""
        weights = self.network.weights[1:]
        for matrix, magnitude, w in zip(self.tensors, self._magnitudes, weights, strict=True):
            torch.sign(w, out=matrix).mul_(magnitude)

    def state(self) -> dict[str, Tensor]:
        """The matrices, and ``magnitude.l`` ``(R, n_out, fan_in)``."""
        magnitudes = {f"magnitude.{layer}": m for layer, m in enumerate(self._magnitudes)}
        return super().state() | magnitudes


class SignedRedrawnMatrices(Matrices):
    """``abs(R) sign(W)`` with ``R`` redrawn at every step."""

    title = "The signs of the weights, magnitudes redrawn at each step"
    motion = "redrawn"
    follows_weights = True
    routes = ("layerwise",)
    keeps_rank = False

    def refresh(self, step: int) -> None:
        """``B <- abs(R) sign(W)``, with ``R`` drawn from the seed and the ``step``."""
        # The step is part of the key: a resumed run redraws what it would have drawn.
        for replicate, seed in enumerate(self.options.seeds):
            source = generator(seed, REDRAW, step)
            weights = self.network.weights[1:]
            how = self.options.how_of(replicate)
            for layer, (matrix, weight, shape) in enumerate(
                zip(self.tensors, weights, self.shapes, strict=True)
            ):
                fresh = how(shape, source, layer).abs_().to(matrix)
                matrix[replicate].copy_(fresh.mul_(weight[replicate].sign()))

    def take_mean(self) -> None:
        """``B <- mean(abs(R)) sign(W)``, the mean taken of 100,000 draws or more."""
        weights = self.network.weights[1:]
        hows = [self.options.how_of(replicate) for replicate in range(len(weights[0]))]
        means = {how: self._means(how) for how in dict.fromkeys(hows)}
        for layer, (matrix, weight) in enumerate(zip(self.tensors, weights, strict=True)):
            of_each = _doubles(means[how][layer] for how in hows).to(matrix)
            torch.sign(weight, out=matrix).mul_(of_each)

    def _means(self, how: Draw) -> list[float]:
        """Per layer the mean magnitude of what is drawn."""
        source, found = generator(self.options.seeds[0], REDRAW), []
        for layer, shape in enumerate(self.shapes):
            draws = 1 + MEAN_OF // prod(shape)
            total = sum(float(how(shape, source, layer).abs().mean()) for _ in range(draws))
            found.append(total / draws)
        return found


class LearnedMatrices(Matrices):
    """Layerwise, Kolen-Pollack: ``B`` takes the increments of ``W``. Direct: ``e^T h_l``.

    Akrout et al. 2019; Webster, Choi and Ahn 2021.
    """

    title = "Learned with the weights"
    learns = True
    takes_weight_steps = True
    motion = "learned"
    routes = ("layerwise", "direct")

    def products(
        self, directions: Sequence[Product | None], signal: Float[Tensor, "*R N c"], past: Pass
    ) -> list[Product | None]:
        """Layerwise the updates ``u_{l+1}`` of the weights above; direct ``signal^T h_l``."""
        if self.route == "layerwise":
            return list(directions[1:])
        return [Product(signal, h) for h in past.hidden]


class MirroredMatrices(Matrices):
    """``B <- (1 - eta_m) B + eta_m noise_out^T noise_in / M``: in the mean it becomes ``W``.

    Each layer is shown ``M`` samples of noise on its own, normal and of variance 1, and answers
    ``noise_out = noise_in W^T``. About weights that stand still ``B`` comes to rest at an angle
    whose tangent is ``sqrt(eta_m (n_in + 1) / ((2 - eta_m) M))``.
    """

    title = "Mirrored from the answer to noise"
    motion = "mirrored"
    routes = ("layerwise",)
    sees_noise = True

    def refresh(self, step: int) -> None:
        """Takes one step of the mirror, with noise from the seed and the ``step``."""
        rate, network = self.options.mirror_rate, self.network
        samples = self.options.mirror_samples
        like = self.tensors[0]
        noises: list[list[Tensor]] = [[] for _ in self.tensors]
        for seed in self.options.seeds:
            source = generator(seed, MIRROR, step)
            for layer, (_, n_in) in enumerate(self.shapes):
                # In float64 whatever the dtype, so that this changes nothing but rounding.
                noise = torch.randn(samples, n_in, generator=source, dtype=torch.float64)
                noises[layer].append(noise.to(like.dtype))
        for layer, matrix in enumerate(self.tensors):
            noise_in = network.operand(torch.stack(noises[layer]).to(like.device))
            noise_out = network.matmul(noise_in, network.weight_operands[layer + 1].mT)
            target = network.matmul(noise_out.mT, noise_in)
            network.operand(matrix).mul_(1 - rate).add_(target, alpha=rate / samples)


def _doubles(values: Iterable[float]) -> Float64[Tensor, "R 1 1"]:
    """A number a replicate, to be multiplied with its matrix."""
    return torch.tensor([*values], dtype=torch.float64)[:, None, None]


MATRICES: Registry[type[Matrices]] = Registry(
    "feedback matrix",
    weights=WeightMatrices,
    random=Matrices,
    tied=TiedMatrices,
    sign=SignMatrices,
    signed_random=SignedRandomMatrices,
    signed_redrawn=SignedRedrawnMatrices,
    learned=LearnedMatrices,
    mirrored=MirroredMatrices,
)
"""A subclass of :class:`Matrices` by name: what carries the signal."""
