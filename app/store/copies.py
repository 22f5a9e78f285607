"""Copies: runs as they leave an installation piece by piece, and as they come into one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, insert, select
from sqlalchemy.engine import Engine

from app.store.blocks import Series, pack_series, unpack
from app.store.cells import networks_of, parted, series_of
from app.store.records import Draft, Event, Parent, RunState
from app.store.rows import new_id
from app.store.summary import SUMMED_UP, described, join_tags, summary_of, words_of
from app.store.tables import events, runs
from fa_engine import RunConfig

_EVENTS_AT_ONCE = 32  # each is what a worker has measured in a tenth of a second
_A_BLOCK = 500  # measurements of a run that comes in


@dataclass(frozen=True)
class Incoming:
    """A run that has ended elsewhere.

    Attributes:
        came_from: its id where it was trained.
        config, name, state, reason, created_at, started_at, ended_at, step, epoch,
            steps_per_second, trained_s, diverged_at, learning_rate, scheme, note, tags, parent: as
            of any run.
        controls: what was changed while it ran: when, and the header of the event.
        series: what it has measured.
    """

    came_from: str
    config: RunConfig
    name: str
    state: RunState
    reason: str
    created_at: float
    started_at: float | None
    ended_at: float | None
    step: int
    epoch: float
    steps_per_second: float
    trained_s: float | None
    diverged_at: list[int | None]
    learning_rate: float
    scheme: str
    note: str
    tags: list[str]
    parent: Parent | None
    controls: list[tuple[float, dict[str, Any]]]
    series: Series


class Copies:
    """Reads runs in pieces, and takes them in."""

    def __init__(self, reader: Engine, writer: Engine) -> None:
        self._reader, self._writer = reader, writer

    def parts(self, run_id: str, until: int) -> Iterator[Series]:
        """The measurements in events ``seq <= until``, in pieces of a few events each.

        Nobody holds a transaction meanwhile: whoever takes them may be slow.
        """
        after = 0
        whole, cell = parted(run_id)
        own = None if cell is None else self._networks(whole, cell)
        while True:
            with self._reader.connect() as connection:
                asked = {"run_id": whole, "after": after, "until": until}
                rows = connection.execute(_PARTS, asked).all()
            if not rows:
                return
            after = rows[-1].seq
            found = Series.concatenate([unpack(row.header, row.payload) for row in rows])
            yield found if own is None else series_of(found, own)

    def _networks(self, run_id: str, cell: int) -> slice:
        query = select(runs.c.config).where(runs.c.id == run_id)
        with self._reader.connect() as connection:
            return networks_of(connection.execute(query).scalar_one(), cell)

    def controls(self, run_id: str, until: int) -> list[Event]:
        """What was changed while it ran, in events ``seq <= until``."""
        with self._reader.connect() as connection:
            asked = {"run_id": parted(run_id)[0], "until": until}
            rows = connection.execute(_CONTROLS, asked).all()
        return [Event(*row) for row in rows]

    def take_in(self, several: Sequence[Incoming]) -> list[str]:
        """Writes runs that have been trained elsewhere, all or none; returns their new ids."""
        ids = [new_id() for _ in several]
        with self._writer.begin() as connection:
            for run_id, run in zip(ids, several, strict=True):
                told = _told(run)
                connection.execute(insert(runs).values(_row(run_id, run, len(told))))
                rows = [
                    {
                        "run_id": run_id,
                        "seq": seq,
                        "kind": draft.kind,
                        "at": at,
                        "header": draft.header,
                        "payload": draft.payload,
                    }
                    for seq, (at, draft) in enumerate(told, 1)
                ]
                connection.execute(insert(events), rows)
        return ids


_PARTS = (
    select(events.c.seq, events.c.header, events.c.payload)
    .where(events.c.run_id == bindparam("run_id"), events.c.kind == "measurements")
    .where(events.c.seq > bindparam("after"), events.c.seq <= bindparam("until"))
    .order_by(events.c.seq)
    .limit(_EVENTS_AT_ONCE)
)
_CONTROLS = (
    select(*(events.c[name] for name in Event.__dataclass_fields__))
    .where(events.c.run_id == bindparam("run_id"), events.c.kind == "control")
    .where(events.c.seq <= bindparam("until"))
    .order_by(events.c.seq)
)


def _told(run: Incoming) -> list[tuple[float, Draft]]:
    """Its events and their times: what it measured, what was changed, and its end."""
    end = run.ended_at or run.created_at
    drafts = [
        Draft("measurements", *pack_series(run.series[first : first + _A_BLOCK]))
        for first in range(0, len(run.series), _A_BLOCK)
    ]
    if gone := [at for at in run.diverged_at if at is not None]:
        drafts.append(Draft.diverged(max(gone), run.diverged_at))
    drafts.append(Draft.state(run.state, run.step, run.reason))
    changed = [(at, Draft("control", header)) for at, header in run.controls]
    return [*changed, *((end, draft) for draft in drafts)]


def _row(run_id: str, run: Incoming, revision: int) -> dict[str, Any]:
    tags = join_tags(run.tags)
    return {
        "id": run_id,
        "imported_from": run.came_from,
        "name": run.name,
        "config": run.config.model_dump(mode="json"),
        "state": run.state.value,
        "reason": run.reason,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "step": run.step,
        "total_steps": run.config.total_steps,
        "epoch": run.epoch,
        "steps_per_second": run.steps_per_second,
        "trained_s": run.trained_s,
        "learning_rate": run.learning_rate,
        "scheme": run.scheme,
        "revision": revision,
        "diverged_at": run.diverged_at,
        "replicates_left": sum(at is None for at in run.diverged_at),
        "pinned": False,
        "note": run.note,
        "tags": tags,
        "words": words_of(run_id, run.name, run.note, tags),
        "parent_id": run.parent.run_id if run.parent else None,
        "parent_step": run.parent.step if run.parent else None,
        **described(run.config),
        **summary_of(run.series),
        "summed_up": SUMMED_UP,
    }
