"""Evidence: what the arms of an experiment have shown, as predictions ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray

from fa_engine.config import RunConfig
from fa_engine.dynamics.diffusion import Trajectory, mean_squared_displacement
from fa_engine.dynamics.probes import probe_set
from fa_engine.dynamics.stability import spectrum
from fa_engine.measures.alignment import Array
from fa_engine.training.trainer import Trainer

MOST_SAMPLES = 64  # of a probe set, with ten outputs 640 modes


@dataclass(frozen=True)
class Shown:
    """What one arm has shown.

    Attributes:
        config: what was trained.
        series: ``step`` ``(T,)`` and every measure, ``(T, R)`` or, of layers, ``(T, R, L)``.
        trainer: where it ended.
        trajectory: of its weights, where the run followed its walk.
    """

    config: RunConfig
    series: Mapping[str, NDArray[Any]]
    trainer: Trainer
    trajectory: Trajectory | None = None

    def at(self, measure: str, step: int) -> Float64[Array, "R ..."]:
        """A measure at the first of its measurements from ``step`` on; nan: there is none."""
        values = np.asarray(self.series[measure], dtype=float)
        measured = ~np.isnan(values).reshape(len(values), -1).all(1)
        found = np.flatnonzero(measured & (self.series["step"] >= step))
        return values[found[0]] if len(found) else np.full(values.shape[1:], np.nan)

    def first(self, measure: str) -> Float64[Array, "R ..."]:
        """A measure the first time that it was taken."""
        return self.at(measure, 0)

    def last(self, measure: str) -> Float64[Array, "R ..."]:
        """A measure the last time that it was taken; nan for a network that had diverged."""
        values = np.asarray(self.series[measure], dtype=float)
        measured = np.flatnonzero(~np.isnan(values).reshape(len(values), -1).all(1))
        found = values[measured[-1]] if len(measured) else np.full(values.shape[1:], np.nan)
        return self._of_those_left(found)

    def at_rest(self, measure: str) -> Float64[Array, "R ..."]:
        """A measure where each network came nearest to rest: at the measurement with the shortest
        update of all hidden layers together; nan for a network that had diverged."""
        length = (np.asarray(self.series["update_norm"], dtype=float) ** 2).sum(2)
        quiet = np.where(np.isnan(length), np.inf, length).argmin(0)
        values = np.asarray(self.series[measure], dtype=float)
        return self._of_those_left(values[quiet, np.arange(len(quiet))])

    def output_share(self, step: int) -> Float64[Array, " R"]:
        """The output layer's share of the rate at which the loss falls, to first order."""
        rates = self.at("descent_rate", step)
        with np.errstate(divide="ignore", invalid="ignore"):
            share: Array = rates[:, -1] / rates.sum(1)
        return share

    def output_share_until(self, measure: str, value: float) -> Float64[Array, " R"]:
        """The output layer's share of what the steps lowered the loss by, to first order, until the
        first measurement at which a measure of the network has come to a value; nan where it never
        does.

        Args:
            measure: of the whole network, such as ``accuracy``.
            value: that it rises to.
        """
        rates = np.asarray(self.series["descent_rate"], dtype=float)
        reached = np.asarray(self.series[measure]) >= value
        count = np.where(reached.any(0), reached.argmax(0), -1)  # of measurements before
        found = np.full(rates.shape[1], np.nan)
        for network, before in enumerate(count):
            if before > 0:
                lowered = rates[:before, network].sum(0)
                found[network] = lowered[-1] / lowered.sum()
        return found

    def late_mean(self, measure: str) -> Float64[Array, "R ..."]:
        """The mean of a measure over the last quarter of its measurements; nan for a network that
        had diverged."""
        values = np.asarray(self.series[measure], dtype=float)
        return self._of_those_left(values[-(-3 * len(values) // 4) :].mean(0))

    def unstable_share(self, scheme: str) -> Float64[Array, " R"]:
        """The share of the modes of ``K``, or of ``H K`` where the loss has a curvature, that are
        unstable where the arm ended, under a scheme with the matrices that it would begin with.

        Args:
            scheme: which.
        """
        trainer = Trainer(
            self.config.replace(scheme=scheme, walk=False),
            data=self.trainer.data,
            weights=self.trainer.network.state(),
        )
        if self.trainer.scheme == scheme:
            trainer = self.trainer  # with those that it has
        probe = probe_set(trainer.data, min(MOST_SAMPLES, len(trainer.data.x_train)))
        found = spectrum(trainer, probe, symmetric=False)
        share = found.error_unstable_share
        return self._of_those_left(found.unstable_share if share is None else share)

    def exponent(self, layer: int = 0) -> Float64[Array, " R"]:
        """Of the mean squared displacement of a layer's weights with the lag: 1 for a random walk,
        2 for a drift.

        Args:
            layer: from 0 at the bottom.

        Raises:
            ValueError: the run did not follow its walk.
        """
        if self.trajectory is None:
            raise ValueError("the walk of this arm was not followed: walk is to be on")
        snapshots = self.trajectory.snapshots(layer)
        found = mean_squared_displacement(self.trajectory.steps, snapshots).exponent
        return self._of_those_left(found)

    def _of_those_left(self, found: Array) -> Float64[Array, "R ..."]:
        """nan for each network that has diverged. What it measured before says nothing of where it
        ended, and a run in which all have diverged ends there: its last values are no ends."""
        gone = self.trainer.diverged.reshape(-1, *(1,) * (found.ndim - 1))
        kept: Array = np.where(gone, np.nan, found)
        return kept


Evidence = Mapping[str, Shown]
"""What each arm has shown, by its name."""
