"""``fa-engine train``: one run, watched."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Group, Parameter
from pydantic import ValidationError
from rich.console import Console

from fa_engine.cli import outputs, show
from fa_engine.cli.interrupts import Interrupts
from fa_engine.cli.options import complain, config_of, given, refuse, with_run_config
from fa_engine.cli.outputs import FILES, Csv, Parquet, Trained
from fa_engine.config import NotAllowed
from fa_engine.data.datasets import DatasetError
from fa_engine.files.collected import Collected
from fa_engine.training.checkpoint import CheckpointError
from fa_engine.training.trainer import Trainer

FAILED = 1
"""The exit status where a run cannot be trained, or no network is left of it."""

SHOWN = Group("Shown", sort_key=101)


@with_run_config
def train(
    *,
    csv: Csv = None,
    parquet: Parquet = None,
    plot: Annotated[
        Path | None,
        Parameter(
            group=FILES,
            help="Draw loss, accuracy and gradient angles, with bands over the networks: "
            "a file that ends in .svg, .pdf or .png.",
        ),
    ] = None,
    save: Annotated[
        Path | None,
        Parameter(
            group=FILES, help="Write a checkpoint at the end, also where it was interrupted."
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        Parameter(
            group=FILES,
            help="Go on from a checkpoint, with its configuration; --epochs beside it makes the "
            "run longer. Tables and plot begin where it goes on.",
        ),
    ] = None,
    quiet: Annotated[
        bool,
        Parameter(
            group=SHOWN,
            negative="",
            show_default=False,
            help="Show nothing but what goes wrong.",
        ),
    ] = False,
    **fields: Any,
) -> int:
    """Trains what the options say, shows it, and writes what is asked for.

    Returns:
        The exit status.
    """
    outputs.check({"csv": csv, "parquet": parquet, "plot": plot, "save": save})
    trainer = _trainer(given(fields), resume)
    collected = Collected(trainer.config)
    console = Console()
    with Interrupts() as interrupts, show.show_for(console, trainer, quiet) as shown:
        while not trainer.finished and not interrupts.number:
            measurement = trainer.advance()
            if measurement is not None:
                collected.add(measurement)
            shown.step(trainer, measurement)
    trained = Trained(collected, trainer.diverged_at)
    try:
        if save is not None:
            trainer.save(save)
        outputs.write_tables([trained], csv, parquet)
        if plot is not None:
            from fa_engine.cli.plot import draw

            draw(trained, plot)
    except OSError as error:
        complain(error)
        return interrupts.status or FAILED
    if lost := show.diverged(trainer.diverged_at):
        complain(lost)
    if interrupts.number:
        kept = f"; {save} goes on from there" if save else ""
        complain(f"Interrupted after {trainer.step:,} steps{kept}")
        return interrupts.status
    if not quiet:
        for path in (save, csv, parquet, plot):
            if path is not None:
                console.file.write(f"wrote {path}\n")
    return FAILED if trainer.diverged.all() else 0


def _trainer(fields: dict[str, Any], resume: Path | None) -> Trainer:
    """Ready for its next step; ends the program where there can be none."""
    try:
        if resume is None:
            return Trainer(config_of(fields))
        beside = "nothing beside --resume, which --epochs alone may follow"
        others = [NotAllowed(name, fields[name], beside) for name in fields if name != "epochs"]
        if others:
            refuse("\n".join(map(str, others)))
        epochs = config_of(fields).epochs if fields else None
        return Trainer.load(resume, epochs=epochs)
    except ValidationError as error:
        refuse(error)
    except CheckpointError as error:
        refuse(f"--resume {error}")
    except DatasetError as error:
        complain(error)
        sys.exit(FAILED)
    except ValueError as error:  # a device that is not there
        refuse(str(error))
