"""What each network of a run is made with: the same for all, or by the cell that it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import torch
from jaxtyping import Float64
from torch import Tensor

from fa_engine.config import RunConfig
from fa_engine.optimizers import SCHEDULES, StepOptions
from fa_engine.seeding import Draw, Seed, network_seeds

T = TypeVar("T")


class Cells:
    """The configurations of the networks of a run, those of one cell after those of another.

    Attributes:
        of_networks: the configuration that each network would train under alone.
    """

    def __init__(self, config: RunConfig) -> None:
        self._cells, self._varied = config.cells, config.varied
        self._own_factors = "schedule_factor" in self._varied
        self.of_networks = [cell for cell in self._cells for _ in range(config.replicates)]
        self._rates: Tensor | None = None
        if "learning_rate" in self._varied:
            self._rates = _vector(each.learning_rate for each in self.of_networks)

    def seeds(self, numbers: Sequence[int], feedback: bool = False) -> list[Seed]:
        """What each network draws from.

        Args:
            numbers: of each network within its cell.
            feedback: its feedback matrices, not its weights.
        """

        def seed(config: RunConfig) -> int:
            own = config.feedback_seed if feedback else None
            return config.seed if own is None else own

        return [
            network_seeds(seed(config), [number], config.draws)[0]
            for config, number in zip(self.of_networks, numbers, strict=True)
        ]

    def weights(self) -> Draw | tuple[Draw, ...]:
        """How initial weights are drawn."""
        names = ("weight_init", "weight_std", "weight_gain")
        return self._each(names, lambda c: Draw(c.weight_init, c.weight_stds, gain=c.weight_gain))

    def feedback(self) -> Draw | tuple[Draw, ...]:
        """How feedback matrices are drawn."""
        names = ("feedback_init", "feedback_std", "feedback_gain", "feedback_density")
        return self._each(
            names,
            lambda c: Draw(
                c.feedback_init,
                c.feedback_stds,
                c.feedback_density,
                c.feedback_rank,
                c.feedback_gain,
            ),
        )

    def steps(self) -> StepOptions | tuple[StepOptions, ...]:
        """The options of a step. Of each network where only its rate differs, too: an optimiser
        that is not told so takes one rate for all."""
        names = ("learning_rate", "momentum", "weight_decay", "bias_rate", "schedule_factor")
        return self._each(names, lambda c: StepOptions(c.momentum, c.weight_decay, c.bias_rate))

    def rate(self, learning_rate: float, step: int) -> float | Float64[Tensor, " R"]:
        """The learning rate of a step, ``(R,)`` where it differs.

        Args:
            learning_rate: the one in force, where it is one for all.
            step: steps taken so far.
        """
        factor: float | Tensor
        if self._own_factors:
            factor = _vector(_scheduled(config, step) for config in self.of_networks)
        else:
            factor = _scheduled(self._cells[0], step)
        return factor * (learning_rate if self._rates is None else self._rates)

    def _each(self, names: Sequence[str], make: Callable[[RunConfig], T]) -> T | tuple[T, ...]:
        """What is made of each network's configuration; of one, where none of the fields vary."""
        if set(names).isdisjoint(self._varied):
            return make(self._cells[0])
        return tuple(make(config) for config in self.of_networks)


def _vector(values: Iterable[float]) -> Float64[Tensor, " R"]:
    return torch.tensor([*values], dtype=torch.float64)


def _scheduled(config: RunConfig, step: int) -> float:
    """What the learning rate is multiplied by."""
    row, a_pass = SCHEDULES[config.schedule], config.steps_per_epoch
    every = config.schedule_at if row.takes_list else config.schedule_every
    factor = row.factor(step / a_pass, config.epochs, every, config.schedule_factor)
    if not config.warmup_epochs:
        return factor
    return factor * min(1.0, (step + 1) / (config.warmup_epochs * a_pass))
