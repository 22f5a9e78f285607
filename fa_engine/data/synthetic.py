"""Data sets that are made on the spot, the same ones every time."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fa_engine.data.samples import DataOptions, Samples
from fa_engine.seeding import SAMPLES, numpy_generator

TEACHER_FEATURES, TEACHER_CLASSES, TEACHER_TRAIN, TEACHER_TEST = 32, 10, 8192, 2048
SPIRALS, SPIRALS_TRAIN, SPIRALS_TEST = 3, 3000, 600


def read_teacher(_data_dir: Path, options: DataOptions) -> Samples:
    """Gaussian samples and what a random tanh network, the teacher, says of them."""
    seed = options.teacher_seed
    source = numpy_generator(SAMPLES) if seed is None else numpy_generator(seed, SAMPLES)
    x = source.standard_normal((TEACHER_TRAIN + TEACHER_TEST, TEACHER_FEATURES))
    h = x
    for width in options.teacher_hidden:
        weights = source.standard_normal((width, h.shape[1])) * (2 / h.shape[1] ** 0.5)
        h = np.tanh(h @ weights.T)
    f = h @ (source.standard_normal((TEACHER_CLASSES, h.shape[1])) / h.shape[1] ** 0.5).T
    y = f if options.regression else f.argmax(1)
    n = TEACHER_TRAIN
    return x[:n], y[:n], x[n:], y[n:]


def read_spirals(_data_dir: Path, _options: DataOptions) -> Samples:
    """Three interleaved spirals in the plane, one class each."""
    source = np.random.default_rng([SAMPLES, 1])
    labels = np.arange(SPIRALS_TRAIN + SPIRALS_TEST) % SPIRALS
    radius = source.uniform(0.1, 1, len(labels))
    turn = 2 * np.pi * (labels / SPIRALS + radius)
    turn += source.normal(0, 0.15, len(labels))
    x = np.stack([radius * np.cos(turn), radius * np.sin(turn)], 1)
    n = SPIRALS_TRAIN
    return x[:n], labels[:n], x[n:], labels[n:]
