"""How many networks there are, what is measured of them, and where they are trained."""

from __future__ import annotations

from pydantic import BaseModel

from fa_engine.config.knob import knob
from fa_engine.seeding import DRAWS, OLD_DRAWS


class MeasuringKnobs(BaseModel):
    """How many networks there are, what is measured of them, and where they are trained."""

    seed: int = knob(
        0,
        "Seed",
        "Of weights and feedback; the same seed repeats the run. See Draws for what else is of it.",
        ge=0,
        lt=2**31,
        varies=True,
    )
    replicates: int = knob(
        4,
        "Replicates",
        "Networks trained side by side, each with weights and feedback matrices of its own.",
        unit="networks",
        ge=1,
    )
    measure_every: int = knob(
        10,
        "Measure every",
        "Steps between two points of the charts.",
        unit="steps",
        ge=1,
        le=10**9,
        group="measuring",
    )
    evaluate_every: int = knob(
        100,
        "Evaluate every",
        "Steps between two looks at the test set, each made at the next measurement.",
        unit="steps",
        ge=1,
        le=10**9,
        group="measuring",
    )
    measures: str = knob(
        "all",
        "Measures",
        "Which alignments are measured; gradient alone is quicker on small networks.",
        rows={"all": "All", "gradient": "Gradient alignment alone"},
        group="measuring",
    )
    walk: bool = knob(
        False,
        "Follow the walk",
        "Whether every step is measured too: displacement, path, and what it did to the loss.",
        group="measuring",
    )
    draws: int = knob(
        OLD_DRAWS,
        "Draws",
        "1: replicate r of seed s is that of seed s + r, and batches, label noise and teacher are "
        "the same for all seeds. 2: no network shares a draw with any other of any seed, and the "
        "rest is of the seed too: for averages over seeds.",
        group="measuring",
        ge=OLD_DRAWS,
        le=DRAWS,
    )
    device: str = knob(
        "auto",
        "Device",
        "Where the arithmetic runs; automatic: on the GPU, if there is one and it is the quicker.",
        rows={"auto": "Automatic", "cpu": "CPU", "cuda": "CUDA GPU"},
        group="machine",
    )
    dtype: str = knob(
        "float32",
        "Precision",
        "Floating-point type of weights and activations. In float32 angles below 0.02 degrees "
        "are rounding.",
        rows={"float32": "float32", "float64": "float64"},
        group="machine",
    )
