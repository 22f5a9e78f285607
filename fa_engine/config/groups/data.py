"""What the network sees."""

from __future__ import annotations

from pydantic import BaseModel

from fa_engine.config.knob import knob
from fa_engine.data.datasets import DATASETS
from fa_engine.data.standard import STANDARDS


class DataKnobs(BaseModel):
    """What the network sees."""

    dataset: str = knob(
        "digits",
        "Data set",
        f"What the network learns to tell apart. {DATASETS['digits'].text}",
        rows=DATASETS,
    )
    train_samples: int | None = knob(
        None,
        "Training samples",
        "Only the first so many; empty: all. Few can be learned to the last digit.",
        group="data",
        empty="all",
        ge=1,
    )
    standardise: str = knob(
        "none",
        "Standardise inputs",
        "What is brought to mean 0 and variance 1 over the training samples that are used; a "
        "feature that never varies becomes 0.",
        rows=STANDARDS,
        group="data",
    )
    label_noise: float = knob(
        0.0,
        "Label noise",
        "Share of training labels replaced by another class.",
        ge=0,
        le=1,
        group="data",
        varies=True,
    )
    teacher_hidden: tuple[int, ...] = knob(
        (32,),
        "Teacher's layers",
        "Widths of the hidden layers of the teacher (teacher and student only).",
        unit="neurons",
        allowed="up to 8 widths, each a whole number from 1 to 4096, such as 32, 32",
        group="data",
    )
    shuffle: bool = knob(
        True, "Shuffle", "Whether every epoch takes the samples in a new order.", group="data"
    )
    order_seed: int | None = knob(
        None,
        "Seed of the order",
        "Of the order in which samples are taken; empty: as Draws says. One number holds it fixed "
        "while seeds change.",
        group="data",
        empty="as Draws says",
        ge=0,
        lt=2**31,
    )
    label_seed: int | None = knob(
        None,
        "Seed of the noise",
        "Of which labels are replaced by which, where some are; empty: as Draws says.",
        group="data",
        empty="as Draws says",
        ge=0,
        lt=2**31,
    )
    teacher_seed: int | None = knob(
        None,
        "Seed of the teacher",
        "Of the teacher and its samples (teacher and student only); empty: as Draws says.",
        group="data",
        empty="as Draws says",
        ge=0,
        lt=2**31,
    )
