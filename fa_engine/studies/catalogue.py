"""All experiments, by name. Others add theirs with ``EXPERIMENTS.add(name, experiment)``."""

from __future__ import annotations

from fa_engine.registry import Registry
from fa_engine.studies.experiment import Experiment
from fa_engine.studies.further import FURTHER
from fa_engine.studies.paper import CLAIMS

EXPERIMENTS: Registry[Experiment] = Registry("experiment", **CLAIMS, **FURTHER)
"""By name, in the order in which they are told of."""
