"""The feedback kernel and its eigenvalues, against explicit Jacobians; what tracking them costs."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.engine import synthetic
from benchmarks.timing import race
from fa_engine import RunConfig, Trainer
from fa_engine.dynamics.landscape import loss_surface, plane_through, point
from fa_engine.dynamics.stability import kernel, probe_set, spectrum

CONFIG = RunConfig(
    dataset="mnist",
    hidden=(256, 256),
    batch_size=128,
    replicates=1,
    epochs=10_000,
    measure_every=10**9,
    evaluate_every=10**9,
)
SAMPLES = 64
TRACKED_SAMPLES = 16
EVERY = 200


def explicit_kernel(trainer: Trainer, x: Tensor) -> Tensor:
    """``J J^T / N`` of backpropagation as ``torch.func`` gives it: the Jacobian in full."""
    network = trainer.network
    weights = [w[0] for w in network.weights]
    biases = [b[0] for b in network.biases]

    def outputs(weights: list[Tensor], biases: list[Tensor]) -> Tensor:
        h = x
        for layer, (w, b) in enumerate(zip(weights, biases, strict=True)):
            a = torch.nn.functional.linear(h, w, b)
            h = torch.tanh(a) if layer < len(weights) - 1 else a
        return h.flatten()

    blocks = torch.func.jacrev(outputs, argnums=(0, 1))(weights, biases)
    rows = [block.flatten(1) for part in blocks for block in part]
    total: Tensor = sum((j @ j.T for j in rows), torch.zeros(())) / len(x)
    return total


def stepping(trainer: Trainer, track: Callable[[], object] | None) -> Callable[[], None]:
    """``EVERY`` steps and, where asked for, one look."""

    def steps() -> None:
        for _ in range(EVERY):
            trainer.advance()
        if track is not None:
            track()

    return steps


def main() -> None:
    """Prints one table a question."""
    torch.set_num_threads(2)
    data = synthetic("mnist")
    trainer = Trainer(CONFIG, data=data)
    stepping(trainer, None)()
    probe = probe_set(data, SAMPLES)
    peer = "explicit Jacobian, torch.func"
    times = race(
        {
            peer: lambda: explicit_kernel(trainer, probe.x),
            "K of BP": lambda: kernel(trainer, probe, backpropagation=True),
            "K of FA": lambda: kernel(trainer, probe),
            "K and its eigenvalues": lambda: spectrum(trainer, probe, symmetric=False, error=False),
            "K, its symmetric part and H K": lambda: spectrum(trainer, probe),
        },
        peer,
        rounds=7,
        calls=1,
    )
    shape = "-".join(map(str, CONFIG.widths))
    size = SAMPLES * CONFIG.widths[-1]
    print(f"\nFeedback kernel, {shape}, {SAMPLES} samples ({size} x {size}), 2 threads")
    for name, timing in times.items():
        print(f"  {name:<34}{timing.median_us / 1e3:>9.1f} ms   {timing.ratio:7.4f} x {peer}")

    tracked = probe_set(data, TRACKED_SAMPLES)
    plain, watched, kept = (Trainer(CONFIG, data=data) for _ in range(3))
    peer = f"{EVERY} steps"
    times = race(
        {
            peer: stepping(plain, None),
            f"and a spectrum of {TRACKED_SAMPLES} samples": stepping(
                watched, lambda: spectrum(watched, tracked)
            ),
            f"and a spectrum of {SAMPLES} samples": stepping(kept, lambda: spectrum(kept, probe)),
        },
        peer,
        rounds=9,
        calls=1,
    )
    print(f"\nTracking, {shape}, batch {CONFIG.batch_size}, 2 threads")
    for name, timing in times.items():
        print(f"  {name:<34}{timing.median_us / 1e3:>9.1f} ms   {timing.ratio:5.2f} x {peer}")

    points = [point(Trainer(CONFIG.replace(seed=seed), data=data).network) for seed in range(3)]
    plane, samples = plane_through(*points), probe_set(data, 256)
    side = torch.linspace(-1, 1, 15).double().numpy()
    peer = "one point at a time"

    def one_by_one() -> None:
        for x in side:
            for y in side:
                loss_surface(
                    CONFIG, trainer.network, plane, samples, side[:1] * 0 + x, side[:1] * 0 + y
                )

    times = race(
        {
            peer: one_by_one,
            "all together": lambda: loss_surface(
                CONFIG, trainer.network, plane, samples, side, side
            ),
        },
        peer,
        rounds=3,
        calls=1,
    )
    print(f"\nLoss surface, {shape}, 15 x 15 points, 256 samples, 2 threads")
    for name, timing in times.items():
        print(f"  {name:<34}{timing.median_us / 1e3:>9.1f} ms   {timing.ratio:5.2f} x {peer}")


if __name__ == "__main__":
    main()
