"""From directions to a step: ``W_l <- W_l - eta u_l`` with ``u_l = s_l^T h_{l-1}``."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from fa_engine.networks.network import Network, Product
from fa_engine.registry import Registry


class Optimizer(Protocol):
    """Moves a network, and the feedback matrices that learn with it, by one batch.

    Attributes:
        rate: learning rate of the next step; one a network, ``(R,)``, where they differ.
        keeps_nothing: a step knows none before it, and is the update times the rate.
    """

    rate: Any
    keeps_nothing: bool

    def update(
        self, directions: Sequence[Product | None], learned: Sequence[Product | None]
    ) -> None:
        """One step.

        Args:
            directions: per layer ``u_l``; a layer with None stays as it is.
            learned: per learned feedback matrix likewise.
        """

    def state(self) -> dict[str, Tensor]:
        """What has to be saved, beside the parameters, to go on exactly: by name, each shaped like
        its parameter, ``(R, ...)``, or a number."""

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Takes up a saved state.

        Args:
            state: what :meth:`state` gave, of the same names and shapes ``(R, ...)``.
        """


@dataclass(frozen=True)
class StepOptions:
    """Options of a step.

    Attributes:
        momentum: share of the last step that is taken again (for RMSprop likewise).
        weight_decay: pull towards zero, times the learning rate.
        bias_rate: learning rate of the biases, as a multiple of that of the weights.
    """

    momentum: float = 0.0
    weight_decay: float = 0.0
    bias_rate: float = 1.0


class PlainSGD:
    """Stochastic gradient descent without momentum.

    The product that forms ``u_l`` adds it to the weights in the same pass, so that the update
    direction never exists in memory; this is where the step is faster than PyTorch's.
    """

    keeps_nothing = True

    def __init__(
        self, network: Network, matrices: Sequence[Tensor], rate: float, options: StepOptions
    ) -> None:
        self.rate = rate
        self._options = options
        biases = [network.operand(b) for b in network.biases]
        self._layers = list(zip(network.weight_operands, biases, strict=True))
        self._has_bias = network.has_bias
        self._matrices = [network.operand(matrix) for matrix in matrices]
        self._add_product_ = Tensor.addmm_ if network.replicates == 1 else Tensor.baddbmm_

    def update(
        self, directions: Sequence[Product | None], learned: Sequence[Product | None]
    ) -> None:
        """``W <- (1 - eta decay) W - eta u``, biases at their rate, matrices like weights."""
        rate, bias_rate = self.rate, self.rate * self._options.bias_rate
        kept = 1 - rate * self._options.weight_decay
        bias_kept = 1 - bias_rate * self._options.weight_decay
        for (weight, bias), direction in zip(self._layers, directions, strict=True):
            if direction is None:
                continue
            s, h = direction.delta, direction.input
            self._add_product_(weight, s.mT, h, beta=kept, alpha=-rate)
            if self._has_bias:
                if bias_kept != 1:
                    bias.mul_(bias_kept)
                bias.sub_(s.sum(-2), alpha=bias_rate)
        for matrix, direction in zip(self._matrices, learned, strict=True):
            if direction is not None:
                s, h = direction.delta, direction.input
                self._add_product_(matrix, s.mT, h, beta=kept, alpha=-rate)

    def state(self) -> dict[str, Tensor]:
        """Nothing: a step knows none before it."""
        return {}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Nothing to take up."""


class TorchOptimizer:
    """One of ``torch.optim``'s optimisers, with ``u_l`` handed to it as the gradient."""

    keeps_nothing = False

    def __init__(
        self,
        make: Callable[[Sequence[dict[str, Any]], float], torch.optim.Optimizer],
        network: Network,
        matrices: Sequence[Tensor],
        rate: float,
        options: StepOptions,
    ) -> None:
        self._network = network
        self._weights, self._biases = list(network.weights), list(network.biases)
        self._matrices = list(matrices)
        self._bias_rate = options.bias_rate
        groups: list[dict[str, Any]] = [
            {"params": [*self._weights, *self._matrices]},
            {"params": self._biases, "lr": rate * options.bias_rate},
        ]
        self._optimizer = make(groups, rate)

    @property
    def rate(self) -> float:
        """Learning rate of the next step; that of the biases is a multiple of it."""
        return float(self._optimizer.param_groups[0]["lr"])

    @rate.setter
    def rate(self, value: float) -> None:
        """Acts at the next step."""
        weights, biases = self._optimizer.param_groups
        weights["lr"], biases["lr"] = value, value * self._bias_rate

    def update(
        self, directions: Sequence[Product | None], learned: Sequence[Product | None]
    ) -> None:
        """One step of ``torch.optim``'s, with ``u_l`` as the gradient of layer ``l``."""
        for weight, bias, direction in zip(self._weights, self._biases, directions, strict=True):
            weight.grad = self._direction(weight, direction)
            bias.grad = None
            if direction is not None and self._network.has_bias:
                bias.grad = direction.delta.sum(-2).view_as(bias)
        for matrix, direction in zip(self._matrices, learned, strict=True):
            matrix.grad = self._direction(matrix, direction)
        self._optimizer.step()

    def _direction(self, parameter: Tensor, direction: Product | None) -> Tensor | None:
        if direction is None:
            return None
        return direction.own_matrix().view_as(parameter)

    def state(self) -> dict[str, Tensor]:
        """What ``torch.optim`` keeps of each parameter, ``optimizer.weight.l.momentum_buffer``."""
        return {
            f"optimizer.{name}.{key}": value
            for name, parameter in self._named().items()
            for key, value in self._optimizer.state[parameter].items()
            if isinstance(value, Tensor)
        }

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Copies of what :meth:`state` gave."""
        for name, parameter in self._named().items():
            prefix = f"optimizer.{name}."
            for key, value in state.items():
                if key.startswith(prefix):
                    own = value.clone() if value.ndim == 0 else value.clone().to(parameter.device)
                    self._optimizer.state[parameter][key.removeprefix(prefix)] = own

    def _named(self) -> dict[str, Tensor]:
        kinds = {"weight": self._weights, "bias": self._biases, "matrix": self._matrices}
        return {f"{kind}.{i}": t for kind, ts in kinds.items() for i, t in enumerate(ts)}


MakeOptimizer = Callable[[Sequence[dict[str, Any]], float], torch.optim.Optimizer]


def _sgd(options: StepOptions, nesterov: bool) -> MakeOptimizer:
    return lambda groups, rate: torch.optim.SGD(
        groups,
        rate,
        momentum=options.momentum,
        weight_decay=options.weight_decay,
        nesterov=nesterov,
        foreach=True,
    )


def _rmsprop(options: StepOptions) -> MakeOptimizer:
    return lambda groups, rate: torch.optim.RMSprop(
        groups, rate, momentum=options.momentum, weight_decay=options.weight_decay, foreach=True
    )


def _adam(options: StepOptions) -> MakeOptimizer:
    return lambda groups, rate: torch.optim.Adam(
        groups, rate, weight_decay=options.weight_decay, foreach=True
    )


def _adamw(options: StepOptions) -> MakeOptimizer:
    return lambda groups, rate: torch.optim.AdamW(
        groups, rate, weight_decay=options.weight_decay, foreach=True
    )


@dataclass(frozen=True)
class OptimizerKind:
    """One optimiser.

    Attributes:
        title: the name a person reads.
        make: from the options of a step, what makes it of parameter groups and a rate.
    """

    title: str
    make: Callable[[StepOptions], MakeOptimizer]


OPTIMIZERS: dict[str, OptimizerKind] = {
    "sgd": OptimizerKind("Stochastic gradient descent", lambda o: _sgd(o, nesterov=False)),
    "nesterov": OptimizerKind("Nesterov momentum", lambda o: _sgd(o, nesterov=True)),
    "rmsprop": OptimizerKind("RMSprop", _rmsprop),
    "adam": OptimizerKind("Adam", _adam),
    "adamw": OptimizerKind("AdamW", _adamw),
}
"""An ``OptimizerKind`` by name: each but ``sgd`` without momentum is one of ``torch.optim``'s."""


def make_optimizer(
    name: str, network: Network, matrices: Sequence[Tensor], rate: float, options: StepOptions
) -> Optimizer:
    """The optimiser ``name``; the fused one wherever it applies.

    Args:
        name: key of :data:`~fa_engine.optimizers.OPTIMIZERS`.
        network: what it moves.
        matrices: feedback matrices that it moves with the weights, ``(R, n_out, n_in)`` each.
        rate: learning rate of the first step.
        options: the rest.

    Raises:
        KeyError: there is no such optimiser.
    """
    if name == "sgd" and options.momentum == 0:
        return PlainSGD(network, matrices, rate, options)
    make = OPTIMIZERS[name].make(options)
    return TorchOptimizer(make, network, matrices, rate, options)


@dataclass(frozen=True)
class Schedule:
    """How the learning rate changes over a run.

    Attributes:
        title: the name a person reads.
        factor: what the rate is multiplied by, from the epochs so far (a fraction too), the epochs
            in all, the period in epochs and the factor that were chosen.
        takes_list: in the place of the period it gets the list of epochs.
    """

    title: str
    factor: Callable[[float, int, Any, float], float]
    takes_list: bool = False


SCHEDULES: Registry[Schedule] = Registry(
    "schedule",
    constant=Schedule("Constant", lambda _epoch, _epochs, _every, _by: 1.0),
    step=Schedule(
        "Step: times a factor every so many epochs",
        lambda epoch, _epochs, every, by: by ** (epoch // every),
    ),
    cosine=Schedule(
        "Cosine: from full to nothing over the run",
        lambda epoch, epochs, _every, _by: (1 + math.cos(math.pi * min(epoch / epochs, 1))) / 2,
    ),
    multi_step=Schedule(
        "Multi-step: times a factor at chosen epochs",
        lambda epoch, _epochs, at, by: by ** bisect_right(at, epoch),
        takes_list=True,
    ),
)
"""A :class:`Schedule` by name."""
