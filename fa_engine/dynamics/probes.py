"""Probe sets: the samples that outputs are looked at on, and how many memory and patience allow."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from fa_engine.config import NotAllowed, RunConfig
from fa_engine.data.datasets import Dataset
from fa_engine.networks.layers import Dense
from fa_engine.seeding import PROBE, generator
from fa_engine.surroundings import undisturbed

MAX_PROBE_BYTES = 2**31
MAX_MODES = 2000  # of a probe set that a person waits for: 2560 took 15 s a decomposition


@dataclass(frozen=True)
class Probe:
    """Samples that outputs are looked at on.

    Attributes:
        x: ``(N, n_0)``.
        y: ``(N, c)``.
    """

    x: Float[Tensor, "N n_0"]
    y: Float[Tensor, "N c"]


@undisturbed
def probe_set(data: Dataset, n_samples: int, *, seed: int | None = None) -> Probe:
    """Samples of the training set.

    Args:
        data: where they come from.
        n_samples: ``N``.
        seed: which; None: the first ``N``.

    Raises:
        NotAllowed: there are not so many.
    """
    n_train = len(data.x_train)
    if not 1 <= n_samples <= n_train:
        raise NotAllowed("n_samples", n_samples, f"a whole number from 1 to {n_train:,}")
    if seed is None:
        return Probe(data.x_train[:n_samples], data.y_train[:n_samples])
    chosen = torch.randperm(n_train, generator=generator(seed, PROBE))[:n_samples]
    chosen = chosen.to(data.x_train.device)
    return Probe(data.x_train[chosen], data.y_train[chosen])


def probe_bytes(config: RunConfig, n_samples: int) -> int:
    """Memory that the spectrum of a probe set takes at its peak, in bytes, about.

    Args:
        config: the run whose network it is.
        n_samples: ``N``.
    """
    layers = config.layers
    item = torch.empty(0, dtype=getattr(torch, config.dtype)).element_size()
    rows = n_samples * layers[-1].n_out
    # Forward pass and both Jacobians, a row an output; a convolution's weight Jacobians.
    jacobians = rows * sum(3 * layer.operand_size for layer in layers)
    patches = [layer.n_out * layer.fan_in for layer in layers if not isinstance(layer, Dense)]
    jacobians += rows * 2 * max(patches, default=0)
    kernels = 2 * rows**2  # K and the product that a layer adds to it
    solver = 6 * modes_of(config, n_samples) ** 2 * 8  # of one replicate after another, in float64
    return config.networks * (jacobians + kernels) * item + solver


def largest_probe(config: RunConfig, limit_bytes: int = MAX_PROBE_BYTES) -> int:
    """Samples of the training set whose spectrum fits ``limit_bytes``; 0 where not one does.

    Args:
        config: the run whose network it is.
        limit_bytes: memory, in bytes.
    """
    fits, too_many = 0, config.n_train + 1
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if probe_bytes(config, middle) <= limit_bytes:
            fits = middle
        else:
            too_many = middle
    return fits


def check_one_cell(config: RunConfig) -> None:
    """Refuses a sweep: what follows from a step is asked of networks that make the same one.

    Args:
        config: of the run.

    Raises:
        NotAllowed: it varies.
    """
    if config.vary is not None:
        one = "nothing: ask it of one network, fork(trainer, replicate, 1)"
        raise NotAllowed("vary", ", ".join(config.varied), one)


def check_probe(config: RunConfig, n_samples: int, limit_bytes: int = MAX_PROBE_BYTES) -> None:
    """Refuses a probe set that is too large for memory.

    Args:
        config: the run whose network it is.
        n_samples: ``N``.
        limit_bytes: memory, in bytes.

    Raises:
        NotAllowed: it needs more than ``limit_bytes``; the message says how much, and how many
            samples would do. Or the networks of the run make steps of their own.
    """
    check_one_cell(config)
    needed = probe_bytes(config, n_samples)
    if needed <= limit_bytes:
        return
    times = f" and {config.networks} replicates" if config.networks > 1 else ""
    raise NotAllowed(
        "n_samples",
        n_samples,
        f"at most {largest_probe(config, limit_bytes):,} with this network{times}: "
        f"{n_samples:,} would need {needed / 2**30:,.1f} GiB of memory, "
        f"and {limit_bytes / 2**30:,.1f} GiB are the limit",
    )


def most_samples(config: RunConfig) -> int:
    """The largest probe set that a person waits for: of the training set, within memory, and of
    no more than ``MAX_MODES`` modes.

    Args:
        config: the run whose network it is; of as many replicates as are looked at together.
    """
    return min(MAX_MODES // modes_of(config, 1), largest_probe(config))


def modes_of(config: RunConfig, n_samples: int) -> int:
    """How many modes a probe set has: one an output of a sample, for each of the modules.

    Args:
        config: the run whose network it is.
        n_samples: ``N``.
    """
    return n_samples * config.layers[-1].n_out * config.delay_modules


def check_samples(config: RunConfig, n_samples: int) -> None:
    """Refuses a probe set that is larger than :func:`most_samples`.

    Args:
        config: the run whose network it is.
        n_samples: ``N``.

    Raises:
        NotAllowed: it names the one number that is allowed, and what more would take.
    """
    most = most_samples(config)
    if 1 <= n_samples <= most:
        return
    takes: list[str] = []
    modes = modes_of(config, n_samples)
    if modes > MAX_MODES:
        takes.append(f"{modes:,} modes take minutes")
    needed = probe_bytes(config, n_samples)
    if needed > MAX_PROBE_BYTES:
        limit = MAX_PROBE_BYTES / 2**30
        takes.append(
            f"{needed / 2**30:,.1f} GiB of memory are needed where {limit:g} are the limit"
        )
    reason = f": {' and '.join(takes)}" if takes else ""
    raise NotAllowed("n_samples", n_samples, f"a whole number from 1 to {most:,}{reason}")
