"""What a command writes when it has trained; whether it can is asked before it does."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Group, Parameter

from fa_engine.cli import DISTRIBUTION
from fa_engine.cli.options import refuse
from fa_engine.files.collected import Collected

FILES = Group("Files", sort_key=100)
"""The panel of the help that they stand in."""

_NEEDED = {"csv": "pyarrow", "parquet": "pyarrow", "plot": "matplotlib"}
_PICTURES = (".svg", ".pdf", ".png")

Csv = Annotated[
    Path | None,
    Parameter(
        group=FILES,
        help="Write every measure of every network as CSV: tidy, a row a step and network, the "
        "columns of the dashboard's exports.",
    ),
]
Parquet = Annotated[Path | None, Parameter(group=FILES, help="Write the same table as Parquet.")]


@dataclass(frozen=True)
class Trained:
    """One run that was trained, or begun.

    Attributes:
        collected: what it has measured.
        diverged_at: see :class:`fa_engine.Trainer`.
    """

    collected: Collected
    diverged_at: Sequence[int | None]

    @property
    def is_whole(self) -> bool:
        """Whether there was nothing left to train."""
        return None not in self.diverged_at or self.collected.last_step == (
            self.collected.config.total_steps
        )


def check(paths: Mapping[str, Path | None]) -> None:
    """Ends the program where a file could not be written: hours later it would be too late.

    Args:
        paths: what is asked for, by the name of its option.
    """
    for name, path in paths.items():
        if path is None:
            continue
        shown = f"--{name} {path}"
        if name == "plot" and path.suffix.lower() not in _PICTURES:
            refuse(f"{shown}: allowed is a file that ends in {', '.join(_PICTURES)}")
        if path.is_dir() or not os.access(path.parent, os.W_OK):
            refuse(f"{shown}: allowed is a file in a folder that is there and may be written to")
        if name in _NEEDED:
            _need(shown, _NEEDED[name])


def write_tables(
    runs: Sequence[Trained],
    csv: Path | None,
    parquet: Path | None,
    numbers: Sequence[int] | None = None,
) -> None:
    """Writes what was measured.

    Args:
        runs: at least one.
        csv, parquet: where to; None: not at all.
        numbers: of the runs, from 0: the number, from 1, and the settings in which they differ are
            columns too. None: it is one run.

    Raises:
        OSError: it cannot be written; an older file there stays.
    """
    if csv is None and parquet is None:
        return
    from fa_engine.files import table

    several = numbers is not None
    configs = [run.collected.config for run in runs]
    schema = table.schema_of(configs, several=several)
    beside = table.settings_of(configs) if several else [{} for _ in runs]

    def rows() -> Iterable[Any]:
        for number, run, own in zip(numbers or (0,), runs, beside, strict=True):
            same = {"run": str(number + 1), **own}
            yield table.rows(schema, run.collected.series(), run.diverged_at, same)

    if csv is not None:
        whole(csv, table.as_csv(schema, rows()))
    if parquet is not None:
        found = [{"config": config.model_dump(mode="json")} for config in configs]
        about = {"runs": found} if several else found[0]
        whole(parquet, table.as_parquet(schema, rows(), about))


def whole(path: Path, parts: Iterable[bytes]) -> None:
    """Writes a file whole or not at all.

    Raises:
        OSError: it cannot be written; an older one there stays.
    """
    through(path, lambda scratch: _write(scratch, parts))


def through(path: Path, write: Callable[[Path], None]) -> None:
    """The same for what writes a file by its name: ``write(scratch)``, of the same suffix."""
    scratch = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        write(scratch)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def _write(path: Path, parts: Iterable[bytes]) -> None:
    with path.open("wb") as file:
        file.writelines(parts)


def _need(shown: str, module: str) -> None:
    try:
        importlib.import_module(module)
    except ImportError:
        refuse(f"{shown} needs {module}: pip install '{DISTRIBUTION}[files]'")
