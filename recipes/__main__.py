"""``python -m recipes [NAME]``: a published table, run again."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Literal

from cyclopts import App
from rich.console import Console

from fa_engine.cli.options import complain, refuse
from fa_engine.data.samples import DatasetError
from recipes import RECIPES, results
from recipes.running import run_row
from recipes.showing import show

Device = Literal["auto", "cpu", "cuda"]

app = App(
    name="python -m recipes",
    help="Published tables of feedback alignment, run again and set beside what was published.",
    help_format="plaintext",
    version_flags=[],
    console=Console(),
    error_console=Console(stderr=True),
)


@app.default
def reproduce(
    name: str | None = None,
    /,
    *,
    short: bool = False,
    device: Device = "auto",
    json: Path | None = None,
    seconds: float | None = None,
) -> int:
    """Runs a recipe; without a name, lists them.

    Args:
        name: of the recipe.
        short: minutes on a processor: fewer epochs, networks or samples.
        device: where it runs.
        json: a file for what came of it.
        seconds: stop after so long; what was not reached is said.
    """
    console = Console()
    if name is None:
        for recipe in RECIPES.values():
            console.print(f"[bold]{recipe.name}[/]  {recipe.title}", highlight=False)
            console.print(f"    {recipe.source}", highlight=False)
        return 0
    if name not in RECIPES:
        refuse(f"recipe = {name!r}: allowed is one of {', '.join(RECIPES)}")
    if json is not None and not json.parent.is_dir():
        refuse(f"--json {json}: allowed is a file in a folder that is there")
    recipe = RECIPES[name]
    until = None if seconds is None else time.monotonic() + seconds
    result = results.begun(name, short=short)

    def say(text: str) -> None:
        console.print(text, highlight=False)

    for row in recipe.rows:
        if until is not None and time.monotonic() > until:
            break
        try:
            ran = run_row(recipe, row, short=short, device=device, until=until, say=say)
        except DatasetError as error:
            complain(error)
            return 1
        except ValueError as error:  # a device that is not there
            refuse(str(error))
        result.rows.append(ran)
        if json is not None:
            results.write(result, json)
    show(console, recipe, result)
    return 0


if __name__ == "__main__":
    sys.exit(app())
