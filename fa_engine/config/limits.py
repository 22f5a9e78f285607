"""What one run may ask of the machine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What one run may ask of the machine. An installation sets its own; scripts may lift them.

    Attributes:
        max_parameters: weights and biases of all replicates together.
        max_bytes: memory at the peak, see :func:`fa_engine.memory.peak_bytes`. That of a GPU is
            not counted.
        max_epochs: passes over the training set.
        max_networks: networks of a run.
        max_cells: of a sweep that is one run.
        bytes_set_by: what an installation sets ``max_bytes`` by, for the message.
    """

    max_parameters: int = 50_000_000
    max_bytes: int = 16 * 10**9
    max_epochs: int = 10_000
    max_networks: int = 2**62
    max_cells: int = 2**62
    bytes_set_by: str = ""


UNLIMITED = Limits(max_parameters=2**62, max_bytes=2**62, max_epochs=2**62)
