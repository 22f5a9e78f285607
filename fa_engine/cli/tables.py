"""``fa-engine schemes``, ``measures`` and so on: what there is to choose from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from fa_engine.data.datasets import DATASETS
from fa_engine.feedback.schemes import SCHEMES
from fa_engine.measures.catalogue import MEASURES
from fa_engine.plugins import load as load_plugins
from fa_engine.studies.catalogue import EXPERIMENTS

_SHAPES = {"R": "network", "H": "hidden layer", "L": "layer"}


def schemes() -> None:
    """Every row of ``SCHEMES``."""
    load_plugins()
    _show(
        {
            "name": name,
            "title": row.title,
            "sentence": row.explanation,
            "deviation": row.deviation,
            "route": row.route,
            "signal": row.signal,
            "matrix": row.matrix,
            "source": row.source,
        }
        for name, row in SCHEMES.items()
    )


def measures() -> None:
    """Every row of ``MEASURES``."""
    load_plugins()
    _show(
        {
            "name": name,
            "title": row.title,
            "sentence": row.text,
            "unit": row.unit,
            "one for": f"each {_SHAPES[row.shape[-1]]}",
            "there with": "--walk" if row.walk else "",
        }
        for name, row in MEASURES.items()
    )


def datasets() -> None:
    """Every row of ``DATASETS``."""
    load_plugins()
    _show(
        {
            "name": name,
            "title": row.title,
            "sentence": row.text,
            "sample": " x ".join(map(str, row.shape)),
            "classes": f"{row.n_classes}",
            "training samples": f"{row.n_train}",
            "test samples": f"{row.n_test}",
        }
        for name, row in DATASETS.items()
    )


def experiments() -> None:
    """Every row of ``EXPERIMENTS``."""
    load_plugins()
    _show(
        {
            "name": name,
            "title": row.title,
            "sentence": row.question,
            "predictions": f"{len(row.predictions)}",
            "data sets": ", ".join(row.settings),
            "source": row.source,
        }
        for name, row in EXPERIMENTS.items()
    )


def _show(rows: Iterable[Mapping[str, str]]) -> None:
    """Each with its sentences, for a person; where no terminal is, a line each, tabs between."""
    console = Console()
    if not console.is_terminal:
        for place, row in enumerate(rows):
            lines = [row, row.values()] if place == 0 else [row.values()]
            console.file.writelines("\t".join(line) + "\n" for line in lines)
        return
    for row in rows:
        console.print(Text.assemble((row["name"], "bold"), "  ", row["title"]))
        beside = [
            f"{name}: {value}"
            for name, value in row.items()
            if value and name not in ("name", "title", "sentence", "deviation")
        ]
        sentences = " ".join(part for part in (row["sentence"], row.get("deviation")) if part)
        console.print(Padding(Text(sentences), (0, 0, 0, 4)))
        console.print(Padding(Text(" · ".join(beside), "dim"), (0, 0, 0, 4)))
