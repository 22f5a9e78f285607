"""Activation functions: what a hidden neuron does to its input, and how a delta passes through it.

The pullbacks are PyTorch's own backward kernels, so that backpropagation here and autograd compute
the same numbers; each needs only the activation's output, so the forward pass works in place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Activation:
    """One activation function ``phi``, elementwise.

    Attributes:
        title: the name a person reads.
        apply_: ``a -> phi(a)``, in place.
        pullback_: ``(delta, h) -> delta * phi'(a)`` with ``h = phi(a)``, in place on ``delta``.
    """

    title: str
    apply_: Callable[[Tensor], Tensor]
    pullback_: Callable[[Tensor, Tensor], Tensor]


def _tanh_pullback_(delta: Tensor, h: Tensor) -> Tensor:
    torch.ops.aten.tanh_backward.grad_input(delta, h, grad_input=delta)
    return delta


def _sigmoid_pullback_(delta: Tensor, h: Tensor) -> Tensor:
    torch.ops.aten.sigmoid_backward.grad_input(delta, h, grad_input=delta)
    return delta


def _relu_pullback_(delta: Tensor, h: Tensor) -> Tensor:
    torch.ops.aten.threshold_backward.grad_input(delta, h, 0.0, grad_input=delta)
    return delta


ACTIVATIONS: dict[str, Activation] = {
    "tanh": Activation("tanh", torch.tanh_, _tanh_pullback_),
    "relu": Activation("ReLU", torch.relu_, _relu_pullback_),
    "sigmoid": Activation("Sigmoid", torch.sigmoid_, _sigmoid_pullback_),
}
