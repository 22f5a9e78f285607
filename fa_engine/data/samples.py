"""What a source gives, and what it may be asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from fa_engine.seeding import Seed


class DatasetError(RuntimeError):
    """The samples cannot be had; the message says which files to put where."""


@dataclass(frozen=True)
class DataOptions:
    """What a data set may be asked for.

    Attributes:
        label_noise: share of training labels replaced by another class, drawn evenly.
        teacher_hidden: widths of the teacher's own hidden layers.
        regression: targets are the teacher's outputs, not the class of the largest.
        train_samples: only the first so many training samples, of which ``label_noise`` is a
            share; None: all.
        label_seed: what the noise is drawn from; None: what it always was.
        teacher_seed: what teacher and samples are drawn from; None: what they always were.
        standardise: a key of ``fa_engine.data.standard.STANDARDS``.
    """

    label_noise: float = 0.0
    teacher_hidden: tuple[int, ...] = (32,)
    regression: bool = False
    train_samples: int | None = None
    label_seed: Seed | None = None
    teacher_seed: Seed | None = None
    standardise: str = "none"


# float64 samples in [0, 1] or about 0, and labels or targets: train, then test
Samples = tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]

# (data_dir, options) -> samples of any shape each, channels last
Read = Callable[[Path, DataOptions], Samples]
