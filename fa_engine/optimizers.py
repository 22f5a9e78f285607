"""From deltas to a step: ``W_l <- W_l - eta u_l`` with ``u_l = s_l^T h_{l-1}``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from fa_engine.network import Network


class Optimizer(Protocol):
    """Moves a network by the deltas of one batch."""

    learning_rate: float

    def update(self, deltas: Sequence[Tensor | None], inputs: Sequence[Tensor]) -> None:
        """One step.

        Args:
            deltas: ``s_l`` per layer as operands; a layer whose delta is None stays as it is.
            inputs: ``h_{l-1}`` per layer.
        """

    def state(self) -> dict[str, Tensor]:
        """What has to be saved, beside the parameters, to go on exactly."""

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Takes up a saved state."""


class PlainSGD:
    """Stochastic gradient descent without momentum.

    The product that forms ``u_l`` adds it to the weights in the same pass, so that the update
    direction never exists in memory; this is where the step is faster than PyTorch's.
    """

    def __init__(self, network: Network, learning_rate: float, weight_decay: float) -> None:
        self._network = network
        self.learning_rate = learning_rate
        self._weight_decay = weight_decay
        self._biases = [network.operand(b) for b in network.biases]
        single = network.replicates == 1
        self._add_product_ = Tensor.addmm_ if single else Tensor.baddbmm_

    def update(self, deltas: Sequence[Tensor | None], inputs: Sequence[Tensor]) -> None:
        rate, kept = self.learning_rate, 1 - self.learning_rate * self._weight_decay
        parameters = zip(self._network.weight_operands, self._biases, strict=True)
        for (weight, bias), delta, h in zip(parameters, deltas, inputs, strict=True):
            if delta is None:
                continue
            self._add_product_(weight, delta.mT, h, beta=kept, alpha=-rate)
            if kept != 1:
                bias.mul_(kept)
            bias.sub_(delta.sum(-2), alpha=rate)

    def state(self) -> dict[str, Tensor]:
        return {}

    def load_state(self, state: dict[str, Tensor]) -> None:
        pass


class TorchOptimizer:
    """One of ``torch.optim``'s optimisers, with ``u_l`` handed to it as the gradient."""

    def __init__(self, network: Network, optimizer: torch.optim.Optimizer) -> None:
        self._network = network
        self._optimizer = optimizer
        self._parameters = [*network.weights, *network.biases]

    @property
    def learning_rate(self) -> float:
        return float(self._optimizer.param_groups[0]["lr"])

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = value

    def update(self, deltas: Sequence[Tensor | None], inputs: Sequence[Tensor]) -> None:
        network = self._network
        layers = zip(network.weights, network.biases, deltas, inputs, strict=True)
        for weight, bias, delta, h in layers:
            if delta is None:
                weight.grad = bias.grad = None
                continue
            weight.grad = network.matmul(delta.mT, h).view_as(weight)
            bias.grad = delta.sum(-2).view_as(bias)
        self._optimizer.step()

    def state(self) -> dict[str, Tensor]:
        return {
            f"optimizer.{index}.{key}": value
            for index, parameter in enumerate(self._parameters)
            for key, value in self._optimizer.state[parameter].items()
            if isinstance(value, Tensor)
        }

    def load_state(self, state: dict[str, Tensor]) -> None:
        for name, value in state.items():
            _, index, key = name.split(".", 2)
            self._optimizer.state[self._parameters[int(index)]][key] = value.clone()


def make_optimizer(
    network: Network, learning_rate: float, momentum: float, weight_decay: float
) -> Optimizer:
    """The optimiser that a configuration asks for; the fused one wherever it applies."""
    if momentum == 0:
        return PlainSGD(network, learning_rate, weight_decay)
    parameters = [*network.weights, *network.biases]
    return TorchOptimizer(
        network,
        torch.optim.SGD(
            parameters, learning_rate, momentum=momentum, weight_decay=weight_decay, foreach=True
        ),
    )
