"""The network is gone for a while, or the machine sleeps: afterwards nothing is missing or there
twice."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import psutil
import pytest
from browser_helpers import Site, until
from playwright.sync_api import BrowserContext, Page, expect
from waiting import wait

# Slow enough that no line is thinned, and so quick that much is missed meanwhile.
RUN = {"epochs": 10_000, "batch_size": 8, "replicates": 1, "hidden": [16], "measure_every": 100}
STEPS = "Array.from(faLive.gd.data[faLive.meta.places.loss.median].x)"


class Network:
    """The way to a server, which can be cut: nobody is let through, and who was is let go."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._up = threading.Event()
        self._up.set()
        self._ends: list[socket.socket] = []
        self._listens = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listens.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self._up.clear()
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._ends.clear()

    def mend(self) -> None:
        self._up.set()

    def close(self) -> None:
        self.cut()
        with suppress(OSError):
            self._listens.shutdown(socket.SHUT_RDWR)
        self._listens.close()

    def _accept(self) -> None:
        while True:
            try:
                here, _ = self._listens.accept()
            except OSError:  # closed
                return
            if not self._up.is_set():
                here.close()
                continue
            there = socket.create_connection(("127.0.0.1", self._to))
            self._ends += [here, there]
            threading.Thread(target=_carry, args=(here, there), daemon=True).start()


def _carry(here: socket.socket, there: socket.socket) -> None:
    """Both ways, until one end is gone."""
    other = {here: there, there: here}
    with here, there, selectors.DefaultSelector() as ready, suppress(OSError):
        for end in other:
            ready.register(end, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select():
                end = key.fileobj
                assert isinstance(end, socket.socket)
                piece = end.recv(65_536)
                if not piece:
                    return
                other[end].sendall(piece)


@pytest.fixture
def network(site: Site) -> Iterator[Network]:
    port = urlsplit(site.url).port
    assert port
    made = Network(port)
    yield made
    made.close()


def watched(context: BrowserContext, url: str, run_id: str) -> Page:
    page = context.new_page()
    page.goto(f"{url}/?run={run_id}")
    until(page, "() => window.faLive && faLive.run && faLive.drawn > 0 && faLive.stats.frames > 0")
    return page


def whole(page: Page, site: Site, run_id: str) -> None:
    """Ends the run; the page then shows every measurement once and in order."""
    site.post(f"/api/runs/{run_id}/commands", {"command": "stop"})
    wait(lambda: site.get(f"/api/runs/{run_id}")["ended"])
    last = site.get(f"/api/runs/{run_id}")["revision"]
    until(page, "last => faLive.drawn >= last", last)
    until(page, "() => !document.documentElement.dataset.lost")
    shown = page.evaluate(STEPS)
    assert shown == list(range(0, 100 * len(shown), 100))
    assert page.evaluate("faLive.drawn") == last


def missed(site: Site, run_id: str, events: int = 30) -> None:
    """Waits until the run has gone on for so many events."""
    before = site.get(f"/api/runs/{run_id}")["revision"]
    wait(lambda: site.get(f"/api/runs/{run_id}")["revision"] >= before + events)


@contextmanager
def asleep() -> Iterator[None]:
    """Every process of the browser stands still, as while the machine sleeps."""
    processes = [
        one
        for one in psutil.Process().children(recursive=True)
        if "chrom" in one.name() and one.status() != psutil.STATUS_ZOMBIE
    ]
    assert processes
    for one in processes:
        os.kill(one.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for one in processes:
            with suppress(ProcessLookupError):
                os.kill(one.pid, signal.SIGCONT)


def test_a_network_that_was_gone_leaves_no_gap(
    fresh: BrowserContext, site: Site, network: Network
) -> None:
    run_id = site.start(**RUN)
    page = watched(fresh, f"http://127.0.0.1:{network.port}", run_id)
    for _ in range(2):
        network.cut()
        expect(page.get_by_text("connection lost, trying again")).to_be_visible()
        missed(site, run_id)
        network.mend()
        frames = page.evaluate("faLive.stats.frames")
        until(page, "frames => faLive.stats.frames > frames", frames)
    whole(page, site, run_id)


def test_a_machine_that_slept_catches_up(fresh: BrowserContext, site: Site) -> None:
    run_id = site.start(**RUN)
    page = watched(fresh, site.url, run_id)
    with asleep():
        missed(site, run_id)
    frames = page.evaluate("faLive.stats.frames")
    until(page, "frames => faLive.stats.frames > frames", frames)
    whole(page, site, run_id)
