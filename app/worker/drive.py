"""Drive one run from its claim to its end: train, obey commands, write events."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from app.logs import logger
from app.shown import without_folders
from app.store import AGAIN, Command, Draft, LeaseLost, Past, Progress, Rule, Run, RunState, Store
from app.worker.data import DataSets
from app.worker.keeping import (
    Keeping,
    NoRoom,
    TrajectoryRecorder,
    check_kept,
    checkpoint_path,
    make_room,
)
from app.worker.line import Line
from app.worker.patience import patiently
from app.worker.taking_up import LOST_S, Lifeline, take_up
from fa_engine import DATASETS, Dataset, Measurement, Trainer, problems
from fa_engine.dynamics.branching import hand_over
from fa_engine.memory import in_words, is_out_of_memory, peak_bytes

FLUSH_S = 0.1  # between two blocks of measurements: as often as frames are sent
IDLE_S = 0.01  # between two looks around while nothing trains
PROGRESS_S = 1.0  # between two reports of a run that has nothing measured to report
LOADING_S = 1.5  # a data set that takes longer than this is worth a notice
STOPPED_REASON = "the worker was stopped"
_NO_STATE = (
    "Its state is too large for the room of all checkpoints (FA_CHECKPOINT_TOTAL_MB): if its "
    "worker dies, it is taken up from its last checkpoint, or begins anew."
)

log = logger(__name__)


@dataclass(frozen=True)
class Tools:
    """What a worker works with.

    Attributes:
        data_sets: loaded ones.
        checkpoint_dir: where checkpoints are kept.
        checkpoint_bytes: room for those of one run.
        checkpoint_total_bytes: room for those of all runs.
        state_every_s: seconds of work that may be lost when a worker dies.
    """

    data_sets: DataSets
    checkpoint_dir: Path
    checkpoint_bytes: int
    checkpoint_total_bytes: int
    state_every_s: float = LOST_S

    def by(self, rule: Rule) -> Tools:
        """The same, with the room that a person has given instead."""
        one, together = self.checkpoint_bytes, self.checkpoint_total_bytes
        if rule.checkpoint_mb is not None:
            one = rule.checkpoint_mb * 10**6
        if rule.checkpoint_total_mb is not None:
            together = rule.checkpoint_total_mb * 10**6
        return replace(self, checkpoint_bytes=one, checkpoint_total_bytes=together)


def drive(
    store: Store,
    run: Run,
    owner: str,
    tools: Tools,
    stopping: Callable[[], bool],
) -> None:
    """Trains a claimed run until it ends, or until ``stopping()`` or the run is taken away.

    Whatever goes wrong in the run ends the run, with a reason, and not the worker.

    A database that is away is waited for.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: it is away and the worker is to end, or it will not be back.
    """
    past = patiently(lambda: store.past(run.id), stopping)
    log.info("run begins", run_id=run.id, run_name=run.name, step=run.step)
    tools = tools.by(patiently(store.rules.rule, stopping))
    patiently(lambda: _make_room(store, run, tools), stopping)

    def steps_since(run_id: str, step: int) -> set[int]:
        return patiently(lambda: store.steps_since(run_id, step), stopping)

    def make_more_room(n_bytes: int) -> None:
        patiently(lambda: _make_room(store, run, tools, n_bytes), stopping)

    try:
        with patiently(lambda: Line(store, run, owner, stopping), stopping) as line:
            recorder = _Recorder(run, line)
            try:
                known = (past, steps_since, make_more_room)
                _Drive(run, recorder, stopping, line, tools, *known).go()
            except (LeaseLost, SQLAlchemyError):
                raise
            except Exception as error:
                log.exception("run failed", run_id=run.id)
                step = recorder.trainer.step if recorder.trainer else run.step
                reason = _why(error, run, tools)
                recorder.end(Draft.state(RunState.FAILED, step, reason))
    except LeaseLost as error:
        log.warning("run lost", run_id=run.id, reason=str(error))


def _why(error: Exception, run: Run, tools: Tools) -> str:
    """Why a run failed, for a person; the log has more."""
    if is_out_of_memory(error):
        needed = in_words(peak_bytes(run.run_config()))
        whose = "the GPU" if isinstance(error, torch.OutOfMemoryError) else "the machine"
        return (
            f"{whose} ran out of memory; this run takes about {needed} at its peak, and a smaller "
            "batch, fewer replicates or narrower layers take less"
        )
    folders = (tools.checkpoint_dir, tools.data_sets.data_dir)
    return without_folders(str(error), *folders) or type(error).__name__


def _make_room(store: Store, run: Run, tools: Tools, more: int = 0) -> None:
    """For the checkpoints of a run that begins, and ``more`` bytes; those of runs that go on stay,
    and its parent's."""
    keep = {run.id, *store.going()}
    if run.parent:
        keep.add(run.parent.run_id)
    room = max(0, tools.checkpoint_total_bytes - tools.checkpoint_bytes - more)
    for run_id in make_room(tools.checkpoint_dir, room, keep):
        log.info("checkpoints made room", run_id=run_id)


class _Rate:
    """Steps per second over the last second or so of training, and how long it has trained."""

    def __init__(self, trained_s: float) -> None:
        self._marks: deque[tuple[float, int]] = deque()
        self._last = 0.0
        self._trained_s = trained_s
        self._since: float | None = None

    @property
    def trained_s(self) -> float:
        """Seconds of training so far, pauses left out."""
        going = 0.0 if self._since is None else time.monotonic() - self._since
        return self._trained_s + going

    def restart(self, step: int) -> None:
        """Training begins, or goes on after a pause."""
        self._since = time.monotonic()
        self._marks = deque([(self._since, step)])

    def pause(self) -> None:
        """The rate stays what it is: single steps come at a person's pace."""
        self._trained_s, self._since = self.trained_s, None
        self._marks.clear()

    def add(self, seconds: float) -> None:
        """A single step took that long."""
        self._trained_s += seconds

    def at(self, step: int) -> float:
        """The rate when ``step`` has been reached."""
        if not self._marks:
            return self._last
        now = time.monotonic()
        self._marks.append((now, step))
        while len(self._marks) > 2 and now - self._marks[1][0] >= 1.0:
            self._marks.popleft()
        began, first = self._marks[0]
        if step > first and now > began:
            self._last = (step - first) / (now - began)
        return self._last


class _Recorder:
    """Collects measurements and writes them in blocks, and everything else at once."""

    def __init__(self, run: Run, line: Line) -> None:
        self._run_id = run.id
        self._line = line
        self._pending: list[Measurement] = []
        self._written_at = -FLUSH_S
        self.trainer: Trainer | None = None
        self.rate = _Rate(run.trained_s or 0.0)

    def add(self, measurement: Measurement) -> None:
        """Keeps a measurement until the next block."""
        self._pending.append(measurement)

    def flush_due(self, now: float) -> None:
        """Writes what is pending if the last block is long enough ago."""
        if now - self._written_at >= (FLUSH_S if self._pending else PROGRESS_S):
            self.write()

    def write(self, *drafts: Draft) -> None:
        """Writes what is pending and then ``drafts``, together."""
        assert self.trainer is not None
        step = self.trainer.step
        progress = Progress(step, self.trainer.epoch, self.rate.at(step), self.rate.trained_s)
        if not self._pending and not drafts:
            drafts = (Draft("progress", {}),)
        self._line.say(drafts, self._pending, progress)
        self._pending = []
        self._written_at = time.monotonic()

    def notice(self, step: int, message: str) -> None:
        """Writes a notice alone."""
        self._line.say([Draft.notice(step, message)])

    def end(self, draft: Draft) -> None:
        """Writes what is pending and that the run ends, or waits for another worker."""
        if self.trainer:
            self.write(draft)
        else:
            self._line.say([draft])
        self._line.settle()
        told = draft.header
        reason = told["reason"] or "done"
        log.info(
            "run ends", run_id=self._run_id, state=told["state"], step=told["step"], reason=reason
        )

    def settle(self) -> None:
        """Writes what is pending, and waits until it is written."""
        self.write()
        self._line.settle()


class _Drive:
    def __init__(
        self,
        run: Run,
        recorder: _Recorder,
        stopping: Callable[[], bool],
        line: Line,
        tools: Tools,
        past: Past,
        steps_since: Callable[[str, int], set[int]],
        make_room: Callable[[int], None],
    ) -> None:
        self.run = run
        self.past = past
        self.steps_since = steps_since
        self.make_room = make_room
        self.config = run.run_config()
        self.recorder = recorder
        self.stopping = stopping
        self.line = line
        self.tools = tools
        self.waiting: list[tuple[int, Command]] = []  # heard before the run could obey
        self.paused = False
        self.ended = False
        self.not_written: set[str] = set()

    def go(self) -> None:
        data = self._data(self.tools.data_sets)
        if data is None:
            return
        self.trainer = trainer = self._trainer(data)
        self._prepare(trainer)
        if not self._repeat():
            return
        recorder = self.recorder
        recorder.trainer = trainer
        recorder.rate.restart(trainer.step)
        while not trainer.finished:
            self._listen()
            if self.ended:
                return
            if self.paused:
                time.sleep(IDLE_S)
            elif not trainer.finished:
                self.trajectory.record(trainer.step)
                if self.keeping.due(trainer.step):
                    self._keep()
                if self.lifeline.due():
                    self._keep_state()
                self._note(trainer.advance())
                recorder.flush_due(time.monotonic())
        self._conclude()

    def _prepare(self, trainer: Trainer) -> None:
        tools, run, past = self.tools, self.run, self.past
        self.diverged = trainer.diverged
        folder, room = tools.checkpoint_dir, tools.checkpoint_bytes
        self.trajectory = TrajectoryRecorder(folder, run.id, trainer, room)
        total, every_s = tools.checkpoint_total_bytes, tools.state_every_s
        self.lifeline = Lifeline(folder, run.id, trainer, room, total, every_s)
        if self.lifeline.apart_bytes:
            self.make_room(self.lifeline.apart_bytes)
        elif room and not self.lifeline.n_bytes:
            self.recorder.notice(max(past.step, 0), _NO_STATE)
        reserved = self.trajectory.n_bytes + self.lifeline.n_bytes - self.lifeline.apart_bytes
        self.keeping = Keeping(folder, run.id, trainer.total_steps, room, reserved)
        if past.step >= 0 or past.checkpoints:
            self.trajectory.take_up(trainer.step)
            self.keeping.take_up(past.checkpoints, max(trainer.step, past.step), past.every)

    def _trainer(self, data: Dataset) -> Trainer:
        """A fresh one, one that begins with the weights of a checkpoint, or one that goes on."""
        kept = self.tools.checkpoint_dir
        begun = self.past.step >= 0 or bool(self.past.controls or self.past.checkpoints)
        if begun:
            reached = max(self.past.step, self.run.step)
            known = (self.run.id, self.past.checkpoints, self.config, data, reached)
            found, said = take_up(kept, *known)
            if said:
                self.recorder.notice(max(self.past.step, 0), said)
            if found is not None:
                return found
        parent = self.run.parent
        if parent is None:
            return Trainer(self.config, data=data)
        path = checkpoint_path(kept, parent.run_id, parent.step)
        check_kept(path)
        return hand_over(path, self.config, data=data)

    def _repeat(self) -> bool:
        """Takes the steps again that the events tell of already, changes included, and says nothing
        of them; a command that is not to stop waits until then.

        Returns:
            False where the run has ended meanwhile, or waits for another worker.
        """
        trainer, past = self.trainer, self.past
        measured = self.steps_since(self.run.id, trainer.step) if past.step >= 0 else set()
        until = max([past.step, self.run.step - 1, *(step - 1 for step, _, _ in past.controls)])
        notice_at = time.monotonic() + LOADING_S
        while True:
            self._change_again()
            if trainer.finished or trainer.step > until:
                self.diverged = trainer.diverged
                return True
            self._stop_if_told()
            self._stop_while_waiting(f"stopped at step {self.run.step:,}")
            if self.ended:
                return False
            if time.monotonic() >= notice_at:
                said = f"Takes the steps from {trainer.step:,} on again, up to {until:,}."
                self.recorder.notice(max(until, 0), said)
                notice_at = float("inf")
            self.trajectory.record(trainer.step)
            measurement = trainer.advance(measure=trainer.step in measured)
            if measurement is not None and measurement.step > past.step:
                self.recorder.trainer = trainer
                self._note(measurement)

    def _change_again(self) -> None:
        """What was changed before the next step was taken."""
        for step, name, value in self.past.controls:
            if step == self.trainer.step and getattr(self.trainer, name) != value:
                setattr(self.trainer, name, value)

    def _data(self, data_sets: DataSets) -> Dataset | None:
        """The samples, or None when the run ended before they came."""
        coming = data_sets.request(self.config)
        notice_at = time.monotonic() + LOADING_S
        while not coming.done():
            self._stop_if_told()
            begun = f"at step {self.run.step:,}" if self.run.step else "before the first step"
            self._stop_while_waiting(f"stopped {begun}")
            if self.ended:
                return None
            if time.monotonic() >= notice_at:
                title = DATASETS[self.config.dataset].title
                self.recorder.notice(0, f"Loading {title}; it is downloaded the first time.")
                notice_at = float("inf")
            time.sleep(IDLE_S)
        return coming.result()

    def _listen(self) -> None:
        self._stop_if_told()
        commands, self.waiting = self.waiting + self.line.heard(), []
        for number, command in commands:
            if self.ended or self.trainer.finished:
                return
            self.line.obey(number)
            getattr(self, f"_do_{command.command}")(command)

    def _stop_while_waiting(self, reason: str) -> None:
        self.waiting += self.line.heard()
        stops = [number for number, command in self.waiting if command.command == "stop"]
        if not self.ended and stops:
            self.line.obey(stops[-1])  # who resumes the run is not to be stopped by it again
            self._end(Draft.state(RunState.STOPPED, self.run.step, reason))

    def _stop_if_told(self) -> None:
        """Where the worker is to end, the run waits for another one, that goes on from here."""
        if not self.stopping() or self.ended:
            return
        going = self.recorder.trainer is not None
        if going:
            self._keep_state()
        step = self.trainer.step if going else self.run.step
        state = RunState.PAUSED if self.paused else RunState.QUEUED
        self._end(Draft.put_back(state, step, f"{STOPPED_REASON}; {AGAIN}"))

    def _do_pause(self, _command: Command) -> None:
        if not self.paused:
            self.paused = True
            self.recorder.rate.pause()
            self._state(RunState.PAUSED)
            self._keep_state()  # it may stay so for days

    def _do_resume(self, _command: Command) -> None:
        if self.paused:
            self.paused = False
            self.recorder.rate.restart(self.trainer.step)
            self._state(RunState.RUNNING)

    def _do_stop(self, _command: Command) -> None:
        if self.tools.checkpoint_bytes:
            self._keep(ending=True)
        step = self.trainer.step
        self._end(Draft.state(RunState.STOPPED, step, f"stopped at step {step:,}"))

    def _do_step(self, command: Command) -> None:
        self._do_pause(command)
        began = time.monotonic()
        measurement = self.trainer.advance(measure=True)
        self.recorder.rate.add(time.monotonic() - began)
        self._note(measurement)
        self.recorder.write()

    def _do_checkpoint(self, _command: Command) -> None:
        self._keep()

    def _do_track(self, command: Command) -> None:
        self.keeping.track(self.trainer.step, command.every or 0)

    def _keep(self, *, ending: bool = False) -> None:
        """Keeps a checkpoint; without one the run goes on, and a person is told."""
        try:
            draft = self.keeping.keep(self.trainer, ending=ending)
            self.recorder.write(draft)
            self.not_written.discard("checkpoint")
            self.trajectory.save(now=self.paused)
        except NoRoom as error:
            said = without_folders(str(error), self.tools.checkpoint_dir)
            self.recorder.write(Draft.notice(self.trainer.step, said))
        except OSError as error:
            self._not_written("checkpoint", error)

    def _save_trajectory(self) -> None:
        """As the run ends, before anybody learns of it: the trajectory up to its last step."""
        try:
            self.trajectory.record(self.trainer.step)
            self.trajectory.save(now=True)
        except OSError as error:
            self._not_written("trajectory", error)

    def _not_written(self, what: str, error: OSError) -> None:
        """The run goes on without it. It is said once, not at every try on a disk that is full."""
        if what in self.not_written:
            return
        self.not_written.add(what)
        log.warning("not kept", what=what, run_id=self.run.id, error=str(error))
        message = f"No {what} was kept at step {self.trainer.step:,}: {error.strerror}"
        self.recorder.write(Draft.notice(self.trainer.step, message))

    def _do_set(self, command: Command) -> None:
        for name, new in command.changes.items():
            old = getattr(self.trainer, name)
            if new == old:
                continue
            try:
                setattr(self.trainer, name, new)
            except ValidationError as error:
                message = "; ".join(problem.words for problem in problems(error))
                self.recorder.write(Draft.notice(self.trainer.step, message))
            else:
                self.recorder.write(Draft.control(self.trainer.step, name, old, new))

    def _state(self, state: RunState) -> None:
        self.recorder.write(Draft.state(state, self.trainer.step))

    def _keep_state(self) -> None:
        """From which another worker could go on; first all that was measured before it."""
        self.recorder.settle()
        try:
            self.trajectory.save(now=True)
            self.lifeline.keep(self.trainer)
        except OSError as error:
            self._not_written("state", error)

    def _end(self, draft: Draft) -> None:
        if self.recorder.trainer is not None:  # else it ends while its samples are loading
            self._save_trajectory()
        self.recorder.end(draft)
        self.ended = True
        if not draft.free and self.recorder.trainer is not None:
            self.lifeline.drop()

    def _note(self, measurement: Measurement | None) -> None:
        if measurement is None:
            return
        self.recorder.add(measurement)
        new = self.trainer.diverged & ~self.diverged
        if new.any():
            self.diverged = self.trainer.diverged
            self.recorder.write(Draft.diverged(measurement.step, self.trainer.diverged_at))

    def _conclude(self) -> None:
        step = self.trainer.step
        if not self.diverged.all():
            self._end(Draft.state(RunState.FINISHED, step))
            return
        many = len(self.diverged)
        whose = "the network is" if many == 1 else f"all {many} networks are"
        reason = f"{whose} no longer finite at step {step:,}; a smaller learning rate may help"
        self._end(Draft.state(RunState.DIVERGED, step, reason))
