"""Server-Sent Events: what happens to a run, to everyone who watches it, as it happens.

One thread in a process asks the store which of the watched runs have news, and builds one frame of
it for all viewers of a run. Each viewer keeps its own cursor: what it needs and no frame in memory
has (it came late, or was slow) it reads from the store itself, so that nothing is sent twice or
left out, whenever the process or the viewer came.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError

from app.logs import logger
from app.store import LEASE_S, Event, Store, StoreError, Sweeper, UnknownRun
from app.views import event_view

PAGE = 200
"""Events in one frame, or one answer, at most."""

_POLL_S = 0.025
_GAP_S = 0.05
_PING_S = 15.0
_RETRY_AFTER_S = 10
_SWEEP_S = 5.0
_FRAMES_KEPT = 64

_log = logger(__name__)


@dataclass(frozen=True)
class Frame:
    """Consecutive events of one run, as they are sent.

    Attributes:
        first, last: seq of the first and the last event.
        ended: nothing will follow.
        data: the JSON text that every viewer gets.
    """

    first: int
    last: int
    ended: bool
    data: str


@dataclass
class _Channel:
    """One watched run.

    Attributes:
        head: seq of the last event that was made a frame.
        viewers: how many watch.
        due: when the next frame may be built, on the monotonic clock.
        frames: the latest frames, without a gap, up to ``head``.
        gone: the run has been deleted.
    """

    head: int
    viewers: int = 0
    due: float = 0.0
    frames: deque[Frame] = field(default_factory=lambda: deque(maxlen=_FRAMES_KEPT))
    gone: bool = False


class Hub:
    """Frames of runs for any number of viewers, read once.

    Args:
        store: where the events are.
        limit: viewers at once.
        poll_s: seconds between two looks at the store.
        gap_s: seconds at least between two frames of a run.
        ping_s: seconds of silence after which a viewer hears a ping.
        lease_s: seconds that workers get to renew their leases where all of them ran out.
        sweep_s: seconds between two looks for runs whose worker is gone.
        lag: is told of each frame how long after its last event it was made, in seconds.
    """

    def __init__(
        self,
        store: Store,
        limit: int,
        *,
        poll_s: float = _POLL_S,
        gap_s: float = _GAP_S,
        ping_s: float = _PING_S,
        lease_s: float = LEASE_S,
        sweep_s: float = _SWEEP_S,
        lag: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        self._store = store
        self._poll_s, self._gap_s, self._ping_s = poll_s, gap_s, ping_s
        self._lease_s, self._sweep_s = lease_s, sweep_s
        self._lag = lag
        self._free = threading.Semaphore(limit)
        self._changed = threading.Condition()
        self._channels: dict[str, _Channel] = {}
        self._thread: threading.Thread | None = None
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether the process is on its way out."""
        return self._closed

    @property
    def viewers(self) -> int:
        """How many watch now."""
        with self._changed:
            return sum(channel.viewers for channel in self._channels.values())

    def enter(self) -> bool:
        """Takes one of the places for viewers; False where none is left."""
        return self._free.acquire(blocking=False)

    def leave(self) -> None:
        """Gives the place back."""
        self._free.release()

    def close(self) -> None:
        """Ends every viewer's frames and the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join()

    def frames(self, run_id: str, after: int) -> Iterator[Frame | None]:
        """The frames of ``run_id`` beyond event ``after`` until it ends or is deleted; None is a
        ping.

        Raises:
            UnknownRun: there is no such run.
        """
        channel = self._join(run_id)
        cursor = after
        try:
            while True:
                with self._changed:
                    self._wait(channel, cursor)
                    if self._closed or channel.gone:
                        return
                    news = channel.head > cursor
                    frame = next((f for f in channel.frames if f.first == cursor + 1), None)
                    missing = channel.head - cursor
                if frame is None and news:
                    # Only up to the head, so that this viewer shares the frames that follow.
                    frame = self._read(run_id, cursor, missing)
                yield frame
                if frame is not None:
                    cursor = frame.last
                if frame.ended if frame is not None else self._over(run_id, cursor):
                    return
        finally:
            self._part(run_id, channel)

    def _wait(self, channel: _Channel, cursor: int) -> None:
        self._changed.wait_for(
            lambda: self._closed or channel.gone or channel.head > cursor, self._ping_s
        )

    def _join(self, run_id: str) -> _Channel:
        # The head starts where the store is, never at 0: a new process would send all again.
        head = self._store.revision(run_id)
        with self._changed:
            channel = self._channels.setdefault(run_id, _Channel(head))
            channel.viewers += 1
            if self._thread is None:  # not before, for a server may fork after it is made
                self._thread = threading.Thread(target=self._tail, name="live-tail", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        return channel

    def _part(self, run_id: str, channel: _Channel) -> None:
        with self._changed:
            channel.viewers -= 1
            if channel.viewers == 0:
                del self._channels[run_id]

    def _over(self, run_id: str, cursor: int) -> bool:
        try:
            run = self._store.run(run_id)
        except UnknownRun:
            return True
        return run.state.ended and run.revision <= cursor

    def _read(
        self,
        run_id: str,
        after: int,
        count: int = PAGE,
        told: Callable[[float], None] = lambda _seconds: None,
    ) -> Frame | None:
        try:
            events = self._store.events(run_id, after=after, limit=min(count, PAGE))
        except UnknownRun:  # deleted in this very moment
            return None
        if not events:
            return None
        told(max(0.0, time.time() - events[-1].at))
        return self._frame(run_id, events)

    def _frame(self, run_id: str, events: list[Event]) -> Frame:
        last = events[-1].seq
        closing = any(event.kind == "state" for event in events)
        ended = closing and self._over(run_id, last)
        return Frame(events[0].seq, last, ended, dump(page(run_id, events)))

    def _tail(self) -> None:
        sweeper, swept_at = Sweeper(self._store, self._lease_s), time.monotonic()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or bool(self._channels))
                if self._closed:
                    return
                now = time.monotonic()
                due = {i: c for i, c in self._channels.items() if c.due <= now}
            try:
                if due:
                    self._look(due)
                # Nobody may be left to say that a worker died.
                if now - swept_at > self._sweep_s:
                    sweeper.sweep()
                    swept_at = now
            except (SQLAlchemyError, StoreError):
                _log.warning("the store does not answer; live frames wait for it", exc_info=True)
                time.sleep(1.0)
            time.sleep(self._poll_s)

    def _look(self, due: dict[str, _Channel]) -> None:
        revisions = self._store.revisions(due)
        if any(channel.gone != (run_id not in revisions) for run_id, channel in due.items()):
            with self._changed:
                for run_id, channel in due.items():
                    channel.gone = run_id not in revisions
                self._changed.notify_all()
        for run_id, revision in revisions.items():
            channel = due[run_id]
            if revision <= channel.head:
                continue
            try:
                frame = self._read(run_id, channel.head, told=self._lag)
            except (SQLAlchemyError, StoreError):
                raise
            except Exception:
                # Events that this version cannot read; the other runs' viewers go on.
                _log.exception("events cannot be read", run_id=run_id)
                channel.due = time.monotonic() + _RETRY_AFTER_S
                continue
            if frame is None:
                continue
            with self._changed:
                channel.frames.append(frame)
                channel.head = frame.last
                channel.due = time.monotonic() + self._gap_s
                self._changed.notify_all()


def page(run_id: str, events: list[Event]) -> dict[str, Any]:
    """Consecutive events as one JSON object; the stream and the API send the same."""
    return {"run_id": run_id, "events": [event_view(event) for event in events]}


def dump(value: Any) -> str:
    """JSON without a space too many."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def live_blueprint(store: Store, hub: Hub) -> Blueprint:
    """``/api/runs/<id>/stream`` and, with the same cursor, ``/api/runs/<id>/events``."""
    blueprint = Blueprint("live", __name__)

    @blueprint.get("/api/runs/<run_id>/events")
    def events(run_id: str) -> ResponseReturnValue:
        """What has happened to a run after event ``after``, at most 200 events at a time."""
        after = cursor(request.args.get("after"))
        run = store.run(run_id)
        found = store.events(run_id, after=after, limit=PAGE)
        last = found[-1].seq if found else after
        more = last < run.revision
        return jsonify(
            {
                **page(run_id, found),
                "last": last,
                "more": more,
                "ended": run.state.ended and not more,
            }
        )

    @blueprint.get("/api/runs/<run_id>/stream")
    def stream(run_id: str) -> ResponseReturnValue:
        """The same as Server-Sent Events, live, until the run ends."""
        # A browser that reconnects repeats the address and adds how far it came.
        after = cursor(request.headers.get("Last-Event-ID") or request.args.get("after"))
        run = store.run(run_id)
        if run.state.ended and after >= run.revision:
            return "", 204
        if not hub.enter():
            message = {"error": "Too many live streams; ask again, or use events?after=."}
            return jsonify(message), 503, {"Retry-After": str(_RETRY_AFTER_S)}
        response = Response(
            _messages(hub, run_id, after),
            mimetype="text/event-stream",
            headers={"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"},
        )
        # Not in the generator: one that was never started never gets to its end.
        response.call_on_close(hub.leave)
        return response

    return blueprint


class BadCursor(ValueError):
    """A cursor that is not the number of an event."""

    def __init__(self, value: str) -> None:
        super().__init__(value)
        self.value = value


def cursor(value: str | None) -> int:
    """The seq that a viewer has come to, 0 where it says nothing."""
    if not value:
        return 0
    if not value.isdecimal() or len(value) > 18:
        raise BadCursor(value)
    return int(value)


def _messages(hub: Hub, run_id: str, after: int) -> Iterator[str]:
    nothing = dump(page(run_id, []))
    yield "retry: 1000\n\n"
    for frame in hub.frames(run_id, after):
        if frame is None:
            # An event, and no comment: a browser says nothing of comments to the page, which has to
            # know a silent run from a connection that is no more.
            yield f"event: ping\ndata: {nothing}\n\n"
        else:
            yield f"id: {frame.last}\ndata: {frame.data}\n\n"
    if not hub.closed:  # or the browser would not ask the next process
        yield "event: end\ndata: {}\n\n"
