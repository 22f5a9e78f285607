"""A small button that asks something more, in a box of its own above it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash.development.base_component import Component


def popover(button: Component, content: Sequence[Component], width: int, **more: Any) -> Any:
    """``button``, and the ``content`` of the box that it opens; ``width`` in pixels. The keyboard
    stays within the box until it is closed."""
    return dmc.Popover(
        [
            dmc.PopoverTarget(button),
            dmc.PopoverDropdown(list(content), className="choice"),
        ],
        width=width,
        position="top-end",
        shadow="md",
        trapFocus=True,
        withinPortal=False,
        **more,
    )
