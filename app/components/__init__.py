"""Pieces of page."""

from __future__ import annotations

from typing import Any


def aria(label: str) -> dict[str, Any]:
    """What a screen reader calls an element; not a name that Python allows as a keyword."""
    return {"aria-label": label}
