"""Rows of the tables and what they mean: what events make of the row of their run.

Every function works within a transaction of its caller.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import RowMapping, delete, func, insert, select, update
from sqlalchemy.engine import Connection

from app.store import naming
from app.store.commands import SETTABLE, Command
from app.store.records import (
    CommandRefused,
    Draft,
    New,
    Parent,
    QueueFull,
    Run,
    RunEnded,
    RunState,
)
from app.store.summary import SUMMARY, SUMMED_UP, described, measured, split_tags, words_of
from app.store.tables import commands, events, runs
from fa_engine import RunConfig
from fa_engine.config import UNLIMITED, as_written

RUN_COLUMNS = [column for column in runs.c if column.name in Run.__dataclass_fields__]


AGAIN = "to be taken up again"
MOST_UNHEARD = 100
"""Commands that may wait for a run."""

OF_A_STUDY = "It is a cell of a study, whose runs are paused, resumed and stopped together."
_ID_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"
_ID_LENGTH = 10


def new_id() -> str:
    """An id that no run has."""
    return "".join(secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH))


def append(
    connection: Connection,
    drafts: Sequence[Draft],
    where: Any,
    parameters: dict[str, Any] | None = None,
    **values: Any,
) -> list[RowMapping]:
    """Writes ``drafts`` to the one run that ``where`` finds; its changed row, or nothing."""
    values |= _changes(drafts) | measured(drafts)
    changed = (
        connection.execute(
            update(runs)
            .where(where)
            .values(revision=runs.c.revision + len(drafts), **values)
            .returning(*RUN_COLUMNS),
            parameters or {},
        )
        .mappings()
        .all()
    )
    for row in changed:
        named = _renamed(connection, row, drafts)
        write(connection, row["id"], row["revision"] - len(drafts), named)
    return list(changed)


def _renamed(connection: Connection, row: RowMapping, drafts: Sequence[Draft]) -> list[Draft]:
    """``drafts`` with the new name of the run in those that change its scheme."""
    told, name = [], row["name"]
    for draft in drafts:
        if draft.kind == "control" and draft.header["name"] == "scheme":
            config = _config(row)
            name = naming.switched(name, config, draft.header["to"], draft.header["step"])
            draft = replace(draft, header=draft.header | {"title": name})
        told.append(draft)
    if name != row["name"]:
        words = words_of(row["id"], name, row["note"], row["tags"])
        connection.execute(
            update(runs).where(runs.c.id == row["id"]).values(name=name, words=words)
        )
    return told


def check_order(row: RowMapping, command: Command) -> None:
    """Refuses what the run of a locked row does not take.

    Raises:
        CommandRefused: with the reason.
    """
    state, again = RunState(row["state"]), False
    if command.command == "resume":
        again = state in (RunState.INTERRUPTED, RunState.STOPPED)
    elif command.command == "extend":
        again = state is RunState.FINISHED
        if not state.ended:
            raise CommandRefused("A run can be extended when it has finished.")
    if state.ended and not again:
        raise RunEnded(row["id"], state)
    if again and row["imported_from"] is not None:
        raise CommandRefused("It was trained elsewhere, and its checkpoints are not here.")
    if command.command == "extend" and row["config"].get("schedule", "constant") != "constant":
        raise CommandRefused(
            f"Its learning rate follows the schedule {row['config']['schedule']}, by which every "
            "step of a longer run would have had another one."
        )


def extended(row: RowMapping, more: int) -> tuple[Draft, dict[str, Any]]:
    """The event that tells of more epochs, and what they make of the row of their run."""
    config = _config(row)
    longer = config.replace(epochs=config.epochs + more)
    draft = Draft.control(row["step"], "epochs", config.epochs, longer.epochs)
    draft = replace(draft, header=draft.header | {"total_steps": longer.total_steps})
    return draft, {
        "config": longer.model_dump(mode="json"),
        "total_steps": longer.total_steps,
    }


def order(connection: Connection, row: RowMapping, command: Command) -> int:
    """Sends a command to the run of a locked row, which takes it (:func:`check_order`); its
    number. But for an extension the row's id, state, step and owner are enough."""
    body = command.model_dump(mode="json", exclude_none=True)
    number: int = connection.execute(
        insert(commands)
        .values(run_id=row["id"], at=time.time(), body=body)
        .returning(commands.c.number)
    ).scalar_one()
    if row["owner"] is None:
        drafts, heard = _in_the_queue(RunState(row["state"]), command.command, row["step"])
        changes: dict[str, Any] = {}
        if command.command == "extend":
            told, changes = extended(row, command.epochs or 0)
            drafts.insert(0, told)
        if drafts:
            append(connection, drafts, runs.c.id == row["id"], deaths=0, **changes)
        if heard:  # nothing of it is left for the worker
            connection.execute(delete(commands).where(commands.c.number == number))
    return number


def _in_the_queue(state: RunState, command: str, step: int) -> tuple[list[Draft], bool]:
    """What a command does to a run that no worker has, and whether that is all it does."""
    when = f"at step {step:,}" if step else "before it began"
    match state, command:
        case RunState.QUEUED | RunState.PAUSED, "stop":
            return [Draft.state(RunState.STOPPED, step, f"stopped {when}")], True
        case RunState.QUEUED, "pause":
            return [Draft.state(RunState.PAUSED, step, f"paused {when}")], True
        case RunState.PAUSED, "resume" | "step":
            return [Draft.state(RunState.QUEUED, step)], command == "resume"
        case RunState.INTERRUPTED | RunState.STOPPED | RunState.FINISHED, "resume" | "extend":
            return [Draft.state(RunState.QUEUED, step, AGAIN if step else "")], True
    return [], command in ("pause", "resume")


def create(
    connection: Connection, new: New, handed_from: str = "", race_id: str | None = None
) -> Run:
    """Queues a run; ``handed_from`` is the name of its parent."""
    config, parent = new.config, new.parent
    run_id = new_id()
    name = (new.name or "").strip() or distinct_name(connection, config, parent, handed_from)
    row = {
        "id": run_id,
        "name": name,
        "config": config.model_dump(mode="json"),
        "state": RunState.QUEUED.value,
        "reason": "",
        "created_at": time.time(),
        "step": 0,
        "total_steps": config.total_steps,
        "epoch": 0.0,
        "steps_per_second": 0.0,
        "learning_rate": config.learning_rate,
        "scheme": config.scheme,
        "revision": 1,
        "diverged_at": [None] * config.networks,
        "replicates_left": config.networks,
        "summed_up": SUMMED_UP,
        "pinned": False,
        **described(config),
        "parent_id": parent.run_id if parent else None,
        "parent_step": parent.step if parent else None,
        "race_id": race_id,
        "study_id": new.study_id,
        "cells": None if new.cells is None else [*new.cells],
        "taken_up": new.taken_up,
        "words": words_of(run_id, name, None, None),
    }
    made = connection.execute(insert(runs).values(row).returning(*RUN_COLUMNS)).mappings().one()
    write(connection, run_id, 0, [Draft.state(RunState.QUEUED, 0)])
    return as_run(made)


def check_patience(connection: Connection, run_id: str, obeyed: int | None) -> None:
    """Refuses a command to a run that has not obeyed a great many others.

    Raises:
        CommandRefused: it has not.
    """
    unheard = (commands.c.run_id == run_id) & (commands.c.number > (obeyed or 0))
    waiting = connection.execute(select(func.count()).select_from(commands).where(unheard))
    if waiting.scalar_one() >= MOST_UNHEARD:
        raise CommandRefused(f"{MOST_UNHEARD} commands wait already until its worker obeys them.")


def check_queue(connection: Connection, more: int, most: int | None) -> None:
    """Refuses runs that would make too many that wait.

    Args:
        connection: with the lock of a writer.
        more: runs that would join.
        most: that may wait; None: any number.

    Raises:
        QueueFull: they are too many.
    """
    if most is None:
        return
    waiting = (runs.c.state == RunState.QUEUED.value) & runs.c.deleted_at.is_(None)
    queued = connection.execute(select(func.count()).select_from(runs).where(waiting)).scalar_one()
    if queued + more > most:
        raise QueueFull(queued, more, most)


def distinct_name(
    connection: Connection, config: RunConfig, parent: Parent | None, handed_from: str
) -> str:
    """A name for a run that nobody named, and that no other has."""
    name = naming.name_of(config)
    if parent is not None:
        name = naming.handed_name(config, parent.step, handed_from)
    alike = select(runs.c.name, runs.c.config).where(runs.c.name.startswith(name, autoescape=True))
    # Of several runs of one name, which only people give, the oldest one's settings count.
    rows = connection.execute(alike.order_by(runs.c.number.desc())).all()
    return naming.distinct(name, config, {row.name: as_written(row.config) for row in rows})


def _changes(drafts: Sequence[Draft]) -> dict[str, Any]:
    """What ``drafts`` change in the row of their run."""
    changes: dict[str, Any] = {}
    for draft in drafts:
        header = draft.header
        if draft.kind == "state":
            changes |= {name: header[name] for name in ("state", "reason", "step")}
            ended = RunState(header["state"]).ended
            changes["ended_at"] = time.time() if ended else None
            if ended or draft.free:
                changes |= {"owner": None, "lease_until": None}
        elif draft.kind == "control" and header["name"] in SETTABLE:
            changes[header["name"]] = header["to"]
        elif draft.kind == "diverged":
            since = header["diverged_at"]
            changes |= {"diverged_at": since, "replicates_left": since.count(None)}
        changes |= header.get("progress", {})
    return changes


def write(connection: Connection, run_id: str, last: int, drafts: Sequence[Draft]) -> None:
    """Writes events that follow number ``last`` of a run."""
    now = time.time()
    connection.execute(
        insert(events),
        [
            {
                "run_id": run_id,
                "seq": last + number,
                "kind": draft.kind,
                "at": now,
                "header": draft.header,
                "payload": draft.payload,
            }
            for number, draft in enumerate(drafts, start=1)
        ],
    )


def as_run(row: RowMapping) -> Run:
    """The run of a row with :data:`RUN_COLUMNS`."""
    # SQLite hands whole numbers that were stored as REAL back as integers in RETURNING.
    reals = {name: float(row[name]) for name in ("epoch", "steps_per_second", "learning_rate")}
    for name in ("trained_s", "unstable_share", *SUMMARY):
        reals[name] = row[name] if row[name] is None else float(row[name])
    # A run of an older database that never diverged has nothing there.
    diverged_at = row["diverged_at"] or [None] * row["config"]["replicates"]
    known = {
        "state": RunState(row["state"]),
        "config": as_written(row["config"]),
        "diverged_at": diverged_at,
        "note": row["note"] or "",
        "tags": split_tags(row["tags"]),
        "pinned": bool(row["pinned"]),
        "taken_up": row["taken_up"] is not False and row["taken_up"] != 0,
    }
    return Run(**{**row, **reals, **known})


def _config(row: RowMapping) -> RunConfig:
    return RunConfig.model_validate(as_written(row["config"]), context={"limits": UNLIMITED})
