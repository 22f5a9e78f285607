"""Optimisers of networks that each have a rate, a decay and a momentum of their own.

The rules are those of :mod:`fa_engine.optimizers`, with a vector ``(R,)`` in the place of each
number: every network moves as it would alone, to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from fa_engine.networks.network import Network, Product
from fa_engine.optimizers import StepOptions

# Those of torch.optim.
_RMS_KEPT, _MEAN_KEPT, _SQUARE_KEPT, _EPSILON = 0.99, 0.9, 0.999, 1e-8


@dataclass
class _Step:
    """One parameter in one step.

    Attributes:
        parameter: ``(R, ...)``, moved in place.
        gradient: likewise shaped; may be overwritten.
        state: what is kept of it from step to step, by name.
        rate, decay, momentum: one a network, ``(R, 1, ...)``.
        remembers: whether any network has a momentum.
    """

    parameter: Tensor
    gradient: Tensor
    state: dict[str, Tensor]
    rate: Tensor
    decay: Tensor
    momentum: Tensor
    remembers: bool

    def kept(self, name: str, first: Tensor | None = None) -> Tensor:
        """A tensor of the state; at the first step ``first``, or zeros."""
        if name not in self.state:
            fresh = torch.zeros_like(self.parameter) if first is None else first.clone()
            self.state[name] = fresh
        return self.state[name]

    def move(self, along: Tensor) -> None:
        self.parameter.addcmul_(along, self.rate, value=-1)


def _momentum(step: _Step, nesterov: bool) -> None:
    g = step.gradient.addcmul_(step.parameter, step.decay)
    first = "momentum_buffer" not in step.state
    buffer = step.kept("momentum_buffer", g)
    if not first:
        buffer.mul_(step.momentum).add_(g)
    step.move(g.addcmul_(buffer, step.momentum) if nesterov else buffer)


def _rmsprop(step: _Step) -> None:
    g = step.gradient.addcmul_(step.parameter, step.decay)
    square = step.kept("square_avg").mul_(_RMS_KEPT).addcmul_(g, g, value=1 - _RMS_KEPT)
    g.div_(square.sqrt().add_(_EPSILON))
    step.move(step.kept("momentum_buffer").mul_(step.momentum).add_(g) if step.remembers else g)


def _adam(step: _Step, decoupled: bool) -> None:
    g, count = step.gradient, step.state.setdefault("step", torch.tensor(0.0))
    if decoupled:
        step.parameter.mul_(1 - step.rate * step.decay)
    else:
        g.addcmul_(step.parameter, step.decay)
    count += 1
    mean = step.kept("exp_avg").lerp_(g, 1 - _MEAN_KEPT)
    square = step.kept("exp_avg_sq").mul_(_SQUARE_KEPT).addcmul_(g, g, value=1 - _SQUARE_KEPT)
    taken = float(count)
    root = square.sqrt().div_((1 - _SQUARE_KEPT**taken) ** 0.5).add_(_EPSILON)
    step.rate = step.rate / (1 - _MEAN_KEPT**taken)
    step.move(torch.div(mean, root, out=root))


_RULES: dict[str, Callable[[_Step], None]] = {
    "sgd": lambda step: _momentum(step, nesterov=False),
    "nesterov": lambda step: _momentum(step, nesterov=True),
    "rmsprop": _rmsprop,
    "adam": lambda step: _adam(step, decoupled=False),
    "adamw": lambda step: _adam(step, decoupled=True),
}


class VariedOptimizer:
    """An :class:`~fa_engine.optimizers.Optimizer` with options of each network's own.

    Attributes:
        rate: learning rate of the next step, ``(R,)``; or one for all.
        keeps_nothing: a step knows none before it, and is the update times the rate.
    """

    def __init__(
        self,
        name: str,
        network: Network,
        matrices: Sequence[Tensor],
        rate: float | Float[Tensor, " R"],
        options: Sequence[StepOptions],
    ) -> None:
        """Moves nothing yet.

        Args:
            name: key of :data:`~fa_engine.optimizers.OPTIMIZERS`.
            network, matrices: what it moves.
            rate: of the first step.
            options: of each network.
        """
        self.rate = rate
        self._network, self._rule = network, _RULES[name]
        like = network.weights[0]

        def vector(values: Sequence[float]) -> Tensor:
            return torch.tensor(values, dtype=torch.float64).to(like)

        self._decay = vector([each.weight_decay for each in options])
        self._momentum = vector([each.momentum for each in options])
        self._bias_rate = vector([each.bias_rate for each in options])
        self._decays = any(each.weight_decay for each in options)
        self._remembers = any(each.momentum for each in options)
        self.keeps_nothing = name == "sgd" and not self._remembers
        self._matrices = list(matrices)
        self._states: dict[str, dict[str, Tensor]] = {name: {} for name in self._named()}
        self._add_product_ = Tensor.addmm_ if network.replicates == 1 else Tensor.baddbmm_

    def update(
        self, directions: Sequence[Product | None], learned: Sequence[Product | None]
    ) -> None:
        """One step of every network, see :meth:`fa_engine.optimizers.Optimizer.update`."""
        like = self._network.weights[0]
        rate = torch.as_tensor(self.rate, dtype=torch.float64).expand(len(like)).to(like)
        bias_rate = rate * self._bias_rate
        move = self._add if self.keeps_nothing else self._follow
        for layer, (weight, direction) in enumerate(
            zip(self._network.weights, directions, strict=True)
        ):
            if direction is None:
                continue
            move(f"weight.{layer}", weight, direction, rate)
            if self._network.has_bias:
                bias = self._network.biases[layer]
                gradient = direction.delta.sum(-2).view_as(bias)
                if self.keeps_nothing:
                    if self._decays:
                        bias.mul_(1 - (bias_rate * self._decay).unsqueeze(-1))
                    bias.addcmul_(gradient, bias_rate.unsqueeze(-1), value=-1)
                else:
                    self._rule(self._of(f"bias.{layer}", bias, gradient, bias_rate))
        for number, (matrix, direction) in enumerate(zip(self._matrices, learned, strict=True)):
            if direction is not None:
                move(f"matrix.{number}", matrix, direction, rate)

    def state(self) -> dict[str, Tensor]:
        """As :meth:`fa_engine.optimizers.TorchOptimizer.state` has it, each ``(R, ...)``."""
        return {
            f"optimizer.{name}.{key}": value
            for name, kept in self._states.items()
            for key, value in kept.items()
        }

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Copies of what :meth:`state` gave, ``(R, ...)``."""
        named = self._named()
        for name, kept in self._states.items():
            prefix = f"optimizer.{name}."
            for key, value in state.items():
                if key.startswith(prefix):
                    own = value.clone() if value.ndim == 0 else value.clone().to(named[name].device)
                    kept[key.removeprefix(prefix)] = own

    def _add(self, _name: str, matrix: Tensor, direction: Product, rate: Tensor) -> None:
        """``M <- (1 - eta decay) M - eta u``, with the rate in the smaller factor of ``u``."""
        operand = self._network.operand(matrix)
        if self._decays:
            matrix.mul_(1 - (rate * self._decay)[:, None, None])
        scaled = direction.delta * self._network.operand(rate[:, None, None])
        self._add_product_(operand, scaled.mT, direction.input, beta=1, alpha=-1)

    def _follow(self, name: str, matrix: Tensor, direction: Product, rate: Tensor) -> None:
        gradient = direction.own_matrix().view_as(matrix)
        self._rule(self._of(name, matrix, gradient, rate))

    def _of(self, name: str, parameter: Tensor, gradient: Tensor, rate: Tensor) -> _Step:
        rate, decay, momentum = (
            values.view(-1, *[1] * (parameter.ndim - 1))
            for values in (rate, self._decay, self._momentum)
        )
        return _Step(
            parameter, gradient, self._states[name], rate, decay, momentum, self._remembers
        )

    def _named(self) -> dict[str, Tensor]:
        kinds = {
            "weight": self._network.weights,
            "bias": self._network.biases,
            "matrix": self._matrices,
        }
        return {f"{kind}.{i}": t for kind, ts in kinds.items() for i, t in enumerate(ts)}
