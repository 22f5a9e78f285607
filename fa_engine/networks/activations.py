"""Activation functions: what a hidden neuron does to its input, and how a delta passes through it.

The pullbacks are PyTorch's own backward kernels, so that backpropagation here and autograd compute
the same numbers. Most need only the activation's output, so that the forward pass works in place.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from fa_engine.registry import Registry

LEAK = 0.01


@dataclass(frozen=True)
class Activation:
    """One activation function ``phi``, elementwise.

    Attributes:
        title: the name a person reads.
        apply: ``a -> (phi(a), kept)``; may overwrite ``a``. ``kept`` is what the pullback needs.
        pullback_: ``(delta, kept) -> delta * phi'(a)``, in place on ``delta``.
        is_homogeneous: ``phi(a) = a phi'(a)`` everywhere.
    """

    title: str
    apply: Callable[[Tensor], tuple[Tensor, Tensor]]
    pullback_: Callable[[Tensor, Tensor], Tensor]
    is_homogeneous: bool = False


def _keeping_output(function_: Callable[[Tensor], Tensor]) -> Callable[..., tuple[Tensor, Tensor]]:
    def apply(a: Tensor) -> tuple[Tensor, Tensor]:
        h = function_(a)
        return h, h

    return apply


def _gelu(a: Tensor) -> tuple[Tensor, Tensor]:
    return torch.nn.functional.gelu(a), a


def _erf(a: Tensor) -> tuple[Tensor, Tensor]:
    return (a * 0.5**0.5).erf_(), a


def _leaky_relu_(a: Tensor) -> Tensor:
    return torch.nn.functional.leaky_relu_(a, LEAK)


def _same(a: Tensor) -> Tensor:
    return a


def _tanh_pullback_(delta: Tensor, h: Tensor) -> Tensor:
    torch.ops.aten.tanh_backward.grad_input(delta, h, grad_input=delta)
    return delta


def _sigmoid_pullback_(delta: Tensor, h: Tensor) -> Tensor:
    torch.ops.aten.sigmoid_backward.grad_input(delta, h, grad_input=delta)
    return delta


def _relu_pullback_(delta: Tensor, h: Tensor) -> Tensor:
    torch.ops.aten.threshold_backward.grad_input(delta, h, 0.0, grad_input=delta)
    return delta


def _leaky_relu_pullback_(delta: Tensor, h: Tensor) -> Tensor:
    # the output has the input's sign, so it can stand for it
    torch.ops.aten.leaky_relu_backward.grad_input(delta, h, LEAK, True, grad_input=delta)
    return delta


def _gelu_pullback_(delta: Tensor, a: Tensor) -> Tensor:
    torch.ops.aten.gelu_backward.grad_input(delta, a, grad_input=delta)
    return delta


def _erf_pullback_(delta: Tensor, a: Tensor) -> Tensor:
    return delta.mul_(a.square().mul_(-0.5).exp_().mul_((2 / math.pi) ** 0.5))


def _linear_pullback_(delta: Tensor, _h: Tensor) -> Tensor:
    return delta


ACTIVATIONS: Registry[Activation] = Registry(
    "activation",
    tanh=Activation("tanh", _keeping_output(torch.tanh_), _tanh_pullback_),
    relu=Activation("ReLU", _keeping_output(torch.relu_), _relu_pullback_, True),
    leaky_relu=Activation("Leaky ReLU", _keeping_output(_leaky_relu_), _leaky_relu_pullback_, True),
    sigmoid=Activation("Sigmoid", _keeping_output(torch.sigmoid_), _sigmoid_pullback_),
    gelu=Activation("GELU", _gelu, _gelu_pullback_),
    # Saad and Solla 1995
    erf=Activation("Error function, erf(a / √2)", _erf, _erf_pullback_),
    linear=Activation("Linear", _keeping_output(_same), _linear_pullback_, True),
)
"""An :class:`Activation` by name."""
