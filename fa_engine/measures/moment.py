"""A moment of a training: all that a measure may look at, and what becomes of its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fa_engine.feedback.schemes import Feedback
from fa_engine.measures.alignment import Array
from fa_engine.measures.catalogue import MEASURES, Measure, sizes
from fa_engine.networks.losses import Loss
from fa_engine.networks.network import Network, Pass, Product


class MeasureError(RuntimeError):
    """A measure did not give what its row says: which, what, and what is allowed."""


@dataclass(eq=False)  # not frozen: one is made every step, and that would take three times as long
class Moment:
    """One step before it is taken. Look, and change nothing.

    Layers are counted from 0 at the bottom, ``L`` of them. ``*R`` is the replicates, and is left
    out where there is one.

    Attributes:
        step: steps taken so far.
        x: the batch, ``(N, n_0)``.
        y: its targets, ``(N, c)``; ``(R, N, c)`` where networks have labels of their own.
        network: ``weights[l]`` is ``(R, n_out, n_in)``, ``biases[l]`` ``(R, n_out)``.
        feedback: ``matrices[l]`` carries the signal to hidden layer ``l``.
        past: the forward pass: ``past.hidden[l]`` is ``(*R, N, n_l)``, ``past.outputs``
            ``(*R, N, c)``.
        directions: per layer the update direction as a product, ``delta`` ``s_l`` and ``input``
            ``h_{l-1}``; None where a layer hears nothing.
        top: ``e / N``, ``(*R, N, c)``: the output error, that of the loss.
        loss: what is minimised.
    """

    step: int
    x: Tensor
    y: Tensor
    network: Network
    feedback: Feedback
    past: Pass
    directions: Sequence[Product | None]
    top: Tensor
    loss: Loss

    @cached_property
    def true_deltas(self) -> list[Tensor]:
        """Per layer ``d_l``, ``(*R, N, n_l)``: what the true gradient is made of."""
        return self.feedback.true_deltas(self.directions, self.top, self.past)

    @cached_property
    def updates(self) -> list[Tensor]:
        """Per layer ``u_l``, ``(R, n_out, n_in)``: the step is ``-eta u_l``. 0 where none is."""
        weights = self.network.weights
        return [
            torch.zeros_like(w) if u is None else u.matrix().view_as(w)
            for u, w in zip(self.directions, weights, strict=True)
        ]

    @cached_property
    def gradients(self) -> list[Tensor]:
        """Per layer ``g_l = dLoss/dW_l``, ``(R, n_out, n_in)``."""
        weights, inputs = self.network.weights, self.past.inputs
        return [
            Product(d, h).matrix().view_as(w)
            for d, h, w in zip(self.true_deltas, inputs, weights, strict=True)
        ]


def own_measures(moment: Moment) -> dict[str, Array]:
    """The values of all measures that are functions of their own, by name; float64.

    Raises:
        MeasureError: one of them raised, or gave an array of another shape than it says.
    """
    found = {}
    for measure in MEASURES.values():
        if measure.of is not None:
            values = _asked(measure, moment)
            if values is not None:
                found[measure.name] = values
    return found


def _asked(measure: Measure, moment: Moment) -> Array | None:
    origin = MEASURES.origins.get(measure.name, "fa_engine")
    whose = f"The measure {measure.name!r} of {origin}"
    assert measure.of is not None
    try:
        given: Any = measure.of(moment)
    except Exception as error:
        raise MeasureError(f"{whose} failed: {type(error).__name__}: {error}") from error
    if given is None:
        if measure.sparse:
            return None
        raise MeasureError(f"{whose} gave None: allowed is that for a measure with sparse=True")
    lengths = sizes(moment.network.replicates, moment.network.n_layers)
    shape = tuple(lengths[letter] for letter in measure.shape)
    try:
        values = torch.as_tensor(given).detach().to("cpu", torch.float64).numpy()
    except (TypeError, ValueError, RuntimeError) as error:
        raise MeasureError(f"{whose} gave {type(given).__name__}: allowed is an array") from error
    if values.shape != shape:
        raise MeasureError(
            f"{whose} gave an array of shape {values.shape}: allowed is {shape}, as its shape "
            f"{measure.shape!r} says"
        )
    array: Array = np.array(values)  # of our own: what was given may change
    return array
