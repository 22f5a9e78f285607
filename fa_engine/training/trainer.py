"""Trainer: the loop, one step at a time, with live controls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64
from numpy.typing import NDArray
from torch import Tensor

from fa_engine.config import NotAllowed, RunConfig, bounds
from fa_engine.data.datasets import Dataset, check_shapes, load_dataset
from fa_engine.devices import device_of
from fa_engine.feedback.matrices import FeedbackOptions
from fa_engine.feedback.schemes import SCHEMES, Feedback
from fa_engine.measures.alignment import Array, measure
from fa_engine.measures.moment import Moment, own_measures
from fa_engine.measures.walk import Conserving, Walk, Walker, conserving
from fa_engine.networks.activations import ACTIVATIONS
from fa_engine.networks.losses import LOSSES
from fa_engine.networks.network import Network
from fa_engine.optimizers import Optimizer, make_optimizer
from fa_engine.surroundings import undisturbed
from fa_engine.training import checkpoint
from fa_engine.training.batches import Batches, check_data, data_options, own_labels
from fa_engine.training.cells import Cells
from fa_engine.training.evaluation import evaluated, scores
from fa_engine.training.measurement import Measurement
from fa_engine.varied import VariedOptimizer

LOOK_EVERY = 100  # steps between two looks for a divergence that no measurement has seen


class _Looked(NamedTuple):
    """A step made ready, and what was measured of it.

    Attributes:
        moment: the step.
        asked: what its directions were asked with.
        measurement: where one was due.
        state: what it stands on, where it may be changed before the step is taken.
    """

    moment: Moment
    asked: Any
    measurement: Measurement | None = None
    state: Any = None


class Trainer:
    """Trains the replicates of one configuration and measures how they align.

    Iterating yields a :class:`Measurement` every ``measure_every`` steps, the first before any
    step and the last after all of them; meanwhile the weights are those that were measured, and
    the step is taken when the next one is asked for (what it did to the loss is filled in then).
    Whatever is changed meanwhile counts for that step. Measuring never changes training.

    Attributes:
        begun_with: the configuration the run started from. Its number of epochs is that in force.
        network: ``weights[l]`` is ``(R, n_out, n_in)``, ``biases[l]`` ``(R, n_out)``.
        feedback: ``feedback.matrices[l]`` carries the error to hidden layer ``l``.
        step: steps taken so far.
        total_steps: steps of the whole run.
        finished: nothing is left to do: every step is taken, or every replicate has diverged.
        diverged_at: per replicate the step at which it was first seen not to be finite: a loss of
            its own, or a weight or bias, is inf or nan. None: it never was. From that step on it
            has no value of any measure.
        drawn_as: per replicate, the number of the network whose feedback matrices it has, of those
            of its cell.
    """

    @undisturbed
    def __init__(
        self,
        config: RunConfig,
        *,
        data_dir: Path | str | None = None,
        data: Dataset | None = None,
        weights: Mapping[str, Tensor] | None = None,
    ) -> None:
        """Draws the network, ready for the first step.

        Args:
            config: what to train.
            data_dir: where data sets are kept; default ``FA_DATA_DIR`` or the user's cache.
            data: the samples, where they are loaded already (same device and dtype). Those of
                :func:`load_dataset` have to be loaded with the options that ``config`` asks for;
                from elsewhere they are taken as they are.
            weights: what the network starts from instead of a draw, by the names of
                :meth:`Network.state`.

        Raises:
            DatasetError: the samples cannot be had, or are not those of the data set.
            CheckpointError: ``weights`` are not those of this network.
            NotAllowed: ``data`` were loaded with other options, or in another dtype.
            ValueError: the device is not there.
        """
        # Samples that are given lie somewhere already: automatic is there.
        there = data is not None and config.device == "auto"
        device = data.x_train.device if data is not None and there else device_of(config)
        dtype = getattr(torch, config.dtype)
        if data is not None:
            check_data(config, data, dtype)
        self._cells = Cells(config)
        self.drawn_as = [*range(config.replicates)] * len(config.cells)
        self.begun_with = self._config = config
        self._learning_rate = config.learning_rate
        self._given, self._data_dir = data, data_dir
        data = data or load_dataset(config.dataset, data_dir, device, dtype, data_options(config))
        self.data = data.first(config.n_train)
        check_shapes(config.dataset, self.data, config.n_train)
        self.network = Network.draw(
            config.layers,
            ACTIVATIONS[config.activation],
            self._cells.weights(),
            self._cells.seeds(self.drawn_as),
            device,
            dtype,
            config.bias,
            config.bias_init,
        )
        if weights is not None:
            _copy_named(weights, self.network.state())
        self.feedback = self._feedback(config)
        self.optimizer: Optimizer = self._optimizer(config.learning_rate)
        self.step = 0
        self.total_steps = config.total_steps
        self._measure_every = config.measure_every
        self.finished = False
        self.diverged_at: list[int | None] = [None] * config.networks
        self._loss = LOSSES[config.loss]
        self._frozen = [number - 1 for number in config.frozen]
        self._walker = Walker(self.network, self._conserving()) if config.walk else None
        self._batches = Batches(config, self.data, self._labels())
        self._next_evaluation = 0
        self._handed_out = -1

    @property
    def config(self) -> RunConfig:
        """The configuration in force, that the run started from with what was changed since."""
        if self._config.learning_rate != self._learning_rate:
            self._config = self._config.replace(learning_rate=self._learning_rate)
        return self._config

    @property
    def epoch(self) -> float:
        """Passes over the training set so far."""
        return self.step / self.config.steps_per_epoch

    @property
    def diverged(self) -> NDArray[np.bool_]:
        """``(R,)`` whether a replicate was seen not to be finite."""
        return np.array([at is not None for at in self.diverged_at])

    @property
    def learning_rate(self) -> float:
        """The learning rate in force, before its schedule. Setting it acts at the next step.

        Raises:
            pydantic.ValidationError: it is out of range.
            NotAllowed: every cell of the run has one of its own.
        """
        return self._learning_rate

    @learning_rate.setter
    @undisturbed
    def learning_rate(self, value: float) -> None:
        """Acts at the next step."""
        if "learning_rate" in self._config.varied:
            raise NotAllowed("learning_rate", value, "that of each cell, where it is varied")
        limits = bounds("learning_rate")
        if not (type(value) is float and limits["gt"] < value <= limits["le"]):
            value = self._config.replace(learning_rate=value).learning_rate
        self._learning_rate = value

    @property
    def scheme(self) -> str:
        """The feedback scheme in force. Setting it keeps the weights; random matrices are the
        ones the scheme would have drawn at the start, and its parts are those of its row. Errors
        that a delay still holds back are dropped: they were on their way by the other scheme.

        Raises:
            pydantic.ValidationError: there is no such scheme, or the rest of the configuration
                does not go with it.
        """
        return self.feedback.name

    @scheme.setter
    @undisturbed
    def scheme(self, name: str) -> None:
        """Acts at the next step."""
        row = self.config.replace(scheme=name, route=None, signal=None, matrix=None)
        if (row.scheme, row.composition) != (self.feedback.name, self.feedback.scheme):
            self._switch(row)

    def _switch(self, row: RunConfig) -> None:
        """Takes up the scheme of ``row``, with its parts."""
        self._config, self._cells = row, Cells(row)
        self.feedback = self._feedback(row)
        # The weights' own momentum goes on. Kolen-Pollack's matrices take the weights' increments
        # from the first step, so they need the same state; other learned ones start with none.
        state = {k: v for k, v in self.optimizer.state().items() if ".matrix." not in k}
        if self.feedback.takes_weight_steps:
            for i in range(len(self.feedback.matrices)):
                weight, matrix = f"optimizer.weight.{i + 1}.", f"optimizer.matrix.{i}."
                of_weight = {k: v for k, v in state.items() if k.startswith(weight)}
                state |= {matrix + k.removeprefix(weight): v for k, v in of_weight.items()}
        self.optimizer = self._optimizer(self.optimizer.rate)
        self.optimizer.load_state(state)
        if self._walker is not None:
            self._walker.follow(self._conserving())

    def __iter__(self) -> Iterator[Measurement]:
        while not self.finished:
            looked = self._until_measured(False if self._handed_out == self.step else None)
            if looked.measurement is not None:
                self._handed_out = self.step
                yield looked.measurement
                self._go_on(looked)

    @undisturbed
    @torch.inference_mode()
    def advance(self, measure: bool = False) -> Measurement | None:
        """Takes one training step.

        Args:
            measure: measure this step even where it is not due.

        Returns:
            The measurement made before the step, where one was due. After the last step one more
            call measures without training and sets ``finished``.
        """
        if self.finished:
            return None
        looked = self._look(measure or None)
        self._take(looked)
        return looked.measurement

    @undisturbed
    @torch.inference_mode()
    def _until_measured(self, measure: bool | None) -> _Looked:
        """Takes the next step, or, where it is measured, makes it ready."""
        looked = self._look(measure)
        if looked.measurement is None:
            self._take(looked)
        return looked

    @undisturbed
    @torch.inference_mode()
    def _go_on(self, looked: _Looked) -> None:
        """Takes a step that was measured and handed out; made ready once more, where who was
        handed it has changed something."""
        if not self.finished and looked.state != self._state_of_step():
            again = self._look(False)
            looked = looked._replace(moment=again.moment, asked=again.asked)
        self._take(looked)

    def _look(self, measure: bool | None) -> _Looked:
        """Makes the next step ready, without taking it.

        Args:
            measure: whether it is measured; None: where it is due.
        """
        last = self.step >= self.total_steps
        due = measure or (measure is None and (last or self.step % self._measure_every == 0))
        x, y = self.batch()
        past = self.network.forward(x)
        top = self._loss.error(past.outputs, y).div_(len(x))
        if not due and measure is None and self.step % LOOK_EVERY == 0:
            due = bool((~self._finite(top) & ~self.diverged).any())
        directions = self.feedback.directions(top, y, past, self.step)
        for layer in self._frozen:
            directions[layer] = None
        if self._walker is not None:
            self._walker.before_step()
        asked = self.feedback.asked()
        moment = Moment(
            self.step, x, y, self.network, self.feedback, past, directions, top, self._loss
        )
        measurement = self._measure(moment, last).without(self.diverged) if due else None
        self.finished |= last
        if measurement is None:
            return _Looked(moment, asked)
        return _Looked(moment, asked, measurement, self._state_of_step())

    def _take(self, looked: _Looked) -> None:
        """Takes the step that was made ready; none after the last, or where nothing is left."""
        if self.finished:
            return
        moment, measurement, walker = looked.moment, looked.measurement, self._walker
        directions, past = moment.directions, moment.past
        self.feedback.recall(looked.asked)  # a measure, or who was handed it, may have asked too
        follows = walker is not None and measurement is not None
        true = moment.true_deltas if follows else []  # of the weights before the step
        self.optimizer.rate = self._cells.rate(self._learning_rate, self.step)
        self.optimizer.update(directions, self.feedback.learned(directions, past))
        self.feedback.took_step()
        self.step += 1
        if walker is None:
            return
        walker.after_step(directions)
        if measurement is None:
            return
        after, _ = scores(self._loss, self.network.forward(moment.x).outputs, moment.y)
        changes = walker.changes(true, past, measurement.loss, after)
        # Into the measurement that was handed out: it could not know yet.
        for known, change in zip(
            (measurement.loss_change, measurement.predicted_loss_change), changes, strict=True
        ):
            assert known is not None
            known[:] = np.where(self.diverged, np.nan, change)

    def _state_of_step(self) -> Any:
        """What a step that was made ready stands on: equal as long as nobody changes any of it."""
        tensors = (*self.network.weights, *self.network.biases, *self.feedback.matrices)
        if any(tensor.is_inference() for tensor in tensors):  # they do not say when they change
            return object()
        return self.step, self.feedback, [tensor._version for tensor in tensors]

    def _tested(self) -> tuple[Float64[Array, " R"], Float64[Array, " R"]]:
        return evaluated(self.network, self._loss, self.data.x_test, self.data.y_test)

    def _finite(self, *others: Tensor) -> Bool[NDArray[np.bool_], " R"]:
        """``(R,)``: whether all weights and biases of a replicate are finite, and all ``others``.

        A weight can be inf where the loss is not: a saturated unit says 1 whatever drives it.
        """
        tensors = [*self.network.weights, *self.network.biases, *others]
        replicates = self.network.replicates
        # What is not finite makes its sum so; a sum may also overflow, and then they are looked at.
        sums = torch.stack([t.reshape(replicates, -1).sum(1) for t in tensors]).sum(0)
        finite: NDArray[np.bool_] = np.isfinite(sums.cpu().numpy())
        if (finite | self.diverged).all():
            return finite
        looks = [torch.isfinite(t.reshape(replicates, -1)).all(1) for t in tensors]
        looked: NDArray[np.bool_] = torch.stack(looks).all(0).cpu().numpy()
        return looked

    @undisturbed
    @torch.inference_mode()
    def evaluate(self) -> tuple[Float64[Array, " R"], Float64[Array, " R"]]:
        """Loss and accuracy of every replicate on the whole test set, ``(R,)`` each; nan for those
        that have diverged."""
        loss, accuracy = self._tested()
        loss[self.diverged] = accuracy[self.diverged] = np.nan
        return loss, accuracy

    @undisturbed
    def save(self, path: Path | str) -> None:
        """Writes a checkpoint from which :meth:`load` continues bit for bit.

        Args:
            path: the file, safetensors; an older one there is replaced.

        Raises:
            OSError: it cannot be written, for want of room, say; an older one there stays.
        """
        checkpoint.write(path, self.begun_with, self.progress(), self.state())

    @classmethod
    @undisturbed
    def load(
        cls,
        path: Path | str,
        *,
        data_dir: Path | str | None = None,
        data: Dataset | None = None,
        epochs: int | None = None,
    ) -> Trainer:
        """A trainer that stands where the one that wrote ``path`` stood.

        Args:
            path: of the checkpoint.
            data_dir, data: see :class:`Trainer`.
            epochs: of the whole run, where they are not those that it was begun with. One that was
                to take fewer and has taken all its steps goes on; at a constant learning rate it
                is then as if it had been to take as many from the beginning, bit for bit.

        Raises:
            CheckpointError: the file is not a checkpoint of this project.
            pydantic.ValidationError: there cannot be as many epochs.
        """
        config, progress, tensors = checkpoint.read(path)
        if epochs is not None:
            config = config.replace(epochs=epochs)
        trainer = cls(config, data_dir=data_dir, data=data)
        try:
            trainer.take_up(progress, tensors)
        except checkpoint.CheckpointError as error:
            raise checkpoint.CheckpointError(f"{path}: {error}") from error
        return trainer

    def extend(self, epochs: int) -> None:
        """Trains on to so many epochs in all; see :meth:`load`.

        Args:
            epochs: of the whole run.

        Raises:
            pydantic.ValidationError: there cannot be as many epochs.
            NotAllowed: it has trained longer already.
        """
        longer = self.config.replace(epochs=epochs)
        if longer.total_steps < self.step:
            least = -(-self.step // longer.steps_per_epoch)
            raise NotAllowed("epochs", epochs, f"at least {least:,}, which it has trained")
        self._config, self._cells = longer, Cells(longer)
        self.begun_with = self.begun_with.replace(epochs=epochs)
        self.total_steps = longer.total_steps
        self.finished = bool(self.diverged.all())

    def __getstate__(self) -> dict[str, Any]:
        """Everything that :meth:`save` saves, and the samples where they were given."""
        tensors = {name: tensor.clone() for name, tensor in self.state().items()}
        return {
            "config": self.begun_with,
            "data_dir": self._data_dir,
            "data": self._given,
            "progress": self.progress(),
            "tensors": tensors,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["config"], data_dir=state["data_dir"], data=state["data"])  # type: ignore[misc]
        self.take_up(state["progress"], state["tensors"])

    @undisturbed
    def state(self) -> dict[str, Tensor]:
        """Every tensor that has to be saved to go on exactly, by name: ``weight.l``
        ``(R, n_out, fan_in)``, ``bias.l`` ``(R, n_out)``, ``feedback.l`` as in
        :attr:`Feedback.matrices`, and what optimiser, delay and walk keep."""
        return (
            self.network.state()
            | self.feedback.state()
            | self.feedback.past_state()
            | self.optimizer.state()
            | (self._walker.state() if self._walker is not None else {})
        )

    def progress(self) -> dict[str, Any]:
        """What else has to be saved: JSON-ready."""
        return {
            "step": self.step,
            "next_evaluation": self._next_evaluation,
            "finished": self.finished,
            "diverged_at": list(self.diverged_at),
            "learning_rate": self.learning_rate,
            "scheme": self.scheme,
            "route": self.feedback.scheme.route,
            "signal": self.feedback.scheme.signal,
            "matrix": self.feedback.scheme.matrix,
            "drawn_as": self.drawn_as,
            "refreshed": self.feedback.refreshed,
        }

    @undisturbed
    def take_up(self, progress: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Stands from now on where :meth:`progress` and :meth:`state` were asked for.

        Args:
            progress: what the former gave.
            tensors: what the latter gave, of the same names and shapes ``(R, ...)``.

        Raises:
            CheckpointError: a tensor of this network is missing or has another shape.
        """
        own = SCHEMES.get(progress["scheme"])
        chosen = {
            part: None if progress[part] == getattr(own, part, None) else progress[part]
            for part in ("route", "signal", "matrix")
        }
        self.drawn_as = list(progress["drawn_as"])
        row = self.begun_with.replace(scheme=progress["scheme"], **chosen)
        if (row.scheme, row.composition) == (self.begun_with.scheme, self.begun_with.composition):
            row = self.begun_with
        self._switch(row)
        if "learning_rate" not in row.varied:
            self.learning_rate = progress["learning_rate"]
        self.step = progress["step"]
        self.diverged_at = list(progress["diverged_at"])
        all_gone = None not in self.diverged_at
        self.finished = progress["finished"] and (all_gone or self.step >= self.total_steps)
        self._next_evaluation = progress["next_evaluation"]
        self._handed_out = -1
        _copy_named(tensors, self.network.state() | self.feedback.state())
        self.feedback.load_past_state(tensors)
        self.feedback.refreshed = progress["refreshed"]
        self.optimizer.load_state(tensors)
        if self._walker is not None:
            self._walker.load_state(tensors)

    def _feedback(self, config: RunConfig) -> Feedback:
        options = FeedbackOptions(
            seeds=self._cells.seeds(self.drawn_as, feedback=True),
            how=self._cells.feedback(),
            delay_modules=config.delay_modules,
            mirror_rate=config.mirror_rate,
            mirror_samples=config.mirror_samples,
        )
        return Feedback(config.scheme, config.composition, self.network, options)

    def _optimizer(self, rate: float) -> Optimizer:
        config = self.config
        options, learned = self._cells.steps(), self.feedback.matrices
        if not self.feedback.learns:
            learned = ()
        if isinstance(options, tuple):
            return VariedOptimizer(config.optimizer, self.network, learned, rate, options)
        return make_optimizer(config.optimizer, self.network, learned, rate, options)

    def _conserving(self) -> list[Conserving]:
        config = self.config
        varied = {"weight_decay", "bias_rate"} & set(config.varied)
        if not self.optimizer.keeps_nothing or config.weight_decay or varied:
            return []
        return conserving(self.network, self.feedback, self._frozen, config.bias_rate)

    def _labels(self) -> Tensor | None:
        if "label_noise" not in self.config.varied:
            return None
        if self._given is not None:
            raise NotAllowed("vary", "label_noise", "other fields, with data that were given")
        like = self.data.x_train
        found = own_labels(self._cells.of_networks, self._data_dir, like.device, like.dtype)
        return self.network.operand(found)

    def batch(self) -> tuple[Float[Tensor, "N n_0"], Float[Tensor, "*#R N c"]]:
        """The next batch: ``x`` of shape ``(N, n_0)`` and ``y`` of shape ``(N, c)``, or
        ``(R, N, c)`` where label noise is varied."""
        return self._batches.at(self.step)

    def _see_diverged(self, finite: Bool[NDArray[np.bool_], " R"]) -> None:
        """Notes the step for those of the replicates ``(R,)`` that are no longer finite."""
        for replicate in np.flatnonzero(~finite & ~self.diverged).tolist():
            self.diverged_at[replicate] = self.step
        # A run with nothing left that could still learn stops; what it measured stays.
        self.finished = bool(self.diverged.all())

    def _measure(self, moment: Moment, last: bool) -> Measurement:
        directions, past = moment.directions, moment.past
        loss, accuracy = scores(self._loss, past.outputs, moment.y)
        test_loss, test_accuracy = None, None
        if last or self.step >= self._next_evaluation:
            test_loss, test_accuracy = self._tested()
            every = self.config.evaluate_every
            self._next_evaluation = (self.step // every + 1) * every
        finite = self._finite() & np.isfinite(loss)
        if test_loss is not None:
            finite &= np.isfinite(test_loss)
        if not finite.all():
            self._see_diverged(finite)
        everything = self.config.measures == "all"
        alignment = measure(
            self.network,
            self.feedback,
            directions,
            moment.true_deltas,
            past,
            gradient_alone=not everything,
        )
        walk = self._walker.look(directions) if self._walker is not None else Walk()
        return Measurement(
            **vars(alignment),
            **vars(walk),
            step=self.step,
            epoch=self.epoch,
            loss=loss,
            accuracy=accuracy,
            test_loss=test_loss,
            test_accuracy=test_accuracy,
            own=own_measures(moment) if everything else {},
        )


def _copy_named(source: Mapping[str, Tensor], named: Mapping[str, Tensor]) -> None:
    """Copies into every tensor of ``named`` the one of that name in ``source``."""
    for name, tensor in named.items():
        if name not in source or source[name].shape != tensor.shape:
            raise checkpoint.CheckpointError(f"lacks {name} as this network has it")
        tensor.copy_(source[name])
