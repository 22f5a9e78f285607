"""Pieces of page."""

from __future__ import annotations

from typing import Any

from flask import request


def attributes(**values: Any) -> dict[str, Any]:
    """HTML attributes whose names Python does not allow as keywords: ``data_key`` is data-key."""
    return {name.replace("_", "-"): value for name, value in values.items()}


def aria(label: str) -> dict[str, Any]:
    """What a screen reader calls an element; not a name that Python allows as a keyword."""
    return {"aria-label": label}


def data(**words: str) -> dict[str, Any]:
    """What the browser's half reads on an element: ``chart="x"`` is its ``data-chart``."""
    return {f"data-{name}": value for name, value in words.items()}


def drives() -> dict[str, Any]:
    """The mark of what changes something, a control or a part that holds some: who only watches
    finds it disabled (assets/watching.js), since :mod:`app.access` refuses what it asks for.
    """
    return data(drives="yes")


def address(path: str) -> str:
    """An address of ours, ``/``, as a browser has to ask for it: below what a proxy has put before.

    While a request is answered.
    """
    return request.script_root + path
