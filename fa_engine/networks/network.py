"""The network, replicate-first: every parameter has a leading replicate dimension ``R``.

``R`` networks are trained by one set of batched matrix products. With one replicate the products
run on two-dimensional views of the same storage, which PyTorch dispatches faster.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from fa_engine.networks.activations import Activation
from fa_engine.networks.layers import Layer
from fa_engine.seeding import WEIGHTS, Draw, Seed, draw

# Of a matrix: below it a call costs more than reading or writing it.
SMALL_VALUES = 2**15


class Product:
    """An update direction, or a gradient, ``delta^T input``, formed where it is asked for.

    Attributes:
        delta: ``(..., N, n_out)``.
        input: ``(..., N, fan_in)``: what the layer's weights multiplied.
    """

    __slots__ = ("_matrix", "delta", "input")

    def __init__(
        self, delta: Float[Tensor, "*R N n_out"], input: Float[Tensor, "*R N fan_in"]
    ) -> None:
        self.delta, self.input = delta, input
        self._matrix: Tensor | None = None

    @property
    def is_small(self) -> bool:
        """Small enough to be formed where there is a choice."""
        s, h = self.delta, self.input
        replicates = s.shape[0] if s.ndim == 3 else 1
        return replicates * s.shape[-1] * h.shape[-1] <= SMALL_VALUES

    def matrix(self) -> Float[Tensor, "*R n_out fan_in"]:
        """``(..., n_out, fan_in)``, formed once. Do not write into it."""
        if self._matrix is None:
            self._matrix = self._form()
        return self._matrix

    def own_matrix(self) -> Float[Tensor, "*R n_out fan_in"]:
        """The same, of the caller's own: ``torch.optim`` adds momentum to a gradient in place."""
        return self._form() if self._matrix is None else self._matrix.clone()

    def _form(self) -> Tensor:
        s = self.delta
        return (torch.mm if s.ndim == 2 else torch.bmm)(s.mT, self.input)


@dataclass(frozen=True)
class Pass:
    """What one forward pass leaves for the way back. Operands are ``(m, n)``, or ``(R, m, n)``.

    Attributes:
        inputs: per layer what its weights multiplied: ``h_{l-1}``, or its patches.
        kept: per hidden layer what the activation's pullback needs.
        memos: per hidden layer what pooling's transpose needs.
        hidden: per hidden layer its outputs ``h_l``, ``(..., N, n_l)``.
        outputs: ``f``.
    """

    inputs: list[Float[Tensor, "*R _m _n"]]
    kept: list[Float[Tensor, "*R _m _n"]]
    memos: list[tuple[Tensor, ...]]
    hidden: list[Float[Tensor, "*R N _n"]]
    outputs: Float[Tensor, "*R N c"]


class Network:
    """Layers with one activation between them and linear outputs.

    Attributes:
        weights: per layer, bottom first, ``(R, n_out, fan_in)``. Change them in place only.
        biases: per layer ``(R, n_out)``. Change them in place only.
        layers: geometry of each.
        activation: ``phi`` of every hidden layer.
        has_bias: False: the biases are 0 and stay so.
        n_layers: ``L``, the output layer included.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        weights: Sequence[Float[Tensor, "R _n_out _fan_in"]],
        biases: Sequence[Float[Tensor, "R _n_out"]],
        activation: Activation,
        has_bias: bool = True,
    ) -> None:
        self.layers, self.weights, self.biases = tuple(layers), tuple(weights), tuple(biases)
        self.activation, self.has_bias = activation, has_bias
        self.n_layers = len(self.weights)
        self.replicates = self.weights[0].shape[0]
        self.weight_operands = [self.operand(w) for w in self.weights]
        self._transposed = [w.mT for w in self.weight_operands]
        self._bias_rows = [self.operand(b.unsqueeze(1)) for b in self.biases]
        single = self.replicates == 1
        self._affine: Callable[..., Tensor] = torch.addmm if single else torch.baddbmm
        self.matmul: Callable[[Tensor, Tensor], Tensor] = torch.mm if single else torch.bmm

    @classmethod
    def draw(
        cls,
        layers: Sequence[Layer],
        activation: Activation,
        how: Draw | Sequence[Draw],
        seeds: Sequence[Seed],
        device: torch.device,
        dtype: torch.dtype,
        has_bias: bool = True,
        bias: float = 0.0,
    ) -> Network:
        """A fresh network with random weights and equal biases.

        Args:
            layers: geometry, bottom first.
            activation: of the hidden layers.
            how: distribution and scale of the weights, of all or of each replicate.
            seeds: one a replicate.
            device: where it lives.
            dtype: its floating-point type.
            has_bias: whether biases are trained.
            bias: value that they begin with; 0 where they are not trained.
        """
        shapes = [(layer.n_out, layer.fan_in) for layer in layers]
        weights = draw(how, shapes, seeds, WEIGHTS, device, dtype)
        begun = bias if has_bias else 0.0
        biases = [
            torch.full((len(seeds), n_out), begun, device=device, dtype=dtype)
            for n_out, _ in shapes
        ]
        return cls(layers, weights, biases, activation, has_bias)

    def operand(self, tensor: Float[Tensor, "R ..."]) -> Tensor:
        """``tensor`` of shape ``(R, ...)`` as the products want it: without ``R`` where R = 1."""
        return tensor[0] if self.replicates == 1 else tensor

    def shared(self, operand: Float[Tensor, "m n"]) -> Float[Tensor, "*R m n"]:
        """``operand`` of shape ``(m, n)``, the same for all replicates, as ``(R, m, n)``, without a
        copy; as it is where R = 1."""
        if self.replicates == 1:
            return operand
        return operand.expand(self.replicates, *operand.shape)

    def forward(self, x: Float[Tensor, "N n_0"]) -> Pass:
        """Runs all replicates on the same samples.

        Args:
            x: ``(N, n_0)``.
        """
        last = self.n_layers - 1
        inputs = [self.shared(self.layers[0].gather(x))]
        kept, memos, hidden = [], [], []
        for index, layer in enumerate(self.layers[:-1]):
            a = self._affine(self._bias_rows[index], inputs[index], self._transposed[index])
            h, keep = self.activation.apply(a)
            h, memo = layer.shrink(h)
            kept.append(keep)
            memos.append(memo)
            hidden.append(h)
            inputs.append(self.layers[index + 1].gather(h))
        outputs = self._affine(self._bias_rows[last], inputs[last], self._transposed[last])
        return Pass(inputs, kept, memos, hidden, outputs)

    def down(
        self,
        layer: int,
        delta: Float[Tensor, "*R m n_out"],
        matrix: Float[Tensor, "*R n_out fan_in"],
    ) -> Float[Tensor, "*R N n"]:
        """Carries the delta of ``layer`` through a matrix to the outputs of the layer below.

        Args:
            layer: index of the layer whose delta it is.
            delta: its delta.
            matrix: an operand shaped like its weights: they themselves, or what replaces them.

        Returns:
            ``(N, n)`` or ``(R, N, n)``, with ``n`` the outputs of the layer below.
        """
        return self.layers[layer].scatter(self.matmul(delta, matrix))

    def through(
        self, layer: int, back: Float[Tensor, "*R N n"], past: Pass
    ) -> Float[Tensor, "*R m n_out"]:
        """From what arrives at a hidden layer's outputs to its delta, ``back * phi'(a_l)``.

        Args:
            layer: index of the hidden layer.
            back: ``(..., N, n_l)``, pooled where the layer pools; may be overwritten.
            past: the forward pass.

        Returns:
            ``(..., m, n_out)``, ``m`` the samples, or the positions of all of them.
        """
        back = self.layers[layer].expand(back, past.memos[layer])
        return self.activation.pullback_(back, past.kept[layer])

    def true_deltas(
        self, top: Float[Tensor, "*R N c"], past: Pass
    ) -> list[Float[Tensor, "*R _m _n"]]:
        """``d_l`` of every layer, bottom first (docs/MATH.md, section 1).

        Args:
            top: ``d_L = e / N``.
            past: the forward pass on that batch.
        """
        deltas = [top]
        for layer in range(self.n_layers - 2, -1, -1):
            back = self.down(layer + 1, deltas[-1], self.weight_operands[layer + 1])
            deltas.append(self.through(layer, back, past))
        deltas.reverse()
        return deltas

    def state(self) -> dict[str, Tensor]:
        """Parameters by name, for checkpoints: ``weight.l`` ``(R, n_out, fan_in)`` and ``bias.l``
        ``(R, n_out)``, ``l`` from 0 at the bottom."""
        named = {f"weight.{layer}": w for layer, w in enumerate(self.weights)}
        return named | {f"bias.{layer}": b for layer, b in enumerate(self.biases)}
