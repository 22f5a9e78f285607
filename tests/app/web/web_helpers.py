"""What the tests of the web application share: a server, a scripted run, a client of streams."""

from __future__ import annotations

import asyncio
import json
import threading
import urllib.request
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from waiting import PATIENCE_S

from app.serving import served as serve
from app.store import Draft, Progress, Run, RunState, Store
from fa_engine import Measurement, RunConfig

__all__ = ["CONFIG", "LEASE_S", "OWNER", "Script", "Viewer", "in_a_loop", "serve"]

OWNER = "test"
Found = TypeVar("Found")
LEASE_S = 3600.0

CONFIG = RunConfig(
    hidden=(12, 7), replicates=3, epochs=2, batch_size=64, measure_every=1, evaluate_every=9
)


def in_a_loop(work: Coroutine[Any, Any, Found]) -> Found:
    """What ``work`` returns, in an event loop of a thread of its own: a browser that is driven
    beside has one in this thread."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@dataclass
class Script:
    """A run that a test moves on event by event, as its worker would."""

    store: Store
    run: Run
    measured: list[Measurement]
    used: int = 0

    def measure(self, count: int = 1, blocks: int = 1) -> None:
        """Writes ``blocks`` events of ``count`` measurements each."""
        for _ in range(blocks):
            part = [self.measured[(self.used + i) % len(self.measured)] for i in range(count)]
            self.used += count
            last = part[-1]
            self.write(Draft.measurements(part, Progress(last.step, last.epoch, 50.0)))

    def write(self, *drafts: Draft) -> None:
        self.store.append(self.run.id, OWNER, drafts, LEASE_S)

    def finish(self) -> None:
        self.write(Draft.state(RunState.FINISHED, 44))

    @property
    def revision(self) -> int:
        return self.store.revision(self.run.id)


@dataclass
class Viewer:
    """A client of a stream, in a thread: it keeps what it gets until the stream closes."""

    url: str
    headers: dict[str, str] = field(default_factory=dict)
    enough: Callable[[Viewer], bool] = lambda _viewer: False
    events: list[dict[str, Any]] = field(default_factory=list)
    frames: list[dict[str, Any]] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    ended: bool = False
    status: int = 0

    def __post_init__(self) -> None:
        self.open = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        assert self.open.wait(PATIENCE_S)

    @property
    def seqs(self) -> list[int]:
        return [event["seq"] for event in self.events]

    def join(self) -> Viewer:
        """Until the stream is over, or ``enough``."""
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive(), "the stream did not end"
        return self

    def _watch(self) -> None:
        request = urllib.request.Request(self.url, headers=self.headers)
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            self.status = answer.status
            for raw in answer:
                self.open.set()
                name, _, value = raw.decode().rstrip("\n").partition(": ")
                if name == "id":
                    self.ids.append(int(value))
                elif name == "event" and value == "end":
                    self.ended = True
                elif name == "data" and not self.ended:
                    frame = json.loads(value, parse_constant=_not_json)
                    self.frames.append(frame)
                    self.events += frame["events"]
                    if self.enough(self):
                        return
            self.open.set()


def _not_json(name: str) -> None:
    raise AssertionError(f"{name} is not JSON, and no browser reads it")
