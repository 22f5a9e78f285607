"""Plugins: modules that add rows of their own when they are imported (docs/EXTENDING.md).

They are imported with the names of :mod:`fa_engine`, and at the latest before the first
configuration is read: those that ``FA_PLUGINS`` names, with commas between, and those of installed
packages that have an entry point in the group ``fa_engine``.
"""

from __future__ import annotations

import importlib
import os
from functools import lru_cache
from importlib.metadata import entry_points

GROUP = "fa_engine"
VARIABLE = "FA_PLUGINS"


class PluginError(ImportError):
    """A plugin cannot be imported: which, who named it, and why."""


def named(asked: str) -> list[tuple[str, str]]:
    """The plugins by the names of their modules, each with who names it, in words.

    Args:
        asked: names of modules with commas between, as in ``FA_PLUGINS``.
    """
    found = {m.strip(): f"{VARIABLE} names it" for m in asked.split(",") if m.strip()}
    for point in entry_points(group=GROUP):
        whose = point.dist.name if point.dist else "a package"
        found.setdefault(point.module, f"{whose}, which is installed, names it")
    return list(found.items())


def load() -> None:
    """Imports all plugins, once; again where ``FA_PLUGINS`` has changed.

    Raises:
        PluginError: one of them cannot be imported.
    """
    _load(os.environ.get(VARIABLE, ""))


@lru_cache
def _load(asked: str) -> None:
    for module, who in named(asked):
        try:
            importlib.import_module(module)
        except Exception as error:
            if isinstance(error, ModuleNotFoundError) and error.name == module.split(".")[0]:
                why = "there is no such module on the path of this Python (PYTHONPATH)"
            else:
                why = f"{type(error).__name__}: {error}"
            raise PluginError(f"The plugin {module} cannot be loaded ({who}): {why}") from error
