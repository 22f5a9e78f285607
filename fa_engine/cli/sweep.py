"""``fa-engine sweep``: all combinations of values, trained in as few runs as can be, compared."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from cyclopts import Group, Parameter
from numpy.typing import NDArray
from pydantic import ValidationError
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from fa_engine.cli import outputs
from fa_engine.cli.interrupts import Interrupts
from fa_engine.cli.options import complain, given, refuse, with_run_config
from fa_engine.cli.outputs import Csv, Parquet, Trained
from fa_engine.cli.train import FAILED
from fa_engine.config import NotAllowed, RunConfig, listed_fields, problems
from fa_engine.config.together import together
from fa_engine.data.datasets import DatasetError
from fa_engine.files.collected import CellsCollected
from fa_engine.measures.catalogue import MEASURES
from fa_engine.training.trainer import Trainer

SHOWN = ("test_loss", "test_accuracy", "hidden_angle_deg")
"""Measures of the table: their last values, mean and standard deviation over the networks."""

_SWITCH = {"yes": True, "true": True, "no": False, "false": False}
_VARIED = Group("Varied", sort_key=-1)


@dataclass(frozen=True)
class Cell:
    """One combination.

    Attributes:
        values: as they were typed, by the field.
        config: what it trains.
    """

    values: Mapping[str, str]
    config: RunConfig


@with_run_config
def sweep(
    *,
    vary: Annotated[
        list[str],
        Parameter(
            group=_VARIED,
            negative="",
            metavar="FIELD=VALUES",
            help="A field of a run and the values it takes, such as learning_rate=0.01,0.03,0.1.",
        ),
    ],
    csv: Csv = None,
    parquet: Parquet = None,
    **fields: Any,
) -> int:
    """Trains every cell, shows them in a table, and writes what is asked for.

    Returns:
        The exit status.
    """
    outputs.check({"csv": csv, "parquet": parquet})
    cells = cells_of([_varied(text) for text in vary], given(fields))
    console = Console()
    found: dict[int, Trained] = {}
    with Interrupts() as interrupts:
        try:
            for number, run in _shown(console, cells, interrupts):
                found[number] = run
        except DatasetError as error:
            complain(error)
            return FAILED
        except ValueError as error:  # a device that is not there
            refuse(str(error))
    numbers = sorted(found)
    trained = [found[number] for number in numbers]
    if trained:
        console.print(_table([cells[number] for number in numbers], trained))
        try:
            outputs.write_tables(trained, csv, parquet, numbers)
        except OSError as error:
            complain(error)
            return interrupts.status or FAILED
    if interrupts.number:
        ended = sum(run.is_whole for run in trained)
        beside = "; of the others there is what was measured" if ended < len(trained) else ""
        complain(f"Interrupted after {ended} of {len(cells)} runs{beside}")
    return interrupts.status


def cells_of(varied: Sequence[tuple[str, list[str]]], fields: Mapping[str, Any]) -> list[Cell]:
    """All combinations, the last field changing fastest; ends the program where one is none.

    Args:
        varied: fields and the values of each.
        fields: the other options.
    """
    for name, values in varied:
        if name in fields:
            refuse(NotAllowed(name, fields[name], "nothing beside --vary of the same field"))
        if [each for each, _ in varied].count(name) > 1:
            refuse(NotAllowed(name, ",".join(values), "one --vary"))
    cells: list[Cell] = []
    wrong: dict[str, None] = {}
    names = [name for name, _ in varied]
    for combination in itertools.product(*(values for _, values in varied)):
        chosen = dict(zip(names, combination, strict=True))
        try:
            cells.append(Cell(chosen, RunConfig(**{**fields, **_as_given(chosen)})))
        except ValidationError as error:
            wrong |= {problem.message: None for problem in problems(error)}
    if wrong:
        refuse("\n".join(wrong))
    return cells


def train_cells(
    cells: Sequence[Cell], interrupts: Interrupts, tell: Callable[[float], None]
) -> Iterator[tuple[int, Trained]]:
    """The cells with their numbers, each when it is trained. Those that can be train together;
    after an interrupt they have what was measured so far, and no others follow.

    Args:
        cells: what to train.
        interrupts: ends it.
        tell: is told how many of the cells are trained, with the share of those on their way.

    Raises:
        DatasetError: the samples cannot be had.
        ValueError: the device is not there.
    """
    done = 0
    for run in together([cell.config for cell in cells]):
        trainer, collected = Trainer(run.config), CellsCollected(run.config)
        while not trainer.finished:
            measurement = trainer.advance()
            if measurement is not None:
                collected.add(measurement, trainer.diverged_at)
                tell(done + len(run.numbers) * trainer.step / trainer.total_steps)
            if interrupts.number:
                break
        done += len(run.numbers)
        for place, number in enumerate(run.numbers):
            if len(collected.cells[place]):
                gone = trainer.diverged_at[run.config.networks_of(place)]
                yield number, Trained(collected.cells[place], gone)
        if interrupts.number:
            return


def _varied(text: str) -> tuple[str, list[str]]:
    """``learning_rate=0.01,0.1``: the field, and its values as they stand there."""
    name, equals, values = text.partition("=")
    name = name.strip().removeprefix("--").replace("-", "_")
    if name not in listed_fields(RunConfig):
        allowed = "one of the fields " + ", ".join(listed_fields(RunConfig))
        refuse(NotAllowed("vary", text, allowed))
    found = [value.strip() for value in values.split(";" if ";" in values else ",")]
    if not equals or not all(found) or len(set(found)) < len(found):
        refuse(NotAllowed("vary", text, f"{name}= and different values with commas between them"))
    return name, found


def _as_given(values: Mapping[str, str]) -> dict[str, Any]:
    """As options would be: a switch is True or False."""
    found: dict[str, Any] = dict(values)
    for name, value in values.items():
        if RunConfig.model_fields[name].annotation is bool:
            found[name] = _SWITCH.get(value, value)
    return found


def _shown(
    console: Console, cells: Sequence[Cell], interrupts: Interrupts
) -> Iterator[tuple[int, Trained]]:
    """What is trained, with a bar on a terminal and a line a run elsewhere."""
    if not console.is_terminal:
        for number, run in train_cells(cells, interrupts, lambda _: None):
            said = "  ".join(f"{name} {mean_and_spread(run, name)}" for name in SHOWN)
            line = f"run {number + 1} of {len(cells)}  {_words(cells[number])}  {said}\n"
            console.file.write(line)
            console.file.flush()
            yield number, run
        return
    columns = (
        BarColumn(),
        TextColumn("{task.completed:.0f} of {task.total:.0f} runs"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=len(cells))
        yield from train_cells(
            cells, interrupts, lambda done: progress.update(task, completed=done)
        )


def mean_and_spread(run: Trained, name: str) -> str:
    """The last value of a measure, mean ± standard deviation over the networks that have one."""
    last: NDArray[Any] = run.collected.series()[name][-1].astype(np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of nothing but nan
        mean, spread = np.nanmean(last), np.nanstd(last)
    if not np.isfinite(mean):
        return "-"
    match MEASURES[name].unit:
        case "share":
            return f"{100 * mean:.1f} ± {100 * spread:.1f} %"
        case "°":
            return f"{mean:.1f} ± {spread:.1f}°"
    return f"{mean:.3g} ± {spread:.2g}"


def _table(cells: Sequence[Cell], trained: Sequence[Trained]) -> Table:
    title = "Last values, mean ± standard deviation over the networks"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for name in cells[0].values:
        table.add_column(str(RunConfig.model_fields[name].title))
    for name in SHOWN:
        table.add_column(MEASURES[name].title, justify="right", no_wrap=True)
    lost = any(at is not None for run in trained for at in run.diverged_at)
    if lost:
        table.add_column("Diverged", justify="right")
    for cell, run in zip(cells, trained, strict=False):
        gone = sum(at is not None for at in run.diverged_at)
        table.add_row(
            *cell.values.values(),
            *(mean_and_spread(run, name) for name in SHOWN),
            *([f"{gone} of {len(run.diverged_at)}"] if lost else []),
        )
    return table


def _words(cell: Cell) -> str:
    return " ".join(f"{name}={value}" for name, value in cell.values.items())
