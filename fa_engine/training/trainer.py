"""Trainer: the loop, one step at a time, with live controls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64
from numpy.typing import NDArray
from torch import Tensor

from fa_engine.config import NotAllowed, RunConfig
from fa_engine.data.datasets import DataOptions, Dataset, check_shapes, load_dataset
from fa_engine.feedback.matrices import FeedbackOptions
from fa_engine.feedback.schemes import Feedback
from fa_engine.measures.alignment import Alignment, Array, measure, unwarned
from fa_engine.measures.walk import Conserving, Walk, Walker, conserving
from fa_engine.memory import EVALUATION_BYTES
from fa_engine.networks.activations import ACTIVATIONS
from fa_engine.networks.losses import LOSSES
from fa_engine.networks.network import Network, Pass, Product
from fa_engine.optimizers import SCHEDULES, Optimizer, PlainSGD, StepOptions, make_optimizer
from fa_engine.seeding import ORDER, Draw, generator
from fa_engine.surroundings import undisturbed
from fa_engine.training import checkpoint

LOOK_EVERY = 100  # steps between two looks for a divergence that no measurement has seen


@dataclass(frozen=True, kw_only=True)
class Measurement(Walk, Alignment):
    """Where a run stands after ``step`` steps, and how the next batch's update is aligned.

    The fields of :class:`~fa_engine.measures.walk.Walk` are None unless ``RunConfig.walk`` is on. A
    replicate that is no longer finite (:attr:`Trainer.diverged_at`) is nan in every measure.

    Attributes:
        step: steps taken so far.
        epoch: passes over the training set so far.
        loss: ``(R,)`` on the next training batch, before its step.
        accuracy: ``(R,)`` on that batch, from 0 to 1.
        test_loss: ``(R,)`` at the first measurement after every ``evaluate_every`` steps and at
            the end, else None.
        test_accuracy: ``(R,)`` likewise.
    """

    step: int
    epoch: float
    loss: Float64[Array, " R"]
    accuracy: Float64[Array, " R"]
    test_loss: Float64[Array, " R"] | None
    test_accuracy: Float64[Array, " R"] | None


class Trainer:
    """Trains the replicates of one configuration and measures how they align.

    Iterating yields a :class:`Measurement` every ``measure_every`` steps, the first before any
    step and the last after all of them. Measuring never changes training.

    Attributes:
        config: the configuration the run started from.
        network: ``weights[l]`` is ``(R, n_out, n_in)``, ``biases[l]`` ``(R, n_out)``.
        feedback: ``feedback.matrices[l]`` carries the error to hidden layer ``l``.
        step: steps taken so far.
        total_steps: steps of the whole run.
        finished: nothing is left to do: every step is taken, or every replicate has diverged.
        diverged_at: per replicate the step at which it was first seen not to be finite: a loss of
            its own, or a weight or bias, is inf or nan. None: it never was. From that step on it
            has no value of any measure.
        drawn_as: per replicate, the number that is added to the seed of its feedback matrices.
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
        device = pick_device(config.device)
        dtype = getattr(torch, config.dtype)
        if data is not None:
            _check_data(config, data, dtype)
        seeds = [config.seed + replicate for replicate in range(config.replicates)]
        self.config = config
        data = data or load_dataset(config.dataset, data_dir, device, dtype, data_options(config))
        self.data = data.first(config.n_train)
        check_shapes(config.dataset, self.data, config.n_train)
        self.network = Network.draw(
            config.layers,
            ACTIVATIONS[config.activation],
            Draw(config.weight_init, config.weight_std),
            seeds,
            device,
            dtype,
            config.bias,
        )
        if weights is not None:
            _copy_named(weights, self.network.state())
        self.drawn_as = list(range(config.replicates))
        self.feedback = self._feedback(config)
        self.optimizer: Optimizer = self._optimizer(config.learning_rate)
        self.step = 0
        self.total_steps = config.total_steps
        self._measure_every = config.measure_every
        self.finished = False
        self.diverged_at: list[int | None] = [None] * config.replicates
        self._learning_rate = config.learning_rate
        self._loss = LOSSES[config.loss]
        self._frozen = [number - 1 for number in config.frozen]
        self._walker = Walker(self.network, self._conserving()) if config.walk else None
        self._order = torch.empty(0, dtype=torch.int64)
        self._order_epoch = -1
        self._next_evaluation = 0

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
        """
        return self._learning_rate

    @learning_rate.setter
    @undisturbed
    def learning_rate(self, value: float) -> None:
        self._learning_rate = self.config.replace(learning_rate=value).learning_rate

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
        row = self.config.replace(scheme=name, route=None, signal=None, matrix=None)
        if (row.scheme, row.composition) != (self.feedback.name, self.feedback.scheme):
            self._switch(row)

    def _switch(self, row: RunConfig) -> None:
        """Takes up the scheme of ``row``, with its parts."""
        self.feedback = self._feedback(row)
        # The weights' own momentum goes on. Kolen-Pollack's matrices take the weights' increments
        # from the first step, so they need the same state; other learned ones start with none.
        state = {k: v for k, v in self.optimizer.state().items() if ".matrix." not in k}
        if self.feedback.learns and self.feedback.scheme.route == "layerwise":
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
            measurement = self.advance()
            if measurement is not None:
                yield measurement

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
        last = self.step >= self.total_steps
        due = measure or last or self.step % self._measure_every == 0
        x, y = self._batch()
        past = self.network.forward(x)
        top = self._loss.error(past.outputs, y).div_(len(y))
        if not due and self.step % LOOK_EVERY == 0:
            due = bool((~self._finite(top) & ~self.diverged).any())
        directions = self.feedback.directions(top, y, past, self.step)
        for layer in self._frozen:
            directions[layer] = None
        walker = self._walker
        if walker is not None:
            walker.before_step()
        measurement, true = None, []
        if due:
            true = self.feedback.true_deltas(directions, top, past)
            measurement = self._measure(directions, true, past, y, last)
        if last:
            self.finished = True
        elif not self.finished:
            self.optimizer.rate = self._learning_rate * self._schedule()
            self.optimizer.update(directions, self.feedback.learned(directions, past))
            self.step += 1
            if walker is not None:
                walker.after_step(directions)
                if measurement is not None:
                    after, _ = self._scores(self.network.forward(x).outputs, y)
                    change, predicted = walker.changes(true, past, measurement.loss, after)
                    measurement = replace(
                        measurement, loss_change=change, predicted_loss_change=predicted
                    )
        return measurement and self._of_the_finite(measurement)

    def _finite(self, *others: Tensor) -> Bool[NDArray[np.bool_], " R"]:
        """``(R,)``: whether all weights and biases of a replicate are finite, and all ``others``.

        A weight can be inf where the loss is not: a saturated unit says 1 whatever drives it.
        """
        tensors = [*self.network.weights, *self.network.biases, *others]
        replicates = self.config.replicates
        # What is not finite makes its sum so; a sum may also overflow, and then they are looked at.
        sums = torch.stack([t.reshape(replicates, -1).sum(1) for t in tensors]).sum(0)
        finite: NDArray[np.bool_] = np.isfinite(sums.cpu().numpy())
        if (finite | self.diverged).all():
            return finite
        looks = [torch.isfinite(t.reshape(replicates, -1)).all(1) for t in tensors]
        looked: NDArray[np.bool_] = torch.stack(looks).all(0).cpu().numpy()
        return looked

    def _of_the_finite(self, measurement: Measurement) -> Measurement:
        """The same with nan in every measure of the replicates that have diverged."""
        gone = self.diverged
        if not gone.any():
            return measurement
        masked: dict[str, Any] = {}
        for measure_ in fields(measurement):
            values = getattr(measurement, measure_.name)
            if isinstance(values, np.ndarray):
                values = values.copy()  # some are views of others
                values[gone] = np.nan
                masked[measure_.name] = values
        return replace(measurement, **masked)

    @undisturbed
    @torch.inference_mode()
    def evaluate(self) -> tuple[Float64[Array, " R"], Float64[Array, " R"]]:
        """Loss and accuracy of every replicate on the whole test set, ``(R,)`` each; nan for those
        that have diverged."""
        loss, accuracy = self._evaluated()
        loss[self.diverged] = accuracy[self.diverged] = np.nan
        return loss, accuracy

    def _evaluated(self) -> tuple[Float64[Array, " R"], Float64[Array, " R"]]:
        loss, accuracy = np.zeros((2, self.config.replicates))
        n_test = len(self.data.x_test)
        values = self.config.replicates * sum(layer.operand_size for layer in self.network.layers)
        chunk = max(1, EVALUATION_BYTES // (values * self.data.x_test.element_size()))
        for start in range(0, n_test, chunk):
            x = self.data.x_test[start : start + chunk]
            y = self.data.y_test[start : start + chunk]
            of_chunk = self._scores(self.network.forward(x).outputs, y)
            loss += of_chunk[0] * len(x)
            accuracy += of_chunk[1] * len(x)
        return loss / n_test, accuracy / n_test

    @unwarned
    def _scores(
        self, f: Float[Tensor, "*R N c"], y: Float[Tensor, "N c"]
    ) -> tuple[Float64[Array, " replicates"], Float64[Array, " replicates"]]:
        """Loss and accuracy of outputs ``f``, ``(R,)`` each, summed in float64 on the host.

        Where the loss is not finite there is no accuracy: the largest of nan is the first class.
        """
        samples = y.shape[0]
        losses = self._loss.of_samples(f, y).cpu().numpy()
        hits = _largest(f) == _largest(y)
        loss: Array = np.add.reduce(losses.reshape(-1, samples), -1, dtype=np.float64) / samples
        accuracy: Array = np.add.reduce(hits.reshape(-1, samples), -1, dtype=np.float64) / samples
        accuracy[~np.isfinite(loss)] = np.nan
        return loss, accuracy

    @undisturbed
    def save(self, path: Path | str) -> None:
        """Writes a checkpoint from which :meth:`load` continues bit for bit.

        Raises:
            OSError: it cannot be written, for want of room, say; an older one there stays.
        """
        checkpoint.write(path, self.config, self.progress(), self.state())

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

    @undisturbed
    def state(self) -> dict[str, Tensor]:
        """Every tensor that has to be saved to go on exactly, by name."""
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
        }

    @undisturbed
    def take_up(self, progress: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Stands from now on where :meth:`progress` and :meth:`state` were asked for.

        Raises:
            CheckpointError: a tensor of this network is missing or has another shape.
        """
        parts = {part: progress[part] for part in ("scheme", "route", "signal", "matrix")}
        self.drawn_as = list(progress["drawn_as"])
        self._switch(self.config.replace(**parts))
        self.learning_rate = progress["learning_rate"]
        self.step = progress["step"]
        self.diverged_at = list(progress["diverged_at"])
        all_gone = None not in self.diverged_at
        self.finished = progress["finished"] and (all_gone or self.step >= self.total_steps)
        self._next_evaluation = progress["next_evaluation"]
        _copy_named(tensors, self.network.state() | self.feedback.state())
        self.feedback.load_past_state(tensors)
        self.optimizer.load_state(tensors)
        if self._walker is not None:
            self._walker.load_state(tensors)

    def _feedback(self, config: RunConfig) -> Feedback:
        seed = config.seed if config.feedback_seed is None else config.feedback_seed
        options = FeedbackOptions(
            seeds=[seed + number for number in self.drawn_as],
            how=Draw(
                config.feedback_init,
                config.feedback_std,
                config.feedback_density,
                config.feedback_rank,
            ),
            delay_modules=config.delay_modules,
            mirror_rate=config.mirror_rate,
            mirror_samples=config.mirror_samples,
        )
        return Feedback(config.scheme, config.composition, self.network, options)

    def _optimizer(self, rate: float) -> Optimizer:
        config = self.config
        options = StepOptions(config.momentum, config.weight_decay, config.bias_rate)
        learned = self.feedback.matrices if self.feedback.learns else ()
        return make_optimizer(config.optimizer, self.network, learned, rate, options)

    def _conserving(self) -> list[Conserving]:
        config = self.config
        plain_steps = isinstance(self.optimizer, PlainSGD) and config.weight_decay == 0
        if not plain_steps:
            return []
        return conserving(self.network, self.feedback, self._frozen, config.bias_rate)

    def _schedule(self) -> float:
        """What the learning rate is multiplied by at this step."""
        config = self.config
        factor = SCHEDULES[config.schedule].factor
        return factor(self.epoch, config.epochs, config.schedule_every, config.schedule_factor)

    def _batch(self) -> tuple[Float[Tensor, "N n_0"], Float[Tensor, "N c"]]:
        """The next batch: ``x`` of shape ``(N, n_0)`` and ``y`` of shape ``(N, c)``.

        All replicates see the same batches, and so do all runs on a data set: what differs
        between replicates is their random matrices alone. An incomplete last batch is dropped.
        """
        epoch, batch = divmod(self.step, self.config.steps_per_epoch)
        size = self.config.batch_size
        rows = slice(batch * size, (batch + 1) * size)
        if not self.config.shuffle:
            return self.data.x_train[rows], self.data.y_train[rows]
        if epoch != self._order_epoch:
            shuffled = torch.randperm(len(self.data.x_train), generator=generator(epoch, ORDER))
            self._order, self._order_epoch = shuffled.to(self.data.x_train.device), epoch
        chosen = self._order[rows]
        return self.data.x_train.index_select(0, chosen), self.data.y_train.index_select(0, chosen)

    def _see_diverged(self, finite: Bool[NDArray[np.bool_], " R"]) -> None:
        """Notes the step for those of the replicates ``(R,)`` that are no longer finite."""
        for replicate in np.flatnonzero(~finite & ~self.diverged).tolist():
            self.diverged_at[replicate] = self.step
        # A run with nothing left that could still learn stops; what it measured stays.
        self.finished = bool(self.diverged.all())

    def _measure(
        self,
        directions: list[Product | None],
        true: list[Float[Tensor, "*R _m _n"]],
        past: Pass,
        y: Float[Tensor, "N c"],
        last: bool,
    ) -> Measurement:
        f = past.outputs
        loss, accuracy = self._scores(f, y)
        test_loss, test_accuracy = None, None
        if last or self.step >= self._next_evaluation:
            test_loss, test_accuracy = self._evaluated()
            every = self.config.evaluate_every
            self._next_evaluation = (self.step // every + 1) * every
        finite = self._finite() & np.isfinite(loss)
        if test_loss is not None:
            finite &= np.isfinite(test_loss)
        if not finite.all():
            self._see_diverged(finite)
        alignment = measure(
            self.network,
            self.feedback,
            directions,
            true,
            past,
            gradient_alone=self.config.measures == "gradient",
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
        )


def _largest(outputs: Float[Tensor, "*R N c"]) -> Int64[NDArray[np.int64], "*R N"]:
    """``(..., N)`` on the host: which output is largest. Few outputs NumPy compares faster."""
    on_host = outputs.device.type == "cpu"
    found: NDArray[np.int64] = (
        outputs.numpy().argmax(-1) if on_host else outputs.argmax(-1).cpu().numpy()
    )
    return found


def data_options(config: RunConfig) -> DataOptions:
    """What the configuration asks of its data set."""
    return DataOptions(
        config.label_noise,
        config.teacher_hidden,
        regression=config.loss == "squared_error",
        train_samples=config.train_samples,
    )


def pick_device(name: str) -> torch.device:
    """The device that ``auto``, ``cpu`` or ``cuda`` means on this machine.

    Raises:
        ValueError: CUDA was asked for and is not there.
    """
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise ValueError("device = 'cuda': allowed on this machine is cpu or auto (no CUDA GPU)")
    return torch.device("cuda" if available and name != "cpu" else "cpu")


def _check_data(config: RunConfig, data: Dataset, dtype: torch.dtype) -> None:
    """Refuses samples that were loaded for another configuration."""
    if data.x_train.dtype != dtype:
        name = str(data.x_train.dtype).removeprefix("torch.")
        raise NotAllowed("dtype", config.dtype, f"{name}, that of the data that were given")
    if data.options is None:
        return
    asked = data_options(config)
    for field, name in (
        ("label_noise", "label_noise"),
        ("teacher_hidden", "teacher_hidden"),
        ("regression", "loss"),
    ):
        if field != "label_noise" and config.dataset != "teacher":
            continue
        given = getattr(data.options, field)
        if given != getattr(asked, field):
            allowed = f"what the data that were given were loaded with, {field} = {given}"
            raise NotAllowed(name, getattr(config, name), allowed)


def _copy_named(source: Mapping[str, Tensor], named: Mapping[str, Tensor]) -> None:
    """Copies into every tensor of ``named`` the one of that name in ``source``."""
    for name, tensor in named.items():
        if name not in source or source[name].shape != tensor.shape:
            raise checkpoint.CheckpointError(f"lacks {name} as this network has it")
        tensor.copy_(source[name])
