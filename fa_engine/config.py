"""RunConfig: every knob of a run, with its unit, range, default and one-line explanation.

This is the one definition that scripts, the HTTP API and the form share: what is out of range is
refused here, with a message that names the field, the value and what is allowed.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from math import prod
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

from fa_engine.data.datasets import DATASETS
from fa_engine.feedback.matrices import MATRICES, ROUTES
from fa_engine.feedback.schemes import SCHEMES, SIGNALS, Scheme
from fa_engine.memory import in_words, on_host, peak_bytes
from fa_engine.networks.activations import ACTIVATIONS
from fa_engine.networks.layers import ALLOWED as LAYERS_ALLOWED
from fa_engine.networks.layers import Layer, LayerError, Spec, build, parse
from fa_engine.networks.losses import LOSSES
from fa_engine.optimizers import OPTIMIZERS, SCHEDULES
from fa_engine.seeding import DISTRIBUTIONS
from fa_engine.typed import entries, hint, number, whole


@dataclass(frozen=True)
class Limits:
    """What one run may ask of the machine. An installation sets its own; scripts may lift them.

    Attributes:
        max_parameters: weights and biases of all replicates together.
        max_bytes: memory at the peak, see :func:`fa_engine.memory.peak_bytes`. That of a GPU is
            not counted.
        max_epochs: passes over the training set.
        bytes_set_by: what an installation sets ``max_bytes`` by, for the message.
    """

    max_parameters: int = 50_000_000
    max_bytes: int = 16 * 10**9
    max_epochs: int = 10_000
    bytes_set_by: str = ""


UNLIMITED = Limits(max_parameters=2**62, max_bytes=2**62, max_epochs=2**62)


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a configuration.

    Attributes:
        field: name of the field in :class:`RunConfig`, or of what else was asked for.
        value: what was given.
        allowed: what would have been accepted.
        called: what pages call the field, where it is none of :class:`RunConfig`.
    """

    field: str
    value: Any
    allowed: str
    called: str = ""

    @property
    def title(self) -> str:
        """What a person reads beside the field; empty for what stands on no page."""
        known = RunConfig.model_fields.get(self.field)
        return self.called or (str(known.title) if known else "")

    @property
    def message(self) -> str:
        """One sentence for who writes code: title, field, the value and what is allowed."""
        title = f"{self.title}, " if self.title else ""
        return f"{title}{self.field} = {_shown(self.value)}: allowed is {self.allowed}"

    @property
    def words(self) -> str:
        """The same for who reads a page, where fields and options have titles and no names."""
        name = self.title or self.field
        if self.value in ("", None):
            return f"{name} is empty: allowed is {self._allowed_words}"
        return f"{name} = {_shown(self.value)}: allowed is {self._allowed_words}"

    @property
    def _allowed_words(self) -> str:
        """``above 0 with optimizer = 'nesterov'`` in the titles of field and option."""

        def other(match: re.Match[str]) -> str:
            field = RunConfig.model_fields.get(match[1])
            if field is None:
                return match[0]
            value = match[2].strip("'")
            return f"{field.title} {(_extra(field)['options'] or {}).get(value, value)}"

        text = re.sub(r"\b([a-z_]+) = ('\w+'|[\d.]+)", other, self.allowed)
        own = RunConfig.model_fields.get(self.field)
        options = (own and _extra(own)["options"]) or {}
        listed, *rest = re.split(r"(?= with )", text, maxsplit=1)
        listed = re.sub(r"\w+", lambda match: options.get(match[0], match[0]), listed)
        return "".join([listed, *rest])


class NotAllowed(ValueError):
    """What is asked for beside a configuration is out of range; ``problem`` says how."""

    def __init__(self, field: str, value: Any, allowed: str, called: str = "") -> None:
        self.problem = Problem(field, value, allowed, called)
        super().__init__(self.problem.message)


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
    group: str = "",
    empty: str = "",
    options: dict[str, str] | None = None,
    allowed: str | None = None,
    **constraints: Any,
) -> Any:
    extra: JsonDict = {
        "unit": unit,
        "group": group,
        "empty": empty,
        "options": {**options} if options else None,
        "allowed": allowed,
    }
    return Field(
        default, title=title, description=description, json_schema_extra=extra, **constraints
    )


def _without_effect(asked: str) -> str:
    """Which schemes have no matrix that a knob says something of.

    They take it and leave it alone, so that a run can be handed from scheme to scheme, and one
    configuration raced under several.

    Args:
        asked: the attribute of :class:`fa_engine.feedback.matrices.Matrices` that says it of a
            matrix.
    """
    names = [
        row.short
        for row in SCHEMES.values()
        if row.route == "none" or not getattr(MATRICES[row.matrix], asked)
    ]
    return f"Of no effect under {', '.join(names[:-1])} and {names[-1]}."


_UNDRAWN, _UNSCALED = _without_effect("is_drawn"), _without_effect("is_scaled")


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
        f"What the network learns to tell apart. {DATASETS['digits'].text}",
        options={name: spec.title for name, spec in DATASETS.items()},
    )
    hidden: tuple[Spec, ...] = _knob(
        (64, 64),
        "Hidden layers",
        "Width of each hidden layer from the input up; on images also conv 16x5, pool 2.",
        unit="neurons",
        allowed=LAYERS_ALLOWED,
    )
    activation: str = _knob(
        "tanh",
        "Activation",
        "What each hidden neuron does to its input.",
        options={name: f.title for name, f in ACTIVATIONS.items()},
        group="network",
    )
    loss: str = _knob(
        "cross_entropy",
        "Loss",
        "What training makes smaller.",
        options={name: loss.title for name, loss in LOSSES.items()},
        group="network",
    )
    scheme: str = _knob(
        "fa",
        "Feedback scheme",
        "How the error reaches the hidden layers.",
        options={name: scheme.title for name, scheme in SCHEMES.items()},
    )
    route: str | None = _knob(
        None,
        "Route",
        "How the signal travels; empty: as in the scheme.",
        options={name: route.title for name, route in ROUTES.items()},
        group="feedback",
        empty="as in the scheme",
    )
    signal: str | None = _knob(
        None,
        "Signal",
        "What the outputs send to the hidden layers; empty: as in the scheme.",
        options={name: signal.title for name, signal in SIGNALS.items()},
        group="feedback",
        empty="as in the scheme",
    )
    matrix: str | None = _knob(
        None,
        "Matrix",
        "What carries the signal in place of the weights; empty: as in the scheme.",
        options={name: matrix.title for name, matrix in MATRICES.items()},
        group="feedback",
        empty="as in the scheme",
    )
    optimizer: str = _knob(
        "sgd",
        "Optimizer",
        "How an update direction becomes a step.",
        options={name: title for name, (title, _) in OPTIMIZERS.items()},
        group="step",
    )
    learning_rate: float = _knob(
        0.1, "Learning rate", "Length of a step along the update direction.", gt=0, le=100
    )
    momentum: float = _knob(
        0.0, "Momentum", "Share of the last step that is taken again.", ge=0, lt=1, group="step"
    )
    weight_decay: float = _knob(
        0.0,
        "Weight decay",
        "Pull of every weight and bias towards zero, times the learning rate.",
        unit="per step",
        ge=0,
        le=10,
        group="step",
    )
    batch_size: int = _knob(
        64,
        "Batch size",
        "Samples a step is computed from.",
        unit="samples",
        ge=1,
        le=65_536,
        group="step",
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
    bias: bool = _knob(True, "Biases", "Whether neurons have a bias that learns.", group="network")
    weight_init: str = _knob(
        "normal",
        "Initial weights",
        "Distribution the initial weights are drawn from.",
        options={name: name for name in DISTRIBUTIONS},
        group="network",
    )
    weight_std: float | None = _knob(
        None,
        "Initial weight scale",
        "Standard deviation of the initial weights; empty: 1/sqrt(fan-in).",
        unit="std",
        ge=0,
        le=100,
        group="network",
        empty="1/√(fan-in)",
    )
    feedback_std: float | None = _knob(
        None,
        "Feedback scale",
        "Standard deviation of the feedback matrices; empty: 1/sqrt(fan-in). " + _UNSCALED,
        unit="std",
        ge=0,
        le=100,
        group="feedback",
        empty="1/√(fan-in)",
    )
    feedback_init: str = _knob(
        "normal",
        "Feedback distribution",
        "Distribution the feedback matrices are drawn from. " + _UNDRAWN,
        options={name: name for name in DISTRIBUTIONS if name != "zero"},
        group="feedback",
    )
    feedback_density: float = _knob(
        1.0,
        "Feedback density",
        "Share of the units above (direct: of the outputs) that each hidden unit hears, at least "
        "one; what it hears keeps its variance. " + _UNDRAWN,
        gt=0,
        le=1,
        group="feedback",
    )
    feedback_rank: int | None = _knob(
        None,
        "Feedback rank",
        "Rank of the feedback matrices; empty: full. " + _UNDRAWN,
        ge=1,
        group="feedback",
        empty="full",
    )
    feedback_seed: int | None = _knob(
        None,
        "Feedback seed",
        "Seed of the feedback matrices alone; empty: as the weights. " + _UNDRAWN,
        ge=0,
        lt=2**31,
        group="feedback",
        empty="as the weights",
    )
    delay_modules: int = _knob(
        1,
        "Delayed modules",
        "Modules that each take the update of one step earlier than the one above; 1: no delay.",
        ge=1,
        group="feedback",
    )
    mirror_rate: float = _knob(
        0.1,
        "Mirror rate",
        "How fast the weight mirror learns from the answer to noise.",
        unit="per step",
        gt=0,
        le=1,
        group="feedback",
    )
    mirror_samples: int = _knob(
        64,
        "Mirror samples",
        "Samples of noise that the weight mirror sees at each step; more bring it closer to the "
        "weights.",
        unit="samples",
        ge=1,
        le=65_536,
        group="feedback",
    )
    frozen: tuple[int, ...] = _knob(
        (),
        "Frozen layers",
        "Numbers of the layers that do not learn, 1 at the bottom.",
        allowed="numbers of layers, 1 at the bottom, such as 1, 2; or empty",
        empty="none",
        group="network",
    )
    bias_rate: float = _knob(
        1.0,
        "Bias rate",
        "Learning rate of the biases, as a multiple of that of the weights.",
        unit="times",
        ge=0,
        le=1000,
        group="step",
    )
    schedule: str = _knob(
        "constant",
        "Schedule",
        "How the learning rate changes over the run.",
        options={name: title for name, (title, _) in SCHEDULES.items()},
        group="step",
    )
    schedule_every: int = _knob(
        10,
        "Schedule period",
        "Epochs between two steps of the schedule.",
        unit="epochs",
        ge=1,
        group="step",
    )
    schedule_factor: float = _knob(
        0.5,
        "Schedule factor",
        "What a step of the schedule multiplies the learning rate by.",
        unit="times",
        gt=0,
        le=1,
        group="step",
    )
    train_samples: int | None = _knob(
        None,
        "Training samples",
        "Only the first so many; empty: all. Few can be learned to the last digit.",
        group="data",
        empty="all",
        ge=1,
    )
    label_noise: float = _knob(
        0.0,
        "Label noise",
        "Share of training labels replaced by another class.",
        ge=0,
        le=1,
        group="data",
    )
    teacher_hidden: tuple[int, ...] = _knob(
        (32,),
        "Teacher's layers",
        "Widths of the hidden layers of the teacher (teacher and student only).",
        unit="neurons",
        allowed="up to 8 widths, each a whole number from 1 to 4096, such as 32, 32",
        group="data",
    )
    shuffle: bool = _knob(
        True, "Shuffle", "Whether every epoch takes the samples in a new order.", group="data"
    )
    measure_every: int = _knob(
        10,
        "Measure every",
        "Steps between two points of the charts.",
        unit="steps",
        ge=1,
        le=10**9,
        group="measuring",
    )
    evaluate_every: int = _knob(
        100,
        "Evaluate every",
        "Steps between two looks at the test set, each made at the next measurement.",
        unit="steps",
        ge=1,
        le=10**9,
        group="measuring",
    )
    measures: str = _knob(
        "all",
        "Measures",
        "Which alignments are measured; gradient alone is quicker on small networks.",
        options={"all": "All", "gradient": "Gradient alignment alone"},
        group="measuring",
    )
    walk: bool = _knob(
        False,
        "Follow the walk",
        "Whether every step is measured too: displacement, path, and what it did to the loss.",
        group="measuring",
    )
    device: str = _knob(
        "auto",
        "Device",
        "Where the arithmetic runs; auto takes a GPU where there is one.",
        options={"auto": "Automatic", "cpu": "CPU", "cuda": "CUDA GPU"},
        group="machine",
    )
    dtype: str = _knob(
        "float32",
        "Precision",
        "Floating-point type of weights and activations. In float32 angles below 0.02 degrees "
        "are rounding.",
        options={"float32": "float32", "float64": "float64"},
        group="machine",
    )

    @field_validator("*", mode="wrap")
    @classmethod
    def _named(cls, value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        """Turns whatever a field objects to into one message: field, value, what is allowed."""
        name = str(info.field_name)
        field = cls.model_fields[name]
        limits = _limits(info)
        try:
            accepted = handler(_parsed(name, value))
            if not _in_words(field, name, accepted, limits):
                raise ValueError(name)
        except LayerError as error:
            raise refusal(name, value, str(error)) from None
        except ValueError as error:  # pydantic's own ValidationError is one
            raise refusal(name, value, _allowed(field, name, limits) + hint(error)) from None
        return accepted

    @model_validator(mode="after")
    def _fits(self, info: ValidationInfo) -> RunConfig:
        """What no field can judge alone."""
        spec, limits = DATASETS[self.dataset], _limits(info)
        try:
            n_layers = len(self.layers)
        except LayerError as error:
            raise refusal("hidden", self.hidden, str(error)) from None
        for wrong, name, allowed_text in (
            (
                self.n_train > spec.n_train,
                "train_samples",
                f"at most {spec.n_train}, the training samples of {self.dataset}",
            ),
            (
                self.batch_size > self.n_train,
                "batch_size",
                f"at most {self.n_train}, the training samples that are used",
            ),
            (
                self.n_parameters > limits.max_parameters,
                "hidden",
                f"at most {limits.max_parameters:,} parameters over all replicates, "
                f"and these are {self.n_parameters:,}",
            ),
            (
                self.delay_modules > n_layers,
                "delay_modules",
                f"at most {n_layers}, the layers of this network",
            ),
            (
                max(self.frozen, default=0) > n_layers,
                "frozen",
                f"numbers from 1 to {n_layers}, the layers of this network",
            ),
            (
                self.label_noise > 0 and (self.dataset, self.loss) == ("teacher", "squared_error"),
                "label_noise",
                "0 with dataset = 'teacher' and loss = 'squared_error', which has no labels",
            ),
            (
                self.optimizer == "nesterov" and self.momentum == 0,
                "momentum",
                "above 0 with optimizer = 'nesterov'",
            ),
            (
                self.optimizer in {"adam", "adamw"} and self.momentum > 0,
                "momentum",
                f"0 with optimizer = {self.optimizer!r}, which has a momentum of its own",
            ),
        ):
            if wrong:
                raise refusal(name, getattr(self, name), allowed_text)
        self._check_feedback()
        self._check_memory(limits)
        return self

    def _check_memory(self, limits: Limits) -> None:
        """Names the number that would have to be smaller, and what memory it would take as it is.

        Asked last: what is out of range for another reason is told of that.
        """
        needed = peak_bytes(self) if limits.max_bytes < 2**62 and on_host(self.device) else 0
        if needed <= limits.max_bytes:
            return
        counts = ["batch_size", "mirror_samples", "replicates"]
        if not MATRICES[self.composition.matrix].sees_noise:
            counts.remove("mirror_samples")
        found = ((name, self._most_that_fit(name, limits)) for name in counts)
        name, fits = next((one for one in found if one[1]), ("hidden", 0))
        setting = f" ({limits.bytes_set_by})" if limits.bytes_set_by else ""
        less = f"at most {fits:,}" if fits else "fewer or narrower layers"
        others = "the rest as it is" if fits else "this data set"
        raise refusal(
            name,
            getattr(self, name),
            f"{less} with {others}: this run would take about {in_words(needed)} of memory, "
            f"{in_words(limits.max_bytes)} are allowed{setting}",
        )

    def _most_that_fit(self, name: str, limits: Limits) -> int:
        """The largest number in the field ``name`` that fits in memory; 0: not one does."""
        fits, too_many = 0, getattr(self, name)
        while too_many - fits > 1:
            middle = (fits + too_many) // 2
            if peak_bytes(self.model_copy(update={name: middle})) <= limits.max_bytes:
                fits = middle
            else:
                too_many = middle
        return fits

    def _check_feedback(self) -> None:
        """Route, matrix, density and rank have to go together."""
        scheme = self.composition
        routes = MATRICES[scheme.matrix].routes
        if scheme.route not in routes:
            # The part that was chosen is to blame, not the one that came with the scheme.
            if self.matrix is None:
                with_matrix = f"{', '.join(routes)} with matrix = {scheme.matrix!r}"
                raise refusal("route", scheme.route, with_matrix)
            fitting = ", ".join(m for m, kind in MATRICES.items() if scheme.route in kind.routes)
            raise refusal("matrix", scheme.matrix, f"{fitting} with route = {scheme.route!r}")
        matrix = MATRICES[scheme.matrix]
        if self.feedback_rank is None or not matrix.is_drawn:
            return
        if not matrix.keeps_rank:
            of_full_rank = f"empty with matrix = {scheme.matrix!r}, which is of full rank"
            raise refusal("feedback_rank", self.feedback_rank, of_full_rank)
        if self.feedback_density < 1:
            of_its_own = f"1 with feedback_rank = {self.feedback_rank}"
            raise refusal("feedback_density", self.feedback_density, of_its_own)
        shapes = ROUTES[scheme.route].shapes(self.layers)
        smallest = min((min(shape) for shape in shapes), default=self.feedback_rank)
        if self.feedback_rank > smallest:
            raise refusal(
                "feedback_rank",
                self.feedback_rank,
                f"at most {smallest}, the smallest side of a feedback matrix of this network",
            )

    @property
    def composition(self) -> Scheme:
        """The scheme's row, with route, signal and matrix replaced where they are chosen."""
        scheme = SCHEMES[self.scheme]
        return dataclasses.replace(
            scheme,
            route=self.route or scheme.route,
            signal=self.signal or scheme.signal,
            matrix=self.matrix or scheme.matrix,
        )

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Geometry of every layer, the output layer included."""
        spec = DATASETS[self.dataset]
        return build(self.hidden, spec.n_features, spec.image_shape, spec.n_classes)

    @property
    def widths(self) -> tuple[int, ...]:
        """Outputs of every layer for one sample, the input first."""
        outputs = [prod(layer.output_shape) for layer in self.layers]
        return (DATASETS[self.dataset].n_features, *outputs)

    @property
    def n_parameters(self) -> int:
        """Weights and biases of all replicates together."""
        single = sum((layer.fan_in + self.bias) * layer.n_out for layer in self.layers)
        return self.replicates * single

    @property
    def n_train(self) -> int:
        """Training samples that are used."""
        return self.train_samples or DATASETS[self.dataset].n_train

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches in one pass; an incomplete last batch is dropped."""
        return self.n_train // self.batch_size

    @property
    def total_steps(self) -> int:
        """Steps of the whole run."""
        return self.epochs * self.steps_per_epoch

    def replace(self, **changes: Any) -> RunConfig:
        """A validated copy with some fields changed. Limits are not asked again."""
        return RunConfig.model_validate(
            {**self.model_dump(), **changes}, context={"limits": UNLIMITED}
        )


MOST_FROZEN = 64  # entries, more than there are layers


def _parsed(name: str, value: Any) -> Any:
    """Lists may be typed, as in ``256, 256``; ``True`` is not a number."""
    if name == "hidden":
        return parse(value)
    if name in {"frozen", "teacher_hidden"}:
        if isinstance(value, str):
            value = [whole(entry) for entry in entries(value)]
        elif isinstance(value, int):
            value = [value]
    items = value if isinstance(value, (list, tuple)) else [value]
    flag = RunConfig.model_fields[name].annotation is bool
    if any(isinstance(item, bool) != flag for item in items):
        raise ValueError(name)
    return number(RunConfig.model_fields[name].annotation, value)


def _in_words(field: FieldInfo, name: str, accepted: Any, limits: Limits) -> bool:
    """Whether a value of the right type and range is also one of those in words."""
    options = _extra(field)["options"]
    if options is not None:
        return accepted in options or (accepted is None and field.default is None)
    if name == "frozen":
        return len(accepted) <= MOST_FROZEN and all(layer >= 1 for layer in accepted)
    if name == "teacher_hidden":
        return len(accepted) <= 8 and all(1 <= width <= 4096 for width in accepted)
    return name != "epochs" or accepted <= limits.max_epochs


def _limits(info: ValidationInfo) -> Limits:
    return (info.context or {}).get("limits") or Limits()


def refusal(name: str, value: Any, allowed_text: str, called: str = "") -> PydanticCustomError:
    """What ends a model's validation, and :func:`problems` makes a :class:`Problem` of."""
    name, value = _whole_pairs(name), _whole_pairs(value)
    message = Problem(name, value, allowed_text, called).message
    context = {"field": name, "value": value, "allowed": allowed_text, "message": message}
    return PydanticCustomError("not_allowed", "{message}", context)


def _whole_pairs(value: Any) -> Any:
    """The same without half a surrogate pair, of which pydantic can say nothing."""
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, (list, tuple)):
        return [_whole_pairs(item) for item in value]
    if isinstance(value, dict):
        return {_whole_pairs(key): _whole_pairs(item) for key, item in value.items()}
    return value


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
    empty = ", or empty" if field.default is None else ""
    if extra["options"]:
        return "one of " + ", ".join(extra["options"]) + empty
    if field.annotation is bool:
        return "true or false"
    found = _bounds(field)
    if name == "epochs":
        found["le"] = limits.max_epochs
    words = {"gt": "above", "ge": "from", "lt": "below", "le": "at most"}
    order = [key for key in ("gt", "ge", "lt", "le") if key in found]
    range_text = ", ".join(f"{words[key]} {found[key]:,}" for key in order)
    kind = "a whole number" if field.annotation in (int, int | None) else "a number"
    return f"{kind} {range_text}{empty}"


def _shown(value: Any) -> str:
    several = isinstance(value, (list, tuple)) and len(value) > 1
    text = ", ".join(map(str, value)) if several else repr(value)
    if not text.isprintable():  # a terminal may obey it, and a page turn around
        text = "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)
    if len(text) <= 80:
        return text
    of = f" ({len(value):,} characters)" if isinstance(value, str) else ""
    return text[:77] + "..." + of
