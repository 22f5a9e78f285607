"""Exports of a run of a million measurements: seconds, size, and what they take of memory.

Each is made by a process of its own, as a server makes it: piece by piece, and nobody keeps one.
"""

from __future__ import annotations

import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from app.server import create_app
from app.settings import Settings
from app.store import Draft, RunState, Store, pack
from fa_engine import RunConfig, Trainer

CONFIG = RunConfig(hidden=(16,), replicates=1, epochs=46, measure_every=1, evaluate_every=10)
MEASUREMENTS = 1_000_000
OWNER = "benchmark"
KINDS = ("csv", "parquet", "json")


def fill(store: Store) -> str:
    """A run of so many measurements: real ones, again and again, at steps that go on."""
    measured = list(Trainer(CONFIG))[:1000]
    header, payload = pack(measured)
    values = payload[8 * len(measured) :]
    store.create_run(CONFIG)
    run = store.claim(OWNER, 3600.0)
    assert run is not None
    for first in range(0, MEASUREMENTS, len(measured)):
        steps = np.arange(first, first + len(measured), dtype="<i8").tobytes()
        store.append(run.id, OWNER, [Draft("measurements", header, steps + values)], 3600.0)
    store.append(run.id, OWNER, [Draft.state(RunState.FINISHED, MEASUREMENTS)], 3600.0)
    return run.id


def peak_mb() -> float:
    """The most memory that this process has had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def export(state: Path, address: str) -> tuple[float, float, float]:
    """Seconds, MB of the file, and MB by which the peak of the process grew."""
    app = create_app(Settings(state_dir=state, workers=0))
    client = app.test_client()
    with client.get("/healthz"):
        before = peak_mb()
    began, size = time.perf_counter(), 0
    with client.get(address, buffered=False) as answer:
        if answer.status_code != 200:
            return (float("nan"),) * 3
        for part in answer.response:
            size += len(part)
    took = time.perf_counter() - began
    found = took, size / 1e6, peak_mb() - before
    app.close()
    return found


def main() -> None:
    """Prints a table."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        with Store(Settings(state_dir=state).database_url) as store:
            run_id = fill(store)
        print(f"\nExports of a run of {MEASUREMENTS:,} measurements")
        print("  kind      seconds   file, MB   memory, MB")
        for kind in KINDS:
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                address = f"/api/runs/{run_id}/export.{kind}"
                took, size, grown = pool.apply(export, (state, address))
            print(f"  {kind:8} {took:8.1f} {size:10.0f} {grown:12.0f}")


if __name__ == "__main__":
    main()
