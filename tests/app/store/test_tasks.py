"""Tasks: asked for, claimed once, held, left off, and kept for a while."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from app.store import Ask, Store, TaskState
from app.store import tasks as module

LEASE_S = 30.0
WANTED_S = module.WANTED_S


class Clock:
    """The time as the store has it: it moves when a test says so."""

    def __init__(self) -> None:
        self.now = 1e9

    def time(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "time", SimpleNamespace(time=made.time))
    return made


def ask(key: str, rank: int = 0) -> Ask:
    return Ask(key, "spectrum", {"step": 3}, rank)


def test_a_task_is_claimed_once_computed_and_found(store: Store) -> None:
    asked = store.tasks.ask([ask("a")])
    assert (asked["a"].state, asked["a"].progress) == (TaskState.QUEUED, 0.0)
    claimed = store.tasks.claim("one", LEASE_S)
    assert claimed is not None
    assert (claimed.key, claimed.kind, claimed.params) == ("a", "spectrum", {"step": 3})
    assert store.tasks.claim("two", LEASE_S) is None
    assert store.tasks.report(claimed.number, "one", 0.5, LEASE_S)
    again = store.tasks.ask([ask("a")])  # somebody else wants the same: no second task
    assert (again["a"].number, again["a"].progress) == (claimed.number, 0.5)
    store.tasks.done(claimed.number, "two", b"not yours")
    assert store.tasks.ask([ask("a")])["a"].state is TaskState.RUNNING
    store.tasks.done(claimed.number, "one", b"result")
    found = store.tasks.ask([ask("a")])["a"]
    assert (found.state, found.progress, found.result) == (TaskState.DONE, 1.0, b"result")
    assert store.tasks.claim("one", LEASE_S) is None


def test_what_a_person_waits_for_comes_first(store: Store) -> None:
    store.tasks.ask([ask("background", 1), ask("looked at", 0), ask("later", 1)])
    claimed = [store.tasks.claim("one", LEASE_S) for _ in range(3)]
    assert [task.key for task in claimed if task] == ["looked at", "background", "later"]


def test_what_nobody_wants_any_more_is_neither_begun_nor_finished(
    store: Store, clock: Clock
) -> None:
    store.tasks.ask([ask("begun")])
    claimed = store.tasks.claim("one", LEASE_S)
    assert claimed is not None
    store.tasks.ask([ask("waiting")])
    assert store.tasks.report(claimed.number, "one", 0.1, LEASE_S)
    clock.pass_by(WANTED_S + module.LINGERS_S + 0.1)
    assert not store.tasks.report(claimed.number, "one", 0.1, LEASE_S)
    store.tasks.put_back(claimed.number, "one")
    assert store.tasks.claim("one", LEASE_S) is None
    assert store.tasks.ask([ask("begun")])["begun"].state is TaskState.QUEUED
    anew = store.tasks.claim("two", LEASE_S)
    assert anew is not None
    assert (anew.key, anew.progress) == ("begun", 0.0)


def test_what_was_begun_goes_on_for_a_while_unless_something_else_is_wanted(
    store: Store, clock: Clock
) -> None:
    """Of a page in a hidden tab, which asks once a minute, say."""
    store.tasks.ask([ask("begun")])
    claimed = store.tasks.claim("one", LEASE_S)
    assert claimed is not None
    for _ in range(3):
        clock.pass_by(60.0)
        assert store.tasks.report(claimed.number, "one", 0.1, LEASE_S)
        assert store.tasks.ask([ask("begun")])["begun"].state is TaskState.RUNNING
    clock.pass_by(60.0)
    store.tasks.ask([ask("another")])
    assert not store.tasks.report(claimed.number, "one", 0.2, LEASE_S)


def test_what_is_to_be_left_off_is_unless_somebody_wants_it_still(store: Store) -> None:
    store.tasks.ask([ask("begun")])
    claimed = store.tasks.claim("one", LEASE_S)
    assert claimed is not None
    store.tasks.leave("begun")
    store.tasks.ask([ask("begun")])
    assert store.tasks.report(claimed.number, "one", 0.1, LEASE_S)
    store.tasks.leave("begun")
    assert not store.tasks.report(claimed.number, "one", 0.1, LEASE_S)


def test_a_failure_is_said_until_it_is_forgotten(store: Store) -> None:
    store.tasks.ask([ask("a")])
    claimed = store.tasks.claim("one", LEASE_S)
    assert claimed is not None
    store.tasks.failed(claimed.number, "one", "samples = 9: allowed is 1 to 5")
    found = store.tasks.ask([ask("a")])["a"]
    assert (found.state, found.message) == (TaskState.FAILED, "samples = 9: allowed is 1 to 5")
    store.tasks.forget("a")
    assert store.tasks.ask([ask("a")])["a"].state is TaskState.QUEUED
    store.tasks.forget("a")  # what has not failed stays
    assert store.tasks.claim("one", LEASE_S) is not None


def test_a_failure_is_tried_anew_by_who_comes_back_later(store: Store, clock: Clock) -> None:
    store.tasks.ask([ask("a"), ask("b")])
    for _ in range(2):
        claimed = store.tasks.claim("one", LEASE_S)
        assert claimed is not None
        store.tasks.failed(claimed.number, "one", "the file is gone")
    clock.pass_by(WANTED_S + 0.1)
    assert store.tasks.ask([ask("a")])["a"].state is TaskState.QUEUED
    clock.pass_by(0.1)
    assert store.tasks.ask([ask("b")])["b"].state is TaskState.QUEUED
    claimed = store.tasks.claim("one", LEASE_S)
    assert claimed is not None
    store.tasks.failed(claimed.number, "one", "the file is gone")
    assert store.tasks.ask([ask("b")])["b"].state is TaskState.FAILED  # it is still being asked for


def test_a_claim_may_be_for_some_kinds_alone(store: Store) -> None:
    store.tasks.ask([Ask("long", "kick", {}), Ask("short", "spectrum", {}, rank=1)])
    assert store.tasks.claim("one", LEASE_S, kinds=["walk"]) is None
    claimed = store.tasks.claim("one", LEASE_S, kinds=["walk", "spectrum"])
    assert claimed is not None
    assert claimed.key == "short"


def test_a_task_whose_analyst_died_is_tried_once_more(store: Store) -> None:
    store.tasks.ask([ask("a"), ask("b", 1)])
    assert store.tasks.claim("one", LEASE_S)
    store.tasks.release("two")
    assert store.tasks.ask([ask("a")])["a"].state is TaskState.RUNNING
    store.tasks.release("one")
    assert store.tasks.ask([ask("a")])["a"].state is TaskState.QUEUED
    again = store.tasks.claim("three", lease_s=-1.0)
    assert again is not None
    assert again.key == "a"
    store.tasks.release_expired()
    found = store.tasks.ask([ask("a")])["a"]
    assert found.state is TaskState.FAILED
    assert "memory" in found.message
    other = store.tasks.claim("four", LEASE_S)  # the others are none the worse for it
    assert other is not None
    assert other.key == "b"


def test_old_results_make_room(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 2)
    for key in "abcd":
        store.tasks.ask([ask(key)])
        claimed = store.tasks.claim("one", LEASE_S)
        assert claimed is not None
        store.tasks.done(claimed.number, "one", key.encode())
    found = store.tasks.ask([ask("a"), ask("d")])
    assert found["a"].state is TaskState.QUEUED
    assert found["d"].result == b"d"


def test_what_was_never_begun_is_removed_once_nobody_has_wanted_it_for_long(
    store: Store, clock: Clock
) -> None:
    number = store.tasks.ask([ask("left"), ask("begun", -1)])["left"].number
    assert store.tasks.claim("one", LEASE_S)
    store.tasks.ask([ask("new")])
    assert store.tasks.ask([ask("left")])["left"].number == number
    clock.pass_by(WANTED_S + module.FORGOTTEN_S + 1)
    asked = store.tasks.ask([ask("newer")])
    assert asked["newer"].state is TaskState.QUEUED
    assert store.tasks.ask([ask("left")])["left"].number > asked["newer"].number
    assert store.tasks.ask([ask("begun")])["begun"].state is TaskState.RUNNING


def test_the_page_that_is_open_now_goes_first(store: Store, clock: Clock) -> None:
    store.tasks.ask([ask("closed"), ask("background", 1)])
    clock.pass_by(0.01)
    store.tasks.ask([ask("open")])
    claimed = [store.tasks.claim("one", LEASE_S) for _ in range(3)]
    assert [task.key for task in claimed if task] == ["open", "closed", "background"]


def test_only_so_many_are_wanted_at_once(store: Store, clock: Clock) -> None:
    ahead = [ask(f"a{n}", rank=1) for n in range(module.MOST_WANTED + 30)]
    assert len(store.tasks.ask(ahead)) == module.MOST_WANTED
    # What a person waits for does not stand behind what is made ahead, up to a limit of its own.
    first = [ask(f"f{n}") for n in range(module.MOST_FIRST + 5)]
    assert len(store.tasks.ask([first[0], ask("one more", rank=1)])) == 1
    assert len(store.tasks.ask(first)) == module.MOST_FIRST
    # Those that were taken down are known at every further question, and are computed.
    assert len(store.tasks.ask(ahead)) == module.MOST_WANTED
    for _ in range(3):
        task = store.tasks.claim("analyst", LEASE_S)
        assert task is not None
        store.tasks.done(task.number, "analyst", b"")
    found = store.tasks.ask([*first, *ahead])
    assert sum(task.state.ended for task in found.values()) == 3
    assert len(found) == module.MOST_WANTED + module.MOST_FIRST + 3
    # What nobody wants any more makes room.
    clock.pass_by(WANTED_S + 1)
    assert len(store.tasks.ask([ask("late", rank=1)])) == 1


def test_what_is_started_goes_on_without_anybody_who_looks_on(store: Store, clock: Clock) -> None:
    assert store.tasks.start(ask("long"))
    assert store.tasks.start(ask("later"))
    clock.pass_by(90_000.0)
    claimed = store.tasks.claim("one", LEASE_S)
    assert claimed is not None
    assert store.tasks.report(claimed.number, "one", 0.5, LEASE_S, b"so far")
    current, later = store.tasks.current("spectrum")
    assert (current.key, current.progress, current.result) == ("long", 0.5, b"so far")
    assert (later.key, later.state) == ("later", TaskState.QUEUED)
    store.tasks.drop("later")
    # Started again it goes on, from where it is; a look tells the same.
    assert store.tasks.start(ask("long"))
    assert store.tasks.report(claimed.number, "one", 0.6, LEASE_S)
    assert store.tasks.current("spectrum")[0].result == b"so far"
    assert store.tasks.current("kick") == []
    store.tasks.done(claimed.number, "one", b"whole")
    assert store.tasks.current("spectrum") == []
    # What has ended is computed anew.
    assert store.tasks.start(ask("long"))
    (anew,) = store.tasks.current("spectrum")
    assert (anew.state, anew.result) == (TaskState.QUEUED, None)


def test_what_is_dropped_is_left_off_whoever_wants_it(store: Store) -> None:
    store.tasks.start(ask("long"))
    claimed = store.tasks.claim("one", LEASE_S)
    assert claimed is not None
    store.tasks.drop("long")
    assert store.tasks.current("spectrum") == []
    # Its number is nobody else's while it is held.
    store.tasks.ask([ask("another")])
    other = store.tasks.claim("one", LEASE_S)
    assert other is not None
    assert other.number != claimed.number
    assert not store.tasks.report(claimed.number, "one", 0.5, LEASE_S, b"so far")
    store.tasks.put_back(claimed.number, "one")
    assert store.tasks.claim("one", LEASE_S) is None
    assert [task.key for task in store.tasks.current("spectrum")] == ["another"]


def test_an_outcome_is_kept_of_who_still_holds_the_task(store: Store) -> None:
    told = {"experiment": "learns", "dataset": "digits", "verdict": "borne out"}
    told |= {"networks": 8, "seconds": 1.0}
    store.tasks.start(ask("long"))
    claimed = store.tasks.claim("one", LEASE_S)
    assert claimed is not None
    store.tasks.done(claimed.number, "two", b"", outcome=told)
    assert store.outcomes.known() == []
    store.tasks.done(claimed.number, "one", b"", outcome=told)
    assert store.outcomes.told("learns", "digits") == told


def test_what_was_shown_of_a_task_that_is_put_back_is_gone(store: Store) -> None:
    store.tasks.start(ask("long"))
    claimed = store.tasks.claim("one", LEASE_S)
    assert claimed is not None
    assert store.tasks.report(claimed.number, "one", 0.5, LEASE_S, b"so far")
    store.tasks.release("one")
    (current,) = store.tasks.current("spectrum")
    assert (current.state, current.result) == (TaskState.QUEUED, None)
