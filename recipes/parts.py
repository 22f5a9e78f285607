"""What recipes need and the engine has not: initial values, a loss, a signal, a matrix, data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fa_engine import DataOptions, DatasetSpec, Matrices, RunConfig, register
from fa_engine.data import idx
from fa_engine.data.samples import Samples
from fa_engine.networks.losses import Loss
from fa_engine.seeding import MIRROR, SAMPLES, WEIGHTS, generator, network_seeds, numpy_generator

Entries = Callable[[tuple[int, ...], int, int, torch.Generator], Tensor]


def _drawn(config: RunConfig, entries: Entries) -> dict[str, Tensor]:
    """Weights and biases of all networks, each network from its own seed.

    Args:
        config: the run.
        entries: of a shape, the inputs and outputs of its layer, and a generator.
    """
    named: dict[str, list[Tensor]] = {}
    for seed in network_seeds(config.seed, range(config.replicates), config.draws):
        source = generator(seed, WEIGHTS)
        for index, layer in enumerate(config.layers):
            ins, outs = layer.fan_in, layer.n_out
            named.setdefault(f"weight.{index}", []).append(entries((outs, ins), ins, outs, source))
            named.setdefault(f"bias.{index}", []).append(entries((outs,), ins, outs, source))
    return {name: torch.stack(tensors) for name, tensors in named.items()}


def even_by_inputs(config: RunConfig) -> dict[str, Tensor]:
    """Weights and biases evenly from ``-1/sqrt(fan-in)`` to ``1/sqrt(fan-in)``: what Torch's own
    linear layers begin with."""

    def entries(shape: tuple[int, ...], ins: int, _outs: int, source: torch.Generator) -> Tensor:
        unit = torch.rand(shape, generator=source, dtype=torch.float64)
        return unit.mul_(2).sub_(1).div_(ins**0.5)

    return _drawn(config, entries)


def even_weights_by_inputs(config: RunConfig) -> dict[str, Tensor]:
    """The same with biases of 0."""
    found = even_by_inputs(config)
    return {name: t if name.startswith("weight") else 0 * t for name, t in found.items()}


def normal_by_both_sides(config: RunConfig) -> dict[str, Tensor]:
    """Weights and biases normal, of variance ``1 / (inputs + outputs)`` of their layer."""

    def entries(shape: tuple[int, ...], ins: int, outs: int, source: torch.Generator) -> Tensor:
        normal = torch.randn(shape, generator=source, dtype=torch.float64)
        return normal.div_((ins + outs) ** 0.5)

    return _drawn(config, entries)


def _half_square(f: Tensor, y: Tensor) -> Tensor:
    return (torch.sigmoid(f) - y).square().sum(-1) / 2


def _half_square_error(f: Tensor, y: Tensor) -> Tensor:
    s = torch.sigmoid(f)
    return (s - y) * s * (1 - s)


def target_whole(e: Tensor, y: Tensor) -> Tensor:
    """What a hidden layer hears of the whole batch is a sum; the outputs' error stays a mean."""
    return y.expand_as(e) * e.shape[-2]


def tenths(epoch: float, epochs: int, _every: int, _factor: float) -> float:
    """0.1 from the middle on, 0.01 in the last quarter."""
    part = epoch / epochs
    return 0.01 if part >= 0.75 else 0.1 if part >= 0.5 else 1.0


class SummedMirror(Matrices):
    """The weight mirror as its authors' code has it: uniform noise through weights, bias and
    sigmoid, its products with the answer summed up, and an epoch of that before training.

    The rescaling that stands there too binds a name anew and changes no matrix.
    """

    title = "A sum of the answers to noise"
    routes = ("layerwise",)
    sees_noise = True
    motion = "mirrored"
    amplitude, rate, before = 0.1, 0.01, 468

    def refresh(self, step: int) -> None:
        """``B <- B + rate noise_out^T noise_in``, once a step, and 468 times before the first."""
        samples = self.options.mirror_samples
        rounds = self.before if step == 0 else 1
        sources = [generator(seed, MIRROR, step) for seed in self.options.seeds]
        for _ in range(rounds):
            for layer, matrix in enumerate(self.tensors):
                drawn = [torch.rand(samples, matrix.shape[2], generator=s) for s in sources]
                noise = self.amplitude * (torch.stack(drawn).to(matrix) - 0.5)
                weights, bias = self.network.weights[layer + 1], self.network.biases[layer + 1]
                answer = torch.sigmoid(noise @ weights.mT + bias.unsqueeze(1))
                matrix.add_(answer.mT @ noise, alpha=self.rate)


LINEAR_INPUTS, LINEAR_OUTPUTS, LINEAR_TRAIN, LINEAR_TEST = 30, 10, 2000, 1000


def _linear(_data_dir: Path, _options: DataOptions) -> Samples:
    source = numpy_generator(SAMPLES, LINEAR_INPUTS)
    target = source.uniform(-1, 1, (LINEAR_INPUTS, LINEAR_OUTPUTS))
    x = source.standard_normal((LINEAR_TRAIN + LINEAR_TEST, LINEAR_INPUTS))
    y = x @ target
    return x[:LINEAR_TRAIN], y[:LINEAR_TRAIN], x[LINEAR_TRAIN:], y[LINEAR_TRAIN:]


def _halved(data_dir: Path, options: DataOptions) -> Samples:
    def halved(images: NDArray[np.uint8]) -> NDArray[np.float64]:
        means: NDArray[np.float64] = images.reshape(-1, 14, 2, 14, 2).mean((2, 4), dtype=np.float64)
        return means

    x, y, x_test, y_test = idx.read_mnist(data_dir, options)
    return halved(x), y, halved(x_test), y_test


LINEAR = DatasetSpec(
    "A linear map of 30 numbers to 10",
    (LINEAR_INPUTS,),
    LINEAR_OUTPUTS,
    LINEAR_TRAIN,
    LINEAR_TEST,
    _linear,
    "Inputs are normal with variance 1; the map's entries lie evenly from -1 to 1.",
)
MNIST14 = DatasetSpec(
    "MNIST (14 x 14)",
    (14, 14, 1),
    idx.N_CLASSES,
    idx.N_TRAIN,
    idx.N_TEST,
    _halved,
    "Pixels are means of four, in [0, 1].",
    1 / 255,
)
# No recipe asks for a spectrum, which is what a loss has a curvature for.
HALF_SQUARE = Loss("Squared error of sigmoid outputs", _half_square, _half_square_error)


def add_parts() -> None:
    """Makes the names known that recipes use; again changes nothing."""
    register.loss("recipe_sigmoid_square", HALF_SQUARE)
    register.dataset("recipe_linear", LINEAR)
    register.dataset("recipe_mnist14", MNIST14)
    register.matrices("recipe_mirror")(SummedMirror)
    register.signal("recipe_target_whole", title="The target, not divided by the batch")(
        target_whole
    )
    register.schedule("recipe_tenths", title="A tenth from the middle on, and from 3/4 on")(tenths)
