"""Measures: a row for each value of a Measurement. What is drawn, exported or compared is one.

Definitions are those of docs/MATH.md, sections 3, 6 and 7. Those that have no function of their own
are measured together, since they share most of their products.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fa_engine.registry import Registry

# From a fa_engine.measures.moment.Moment to an array of the shape that the row says, NumPy's or
# PyTorch's; None where nothing is measured.
Of = Callable[[Any], Any]

NORM, LOSS, ANGLE, SHARE, COSINE = "norm", "loss", "°", "share", "cosine"


SHAPES = ("R", "RH", "RL")  # of a measure, see there


@dataclass(frozen=True)
class Measure:
    """One measure.

    Attributes:
        name: of the field of :class:`fa_engine.Measurement`.
        title: what a page calls it.
        unit: in a word.
        text: one sentence.
        shape: beyond time, a letter an axis: ``R`` replicates, ``H`` hidden layers, ``L`` layers of
            weights, bottom first.
        log: whether a logarithmic axis suits it.
        best: ``lowest`` or ``highest``, where one of them is what is hoped for; else empty.
        walk: whether it is there only where ``RunConfig.walk`` is on.
        sparse: whether it may be missing at some measurements or all.
        of: makes it from one moment; None: it is measured together with others.
    """

    name: str
    title: str
    unit: str
    text: str
    shape: str
    log: bool = False
    best: str = ""
    walk: bool = False
    sparse: bool = False
    of: Of | None = None


_ROWS = (
    Measure(
        "loss",
        "Loss",
        LOSS,
        "Of one batch, the one that the next step is taken on, before that step.",
        "R",
        log=True,
        best="lowest",
    ),
    Measure(
        "accuracy",
        "Accuracy",
        SHARE,
        "Share of that batch that is classified correctly.",
        "R",
        best="highest",
    ),
    Measure(
        "test_loss",
        "Test loss",
        LOSS,
        "Of the whole test set, now and then.",
        "R",
        log=True,
        best="lowest",
        sparse=True,
    ),
    Measure(
        "test_accuracy",
        "Test accuracy",
        SHARE,
        "Share of the whole test set that is classified correctly, now and then.",
        "R",
        best="highest",
        sparse=True,
    ),
    Measure(
        "gradient_angle_deg",
        "Gradient angle",
        ANGLE,
        "Between a hidden layer's update and its true gradient: 90° is chance, 0° backpropagation.",
        "RH",
        best="lowest",
    ),
    Measure(
        "hidden_angle_deg",
        "Hidden angle",
        ANGLE,
        "The gradient angle over the weights of all hidden layers together.",
        "R",
        best="lowest",
    ),
    Measure(
        "delta_angle_deg",
        "Delta angle",
        ANGLE,
        "Between a hidden layer's feedback and its true error, over the whole batch.",
        "RH",
        best="lowest",
    ),
    Measure(
        "delta_cosine_mean",
        "Delta cosine",
        COSINE,
        "Between a sample's feedback and its true error, mean over the samples of the batch.",
        "RH",
        best="highest",
    ),
    Measure(
        "delta_cosine_std",
        "Spread of the delta cosine",
        COSINE,
        "Standard deviation over the samples of the cosine between feedback and true error.",
        "RH",
    ),
    Measure(
        "weight_angle_deg",
        "Weight angle",
        ANGLE,
        "Between a hidden layer's feedback matrix and the weights that it stands for.",
        "RH",
        best="lowest",
    ),
    Measure(
        "update_norm",
        "Update norm",
        NORM,
        "Length of a hidden layer's update, before the learning rate.",
        "RH",
        log=True,
    ),
    Measure(
        "gradient_norm",
        "Gradient norm",
        NORM,
        "Length of a hidden layer's true gradient.",
        "RH",
        log=True,
    ),
    Measure(
        "descent_rate",
        "Descent rate",
        "loss per unit of rate",
        "How fast a layer's update lowers the loss, to first order; below 0 it leads uphill.",
        "RL",
    ),
    Measure(
        "displacement",
        "Displacement",
        NORM,
        "Distance of a layer's weights from where they started.",
        "RL",
        walk=True,
        sparse=True,
    ),
    Measure(
        "path_length",
        "Path length",
        NORM,
        "Length of the way that a layer's weights have come.",
        "RL",
        walk=True,
        sparse=True,
    ),
    Measure(
        "update_cosine",
        "Update cosine",
        COSINE,
        "Between a layer's update and the one before: whether consecutive steps agree.",
        "RL",
        walk=True,
        sparse=True,
    ),
    Measure(
        "loss_change",
        "Loss change",
        LOSS,
        "What a step did to the loss of its own batch.",
        "R",
        walk=True,
        sparse=True,
    ),
    Measure(
        "predicted_loss_change",
        "Predicted loss change",
        LOSS,
        "What the step was expected to do to that loss, to first order.",
        "R",
        walk=True,
        sparse=True,
    ),
    Measure(
        "conserved",
        "Conserved quantity",
        "squared norm",
        "What feedback alignment conserves of a hidden layer, mean over its units.",
        "RH",
        walk=True,
        sparse=True,
    ),
    Measure(
        "conserved_drift",
        "Drift of the conserved quantity",
        "squared norm",
        "How far that has moved since the scheme in force took over, over its units.",
        "RH",
        log=True,
        walk=True,
        sparse=True,
    ),
)

MEASURES: Registry[Measure] = Registry("measure", **{row.name: row for row in _ROWS})
"""A :class:`Measure` by name, in the order of the pages."""


def sizes(replicates: int, layers: int) -> dict[str, int]:
    """How long the axis of each letter of a shape is; ``layers`` of weights."""
    return {"R": replicates, "H": layers - 1, "L": layers}
