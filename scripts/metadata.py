"""What the wheel says that it needs: requirements.txt, read by the build (pyproject.toml).

The versions there are those that everything is tested with. Whoever builds on the engine has other
packages beside it, so for them these are the oldest that will do, and no newer one is refused.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

# Parts of requirements.txt: the engine's own; files that it writes where they are asked for, which
# the dashboard needs too; all others are the dashboard's alone.
ENGINE, FILES = "engine", "files"
_PART = re.compile(r"# ([a-z]+)\b")
_PINNED = re.compile(r"([\w.-]+(?:\[[\w,-]+\])?)==(\S+)")


def needed(requirements: str) -> dict[str, list[str]]:
    """What the engine needs, and what is needed beside it for ``files`` and for ``app``.

    Args:
        requirements: the text of requirements.txt, in parts that begin with a comment of one word.

    Raises:
        ValueError: a line is neither a pin nor a comment nor an option.
    """
    found: dict[str, list[str]] = {ENGINE: [], FILES: [], "app": []}
    part = ""
    for line in requirements.splitlines():
        if not line:
            part = ""
        elif heading := _PART.match(line):
            part = part or heading[1]
        elif pinned := _PINNED.fullmatch(line):
            package = f"{pinned[1]}>={pinned[2]}"
            if part in (ENGINE, FILES):
                found[part].append(package)
            if part != ENGINE:
                found["app"].append(package)
        elif not line.startswith(("#", "-")):
            raise ValueError(f"requirements.txt: {line!r} is no pinned package")
    return found


class Hook(MetadataHookInterface):
    """Fills in what pyproject.toml calls dynamic."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Adds the requirements."""
        extras = needed(Path(self.root, "requirements.txt").read_text())
        metadata["dependencies"] = extras.pop(ENGINE)
        metadata["optional-dependencies"] = extras
