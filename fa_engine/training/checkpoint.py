"""Checkpoints: one safetensors file; configuration and progress are JSON in its header."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from safetensors.torch import save_file
from torch import Tensor

from fa_engine.config import UNLIMITED, RunConfig, as_written

FORMAT = "fa_engine checkpoint 1"


class CheckpointError(RuntimeError):
    """A file is not a checkpoint that this version can read."""


class _Progress(BaseModel):
    """What :meth:`fa_engine.Trainer.progress` names, as a file may have it."""

    model_config = ConfigDict(strict=True, extra="forbid")

    step: int = Field(ge=0)
    next_evaluation: int = Field(ge=0)
    finished: bool
    diverged_at: list[int | None]
    learning_rate: float
    scheme: str
    route: str
    signal: str
    matrix: str
    drawn_as: list[int]
    refreshed: int | None = None  # older files do not say it

    @model_validator(mode="before")
    @classmethod
    def _since_when(cls, data: Any) -> Any:
        """An older file only says which replicates have diverged: at its own step at the latest."""
        match data:
            case {"diverged": [*flags], "step": step, **rest} if "diverged_at" not in rest:
                since = [step if flag is True else None for flag in flags]
                return rest | {"step": step, "diverged_at": since}
        return data


def write(
    path: Path | str, config: RunConfig, progress: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> None:
    """Writes a checkpoint whole or not at all.

    Args:
        path: the file; an older one there is replaced.
        config: configuration the run started from.
        progress: JSON-ready state that is not a tensor.
        tensors: everything else, by name.

    Raises:
        OSError: it cannot be written, for want of room, say.
    """
    header = {
        "format": FORMAT,
        "config": config.model_dump_json(),
        "progress": json.dumps(progress),
        "tensors": json.dumps(sorted(tensors)),
        "made_with": json.dumps(made_here(next(iter(tensors.values())).device)),
    }
    header["digest"] = _digest(header, tensors)
    write_tensors(path, tensors, header)


def write_tensors(
    path: Path | str, tensors: Mapping[str, Tensor], header: dict[str, str] | None = None
) -> None:
    """Writes tensors by their names, whole or not at all.

    Args:
        path: the file; an older one there is replaced.
        tensors: any.
        header: words that go with them.

    Raises:
        OSError: they cannot be written, for want of room, say.
    """
    path = Path(path)
    scratch = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        save_file({name: t.contiguous() for name, t in tensors.items()}, scratch, header)
        with scratch.open("rb") as written:  # else a loss of power may leave the name and no bytes
            os.fsync(written.fileno())
        scratch.replace(path)
    except safetensors.SafetensorError as error:  # which has what the system said as a text alone
        number = re.search(r"os error (\d+)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error
    finally:
        scratch.unlink(missing_ok=True)


def read(path: Path | str) -> tuple[RunConfig, dict[str, Any], dict[str, Tensor]]:
    """Configuration, progress and tensors of a checkpoint, tensors on the CPU.

    Raises:
        CheckpointError: the file is not a checkpoint of this format, or is not complete.
    """
    try:
        with safetensors.safe_open(path, "pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, safetensors.SafetensorError) as error:
        raise CheckpointError(f"{path} is not a checkpoint: {error}") from error
    if header.get("format") != FORMAT:
        found = header.get("format", "no format")
        raise CheckpointError(f"{path} has {found!r} where {FORMAT!r} is read")
    try:
        fields = as_written(json.loads(header["config"]))
        config = RunConfig.model_validate(fields, context={"limits": UNLIMITED})
        progress = _Progress.model_validate_json(header["progress"])
        _check(progress, config)
        if any(name.startswith("past.") for name in tensors):
            raise ValueError("its delay sent old activations back through later weights")
        missing = sorted(set(json.loads(header["tensors"])) - set(tensors))
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} was written by another version: {error}") from error
    if missing:
        raise CheckpointError(f"{path} is not complete: it lacks {', '.join(missing)}")
    if "digest" in header and header["digest"] != _digest(header, tensors):  # older files have none
        raise CheckpointError(f"{path} is damaged: its checksum does not fit")
    return config, progress.model_dump(), tensors


def made_here(device: torch.device) -> dict[str, str]:
    """What the last bits of a step depend on beside the checkpoint: threads, and the device."""
    named = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return {"threads": str(torch.get_num_threads()), "device": named}


def made_with(path: Path | str) -> dict[str, str]:
    """:func:`made_here` of the machine that wrote a checkpoint; empty where it did not say.

    Raises:
        CheckpointError: the file cannot be read.
    """
    try:
        with safetensors.safe_open(path, "pt") as file:
            told: dict[str, str] = json.loads((file.metadata() or {}).get("made_with", "{}"))
    except (OSError, ValueError, safetensors.SafetensorError) as error:
        raise CheckpointError(f"{path} is not a checkpoint: {error}") from error
    return told


def _digest(header: Mapping[str, str], tensors: Mapping[str, Tensor]) -> str:
    """Of everything in a file; safetensors itself notices what is missing, not what is changed."""
    found = hashlib.blake2b(digest_size=16)
    for key in sorted(header.keys() - {"digest"}):
        found.update(f"{key}={header[key]};".encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        found.update(f"{name}:{tensor.dtype}{tuple(tensor.shape)};".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        found.update(flat.view(torch.uint8).numpy().data if flat.numel() else b"")
    return found.hexdigest()


def _check(progress: _Progress, config: RunConfig) -> None:
    """Refuses progress that no run of this configuration can have made.

    Raises:
        ValueError: it says what is wrong.
    """
    parts = ("scheme", "route", "signal", "matrix", "learning_rate")
    config.replace(**{part: getattr(progress, part) for part in parts})
    if progress.step > config.total_steps:
        raise ValueError(f"step = {progress.step}: allowed is at most {config.total_steps}")
    for name in ("diverged_at", "drawn_as"):
        count = len(getattr(progress, name))
        if count != config.networks:
            raise ValueError(f"{name}: {count} values where there are {config.networks} networks")
    if any(at is not None and not 0 <= at <= progress.step for at in progress.diverged_at):
        raise ValueError(f"diverged_at: allowed are steps up to {progress.step}")
