"""What a script uses of the engine: the names of :mod:`fa_engine`, which has them from here.

With them come the plugins that add to what these hold.
"""

import fa_engine.plugins as plugins
import fa_engine.register as register
from fa_engine.config import Limits, NotAllowed, Problem, RunConfig, allowed, bounds, problems
from fa_engine.data.datasets import (
    DATASETS,
    DataOptions,
    Dataset,
    DatasetError,
    DatasetSpec,
    load_dataset,
)
from fa_engine.dynamics.branching import hand_over
from fa_engine.dynamics.probes import Probe, probe_set
from fa_engine.dynamics.stability import Spectrum, spectrum
from fa_engine.feedback.matrices import MATRICES, FeedbackOptions, Matrices
from fa_engine.feedback.schemes import SCHEMES, SIGNALS, Feedback, Scheme, Signal
from fa_engine.measures.alignment import Alignment, measure
from fa_engine.measures.catalogue import MEASURES, Measure
from fa_engine.measures.moment import MeasureError, Moment
from fa_engine.measures.walk import Walk
from fa_engine.networks.activations import ACTIVATIONS, Activation
from fa_engine.networks.layers import build_layers
from fa_engine.networks.losses import LOSSES, Loss
from fa_engine.networks.network import Network, Pass, Product
from fa_engine.optimizers import StepOptions, make_optimizer
from fa_engine.plugins import PluginError
from fa_engine.registry import RegistryError
from fa_engine.seeding import Draw
from fa_engine.studies.catalogue import EXPERIMENTS
from fa_engine.studies.experiment import Arm, Experiment, Prediction
from fa_engine.studies.running import run as run_experiment
from fa_engine.studies.verdicts import Rule
from fa_engine.training.checkpoint import CheckpointError
from fa_engine.training.measurement import Measurement
from fa_engine.training.trainer import Trainer

__all__ = [
    "ACTIVATIONS",
    "DATASETS",
    "EXPERIMENTS",
    "LOSSES",
    "MATRICES",
    "MEASURES",
    "SCHEMES",
    "SIGNALS",
    "Activation",
    "Alignment",
    "Arm",
    "CheckpointError",
    "DataOptions",
    "Dataset",
    "DatasetError",
    "DatasetSpec",
    "Draw",
    "Experiment",
    "Feedback",
    "FeedbackOptions",
    "Limits",
    "Loss",
    "Matrices",
    "Measure",
    "MeasureError",
    "Measurement",
    "Moment",
    "Network",
    "NotAllowed",
    "Pass",
    "PluginError",
    "Prediction",
    "Probe",
    "Problem",
    "Product",
    "RegistryError",
    "Rule",
    "RunConfig",
    "Scheme",
    "Signal",
    "Spectrum",
    "StepOptions",
    "Trainer",
    "Walk",
    "allowed",
    "bounds",
    "build_layers",
    "hand_over",
    "load_dataset",
    "make_optimizer",
    "measure",
    "probe_set",
    "problems",
    "register",
    "run_experiment",
    "spectrum",
]

plugins.load()  # at the end: they import what is above
