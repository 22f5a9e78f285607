"""``fa-engine export``: what a checkpoint holds, for others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from fa_engine.cli import outputs
from fa_engine.cli.options import complain, refuse
from fa_engine.cli.outputs import FILES
from fa_engine.cli.train import FAILED
from fa_engine.files.script import as_script
from fa_engine.training import checkpoint

_SCHEME_PARTS = ("route", "signal", "matrix")
_PARTS = ("weight.", "bias.", "feedback.")
"""Tensors that are a network's; the others are what training goes on from."""


def export(
    file: Annotated[Path, Parameter(help="The checkpoint, as train --save writes it.")],
    /,
    *,
    weights: Annotated[
        Path | None,
        Parameter(
            group=FILES,
            help="Write weights, biases and feedback matrices as safetensors: weight.0 is "
            "(networks, outputs, inputs) of the bottom layer.",
        ),
    ] = None,
    config: Annotated[
        Path | None, Parameter(group=FILES, help="Write the configuration as JSON.")
    ] = None,
    script: Annotated[
        Path | None,
        Parameter(
            group=FILES, help="Write a Python script that repeats the run up to the checkpoint."
        ),
    ] = None,
) -> int:
    """Writes what is asked for.

    Returns:
        The exit status.
    """
    asked = {"weights": weights, "config": config, "script": script}
    outputs.check(asked)
    try:
        of_run, progress, tensors = checkpoint.read(file)
        made_with = checkpoint.made_with(file)
    except checkpoint.CheckpointError as error:
        refuse(str(error))
    console = Console()
    text = json.dumps(of_run.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"
    if not any(asked.values()):
        console.file.write(text)
        return 0
    try:
        if weights is not None:
            named = {name: t for name, t in tensors.items() if name.startswith(_PARTS)}
            checkpoint.write_tensors(weights, named, {"config": of_run.model_dump_json()})
        if config is not None:
            outputs.whole(config, [text.encode()])
        if script is not None:
            now = {name: progress[name] for name in ("scheme", "learning_rate")}
            parts = {part: getattr(of_run.composition, part) for part in _SCHEME_PARTS}
            changed = any(getattr(of_run, name) != value for name, value in now.items())
            changed |= any(progress[part] != own for part, own in parts.items())
            # One network of another run, with its feedback.
            changed |= progress["drawn_as"] != list(range(of_run.replicates))
            if changed:
                refuse(
                    f"--script: allowed is a run that nobody changed while it ran; {file} "
                    "does not say when its scheme or learning rate were"
                )
            repeats = as_script(
                of_run,
                name=file.name,
                last_step=progress["step"],
                threads=int(made_with.get("threads", 1)),
            )
            outputs.whole(script, [repeats.encode()])
    except OSError as error:
        complain(error)
        return FAILED
    for path in asked.values():
        if path is not None:
            console.file.write(f"wrote {path}\n")
    return 0
