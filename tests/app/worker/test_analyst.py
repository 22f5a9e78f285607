"""From a run's checkpoints to results, with a real worker and a real analyst."""

from __future__ import annotations

import os
import signal
from typing import Any

import numpy as np
import pytest
from flask import Flask
from flask_caching import Cache
from safetensors.torch import load_file

from app.lab import Desk, DiffusionParams, KickParams, LandscapeParams, SpectrumParams, compute
from app.lab.results import Arrays
from app.settings import Settings
from app.store import Ask, Command, Parent, Rule, RunState, Store, UnknownCheckpoint
from app.worker.analyst import UNFORESEEN, _Shelf, analyse
from app.worker.data import DataSets
from app.worker.keeping import checkpoint_path, trajectory_path
from app.worker.supervisor import Supervisor
from fa_engine import CheckpointError, RunConfig, Trainer
from fa_engine.dynamics.branching import fork
from fa_engine.dynamics.probes import probe_bytes
from fa_engine.dynamics.stability import probe_set, spectrum
from fa_engine.memory import opened_bytes

CONFIG = RunConfig(hidden=(8, 6), replicates=2, epochs=4, learning_rate=0.1)


@pytest.fixture
def desk(shared: Store) -> Desk:
    flask = Flask("desk")
    return Desk(shared, Cache(flask, config={"CACHE_TYPE": "SimpleCache"}))


def finished(store: Store, wait: Any, config: RunConfig = CONFIG, **more: Any) -> str:
    run_id = store.create_run(config, **more).id
    wait(lambda: store.run(run_id).state.ended)
    assert store.run(run_id).state is RunState.FINISHED
    return run_id


def result(desk: Desk, wait: Any, params: Any) -> Arrays:
    found: list[Any] = []

    def there() -> bool:
        (answer,) = desk.ask([params])
        assert not answer.problem
        found.append(answer)
        return answer.packed is not None

    wait(there)
    arrays: Arrays = found[-1].arrays()
    return arrays


def test_a_run_keeps_checkpoints_and_tells_of_them(
    shared: Store, shared_settings: Settings, wait: Any
) -> None:
    run_id = finished(shared, wait)
    kept = shared.checkpoints(run_id)
    assert [kept[0].step, kept[-1].step] == [0, CONFIG.total_steps]
    assert len(kept) > 10
    told = [e for e in shared.events(run_id) if e.kind == "checkpoint"]
    assert [e.seq for e in told] == [c.seq for c in kept]
    for entry, event in zip(kept, told, strict=True):
        path = checkpoint_path(shared_settings.checkpoint_dir, run_id, entry.step)
        assert path.stat().st_size == event.header["bytes"]
    trainer = Trainer(CONFIG)
    for _ in trainer:
        pass
    last = Trainer.load(path)
    for ours, theirs in zip(trainer.network.weights, last.network.weights, strict=True):
        assert (ours == theirs).all()


def test_a_spectrum_is_computed_beside_training_and_kept(
    shared: Store, shared_settings: Settings, desk: Desk, wait: Any
) -> None:
    run_id = finished(shared, wait)
    last = shared.checkpoints(run_id)[-1]
    busy = shared.create_run(CONFIG.replace(epochs=5000)).id
    wait(lambda: shared.run(busy).step > 10)
    params = SpectrumParams(run_id=run_id, step=last.step, seq=last.seq, replicate=2, n_samples=12)
    found = result(desk, wait, params)
    assert not shared.run(busy).state.ended
    shared.send(busy, Command(command="stop"))
    trainer = Trainer.load(checkpoint_path(shared_settings.checkpoint_dir, run_id, last.step))
    alone = fork(trainer, 1, 1)
    told = spectrum(alone, probe_set(alone.data, 12))
    np.testing.assert_allclose(found["eigenvalues"], told.eigenvalues[0], rtol=1e-4, atol=1e-7)
    assert float(found["kernel_rate"]) == pytest.approx(float(found["product_rate"]), rel=1e-4)
    assert found["eigenvalues"].shape == (120,)
    assert told.error_unstable_share is not None  # the loss is no squared error
    assert shared.run(run_id).unstable_share is None  # of another network, on few samples
    assert (found["bp"] > -1e-5).all()
    shared.tasks.ask([])
    (again,) = desk.ask([params])  # from the cache, at once
    assert again.packed is not None
    wait(lambda: shared.run(busy).state.ended)


def test_a_checkpoint_that_cannot_be_read_is_said(
    shared: Store, shared_settings: Settings, desk: Desk, wait: Any
) -> None:
    run_id = finished(shared, wait)
    last = shared.checkpoints(run_id)[-1]
    path = checkpoint_path(shared_settings.checkpoint_dir, run_id, last.step)
    path.write_bytes(b"not a checkpoint")
    params = SpectrumParams(run_id=run_id, step=last.step, seq=last.seq)
    wait(lambda: not desk.ask([params])[0].pending)
    (answer,) = desk.ask([params])
    assert "is not a checkpoint" in answer.problem
    assert str(shared_settings.state_dir) not in answer.problem


def test_what_no_one_foresaw_is_said_in_one_sentence_without_a_path(
    shared: Store, wait: Any
) -> None:
    ask = Ask("of a page of another version", "divination", {})
    wait(lambda: shared.tasks.ask([ask])[ask.key].state.ended)
    assert shared.tasks.ask([ask])[ask.key].message == UNFORESEEN


def test_a_long_kick_makes_way_for_a_spectrum(shared: Store, desk: Desk, wait: Any) -> None:
    run_id = finished(shared, wait)
    last = shared.checkpoints(run_id)[-1]
    where = {"run_id": run_id, "step": last.step, "seq": last.seq, "n_samples": 12}
    kick = KickParams(**where, directions=64, steps=20_000)
    wait(lambda: 0 < desk.ask([kick])[0].progress < 1)
    for replicate in (1, 2):
        spectrum_ = SpectrumParams(**where, replicate=replicate)
        wait(lambda asked=spectrum_: desk.ask([asked, kick])[0].packed is not None)
    before = desk.ask([kick])[0]
    assert before.pending
    assert not before.waiting
    wait(lambda: desk.ask([kick])[0].progress > before.progress)  # and goes on where it was


@pytest.mark.parametrize("end", ["diverged", "stopped", "finished"])
def test_every_end_of_a_run_leaves_its_track(
    shared: Store, shared_settings: Settings, wait: Any, end: str
) -> None:
    config = (
        CONFIG.replace(activation="relu", loss="squared_error", learning_rate=100)
        if end == "diverged"
        else CONFIG
    )
    config = config.replace(epochs=5000) if end == "stopped" else config
    run_id = shared.create_run(config).id
    if end == "stopped":
        wait(lambda: shared.run(run_id).step > 20)
        shared.send(run_id, Command(command="stop"))
    wait(lambda: shared.run(run_id).state.ended)
    assert shared.run(run_id).state.value == end
    steps = load_file(trajectory_path(shared_settings.checkpoint_dir, run_id))["trajectory.steps"]
    if end == "finished":
        assert steps[-1] == CONFIG.total_steps


def test_without_room_for_checkpoints_a_run_writes_nothing(settings: Settings, wait: Any) -> None:
    spare = Settings(**{**settings.model_dump(), "checkpoint_mb": 0})
    with Supervisor(spare), Store(spare.database_url) as store:
        finished(store, wait)
    assert not list(spare.checkpoint_dir.glob("**/*"))


def test_the_rule_that_a_person_has_changed_holds_for_the_next_run(
    settings: Settings, wait: Any
) -> None:
    with Supervisor(settings), Store(settings.database_url) as store:
        store.rules.change(Rule(checkpoint_mb=0))
        without = finished(store, wait)
        store.rules.change(Rule(checkpoint_mb=None))
        kept = finished(store, wait)
        store.rules.change(Rule(checkpoint_total_mb=0))
        last = finished(store, wait)
        assert store.checkpoints(without) == []
    assert {path.name for path in settings.checkpoint_dir.iterdir()} == {last} != {kept}


def test_a_run_without_a_track_says_so(
    shared: Store, shared_settings: Settings, desk: Desk, wait: Any
) -> None:
    run_id = finished(shared, wait)
    last = shared.checkpoints(run_id)[-1]
    path = trajectory_path(shared_settings.checkpoint_dir, run_id)
    params = DiffusionParams(run_id=run_id, step=last.step, seq=last.seq)
    path.write_bytes(b"no trajectory")
    for words in ("cannot be read", "has no record"):
        wait(lambda: not desk.ask([params])[0].pending)
        problem = desk.ask([params])[0].problem
        assert words in problem
        assert str(shared_settings.state_dir) not in problem
        path.unlink(missing_ok=True)
        desk.again(params)


def test_a_killed_analyst_is_replaced_and_its_task_begun_anew(
    settings: Settings, wait: Any
) -> None:
    with Supervisor(settings) as supervisor, Store(settings.database_url) as store:
        run_id = finished(store, wait)
        desk = Desk(store, Cache(Flask("desk"), config={"CACHE_TYPE": "SimpleCache"}))
        last = store.checkpoints(run_id)[-1]
        params = SpectrumParams(run_id=run_id, step=last.step, seq=last.seq, n_samples=100)
        seat = next(seat for seat in supervisor._seats if seat.work is analyse)
        assert seat.process is not None
        assert seat.process.pid is not None
        os.kill(seat.process.pid, signal.SIGKILL)
        assert result(desk, wait, params)["eigenvalues"].shape == (1000,)


def test_a_run_begins_with_a_checkpoint_of_another(
    shared: Store, shared_settings: Settings, wait: Any
) -> None:
    parent_id = finished(shared, wait, CONFIG.replace(scheme="bp"))
    kept = shared.checkpoints(parent_id)
    parent = Parent(parent_id, kept[5].step)
    child = finished(shared, wait, CONFIG.replace(scheme="dfa", epochs=1), parent=parent)
    assert shared.run(child).parent == parent
    first = Trainer.load(checkpoint_path(shared_settings.checkpoint_dir, child, 0))
    before = Trainer.load(checkpoint_path(shared_settings.checkpoint_dir, parent_id, parent.step))
    assert (first.scheme, first.step) == ("dfa", 0)
    for ours, theirs in zip(first.network.weights, before.network.weights, strict=True):
        assert (ours == theirs).all()
    with pytest.raises(UnknownCheckpoint, match="no checkpoint of step 3,000,000"):
        shared.create_run(CONFIG, parent=Parent(child, 3_000_000))


def test_a_checkpoint_is_kept_on_demand_and_while_tracking(shared: Store, wait: Any) -> None:
    run_id = shared.create_run(CONFIG.replace(epochs=5000)).id
    wait(lambda: shared.run(run_id).step > 100)
    shared.send(run_id, Command(command="pause"))
    wait(lambda: shared.run(run_id).state is RunState.PAUSED)
    step = shared.run(run_id).step
    shared.send(run_id, Command(command="checkpoint"))
    wait(lambda: any(c.step == step for c in shared.checkpoints(run_id)))
    shared.send(run_id, Command(command="track", every=7))
    shared.send(run_id, Command(command="resume"))
    wanted = {step + 7 * n for n in range(4)}
    wait(lambda: wanted <= {c.step for c in shared.checkpoints(run_id)})
    shared.send(run_id, Command(command="stop"))
    wait(lambda: shared.run(run_id).state.ended)
    assert shared.checkpoints(run_id)[-1].step == shared.run(run_id).step


def test_a_landscape_and_a_diffusion_of_real_runs(shared: Store, desk: Desk, wait: Any) -> None:
    one, two = (finished(shared, wait, CONFIG.replace(scheme=s)) for s in ("fa", "bp"))
    kept = [*shared.checkpoints(one), *shared.checkpoints(two)]
    places = tuple((c.run_id, c.step, c.seq) for c in kept)
    params = LandscapeParams(places=places, resolution=7, n_samples=50, replicate=2)
    found = result(desk, wait, params)
    assert found["surface"].shape == (7, 7)
    assert found["at"].shape == found["update"].shape == (len(kept), 2)
    assert found["steps"].tolist() == [c.step for c in kept]
    assert set(found["run"].tolist()) == {0, 1}
    # Where backpropagation goes is where the loss falls.
    bp = found["run"] == 1
    np.testing.assert_allclose(found["update"][bp], found["gradient"][bp], rtol=1e-4, atol=1e-7)
    assert not np.allclose(found["update"][~bp], found["gradient"][~bp], rtol=0.1)
    through = LandscapeParams(places=places, plane="three", through=(0, 5, 9), resolution=5)
    at = result(desk, wait, through)["at"]
    np.testing.assert_allclose(at[0], 0, atol=1e-6)
    np.testing.assert_allclose(at[5][1], 0, atol=1e-6)

    last = shared.checkpoints(one)[-1]
    params_ = DiffusionParams(run_id=one, step=last.step, seq=last.seq)
    moved = result(desk, wait, params_)
    assert moved["squared"].shape == (len(moved["lags"]), 3)
    assert ((moved["exponent"] > 0.5) & (moved["exponent"] < 2.1)).all()
    assert moved["lags"][0] == 1.0


def test_a_question_that_takes_too_much_memory_is_refused_by_its_size(
    shared: Store, shared_settings: Settings, wait: Any
) -> None:
    run_id = finished(shared, wait)
    step = shared.checkpoints(run_id)[-1].step
    config = shared.run(run_id).run_config()
    few = SpectrumParams(run_id=run_id, step=step, n_samples=4)
    many = few.model_copy(update={"n_samples": 200})
    least, most = (
        opened_bytes(config) + probe_bytes(config.replace(replicates=1), n) for n in (4, 200)
    )
    between = (least + most) // 2 // 10**6
    assert least < between * 10**6 < most
    limited = shared_settings.model_copy(update={"max_run_mb": between})
    shelf = _Shelf(shared, limited, DataSets(limited.data_dir))
    assert compute("spectrum", few.model_dump(), shelf, lambda _share: None)
    with pytest.raises(
        CheckpointError, match=r"about \d+ MB of memory, \d+ MB are allowed \(FA_MAX"
    ):
        compute("spectrum", many.model_dump(), shelf, lambda _share: None)
