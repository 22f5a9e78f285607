"""Runs an experiment: trains its arms, asks its predictions, gives the verdict."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from fa_engine.config import RunConfig
from fa_engine.data.datasets import Dataset
from fa_engine.dynamics.diffusion import Trajectory
from fa_engine.files.collected import Collected
from fa_engine.progress import Cancelled
from fa_engine.studies.catalogue import EXPERIMENTS
from fa_engine.studies.curves import curves
from fa_engine.studies.evidence import Evidence, Shown
from fa_engine.studies.experiment import REPLICATES, Experiment, Prediction
from fa_engine.studies.outcome import Answer, Outcome
from fa_engine.studies.verdicts import Finding, Verdict, judge
from fa_engine.training.trainer import Trainer

Samples = Callable[[RunConfig], Dataset]
"""Where the samples of a run come from."""

Tell = Callable[[float, Mapping[str, Collected]], bool]
"""``(share of the steps that are taken, what each arm has measured) -> whether to go on``."""


def run(
    name: str,
    dataset: str = "digits",
    *,
    replicates: int = REPLICATES,
    device: str = "cpu",
    data_dir: Path | str | None = None,
    samples: Samples | None = None,
    tell: Tell | None = None,
) -> Outcome:
    """Trains all arms and gives the verdict.

    Args:
        name: of one of :data:`~fa_engine.studies.catalogue.EXPERIMENTS`.
        dataset: one that the experiment can be asked of.
        replicates: networks of each arm; too few leave everything undecided. Some experiments
            have more.
        device: ``auto``, ``cpu`` or ``cuda``.
        data_dir: as for :class:`~fa_engine.Trainer`.
        samples: gives them where they are loaded already.
        tell: is told of every measurement.

    Raises:
        KeyError: there is no such experiment.
        NotAllowed: it cannot be asked of this data set.
        pydantic.ValidationError: a field is out of range.
        DatasetError: the samples cannot be had.
        Cancelled: ``tell`` said so.
    """
    experiment, began = EXPERIMENTS[name], time.monotonic()
    configs = experiment.configs(dataset, replicates, device=device)
    evidence = train(experiment, configs, data_dir=data_dir, samples=samples, tell=tell)
    answers = tuple(answer(prediction, evidence) for prediction in experiment.predictions)
    lost = {name: int(shown.trainer.diverged.sum()) for name, shown in evidence.items()}
    return Outcome(
        name=name,
        experiment=experiment,
        dataset=dataset,
        configs=configs,
        answers=answers,
        curves={name: curves(each.series, experiment.shows) for name, each in evidence.items()},
        lost={name: count for name, count in lost.items() if count},
        seconds=time.monotonic() - began,
        ended_at=datetime.now(UTC),
    )


def undecided(name: str, dataset: str, reason: str, replicates: int = REPLICATES) -> Outcome:
    """The outcome of an experiment that could not be run.

    Args:
        name, dataset, replicates: as for :func:`run`.
        reason: why it could not.
    """
    experiment = EXPERIMENTS[name]
    nothing = Finding(np.full(0, np.nan), None, Verdict.UNDECIDED, reason)
    return Outcome(
        name=name,
        experiment=experiment,
        dataset=dataset,
        configs=experiment.configs(dataset, replicates),
        answers=tuple(Answer(prediction, nothing) for prediction in experiment.predictions),
        curves={arm: [] for arm in experiment.arms},
        lost={},
        seconds=0.0,
        ended_at=datetime.now(UTC),
    )


def answer(prediction: Prediction, evidence: Evidence) -> Answer:
    """What the networks say of a prediction. One that cannot be computed is undecided: of a network
    that diverged there is no number, whatever is made of nan.

    Args:
        prediction: whose effect is asked for.
        evidence: what the arms have shown.
    """
    try:
        with np.errstate(all="ignore"):
            values = np.asarray(prediction.effect(evidence), dtype=float)
    except Exception as error:  # of others' experiments, or of what diverged at once
        reason = f"it could not be computed: {error or type(error).__name__}"
        return Answer(prediction, Finding(np.full(0, np.nan), None, Verdict.UNDECIDED, reason))
    return Answer(prediction, judge(values, prediction.rule))


def train(
    experiment: Experiment,
    configs: Mapping[str, RunConfig],
    *,
    data_dir: Path | str | None = None,
    samples: Samples | None = None,
    tell: Tell | None = None,
) -> Evidence:
    """What the arms show.

    Args:
        experiment: whose arms they are.
        configs: of each arm, in the order of the experiment.
        data_dir, samples, tell: as for :func:`run`.

    Raises:
        DatasetError, Cancelled: see :func:`run`.
    """
    total, done = sum(config.total_steps for config in configs.values()), 0
    collected, shown = dict[str, Collected](), dict[str, Shown]()
    for name, config in configs.items():
        after = experiment.arms[name].after
        weights = shown[after].trainer.network.state() if after else None
        data = samples(config) if samples else None
        trainer = Trainer(config, data_dir=data_dir, data=data, weights=weights)
        trajectory = Trajectory(trainer.network) if config.walk else None
        collected[name] = Collected(config)
        while not trainer.finished:
            if trajectory is not None:
                trajectory.record(trainer.step)
            measurement = trainer.advance()
            if measurement is None:
                continue
            collected[name].add(measurement)
            if tell is not None and not tell((done + trainer.step) / total, collected):
                raise Cancelled(f"called off in {name}, at step {trainer.step:,}")
        done += config.total_steps
        shown[name] = Shown(config, collected[name].series(), trainer, trajectory)
    return shown
