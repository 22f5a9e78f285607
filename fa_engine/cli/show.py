"""How far a run is, while it trains: a picture on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text

from fa_engine.cli.pictures import angle_chart, layer_style
from fa_engine.config import RunConfig
from fa_engine.training.measurement import Measurement
from fa_engine.training.trainer import Trainer

_REFRESH_S = 0.1  # between two drawings, or as much longer as they take
_SHARE = 0.05  # of the time is for drawing, at most
_LINE_S = 10.0  # without a terminal, at most this long between two lines
_LINES = 10  # and about as many in a short run
_HEIGHT = 9
_BINS = 400  # of the steps of a run, more than a terminal has dots
_NARROWEST = 40


class Quiet:
    """Shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Ends what is shown."""

    def step(self, trainer: Trainer, measurement: Measurement | None) -> None:
        """A step was taken."""


class _Watching(Quiet):
    """What is known of a run that is shown."""

    def __init__(self, console: Console, trainer: Trainer) -> None:
        self._console, self._trainer = console, trainer
        self._began, self._first = time.monotonic(), trainer.step
        self._test_accuracy: NDArray[np.float64] | None = None

    def _note(self, measurement: Measurement) -> None:
        if measurement.test_accuracy is not None:
            self._test_accuracy = measurement.test_accuracy

    @property
    def _rate(self) -> float:
        """Steps a second, since it is shown."""
        taken = self._trainer.step - self._first
        return taken / max(1e-9, time.monotonic() - self._began)


class Lines(_Watching):
    """A line now and then, of plain characters."""

    def __init__(self, console: Console, trainer: Trainer) -> None:
        super().__init__(console, trainer)
        self._said = self._began
        self._next = trainer.step

    def step(self, trainer: Trainer, measurement: Measurement | None) -> None:
        """Writes a line, where it is time for one."""
        if measurement is None:
            return
        self._note(measurement)
        now = time.monotonic()
        if measurement.step < self._next and now - self._said < _LINE_S and not trainer.finished:
            return
        self._next = measurement.step + max(1, trainer.total_steps // _LINES)
        self._said = now
        parts = [
            f"step {measurement.step} of {trainer.total_steps}",
            *(values(measurement, self._test_accuracy)),
            angles(measurement),
            f"{self._rate:.0f} steps/s",
            left(trainer),
        ]
        self._console.file.write("  ".join(part for part in parts if part) + "\n")
        self._console.file.flush()


class Picture(_Watching):
    """Progress, and the angles of hidden layers over the steps, drawn again and again."""

    def __init__(self, console: Console, trainer: Trainer) -> None:
        super().__init__(console, trainer)
        self._last: Measurement | None = None
        hidden = len(trainer.config.layers) - 1
        self._sums, self._counts = np.zeros((2, _BINS, hidden))
        self._next = 0.0
        self._progress = Progress(
            BarColumn(None, table_column=Column(ratio=1)),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("step {task.completed:,} of {task.total:,}"),
            TextColumn("{task.fields[rate]:,.0f} steps/s"),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=console,
            auto_refresh=False,
            expand=True,
        )
        self._task = self._progress.add_task("", total=trainer.total_steps, rate=0.0)
        self._live = Live(
            console=console, auto_refresh=False, get_renderable=self._draw, transient=False
        )

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._refresh()
        self._live.__exit__(kind, error, trace)

    def step(self, trainer: Trainer, measurement: Measurement | None) -> None:
        """Draws what was measured, where it is time for it."""
        if measurement is not None:
            self._last = measurement
            self._note(measurement)
            place = measurement.step * (_BINS - 1) // max(1, trainer.total_steps)
            found = median(measurement.gradient_angle_deg)
            self._sums[place] += np.nan_to_num(found)
            self._counts[place] += np.isfinite(found)
        if time.monotonic() >= self._next:
            self._refresh()

    def _refresh(self) -> None:
        began = time.monotonic()
        self._progress.update(self._task, completed=self._trainer.step, rate=self._rate)
        self._live.refresh()
        now = time.monotonic()
        self._next = now + max(_REFRESH_S, (now - began) / _SHARE)

    def _draw(self) -> Group:
        parts: list[Any] = [Text(words_of(self._trainer.config), "bold"), self._progress]
        width = max(_NARROWEST, min(self._console.width, 120))
        if self._last is not None and self._sums.size:
            with np.errstate(invalid="ignore"):
                lines = self._sums / self._counts
            parts.append(Text("Gradient angle of each hidden layer, median of the networks", "dim"))
            parts.append(angle_chart(lines, self._trainer.total_steps, width, _HEIGHT))
            parts.append(_legend(median(self._last.gradient_angle_deg)))
        if self._last is not None:
            said = values(self._last, self._test_accuracy)
            parts.append(Text("  ".join([*said, left(self._trainer)])))
        return Group(*parts)


def show_for(console: Console, trainer: Trainer, quiet: bool) -> Quiet:
    """What shows a run where ``console`` writes to."""
    if quiet:
        return Quiet()
    drawn = console.is_terminal and not console.is_dumb_terminal
    if drawn and console.encoding.startswith("utf"):
        return Picture(console, trainer)
    return Lines(console, trainer)


def words_of(config: RunConfig) -> str:
    """A run in a line: what learns what, and how."""
    parts = (
        config.dataset,
        "hidden " + ",".join(map(str, config.hidden)),
        config.scheme,
        f"learning rate {config.learning_rate:g}",
        _count(config.replicates),
    )
    return " · ".join(parts)


def values(measurement: Measurement, test_accuracy: NDArray[np.float64] | None) -> list[str]:
    """Loss and accuracy, medians of the networks that are left."""
    said = [
        f"loss {_number(measurement.loss, '.4g')}",
        f"accuracy {_number(100 * measurement.accuracy, '.1f')} %",
    ]
    if test_accuracy is not None:
        said.append(f"test accuracy {_number(100 * test_accuracy, '.1f')} %")
    return said


def angles(measurement: Measurement) -> str:
    """The angle of each hidden layer, bottom first, medians."""
    medians = median(measurement.gradient_angle_deg)
    if not medians.size:
        return ""
    return "angles " + " ".join(_degrees(value) for value in medians)


def left(trainer: Trainer) -> str:
    """How many networks are still finite."""
    gone = int(trainer.diverged.sum())
    count = trainer.config.replicates
    return f"{count - gone} of {_count(count)} left" if gone else _count(count)


def diverged(since: Sequence[int | None]) -> str:
    """Which networks are no longer finite, from which step on; empty where all are."""
    gone = [f"{number} (step {at})" for number, at in enumerate(since, 1) if at is not None]
    return f"Diverged: {len(gone)} of {_count(len(since))}: {', '.join(gone)}" if gone else ""


def _legend(last: NDArray[np.float64]) -> Text:
    text = Text("     ")
    for layer, value in enumerate(last):
        text.append("━ ", layer_style(layer, len(last)))
        text.append(f"layer {layer + 1} {_degrees(value)}  ")
    return text


def _degrees(value: float) -> str:
    return f"{value:.1f}°" if np.isfinite(value) else "-"


def _count(networks: int) -> str:
    return f"{networks} network" + ("s" if networks != 1 else "")


def _number(array: NDArray[np.float64], form: str) -> str:
    found = float(median(array))
    return f"{found:{form}}" if np.isfinite(found) else "-"


def median(array: NDArray[np.float64]) -> NDArray[np.float64]:
    """Over the replicates of ``(R, ...)``, those that have a value; nan where none has."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of nothing but nan
        found: NDArray[np.float64] = np.asarray(np.nanmedian(array, axis=0))
    return found
