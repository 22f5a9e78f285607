"""A crowd at one web process: many who watch a run, and some who hold what they can.

Prints milliseconds from an event's append until a client has it, and what ``/healthz`` takes
meanwhile; then whether it still answers, and when the places are back, while clients never read,
send half a request, or say nothing.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import numpy as np

from app.settings import Settings
from app.store import Draft, Progress, Store
from benchmarks.faults import ROOT, Site, dashboard, wait
from fa_engine import Measurement, RunConfig, Trainer

SIZES = (50, 200)
WATCHED_S = 15.0
EVERY_S = 0.1  # between two events, as a worker writes them
HEALTH_S = 0.05  # between two looks at /healthz
OWNER, LEASE_S = "crowd", 3600.0
HALVES, IDLE = 64, 1100
# A usual run: eight networks of two hidden layers, two measurements an event.
CONFIG = RunConfig(hidden=(64, 64), replicates=8, epochs=3, measure_every=1)
BLOCK, LARGE = 2, 40
_AT = re.compile(rb'"kind":"measurements","at":([\d.]+)')


class Script(threading.Thread):
    """Writes a run's events, one every :data:`EVERY_S`, until :meth:`end`."""

    def __init__(self, site: Site, measured: list[Measurement], block: int) -> None:
        super().__init__(daemon=True)
        self._store = Store(Settings(state_dir=site.state).database_url)
        self.run_id = self._store.create_run(CONFIG).id
        claimed = self._store.claim(OWNER, LEASE_S)
        assert claimed is not None
        self._measured, self._block = measured, block
        self._ended = threading.Event()

    def run(self) -> None:
        at = 0
        while not self._ended.wait(EVERY_S):
            part = [self._measured[(at + i) % len(self._measured)] for i in range(self._block)]
            at += self._block
            progress = Progress(part[-1].step, part[-1].epoch, 50.0)
            draft = Draft.measurements(part, progress)
            self._store.append(self.run_id, OWNER, [draft], LEASE_S)

    def end(self) -> None:
        """Stops writing."""
        self._ended.set()
        self.join()
        self._store.close()


@contextmanager
def scripted(site: Site, block: int = BLOCK) -> Iterator[str]:
    """The id of a run that goes on."""
    script = Script(site, list(Trainer(CONFIG)), block)
    script.start()
    try:
        yield script.run_id
    finally:
        script.end()


class _Client(asyncio.Protocol):
    """A viewer: notes how old each event is when it is here."""

    def __init__(self, request: bytes, ages: list[float]) -> None:
        self._request, self._ages, self._rest = request, ages, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        now = time.time()
        held = self._rest + data
        whole, _, self._rest = held.rpartition(b"\n")
        self._ages += [now - float(at) for at in _AT.findall(whole)]


async def watch(url: str, run_id: str, count: int, seconds: float) -> list[float]:
    """Seconds from append to here, of ``count`` viewers, once all of them have come."""
    at, ages = urlsplit(url), list[float]()
    request = f"GET /api/runs/{run_id}/stream HTTP/1.1\r\nHost: {at.netloc}\r\n\r\n".encode()
    loop = asyncio.get_running_loop()
    for _ in range(count):
        await loop.create_connection(lambda: _Client(request, ages), at.hostname, at.port)
    await asyncio.sleep(3.0)
    ages.clear()
    await asyncio.sleep(seconds)
    return ages


def health(url: str) -> float:
    """Seconds that ``/healthz`` takes."""
    began = time.perf_counter()
    with urllib.request.urlopen(f"{url}/healthz", timeout=30) as answer:
        answer.read()
    return time.perf_counter() - began


def row(name: str, seconds: list[float], more: str = "") -> None:
    """Prints median and 95th percentile in milliseconds."""
    median, p95 = np.percentile(seconds, [50, 95]) * 1e3
    print(f"  {name:<46}{median:>6.0f} ms{p95:>8.0f} ms  {more}", flush=True)


def viewers(count: int) -> None:
    """Prints the two rows of ``count`` viewers."""
    with dashboard(FA_WORKERS="0") as site, scripted(site) as run_id:
        others = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.crowd", site.url, run_id, str(count)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        time.sleep(4.0)  # until they have come
        used = processor_s(site)
        began, asked = time.monotonic(), list[float]()
        while others.poll() is None and time.monotonic() - began < WATCHED_S:
            asked.append(health(site.url))
            time.sleep(HEALTH_S)
        share = (processor_s(site) - used) / (time.monotonic() - began)
        told, _ = others.communicate()
    ages = json.loads(told)
    each = len(ages) / count / WATCHED_S
    row(f"{count} viewers: append to received", ages, f"{each:.1f} events/s each")
    row(f"{count} viewers: /healthz", asked, f"{share:.2f} of a core")


def processor_s(site: Site) -> float:
    """Seconds of a processor that the web process has used."""
    stat = (f"/proc/{site.process.pid}/stat",)
    with open(*stat) as file:  # noqa: PTH123
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def connected(stack: ExitStack, site: Site, said: bytes) -> socket.socket:
    """A connection that says this, and nothing more."""
    at = urlsplit(site.url)
    made = stack.enter_context(socket.create_connection((str(at.hostname), at.port), timeout=30))
    made.sendall(said)
    return made


def answered(connection: socket.socket) -> bytes:
    """The first line of an answer, which is there or comes."""
    return connection.recv(300).partition(b"\r\n")[0]


def holds() -> None:
    """Prints what it takes to get a place while others hold all."""
    with dashboard(FA_WORKERS="0") as site, scripted(site, LARGE) as run_id, ExitStack() as open_:
        host = urlsplit(site.url).netloc
        ask = f"GET /api/runs/{run_id}/stream HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        places = Settings().max_streams
        for _ in range(places):
            connected(open_, site, ask)
        began = time.monotonic()

        def place_is_free() -> bool:
            with ExitStack() as mine:
                return answered(connected(mine, site, ask)).split()[1] == b"200"

        time.sleep(2.0)
        print(f"  {places} streams that are never read: all places taken: {not place_is_free()}")
        row("  /healthz meanwhile", [health(site.url) for _ in range(40)])
        wait(place_is_free)
        print(f"  a place is free again after {time.monotonic() - began:.0f} s")
    with dashboard(FA_WORKERS="0") as site, ExitStack() as open_:
        host = urlsplit(site.url).netloc
        half = f"POST /api/runs HTTP/1.1\r\nHost: {host}\r\nContent-Length: 100\r\n\r\n{{".encode()
        began = time.monotonic()
        halves = [connected(open_, site, half) for _ in range(HALVES)]
        row(f"{HALVES} half-sent requests: /healthz", [health(site.url) for _ in range(40)])
        ended = {answered(one) for one in halves}
        print(f"  they are answered {ended} after {time.monotonic() - began:.0f} s")
    with dashboard(FA_WORKERS="0") as site, ExitStack() as open_:
        began = time.monotonic()
        idle = [connected(open_, site, b"") for _ in range(IDLE)]
        row(f"{IDLE} silent connections: /healthz", [health(site.url) for _ in range(40)])
        assert {answered(one) for one in idle} == {b""}
        print(f"  they are closed after {time.monotonic() - began:.0f} s", flush=True)


def main() -> None:
    """Prints all of it."""
    print(f"\nOne web process, an event every {1000 * EVERY_S:.0f} ms{'median':>21}{'p95':>11}")
    for count in SIZES:
        viewers(count)
    holds()


if __name__ == "__main__":
    url_, run_, count_ = sys.argv[1:]
    print(json.dumps(asyncio.run(watch(url_, run_, int(count_), WATCHED_S))))
