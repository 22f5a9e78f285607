"""A long while of everyday use: runs start and end, people come and go, a page stays open.

Prints for each process, and for what is kept on the disk, what it began and ended with, and how
much it grows in an hour and with each run. Checkpoints have little room here, so that they come to
its end; events stay until their run is deleted, and grow with the runs.
"""

from __future__ import annotations

import os
import random
import threading
import time
import urllib.request
from collections import defaultdict
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np

from benchmarks.faults import Site, dashboard
from fa_engine import RunConfig

MINUTES = 30.0
SAMPLE_S = 5.0
SETTLED = 1 / 3  # of the time, until what is kept from the first uses is there
VIEWERS = 10
CHECKPOINT_MB = 100
SEED = 7
CONFIG = RunConfig(hidden=(32, 32), replicates=4, epochs=40, measure_every=5)
MB = 1e6


def size(folder: Path) -> float:
    """Of all files below a folder, in MB."""
    total = 0
    for found in [folder] if folder.is_file() else folder.rglob("*"):
        with suppress(OSError):  # it has gone meanwhile
            total += found.stat().st_size if found.is_file() else 0
    return total / MB


def sample(site: Site) -> dict[tuple[str, str], float]:
    """What each process holds, and what lies on the disk."""
    found: dict[tuple[str, str], float] = {}
    names = ("web", "worker", "analyst")
    workers, analyst = site.children()
    for name, pid in zip(names, [site.process.pid, *workers, *analyst], strict=False):
        with suppress(OSError):
            place = Path(f"/proc/{pid}")
            pages = int((place / "statm").read_text().split()[1])
            found[name, "memory, MB"] = pages * os.sysconf("SC_PAGE_SIZE") / MB
            found[name, "descriptors"] = len(list((place / "fd").iterdir()))
            found[name, "threads"] = len(list((place / "task").iterdir()))
    found["disk", "database, MB"] = sum(size(one) for one in site.state.glob("runs.sqlite*"))
    found["disk", "checkpoints, MB"] = size(site.state / "checkpoints")
    found["disk", "cache, MB"] = size(site.state / "cache")
    return found


class Viewer(threading.Thread):
    """Reads a run's stream, for a while or to its end."""

    def __init__(self, site: Site, run_id: str, lines: int) -> None:
        super().__init__(daemon=True)
        self._address = f"{site.url}/api/runs/{run_id}/stream"
        self._lines = lines

    def run(self) -> None:
        with suppress(OSError), urllib.request.urlopen(self._address, timeout=60) as answer:
            for number, _ in enumerate(answer):
                if number > self._lines:
                    return


class Visits(threading.Thread):
    """Starts runs, some of which are stopped, deleted or exported, and has people watch them."""

    def __init__(self, site: Site) -> None:
        super().__init__(daemon=True)
        self._site, self._chance = site, random.Random(SEED)
        self.ended, self.runs, self.current = threading.Event(), 0, ""

    def run(self) -> None:
        while not self.ended.is_set():
            try:
                self._one()
            except OSError as error:
                print(f"  {error!r}", flush=True)
                self.ended.wait(1.0)

    def _one(self) -> None:
        site, chance = self._site, self._chance
        self.current = run_id = site.start(CONFIG.replace(seed=self.runs))
        self.runs += 1
        viewers = [Viewer(site, run_id, chance.choice((20, 200, 10_000))) for _ in range(VIEWERS)]
        for viewer in viewers:
            viewer.start()
        if self.runs % 4 == 0:
            self.ended.wait(1.0)
            site.ask(f"/api/runs/{run_id}/commands", {"command": "stop"})
        while not site.ask(f"/api/runs/{run_id}")["ended"] and not self.ended.is_set():
            self.ended.wait(0.2)
        for viewer in viewers:
            viewer.join(60)
        if self.runs % 3 == 0:
            site.ask(f"/api/runs/{run_id}/export.json")
        if self.runs % 5 == 0:
            site.ask("/api/runs/delete", {"ids": [run_id]})
            site.ask("/api/room/free", {"what": ["deleted"]})


def main(minutes: float = MINUTES) -> None:
    """Prints the table."""
    kept: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    with dashboard(FA_CHECKPOINT_TOTAL_MB=str(CHECKPOINT_MB)) as site, ExitStack() as stack:
        visits = Visits(site)
        visits.start()
        page = _page(stack, site)
        began = time.monotonic()
        while (now := time.monotonic() - began) < 60 * minutes:
            for key, value in sample(site).items():
                kept[key].append((now, value))
            if page is not None and visits.current:
                page.goto(f"{site.url}/?run={visits.current}")
            time.sleep(SAMPLE_S)
        visits.ended.set()
        visits.join(60)
    print(
        f"\n{minutes:g} minutes: {visits.runs} runs, {VIEWERS} viewers each, a page: {bool(page)}"
    )
    print(f"Room for checkpoints: {CHECKPOINT_MB} MB")
    print("\n| of | what | settled | at the end | most | an hour | a run |")
    print("|---|---|---|---|---|---|---|")
    per_hour = visits.runs * 60 / minutes
    for (name, what), told in kept.items():
        times, values = np.array([one for one in told if one[0] >= 60 * minutes * SETTLED]).T
        slope = float(np.polyfit(times / 3600, values, 1)[0]) if len(times) > 1 else 0.0
        settled = float(np.median(values[:5]))
        ended = float(np.median(values[-5:]))
        print(
            f"| {name} | {what} | {settled:.1f} | {ended:.1f} | {values.max():.1f} | {slope:+.1f} "
            f"| {slope / per_hour:+.4f} |"
        )


def _page(stack: ExitStack, site: Site):
    """A page in a browser, where there is one."""
    try:
        from benchmarks.live import page

        return stack.enter_context(page(site.url))
    except Exception as error:  # no playwright, no browser
        print(f"  no page: {type(error).__name__}")
        return None
