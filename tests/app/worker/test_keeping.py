"""Which checkpoints are kept."""

from __future__ import annotations

import contextlib
import itertools
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.worker.keeping import (
    Keeping,
    NoRoom,
    TrajectoryRecorder,
    check_kept,
    checkpoint_path,
    log_spaced,
    make_room,
    trajectory_path,
)
from fa_engine import CheckpointError, RunConfig, Trainer

CONFIG = RunConfig(hidden=(6,), replicates=2, epochs=20, measure_every=1000, evaluate_every=1000)
ROOM = 10**8


def train(trainer: Trainer, keeping: Keeping, until: int | None = None) -> list[int]:
    """Steps that were kept, as the worker keeps them."""
    kept = []
    while not trainer.finished and (until is None or trainer.step < until):
        if keeping.due(trainer.step):
            kept.append(keeping.keep(trainer).header["step"])
        trainer.advance()
    return kept


@given(st.integers(1, 10**7), st.integers(0, 200))
def test_log_spaced_steps_have_both_ends_and_no_more_than_their_count(
    total: int, count: int
) -> None:
    found = log_spaced(total, count)
    assert found[0] == 0
    assert found[-1] == total
    assert found == sorted(set(found))
    assert len(found) <= max(2, count)


def test_log_spaced_steps_are_dense_where_much_happens() -> None:
    found = log_spaced(10_000, 30)
    assert len(found) >= 25
    assert sum(step <= 100 for step in found) >= 12


def test_a_run_keeps_its_start_its_end_and_steps_between(tmp_path: Path) -> None:
    trainer = Trainer(CONFIG)
    kept = train(trainer, Keeping(tmp_path, "run", trainer.total_steps, ROOM))
    assert kept[0] == 0
    assert kept[-1] == trainer.total_steps
    assert kept == [s for s in log_spaced(trainer.total_steps, 40) if s in kept]
    assert len(kept) > 20
    for step in kept:
        assert Trainer.load(checkpoint_path(tmp_path, "run", step)).step == step


def test_the_budget_holds(tmp_path: Path) -> None:
    trainer = Trainer(CONFIG)
    trainer.save(tmp_path / "one")
    size = (tmp_path / "one").stat().st_size
    budget = 12 * size + size // 2
    keeping = Keeping(tmp_path, "run", trainer.total_steps, budget)
    keeping.track(0, 1)
    train(trainer, keeping)
    files = list((tmp_path / "run").iterdir())
    assert 5 <= len(files) <= 12
    assert sum(file.stat().st_size for file in files) <= budget
    assert checkpoint_path(tmp_path, "run", trainer.total_steps) in files


@pytest.mark.parametrize("share", [2.5, 7])
@pytest.mark.parametrize("track_every", [0, 1])
def test_the_budget_holds_for_checkpoints_that_grow_and_the_track(
    tmp_path: Path, share: float, track_every: int
) -> None:
    config = CONFIG.replace(hidden=(64, 64), optimizer="adam", walk=True, epochs=2)
    trainer = Trainer(config)
    trainer.save(tmp_path / "first")
    budget = int(share * 4 * (tmp_path / "first").stat().st_size)
    recorder = TrajectoryRecorder(tmp_path, "run", trainer, budget)
    keeping = Keeping(tmp_path, "run", trainer.total_steps, budget, recorder.n_bytes)
    keeping.track(0, track_every)
    while True:
        recorder.record(trainer.step)
        if keeping.due(trainer.step):
            with contextlib.suppress(NoRoom):
                keeping.keep(trainer)
        if trainer.step == trainer.total_steps:
            break
        trainer.advance()
    recorder.save(now=True)
    files = list((tmp_path / "run").iterdir())
    sizes = [file.stat().st_size for file in files]
    assert max(sizes) > 2 * (tmp_path / "first").stat().st_size
    assert sum(sizes) <= budget
    assert checkpoint_path(tmp_path, "run", trainer.total_steps) in files
    if recorder.n_bytes:
        assert trajectory_path(tmp_path, "run").stat().st_size <= recorder.n_bytes


def test_a_step_kept_again_counts_once_and_the_end_of_a_run_has_room(tmp_path: Path) -> None:
    trainer = Trainer(CONFIG)
    trainer.save(tmp_path / "one")
    size = (tmp_path / "one").stat().st_size
    keeping = Keeping(tmp_path, "run", trainer.total_steps, int(2.5 * size))
    for _ in range(5):
        keeping.keep(trainer)
    trainer.advance()
    with pytest.raises(NoRoom, match="left for its last"):
        keeping.keep(trainer)
    assert keeping.keep(trainer, ending=True).header["step"] == 1
    assert len(list((tmp_path / "run").iterdir())) == 2


def test_what_is_larger_than_the_budget_is_not_written(tmp_path: Path) -> None:
    trainer = Trainer(CONFIG.replace(hidden=(64, 64)))
    keeping = Keeping(tmp_path, "run", trainer.total_steps, 20_000)
    assert keeping.due(0)
    with pytest.raises(NoRoom, match="FA_CHECKPOINT_MB"):
        keeping.keep(trainer)
    assert not keeping.due(trainer.total_steps - 1)
    recorder = TrajectoryRecorder(tmp_path, "run", trainer, 0)
    recorder.record(0)
    recorder.save(now=True)
    assert not (tmp_path / "run").exists()


def test_tracking_keeps_at_the_distance_asked_for_and_then_further_apart(tmp_path: Path) -> None:
    trainer = Trainer(CONFIG)
    keeping = Keeping(tmp_path, "run", trainer.total_steps, ROOM)
    train(trainer, keeping, until=100)
    keeping.track(100, 5)
    kept = train(trainer, keeping, until=200)
    assert set(range(100, 200, 5)) <= set(kept)
    keeping.track(trainer.step, 0)
    assert set(train(trainer, keeping)) <= set(log_spaced(trainer.total_steps, 40))
    # Little room: half of it at 3 steps, then 6, and so on.
    trainer = Trainer(CONFIG)
    trainer.save(tmp_path / "one")
    size = (tmp_path / "one").stat().st_size
    keeping = Keeping(tmp_path, "other", trainer.total_steps, 41 * size)
    train(trainer, keeping, until=1)
    keeping.track(1, 3)
    tracked = [s for s in train(trainer, keeping) if s not in log_spaced(trainer.total_steps, 16)]
    gaps = [b - a for a, b in itertools.pairwise(tracked)]
    assert max(gaps) >= 12


def test_without_room_nothing_is_kept_and_a_person_is_told_why(tmp_path: Path) -> None:
    trainer = Trainer(CONFIG)
    keeping = Keeping(tmp_path, "run", trainer.total_steps, 0)
    assert not keeping.due(0)
    with pytest.raises(NoRoom, match="FA_CHECKPOINT_MB"):
        keeping.keep(trainer)
    assert not (tmp_path / "run").exists()


def test_the_oldest_checkpoints_make_room(tmp_path: Path) -> None:
    for age, name in enumerate(("new", "kept", "old", "oldest")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "0.safetensors").write_bytes(b"x" * 100)
        os.utime(folder, (1e9 - age, 1e9 - age))
    assert make_room(tmp_path, 400, {"kept"}) == []
    assert make_room(tmp_path, 250, {"kept"}) == ["oldest", "old"]
    assert {folder.name for folder in tmp_path.iterdir()} == {"new", "kept"}
    assert make_room(tmp_path, 0, {"kept"}) == ["new"]
    assert make_room(tmp_path / "nowhere", 0, set()) == []
    with pytest.raises(CheckpointError, match="run old have made room"):
        check_kept(checkpoint_path(tmp_path, "old", 0))
    check_kept(tmp_path / "kept" / "0.safetensors")
