"""Losses, each with its output error ``e = dLoss/df * N`` (docs/MATH.md, section 1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from fa_engine.registry import Registry


@dataclass(frozen=True)
class Loss:
    """A loss of the outputs ``f`` against one-hot targets ``y``, both ``(..., N, c)``.

    Attributes:
        title: the name a person reads.
        of_samples: ``(f, y) -> (..., N)``, summed over the outputs. The loss is its mean.
        error: ``(f, y) -> e`` of shape ``(..., N, c)``: the derivative of the loss by ``f``,
            times the number of samples.
        curvature: ``f -> H = de/df`` of shape ``(..., N, c, c)``; None: the identity.
        shift_invariant: one number added to all outputs of a sample changes nothing, so that
            ``H`` has a null mode a sample.
    """

    title: str
    of_samples: Callable[[Tensor, Tensor], Tensor]
    error: Callable[[Tensor, Tensor], Tensor]
    curvature: Callable[[Tensor], Tensor] | None = None
    shift_invariant: bool = False

    def value(self, f: Float[Tensor, "*R N c"], y: Float[Tensor, "*#R N c"]) -> Float[Tensor, "*R"]:
        """The loss of outputs ``f`` against targets ``y``, ``(..., N, c)`` each: the mean over the
        samples, ``(...)``."""
        return self.of_samples(f, y).mean(-1)


def _cross_entropy(
    f: Float[Tensor, "*R N c"], y: Float[Tensor, "*#R N c"]
) -> Float[Tensor, "*R N"]:
    losses: Tensor = torch.linalg.vecdot(torch.log_softmax(f, -1), y)
    return losses.neg_()


def _cross_entropy_error(
    f: Float[Tensor, "*R N c"], y: Float[Tensor, "*#R N c"]
) -> Float[Tensor, "*R N c"]:
    return torch.softmax(f, -1).sub_(y)


def _cross_entropy_curvature(f: Float[Tensor, "*R N c"]) -> Float[Tensor, "*R N c c"]:
    p = torch.softmax(f, -1)
    return torch.diag_embed(p) - p.unsqueeze(-1) * p.unsqueeze(-2)


def _squared_error(
    f: Float[Tensor, "*R N c"], y: Float[Tensor, "*#R N c"]
) -> Float[Tensor, "*R N"]:
    return (f - y).square_().sum(-1).div_(2)


def _squared_error_error(
    f: Float[Tensor, "*R N c"], y: Float[Tensor, "*#R N c"]
) -> Float[Tensor, "*R N c"]:
    return f - y


def _binary_cross_entropy(
    f: Float[Tensor, "*R N c"], y: Float[Tensor, "*#R N c"]
) -> Float[Tensor, "*R N"]:
    losses: Tensor = binary_cross_entropy_with_logits(f, y.expand_as(f), reduction="none")
    return losses.sum(-1)


def _binary_cross_entropy_error(
    f: Float[Tensor, "*R N c"], y: Float[Tensor, "*#R N c"]
) -> Float[Tensor, "*R N c"]:
    return torch.sigmoid(f).sub_(y)


def _binary_cross_entropy_curvature(f: Float[Tensor, "*R N c"]) -> Float[Tensor, "*R N c c"]:
    p = torch.sigmoid(f)
    return torch.diag_embed(p * (1 - p))


LOSSES: Registry[Loss] = Registry(
    "loss",
    cross_entropy=Loss(
        "Softmax cross-entropy",
        _cross_entropy,
        _cross_entropy_error,
        _cross_entropy_curvature,
        shift_invariant=True,
    ),
    squared_error=Loss("Squared error", _squared_error, _squared_error_error),
    binary_cross_entropy=Loss(
        "Binary cross-entropy, one sigmoid an output",
        _binary_cross_entropy,
        _binary_cross_entropy_error,
        _binary_cross_entropy_curvature,
    ),
)
"""A :class:`Loss` by name."""
