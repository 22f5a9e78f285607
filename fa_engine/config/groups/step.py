"""How an update direction becomes a step, and how many there are."""

from __future__ import annotations

from pydantic import BaseModel

from fa_engine.config.knob import knob
from fa_engine.optimizers import OPTIMIZERS, SCHEDULES


class StepKnobs(BaseModel):
    """How an update direction becomes a step, and how many there are."""

    optimizer: str = knob(
        "sgd",
        "Optimizer",
        "How an update direction becomes a step.",
        rows=OPTIMIZERS,
        group="step",
    )
    learning_rate: float = knob(
        0.1,
        "Learning rate",
        "Length of a step along the update direction.",
        gt=0,
        le=100,
        varies=True,
    )
    momentum: float = knob(
        0.0,
        "Momentum",
        "Share of the last step that is taken again.",
        ge=0,
        lt=1,
        group="step",
        varies=True,
    )
    weight_decay: float = knob(
        0.0,
        "Weight decay",
        "Pull of every weight and bias towards zero, times the learning rate.",
        unit="per step",
        ge=0,
        le=10,
        group="step",
        varies=True,
    )
    batch_size: int = knob(
        64,
        "Batch size",
        "Samples a step is computed from.",
        unit="samples",
        ge=1,
        le=65_536,
        group="step",
    )
    epochs: int = knob(10, "Epochs", "Passes over the training set.", unit="passes", ge=1)
    bias_rate: float = knob(
        1.0,
        "Bias rate",
        "Learning rate of the biases, as a multiple of that of the weights.",
        unit="times",
        ge=0,
        le=1000,
        group="step",
        varies=True,
    )
    schedule: str = knob(
        "constant",
        "Schedule",
        "How the learning rate changes over the run.",
        rows=SCHEDULES,
        group="step",
    )
    schedule_every: int = knob(
        10,
        "Schedule period",
        "Epochs between two steps of the schedule.",
        unit="epochs",
        ge=1,
        group="step",
    )
    schedule_at: tuple[int, ...] = knob(
        (),
        "Schedule epochs",
        "Epochs after which the multi-step schedule takes a step.",
        unit="epochs",
        allowed="whole numbers from 1, each above the one before, such as 10, 15; or empty",
        empty="none",
        group="step",
    )
    schedule_factor: float = knob(
        0.5,
        "Schedule factor",
        "What a step of the schedule multiplies the learning rate by.",
        unit="times",
        gt=0,
        le=1,
        group="step",
        varies=True,
    )
    warmup_epochs: float = knob(
        0.0,
        "Warm-up",
        "Epochs over which the learning rate rises in equal steps to what the schedule says; 0: it "
        "begins there.",
        unit="epochs",
        ge=0,
        le=10_000,
        group="step",
    )
