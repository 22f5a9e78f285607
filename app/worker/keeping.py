"""Which checkpoints of a run are kept, and where: at log-spaced steps, on demand, and every so many
steps where a person asked for it; never more of them than the budget has room for."""

from __future__ import annotations

import shutil
import time
from collections.abc import Collection
from pathlib import Path

import numpy as np
from safetensors.torch import save_file

from app.store import Draft
from fa_engine import CheckpointError, Trainer
from fa_engine.diffusion import MAX_SNAPSHOTS, SKETCH_SIZE, Track

MOST = 40  # kept on either schedule, however small they are
TRACK_BYTES = 8 * 10**6  # of a run's track, about
TRACK_SAVE_S = 3.0  # between two times that it is saved
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


def track_path(directory: Path, run_id: str) -> Path:
    """Where a run's track lies."""
    return directory / run_id / "track.safetensors"


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


class Tracking:
    """Records a run's track, and saves it now and then.

    Args:
        directory: of all checkpoints of an installation.
        run_id: whose.
        trainer: of the run.
    """

    def __init__(self, directory: Path, run_id: str, trainer: Trainer) -> None:
        network = trainer.network
        rows = network.replicates * network.n_layers * MAX_SNAPSHOTS
        self._track = Track(
            network,
            every=max(1, trainer.total_steps // MAX_SNAPSHOTS),
            size=min(SKETCH_SIZE, max(LEAST_CELLS, TRACK_BYTES // (4 * rows))),
        )
        self._path = track_path(directory, run_id)
        self._saved_at = time.monotonic()

    def record(self, step: int) -> None:
        """Takes a snapshot where one is due."""
        self._track.record(step)

    def save(self, *, now: bool = False) -> None:
        """Saves it, whole or not at all; unless ``now``, only where the last time is long ago.

        Raises:
            OSError: it cannot be written.
        """
        if not now and time.monotonic() - self._saved_at < TRACK_SAVE_S:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        scratch = self._path.with_suffix(".part")
        save_file(self._track.state(), scratch)
        scratch.replace(self._path)
        self._saved_at = time.monotonic()


class NoRoom(Exception):
    """The budget is spent; the message is for a person."""


class Keeping:
    """Keeps checkpoints of one run.

    Args:
        directory: of all checkpoints of an installation.
        run_id: whose.
        total_steps: of the run.
        budget_bytes: for the run's checkpoints together; 0 keeps none.
    """

    def __init__(self, directory: Path, run_id: str, total_steps: int, budget_bytes: int) -> None:
        self._directory, self._run_id = directory, run_id
        self._total_steps, self._budget = total_steps, budget_bytes
        self._room = 0  # in checkpoints, known from the first one's size
        self._kept: set[int] = set()
        self._spaced: list[int] = [0] if budget_bytes else []
        self._every = 0
        self._tracked = 0
        self._next_tracked = 0

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

    def keep(self, trainer: Trainer) -> Draft:
        """Keeps the state as it is, and returns the event that says so.

        Raises:
            NoRoom: the budget is spent.
            OSError: it cannot be written.
        """
        step = trainer.step
        scheduled = self.due(step)
        self._spaced = [later for later in self._spaced if later > step]
        if self._every and step >= self._next_tracked:
            self._advance(step)
        if not self._budget or (self._room and len(self._kept | {step}) > self._room):
            self._every = 0
            megabytes = self._budget / 1e6
            raise NoRoom(
                f"No checkpoint was kept at step {step}: {len(self._kept)} of this run fill its "
                f"{megabytes:g} MB (FA_CHECKPOINT_MB)"
            )
        path = checkpoint_path(self._directory, self._run_id, step)
        path.parent.mkdir(parents=True, exist_ok=True)
        trainer.save(path)
        n_bytes = path.stat().st_size
        if not self._room:
            self._plan(n_bytes, step, scheduled)
        self._kept.add(step)
        return Draft.checkpoint(step, n_bytes)

    def _plan(self, n_bytes: int, step: int, scheduled: bool) -> None:
        """With the size of the first one known, chooses the steps of the others."""
        self._room = max(2, min(self._budget // n_bytes, round(MOST / SPACED_SHARE)))
        if scheduled:
            count = min(MOST, round(SPACED_SHARE * self._room))
            planned = log_spaced(self._total_steps, count)
            self._spaced = [later for later in planned if later > step]

    def _advance(self, step: int) -> None:
        self._tracked += 1
        room = min(MOST, round(SPACED_SHARE * self._room)) if self._room else 2
        left = room - self._tracked
        if left <= 0:
            self._every = 0
            return
        # Half of the room at the distance asked for, a quarter at twice that, and so on.
        self._next_tracked = step + self._every * 2 ** int(np.log2(room / left))
