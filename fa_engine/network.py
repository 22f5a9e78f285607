"""The network, replicate-first: every parameter has a leading replicate dimension ``R``.

``R`` networks are trained by one set of batched matrix products. With one replicate the products
run on two-dimensional views of the same storage, which PyTorch dispatches faster.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from fa_engine.activations import Activation
from fa_engine.seeding import WEIGHTS, draw_normal


class Network:
    """Fully connected layers with one activation between them and linear outputs.

    Attributes:
        weights: per layer, bottom first, ``(R, n_out, n_in)``. Change them in place only.
        biases: per layer ``(R, n_out)``. Change them in place only.
        activation: ``phi`` of every hidden layer.
        n_layers: ``L``, the output layer included.
    """

    def __init__(
        self, weights: Sequence[Tensor], biases: Sequence[Tensor], activation: Activation
    ) -> None:
        self.weights, self.biases = tuple(weights), tuple(biases)
        self.activation = activation
        self.n_layers = len(self.weights)
        self.replicates = self.weights[0].shape[0]
        self.weight_operands = [self.operand(w) for w in self.weights]
        self._transposed = [w.mT for w in self.weight_operands]
        self.bias_operands = [self.operand(b.unsqueeze(1)) for b in self.biases]
        single = self.replicates == 1
        self._affine: Callable[..., Tensor] = torch.addmm if single else torch.baddbmm
        self.matmul: Callable[[Tensor, Tensor], Tensor] = torch.mm if single else torch.bmm

    @classmethod
    def draw(
        cls,
        widths: Sequence[int],
        activation: Activation,
        std: float | None,
        seeds: Sequence[int],
        device: torch.device,
        dtype: torch.dtype,
    ) -> Network:
        """A fresh network with normal weights and zero biases.

        Args:
            widths: neurons of every layer, input and output included.
            activation: of the hidden layers.
            std: standard deviation of the weights; None: ``1 / sqrt(fan_in)``.
            seeds: one a replicate.
            device: where it lives.
            dtype: its floating-point type.
        """
        shapes = [(n_out, n_in) for n_in, n_out in pairwise(widths)]
        stds = [n_in**-0.5 if std is None else std for _, n_in in shapes]
        weights = draw_normal(shapes, stds, seeds, WEIGHTS, device, dtype)
        biases = [torch.zeros(len(seeds), n_out, device=device, dtype=dtype) for n_out, _ in shapes]
        return cls(weights, biases, activation)

    def operand(self, tensor: Tensor) -> Tensor:
        """``tensor`` of shape ``(R, ...)`` as the products want it: without ``R`` where R = 1."""
        return tensor[0] if self.replicates == 1 else tensor

    def batch(self, x: Tensor) -> Tensor:
        """Samples ``(N, n)`` as an operand: shared by all replicates, without a copy."""
        return x if self.replicates == 1 else x.expand(self.replicates, *x.shape)

    def forward(self, x: Tensor) -> list[Tensor]:
        """The inputs of every layer and the outputs: ``[h_0 = x, h_1, ..., h_{L-1}, f]``.

        Args:
            x: ``(N, n_0)`` if R = 1, else ``(R, N, n_0)``; see :meth:`batch`.

        Returns:
            ``L + 1`` operands of shape ``(N, n_l)`` if R = 1, else ``(R, N, n_l)``.
        """
        outputs = [x]
        for bias, weight in zip(self.bias_operands[:-1], self._transposed[:-1], strict=True):
            outputs.append(self.activation.apply_(self._affine(bias, outputs[-1], weight)))
        outputs.append(self._affine(self.bias_operands[-1], outputs[-1], self._transposed[-1]))
        return outputs

    def backward(
        self, top: Tensor, outputs: Sequence[Tensor], matrices: Sequence[Tensor]
    ) -> list[Tensor]:
        """Carries a delta from the outputs down, layer by layer, through any matrices.

        With ``matrices = weight_operands[1:]`` these are the true deltas ``d_l``; with feedback
        matrices in their place the feedback deltas ``s_l`` (docs/MATH.md, section 1).

        Args:
            top: delta of the output layer.
            outputs: what :meth:`forward` returned.
            matrices: one a hidden layer, shaped like the weights of the layer above it.

        Returns:
            Deltas of all layers, bottom first, the last of them ``top`` itself.
        """
        deltas = [top]
        pullback_ = self.activation.pullback_
        for layer in range(self.n_layers - 2, -1, -1):
            delta = self.matmul(deltas[-1], matrices[layer])
            deltas.append(pullback_(delta, outputs[layer + 1]))
        deltas.reverse()
        return deltas

    def state(self) -> dict[str, Tensor]:
        """Parameters by name, for checkpoints."""
        named = {f"weight.{layer}": w for layer, w in enumerate(self.weights)}
        return named | {f"bias.{layer}": b for layer, b in enumerate(self.biases)}
