"""Registry: a table of rows by name, to which others may add their own."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

NAME = "a small letter, then up to 39 small letters, digits and underscores"
_BETWEEN = ("fa_engine", "jaxtyping")  # who adds and the table; jaxtyping may check the arguments
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


class RegistryError(ValueError):
    """A row cannot be added, and why."""


class Registry(dict[str, T]):
    """Rows by name, in the order in which they were added: a ``dict``.

    Attributes:
        kind: what a row is, in words.
        origins: for each row that is not the engine's own, the module that added it.
    """

    def __init__(self, kind: str, /, **rows: T) -> None:
        super().__init__(rows)
        self.kind = kind
        self.origins: dict[str, str] = {}

    def add(self, name: str, row: T) -> None:
        """Adds a row; one that the same module added before is replaced, as when a cell of a
        notebook is run again.

        Args:
            name: what it is called in configurations, addresses and files.
            row: the row.

        Raises:
            RegistryError: the name cannot be one, or is taken.
        """
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise RegistryError(f"{self.kind} {name!r}: allowed is {NAME}")
        origin = _caller()
        if name in self and self.origins.get(name) != origin:
            whose = self.origins.get(name, "fa_engine")
            raise RegistryError(
                f"{self.kind} {name!r}: allowed is a name that is not taken, and this one is that "
                f"of a row of {whose}"
            )
        self[name] = row
        self.origins[name] = origin


def _caller() -> str:
    """The module outside the engine that asks, by its name; a script by that of its file."""
    frame = sys._getframe(1)
    while frame.f_back and str(frame.f_globals.get("__name__", "")).split(".")[0] in _BETWEEN:
        frame = frame.f_back
    name = str(frame.f_globals.get("__name__", ""))
    if name != "__main__":
        return name
    spec, file = frame.f_globals.get("__spec__"), frame.f_globals.get("__file__")
    return spec.name if spec is not None else Path(file).stem if file else name
