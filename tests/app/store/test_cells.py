"""Cells of a study's run, each seen as a run of its own."""

from __future__ import annotations

import numpy as np
import pytest

from app.figures.bands import bands
from app.frames import read as page_of_events
from app.store import (
    SHAPES,
    Command,
    CommandRefused,
    Draft,
    Labels,
    Listing,
    New,
    Progress,
    Run,
    RunState,
    Store,
    UnknownRun,
)
from app.store.cells import parted
from app.views import event_view
from fa_engine import RunConfig, Trainer

CONFIG = RunConfig(
    hidden=(6,),
    epochs=1,
    replicates=2,
    measure_every=5,
    vary={"learning_rate": [0.1, 0.3], "seed": [0, 1]},
)


@pytest.fixture
def trained(store: Store) -> Run:
    """A run of four cells of two networks each, trained to its end."""
    study = store.studies.create(
        "rates", {"parts": []}, 4, [New(CONFIG, "four", cells=[4, 5, 6, 7])]
    )
    claimed = store.claim("w", 30)
    assert claimed is not None
    assert claimed.study_id == study.id
    trainer = Trainer(CONFIG)
    measured = [*trainer]
    progress = Progress(trainer.step, trainer.epoch, 100.0, 1.0)
    lost = [None, None, 7, 7, None, 12, None, None]
    drafts = [
        Draft.measurements(measured[:2], progress),
        Draft.measurements(measured[2:], progress),
        Draft.diverged(12, lost),
        Draft.state(RunState.FINISHED, trainer.step),
    ]
    store.append(claimed.id, "w", drafts, 30)
    return claimed


@pytest.mark.parametrize("text", ["abc", "abc.", ".3", "abc.x", "abc.03", "abc.-1", "abc.1234567"])
def test_what_is_no_cell_is_the_whole_text(text: str) -> None:
    assert parted(text) == (text, None)


def test_a_cell_is_told_from_its_run() -> None:
    assert parted("abc.0") == ("abc", 0)
    assert parted("abc.12") == ("abc", 12)


def test_a_cell_is_a_run_with_its_own_numbers(store: Store, trained: Run) -> None:
    whole = store.series(trained.id)
    for cell, alone in enumerate(CONFIG.cells):
        run = store.run(f"{trained.id}.{cell}")
        assert run.run_config() == alone
        assert (run.scheme, run.learning_rate) == (alone.scheme, alone.learning_rate)
        series = store.series(run.id)
        for name, shape in SHAPES.items():
            of_whole = getattr(whole, name)
            own = of_whole[:, CONFIG.networks_of(cell)] if shape.startswith("R") else of_whole
            np.testing.assert_array_equal(getattr(series, name), own, err_msg=name)
        # What it measured is what it measures when it is trained alone.
        last = [*Trainer(alone)][-1]
        np.testing.assert_allclose(series.loss[-1], last.loss, rtol=1e-4)


def test_its_events_are_those_of_its_networks_alone(store: Store, trained: Run) -> None:
    whole = store.events(trained.id)
    own = store.events(f"{trained.id}.2")
    assert [(e.seq, e.kind, e.at) for e in own] == [(e.seq, e.kind, e.at) for e in whole]
    assert {e.run_id for e in own} == {f"{trained.id}.2"}
    (told,) = (e.header["diverged_at"] for e in own if e.kind == "diverged")
    assert told == [None, 12]
    assert store.events(f"{trained.id}.2", after=2)[0].seq == 3
    assert store.revisions([f"{trained.id}.2", trained.id, "none.1"]) == {
        trained.id: len(whole),
        f"{trained.id}.2": len(whole),
    }
    assert store.clock(f"{trained.id}.2") == store.clock(trained.id)
    assert store.checkpoints(f"{trained.id}.2") == []
    assert bands(store.series(f"{trained.id}.2"))


def test_what_is_said_of_its_events_is_of_it_alone(store: Store, trained: Run) -> None:
    """That networks of another cell diverged is nothing that is said of this one."""
    for cell, said in ((0, ""), (1, ""), (2, "network 2 of 2 diverged")):
        views = [event_view(event) for event in store.events(f"{trained.id}.{cell}")]
        (told,) = (view["message"] for view in views if view["kind"] == "diverged")
        assert told.lower().startswith(said)
        assert bool(told) == bool(said)
        assert page_of_events(store, f"{trained.id}.{cell}", 0)[0]


def test_a_cell_that_is_none_is_unknown_everywhere(store: Store, trained: Run) -> None:
    for call in (store.events, store.run):
        with pytest.raises(UnknownRun):
            call(f"{trained.id}.9")


def test_a_cell_that_lost_all_its_networks_has_diverged(store: Store, trained: Run) -> None:
    states = [store.run(f"{trained.id}.{cell}").state for cell in range(4)]
    gone = [store.run(f"{trained.id}.{cell}").diverged_at for cell in range(4)]
    assert gone == [[None, None], [7, 7], [None, 12], [None, None]]
    assert states == [
        RunState.FINISHED,
        RunState.DIVERGED,
        RunState.FINISHED,
        RunState.FINISHED,
    ]


def test_the_run_of_several_cells_is_none_to_be_shown(store: Store, trained: Run) -> None:
    with pytest.raises(UnknownRun, match="several cells of a study"):
        store.run(trained.id)
    for wrong in (f"{trained.id}.4", f"{trained.id}.1.1", "none.0"):
        with pytest.raises(UnknownRun):
            store.run(wrong)
    alone = store.create_run(RunConfig())
    with pytest.raises(UnknownRun):
        store.run(f"{alone.id}.0")


def test_a_cell_takes_no_commands(store: Store, trained: Run) -> None:
    with pytest.raises(CommandRefused, match="cell of a study"):
        store.send(f"{trained.id}.1", Command(command="stop"))
    with pytest.raises(CommandRefused, match="cell of a study"):
        store.keep.change([f"{trained.id}.1"], Labels(note="a"))


def test_what_a_study_trains_stays_as_it_says(store: Store) -> None:
    alone, both = RunConfig(epochs=1), RunConfig(epochs=1, vary={"learning_rate": [0.1, 0.2]})
    asked = [New(alone, cells=[0]), New(both, cells=[1, 2])]
    study = store.studies.create("s", {"parts": []}, 3, asked)
    one, several = store.studies.runs(study.id)
    with pytest.raises(CommandRefused, match="cell of a study"):
        store.send(one.id, Command(command="set", learning_rate=0.5))
    with pytest.raises(CommandRefused, match="cell of a study"):
        store.send(several.id, Command(command="set", learning_rate=0.5))
    store.send(one.id, Command(command="pause"))
    assert store.studies.runs(study.id)[0].state is RunState.PAUSED
    assert store.going() == [one.id, several.id]


def test_runs_of_studies_are_in_no_list(store: Store, trained: Run) -> None:
    alone = store.create_run(RunConfig())
    assert [run.id for run in store.runs()] == [alone.id]
    assert [run.id for run in store.runs(of_studies=True)] == [alone.id, trained.id]
    assert [run.id for run in store.keep.page(Listing())[0]] == [alone.id]
    assert store.keep.count() == 1


def test_a_person_waits_before_a_study(store: Store) -> None:
    config = RunConfig(epochs=1)
    study = store.studies.create("s", {"parts": []}, 1, [New(config, cells=[0])])
    alone = store.create_run(config)
    first, second = store.claim("a", 30), store.claim("b", 30)
    assert first is not None
    assert second is not None
    assert (first.id, second.study_id) == (alone.id, study.id)
