"""Plugins: modules that add rows of their own when they are imported (docs/EXTENDING.md).

``import fa_engine`` imports them: those that ``FA_PLUGINS`` names, with commas between, and those
of installed packages that have an entry point in the group ``fa_engine``.
"""

from __future__ import annotations

import importlib
import os
from importlib.metadata import entry_points

GROUP = "fa_engine"
VARIABLE = "FA_PLUGINS"


class PluginError(ImportError):
    """A plugin cannot be imported: which, who named it, and why."""


def named() -> list[tuple[str, str]]:
    """The plugins by the names of their modules, each with who names it, in words."""
    asked = os.environ.get(VARIABLE, "").split(",")
    found = {module.strip(): f"{VARIABLE} names it" for module in asked if module.strip()}
    for point in entry_points(group=GROUP):
        whose = point.dist.name if point.dist else "a package"
        found.setdefault(point.module, f"{whose}, which is installed, names it")
    return list(found.items())


def load() -> None:
    """Imports all plugins.

    Raises:
        PluginError: one of them cannot be imported.
    """
    for module, who in named():
        try:
            importlib.import_module(module)
        except Exception as error:
            if isinstance(error, ModuleNotFoundError) and error.name == module.split(".")[0]:
                why = "there is no such module on the path of this Python (PYTHONPATH)"
            else:
                why = f"{type(error).__name__}: {error}"
            raise PluginError(f"The plugin {module} cannot be loaded ({who}): {why}") from error
