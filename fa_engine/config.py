"""RunConfig: every knob of a run, with its unit, range, default and one-line explanation.

This is the one definition that scripts, the HTTP API and the form share: what is out of range is
refused here, with a message that names the field, the value and what is allowed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from fa_engine.activations import ACTIVATIONS
from fa_engine.datasets import DATASETS
from fa_engine.feedback import SCHEMES
from fa_engine.losses import LOSSES

MAX_DEPTH = 32
MAX_WIDTH = 16_384


@dataclass(frozen=True)
class Limits:
    """What one run may ask of the machine. An installation sets its own; scripts may lift them.

    Attributes:
        max_parameters: weights and biases of all replicates together.
        max_epochs: passes over the training set.
    """

    max_parameters: int = 50_000_000
    max_epochs: int = 10_000


UNLIMITED = Limits(max_parameters=2**62, max_epochs=2**62)


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a configuration.

    Attributes:
        field: name of the field in :class:`RunConfig`.
        value: what was given.
        allowed: what would have been accepted.
    """

    field: str
    value: Any
    allowed: str

    @property
    def message(self) -> str:
        """One sentence that names the field, the value and what is allowed."""
        return f"{self.field} = {_shown(self.value)}: allowed is {self.allowed}"


def problems(error: ValidationError) -> list[Problem]:
    """Everything that is wrong, one :class:`Problem` for each field that a person has to mend."""
    found: dict[str, Problem] = {}
    for entry in error.errors(include_url=False):
        context = entry.get("ctx", {})
        name = str(context.get("field") or (entry["loc"][0] if entry["loc"] else "config"))
        allowed = str(context.get("allowed", ""))
        if entry["type"] == "extra_forbidden":
            allowed = "one of the fields " + ", ".join(RunConfig.model_fields)
        elif not allowed:
            allowed = "an object of RunConfig's fields"
        found.setdefault(name, Problem(name, context.get("value", entry["input"]), allowed))
    return list(found.values())


def allowed(name: str, limits: Limits | None = None) -> str:
    """What the field ``name`` accepts, in words."""
    return _allowed(RunConfig.model_fields[name], name, limits or Limits())


def bounds(name: str) -> dict[str, float]:
    """The numeric bounds of the field ``name``: any of ``gt``, ``ge``, ``lt`` and ``le``."""
    return _bounds(RunConfig.model_fields[name])


def _knob(
    default: Any,
    title: str,
    description: str,
    *,
    unit: str = "",
    options: dict[str, str] | None = None,
    allowed: str | None = None,
    **constraints: Any,
) -> Any:
    extra: JsonDict = {
        "unit": unit,
        "options": {**options} if options else None,
        "allowed": allowed,
    }
    return Field(
        default, title=title, description=description, json_schema_extra=extra, **constraints
    )


class RunConfig(BaseModel):
    """A run, complete and validated. Immutable; ``replace`` makes a changed copy.

    Raises:
        pydantic.ValidationError: a field is out of range; ``problems(error)`` lists each with its
            value and what is allowed. Limits other than the default come in as
            ``RunConfig.model_validate(data, context={"limits": Limits(...)})``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    dataset: str = _knob(
        "digits",
        "Data set",
        "What the network learns to tell apart.",
        options={name: spec.title for name, spec in DATASETS.items()},
    )
    hidden: tuple[int, ...] = _knob(
        (64, 64),
        "Hidden layers",
        "Width of each hidden layer, from the input up.",
        unit="neurons",
        allowed=f"1 to {MAX_DEPTH} widths, each a whole number from 1 to {MAX_WIDTH}, "
        "such as 256, 256",
        min_length=1,
        max_length=MAX_DEPTH,
    )
    activation: str = _knob(
        "tanh",
        "Activation",
        "What each hidden neuron does to its input.",
        options={name: f.title for name, f in ACTIVATIONS.items()},
    )
    loss: str = _knob(
        "cross_entropy",
        "Loss",
        "What training makes smaller.",
        options={name: loss.title for name, loss in LOSSES.items()},
    )
    scheme: str = _knob(
        "fa",
        "Feedback scheme",
        "How the error reaches the hidden layers.",
        options={name: scheme.title for name, scheme in SCHEMES.items()},
    )
    optimizer: str = _knob(
        "sgd",
        "Optimizer",
        "How an update direction becomes a step.",
        options={"sgd": "Stochastic gradient descent"},
    )
    learning_rate: float = _knob(
        0.1, "Learning rate", "Length of a step along the update direction.", gt=0, le=100
    )
    momentum: float = _knob(
        0.0, "Momentum", "Share of the last step that is taken again.", ge=0, lt=1
    )
    weight_decay: float = _knob(
        0.0,
        "Weight decay",
        "Pull of every weight and bias towards zero, times the learning rate.",
        unit="per step",
        ge=0,
        le=10,
    )
    batch_size: int = _knob(
        64, "Batch size", "Samples a step is computed from.", unit="samples", ge=1, le=65_536
    )
    epochs: int = _knob(10, "Epochs", "Passes over the training set.", unit="passes", ge=1)
    seed: int = _knob(
        0,
        "Seed",
        "Replicate r draws its weights and feedback from seed + r; the same seed repeats the run.",
        ge=0,
        lt=2**31,
    )
    replicates: int = _knob(
        4,
        "Replicates",
        "Networks trained side by side, each with weights and feedback matrices of its own.",
        unit="networks",
        ge=1,
        le=256,
    )
    weight_std: float | None = _knob(
        None,
        "Initial weight scale",
        "Standard deviation of the initial weights; empty: 1/sqrt(fan-in).",
        unit="std",
        ge=0,
        le=100,
    )
    feedback_std: float | None = _knob(
        None,
        "Feedback scale",
        "Standard deviation of the feedback matrices; empty: 1/sqrt(fan-in).",
        unit="std",
        ge=0,
        le=100,
    )
    measure_every: int = _knob(
        10, "Measure every", "Steps between two points of the charts.", unit="steps", ge=1, le=10**9
    )
    evaluate_every: int = _knob(
        100,
        "Evaluate every",
        "Steps between two looks at the test set.",
        unit="steps",
        ge=1,
        le=10**9,
    )
    device: str = _knob(
        "auto",
        "Device",
        "Where the arithmetic runs; auto takes a GPU where there is one.",
        options={"auto": "Automatic", "cpu": "CPU", "cuda": "CUDA GPU"},
    )
    dtype: str = _knob(
        "float32",
        "Precision",
        "Floating-point type of weights and activations.",
        options={"float32": "float32", "float64": "float64"},
    )

    @field_validator("*", mode="wrap")
    @classmethod
    def _named(cls, value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        """Turns whatever a field objects to into one message: field, value, what is allowed."""
        name = str(info.field_name)
        field = cls.model_fields[name]
        try:
            accepted = handler(_parsed(name, value))
            options = _extra(field)["options"]
            if options is not None and accepted not in options:
                raise ValueError(name)
            if name == "hidden" and not all(1 <= width <= MAX_WIDTH for width in accepted):
                raise ValueError(name)
        except ValueError:  # pydantic's own ValidationError is one
            raise _refusal(name, value, _allowed(field, name, _limits(info))) from None
        limits = _limits(info)
        if name == "epochs" and accepted > limits.max_epochs:
            raise _refusal(name, value, _allowed(field, name, limits))
        return accepted

    @model_validator(mode="after")
    def _fits(self, info: ValidationInfo) -> RunConfig:
        spec = DATASETS[self.dataset]
        if self.batch_size > spec.n_train:
            raise _refusal(
                "batch_size",
                self.batch_size,
                f"at most {spec.n_train}, the training samples of {self.dataset}",
            )
        limit = _limits(info).max_parameters
        if self.n_parameters > limit:
            raise _refusal(
                "hidden",
                self.hidden,
                f"at most {limit:,} parameters over all replicates, "
                f"and these are {self.n_parameters:,}",
            )
        return self

    @property
    def widths(self) -> tuple[int, ...]:
        """Neurons of every layer, input and output included."""
        spec = DATASETS[self.dataset]
        return (spec.n_features, *self.hidden, spec.n_classes)

    @property
    def n_parameters(self) -> int:
        """Weights and biases of all replicates together."""
        single = sum((n_in + 1) * n_out for n_in, n_out in pairwise(self.widths))
        return self.replicates * single

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches in one pass; an incomplete last batch is dropped."""
        return DATASETS[self.dataset].n_train // self.batch_size

    @property
    def total_steps(self) -> int:
        """Steps of the whole run."""
        return self.epochs * self.steps_per_epoch

    def replace(self, **changes: Any) -> RunConfig:
        """A validated copy with some fields changed. Limits are not asked again."""
        return RunConfig.model_validate(
            {**self.model_dump(), **changes}, context={"limits": UNLIMITED}
        )


def _parsed(name: str, value: Any) -> Any:
    """Widths may be typed, as in ``256, 256``; JSON has no tuples; ``True`` is not a number."""
    if name == "hidden":
        if isinstance(value, str):
            value = [part for part in re.split(r"[\s,;x×]+", value.strip()) if part]
        elif isinstance(value, int):
            value = [value]
        items = list(value) if isinstance(value, (list, tuple)) else [value]
    else:
        items = [value]
    if any(isinstance(item, bool) for item in items):
        raise ValueError(name)
    return value


def _limits(info: ValidationInfo) -> Limits:
    return (info.context or {}).get("limits") or Limits()


def _refusal(name: str, value: Any, allowed_text: str) -> PydanticCustomError:
    problem = Problem(name, value, allowed_text)
    return PydanticCustomError(
        "not_allowed",
        "{message}",
        {"field": name, "value": value, "allowed": allowed_text, "message": problem.message},
    )


def _extra(field: FieldInfo) -> dict[str, Any]:
    extra = field.json_schema_extra
    assert isinstance(extra, dict)
    return extra


def _bounds(field: FieldInfo) -> dict[str, float]:
    found: dict[str, float] = {}
    for constraint in field.metadata:
        for key in ("gt", "ge", "lt", "le"):
            if hasattr(constraint, key):
                found[key] = getattr(constraint, key)
    return found


def _allowed(field: FieldInfo, name: str, limits: Limits) -> str:
    extra = _extra(field)
    if extra["allowed"]:
        return str(extra["allowed"])
    if extra["options"]:
        return "one of " + ", ".join(extra["options"])
    found = _bounds(field)
    if name == "epochs":
        found["le"] = limits.max_epochs
    words = {"gt": "above", "ge": "from", "lt": "below", "le": "to at most"}
    order = [key for key in ("gt", "ge", "lt", "le") if key in found]
    range_text = ", ".join(f"{words[key]} {found[key]:,}" for key in order)
    kind = "a whole number" if field.annotation is int else "a number"
    empty = ", or empty" if field.default is None else ""
    return f"{kind} {range_text}{empty}"


def _shown(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
