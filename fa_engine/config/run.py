"""RunConfig: every knob of a run, complete and validated.

This is the one definition that scripts, the HTTP API and the form share: what is out of range is
refused here, with a message that names the field, the value and what is allowed.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from math import prod
from typing import Any

from pydantic import (
    ConfigDict,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from fa_engine.config.groups import Knobs
from fa_engine.config.knob import allowed_words, bounds_of, knob, knob_of
from fa_engine.config.limits import UNLIMITED, Limits
from fa_engine.config.parsing import is_in_words, parsed_value
from fa_engine.config.problem import problems, refusal
from fa_engine.config.vary import ALLOWED, Cells, Grid, cells_of, fields_of, n_cells, parsed
from fa_engine.data.datasets import DATASETS
from fa_engine.devices import on_host
from fa_engine.feedback.matrices import MATRICES, ROUTES
from fa_engine.feedback.schemes import SCHEMES, Scheme
from fa_engine.memory import in_words, peak_bytes
from fa_engine.networks.layers import Layer, LayerError, build_layers
from fa_engine.optimizers import SCHEDULES
from fa_engine.plugins import load as load_plugins
from fa_engine.registry import Registry
from fa_engine.scales import is_undefined, stds
from fa_engine.seeding import OLD_DRAWS, Seed, shared_seed
from fa_engine.typed import hint


def allowed(name: str, limits: Limits | None = None) -> str:
    """What the field ``name`` of a :class:`RunConfig` accepts, in words.

    Args:
        name: of the field.
        limits: those in force; None: the default ones.

    Raises:
        KeyError: there is no such field.
    """
    return _allowed(name, limits or Limits())


def bounds(name: str) -> dict[str, float]:
    """The numeric bounds of the field ``name``: any of ``gt``, ``ge``, ``lt`` and ``le``.

    Raises:
        KeyError: there is no such field.
    """
    return bounds_of(RunConfig.model_fields[name])


class RunConfig(Knobs):
    """A run, complete and validated. Immutable; ``replace`` makes a changed copy.

    Raises:
        pydantic.ValidationError: a field is out of range; ``problems(error)`` lists each with its
            value and what is allowed. Limits other than the default come in as
            ``RunConfig.model_validate(data, context={"limits": Limits(...)})``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    vary: Grid | Cells | None = knob(
        None,
        "Varied",
        "Fields and the values of each: a grid, of which every cell trains as replicates of its "
        "own, all in one run. Or a list of cells.",
        allowed=ALLOWED,
        empty="nothing",
        listed=False,
    )

    @model_validator(mode="before")
    @classmethod
    def _with_its_plugins(cls, data: Any) -> Any:
        """Takes off what :meth:`_naming_plugins` wrote; where a name is not known here, the
        message says what would bring it."""
        load_plugins()  # what they add can be chosen from the first configuration on
        if not isinstance(data, dict) or "plugins" not in data:
            return data
        rest = {name: value for name, value in data.items() if name != "plugins"}
        told = data["plugins"]
        if not isinstance(told, (list, tuple)) or len(told) > MOST_PLUGINS:
            raise refusal("plugins", told, f"a list of at most {MOST_PLUGINS} names of modules")
        for one in told:
            if not isinstance(one, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]{0,99}", one):
                raise refusal("plugins", one, "the name of a module, of at most 100 characters")
        for name, value in rest.items():
            options = knob_of(cls.model_fields[name]).options if name in cls.model_fields else None
            if options is not None and isinstance(value, str) and value not in options:
                brings = f"{' or '.join(told)} would bring it and is not loaded here (FA_PLUGINS)"
                raise refusal(name, value, f"{allowed(name)}; {brings}")
        return rest

    @model_serializer(mode="wrap")
    def _naming_plugins(
        self, handler: SerializerFunctionWrapHandler, info: SerializationInfo
    ) -> dict[str, Any]:
        """With the plugins that the run needs, where it is written down."""
        found: dict[str, Any] = handler(self)
        if self.vary is None:  # a run as any other
            found.pop("vary", None)
        if info.mode == "json" and self.plugins:
            found["plugins"] = list(self.plugins)
        return found

    @field_validator("*", mode="wrap")
    @classmethod
    def _named(cls, value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        """Turns whatever a field objects to into one message: field, value, what is allowed."""
        name = str(info.field_name)
        if name == "vary":
            return None if value is None else parsed(value)
        limits = _limits(info)
        try:
            accepted = handler(parsed_value(name, value))
            if not is_in_words(name, accepted, limits):
                raise ValueError(name)
        except LayerError as error:
            raise refusal(name, value, str(error)) from None
        except ValueError as error:  # pydantic's own ValidationError is one
            raise refusal(name, value, _allowed(name, limits) + hint(error)) from None
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
                self.replicates > limits.max_networks,
                "replicates",
                f"a whole number from 1, at most {limits.max_networks:,}",
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
        ):
            if wrong:
                raise refusal(name, getattr(self, name), allowed_text)
        if self.vary is None:
            self._check_together()
            self._check_feedback()
        else:
            self._check_cells(limits)
        self._check_memory(limits)
        return self

    def _check_together(self) -> None:
        """What has to go together and may vary: in a sweep it is asked of every cell."""
        n_layers = len(self.layers)
        for wrong, name, allowed_text in (
            (
                is_undefined(self.weight_std, n_layers),
                "weight_std",
                f"{n_layers} numbers, one for each layer, or one for all",
            ),
            (
                is_undefined(self.feedback_std, n_layers - 1),
                "feedback_std",
                f"{n_layers - 1} numbers, one for each hidden layer, or one for all",
            ),
            (
                self.label_noise > 0 and (self.dataset, self.loss) == ("teacher", "squared_error"),
                "label_noise",
                "0 with dataset = 'teacher' and loss = 'squared_error', which has no labels",
            ),
            (
                SCHEDULES[self.schedule].takes_list and not self.schedule_at,
                "schedule_at",
                f"at least one epoch with schedule = {self.schedule!r}",
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

    def _check_cells(self, limits: Limits) -> None:
        """Every cell is a configuration of its own, and sees the samples of the others."""
        if n_cells(self.vary) > limits.max_cells:
            few = f"at most {limits.max_cells:,} cells" if limits.max_cells > 1 else "empty here"
            raise refusal("vary", self.vary, f"{few}, and these are {n_cells(self.vary):,}")
        try:
            cells = self.cells
        except ValidationError as error:
            first = problems(error)[0]
            raise refusal(first.field, first.value, first.allowed) from None
        drawn = {
            "order": self.shuffle,
            "label": any(cell.label_noise > 0 for cell in cells),
            "teacher": self.dataset == "teacher",
        }
        for name, is_drawn in drawn.items():
            if is_drawn and len({cell.shared_seed(name) for cell in cells}) > 1:
                fixed = f"no seeds with draws = {self.draws}, unless {name}_seed is set"
                raise refusal("vary", self.vary, fixed)

    def _check_memory(self, limits: Limits) -> None:
        """Names the number that would have to be smaller, and what memory it would take as it is.

        Asked last: what is out of range for another reason is told of that.
        """
        needed = peak_bytes(self) if limits.max_bytes < 2**62 and on_host(self) else 0
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
    def cells(self) -> tuple[RunConfig, ...]:
        """The configuration of each cell, as it would train alone; its own where nothing varies."""
        if self.vary is None:
            return (self,)
        return tuple(self.replace(vary=None, **cell) for cell in cells_of(self.vary))

    def of_network(self, network: int) -> tuple[RunConfig, int]:
        """The configuration under which one of the networks would train alone, and its number
        there.

        Args:
            network: from 0 to ``networks - 1``.
        """
        cell, number = divmod(network, self.replicates)
        return self.cells[cell], number

    def networks_of(self, cell: int) -> slice:
        """Where the networks of one of the cells are among all.

        Args:
            cell: from 0.
        """
        return slice(cell * self.replicates, (cell + 1) * self.replicates)

    @property
    def varied(self) -> tuple[str, ...]:
        """The fields that differ between the cells."""
        return fields_of(self.vary)

    @property
    def networks(self) -> int:
        """Networks that train side by side, ``R``: the replicates of every cell, cell by cell."""
        return n_cells(self.vary) * self.replicates

    def shared_seed(self, name: str) -> Seed | None:
        """What the networks of the run draw something that they share from.

        Args:
            name: ``order``, ``label`` or ``teacher``.

        Returns:
            None: it is the one that all runs had before draws were of the seed.
        """
        own: int | None = getattr(self, f"{name}_seed")
        if own is None and self.draws == OLD_DRAWS:
            return None
        return shared_seed(self.seed if own is None else own)

    @property
    def plugins(self) -> tuple[str, ...]:
        """The modules from outside that the names in it are from (:mod:`fa_engine.register`)."""
        found = set()
        for name, field in type(self).model_fields.items():
            rows, value = knob_of(field).rows, getattr(self, name)
            if isinstance(rows, Registry) and value in rows.origins:
                found.add(rows.origins[value])
        return tuple(sorted(found))

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
        return build_layers(self.hidden, spec.n_features, spec.image_shape, spec.n_classes)

    @property
    def weight_stds(self) -> float | tuple[float, ...] | None:
        """Standard deviation of the initial weights, before the gain. That of each layer, where
        they are given so or by a rule, or of all; None is ``1 / sqrt(fan_in)``."""
        return stds(self.weight_std, [(one.fan_in, one.fan_out) for one in self.layers])

    @property
    def feedback_stds(self) -> float | tuple[float, ...] | None:
        """The same of the feedback matrices, on the route in force."""
        return stds(self.feedback_std, ROUTES[self.composition.route].fans(self.layers))

    @property
    def widths(self) -> tuple[int, ...]:
        """Outputs of every layer for one sample, the input first."""
        outputs = [prod(layer.output_shape) for layer in self.layers]
        return (DATASETS[self.dataset].n_features, *outputs)

    @property
    def n_parameters(self) -> int:
        """Weights and biases of all replicates together."""
        single = sum((layer.fan_in + self.bias) * layer.n_out for layer in self.layers)
        return self.networks * single

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
        """A validated copy with some fields changed. Limits are not asked again.

        Args:
            changes: new values, by field.

        Raises:
            pydantic.ValidationError: one is out of range, or does not go with the rest.
        """
        return RunConfig.model_validate(
            {**self.model_dump(), **changes}, context={"limits": UNLIMITED}
        )


def as_written(stored: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration that was written down, by an older version perhaps, with what it went without
    saying then: to be validated as any other.

    Args:
        stored: what ``model_dump`` gave, of every field that there was.
    """
    fields = {"draws": OLD_DRAWS, **stored}
    if "batch_size" in stored:  # what the mirror saw before it had a knob of its own
        fields.setdefault("mirror_samples", stored["batch_size"])
    return fields


MOST_PLUGINS = 20


def _limits(info: ValidationInfo) -> Limits:
    return (info.context or {}).get("limits") or Limits()


def _allowed(name: str, limits: Limits) -> str:
    most = limits.max_epochs if name == "epochs" else None
    return allowed_words(RunConfig.model_fields[name], most)
