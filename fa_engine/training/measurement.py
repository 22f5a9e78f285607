"""Measurement: the values of all measures at one step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64
from numpy.typing import NDArray

from fa_engine.measures.alignment import Alignment, Array
from fa_engine.measures.catalogue import MEASURES
from fa_engine.measures.walk import Walk


@dataclass(frozen=True, kw_only=True)
class Measurement(Walk, Alignment):
    """Where a run stands after ``step`` steps, and how the next batch's update is aligned.

    The fields of :class:`~fa_engine.measures.walk.Walk` are None unless ``RunConfig.walk`` is on. A
    replicate that is no longer finite (:attr:`Trainer.diverged_at`) is nan in every measure. What
    others have added (:func:`fa_engine.register.measure`) is there by its name likewise.

    Attributes:
        step: steps taken so far.
        epoch: passes over the training set so far.
        loss: ``(R,)`` on the next training batch, before its step.
        accuracy: ``(R,)`` on that batch, from 0 to 1.
        test_loss: ``(R,)`` at the first measurement after every ``evaluate_every`` steps and at
            the end, else None.
        test_accuracy: ``(R,)`` likewise.
        own: the values of measures that were added, by name.
    """

    step: int
    epoch: float
    loss: Float64[Array, " R"]
    accuracy: Float64[Array, " R"]
    test_loss: Float64[Array, " R"] | None
    test_accuracy: Float64[Array, " R"] | None
    own: Mapping[str, Array] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Array | None:
        """A measure that was added; None where it is not measured at this step.

        Raises:
            AttributeError: there is no measure of that name.
        """
        row = MEASURES.get(name)
        if row is None or row.of is None:
            raise AttributeError(f"{type(self).__name__} has no {name!r}", name=name, obj=self)
        return self.own.get(name)

    def to_dict(self) -> dict[str, Any]:
        """Step, epoch and the value of every measure by name: an array, or None."""
        return {
            "step": self.step,
            "epoch": self.epoch,
            **{name: getattr(self, name) for name in MEASURES},
        }

    def without(self, gone: Bool[NDArray[np.bool_], " R"]) -> Measurement:
        """The same with nan in every measure of some replicates.

        Args:
            gone: ``(R,)``: which.
        """
        if not gone.any():
            return self

        def masked(values: Array) -> Array:
            values = values.copy()  # some are views of others
            values[gone] = np.nan
            return values

        return self._with_each(masked)

    def of(self, networks: slice) -> Measurement:
        """The same of some networks alone, those of a cell, say
        (:meth:`fa_engine.RunConfig.networks_of`).

        Args:
            networks: which of the ``R``.
        """
        return self._with_each(lambda values: values[networks])

    def _with_each(self, made: Callable[[Array], Array]) -> Measurement:
        """The same with what is made of every array ``(R, ...)``."""
        values: dict[str, Any] = {one.name: getattr(self, one.name) for one in fields(self)}
        for name, value in values.items():
            if isinstance(value, np.ndarray):
                values[name] = made(value)
        values["own"] = {name: made(array) for name, array in self.own.items()}
        return replace(self, **values)
