"""How a run goes on that another worker has left: what is kept for it, and how it is taken up.

The state of a run is kept every so often beside the checkpoints that a person sees. A worker that
takes a run up loads the newest state that is whole, and takes the steps again that the events tell
of already, without a word: the same steps at equal threads, bit for bit. What was measured and not
yet written comes as if nothing had happened.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection
from pathlib import Path

from app.logs import logger
from app.worker.keeping import checkpoint_path, trajectory_path, trajectory_reach
from fa_engine import CheckpointError, Dataset, RunConfig, Trainer
from fa_engine.training.checkpoint import made_here, made_with

LOST_S = 30.0  # of work at most where nobody says otherwise, unless keeping takes too long
SHARE = 0.02  # of the time at most goes into keeping
KEPT = 2  # the newest, and the one before
ROOM_SHARE = 0.5  # of a run's room they may take at most

log = logger(__name__)


class Lifeline:
    """Keeps the states from which a run could be taken up, the two newest.

    Args:
        directory: of all checkpoints of an installation.
        run_id: whose.
        trainer: of the run.
        budget_bytes: for all that the run keeps; 0: nothing is.
        total_bytes: for what all runs keep. Where two states take too much of the run's own room
            they have part of this; where they take too much of it too, none is kept, and the run
            would be taken up from the last checkpoint.
        every_s: seconds of work that may be lost.

    Attributes:
        n_bytes: what they take together; 0: none is kept.
        apart_bytes: what of it is not within the run's own room.
    """

    def __init__(
        self,
        directory: Path,
        run_id: str,
        trainer: Trainer,
        budget_bytes: int,
        total_bytes: int,
        every_s: float = LOST_S,
    ) -> None:
        self._folder = directory / run_id
        self._every_s = every_s
        wanted = KEPT * sum(tensor.nbytes for tensor in trainer.state().values())
        within = wanted <= ROOM_SHARE * budget_bytes
        beside = budget_bytes > 0 and wanted <= ROOM_SHARE * total_bytes
        self.n_bytes = wanted if within or beside else 0
        self.apart_bytes = 0 if within else self.n_bytes
        self._due_at = time.monotonic() + every_s

    def due(self) -> bool:
        """Whether it is time to keep one."""
        return bool(self.n_bytes) and time.monotonic() >= self._due_at

    def keep(self, trainer: Trainer) -> None:
        """Keeps the state as it is. What was measured before it must be written already.

        Raises:
            OSError: it cannot be written.
        """
        if not self.n_bytes:
            return
        began = time.monotonic()
        self._folder.mkdir(parents=True, exist_ok=True)
        trainer.save(self._folder / f"state-{trainer.step}.safetensors")
        for _, old in _states(self._folder)[KEPT:]:
            old.unlink(missing_ok=True)
        now = time.monotonic()
        self._due_at = now + max(self._every_s, (now - began) / SHARE)

    def drop(self) -> None:
        """Nobody will take the run up any more."""
        for _, path in _states(self._folder):
            path.unlink(missing_ok=True)


def take_up(
    directory: Path,
    run_id: str,
    checkpoints: Collection[int],
    config: RunConfig,
    data: Dataset,
    reached: int,
) -> tuple[Trainer | None, str]:
    """The trainer that a run left, and a word on it.

    Args:
        directory: of all checkpoints of an installation.
        run_id: whose.
        checkpoints: steps of those that the run has told of.
        config: of the run.
        data: its samples.
        reached: the step that the database knows it to have reached. A state of a later one would
            leave a hole in what was measured: the database has lost its end, as one that a backup
            brought back has.

    Returns:
        None where nothing was kept that can be read: the run is to begin anew. The word is for a
        person and may be empty: what was damaged, and what makes the last bits differ.
    """
    kept = [(step, checkpoint_path(directory, run_id, step)) for step in checkpoints]
    candidates = sorted([*kept, *_states(directory / run_id)], key=lambda one: -one[0])
    # The trajectory is to go on without a hole as well, and is saved less often.
    reach = trajectory_reach(trajectory_path(directory, run_id))
    candidates.sort(key=lambda one: reach is not None and one[0] > reach)
    damaged = 0
    for step, path in candidates:
        if step > reached:
            log.warning("a state is later than all that is known", run_id=run_id, step=step)
            continue
        if not path.exists():  # it has made room
            continue
        try:
            trainer = Trainer.load(path, data=data, epochs=config.epochs)
            if trainer.begun_with != config:
                raise CheckpointError(f"{path} is of another run")
            return trainer, _differs(path, trainer, damaged)
        except CheckpointError as error:
            log.warning("a state is not taken up", run_id=run_id, error=str(error))
            damaged += 1
    return None, f"{damaged} damaged states were left aside." if damaged else ""


def _states(folder: Path) -> list[tuple[int, Path]]:
    """What a :class:`Lifeline` has kept, the newest first."""
    found = [(_STATE.fullmatch(path.name), path) for path in folder.glob("state-*")]
    return sorted(((int(m[1]), path) for m, path in found if m), key=lambda one: -one[0])


_STATE = re.compile(r"state-(\d+)\.safetensors")


def _differs(path: Path, trainer: Trainer, damaged: int) -> str:
    here, there = made_here(trainer.network.weights[0].device), made_with(path)
    words = [
        f"{name} {there[name]} before, {here[name]} now"
        for name in here
        if there.get(name, here[name]) != here[name]
    ]
    said = [f"The last bits may differ from a run in one piece: {', '.join(words)}."] * bool(words)
    if damaged:
        said.append(f"{damaged} damaged states were left aside.")
    return " ".join(said)
