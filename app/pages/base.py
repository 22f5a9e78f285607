"""What a page is, and what it is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dash import Dash
from dash.development.base_component import Component

from app.backfills import Backfills
from app.compare import Comparer
from app.lab import Desk
from app.room import Room
from app.settings import Settings
from app.store import Store
from app.studies import Results
from app.system import System


@dataclass(frozen=True)
class Context:
    """What pages work with."""

    settings: Settings
    store: Store
    backfills: Backfills
    desk: Desk
    room: Room
    comparer: Comparer
    system: System
    results: Results


@dataclass(frozen=True)
class Page:
    """One page.

    Attributes:
        path: its address.
        name: what the navigation calls it, one word.
        title: of the browser's tab.
        layout: makes its content.
        register: hands its callbacks to an app.
        of_run: whether it shows the run that the address names, ``?run=ID``.
        in_navigation: whether the navigation leads to it; else another page does.
    """

    path: str
    name: str
    title: str
    layout: Callable[[Context], Component]
    register: Callable[[Dash, Context], None]
    of_run: bool = True
    in_navigation: bool = True
