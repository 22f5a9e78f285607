"""Checkpoints: one safetensors file; configuration and progress are JSON in its header."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
from safetensors.torch import save_file
from torch import Tensor

from fa_engine.config import UNLIMITED, RunConfig

FORMAT = "fa_engine checkpoint 1"


class CheckpointError(RuntimeError):
    """A file is not a checkpoint that this version can read."""


def write(
    path: Path | str, config: RunConfig, progress: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> None:
    """Writes a checkpoint whole or not at all.

    Args:
        path: the file; an older one there is replaced.
        config: configuration the run started from.
        progress: JSON-ready state that is not a tensor.
        tensors: everything else, by name.
    """
    header = {
        "format": FORMAT,
        "config": config.model_dump_json(),
        "progress": json.dumps(progress),
    }
    path = Path(path)
    scratch = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        save_file({name: t.contiguous() for name, t in tensors.items()}, scratch, header)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def read(path: Path | str) -> tuple[RunConfig, dict[str, Any], dict[str, Tensor]]:
    """Configuration, progress and tensors of a checkpoint, tensors on the CPU.

    Raises:
        CheckpointError: the file is not a checkpoint of this format.
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
        config = RunConfig.model_validate_json(header["config"], context={"limits": UNLIMITED})
        return config, json.loads(header["progress"]), tensors
    except (KeyError, ValueError) as error:
        raise CheckpointError(f"{path} was written by another version: {error}") from error
