"""A recipe's table on the terminal."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from recipes.compare import lines, verdicts
from recipes.recipe import Recipe
from recipes.results import Result

VERDICTS = {True: "holds", False: "does not hold", None: "not known"}
UNCHECKED = "*"
NOTE = f"{UNCHECKED} as we remember it; not checked against the source"


def show(console: Console, recipe: Recipe, result: Result) -> None:
    """Prints published beside ours, the claims, and what differs.

    Args:
        console: where to.
        recipe: what was published.
        result: what came of it here.
    """
    table = Table(title=recipe.title, title_justify="left", box=SIMPLE_HEAD)
    for column in ("", "What", "Published", "Ours", "Difference"):
        table.add_column(column, justify="left" if column in ("", "What") else "right")
    found = lines(recipe, result)
    for line in found:
        published = line.published + ("" if line.checked else UNCHECKED)
        table.add_row(line.label, line.quantity, published, line.ours, line.difference)
    console.print(table)
    if not all(line.checked for line in found):
        console.print(NOTE, highlight=False)
    if result.short:
        console.print("Shorter than published: numbers of the end are not those of the table.")
    for verdict in verdicts(recipe, result):
        console.print(f"{verdict.claim.text}: {VERDICTS[verdict.holds]}", highlight=False)
    console.print(f"\n{recipe.source}. {recipe.link}", highlight=False)
    console.print(recipe.table, highlight=False)
    for sentence in recipe.differs:
        console.print(f"Differs: {sentence}", highlight=False)
