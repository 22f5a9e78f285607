"""The Compare page with twenty runs of 2,000 points, four of which stream, in a real browser.

Prints how long the page takes to open, a look at the live runs takes on the server, and how
long frames are while lines grow. The events are written here, as a worker would.
"""

from __future__ import annotations

import itertools
import statistics
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from app.server import create_app
from app.serving import served
from app.settings import Settings
from app.store import Draft, Progress, RunState
from benchmarks.live import page
from fa_engine import Measurement, RunConfig, Trainer

RUNS, STREAMING, POINTS = 20, 4, 2_000
WATCHED_S = 20.0
BLOCK = 20  # measurements an event
OWNER, LEASE_S = "benchmark", 3600.0
CONFIG = RunConfig(hidden=(32, 32), replicates=4, epochs=200, measure_every=1, evaluate_every=50)

FRAMES = """
window.frames = [];
(function tick(before) {
  requestAnimationFrame((now) => { window.frames.push(now - before); tick(now); });
})(performance.now());
"""
DRAWN = """() => [...document.querySelectorAll('#compare-charts .js-plotly-plot')]
    .filter((gd) => gd.faAxes).length >= 4"""


def measurements() -> list[Measurement]:
    """Of a real run, again and again until there are as many as two lines have points."""
    real = list(itertools.islice(Trainer(CONFIG), POINTS // 4))
    return [
        replace(m, step=m.step + turn * len(real), epoch=m.epoch + turn * real[-1].epoch)
        for turn in range(8)
        for m in real
    ]


def main() -> None:
    measured = measurements()
    with tempfile.TemporaryDirectory() as state:
        app = create_app(Settings(state_dir=Path(state), workers=0))
        store = app.store
        schemes = ("bp", "fa", "dfa", "usf", "kp")
        ids = []
        for number in range(RUNS):
            config = CONFIG.replace(scheme=schemes[number % len(schemes)], seed=number)
            ids.append(store.create_run(config).id)
            run = store.claim(OWNER, LEASE_S)
            assert run is not None

        def write(run_id: str, first: int) -> None:
            part = measured[first : first + BLOCK]
            progress = Progress(part[-1].step, part[-1].epoch, 100.0, first / 100)
            store.append(run_id, OWNER, [Draft.measurements(part, progress)], LEASE_S)

        for run_id in ids:
            for first in range(0, POINTS, BLOCK):
                write(run_id, first)
        for run_id in ids[STREAMING:]:
            store.append(run_id, OWNER, [Draft.state(RunState.FINISHED, POINTS)], LEASE_S)

        stop = threading.Event()

        def stream() -> None:
            at = POINTS
            while not stop.is_set() and at + BLOCK < len(measured):
                for run_id in ids[:STREAMING]:
                    write(run_id, at)
                at += BLOCK
                stop.wait(0.4)

        with served(app) as url, page(url) as browser:
            began = time.perf_counter()
            browser.goto(f"{url}/compare?runs={','.join(ids)}")
            browser.wait_for_function(DRAWN, polling=50, timeout=120_000)
            opened = time.perf_counter() - began
            time.sleep(3)
            threading.Thread(target=stream, daemon=True).start()
            time.sleep(2)
            browser.evaluate(FRAMES)
            browser.evaluate("faCompare.stats.longest = 0; faCompare.stats.draws = 0;")
            time.sleep(WATCHED_S)
            frames = browser.evaluate("frames")
            stats = browser.evaluate("faCompare.stats")
            points = browser.evaluate(
                "[...document.querySelectorAll('#compare-charts .js-plotly-plot')]"
                ".reduce((sum, gd) => sum + gd.data.reduce((n, t) => n + t.x.length, 0), 0)"
            )
        client = app.test_client()
        looks = []
        have = client.get(f"/api/compare?runs={','.join(ids)}").json["have"]
        for number in range(5):
            for run_id in ids[:STREAMING]:
                write(run_id, POINTS + number * BLOCK)
            began = time.perf_counter()
            answer = client.get(f"/api/compare?runs={','.join(ids)}&have={have}")
            looks.append(time.perf_counter() - began)
            have = answer.json["have"]
        stop.set()
        app.close()
    late = np.array(frames)
    print(f"{RUNS} runs of {POINTS:,} points, {STREAMING} stream")
    print(f"  page open and drawn: {opened:.2f} s, {points:,} points in all charts")
    print(
        f"  a look at live runs on the server: {1000 * statistics.median(looks):.0f} ms, "
        f"{len(answer.data) / 1000:.0f} kB"
    )
    print(
        f"  {stats['draws']} drawings of a chart in {WATCHED_S:.0f} s, "
        f"the longest {stats['longest']:.0f} ms"
    )
    print(
        f"  frames: median {np.median(late):.0f} ms, 99 % {np.percentile(late, 99):.0f} ms, "
        f"longest {late.max():.0f} ms, {int((late > 100).sum())} of {len(late)} over 100 ms"
    )


if __name__ == "__main__":
    main()
