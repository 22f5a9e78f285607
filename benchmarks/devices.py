"""Processor or GPU: which is the quicker one for a run, and which one ``auto`` takes."""

from __future__ import annotations

from collections.abc import Callable

import torch

from benchmarks.timing import race
from fa_engine import RunConfig, Trainer
from fa_engine.config import UNLIMITED
from fa_engine.devices import device_of, multiplications

HIDDEN = ((64, 64, 64), (256, 256), (512, 512), (2048, 2048))
REPLICATES = (1, 8, 32)
THREADS = (1, 2, 8)
CALLS = 20


def stepping(config: RunConfig) -> Callable[[], object]:
    """Some steps, the first of them measured, as a run takes them."""
    trainer = Trainer(config)

    def steps() -> None:
        for step in range(10):
            trainer.advance(measure=step == 0)

    return steps


def main() -> None:
    """Prints the table, or that there is nothing to compare."""
    if not torch.cuda.is_available():
        print("\nProcessor and GPU: there is no CUDA GPU here")
        return
    print(f"\nMicroseconds a step, digits, batch 64, {torch.cuda.get_device_name()}")
    print("threads  hidden        networks    MMul    processor      GPU  quicker   auto")
    wrong = 0.0
    for threads in THREADS:
        torch.set_num_threads(threads)
        for hidden in HIDDEN:
            for replicates in REPLICATES:
                config = RunConfig.model_validate(
                    {"hidden": hidden, "replicates": replicates, "epochs": 10_000}
                    | {"evaluate_every": 10**9},
                    context={"limits": UNLIMITED},
                )
                work = replicates * multiplications(config.layers, config.batch_size)
                if work > 3e9:
                    continue
                times = race(
                    {d: stepping(config.replace(device=d)) for d in ("cpu", "cuda")},
                    peer="cpu",
                    rounds=5,
                    calls=max(1, min(CALLS, int(2e9 / work))),
                    wait=torch.cuda.synchronize,
                )
                cpu, gpu = (times[d].median_us / 10 for d in ("cpu", "cuda"))
                quicker, auto = "cuda" if gpu < cpu else "cpu", device_of(config).type
                loss = (gpu if auto == "cuda" else cpu) / min(cpu, gpu)
                wrong = max(wrong, loss)
                shape = "-".join(map(str, hidden))
                print(
                    f"{threads:7}  {shape:12}  {replicates:8}  {work / 1e6:6.1f}"
                    f"  {cpu:11.0f}  {gpu:7.0f}  {quicker:7}   {auto}"
                    + (f"  {loss:.2f} times" if loss > 1 else ""),
                    flush=True,
                )
    print(f"At most {wrong:.2f} times the quicker one's time by taking the other")
