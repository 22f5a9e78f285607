"""The computations: a checkpoint and parameters in, arrays out."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load_file

from app.lab.params import (
    OWN,
    CheckpointParams,
    DiffusionParams,
    ExperimentParams,
    KickParams,
    LandscapeParams,
    Params,
    ProbeParams,
    SpectrumParams,
    WalkParams,
    Wanted,
)
from app.lab.walk import WalkRows, median, walk_lines
from app.store import Unstable
from fa_engine import CheckpointError, Dataset, DatasetError, NotAllowed, RunConfig, Trainer
from fa_engine.dynamics.branching import fork
from fa_engine.dynamics.decides import decision
from fa_engine.dynamics.diffusion import LEAST_SNAPSHOTS, mean_squared_displacement, power_law
from fa_engine.dynamics.landscape import landscape
from fa_engine.dynamics.perturbation import perturb_and_return
from fa_engine.dynamics.probes import probe_bytes
from fa_engine.dynamics.stability import probe_set, spectrum
from fa_engine.files.collected import Collected
from fa_engine.memory import peak_bytes
from fa_engine.studies.catalogue import EXPERIMENTS
from fa_engine.studies.curves import curves
from fa_engine.studies.running import run, undecided

LOADING_S = 0.2  # between two looks whether samples are there
SHOWN_S = 1.0  # between two looks at the curves of an experiment that is under way


class LeftOff(Exception):
    """Nobody wants the result any more."""


class Progress(Protocol):
    """Told how far a computation is, from 0 to 1."""

    def __call__(self, share: float, so_far: Mapping[str, Any] | None = None) -> None:
        """Notes it.

        Args:
            share: that is done.
            so_far: what may be shown meanwhile.

        Raises:
            LeftOff: nobody wants the result any more.
        """


class Shelf(Protocol):
    """Where checkpoints are found."""

    def trajectory(self, run_id: str) -> Path:
        """The file of a run's trajectory, :class:`fa_engine.dynamics.diffusion.Trajectory`."""

    def samples(self, config: RunConfig) -> Future[Dataset]:
        """What a configuration trains on: there already, on its way, or an error."""

    def series(self, run_id: str, until: int) -> WalkRows:
        """What a run has measured up to an event."""

    def open(
        self, run_id: str, step: int, beside: Callable[[RunConfig], int] = lambda _: 0
    ) -> Trainer:
        """A trainer that stands where the run stood then.

        Args:
            run_id: the run.
            step: of its checkpoint.
            beside: bytes that the question takes with the trainer, of the run's configuration.

        Raises:
            CheckpointError: the checkpoint cannot be read, or takes more memory than is allowed.
        """


def _spectrum(params: SpectrumParams, shelf: Shelf, progress: Progress) -> Mapping[str, Any]:
    trainer = fork(_opened(params, shelf, *_place(params)), params.replicate - 1, 1)
    _put_under(trainer, params.under)
    probe = probe_set(trainer.data, params.n_samples)
    found = spectrum(
        trainer, probe, finite_difference=True, progress=_told(lambda share: progress(0.8 * share))
    )
    under_bp = spectrum(
        trainer,
        probe,
        backpropagation=True,
        error=False,
        progress=_told(lambda share: progress(0.8 + 0.2 * share)),
    )
    result = {
        "eigenvalues": found.eigenvalues,
        "symmetric": found.symmetric,
        "error_eigenvalues": found.error_eigenvalues,
        "bp": under_bp.eigenvalues.real,
        "n_unstable": found.n_unstable,
        "unstable_share": found.unstable_share,
        "min_real": found.min_real,
        "max_real": found.max_real,
        "error_unstable_share": found.error_unstable_share,
        "misaligned_share": found.misaligned_share,
        "overshooting_share": found.overshooting_share(trainer.learning_rate),
        "kernel_rate": found.kernel_rate,
        "product_rate": found.product_rate,
        "finite_rate": found.finite_rate,
        "angle_deg": found.angle_deg,
        "error_left": found.error_left,
        "growth": found.growth,
        "n_outside": found.n_outside,
    }
    shown = (found.eigenvalues, found.symmetric, found.error_eigenvalues, under_bp.eigenvalues)
    return {
        **_decided(trainer),
        "reach": max(float(np.abs(values).max()) for values in shown if values is not None),
        "learning_rate": trainer.learning_rate,
        "n_roots": None if found.roots is None else found.roots.shape[1],
        "resolution": found.resolution,
        "comparable": params.replicate == 1
        and params.n_samples >= SpectrumParams.default_samples(trainer.config),
        **{name: None if value is None else value[0] for name, value in result.items()},
    }


def _put_under(trainer: Trainer, scheme: str) -> None:
    """Switches to another scheme, unless it is to keep its own."""
    if scheme != OWN:
        trainer.scheme = scheme


def _decided(trainer: Trainer) -> dict[str, Any]:
    """The scheme in force, and what ``K`` decides of it."""
    said = decision(trainer.feedback.scheme, trainer.config)
    return {
        "scheme": trainer.scheme,
        "signal": trainer.feedback.scheme.signal,
        "words": " ".join(said.words),
        **{name: getattr(said, name) for name in ("rests", "stability", "of_moment", "pace")},
    }


def _kick(params: KickParams, shelf: Shelf, progress: Progress) -> Mapping[str, Any]:
    trainer = _opened(params, shelf, *_place(params))
    _put_under(trainer, params.under)
    found = perturb_and_return(
        trainer,
        epsilon=params.epsilon,
        relative=True,
        directions=params.directions,
        steps=params.steps or None,
        every=None,
        replicate=params.replicate - 1,
        along=params.along,
        seed=params.seed,
        kernel_probe=probe_set(trainer.data, params.n_samples),
        progress=_told(progress),
    )
    return vars(found) | _decided(trainer)


def _walk(params: WalkParams, shelf: Shelf, _progress: Progress) -> Mapping[str, Any]:
    return walk_lines(shelf.series(params.run_id, params.until))


def _diffusion(params: DiffusionParams, shelf: Shelf, _progress: Progress) -> Mapping[str, Any]:
    try:
        named = load_file(shelf.trajectory(params.run_id))
    except (OSError, SafetensorError) as error:
        raise CheckpointError("The trajectory of this run cannot be read.") from error
    steps, interval = named["trajectory.steps"].numpy(), int(named["trajectory.interval"])
    if len(steps) < LEAST_SNAPSHOTS:
        first = interval * (LEAST_SNAPSHOTS - 1)
        allowed = f"a step from {first:,} on; the walk is looked at every {interval:,} steps"
        raise NotAllowed("step", params.step, allowed)
    layers = range(sum(name.removeprefix("trajectory.").isdecimal() for name in named))
    found = [mean_squared_displacement(steps, named[f"trajectory.{i}"].numpy()) for i in layers]
    # Of those that have not diverged: the others have no displacement.
    squared = np.stack([median(each.squared) for each in found], 1)
    exponent, factor = power_law(found[0].lags, squared)
    return {"lags": found[0].lags, "squared": squared, "exponent": exponent, "factor": factor}


def _landscape(params: LandscapeParams, shelf: Shelf, progress: Progress) -> Mapping[str, Any]:
    runs: dict[str, list[tuple[str, int]]] = {}
    for run_id, step, _ in params.places:
        runs.setdefault(run_id, []).append((run_id, step))

    def load(place: tuple[str, int]) -> Trainer:
        return _opened(params, shelf, *place, several=len(runs) > 1)

    found = landscape(
        list(runs.values()),
        load=load,
        replicate=params.replicate - 1,
        through=[(0, place) for place in params.through] if params.plane == "three" else None,
        n=params.resolution,
        n_samples=params.n_samples,
        progress=_told(progress),
    )
    walks = {
        name: np.concatenate([getattr(walk, name) for walk in found.walks])
        for name in ("steps", "at", "off", "loss", "update", "gradient")
    }
    return {
        "x": found.surface.x,
        "y": found.surface.y,
        "surface": found.surface.loss,
        "explained": found.explained,
        "run": np.repeat(np.arange(len(found.walks)), [len(w.steps) for w in found.walks]),
        **walks,
    }


def _experiment(params: ExperimentParams, shelf: Shelf, progress: Progress) -> Mapping[str, Any]:
    shows = EXPERIMENTS[params.experiment].shows
    told_at, done = time.monotonic(), 0.0

    def samples(config: RunConfig) -> Dataset:
        coming = shelf.samples(config)
        while not wait([coming], timeout=LOADING_S).done:  # it may have to come from far away
            progress(done)
        return coming.result()

    def tell(share: float, collected: Mapping[str, Collected]) -> bool:
        nonlocal told_at, done
        done = share
        if time.monotonic() - told_at < SHOWN_S:
            progress(share)
            return True
        seen = {name: curves(each.series(), shows) for name, each in collected.items()}
        progress(share, {"arms": json.dumps(seen)})
        told_at = time.monotonic()
        return True

    try:
        found = run(params.experiment, params.dataset, samples=samples, tell=tell)
    except DatasetError as error:
        found = undecided(params.experiment, params.dataset, str(error))
    progress(1.0)  # who has stopped it meanwhile wants no outcome
    return {"outcome": json.dumps(found.to_dict(), allow_nan=False)}


def _place(params: CheckpointParams) -> tuple[str, int]:
    return params.run_id, params.step


def _opened(params: Params, shelf: Shelf, run_id: str, step: int, several: bool = False) -> Trainer:
    """A trainer that has the replicate that is asked for, counted from 1."""
    trainer = shelf.open(run_id, step, lambda config: _question_bytes(params, config))
    params.check_replicate(trainer.config, run_id if several else "")
    return trainer


def _question_bytes(params: Params, config: RunConfig) -> int:
    """What a computation takes beside the run that it is about, in bytes, about."""
    found = 0
    if isinstance(params, ProbeParams):
        found = probe_bytes(config.replace(replicates=1), params.n_samples)
    if isinstance(params, KickParams):
        copies = 1 + (params.directions if params.along == "random" else 2)
        found = max(found, peak_bytes(config.replace(replicates=copies, walk=False)))
    return found


def _told(progress: Callable[[float], None]) -> Callable[[int, int], bool]:
    """The lab's progress as the engine reports it."""

    def tell(done: int, total: int) -> bool:
        progress(done / total)
        return True

    return tell


@dataclass(frozen=True)
class Computation:
    """One kind of result.

    Attributes:
        params: what it takes.
        run: what it does.
        lengthy: it may take minutes; the others are computed in between.
        longest: it takes longer still: lengthy ones are computed in between too.
    """

    params: type[Wanted]
    run: Callable[[Any, Shelf, Progress], Mapping[str, Any]]
    lengthy: bool = False
    longest: bool = False


COMPUTATIONS: dict[str, Computation] = {
    "diffusion": Computation(DiffusionParams, _diffusion),
    "experiment": Computation(ExperimentParams, _experiment, lengthy=True, longest=True),
    "kick": Computation(KickParams, _kick, lengthy=True),
    "landscape": Computation(LandscapeParams, _landscape, lengthy=True),
    "spectrum": Computation(SpectrumParams, _spectrum),
    "walk": Computation(WalkParams, _walk),
}


def kind_of(params: Wanted) -> str:
    """The name of the computation that takes such parameters."""
    return next(name for name, known in COMPUTATIONS.items() if known.params is type(params))


def compute(
    kind: str, params: Mapping[str, Any], shelf: Shelf, progress: Progress
) -> Mapping[str, Any]:
    """The result of a task.

    Raises:
        fa_engine.NotAllowed: the checkpoint does not allow it; the message names the field.
        fa_engine.CheckpointError: the checkpoint cannot be read.
        LeftOff: nobody wants it any more.
    """
    found = COMPUTATIONS[kind]
    given = found.params.model_validate(params)
    try:
        return found.run(given, shelf, progress)
    except NotAllowed as error:
        if error.problem.field != "replicate" or not isinstance(given, Params):
            raise
        # The engine counts replicates from 0.
        raise NotAllowed("replicate", given.replicate, error.problem.allowed) from error


def unstable_of(kind: str, params: Mapping[str, Any], found: Mapping[str, Any]) -> Unstable | None:
    """What a result says of its run in the list of runs, where one is compared with another: a
    spectrum of its first network under its own scheme, on no fewer samples than a page begins with,
    of which ``K``, or ``H K`` where the loss is no squared error, decides something.

    Args:
        kind, params: of the computation.
        found: its result.
    """
    if kind != "spectrum" or params["under"] != OWN or not found["comparable"]:
        return None
    share = found["error_unstable_share"]
    share = found["unstable_share"] if share is None else share
    decides = found["stability"] or found["of_moment"]
    if share is None or not decides or not np.isfinite(share):
        return None
    return Unstable(params["run_id"], params["step"], float(share))
