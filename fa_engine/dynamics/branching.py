"""Branching off a run: the same network many times over, or its weights under another scheme."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fa_engine.config import NotAllowed, RunConfig
from fa_engine.data.datasets import Dataset
from fa_engine.feedback.schemes import SCHEMES
from fa_engine.surroundings import undisturbed
from fa_engine.training import checkpoint
from fa_engine.training.trainer import Trainer

# What decides shape and meaning of the weights that are handed over.
ARCHITECTURE = ("hidden", "activation", "bias", "replicates", "networks")
PARTS = ("route", "signal", "matrix")


@undisturbed
def fork(
    trainer: Trainer, replicate: int, copies: int, *, measure_every: int | None = None
) -> Trainer:
    """One replicate of a run as all replicates of another, which goes on where the first stands.

    Weights, feedback matrices, the optimiser's state and what a delay has under way are copied, and
    every copy draws whatever its scheme redraws as the replicate would: the copies stay equal, step
    for step, for as long as nobody moves one.

    Args:
        trainer: left as it is.
        replicate: which of its replicates, from 0.
        copies: replicates of the new run.
        measure_every: of the new run, in steps; None: as before.

    Raises:
        NotAllowed: there is no such replicate, or no copy is asked for.
    """
    config = trainer.config
    if not 0 <= replicate < config.networks:
        raise NotAllowed("replicate", replicate, f"a whole number from 0 to {config.networks - 1}")
    if copies < 1:
        raise NotAllowed("copies", copies, "a whole number from 1")
    every = config.measure_every if measure_every is None else measure_every
    cell, _ = config.of_network(replicate)
    changed = cell.replace(replicates=copies, measure_every=every, walk=False)
    forked = Trainer(changed, data=trainer.data)
    state = trainer.network.state() | trainer.feedback.state()
    state |= trainer.feedback.past_state() | trainer.optimizer.state()
    forked.take_up(
        trainer.progress()
        | {
            "drawn_as": [trainer.drawn_as[replicate]] * copies,
            "diverged_at": [trainer.diverged_at[replicate]] * copies,
            **({"learning_rate": cell.learning_rate} if "learning_rate" in config.varied else {}),
        },
        {
            name: _copies(name, tensor, config.networks, replicate, copies)
            for name, tensor in state.items()
        },
    )
    return forked


def _copies(name: str, tensor: Tensor, replicates: int, replicate: int, copies: int) -> Tensor:
    """One replicate's share of a tensor of a run's state, ``copies`` times."""
    if tensor.ndim == 0:  # an optimiser's count of steps, one for all
        return tensor.clone()
    if name.startswith("waiting."):
        # Operands: without the replicate dimension where there is one replicate.
        own = tensor if replicates == 1 else tensor[replicate]
        return own.clone() if copies == 1 else torch.stack([own] * copies)
    return torch.stack([tensor[replicate]] * copies)


def handed_config(path: Path | str, **changes: Any) -> RunConfig:
    """The configuration with which a run goes on from a checkpoint's weights.

    It is that of the checkpoint with the scheme and the learning rate in force there, and with
    ``changes``.

    Args:
        path: the checkpoint.
        changes: fields of :class:`~fa_engine.RunConfig`. Random feedback matrices are those of
            ``seed`` or ``feedback_seed``, which may be changed too.

    Raises:
        CheckpointError: the file is not a checkpoint of this project.
        NotAllowed: a change would not leave the network what it is.
        pydantic.ValidationError: a field is out of range.
    """
    config, progress, _ = checkpoint.read(path)
    scheme = str(progress["scheme"])
    in_force = {"scheme": scheme, "learning_rate": progress["learning_rate"]}
    for part in PARTS:
        own = progress[part]
        in_force[part] = None if own == getattr(SCHEMES[scheme], part) else own
    if "scheme" in changes:
        in_force |= dict.fromkeys(PARTS)
    handed = config.replace(**in_force | changes)
    check_hand_over(config, handed)
    return handed


@undisturbed
def hand_over(
    path: Path | str,
    config: RunConfig | None = None,
    *,
    data_dir: Path | str | None = None,
    data: Dataset | None = None,
    **changes: Any,
) -> Trainer:
    """A new run, at step 0 and with a fresh optimiser, that starts from a checkpoint's weights.

    Feedback matrices are drawn as at the start of any run, learned ones too.

    Args:
        path: the checkpoint.
        config: what :func:`~fa_engine.dynamics.branching.handed_config` returned; None: with
            ``changes``, from the checkpoint.
        data_dir: as for :class:`Trainer`.
        data: as for :class:`Trainer`.
        changes: as for :func:`~fa_engine.dynamics.branching.handed_config`.

    Raises:
        CheckpointError: the file is not a checkpoint of this project.
        NotAllowed: the network would not be what it was.
        pydantic.ValidationError: a field is out of range.
    """
    parent, _, tensors = checkpoint.read(path)
    config = handed_config(path, **changes) if config is None else config.replace(**changes)
    check_hand_over(parent, config)
    return Trainer(config, data_dir=data_dir, data=data, weights=tensors)


def check_hand_over(parent: RunConfig, config: RunConfig) -> None:
    """Refuses a run whose network is not the one that it would take the weights of.

    Args:
        parent: of the run that has the weights.
        config: of the one that is to begin with them.

    Raises:
        NotAllowed: it names the field.
    """
    for name in ARCHITECTURE:
        own, other = getattr(parent, name), getattr(config, name)
        if own != other:
            raise NotAllowed(name, other, f"{own}, as in the run that is handed over")
    if parent.widths != config.widths or parent.layers != config.layers:
        raise NotAllowed(
            "dataset", config.dataset, f"one with samples and classes as in {parent.dataset}"
        )
