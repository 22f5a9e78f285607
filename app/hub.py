"""Who watches which run, and what each is sent: the frames of all live streams.

Everything here happens in the event loop of the server, so that a viewer takes no thread. One task
asks the store which of the watched runs have news, and builds one frame of it for all viewers of a
run. Each viewer keeps its own cursor: what it needs and no frame in memory has (it came late, or
was slow) is read from the store, so that nothing is sent twice or left out, whenever the process or
the viewer came. The store itself is asked in a few threads of the hub's own.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from app.frames import FRAME_BYTES, PAGE, Frame, frame_after, is_over
from app.logs import logger
from app.store import LEASE_S, Store, StoreError, Sweeper

_POLL_S = 0.025
_GAP_S = 0.05
_PING_S = 15.0
_RETRY_AFTER_S = 10
_SWEEP_S = 5.0
_KEPT_BYTES = 16_000_000  # of frames in memory, of all runs together
_READERS = 4
_AT_ONCE = 20  # viewers woken in one round of the loop

_Found = TypeVar("_Found")
_log = logger(__name__)


class Full(Exception):
    """No place is left for a viewer.

    Attributes:
        own: it is this client that has too many.
    """

    def __init__(self, own: bool) -> None:
        super().__init__(own)
        self.own = own


class Places:
    """The places for viewers, of each client and of all; safe in threads.

    Args:
        limit: viewers at once.
        each: the same of one client; None: any number.
    """

    def __init__(self, limit: int, each: int | None = None) -> None:
        self._limit, self._each = limit, each
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, client: str) -> None:
        """Takes a place for a client; the empty name is nobody's, and counts for all alone.

        Raises:
            Full: none is left.
        """
        with self._lock:
            if self._each is not None and client and self._taken[client] >= self._each:
                raise Full(own=True)
            if self._taken.total() >= self._limit:
                raise Full(own=False)
            self._taken[client] += 1

    def give_back(self, client: str) -> None:
        """Gives it back."""
        with self._lock:
            self._taken[client] -= 1
            if not self._taken[client]:
                del self._taken[client]

    @property
    def taken(self) -> int:
        """How many are taken."""
        with self._lock:
            return self._taken.total()


@dataclass
class _Channel:
    """One watched run.

    Attributes:
        head: seq of the last event that was made a frame.
        viewers: for each viewer what it waits for.
        due: when the next frame may be built, on the monotonic clock.
        gone: the run has been deleted.
    """

    head: int
    viewers: set[asyncio.Event] = field(default_factory=set)
    due: float = 0.0
    gone: bool = False

    def tell(self) -> None:
        """Wakes all viewers, some at a time: what else comes in is not to wait for all of them."""
        _wake(asyncio.get_running_loop(), deque(self.viewers))


def _wake(loop: asyncio.AbstractEventLoop, viewers: deque[asyncio.Event]) -> None:
    for _ in range(min(_AT_ONCE, len(viewers))):
        viewers.popleft().set()
    if viewers:
        loop.call_soon(_wake, loop, viewers)


class Hub:
    """Frames of runs for any number of viewers, read once.

    It belongs to the event loop in which it is first asked for frames.

    Args:
        store: where the events are.
        poll_s: seconds between two looks at the store.
        gap_s: seconds at least between two frames of a run.
        ping_s: seconds of silence after which a viewer hears a ping.
        lease_s: seconds that workers get to renew their leases where all of them ran out.
        sweep_s: seconds between two looks for runs whose worker is gone.
        frame_bytes: of a frame at most, where it has more than one event.
        kept_bytes: of all frames in memory.
        lag: is told of each frame how long after its last event it was made, in seconds.
    """

    def __init__(
        self,
        store: Store,
        *,
        poll_s: float = _POLL_S,
        gap_s: float = _GAP_S,
        ping_s: float = _PING_S,
        lease_s: float = LEASE_S,
        sweep_s: float = _SWEEP_S,
        frame_bytes: int = FRAME_BYTES,
        kept_bytes: int = _KEPT_BYTES,
        lag: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        self._store = store
        self._poll_s, self._gap_s, self._ping_s = poll_s, gap_s, ping_s
        self._lease_s, self._sweep_s = lease_s, sweep_s
        self._frame_bytes, self._lag = frame_bytes, lag
        self._kept = _Kept(kept_bytes)
        self._channels: dict[str, _Channel] = {}
        self._reads: dict[tuple[str, int], asyncio.Future[Frame | None]] = {}
        self._readers = ThreadPoolExecutor(_READERS, "fa-live-read")
        self._looker = ThreadPoolExecutor(1, "fa-live-tail")  # not to wait for readers
        self._sweeper: Sweeper | None = None
        self._swept_at = 0.0
        self._tail: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether the process is on its way out."""
        return self._closed

    @property
    def kept_bytes(self) -> int:
        """Of all frames in memory."""
        return self._kept.size

    def close(self) -> None:
        """Ends every viewer's frames; from whichever thread."""
        self._closed = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._tell_all)
        self._readers.shutdown(wait=False)
        self._looker.shutdown(wait=False)

    def _tell_all(self) -> None:
        for channel in self._channels.values():
            channel.tell()

    async def frames(self, run_id: str, after: int) -> AsyncIterator[Frame | None]:
        """The frames of ``run_id`` beyond event ``after`` until it ends or is deleted; None is a
        ping.

        Raises:
            UnknownRun: there is no such run.
        """
        news = asyncio.Event()
        channel, known = await self._join(run_id, news)
        cursor = after
        try:
            while not self._closed:
                await self._wait(channel, news, cursor)
                if self._closed or channel.gone:
                    return
                frame = None
                if channel.head > cursor:
                    frame = self._kept.get(run_id, cursor)
                    # Only up to the head, so that this viewer shares the frames that follow.
                    frame = frame or await self._missing(run_id, cursor, channel.head - cursor)
                yield frame
                if frame is not None:
                    cursor = frame.last
                    # A frame is kept, and its run may have been extended since.
                    if frame.ended and cursor >= max(channel.head, known):
                        return
                elif await self._in(self._readers, lambda: is_over(self._store, run_id, cursor)):  # noqa: B023
                    return
        finally:
            self._part(run_id, channel, news)

    async def _wait(self, channel: _Channel, news: asyncio.Event, cursor: int) -> None:
        news.clear()
        if channel.head > cursor or channel.gone or self._closed:
            return
        ping = asyncio.get_running_loop().call_later(self._ping_s, news.set)
        try:
            await news.wait()
        finally:
            ping.cancel()

    async def _join(self, run_id: str, news: asyncio.Event) -> tuple[_Channel, int]:
        """The channel, which may be a moment behind, and how far the run has come."""
        self._loop = asyncio.get_running_loop()
        # The head starts where the store is, never at 0: a new process would send all again.
        head = await self._in(self._readers, lambda: self._store.revision(run_id))
        channel = self._channels.setdefault(run_id, _Channel(head))
        channel.viewers.add(news)
        if self._tail is None or self._tail.done():
            self._tail = asyncio.create_task(self._look_again_and_again(), name="live-tail")
        return channel, head

    def _part(self, run_id: str, channel: _Channel, news: asyncio.Event) -> None:
        channel.viewers.discard(news)
        if not channel.viewers and self._channels.get(run_id) is channel:
            del self._channels[run_id]
            self._kept.drop(run_id)

    async def _missing(self, run_id: str, after: int, count: int) -> Frame | None:
        """What no frame in memory has; read once for all who miss the same."""
        key = (run_id, after)
        reading = self._reads.get(key)
        if reading is None:
            reading = asyncio.ensure_future(
                self._in(self._readers, lambda: self._frame(run_id, after, count))
            )
            self._reads[key] = reading
            reading.add_done_callback(lambda _done: self._reads.pop(key, None))
        frame = await asyncio.shield(reading)  # one who goes takes nothing from the others
        if frame is not None:
            self._keep(run_id, frame, after)
        return frame

    def _keep(self, run_id: str, frame: Frame, after: int) -> None:
        if run_id in self._channels:  # its last viewer may have gone meanwhile
            self._kept.put(run_id, frame, after)

    def _frame(self, run_id: str, after: int, count: int = PAGE) -> Frame | None:
        return frame_after(self._store, run_id, after, count, self._frame_bytes)

    async def _in(self, threads: ThreadPoolExecutor, ask: Callable[[], _Found]) -> _Found:
        return await asyncio.get_running_loop().run_in_executor(threads, ask)

    async def _look_again_and_again(self) -> None:
        if self._sweeper is None:
            self._sweeper = Sweeper(self._store, self._lease_s)
        while self._channels and not self._closed:
            now = time.monotonic()
            due = {i: c for i, c in self._channels.items() if c.due <= now}
            try:
                if due:
                    await self._look(due)
                # Nobody may be left to say that a worker died.
                if now - self._swept_at > self._sweep_s:
                    await self._in(self._looker, self._sweeper.sweep)
                    self._swept_at = now
            except (SQLAlchemyError, StoreError):
                _log.warning("the store does not answer; live frames wait for it", exc_info=True)
                await asyncio.sleep(1.0)
            except Exception:
                if not self.closed:  # or its threads are gone
                    _log.exception("live frames wait")
                await asyncio.sleep(1.0)
            await asyncio.sleep(self._poll_s)

    async def _look(self, due: dict[str, _Channel]) -> None:
        heads = {run_id: channel.head for run_id, channel in due.items()}
        revisions, frames = await self._in(self._looker, lambda: self._news(heads))
        for run_id, channel in due.items():
            if channel.gone != (run_id not in revisions):
                channel.gone = run_id not in revisions
                channel.tell()
        for run_id, frame in frames.items():
            channel = due[run_id]
            if frame is None:
                channel.due = time.monotonic() + _RETRY_AFTER_S
                continue
            self._lag(max(0.0, time.time() - frame.at))
            self._keep(run_id, frame, channel.head)
            channel.head = frame.last
            channel.due = time.monotonic() + self._gap_s
            channel.tell()

    def _news(self, heads: dict[str, int]) -> tuple[dict[str, int], dict[str, Frame | None]]:
        """The revisions of runs, and the next frames of those that have gone on; None is one whose
        events cannot be read."""
        revisions = self._store.revisions(heads)
        frames: dict[str, Frame | None] = {}
        for run_id, revision in revisions.items():
            if revision <= heads[run_id]:
                continue
            try:
                found = self._frame(run_id, heads[run_id])
            except (SQLAlchemyError, StoreError):
                raise
            except Exception:
                # Events that this version cannot read; the other runs' viewers go on.
                _log.exception("events cannot be read", run_id=run_id)
                frames[run_id] = None
            else:
                if found is not None:
                    frames[run_id] = found
        return revisions, frames


class _Kept:
    """Frames in memory, those that were asked for last, up to a number of bytes."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self.size = most_bytes, 0
        self._frames: OrderedDict[tuple[str, int], Frame] = OrderedDict()

    def get(self, run_id: str, after: int) -> Frame | None:
        """The frame that follows event ``after``, if it is here."""
        found = self._frames.get((run_id, after))
        if found is not None:
            self._frames.move_to_end((run_id, after))
        return found

    def put(self, run_id: str, frame: Frame, after: int) -> None:
        """Keeps a frame that follows event ``after``."""
        before = self._frames.pop((run_id, after), None)
        if before is not None:
            self.size -= len(before.message)
        self._frames[run_id, after] = frame
        self.size += len(frame.message)
        while self.size > self._most and self._frames:
            _, oldest = self._frames.popitem(last=False)
            self.size -= len(oldest.message)

    def drop(self, run_id: str) -> None:
        """Lets go of the frames of a run."""
        for key in [key for key in self._frames if key[0] == run_id]:
            self.size -= len(self._frames.pop(key).message)
