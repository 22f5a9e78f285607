"""The store: runs, events and commands. It is the queue, the control channel and the event log."""

from app.store.blocks import SHAPES, Series, pack, unpack
from app.store.commands import COMMANDS, Command
from app.store.database import Store
from app.store.records import (
    LEASE_S,
    Draft,
    Event,
    LeaseLost,
    Progress,
    Run,
    RunEnded,
    RunState,
    StoreError,
    UnknownRun,
)

__all__ = [
    "COMMANDS",
    "LEASE_S",
    "SHAPES",
    "Command",
    "Draft",
    "Event",
    "LeaseLost",
    "Progress",
    "Run",
    "RunEnded",
    "RunState",
    "Series",
    "Store",
    "StoreError",
    "UnknownRun",
    "pack",
    "unpack",
]
