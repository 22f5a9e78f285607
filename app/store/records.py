"""What the store hands out and takes in: runs, events, and the errors it raises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from pydantic import ValidationError

from app.store.blocks import pack
from fa_engine import Measurement, Problem, RunConfig, problems
from fa_engine.config import UNLIMITED

LEASE_S = 15.0
"""How long a run is its worker's without a word from it, in seconds."""


class RunState(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    STOPPED = "stopped"
    DIVERGED = "diverged"
    FAILED = "failed"
    INTERRUPTED = "interrupted"

    @property
    def ended(self) -> bool:
        """Whether nothing will happen to the run any more."""
        return self not in (RunState.QUEUED, *ACTIVE)


ACTIVE = (RunState.RUNNING, RunState.PAUSED)


@dataclass(frozen=True)
class Parent:
    """A checkpoint that a run begins with."""

    run_id: str
    step: int


@dataclass(frozen=True)
class Run:
    """A run as its events have left it.

    Attributes:
        id: short, fit for a URL.
        config: the RunConfig as JSON.
        reason: why it is in this state, for a person; often empty.
        created_at, started_at, ended_at: unix time in seconds.
        step, epoch, steps_per_second: as last reported; ``total_steps`` is what it was asked for.
        trained_s: seconds it has trained, pauses left out; None where nobody counted them.
        diverged_at: for each replicate the step from which on it is no longer finite, or None.
        learning_rate, scheme: in force now; ``config`` has what the run began with.
        revision: seq of its last event.
        parent_id, parent_step: the checkpoint whose weights it began with, or None.
        race_id: what the runs that were started together have in common, or None.
        study_id: the study that it is of, or None.
        cells: which cells of it the run trains, in order.
        note, tags, pinned: what people have put to it.
        best_accuracy, last_accuracy, last_angle_deg: see :func:`app.store.summary.summary_of`; None
            where nothing of the kind has been measured.
        unstable_share: of the latest checkpoint whose spectrum somebody asked for, the share of
            modes below 0 of what decides stability, from 0 to 1; None where nobody has.
        imported_from: the id that it had where it was trained, or None where that is here.
        deleted_at: unix time in seconds; None but in the list of what can be restored.
        obeyed: the number of the last command that its workers obeyed, or None.
        taken_up: whether it goes back into the queue when its worker dies.
    """

    id: str
    name: str
    config: dict[str, Any]
    state: RunState
    reason: str
    created_at: float
    started_at: float | None
    ended_at: float | None
    step: int
    total_steps: int
    epoch: float
    steps_per_second: float
    learning_rate: float
    scheme: str
    revision: int
    diverged_at: list[int | None]
    trained_s: float | None = None
    parent_id: str | None = None
    parent_step: int | None = None
    race_id: str | None = None
    study_id: str | None = None
    cells: list[int] | None = None
    note: str = ""
    tags: list[str] = field(default_factory=list)
    pinned: bool = False
    best_accuracy: float | None = None
    last_accuracy: float | None = None
    last_angle_deg: float | None = None
    unstable_share: float | None = None
    deleted_at: float | None = None
    imported_from: str | None = None
    obeyed: int | None = None
    taken_up: bool = True

    @property
    def parent(self) -> Parent | None:
        """The checkpoint whose weights it began with."""
        if self.parent_id is None or self.parent_step is None:
            return None
        return Parent(self.parent_id, self.parent_step)

    def run_config(self) -> RunConfig:
        """``config`` as what it is; it was held against the limits when the run was made.

        Raises:
            UnreadableRun: it names what is not known here, that of a plugin, say.
        """
        try:
            return RunConfig.model_validate(self.config, context={"limits": UNLIMITED})
        except ValidationError as error:
            raise UnreadableRun(self.name, problems(error)) from None


@dataclass(frozen=True)
class Event:
    """Something that happened to a run, number ``seq`` = 1, 2, 3 ... without holes.

    Attributes:
        kind: ``state``, ``control``, ``diverged``, ``notice``, ``checkpoint``, ``measurements``, or
            ``progress`` when a running run had nothing else to tell for a while.
        at: unix time in seconds.
        header: JSON-ready. What is in it depends on the kind, see :class:`Draft`; of any kind it
            may have ``progress`` (step, epoch, steps_per_second, trained_s).
        payload: of ``measurements``, see :mod:`app.store.blocks`; otherwise empty.
    """

    run_id: str
    seq: int
    kind: str
    at: float
    header: dict[str, Any]
    payload: bytes


@dataclass(frozen=True)
class Checkpoint:
    """A kept state of a run, ready to be loaded.

    Attributes:
        step: steps taken by then.
        seq: of the event that told of it; the same step may be kept again, with another scheme.
    """

    run_id: str
    step: int
    seq: int


@dataclass(frozen=True)
class Progress:
    """How far a run is, and how many seconds it has trained so far."""

    step: int
    epoch: float
    steps_per_second: float
    trained_s: float | None = None


@dataclass(frozen=True)
class Draft:
    """An event to be written; the store gives it its number and time.

    Attributes:
        free: whether it takes the run from its worker, as one does that ends it.
    """

    kind: str
    header: dict[str, Any]
    payload: bytes = b""
    free: bool = False

    @classmethod
    def state(cls, state: RunState, step: int, reason: str = "") -> Draft:
        """The run's state changed."""
        return cls("state", {"state": state.value, "reason": reason, "step": step})

    @classmethod
    def put_back(cls, state: RunState, step: int, reason: str) -> Draft:
        """The run has no worker any more and waits for one, queued, or paused as it was."""
        return replace(cls.state(state, step, reason), free=True)

    @classmethod
    def control(cls, step: int, name: str, old: Any, new: Any) -> Draft:
        """The learning rate or the scheme was changed before step number ``step`` was taken."""
        return cls("control", {"step": step, "name": name, "from": old, "to": new})

    @classmethod
    def diverged(cls, step: int, diverged_at: Sequence[int | None]) -> Draft:
        """Further replicates are no longer finite; ``diverged_at`` as in :class:`Run`."""
        return cls("diverged", {"step": step, "diverged_at": list(diverged_at)})

    @classmethod
    def notice(cls, step: int, message: str) -> Draft:
        """Something that a person should know, and that changes nothing."""
        return cls("notice", {"step": step, "message": message})

    @classmethod
    def checkpoint(cls, step: int, n_bytes: int) -> Draft:
        """A checkpoint of ``step`` lies ready, ``n_bytes`` long."""
        return cls("checkpoint", {"step": step, "bytes": n_bytes})

    @classmethod
    def measurements(cls, measured: Sequence[Measurement], progress: Progress) -> Draft:
        """A block of measurements, at least one."""
        return cls("measurements", *pack(measured)).at(progress)

    def at(self, progress: Progress) -> Draft:
        """The same event, telling how far the run was as well."""
        return replace(self, header=self.header | {"progress": asdict(progress)})


@dataclass(frozen=True)
class New:
    """A run that is to be queued; see :meth:`app.store.Store.create_run`.

    Attributes:
        study_id, cells: the study that it is of, and which of its cells it trains, in order.
    """

    config: RunConfig
    name: str | None = None
    parent: Parent | None = None
    taken_up: bool = True
    study_id: str | None = None
    cells: Sequence[int] | None = None


@dataclass(frozen=True)
class Past:
    """What a run has told of itself already, for the worker that takes it up again.

    Attributes:
        step: of its last measurement; -1: there is none.
        controls: ``(step, name, value)`` of what was changed before that step was taken, in order.
        checkpoints: steps of those that are kept.
        every: of the last command to track it; 0: it is not tracked.
    """

    step: int
    controls: list[tuple[int, str, Any]]
    checkpoints: list[int]
    every: int


class StoreError(Exception):
    """What the store refuses; the message is for a person."""


class UnknownRun(StoreError):
    """There is no run of that id."""

    def __init__(self, run_id: str) -> None:
        super().__init__(f"There is no run {run_id!r}: it was deleted, or never was.")


class RunOfCells(UnknownRun):
    """A run trains several cells of a study, and is none that could be shown as one."""

    def __init__(self, name: str) -> None:
        StoreError.__init__(self, f"{name} trains several cells of a study; open one of them.")


class UnreadableRun(UnknownRun):
    """A run is there, and what it is made of is not known here."""

    def __init__(self, name: str, wrong: Sequence[Problem]) -> None:
        why = " ".join(f"{problem.words}." for problem in wrong)
        StoreError.__init__(self, f"{name} cannot be shown here. {why}")


class UnknownCheckpoint(StoreError):
    """The run has kept no checkpoint of that step."""

    def __init__(self, run_id: str, step: int) -> None:
        super().__init__(f"Run {run_id} has no checkpoint of step {step:,}.")


class QueueFull(StoreError):
    """As many runs wait as may."""

    def __init__(self, queued: int, more: int, most: int) -> None:
        super().__init__(
            f"{queued:,} runs are queued and {more:,} would join them: allowed are {most:,} "
            "(FA_MAX_QUEUED). Wait until some have been trained, or stop some."
        )


class CommandRefused(StoreError):
    """The run does not take this command as it stands."""


class RunEnded(CommandRefused):
    """The run has ended and takes no commands."""

    def __init__(self, run_id: str, state: RunState) -> None:
        super().__init__(f"Run {run_id} is {state.value} and takes no more commands.")


class LeaseLost(StoreError):
    """The run is no longer this worker's: it must stop working on it."""

    def __init__(self, run_id: str, owner: str) -> None:
        super().__init__(f"Run {run_id} is no longer held by {owner}.")
