"""What following a run's spectrum live costs the run: a real worker, a real analyst.

The spectra are asked for as a page does that is open elsewhere, in turn with runs left alone.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from pathlib import Path

from flask import Flask
from flask_caching import Cache

from app.lab import Desk, SpectrumParams
from app.settings import Settings
from app.store import Command, Store
from app.worker.supervisor import Supervisor
from fa_engine import RunConfig

CONFIG = RunConfig(hidden=(256, 256), epochs=240, replicates=1, evaluate_every=500)
EVERY = 200
SAMPLES = 64
POLL_S = 0.7
ROUNDS = 5


def speed(store: Store, run_id: str) -> float:
    """Steps a second of a run, from its claim to its end."""
    while not (run := store.run(run_id)).state.ended:
        time.sleep(0.05)
    assert run.started_at is not None
    assert run.ended_at is not None
    return run.total_steps / (run.ended_at - run.started_at)


def follow(store: Store, desk: Desk, run_id: str, found: list[int]) -> None:
    """Wants the spectrum of every checkpoint for as long as the run lasts."""
    while True:
        ended = store.run(run_id).state.ended
        wanted = [
            SpectrumParams(run_id=run_id, step=kept.step, seq=kept.seq, n_samples=SAMPLES)
            for kept in reversed(store.checkpoints(run_id))
        ]
        done = sum(not answer.pending for answer in desk.ask(wanted))
        if ended:
            found.append(done)
            return
        time.sleep(POLL_S)


def main() -> None:
    """Prints one ratio."""
    ratios, counts = [], list[int]()
    with tempfile.TemporaryDirectory() as state:
        settings = Settings(state_dir=Path(state), workers=1)
        with Supervisor(settings), Store(settings.database_url) as store:
            desk = Desk(store, Cache(Flask("desk"), config={"CACHE_TYPE": "SimpleCache"}))
            speed(store, store.create_run(CONFIG.replace(epochs=1)).id)  # the worker is warm now
            for _ in range(ROUNDS):
                alone = speed(store, store.create_run(CONFIG).id)
                run_id = store.create_run(CONFIG).id
                store.send(run_id, Command(command="track", every=EVERY))
                page = threading.Thread(target=follow, args=(store, desk, run_id, counts))
                page.start()
                ratios.append(alone / speed(store, run_id))
                page.join()
    shape = "-".join(map(str, CONFIG.widths))
    modes = SAMPLES * CONFIG.widths[-1]
    print(f"\nFollowing the spectrum live, {shape}, 1 worker with {settings.threads} thread(s)")
    print(
        f"  a spectrum of {modes} modes every {EVERY} steps and at log-spaced ones:"
        f" {statistics.median(ratios):.2f} x the time of a run left alone"
        f" (median of {ROUNDS} rounds)"
    )
    print(f"  ({statistics.median(counts):.0f} spectra were there when the run ended)")


if __name__ == "__main__":
    main()
