"""Batches: which samples a step sees; and whether samples are those that a run asks for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from fa_engine.config import NotAllowed, RunConfig
from fa_engine.data.datasets import DataOptions, Dataset, load_dataset
from fa_engine.seeding import ORDER, generator


class Batches:
    """The batches of a run, by step.

    All replicates of a run see the same batches: what differs between them is their random matrices
    alone. So do all runs of one data set (``draws = 1``), or all of one seed, unless they have an
    ``order_seed``. An incomplete last batch is dropped.
    """

    def __init__(
        self, config: RunConfig, data: Dataset, labels: Float[Tensor, "*R n c"] | None = None
    ) -> None:
        """Draws no order yet.

        Args:
            config: of the run.
            data: samples and targets.
            labels: in the place of the targets, where networks have some of their own.
        """
        self._targets = data.y_train if labels is None else labels
        self._data, self._size = data, config.batch_size
        self._shuffle, self._per_epoch = config.shuffle, config.steps_per_epoch
        self._seed = config.shared_seed("order")
        self._order = torch.empty(0, dtype=torch.int64)
        self._order_epoch = -1

    def at(self, step: int) -> tuple[Float[Tensor, "N n_0"], Float[Tensor, "*#R N c"]]:
        """The batch of step ``step``: ``x`` of shape ``(N, n_0)`` and ``y`` of shape ``(N, c)``, or
        ``(R, N, c)``."""
        epoch, batch = divmod(step, self._per_epoch)
        x, y = self._data.x_train, self._targets
        rows = slice(batch * self._size, (batch + 1) * self._size)
        if not self._shuffle:
            return x[rows], y[..., rows, :]
        if epoch != self._order_epoch:
            key = (epoch, ORDER) if self._seed is None else (self._seed, ORDER, epoch)
            shuffled = torch.randperm(len(x), generator=generator(*key))
            self._order, self._order_epoch = shuffled.to(x.device), epoch
        chosen = self._order[rows]
        return x.index_select(0, chosen), y.index_select(-2, chosen)


def own_labels(
    configs: Sequence[RunConfig],
    data_dir: Path | str | None,
    device: torch.device,
    dtype: torch.dtype,
) -> Float[Tensor, "R n c"]:
    """The targets of each network, with the label noise of its own.

    Args:
        configs: one a network.
        data_dir, device, dtype: see :func:`~fa_engine.data.datasets.load_dataset`.

    Raises:
        DatasetError: the samples cannot be had.
    """
    kinds: dict[float, Tensor] = {}
    for config in configs:
        if config.label_noise not in kinds:
            options = data_options(config)
            data = load_dataset(config.dataset, data_dir, device, dtype, options)
            kinds[config.label_noise] = data.first(config.n_train).y_train
    return torch.stack([kinds[config.label_noise] for config in configs])


def data_options(config: RunConfig) -> DataOptions:
    """What the configuration asks of its data set."""
    return DataOptions(
        config.label_noise,
        config.teacher_hidden,
        regression=config.loss == "squared_error",
        train_samples=config.train_samples,
        # Only where they matter: samples that are equal are loaded once.
        label_seed=config.shared_seed("label") if config.label_noise else None,
        teacher_seed=config.shared_seed("teacher") if config.dataset == "teacher" else None,
        standardise=config.standardise,
    )


def check_data(config: RunConfig, data: Dataset, dtype: torch.dtype) -> None:
    """Refuses samples that were loaded for another configuration."""
    if data.x_train.dtype != dtype:
        name = str(data.x_train.dtype).removeprefix("torch.")
        raise NotAllowed("dtype", config.dtype, f"{name}, that of the data that were given")
    if data.options is None:
        return
    asked = data_options(config)
    for option, name in (
        ("label_noise", "label_noise"),
        ("teacher_hidden", "teacher_hidden"),
        ("regression", "loss"),
        ("label_seed", "label_seed"),
        ("teacher_seed", "teacher_seed"),
        ("standardise", "standardise"),
        ("train_samples", "train_samples"),
    ):
        of_teacher = option.startswith("teacher_") or option == "regression"
        if of_teacher and config.dataset != "teacher":
            continue
        if option == "train_samples" and config.standardise == "none":
            continue  # fewer are taken of them; mean and variance would be of all
        given = getattr(data.options, option)
        if given != getattr(asked, option):
            allowed = f"what the data that were given were loaded with, {option} = {given}"
            raise NotAllowed(name, getattr(config, name), allowed)
