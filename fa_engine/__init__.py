"""Feedback alignment in PyTorch: train without the transposed weights and measure why it works.

    from fa_engine import RunConfig, Trainer

    for m in Trainer(RunConfig(scheme="fa", replicates=8)):
        print(m.step, m.loss.mean(), m.gradient_angle_deg.mean(0))

The package knows no web and no database. Definitions and symbols follow D. Chu and F. Bacho,
*Random feedback alignment algorithms to train neural networks: why do they align?* (2024).
"""

from fa_engine.config import Limits, NotAllowed, Problem, RunConfig, allowed, bounds, problems
from fa_engine.data.datasets import DATASETS, DataOptions, Dataset, DatasetError, load_dataset
from fa_engine.feedback.schemes import SCHEMES
from fa_engine.measures.alignment import Alignment
from fa_engine.measures.walk import Walk
from fa_engine.training.checkpoint import CheckpointError
from fa_engine.training.trainer import Measurement, Trainer

__all__ = [
    "DATASETS",
    "SCHEMES",
    "Alignment",
    "CheckpointError",
    "DataOptions",
    "Dataset",
    "DatasetError",
    "Limits",
    "Measurement",
    "NotAllowed",
    "Problem",
    "RunConfig",
    "Trainer",
    "Walk",
    "allowed",
    "bounds",
    "load_dataset",
    "problems",
]
