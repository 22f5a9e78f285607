"""``python -m recipes.document``: writes the tables of docs/reproduction.md from the results.

A table stands between ``<!-- NAME -->`` and ``<!-- end of NAME -->``; what is around it is written
by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from recipes import RECIPES
from recipes.compare import lines, verdicts
from recipes.recipe import Recipe
from recipes.results import Result, read
from recipes.showing import NOTE, UNCHECKED, VERDICTS

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "reproduction.md"
RESULTS = ROOT / "recipes" / "results"
NOT_RUN = "Not run at full length yet."


def known() -> dict[str, Result]:
    """The results that are kept, by recipe."""
    return {path.stem: read(path) for path in sorted(RESULTS.glob("*.json"))}


def written(text: str, results: Mapping[str, Result]) -> str:
    """The document with its tables made anew.

    Args:
        text: as it is.
        results: by recipe.

    Raises:
        ValueError: there is no place for a recipe's table.
    """
    for name, recipe in RECIPES.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, begun, rest = text.partition(begin)
        _, ended, after = rest.partition(end)
        if not (begun and ended):
            raise ValueError(f"docs/reproduction.md has no place for {name}")
        section = _section(recipe, results.get(name))
        text = f"{before}{begin}\n{section}\n{end}{after}"
    return text


def _section(recipe: Recipe, result: Result | None) -> str:
    parts = [
        f"{recipe.source}. {_links(recipe.link)}",
        f"{recipe.table}. Settings: {recipe.settings}.",
        "Differs:",
        "\n".join(f"- {sentence}" for sentence in recipe.differs),
    ]
    parts += [NOT_RUN] if result is None else _came_of_it(recipe, result)
    return "\n\n".join(parts) + "\n"


def _came_of_it(recipe: Recipe, result: Result) -> list[str]:
    found = lines(recipe, result)
    table = ["| | | published | ours | difference |", "|---|---|---|---|---|"]
    for line in found:
        published = line.published + ("" if line.checked else UNCHECKED.replace("*", "\\*"))
        cells = (line.label, line.quantity, published, line.ours, line.difference)
        table.append(f"| {' | '.join(cells)} |")
    parts = ["\n".join(table)]
    if not all(line.checked for line in found):
        parts.append("\\" + NOTE + ".")
    claims = [f"- {one.claim.text}: {VERDICTS[one.holds]}." for one in verdicts(recipe, result)]
    parts.append("\n".join(claims))
    ran = [row for row in result.rows if not row.failed]
    networks = " or ".join(map(str, sorted({row.replicates for row in ran})))
    devices = " and ".join(sorted({row.device for row in ran}))
    took = sum(row.seconds for row in ran)
    parts.append(
        f"{networks} networks a row, {sum(row.lost for row in ran)} diverged; {took:,.0f} s in all,"
        f" {result.together} rows side by side, on {devices} ({result.machine}; {result.date})."
    )
    return parts


def _links(link: str) -> str:
    return ", ".join(f"<{one}>" for one in link.split(", "))


def main() -> None:
    """Writes the document."""
    DOCUMENT.write_text(written(DOCUMENT.read_text(), known()))


if __name__ == "__main__":
    main()
