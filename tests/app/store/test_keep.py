"""What people put to runs, and how runs are deleted, restored and gone for good."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from app.store import (
    Command,
    Draft,
    Labels,
    Listing,
    Parent,
    RunState,
    Store,
    UnknownRun,
    pack,
)
from fa_engine import NotAllowed, RunConfig, Trainer, problems

LEASE_S = 60.0


def claimed(store: Store, **given: object) -> str:
    run_id = store.create_run(RunConfig.model_validate({"hidden": [8], **given})).id
    assert store.claim("w", LEASE_S) is not None
    return run_id


def test_labels_are_put_to_all_runs_or_none(store: Store) -> None:
    first, second = (store.create_run(RunConfig()).id for _ in range(2))
    (run,) = store.keep.change([first], Labels(name=" the good start ", note="line 1\nline 2"))
    assert (run.name, run.note, run.tags, run.pinned) == (
        "the good start",
        "line 1\nline 2",
        [],
        False,
    )
    changed = store.keep.change([second, first], Labels(add_tags=["Lecture", "week 3"]))
    assert [run.id for run in changed] == [second, first]
    changed = store.keep.change(
        [first], Labels(add_tags=["lecture", "x"], remove_tags=["WEEK 3"], pinned=True)
    )
    assert changed == [store.run(first)]
    assert (changed[0].tags, changed[0].pinned) == (["Lecture", "x"], True)
    assert changed[0].note == "line 1\nline 2"
    before = store.run(first)
    with pytest.raises(UnknownRun, match="nobody"):
        store.keep.change([first, "nobody"], Labels(note="lost"))
    with pytest.raises(NotAllowed, match="tags"):
        store.keep.change([first], Labels(add_tags=[f"t{n}" for n in range(19)]))
    assert store.run(first) == before


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "=1+1"}, "name"),
        ({"name": "two\nlines"}, "name"),
        ({"name": "n" * 101}, "name"),
        ({"name": 7}, "name"),
        ({"note": "n" * 10_001}, "note"),
        ({"tags": ["a,b"]}, "tags"),
        ({"tags": "lecture"}, "tags"),
        ({"tags": [""]}, "tags"),
        ({"tags": ["t" * 41]}, "tags"),
        ({"add_tags": [1]}, "add_tags"),
        ({"tags": ["a"], "add_tags": ["b"]}, "tags"),
        ({"pinned": "yes"}, "pinned"),
        ({"colour": "red"}, "colour"),
        ({}, "body"),
        ([], "body"),
    ],
)
def test_what_is_no_label_is_named(body: object, field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Labels.model_validate(body)
    (problem,) = problems(refused.value)
    assert problem.field == field
    assert problem.allowed


def test_a_name_is_text_whatever_is_in_it(store: Store) -> None:
    name = "<b onclick=alert(1)>bold</b> & 100 % _"
    run = store.create_run(RunConfig())
    assert store.keep.change([run.id], Labels(name=name))[0].name == name
    for search in ("<b on", "100 %", "&", "bold _"):
        assert store.keep.page(Listing(search=search))[1] == 1
    assert store.keep.page(Listing(search="1000"))[1] == 0


def test_a_deleted_run_is_there_for_nobody_until_it_is_restored(store: Store) -> None:
    run_id = claimed(store)
    store.append(run_id, "w", [Draft.checkpoint(0, 10)], LEASE_S)
    store.append(run_id, "w", [Draft.state(RunState.FINISHED, 3)], LEASE_S)
    store.keep.change([run_id], Labels(note="mine", pinned=True))
    before, events = store.run(run_id), store.events(run_id)
    heir = store.create_run(RunConfig(hidden=(8,)), parent=Parent(run_id, 0))

    deleted = store.keep.delete([run_id])
    assert (deleted.run_ids, deleted.stopped) == ([run_id], [])
    assert [(h.id, h.name, h.parent_id) for h in deleted.heirs] == [(heir.id, heir.name, run_id)]
    for call in (
        store.run,
        store.events,
        store.series,
        store.revision,
        store.checkpoints,
        lambda run_id: store.checkpoint(run_id, 0),
        lambda run_id: store.send(run_id, Command(command="pause")),
        lambda run_id: store.create_run(RunConfig(hidden=(8,)), parent=Parent(run_id, 0)),
        lambda run_id: store.keep.change([run_id], Labels(note="x")),
        lambda run_id: store.keep.delete([run_id]),
    ):
        with pytest.raises(UnknownRun, match=run_id):
            call(run_id)
    assert [run.id for run in store.runs()] == [heir.id]
    assert [run.id for run in store.keep.page(Listing(search="mine"))[0]] == []
    trash, count = store.keep.page(Listing(deleted=True))
    assert (count, trash[0].id, trash[0].deleted_at is not None) == (1, run_id, True)

    assert store.keep.restore([run_id]) == [before]
    assert store.run(run_id) == before
    assert store.events(run_id) == events
    assert store.keep.restore([run_id]) == [before]
    with pytest.raises(UnknownRun):
        store.keep.restore(["nobody"])


def test_a_run_that_goes_on_is_stopped_first(store: Store) -> None:
    running = claimed(store)
    queued = store.create_run(RunConfig()).id
    deleted = store.keep.delete([running, queued])
    assert deleted.stopped == [running, queued]
    assert store.claim("w2", LEASE_S) is None
    assert [command.command for _, command in store.commands(running)] == ["stop"]
    # It is gone for good only once its worker has ended it.
    assert store.keep.purge(lambda _run_id: None) == [queued]
    store.heartbeat(running, "w", LEASE_S)
    store.append(running, "w", [Draft.state(RunState.STOPPED, 5, "told to")], LEASE_S)
    assert store.keep.restore([running])[0].state is RunState.STOPPED
    with pytest.raises(UnknownRun):
        store.keep.restore([queued])


def test_freeing_takes_what_is_deleted_and_nothing_else(store: Store) -> None:
    config = RunConfig(replicates=8, hidden=(32,), epochs=2, measure_every=1)
    header, payload = pack(list(Trainer(config)))
    for _ in range(12):
        run_id = store.create_run(config).id
        assert store.claim("w", LEASE_S) is not None
        store.append(run_id, "w", [Draft("measurements", header, payload)] * 5, LEASE_S)
        store.append(run_id, "w", [Draft.state(RunState.FINISHED, 44)], LEASE_S)
    kept, needed, *others = [run.id for run in reversed(store.runs())]
    store.keep.delete([needed, *others])
    size = store.keep.sizes()["database"]
    with pytest.raises(UnknownRun):
        store.create_run(config, parent=Parent(needed, 0))
    forgotten: list[str] = []
    gone = store.keep.purge(forgotten.append)
    assert sorted(gone) == sorted(forgotten) == sorted([needed, *others])
    assert store.keep.count(deleted=True) == 0
    assert store.keep.shrink()
    if store.keep.sizes()["database"] > size / 2:
        assert store.keep.dialect != "sqlite"  # whose file shrinks at once
    assert [run.id for run in store.runs()] == [kept]
    assert len(store.series(kept)) == 5 * header["count"]
    going = store.create_run(config).id
    assert not store.keep.shrink() or store.keep.dialect != "sqlite"
    assert store.run(going).state is RunState.QUEUED


def test_the_parent_of_a_waiting_run_stays(store: Store) -> None:
    parent = claimed(store)
    store.append(parent, "w", [Draft.checkpoint(0, 10)], LEASE_S)
    store.append(parent, "w", [Draft.state(RunState.FINISHED, 3)], LEASE_S)
    heir = store.create_run(RunConfig(hidden=(8,)), parent=Parent(parent, 0)).id
    store.keep.delete([parent])
    assert store.keep.purge(lambda _run_id: None) == []
    store.send(heir, Command(command="stop"))
    assert store.keep.purge(lambda _run_id: None) == [parent]
    assert store.run(heir).parent == Parent(parent, 0)


def test_the_list_says_that_it_has_changed(store: Store) -> None:
    seen = [store.keep.revision()]
    run_id = claimed(store)
    seen.append(store.keep.revision())
    store.append(run_id, "w", [Draft.notice(0, "on")], LEASE_S)
    seen.append(store.keep.revision())
    for labels in (Labels(name="a"), Labels(note="b"), Labels(add_tags=["c"]), Labels(pinned=True)):
        store.keep.change([run_id], labels)
        seen.append(store.keep.revision())
    store.keep.delete([run_id])
    seen.append(store.keep.revision())
    assert seen[0] == seen[-1] == (0, 0, 0, 0)
    assert len(set(seen)) == 7
