"""The training step against nn.Linear + autograd + torch.optim.SGD, with and without measuring."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from benchmarks.timing import race
from fa_engine import Dataset, RunConfig, Trainer
from fa_engine.datasets import DATASETS

CASES = [
    ("mnist", (512, 512), 128, 20),
    ("digits", (64, 64), 64, 200),
]


def torch_step(config: RunConfig, data: Dataset) -> Callable[[], None]:
    """Backpropagation as a PyTorch user writes it, the same network and the same batches."""
    layers: list[nn.Module] = []
    for n_in, n_out in zip(config.widths, config.widths[1:], strict=False):
        layers += [nn.Linear(n_in, n_out), nn.Tanh()]
    model = nn.Sequential(*layers[:-1])
    sgd = torch.optim.SGD(model.parameters(), lr=config.learning_rate)
    criterion = nn.CrossEntropyLoss()
    labels = data.y_train.argmax(-1)
    steps = config.steps_per_epoch
    order = torch.randperm(len(labels))
    position = 0

    def step() -> None:
        nonlocal position
        chosen = order[position * config.batch_size : (position + 1) * config.batch_size]
        position = (position + 1) % steps
        loss = criterion(model(data.x_train[chosen]), labels[chosen])
        sgd.zero_grad()
        loss.backward()
        sgd.step()

    return step


def synthetic(name: str) -> Dataset:
    """Random samples in the shape of a data set: speed does not depend on what they show."""
    spec = DATASETS[name]
    source = torch.Generator().manual_seed(0)

    def half(n: int) -> tuple[torch.Tensor, torch.Tensor]:
        x = torch.rand(n, spec.n_features, generator=source)
        labels = torch.randint(spec.n_classes, (n,), generator=source)
        return x, nn.functional.one_hot(labels, spec.n_classes).float()

    return Dataset(*half(spec.n_train), *half(spec.n_test))


def main() -> None:
    """Prints one table a case."""
    torch.set_num_threads(2)
    for name, hidden, batch_size, calls in CASES:
        data = synthetic(name)
        endless = RunConfig(
            dataset=name,
            hidden=hidden,
            batch_size=batch_size,
            replicates=1,
            epochs=10_000,
            measure_every=10**9,
            evaluate_every=10**9,
            learning_rate=1e-3,
        )

        def plain(config: RunConfig, data: Dataset = data) -> Callable[[], object]:
            return Trainer(config, data=data).advance

        def measured(config: RunConfig, data: Dataset = data) -> Callable[[], object]:
            trainer = Trainer(config, data=data)
            return lambda: trainer.advance(measure=True)

        peer = "PyTorch BP"
        times = race(
            {
                peer: torch_step(endless, data),
                "BP": plain(endless.replace(scheme="bp")),
                "FA": plain(endless.replace(scheme="fa")),
                "DFA": plain(endless.replace(scheme="dfa")),
                "FA, all angles at every step": measured(endless.replace(scheme="fa")),
            },
            peer,
            calls=calls,
        )
        shape = "-".join(map(str, endless.widths))
        print(f"\nTraining step, {shape}, batch {batch_size}, 2 threads")
        for contender, timing in times.items():
            print(f"  {contender:<30}{timing.median_us:>9.0f} us   {timing.ratio:5.2f} x {peer}")


if __name__ == "__main__":
    main()
