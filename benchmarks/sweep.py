"""A sweep as one run, beside a run for each cell: processor time of the whole training."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

from fa_engine import RunConfig, Trainer

ROUNDS = 5
RATES = [0.01, 0.03, 0.1, 0.2, 0.3]
SCALES = [0.05, 0.1, 0.2, 0.4, 0.8]
REPLICATES = 4


def seconds(work: Callable[[], object]) -> float:
    """Processor time of all threads."""
    start = time.process_time()
    work()
    return time.process_time() - start


def train(*configs: RunConfig) -> None:
    """One after the other, to the end."""
    for config in configs:
        trainer = Trainer(config)
        while not trainer.finished:
            trainer.advance()


def main() -> None:
    """Prints a table."""
    torch.set_num_threads(1)
    print("\nA grid of 5 rates x 5 initial scales x 4 networks on digits: processor time, 1 thread")
    print("network     batch  optimizer  100 runs  25 runs of 4  one run  runs of 4 / one run")
    for hidden, optimizer in (((32,), "sgd"), ((64, 64), "sgd"), ((256, 256), "sgd")):
        rows = [ways(hidden, optimizer, batch_size) for batch_size in (32, 64)]
        rows += [ways(hidden, "adam", 64)] if hidden == (64, 64) else []
        for batch_size, kind, (alone, cells, whole) in rows:
            print(
                f"{'64-' + '-'.join(map(str, hidden)) + '-10':12}{batch_size:5}  {kind:9}"
                f"{alone:10.2f}{cells:14.2f}{whole:9.2f}{cells / whole:12.2f}",
                flush=True,
            )


def ways(
    hidden: tuple[int, ...], optimizer: str, batch_size: int
) -> tuple[int, str, tuple[float, float, float]]:
    """Seconds of the three ways, medians over rounds in which each has its turn."""
    grid = RunConfig(
        hidden=hidden,
        optimizer=optimizer,
        batch_size=batch_size,
        epochs=4,
        measure_every=22,
        replicates=REPLICATES,
        vary={"learning_rate": RATES, "weight_std": SCALES},
    )
    singles = [c.replace(replicates=1, seed=c.seed + r) for c in grid.cells for r in range(4)]
    found = [
        [seconds(lambda work=work: train(*work)) for work in (singles, grid.cells, (grid,))]
        for _ in range(ROUNDS)
    ]
    alone, cells, whole = (statistics.median(column) for column in zip(*found, strict=True))
    return batch_size, optimizer, (alone, cells, whole)
