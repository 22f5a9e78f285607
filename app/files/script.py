"""A run as a Python script that repeats it with fa_engine alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from app.store import Event, Run
from fa_engine import RunConfig

_SCRIPT = '''"""Repeats the run {name}.

Same numbers, bit for bit, on the same kind of machine with the same libraries and as many threads.
Run it where `fa_engine` can be imported; it prints a line a measurement.
"""

import torch

from fa_engine import RunConfig, Trainer
{imports}
torch.set_num_threads({threads})

config = RunConfig(
{fields}
)
# Before the step of that number is taken: what was changed while it ran.
changes = {changes}
last_step = {last}


def measurements():
    """A fa_engine.Measurement every {every} steps."""
    trainer = {trainer}
    while not trainer.finished and trainer.step {until} last_step:
        for name, value in changes.get(trainer.step, ()):
            setattr(trainer, name, value)
        measured = trainer.advance()
        if measured is not None:
            yield measured


if __name__ == "__main__":
    for m in measurements():
        print(m.step, *m.loss, *m.accuracy)
'''


def as_script(run: Run, controls: Sequence[Event], threads: int) -> str:
    """The script.

    Args:
        run: what is repeated, up to where it is.
        controls: what was changed while it ran.
        threads: torch's, as workers here have them.
    """
    config = run.run_config()
    changes: dict[int, list[tuple[str, Any]]] = {}
    for event in controls:
        one = (event.header["name"], event.header["to"])
        changes.setdefault(event.header["step"], []).append(one)
    handed = run.parent is not None
    path = f"{run.parent.run_id}-{run.parent.step}.safetensors" if run.parent else ""
    return _SCRIPT.format(
        # Nobody's words become code: within a text, on one line.
        name=json.dumps(run.name).replace("\\", "\\\\"),
        imports="from fa_engine.dynamics.branching import hand_over\n" if handed else "",
        threads=threads,
        fields="\n".join(f"    {name}={value!r}," for name, value in _differing(config)),
        changes=_mapping(changes),
        last=run.step,
        every=config.measure_every,
        trainer=f"hand_over({path!r}, config)  # weights that it began with"
        if handed
        else "Trainer(config)",
        # After the last step of all, one more look.
        until="<=" if run.step >= run.total_steps else "<",
    )


def _differing(config: RunConfig) -> list[tuple[str, Any]]:
    """The fields, all of them: defaults may change."""
    return list(config.model_dump().items())


def _mapping(changes: dict[int, list[tuple[str, Any]]]) -> str:
    if not changes:
        return "{}"
    lines = (f"    {step}: {several!r}," for step, several in sorted(changes.items()))
    return "\n".join(["{", *lines, "}"])
