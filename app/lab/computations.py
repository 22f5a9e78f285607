"""The computations: a checkpoint and parameters in, arrays out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from app.lab.params import KickParams, Params, SpectrumParams
from fa_engine import Trainer
from fa_engine.branching import fork
from fa_engine.perturbation import perturb_and_return
from fa_engine.stability import probe_set, spectrum

_LOOKS = 200  # along what follows a kick


class LeftOff(Exception):
    """Nobody wants the result any more."""


class Progress(Protocol):
    """Told how far a computation is, from 0 to 1."""

    def __call__(self, share: float) -> None:
        """Notes it.

        Raises:
            LeftOff: nobody wants the result any more.
        """


class Loader(Protocol):
    """Opens checkpoints."""

    def __call__(self, run_id: str, step: int) -> Trainer:
        """A trainer that stands where the run stood then."""


def _spectrum(params: SpectrumParams, load: Loader, progress: Progress) -> Mapping[str, Any]:
    trainer = fork(load(params.run_id, params.step), params.replicate - 1, 1)
    probe = probe_set(trainer.data, params.n_samples)
    found = spectrum(trainer, probe, finite_difference=True)
    progress(0.8)
    under_bp = spectrum(trainer, probe, backpropagation=True, error=False)
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
    }
    return {
        "scheme": trainer.scheme,
        "resolution": found.resolution,
        **{name: None if value is None else value[0] for name, value in result.items()},
    }


def _kick(params: KickParams, load: Loader, progress: Progress) -> Mapping[str, Any]:
    trainer = load(params.run_id, params.step)

    def tell(done: int, total: int) -> bool:
        progress(done / total)
        return True

    found = perturb_and_return(
        trainer,
        epsilon=params.epsilon,
        relative=True,
        directions=params.directions,
        steps=params.steps,
        every=max(1, params.steps // _LOOKS),
        replicate=params.replicate - 1,
        along=params.along,
        seed=params.seed,
        kernel_probe=probe_set(trainer.data, params.n_samples),
        progress=tell,
    )
    return vars(found)


@dataclass(frozen=True)
class Computation:
    """One kind of result.

    Attributes:
        params: what it takes.
        run: what it does.
    """

    params: type[Params]
    run: Callable[[Any, Loader, Progress], Mapping[str, Any]]


COMPUTATIONS: dict[str, Computation] = {
    "kick": Computation(KickParams, _kick),
    "spectrum": Computation(SpectrumParams, _spectrum),
}


def kind_of(params: Params) -> str:
    """The name of the computation that takes such parameters."""
    return next(name for name, known in COMPUTATIONS.items() if known.params is type(params))


def compute(
    kind: str, params: Mapping[str, Any], load: Loader, progress: Progress
) -> Mapping[str, Any]:
    """The result of a task.

    Raises:
        fa_engine.NotAllowed: the checkpoint does not allow it; the message names the field.
        fa_engine.CheckpointError: the checkpoint cannot be read.
        LeftOff: nobody wants it any more.
    """
    found = COMPUTATIONS[kind]
    return found.run(found.params.model_validate(params), load, progress)
