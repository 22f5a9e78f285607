"""The store: runs, events, commands, tasks. It is the queue, the control channel, the event log."""

from app.store.away import AWAY, is_damage, why_away, why_not
from app.store.blocks import OWN, SHAPES, Series, pack, unpack
from app.store.cells import cell_id, networks_of, parted
from app.store.commands import COMMANDS, Command
from app.store.copies import Incoming
from app.store.database import Store
from app.store.engine import Changes
from app.store.keep import Deleted, Heir, Keep
from app.store.labels import Labels
from app.store.listing import Condition, Listing
from app.store.outcomes import Known, Outcomes
from app.store.records import (
    LEASE_S,
    Checkpoint,
    CommandRefused,
    Draft,
    Event,
    LeaseLost,
    New,
    Parent,
    Past,
    Progress,
    QueueFull,
    Run,
    RunEnded,
    RunOfCells,
    RunState,
    StoreError,
    UnknownCheckpoint,
    UnknownRun,
    UnreadableRun,
)
from app.store.reports import Report, Reports, UnknownReport
from app.store.rows import AGAIN
from app.store.rules import Rule, Rules
from app.store.studies import Studies, Study, UnknownStudy
from app.store.sweeping import Sweeper
from app.store.tasks import Ask, Task, Tasks, TaskState, Unstable
from app.store.workers import Census, Seen, Worker, Workers

__all__ = [
    "AGAIN",
    "AWAY",
    "COMMANDS",
    "LEASE_S",
    "OWN",
    "SHAPES",
    "Ask",
    "Census",
    "Changes",
    "Checkpoint",
    "Command",
    "CommandRefused",
    "Condition",
    "Deleted",
    "Draft",
    "Event",
    "Heir",
    "Incoming",
    "Keep",
    "Known",
    "Labels",
    "LeaseLost",
    "Listing",
    "New",
    "Outcomes",
    "Parent",
    "Past",
    "Progress",
    "QueueFull",
    "Report",
    "Reports",
    "Rule",
    "Rules",
    "Run",
    "RunEnded",
    "RunOfCells",
    "RunState",
    "Seen",
    "Series",
    "Store",
    "StoreError",
    "Studies",
    "Study",
    "Sweeper",
    "Task",
    "TaskState",
    "Tasks",
    "UnknownCheckpoint",
    "UnknownReport",
    "UnknownRun",
    "UnknownStudy",
    "UnreadableRun",
    "Unstable",
    "Worker",
    "Workers",
    "cell_id",
    "is_damage",
    "networks_of",
    "pack",
    "parted",
    "unpack",
    "why_away",
    "why_not",
]
