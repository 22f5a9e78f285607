"""Events as they are sent: consecutive ones of a run, as many as fit a number of bytes.

The stream and the API send the same. One event goes whatever its size, so that everybody gets on.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from app.store import Event, Store, UnknownRun
from app.views import event_view

PAGE = 200
"""Events in one frame, or one answer, at most."""

FRAME_BYTES = 256_000
"""Of JSON in one frame, or one answer, at most; more only where a single event is."""

_READ_BYTES = 2_000_000  # of measurements at a time: what is sent of many replicates is far less


@dataclass(frozen=True)
class Frame:
    """Consecutive events of one run, as they are sent.

    Attributes:
        first, last: seq of the first and the last event.
        at: when the last of them was appended, in seconds since the epoch.
        ended: the last of them has ended the run.
        message: the Server-Sent Event that every viewer gets.
    """

    first: int
    last: int
    at: float
    ended: bool
    message: bytes


def dump(value: Any) -> str:
    """JSON without a space too many."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def page(run_id: str, texts: Iterable[str], **more: Any) -> str:
    """Consecutive events, JSON texts, as one JSON object; ``more`` stands beside them."""
    told = "".join(f",{dump(name)}:{dump(value)}" for name, value in more.items())
    return f'{{"run_id":{dump(run_id)},"events":[{",".join(texts)}]{told}}}'


def read(
    store: Store, run_id: str, after: int, count: int = PAGE, most_bytes: int = FRAME_BYTES
) -> tuple[list[Event], list[str]]:
    """The events of ``run_id`` after event ``after`` that go together, and each as JSON.

    Args:
        store, run_id, after: which.
        count: events at most.
        most_bytes: of JSON at most, but for a single event.

    Raises:
        UnknownRun: there is no such run.
    """
    events = store.events(run_id, after=after, limit=min(count, PAGE), most_bytes=_READ_BYTES)
    texts: list[str] = []
    size = 0
    for event in events:
        text = dump(event_view(event))
        size += len(text)
        if texts and size > most_bytes:
            break
        texts.append(text)
    return events[: len(texts)], texts


def frame_after(
    store: Store, run_id: str, after: int, count: int = PAGE, most_bytes: int = FRAME_BYTES
) -> Frame | None:
    """What :func:`read` finds as a frame; None where nothing is, or the run is no more."""
    try:
        events, texts = read(store, run_id, after, count, most_bytes)
    except UnknownRun:  # deleted in this very moment
        return None
    if not events:
        return None
    last = events[-1].seq
    closing = any(event.kind == "state" for event in events)
    message = f"id: {last}\ndata: {page(run_id, texts)}\n\n".encode()
    ended = closing and is_over(store, run_id, last)
    return Frame(events[0].seq, last, events[-1].at, ended, message)


def is_over(store: Store, run_id: str, seq: int) -> bool:
    """Whether a run has ended, or is no more, and nothing comes after event ``seq``."""
    try:
        run = store.run(run_id)
    except UnknownRun:
        return True
    return run.state.ended and run.revision <= seq
