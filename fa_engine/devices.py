"""Devices: where a run is trained, and which of two is the quicker one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch

from fa_engine.networks.layers import Layer

WORTH_A_GPU = 1_000_000
"""Multiplications of a forward pass a thread of torch, from which on ``auto`` takes a GPU.

Below it a step is over on the processor before a GPU's kernels are launched. Held against 22
networks on an H200 and the processor beside it, with 1 and with 8 threads (``python -m benchmarks
devices``): for 21 the quicker one is taken; for one, 64-64-64-10 with 8 replicates and 8 threads,
the slower one, which takes 1.29 times as long."""


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
