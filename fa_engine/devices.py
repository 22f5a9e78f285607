"""Devices: where a run is trained, and which of two is the quicker one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch

from fa_engine.networks.layers import Layer

WORTH_A_GPU = 1_000_000
"""Multiplications of a forward pass a thread of torch, from which on ``auto`` takes a GPU.

Below it a step is over on the processor before a GPU's kernels are launched. It is read from four
figures of an H200 and of 8 threads (``tests/engine/test_devices.py``); ``python -m benchmarks
devices`` prints a whole table where there is a GPU."""


class Placed(Protocol):
    """What of a configuration counts."""

    @property
    def device(self) -> str: ...
    @property
    def batch_size(self) -> int: ...
    @property
    def networks(self) -> int: ...
    @property
    def layers(self) -> tuple[Layer, ...]: ...


def multiplications(layers: Sequence[Layer], samples: int) -> int:
    """Of a forward pass of one network."""
    return samples * sum(layer.multiplications for layer in layers)


def device_of(config: Placed) -> torch.device:
    """Where a run is trained here: ``auto`` is the quicker of the processor and the GPU, if there
    is one.

    Raises:
        ValueError: CUDA was asked for and is not there.
    """
    available = torch.cuda.is_available()
    if config.device == "cuda" and not available:
        raise ValueError("device = 'cuda': allowed on this machine is cpu or auto (no CUDA GPU)")
    if config.device != "auto" or not available:
        return torch.device(config.device if available else "cpu")
    work = config.networks * multiplications(config.layers, config.batch_size)
    return torch.device("cuda" if work > WORTH_A_GPU * torch.get_num_threads() else "cpu")


def on_host(config: Placed) -> bool:
    """Whether a run takes the machine's memory, and not a GPU's."""
    return config.device != "cuda" and device_of(config).type == "cpu"
