"""The tables."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    func,
)

metadata = MetaData()
# SQLite counts up by itself only in a column that it calls INTEGER.
_Number = BigInteger().with_variant(Integer, "sqlite")

runs = Table(
    "runs",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("name", String, nullable=False),
    Column("config", JSON, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("started_at", Double),
    Column("ended_at", Double),
    Column("step", BigInteger, nullable=False),
    Column("total_steps", BigInteger, nullable=False),
    Column("epoch", Double, nullable=False),
    Column("steps_per_second", Double, nullable=False),
    Column("learning_rate", Double, nullable=False),
    Column("scheme", String(64), nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("owner", String),
    Column("lease_until", Double),
    Column("diverged_at", JSON),
    Column("trained_s", Double),
    Column("parent_id", String(32)),
    Column("parent_step", BigInteger),
    Column("race_id", String(32)),
    # What has come later may be empty in a row that an older program has written.
    Column("note", String),
    Column("tags", String),  # app/store/summary.py
    Column("pinned", Boolean),
    Column("deleted_at", Double),
    Column("imported_from", String(64)),
    Column("words", String),
    Column("dataset", String(64)),
    Column("architecture", String),
    Column("replicates_left", Integer),
    Column("best_accuracy", Double),
    Column("last_accuracy", Double),
    Column("last_angle_deg", Double),
    Column("summed_up", Integer),  # how the three before it were filled, app/store/summary.py
    Column("unstable_share", Double),
    Column("unstable_step", BigInteger),  # of the checkpoint that it is of
    Column("edits", BigInteger),  # of what people put to it, and of what no event tells
    Column("obeyed", BigInteger),  # the number of the last command that a worker obeyed
    Column("deaths", Integer),  # of its workers, one after the other, without a step between
    Column("death_step", BigInteger),
    Column("taken_up", Boolean),  # whether it is when its worker died; nothing: it is
    Column("study_id", String(32)),
    Column("cells", JSON),  # of the study, that it trains
    Index("runs_by_state", "state", "number"),
    Index("runs_by_race", "race_id", "number"),
    Index("runs_by_study", "study_id", "number"),
    Index("runs_listed", "deleted_at", "pinned", "number"),
)

events = Table(
    "events",
    metadata,
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(16), nullable=False),
    Column("at", Double, nullable=False),
    Column("header", JSON, nullable=False),
    Column("payload", LargeBinary, nullable=False),
)

commands = Table(
    "commands",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("at", Double, nullable=False),
    Column("body", JSON, nullable=False),
    Index("commands_by_run", "run_id", "number"),
)

tasks = Table(
    "tasks",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("key", String(64), nullable=False, unique=True),
    Column("kind", String(32), nullable=False),
    Column("params", JSON, nullable=False),
    Column("state", String(16), nullable=False),
    Column("rank", Integer, nullable=False),
    Column("wanted_until", Double, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("progress", Double, nullable=False),
    Column("message", String, nullable=False),
    Column("result", LargeBinary),
    Column("owner", String),
    Column("lease_until", Double),
    Index("tasks_by_state", "state", "rank", "number"),
)

workers = Table(
    "workers",
    metadata,
    Column("owner", String(200), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("host", String(200), nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("began_at", Double, nullable=False),
    Column("heard_at", Double, nullable=False),
)

reports = Table(
    "reports",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("title", String, nullable=False),
    Column("charts", JSON, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("changed_at", Double, nullable=False),
    Column("deleted_at", Double),
)

studies = Table(
    "studies",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("title", String, nullable=False),
    Column("varied", JSON, nullable=False),
    Column("cells", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("deleted_at", Double),
)

outcomes = Table(
    "outcomes",
    metadata,
    Column("experiment", String(64), primary_key=True),
    Column("dataset", String(64), primary_key=True),
    Column("verdict", String(32), nullable=False),
    Column("networks", Integer, nullable=False),
    Column("seconds", Double, nullable=False),
    Column("ended_at", Double, nullable=False),
    Column("told", JSON, nullable=False),
)

rules = Table(
    "rules",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", BigInteger, nullable=False),
)


def one_more_edit() -> ColumnElement[int]:
    """The value of ``runs.edits`` after an edit: those who look on see that there was one."""
    return func.coalesce(runs.c.edits, 0) + 1
