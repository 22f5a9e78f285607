"""What the wheel says that it needs: requirements.txt, read by the build (pyproject.toml).

The versions there are those that everything is tested with. Whoever builds on the engine has other
packages beside it, so for them these are the oldest that will do, and no newer one is refused.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

ENGINE = "engine"  # the part of requirements.txt for scripts; the others are the dashboard's
_PART = re.compile(r"# ([a-z]+)\b")
_PINNED = re.compile(r"([\w.-]+(?:\[[\w,-]+\])?)==(\S+)")


def needed(requirements: str) -> tuple[list[str], list[str]]:
    """What the engine needs, and what the dashboard needs beside it.

    Args:
        requirements: the text of requirements.txt, in parts that begin with a comment of one word.

    Raises:
        ValueError: a line is neither a pin nor a comment nor an option.
    """
    found: dict[bool, list[str]] = {True: [], False: []}
    part = ""
    for line in requirements.splitlines():
        if not line:
            part = ""
        elif heading := _PART.match(line):
            part = part or heading[1]
        elif pinned := _PINNED.fullmatch(line):
            found[part == ENGINE].append(f"{pinned[1]}>={pinned[2]}")
        elif not line.startswith(("#", "-")):
            raise ValueError(f"requirements.txt: {line!r} is no pinned package")
    return found[True], found[False]


class Hook(MetadataHookInterface):
    """Fills in what pyproject.toml calls dynamic."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Adds the requirements."""
        engine, app = needed(Path(self.root, "requirements.txt").read_text())
        metadata["dependencies"] = engine
        metadata["optional-dependencies"] = {"app": app}
