"""A run as a Python script that repeats it (:mod:`fa_engine.files.script`)."""

from __future__ import annotations

from collections.abc import Sequence

from app.store import Event, Run
from fa_engine.files import script


def as_script(run: Run, controls: Sequence[Event], threads: int) -> str:
    """The script.

    Args:
        run: what is repeated, up to where it is.
        controls: what was changed while it ran.
        threads: torch's, as workers here have them.
    """
    headers = [event.header for event in controls]
    return script.as_script(
        run.run_config(),
        name=run.name,
        last_step=run.step,
        threads=threads,
        changes=[(header["step"], header["name"], header["to"]) for header in headers],
        weights=f"{run.parent.run_id}-{run.parent.step}.safetensors" if run.parent else "",
    )
