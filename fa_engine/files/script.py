"""A run as a Python script that repeats it with fa_engine alone."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from fa_engine.config import RunConfig

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


def as_script(
    config: RunConfig,
    *,
    name: str,
    last_step: int,
    threads: int,
    changes: Iterable[tuple[int, str, Any]] = (),
    weights: str = "",
) -> str:
    """The script.

    Args:
        config: what is repeated.
        name: what the run is called.
        last_step: up to where.
        threads: torch's.
        changes: what was changed while it ran: before the step of which number, which property of
            :class:`fa_engine.Trainer`, and to what.
        weights: the checkpoint whose weights it began with; empty: with a draw.
    """
    # A script or a notebook that was run by itself cannot be imported.
    brought = [module for module in config.plugins if module != "__main__"]
    by_step: dict[int, list[tuple[str, Any]]] = {}
    for step, property_, value in changes:
        by_step.setdefault(step, []).append((property_, value))
    return _SCRIPT.format(
        # Nobody's words become code: within a text, on one line.
        name=json.dumps(name).replace("\\", "\\\\"),
        imports="".join(
            [
                "from fa_engine.dynamics.branching import hand_over\n" if weights else "",
                *(
                    f"import {module}  # noqa: F401 - adds what this run needs\n"
                    for module in brought
                ),
            ]
        ),
        threads=threads,
        # All of them: defaults may change.
        fields="\n".join(f"    {field}={value!r}," for field, value in config.model_dump().items()),
        changes=_mapping(by_step),
        last=last_step,
        every=config.measure_every,
        trainer=f"hand_over({weights!r}, config)  # weights that it began with"
        if weights
        else "Trainer(config)",
        # After the last step of all, one more look.
        until="<=" if last_step >= config.total_steps else "<",
    )


def _mapping(changes: dict[int, list[tuple[str, Any]]]) -> str:
    if not changes:
        return "{}"
    lines = (f"    {step}: {several!r}," for step, several in sorted(changes.items()))
    return "\n".join(["{", *lines, "}"])
