"""The engine against its peers, side by side: steps, measuring, replicates, memory."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn

from benchmarks import peers
from benchmarks.timing import Timing, race
from fa_engine import Dataset, RunConfig, Trainer
from fa_engine.data.datasets import DATASETS

CASES = [
    ("mnist", (512, 512), 128, 20),
    ("digits", (64, 64), 64, 200),
]
REPLICATES = 32
PEER = "PyTorch BP"
PRODUCT_SIZE = 1024  # of the square product whose speed is the limit

Step = Callable[[], object]


def synthetic(name: str, device: str = "cpu") -> Dataset:
    """Random samples in the shape of a data set: speed does not depend on what they show."""
    spec = DATASETS[name]
    source = torch.Generator().manual_seed(0)

    def half(n: int) -> tuple[Tensor, Tensor]:
        x = torch.rand(n, spec.n_features, generator=source)
        labels = torch.randint(spec.n_classes, (n,), generator=source)
        return x.to(device), nn.functional.one_hot(labels, spec.n_classes).float().to(device)

    return Dataset(*half(spec.n_train), *half(spec.n_test))


def endless(name: str, hidden: tuple[int, ...], batch_size: int, device: str) -> RunConfig:
    """A run that goes on as long as it is timed and measures nothing unless told to."""
    return RunConfig(
        dataset=name,
        hidden=hidden,
        batch_size=batch_size,
        replicates=1,
        epochs=10_000,
        measure_every=10**9,
        evaluate_every=10**9,
        learning_rate=1e-3,
        device=device,
    )


def plain(config: RunConfig, data: Dataset) -> Step:
    """Training steps."""
    return Trainer(config, data=data).advance


def measured(config: RunConfig, data: Dataset) -> Step:
    """Training steps, the angles of each read."""
    trainer = Trainer(config, data=data)

    def step() -> object:
        measurement = trainer.advance(measure=True)
        assert measurement is not None
        return measurement.gradient_angle_deg

    return step


def multiply_adds(config: RunConfig) -> int:
    """Multiply-adds of one step of a dense network: forward, feedback and update."""
    widths, batch = config.widths, config.batch_size
    forward = sum(n_in * n_out for n_in, n_out in pairwise(widths))
    direct = config.composition.route == "direct"
    above = [widths[-1]] * (len(widths) - 2) if direct else widths[2:]
    feedback = sum(n * up for n, up in zip(widths[1:-1], above, strict=True))
    return batch * (2 * forward + feedback)


def large_product(device: str) -> Step:
    """One square float32 product."""
    left, right = (torch.rand(PRODUCT_SIZE, PRODUCT_SIZE, device=device) for _ in range(2))
    return lambda: left @ right


def steps_table(device: str, missing: str | None) -> None:
    """Prints the training step of each case against PyTorch's and the matrix-product limit."""
    for name, hidden, batch_size, calls in CASES:
        data, config = synthetic(name, device), endless(name, hidden, batch_size, device)
        fa, dfa = config.replace(scheme="fa"), config.replace(scheme="dfa")
        contenders: dict[str, Step] = {
            PEER: peers.torch_step(config, data),
            "BP": plain(config.replace(scheme="bp"), data),
            "FA": plain(fa, data),
            "DFA": plain(dfa, data),
            "FA, following the walk": plain(fa.replace(walk=True), data),
            "FA, all measures at every step": measured(fa, data),
            "FA, gradient angles alone": measured(fa.replace(measures="gradient"), data),
            "the same with the walk": measured(fa.replace(walk=True), data),
        }
        if missing is None:
            contenders |= {
                "BioTorch FA": peers.biotorch_step(config, data, angles=False),
                "BioTorch FA, angles by a twin": peers.biotorch_step(config, data, angles=True),
            }
        limited = name == CASES[0][0]  # small products are nowhere near the speed of a large one
        if limited:
            contenders["product"] = large_product(device)
        times = race(contenders, PEER, calls=calls, wait=waiting(device))
        shape = "-".join(map(str, config.widths))
        print(f"\nTraining step, {shape}, batch {batch_size}, {machine_part(device)}")
        product = times.pop("product", None)
        for contender, timing in times.items():
            row(contender, timing, PEER)
        for run in (fa, dfa) if product is not None else ():
            limit = product.ratio * multiply_adds(run) / PRODUCT_SIZE**3
            scheme = run.scheme.upper()
            print(f"  {scheme} against its matrix-product limit: {times[scheme].ratio / limit:.2f}")


def replicates_table(device: str) -> None:
    """Prints what a replicate costs among others, and what it costs with vmap."""
    data, single = synthetic("digits", device), endless("digits", (32,), 32, device)
    many = single.replace(replicates=REPLICATES)
    alone = "FA, one run"
    times = race(
        {
            alone: plain(single, data),
            f"FA, {REPLICATES} replicates": plain(many, data),
            f"BP, {REPLICATES} replicates": plain(many.replace(scheme="bp"), data),
            f"torch.func.vmap BP, {REPLICATES} models": peers.vmap_step(many, data),
        },
        alone,
        calls=100,
        wait=waiting(device),
    )
    print(f"\nReplicates, 64-32-10, batch 32, {machine_part(device)}")
    for contender, timing in times.items():
        row(contender, timing, alone)
    _, fa, bp, by_vmap = times.values()
    print(f"  a replicate among {REPLICATES} against one run: {fa.ratio / REPLICATES:.3f}")
    print(f"  vmap against our BP: {by_vmap.ratio / bp.ratio:.1f}")
    kept = {r: live_bytes(single.replace(replicates=r), data) for r in (1, REPLICATES)}
    ratio = kept[REPLICATES] / kept[1]
    print(f"  memory between steps: {kept[1]:,} bytes, {kept[REPLICATES]:,} ({ratio:.2f} times)")


def live_bytes(config: RunConfig, data: Dataset) -> int:
    """Bytes of all tensors that a trainer keeps between two steps, the data not counted."""

    def storages() -> Mapping[int, int]:
        gc.collect()
        tensors = [thing for thing in gc.get_objects() if issubclass(type(thing), Tensor)]
        found = [tensor.untyped_storage() for tensor in tensors]
        return {storage.data_ptr(): storage.nbytes() for storage in found}

    before = storages()
    trainer = Trainer(config, data=data)
    for _ in range(3):
        trainer.advance()
    # The order of the samples, too, is as long as the data.
    order = trainer._batches._order.untyped_storage().data_ptr()
    after = storages()
    return sum(size for at, size in after.items() if at not in before and at != order)


def waiting(device: str) -> Callable[[], None]:
    """What a clock has to wait for: a GPU works on after a call has returned."""
    return torch.cuda.synchronize if device == "cuda" else lambda: None


def machine_part(device: str) -> str:
    """The device, in words."""
    return torch.cuda.get_device_name() if device == "cuda" else "2 threads"


def row(name: str, timing: Timing, peer: str) -> None:
    """Prints one contender."""
    print(f"  {name:<34}{timing.median_us:>9.0f} us   {timing.ratio:6.2f} x {peer}")


def main() -> None:
    """Prints all tables, once for each device that is there."""
    torch.set_num_threads(2)
    devices = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
    with peers.biotorch() as missing:
        if missing is not None:
            print(f"BioTorch is left out. {missing}")
        for device in devices:
            steps_table(device, missing)
            replicates_table(device)


if __name__ == "__main__":
    main()
