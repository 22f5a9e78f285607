"""Parameters of the lab's computations: unit, range, default and words of each, in one place."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)

from fa_engine import DATASETS, SCHEMES, NotAllowed, Problem, RunConfig, problems
from fa_engine.config import knob, knob_of, refusal
from fa_engine.dynamics.probes import check_samples, most_samples
from fa_engine.dynamics.stability import PATIENCE
from fa_engine.studies.catalogue import EXPERIMENTS
from fa_engine.typed import hint, number


def _param(
    default: Any,
    title: str,
    description: str,
    allowed: str,
    *,
    unit: str = "",
    rows: Mapping[str, Any] | None = None,
    **constraints: Any,
) -> Any:
    return knob(default, title, description, allowed=allowed, unit=unit, rows=rows, **constraints)


def _whole(default: int, low: int, high: int, title: str, description: str, unit: str = "") -> Any:
    allowed = f"a whole number from {low:,} to {high:,}"
    return _param(default, title, description, allowed, unit=unit, ge=low, le=high)


class Wanted(BaseModel):
    """Parameters of one computation.

    Raises:
        pydantic.ValidationError: ``fa_engine.problems(error)`` names field, value and what is
            allowed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="wrap")
    @classmethod
    def _named(cls, value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        """One message for whatever a field objects to: its name, its value, what is allowed."""
        name = str(info.field_name)
        about = knob_of(cls.model_fields[name])
        try:
            accepted = handler(number(cls.model_fields[name].annotation, value))
            if about.options is not None and accepted not in about.options:
                raise ValueError(name)
        except ValueError as error:
            allowed = (about.allowed or "a checkpoint's own") + hint(error)
            raise refusal(name, value, allowed) from None
        return accepted


class Params(Wanted):
    """Parameters of one computation on checkpoints.

    Attributes:
        replicate: which network of the run, from 1.
    """

    replicate: int = _whole(1, 1, 1_000_000, "Network", "Which of the run's networks.")

    @classmethod
    def allowed(cls, _config: RunConfig) -> dict[str, str]:
        """What a run of this configuration allows, of fields whose own range says more."""
        return {}

    def check(self, config: RunConfig) -> None:
        """Refuses what a run of this configuration does not allow.

        Raises:
            fa_engine.config.NotAllowed: it names field, value and what is allowed.
        """
        self.check_replicate(config)

    def check_replicate(self, config: RunConfig, run: str = "") -> None:
        """Refuses a network that a run does not have.

        Args:
            config: the run's.
            run: its name, where there are several.

        Raises:
            fa_engine.config.NotAllowed: it names field, value and what is allowed.
        """
        if self.replicate > config.replicates:
            whose = f", the networks of {run}" if run else ""
            raise NotAllowed("replicate", self.replicate, f"from 1 to {config.replicates}{whose}")


class CheckpointParams(Params):
    """Of a computation on one checkpoint.

    Attributes:
        run_id, step, seq: the checkpoint; ``seq`` tells two of the same step apart.
    """

    run_id: str = ""
    step: int = 0
    seq: int = 0


class PathParams(Params):
    """Of a computation on several checkpoints.

    Attributes:
        places: run, step and seq of each, in order.
    """

    places: tuple[tuple[str, int, int], ...] = ()


class WalkParams(Params):
    """Of a run's measurements as the Walk page draws them.

    Attributes:
        run_id: the run.
        until: seq of the last event that counts.
    """

    run_id: str = ""
    until: int = 0


OWN = "own"


_ALONG = {
    "telling": "The telling mode",
    "least_stable": "Least stable mode",
    "quickest": "Mode that dies out quickest",
    "random": "Random",
}


def _under(description: str) -> Any:
    return _param(
        OWN,
        "Feedback",
        description,
        "own or the name of a scheme",
        rows=ChainMap(SCHEMES, {OWN: "The run's own"}),  # iterates over the last one first
    )


class ProbeParams(CheckpointParams):
    """Of a computation on the outputs for a probe set."""

    n_samples: int = _whole(
        64,
        1,
        100_000,
        "Probe set",
        "Training samples on which the outputs are looked at.",
        unit="samples",
    )

    @classmethod
    def most_samples(cls, config: RunConfig) -> int:
        """The largest probe set that a run of this configuration allows."""
        return most_samples(config.replace(replicates=1))  # one network is looked at

    @classmethod
    def default_samples(cls, config: RunConfig) -> int:
        """The probe set that a page begins with."""
        return min(int(cls.model_fields["n_samples"].default), cls.most_samples(config))

    @classmethod
    def allowed(cls, config: RunConfig) -> dict[str, str]:
        """How many samples a run of this configuration allows."""
        return {"n_samples": f"a whole number from 1 to {cls.most_samples(config):,}"}

    def check(self, config: RunConfig) -> None:
        """Refuses a probe set that is too large, too.

        Raises:
            fa_engine.config.NotAllowed: it names field, value and what is allowed.
        """
        super().check(config)
        check_samples(config.replace(replicates=1), self.n_samples)


class SpectrumParams(ProbeParams):
    """Of a feedback kernel's spectrum."""

    under: str = _under(
        "Of which scheme: the run's own, or what another would make of these weights."
    )


class KickParams(ProbeParams):
    """Of copies that are kicked from a checkpoint and trained on."""

    under: str = _under(
        "Of which scheme the copies are trained on: the run's own, or what another would make "
        "of these weights."
    )
    along: str = _param(
        "telling",
        "Direction",
        "A mode, both ways, or random ones. The telling one is the mode that grows, where "
        f"one does within {PATIENCE:,} steps, and else the one that dies out quickest.",
        "one of " + ", ".join(_ALONG),
        rows=_ALONG,
    )
    epsilon: float = _param(
        0.02,
        "Length of the kick",
        "As a share of the length of all weights together.",
        "a number above 0 and up to 10",
        unit="of |w|",
        gt=0,
        le=10,
    )
    directions: int = _whole(8, 1, 64, "Directions", "How many, of random ones.")
    steps: int = _whole(
        0,
        0,
        20_000,
        "Steps",
        "How long they are trained on; 0: as long as the mode's own rate asks for.",
    )
    seed: int = _whole(0, 0, 2**31 - 1, "Seed", "Of the directions.")


class DiffusionParams(CheckpointParams):
    """Of the mean squared displacement along a run, up to its last checkpoint."""


class LandscapeParams(PathParams):
    """Of the loss surface on a plane in weight space, and the paths over it."""

    plane: str = _param(
        "principal",
        "Plane",
        "Spanned by the path's two principal directions, or by three checkpoints.",
        "principal or three",
        rows={"principal": "Principal directions", "three": "Through three checkpoints"},
    )
    through: tuple[int, ...] = _param(
        (), "Checkpoints", "Their places in the list, three of them.", "three checkpoints"
    )
    resolution: int = _whole(
        31, 5, 101, "Resolution", "Points of the surface along either side.", unit="points"
    )
    n_samples: int = _whole(
        512, 1, 100_000, "Samples", "Training samples on which the loss is taken."
    )

    @classmethod
    def allowed(cls, config: RunConfig) -> dict[str, str]:
        """How many samples a run of this configuration allows."""
        return {"n_samples": f"a whole number from 1 to {config.n_train:,}"}

    def check(self, config: RunConfig) -> None:
        """Refuses more samples than there are, and three points that are fewer, too.

        Raises:
            fa_engine.config.NotAllowed: it names field, value and what is allowed.
        """
        super().check(config)
        if self.n_samples > config.n_train:
            raise NotAllowed("n_samples", self.n_samples, self.allowed(config)["n_samples"])
        if self.plane == "three" and len(set(self.through)) != 3:
            raise NotAllowed("through", len(set(self.through)), "three checkpoints")


class ExperimentParams(Wanted):
    """Of an experiment with a verdict."""

    experiment: str = _param(
        "learns",
        "Experiment",
        "Which claim is tried.",
        "one of " + ", ".join(EXPERIMENTS),
        rows=EXPERIMENTS,
    )
    dataset: str = _param(
        "digits",
        "Data set",
        "What its networks learn.",
        "a data set that the experiment can be asked of",
        rows=DATASETS,
    )

    @model_validator(mode="before")
    @classmethod
    def _of_its_first(cls, given: Any) -> Any:
        """Without a data set it is the first that the experiment can be asked of."""
        if not isinstance(given, dict) or "dataset" in given:
            return given
        asked = EXPERIMENTS.get(given.get("experiment", "learns"))
        return given if asked is None else {**given, "dataset": next(iter(asked.settings))}

    @model_validator(mode="after")
    def _can_be_asked(self) -> ExperimentParams:
        settings = EXPERIMENTS[self.experiment].settings
        if self.dataset not in settings:
            raise refusal("dataset", self.dataset, f"one of {', '.join(settings)}")
        return self


_P = TypeVar("_P", bound=Params)


def checked(
    kind: type[_P],
    values: dict[str, Any],
    config: RunConfig,
    others: Mapping[str, RunConfig] | None = None,
) -> tuple[_P | None, dict[str, str]]:
    """Parameters from what a person typed, and what is wrong, field by field.

    Args:
        kind: which parameters.
        values: by name.
        config: of the run that they are for.
        others: of further runs that they are for, by name.
    """
    try:
        params = kind.model_validate(values)
        params.check(config)
        for name, other in (others or {}).items():
            params.check_replicate(other, name)
    except ValidationError as error:
        allowed = kind.allowed(config)
        found = [
            replace(problem, allowed=allowed.get(problem.field, problem.allowed))
            for problem in problems(error)
        ]
        return None, {problem.field: titled(kind, problem).words for problem in found}
    except NotAllowed as error:
        return None, {error.problem.field: titled(kind, error.problem).words}
    return params, {}


def titled(kind: type[Wanted], problem: Problem) -> Problem:
    """A problem under the title that the field has on its page."""
    field = kind.model_fields.get(problem.field)
    return replace(problem, called=(field.title if field else "") or problem.called)
