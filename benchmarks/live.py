"""The dashboard as a whole: a real server, worker and browser, and people watching.

Prints what watching costs training, how long it takes from the button to the first point, and how
old a measurement is when it is painted.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from playwright.sync_api import Page, sync_playwright

from scripts.driving import FLAGS, ROOT, chromium
from scripts.driving import dashboard as serve

CLIENTS = 20
STARTS = 9
ROUNDS = 3
LOADED_S = 2.0

# Quick enough to start again and again; slow enough to be watched.
SHORT = {"dataset": "digits", "hidden": [64, 64], "epochs": 60, "replicates": 8}
LONG = {"dataset": "digits", "hidden": [256, 256], "epochs": 400, "replicates": 4}
WATCHED = {"dataset": "digits", "hidden": [256, 256], "epochs": 1000, "replicates": 1}

# Notes on every animation frame which event the chart has come to, and when its first point came.
LOG_PAINTS = """
window.paints = [];
(function tick() {
  const live = window.faLive;
  if (live && live.run && live.gd) {
    const last = window.paints[window.paints.length - 1];
    const points = live.gd.data.some((trace) => trace.x && trace.x.length > 3);
    if (!last || last.run !== live.run.id || last.seq !== live.drawn || last.points !== points) {
      window.paints.push({ run: live.run.id, seq: live.drawn, points, at: Date.now() / 1000 });
    }
  }
  requestAnimationFrame(tick);
})();
"""

# The same run without store, events, server or viewers, in a process of its own.
HEADLESS = """
import json, sys, time, torch
from fa_engine import RunConfig, Trainer
torch.set_num_threads(int(sys.argv[2]))
config = RunConfig.model_validate_json(sys.argv[1])
warm = Trainer(config.replace(epochs=1))
for _ in range(20):
    warm.advance(measure=True)
trainer = Trainer(config)
start = time.perf_counter()
for _ in trainer:
    pass
print(trainer.total_steps / (time.perf_counter() - start))
"""


class Dashboard:
    """A running dashboard, spoken to over HTTP."""

    def __init__(self, url: str, threads: int) -> None:
        self.url, self.threads = url, threads

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return json.load(answer)

    def post(self, path: str, body: Any) -> Any:
        request = urllib.request.Request(self.url + path, json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def start(self, config: dict[str, Any]) -> str:
        return str(self.post("/api/runs", {"config": config})["run_id"])

    def stop(self, run: str) -> None:
        self.post(f"/api/runs/{run}/commands", {"command": "stop"})
        self.ended(run)

    def ended(self, run: str) -> dict[str, Any]:
        while not (view := self.get(f"/api/runs/{run}"))["ended"]:
            time.sleep(0.1)
        return dict(view)

    def finished(self, run: str) -> dict[str, Any]:
        view = self.ended(run)
        if view["state"] != "finished":
            raise RuntimeError(f"run {run} is {view['state']}: {view['reason']}")
        return view

    def events(self, run: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            page = self.get(f"/api/runs/{run}/events?after={len(found)}")
            found += page["events"]
            if not page["more"]:
                return found


@contextmanager
def dashboard() -> Iterator[Dashboard]:
    """``python -m app`` on a free port with a state of its own."""
    from app.settings import Settings

    with tempfile.TemporaryDirectory() as state, serve(state, quiet=True) as url:
        running = Dashboard(url, Settings(workers=1).threads)
        running.finished(running.start({**SHORT, "epochs": 1}))  # the worker is warm now
        yield running


@contextmanager
def page(url: str) -> Iterator[Page]:
    """A real browser on the dashboard."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        opened = browser.new_page(viewport={"width": 1280, "height": 860})
        opened.add_init_script(LOG_PAINTS)
        opened.goto(url)
        yield opened
        browser.close()


class Viewer(threading.Thread):
    """Somebody else's browser: reads a run's stream to its end."""

    def __init__(self, url: str, run: str) -> None:
        super().__init__(daemon=True)
        self.url, self.run_id, self.frames = url, run, 0

    def run(self) -> None:
        address = urlsplit(self.url)
        connection = HTTPConnection(str(address.hostname), address.port, timeout=60)
        connection.request("GET", f"/api/runs/{self.run_id}/stream?after=0")
        answer = connection.getresponse()
        while line := answer.readline():
            self.frames += line.startswith(b"id:")
            if line.startswith(b"event: end"):
                break
        connection.close()


def row(name: str, seconds: list[float]) -> None:
    """Prints median and 95th percentile in milliseconds."""
    median, p95 = np.percentile(seconds, [50, 95]) * 1e3
    print(f"  {name:<46}{median:>6.0f} ms{p95:>8.0f} ms")


def first_points(served: Dashboard, opened: Page) -> tuple[list[float], list[float]]:
    """Seconds from queued, and from the click, to the first painted point, run after run."""
    from_queue, from_click = [], []
    for _ in range(STARTS):
        opened.goto(served.url)
        opened.wait_for_selector("#train:not([disabled])")
        opened.wait_for_timeout(500)
        clicked = opened.evaluate("() => Date.now() / 1000")
        opened.click("#train")
        opened.wait_for_function("() => window.paints.some((paint) => paint.points)")
        paint = opened.evaluate("() => window.paints.find((paint) => paint.points)")
        from_click.append(paint["at"] - clicked)
        queued = served.get(f"/api/runs/{paint['run']}")["created_at"]
        from_queue.append(paint["at"] - queued)
        served.stop(paint["run"])
    return from_queue, from_click


def ages(served: Dashboard, opened: Page) -> tuple[list[float], int]:
    """Seconds from an event's append to the paint that shows it, and frames the viewers got."""
    run = served.start(LONG)
    viewers = [Viewer(served.url, run) for _ in range(CLIENTS)]
    for viewer in viewers:
        viewer.start()
    opened.goto(f"{served.url}/?run={run}")
    served.finished(run)
    for viewer in viewers:
        viewer.join(30)
    opened.wait_for_timeout(1000)
    events = served.events(run)
    paints = [p for p in opened.evaluate("() => window.paints") if p["run"] == run]
    # What was there before the page opened was not streamed, and a page that is still being
    # loaded paints when it can.
    begun = paints[0]["at"] + LOADED_S
    found = []
    for event in events:
        if event["kind"] == "measurements" and event["at"] > begun:
            painted = next(p["at"] for p in paints if p["seq"] >= event["seq"])
            found.append(painted - event["at"])
    return found, min(viewer.frames for viewer in viewers)


def headless(served: Dashboard) -> float:
    """Steps a second of the watched run's twin, alone on the machine."""
    config = json.dumps(WATCHED)
    arguments = [sys.executable, "-c", HEADLESS, config, str(served.threads)]
    alone = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=True)
    return float(alone.stdout)


def watched(served: Dashboard, opened: Page) -> list[tuple[float, float, float]]:
    """Steps a second, in turn: headless; watched by a stream client, as from a browser on another
    machine; watched in a browser that shares this machine's cores."""
    rounds = []
    for _ in range(ROUNDS):
        opened.goto("about:blank")
        alone = headless(served)
        run = served.start(WATCHED)
        viewer = Viewer(served.url, run)
        viewer.start()
        streamed = speed(served.finished(run))
        viewer.join(30)
        run = served.start(WATCHED)
        opened.goto(f"{served.url}/?run={run}")
        rounds.append((alone, streamed, speed(served.finished(run))))
    return rounds


def speed(run: dict[str, Any]) -> float:
    """Steps a second of a finished run, from its claim to its end."""
    return float(run["total_steps"] / (run["ended_at"] - run["started_at"]))


def main() -> None:
    """Prints one table."""
    with dashboard() as served, page(served.url) as opened:
        print(f"\nThe dashboard, 1 worker with {served.threads} thread(s)")
        rounds = watched(served, opened)
        print(f"  headless: {statistics.median(alone for alone, _, _ in rounds):.0f} steps/s")
        for index, how in ((1, "by a stream client"), (2, "in a browser on the same cores")):
            ratio = statistics.median(each[index] / each[0] for each in rounds)
            print(f"  watched {how}: {ratio:.2f} x headless (median of {ROUNDS} rounds)")
        print(f"  {'':<46}{'median':>9}{'p95':>11}")
        from_queue, from_click = first_points(served, opened)
        row("queued to first painted point", from_queue)
        row("Train pressed to first painted point", from_click)
        seconds, frames = ages(served, opened)
        row(f"append to painted, with {CLIENTS} stream clients", seconds)
        print(f"  ({len(seconds)} events; every client got {frames} frames or more)")


if __name__ == "__main__":
    main()
