"""reStructuredText: headings, tables, and text that is none."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

Rows = Sequence[Mapping[str, str]]


def heading(text: str, line: str) -> str:
    """A heading, underlined."""
    return f"{text}\n{line * len(text)}\n"


def literal(text: str) -> str:
    """Text as it stands."""
    lines = (f"   {line.rstrip()}".rstrip() for line in text.strip("\n").splitlines())
    return ".. code-block:: text\n\n" + "\n".join(lines) + "\n"


def table(rows: Rows, widths: Sequence[int] = ()) -> str:
    """A table of rows of equal keys, which are its head; columns that are empty are left out."""
    keys = [key for key in rows[0] if any(row[key] for row in rows)]
    wide = " ".join(map(str, widths)) if widths else "auto"
    lines = [".. list-table::", "   :header-rows: 1", f"   :widths: {wide}", "   :class: rows", ""]
    for cells in (keys, *([row[key] for key in keys] for row in rows)):
        lines += [
            f"   {'* ' if place == 0 else '  '}- {' '.join(cell.split())}".rstrip()
            for place, cell in enumerate(cells)
        ]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Text without a sign that reStructuredText would take for its own."""
    return re.sub(r"([\\*_`|])", r"\\\1", text)


def prose(docstring: str) -> str:
    """A docstring, with its roles as code."""
    return re.sub(r":\w+:`~?(?:[\w.]*\.)?(\w+)`", r"``\1``", docstring)
