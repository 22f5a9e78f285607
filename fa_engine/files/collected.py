"""Measurements side by side, as tables and figures want them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fa_engine.config import RunConfig
from fa_engine.measures.alignment import Alignment
from fa_engine.measures.catalogue import MEASURES, sizes
from fa_engine.training.measurement import Measurement


class Collected:
    """What one run has measured so far, T times.

    Values are kept as float32, in which exports have them: eight networks of three layers take
    2 kB a measurement.

    Attributes:
        config: of the run.
    """

    def __init__(self, config: RunConfig) -> None:
        self.config = config
        self._values: dict[str, list[Any]] = {name: [] for name in ("step", "epoch", *MEASURES)}

    def __len__(self) -> int:
        return len(self._values["step"])

    @property
    def last_step(self) -> int | None:
        """Of the last measurement; None: there is none."""
        steps = self._values["step"]
        return steps[-1] if steps else None

    def add(self, measurement: Alignment) -> None:
        """Takes in a :class:`fa_engine.Measurement`."""
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes inf
            for name, values in self._values.items():
                value = getattr(measurement, name)
                if name != "step" and value is not None:
                    value = np.asarray(value, np.float32)
                values.append(value)

    def series(self) -> dict[str, NDArray[Any]]:
        """``step`` and ``epoch`` ``(T,)``, and by its name every measure, ``(T, R)`` or, of layers,
        ``(T, R, L)``; nan where it was not measured."""
        lengths = sizes(self.config.networks, len(self.config.layers))
        count = len(self)
        found: dict[str, NDArray[Any]] = {
            "step": np.array(self._values["step"], np.int64),
            "epoch": np.array(self._values["epoch"], np.float32),
        }
        for name, row in MEASURES.items():
            shape = [lengths[letter] for letter in row.shape]
            missing = np.full(shape, np.nan, np.float32)
            values = [missing if value is None else value for value in self._values[name]]
            found[name] = np.array(values, np.float32).reshape(count, *shape)
        return found


class CellsCollected:
    """The measurements of a run, each cell's by itself, as if it had trained alone.

    Attributes:
        cells: one :class:`Collected` a cell.
    """

    def __init__(self, config: RunConfig) -> None:
        self._config = config
        self.cells = [Collected(cell) for cell in config.cells]
        self._gone = [False] * len(self.cells)

    def add(self, measurement: Measurement, diverged_at: Sequence[int | None]) -> None:
        """Takes in a measurement of the whole run.

        Args:
            measurement: of all networks.
            diverged_at: see :class:`fa_engine.Trainer`, as it is after this measurement.
        """
        step, config = measurement.step, self._config
        due = step % config.measure_every == 0 or step == config.total_steps
        for number, collected in enumerate(self.cells):
            own = diverged_at[config.networks_of(number)]
            if not self._gone[number] and (due or step in own):
                collected.add(measurement.of(config.networks_of(number)))
            # A run of its own would have ended there.
            self._gone[number] = None not in own
