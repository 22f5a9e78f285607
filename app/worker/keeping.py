"""Which checkpoints of a run are kept, and where: at log-spaced steps, on demand, and every so many
steps where a person asked for it; never more of them than the budget has room for."""

from __future__ import annotations

import shutil
import time
from collections.abc import Collection
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load_file

from app.store import Draft
from fa_engine import CheckpointError, Trainer
from fa_engine.dynamics.diffusion import LEAST_SNAPSHOTS, MAX_SNAPSHOTS, SKETCH_SIZE, Trajectory
from fa_engine.training.checkpoint import write_tensors

MOST = 40  # kept on either schedule, however small they are
MOST_KEPT = 100  # of a run, those on demand too
GROWN = 1.02  # times the largest so far: a checkpoint for which the schedule is made anew
TRAJECTORY_BYTES = 8 * 10**6  # of a run's trajectory, about
TRAJECTORY_SHARE = 0.2  # of a run's room is for its trajectory, at most
SOONER = 2  # times shorter than it ends is the interval that a trajectory begins with
TRAJECTORY_SAVE_S = 3.0  # between two times that it is saved
TRAJECTORY_HEADER_BYTES = 2**13  # of its file: names and steps
LEAST_CELLS = 16  # of a layer's sketch: its error is then a third
SPACED_SHARE = 0.4  # of the room is for log-spaced steps, as much for tracking, the rest on demand


def checkpoint_path(directory: Path, run_id: str, step: int) -> Path:
    """Where a run's checkpoint of a step lies."""
    return directory / run_id / f"{step}.safetensors"


def check_kept(path: Path) -> None:
    """Says in words that a file of a checkpoint is gone.

    Raises:
        fa_engine.CheckpointError: it is.
    """
    if not path.exists():
        raise CheckpointError(
            f"The checkpoints of run {path.parent.name} have made room for those of newer runs "
            "(FA_CHECKPOINT_TOTAL_MB)."
        )


def trajectory_path(directory: Path, run_id: str) -> Path:
    """Where a run's trajectory lies."""
    return directory / run_id / "trajectory.safetensors"


def trajectory_reach(path: Path) -> int | None:
    """Up to which step a trajectory can be gone on with; None where there is none to be read."""
    try:
        named = load_file(path)
        return int(named["trajectory.steps"].max()) + int(named["trajectory.interval"])
    except (OSError, KeyError, RuntimeError, SafetensorError):
        return None


def log_spaced(total_steps: int, count: int) -> list[int]:
    """0, ``total_steps``, and steps between them whose logarithms are about evenly spaced.

    At most ``count`` of them, at least the two; all different, rising.
    """
    count = max(2, count)
    inner = np.geomspace(1, max(1, total_steps), count - 1)[:-1].round().astype(int)
    return sorted({0, *inner.tolist(), total_steps})


def make_room(directory: Path, n_bytes: int, keep: Collection[str]) -> list[str]:
    """Removes the checkpoints of runs, those first that were written to longest ago.

    Args:
        directory: of all checkpoints of an installation.
        n_bytes: what may stay.
        keep: runs whose checkpoints stay whatever they take.

    Returns:
        The runs whose checkpoints are gone.
    """
    found = []
    for folder in directory.glob("*/"):
        try:
            sizes = [file.stat().st_size for file in folder.iterdir()]
            found.append((folder.stat().st_mtime, sum(sizes), folder))
        except OSError:  # another worker makes room in this very moment
            continue
    taken = sum(size for _, size, _ in found)
    gone = []
    for _, size, folder in sorted(found):
        if taken <= n_bytes:
            break
        if folder.name not in keep:
            shutil.rmtree(folder, ignore_errors=True)
            taken -= size
            gone.append(folder.name)
    return gone


class TrajectoryRecorder:
    """Records a run's trajectory, and saves it now and then; where it has no room, does neither.

    Args:
        directory: of all checkpoints of an installation.
        run_id: whose.
        trainer: of the run.
        budget_bytes: for the run's checkpoints and its trajectory together.

    Attributes:
        n_bytes: what the trajectory takes at most; 0: there is none.
    """

    def __init__(self, directory: Path, run_id: str, trainer: Trainer, budget_bytes: int) -> None:
        network = trainer.network
        item = network.weights[0].element_size()
        cell = item * network.replicates * network.n_layers * MAX_SNAPSHOTS
        size = min(
            SKETCH_SIZE,
            max(LEAST_CELLS, TRAJECTORY_BYTES // cell),
            int(TRAJECTORY_SHARE * budget_bytes) // cell,
        )
        every = max(1, trainer.total_steps // (SOONER * MAX_SNAPSHOTS))
        self._trajectory = (
            None if size < LEAST_CELLS else Trajectory(network, every=every, size=size)
        )
        self.n_bytes = 0 if self._trajectory is None else cell * size + TRAJECTORY_HEADER_BYTES
        self._path = trajectory_path(directory, run_id)
        self._saved_at = time.monotonic()
        self._saved = 0  # snapshots

    def take_up(self, step: int) -> None:
        """Goes on with what was saved of the same run up to ``step``, if nothing is missing."""
        if self._trajectory is None or not self._path.exists():
            return
        reach = trajectory_reach(self._path)
        if reach is None or reach < step:  # there would be a hole
            return
        named = load_file(self._path)
        until = int((named["trajectory.steps"] <= step).sum())
        kept = {name: t if t.ndim == 0 else t[:until] for name, t in named.items()}
        self._trajectory.load_state(kept)
        self._saved = until

    def record(self, step: int) -> None:
        """Takes a snapshot where one is due."""
        if self._trajectory is not None:
            self._trajectory.record(step)

    def save(self, *, now: bool = False) -> None:
        """Saves it, whole or not at all; unless ``now``, only the first time, where the last time
        is long ago, or where the file is of no use yet.

        Raises:
            OSError: it cannot be written.
        """
        if self._trajectory is None or not self._trajectory.steps:
            return
        count = len(self._trajectory.steps)
        of_use = self._saved < LEAST_SNAPSHOTS <= count
        due = of_use or not self._saved or time.monotonic() - self._saved_at >= TRAJECTORY_SAVE_S
        if not (now or due):
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_tensors(self._path, self._trajectory.state())
        self._saved_at, self._saved = time.monotonic(), count


class NoRoom(Exception):
    """The budget is spent; the message is for a person."""


class Keeping:
    """Keeps checkpoints of one run.

    Args:
        directory: of all checkpoints of an installation.
        run_id: whose.
        total_steps: of the run.
        budget_bytes: for the run's checkpoints together; 0 keeps none.
        reserved_bytes: of the budget that something else takes.
    """

    def __init__(
        self,
        directory: Path,
        run_id: str,
        total_steps: int,
        budget_bytes: int,
        reserved_bytes: int = 0,
    ) -> None:
        self._directory, self._run_id = directory, run_id
        self._total_steps, self._budget = total_steps, budget_bytes
        self._reserved = reserved_bytes
        self._kept: dict[int, int] = {}  # bytes by step
        self._largest = 0  # in bytes, of those kept
        self._header = 0  # in bytes, of the last one kept, beside its tensors
        self._room = 0  # in checkpoints as large as the largest
        self._spaced: list[int] = [0] if budget_bytes else []
        self._every = 0
        self._tracked = 0
        self._next_tracked = 0

    def take_up(self, steps: Collection[int], step: int, every: int) -> None:
        """Goes on as of ``step`` with checkpoints that were kept already.

        Args:
            steps: of those that the run has told of; those that are gone do not count.
            step: up to which all are kept that are to be.
            every: as it was tracked; 0: it was not.
        """
        for at in steps:
            path = checkpoint_path(self._directory, self._run_id, at)
            if path.exists():
                self._kept[at] = path.stat().st_size
        if self._kept:
            self._largest = max(self._kept.values())
            self._plan(self._largest, step)
        if every:
            self.track(step, every)

    def due(self, step: int) -> bool:
        """Whether the state after ``step`` steps is to be kept."""
        return bool(
            (self._spaced and step >= self._spaced[0])
            or (self._every and step >= self._next_tracked)
        )

    def track(self, step: int, every: int) -> None:
        """From now on keeps one every ``every`` steps; 0: no more.

        Each time half of the room that is left for it is used the distance doubles, so that a
        short distance is not paid for with an early end.
        """
        self._every, self._tracked, self._next_tracked = every, 0, step

    def keep(self, trainer: Trainer, *, ending: bool = False) -> Draft:
        """Keeps the state as it is, and returns the event that says so.

        Args:
            trainer: of the run.
            ending: the run ends here: no room has to be left for its last state.

        Raises:
            NoRoom: the budget is spent.
            OSError: it cannot be written.
        """
        step = trainer.step
        tensors = sum(tensor.nbytes for tensor in trainer.state().values())
        expected = tensors + self._header
        if not self._largest:
            self._plan(expected)
        self._spaced = [later for later in self._spaced if later > step]
        if self._every and step >= self._next_tracked:
            self._advance(step)
        ending = ending or step >= self._total_steps
        others = {at: n for at, n in self._kept.items() if at != step}
        taken = self._reserved + sum(others.values())
        largest = max(expected, self._largest)
        last = 0 if ending else largest
        if taken + expected + last > self._budget or len(others) + 1 + (not ending) > MOST_KEPT:
            raise self._no_room(step)
        path = checkpoint_path(self._directory, self._run_id, step)
        path.parent.mkdir(parents=True, exist_ok=True)
        trainer.save(path)
        n_bytes = path.stat().st_size
        if taken + n_bytes > self._budget:  # by its header, whose size is not known before
            path.unlink()
            self._kept.pop(step, None)
            raise self._no_room(step)
        self._kept[step], self._header = n_bytes, n_bytes - tensors
        if n_bytes > GROWN * self._largest:
            self._largest = n_bytes
            self._plan(n_bytes, step)
        return Draft.checkpoint(step, n_bytes)

    def _no_room(self, step: int) -> NoRoom:
        """Why nothing is kept at ``step``; of the schedules only the last step stays."""
        self._every = 0
        self._spaced = [self._total_steps] if self._budget and step < self._total_steps else []
        last = "" if step >= self._total_steps else ", and room is left for its last"
        return NoRoom(
            f"No checkpoint was kept at step {step:,}: of this run {len(self._kept)} are kept in "
            f"{self._budget / 1e6:g} MB (FA_CHECKPOINT_MB){last}"
        )

    def _plan(self, n_bytes: int, step: int = -1) -> None:
        """Chooses the steps after ``step``, for checkpoints of a size."""
        self._room = min(max(0, self._budget - self._reserved) // n_bytes, MOST_KEPT)
        if self._budget:
            count = min(MOST, round(SPACED_SHARE * self._room))
            planned = log_spaced(self._total_steps, count)
            self._spaced = [later for later in planned if later > step]

    def _advance(self, step: int) -> None:
        self._tracked += 1
        room = min(MOST, round(SPACED_SHARE * self._room))
        left = room - self._tracked
        if left <= 0:
            self._every = 0
            return
        # Half of the room at the distance asked for, a quarter at twice that, and so on.
        self._next_tracked = step + self._every * 2 ** int(np.log2(room / left))
