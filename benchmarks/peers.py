"""The others: the same step as their users write it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap

from fa_engine import Dataset, RunConfig

BIOTORCH = "biotorch==0.0.16"
INSTALL_S = 180

Step = Callable[[], object]
MakeLinear = Callable[[int, int], nn.Module]


def torch_step(config: RunConfig, data: Dataset) -> Step:
    """Backpropagation as a PyTorch user writes it, the same network and the same batches."""
    return _trained(sequential(config, nn.Linear, data), config, data)


def vmap_step(config: RunConfig, data: Dataset) -> Step:
    """Backpropagation of ``config.replicates`` models at once, stacked with torch.func."""
    models = [sequential(config, nn.Linear, data) for _ in range(config.replicates)]
    parameters, _ = stack_module_state(models)
    parameters = {name: p.detach() for name, p in parameters.items()}
    criterion = nn.CrossEntropyLoss()

    def loss(parameters: dict[str, Tensor], x: Tensor, labels: Tensor) -> Tensor:
        return criterion(functional_call(models[0], parameters, (x,)), labels)

    gradients = vmap(grad(loss), in_dims=(0, None, None))
    batch = batches(config, data)

    def step() -> None:
        for name, gradient in gradients(parameters, *batch()).items():
            parameters[name].sub_(gradient, alpha=config.learning_rate)

    return step


@contextmanager
def biotorch() -> Iterator[str | None]:
    """Makes BioTorch importable for a while; yields why not, where it is not.

    It is installed without its dependencies, of which torchvision has no build for every torch, in
    a folder of its own that is gone afterwards.
    """
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        command = [*pip, "--no-deps", "--target", folder, BIOTORCH]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_S)
        except (subprocess.SubprocessError, OSError) as error:
            yield f"{BIOTORCH} does not install: {error}"
            return
        sys.path.append(folder)
        try:
            yield _import_error()
        finally:
            sys.path.remove(folder)


def _import_error() -> str | None:
    try:
        import biotorch.layers.fa  # noqa: F401
    except ImportError as error:
        return f"{BIOTORCH} does not import: {error}"
    return None


def biotorch_step(config: RunConfig, data: Dataset, *, angles: bool) -> Step:
    """Feedback alignment by BioTorch.

    Args:
        config: network and batches.
        data: the samples.
        angles: measure the gradient angle of every hidden layer at every step. BioTorch has no
            true gradient, so that a twin of plain layers with the same weights computes it.
    """
    from biotorch.layers.fa import Linear
    from biotorch.layers.metrics import compute_matrix_angle

    model = sequential(config, lambda n_in, n_out: Linear(n_in, n_out), data)
    if not angles:
        return _trained(model, config, data)
    twin = sequential(config, nn.Linear, data)
    own = [layer for layer in model if isinstance(layer, nn.Linear)]
    plain = [layer for layer in twin if isinstance(layer, nn.Linear)]
    criterion = nn.CrossEntropyLoss()
    measured: list[float] = []

    def before_step(x: Tensor, labels: Tensor) -> None:
        with torch.no_grad():
            for mine, other in zip(own, plain, strict=True):
                other.weight.copy_(mine.weight)
                other.bias.copy_(mine.bias)
        twin.zero_grad()
        criterion(twin(x), labels).backward()
        measured[:] = [
            float(compute_matrix_angle(mine.weight.grad, other.weight.grad))
            for mine, other in zip(own[:-1], plain[:-1], strict=True)
        ]

    return _trained(model, config, data, before_step)


def sequential(config: RunConfig, linear: MakeLinear, data: Dataset) -> nn.Sequential:
    """The configured network, tanh between its layers."""
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(config.widths):
        layers += [linear(n_in, n_out), nn.Tanh()]
    return nn.Sequential(*layers[:-1]).to(data.x_train.device)


def batches(config: RunConfig, data: Dataset) -> Callable[[], tuple[Tensor, Tensor]]:
    """The next batch of samples and labels at each call, shuffled once."""
    labels = data.y_train.argmax(-1)
    order = torch.randperm(len(labels)).to(labels.device)
    position = 0

    def batch() -> tuple[Tensor, Tensor]:
        nonlocal position
        chosen = order[position * config.batch_size : (position + 1) * config.batch_size]
        position = (position + 1) % config.steps_per_epoch
        return data.x_train.index_select(0, chosen), labels.index_select(0, chosen)

    return batch


def _trained(
    model: nn.Sequential,
    config: RunConfig,
    data: Dataset,
    before_step: Callable[[Tensor, Tensor], None] | None = None,
) -> Step:
    sgd = torch.optim.SGD(model.parameters(), lr=config.learning_rate)
    criterion = nn.CrossEntropyLoss()
    batch = batches(config, data)

    def step() -> None:
        x, labels = batch()
        loss = criterion(model(x), labels)
        sgd.zero_grad()
        loss.backward()
        if before_step is not None:
            before_step(x, labels)
        sgd.step()

    return step
