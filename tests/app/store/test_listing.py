"""Lists: searched, filtered, sorted, a page at a time; summaries are what measurements come to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import create_engine, text

from app.store import (
    Ask,
    Condition,
    Draft,
    Labels,
    Listing,
    Progress,
    RunState,
    Store,
    Unstable,
    pack,
)
from app.store.summary import SUMMARY
from fa_engine import Measurement, NotAllowed, RunConfig, Trainer

LEASE_S = 60.0
CONFIG = RunConfig(
    hidden=(12, 7), replicates=3, epochs=3, batch_size=64, measure_every=4, evaluate_every=9
)


@pytest.fixture(scope="module")
def measured() -> list[Measurement]:
    return list(Trainer(CONFIG))


def in_blocks(store: Store, measured: list[Measurement], size: int) -> str:
    run_id = store.create_run(CONFIG).id
    assert store.claim("w", LEASE_S) is not None
    for start in range(0, len(measured), size):
        store.append(run_id, "w", [Draft("measurements", *pack(measured[start : start + size]))], 9)
    return run_id


def test_a_summary_is_what_all_measurements_come_to(
    store: Store, measured: list[Measurement]
) -> None:
    tested = [np.median(m.test_accuracy) for m in measured if m.test_accuracy is not None]
    assert len(tested) > 2
    for size in (1, 5, len(measured)):
        run = store.run(in_blocks(store, measured, size))
        assert run.best_accuracy == pytest.approx(max(tested), abs=1e-6)
        assert run.last_accuracy == pytest.approx(tested[-1], abs=1e-6)
        assert run.last_angle_deg == pytest.approx(np.median(measured[-1].gradient_angle_deg[:, 0]))


def test_medians_are_over_the_replicates_that_are_left(
    store: Store, measured: list[Measurement]
) -> None:
    header, payload = pack(measured)
    run_id = store.create_run(CONFIG).id
    assert store.claim("w", LEASE_S) is not None
    gone = [m for m in measured if m.test_accuracy is not None][-1]
    assert gone.test_accuracy is not None
    lost = gone.test_accuracy.copy()
    lost[1] = np.nan
    ended = type(gone)(**{**gone.__dict__, "test_accuracy": lost})
    drafts = [
        Draft("measurements", header, payload),
        Draft("measurements", *pack([ended])),
        Draft.diverged(gone.step, [None, gone.step, None]),
    ]
    store.append(run_id, "w", drafts, LEASE_S)
    run = store.run(run_id)
    assert run.last_accuracy == pytest.approx(np.median(gone.test_accuracy[[0, 2]]), abs=1e-6)
    (found,), _ = store.keep.page(Listing(where=(Condition("replicates_left", "=", 2.0),)))
    assert found == run


def test_a_run_that_no_network_is_left_of_has_no_last_value(
    store: Store, measured: list[Measurement]
) -> None:
    """But a best one, of when there were some; the same in one block and in several."""
    last = measured[-1]
    nothing = {
        name: None if value is None else np.full_like(value, np.nan)
        for name, value in last.__dict__.items()
        if name not in ("step", "epoch")
    }
    ended = type(last)(**{**last.__dict__, **nothing, "step": last.step + 1})
    tested = [np.median(m.test_accuracy) for m in measured if m.test_accuracy is not None]
    for size in (1, 5, len(measured) + 1):
        run = store.run(in_blocks(store, [*measured, ended], size))
        assert (run.last_accuracy, run.last_angle_deg) == (None, None)
        assert run.best_accuracy == pytest.approx(max(tested), abs=1e-6)


def test_a_run_without_measurements_has_no_summary(store: Store) -> None:
    run = store.create_run(RunConfig())
    assert [getattr(run, name) for name in SUMMARY] == [None] * 3


def test_an_older_database_is_summed_up_as_a_new_one(
    tmp_path: Path, measured: list[Measurement]
) -> None:
    url = f"sqlite:///{tmp_path / 'old.sqlite'}"
    with Store(url) as store:
        run_id = in_blocks(store, measured, 5)
        store.append(run_id, "w", [Draft.diverged(9, [9, None, None])], LEASE_S)
        store.create_run(RunConfig(dataset="spirals"), "Übung 7")
        before = store.runs()
    engine = create_engine(url)
    added = ("note", "tags", "words", "dataset", "architecture", "replicates_left", *SUMMARY)
    added = (*added, "summed_up", "unstable_share", "unstable_step", "edits")
    with engine.begin() as connection:
        connection.execute(text("DROP INDEX runs_listed"))
        for column in (*added, "pinned", "deleted_at"):
            connection.execute(text(f"ALTER TABLE runs DROP COLUMN {column}"))
    engine.dispose()
    with Store(url) as store:
        assert store.runs() == before
        (found,), _ = store.keep.page(Listing(search="übung"))
        assert found.name == "Übung 7"
        where = (Condition("dataset", "=", "digits"), Condition("replicates_left", "<", 3.0))
        (found,), _ = store.keep.page(Listing(where=where))
        assert (found.id, found.pinned) == (run_id, False)


def test_what_a_database_holds_as_means_becomes_medians(
    tmp_path: Path, measured: list[Measurement]
) -> None:
    url = f"sqlite:///{tmp_path / 'means.sqlite'}"
    with Store(url) as store:
        run_id = in_blocks(store, measured, 5)
        before = store.run(run_id)
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE runs SET best_accuracy = 2, last_angle_deg = 180"))
        connection.execute(text("ALTER TABLE runs DROP COLUMN summed_up"))
    engine.dispose()
    with Store(url) as store:
        assert store.run(run_id) == before
    with engine.begin() as connection:  # and it is done once
        connection.execute(text("UPDATE runs SET last_angle_deg = 180"))
    engine.dispose()
    with Store(url) as store:
        assert store.run(run_id).last_angle_deg == 180


@pytest.fixture
def many(store: Store) -> Store:
    """Twelve runs: r0 to r11, of rates 0.01 to 0.12, two schemes, every third with an accuracy."""
    measurement = Trainer(RunConfig(hidden=(8,), evaluate_every=1, measure_every=1)).advance()
    assert measurement is not None
    for number in range(12):
        rate = round(0.01 * (number + 1), 2)
        scheme = "fa" if number % 2 else "bp"
        config = RunConfig(hidden=(8,), learning_rate=rate, scheme=scheme)
        run_id = store.create_run(config, f"r{number}").id
        assert store.claim("w", LEASE_S) is not None
        if number % 3 == 0:
            own = {**measurement.__dict__, "test_accuracy": np.full(4, number / 12)}
            block = Draft.measurements([type(measurement)(**own)], Progress(number, 0.0, 1.0))
            store.append(run_id, "w", [block], LEASE_S)
    return store


def names(store: Store, **listing: object) -> list[str]:
    return [run.name for run in store.keep.page(Listing(**listing))[0]]  # type: ignore[arg-type]


def test_a_page_has_its_place_and_the_count_of_all(many: Store) -> None:
    assert names(many, limit=3) == ["r11", "r10", "r9"]
    found, count = many.keep.page(Listing(limit=5, offset=10))
    assert ([run.name for run in found], count) == (["r1", "r0"], 12)
    assert many.keep.page(Listing(offset=50))[1] == 12
    assert many.keep.page(Listing(limit=12))[1] == 12


def test_what_is_empty_comes_last_either_way(many: Store) -> None:
    best = Listing.sorted_by("-best_accuracy")
    assert names(many, sort=best)[:5] == ["r9", "r6", "r3", "r0", "r11"]
    assert names(many, sort=Listing.sorted_by("best_accuracy"))[:5] == [
        "r0",
        "r3",
        "r6",
        "r9",
        "r11",
    ]
    many.keep.change([many.runs()[-1].id], Labels(pinned=True))
    assert names(many, sort=Listing.sorted_by("-pinned,-learning_rate"))[:2] == ["r0", "r11"]
    assert names(many, sort=Listing.sorted_by("scheme,number"))[:2] == ["r0", "r2"]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        (["learning_rate<=0.02"], ["r1", "r0"]),
        (["learning_rate>0.1", "scheme=FA"], ["r11"]),
        (["best_accuracy!=none", "best_accuracy<0.5"], ["r3", "r0"]),
        (["best_accuracy=none", "step!=0", "scheme=bp"], []),
        (["name^r1", "name!=r1"], ["r11", "r10"]),
        (["name$1", "name!~11"], ["r1"]),
        (["tags=week 3"], ["r4", "r2"]),
        (["tags!=none", "tags!=week 3"], ["r5"]),
        (["tags~WEEK"], ["r5", "r4", "r2"]),
        (["note~5 %"], ["r7"]),
        (["pinned=1"], ["r8"]),
        (["parent_id=none", "name=r1"], ["r1"]),
    ],
)
def test_conditions_choose(many: Store, where: list[str], found: list[str]) -> None:
    ids = {run.name: run.id for run in many.runs()}
    many.keep.change([ids["r2"], ids["r4"]], Labels(tags=["Week 3", "x"]))
    many.keep.change([ids["r5"]], Labels(tags=["week 33"]))
    many.keep.change([ids["r7"]], Labels(note="15 % better"))
    many.keep.change([ids["r8"]], Labels(pinned=True))
    assert names(many, where=tuple(map(Condition.read, where))) == found


def test_one_of_a_group_is_enough(many: Store) -> None:
    group = (Condition("name", "=", "r1"), Condition("learning_rate", ">", 0.11))
    assert names(many, where=(group,)) == ["r11", "r1"]
    assert names(many, where=((),)) == []


def test_a_search_looks_at_all_that_people_write(many: Store) -> None:
    ids = {run.name: run.id for run in many.runs()}
    many.keep.change([ids["r3"]], Labels(note="Überraschend gut", tags=["Straße"]))
    assert names(many, search="überr STRASSE") == ["r3"]
    assert names(many, search=ids["r6"]) == ["r6"]
    assert names(many, search="r1 nobody") == []
    many.append(ids["r3"], "w", [Draft.state(RunState.FINISHED, 3)], LEASE_S)
    assert names(many, search="gut") == ["r3"]


def test_a_name_that_follows_a_switch_is_found(store: Store) -> None:
    run = store.create_run(RunConfig(scheme="fa"))
    assert store.claim("w", LEASE_S) is not None
    store.append(run.id, "w", [Draft.control(12, "scheme", "fa", "bp")], LEASE_S)
    assert store.keep.page(Listing(search="→ BP at step 12"))[1] == 1


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"search": "s" * 201}, "search"),
        ({"limit": 0}, "limit"),
        ({"limit": 501}, "limit"),
        ({"offset": -1}, "offset"),
        ({"sort": (("colour", True),)}, "sort"),
    ],
)
def test_a_list_that_is_none_is_refused(given: dict[str, object], field: str) -> None:
    with pytest.raises(NotAllowed) as refused:
        Listing(**given)  # type: ignore[arg-type]
    assert refused.value.problem.field == field


@pytest.mark.parametrize(
    "condition", ["", "colour=red", "scheme<fa", "learning_rate~1", "learning_rate=x", "step>none"]
)
def test_a_condition_that_is_none_is_refused(condition: str) -> None:
    with pytest.raises(NotAllowed, match="where"):
        Condition.read(condition)


def test_the_share_of_the_latest_checkpoint_is_listed_filtered_and_sorted_by(many: Store) -> None:
    def computed(run_id: str, step: int, share: float) -> None:
        key = f"{run_id} {step} {share}"
        task = many.tasks.ask([Ask(key, "spectrum", {})])[key]
        assert many.tasks.claim("analyst", LEASE_S) is not None
        many.tasks.done(task.number, "another", b"", Unstable(run_id, step, 0.99))  # not its own
        many.tasks.done(task.number, "analyst", b"", Unstable(run_id, step, share))

    ids = {run.name: run.id for run in many.runs()}
    before = many.keep.revision()
    for name, step, share in (("r1", 20, 0.3), ("r1", 10, 0.8), ("r4", 0, 0.5), ("r4", 0, 0.25)):
        computed(ids[name], step, share)
    assert many.run(ids["r1"]).unstable_share == 0.3  # of a later step than what came after it
    assert many.run(ids["r2"]).unstable_share is None
    assert many.keep.revision() != before
    sort = Listing.sorted_by("-unstable_share")
    assert names(many, sort=sort)[:3] == ["r1", "r4", "r11"]
    assert names(many, where=(Condition.read("unstable_share>=0.3"),)) == ["r1"]
    assert len(names(many, where=(Condition.read("unstable_share=none"),))) == 10


def test_a_search_knows_scheme_and_data_as_whole_words(many: Store) -> None:
    run_id = next(run.id for run in many.runs() if run.scheme == "fa")
    many.keep.change([run_id], Labels(name="lighthouse"))
    for words, found in (("fa", True), ("FA digits 8", True), ("dfa", False), ("spirals", False)):
        assert bool(names(many, search=f"lighthouse {words}")) is found
