"""The table of runs: what the grid asks for in the store's words, and what its cells hold."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from web_helpers import Script

from app.components.room_panel import deleted_words, freed_words, rule_asked, rule_words
from app.components.runs_table import COLUMNS, asked, conditions, row
from app.room import Freed, Taken, size_words
from app.server import WebApp
from app.store import Condition, Draft, Rule
from app.store.listing import COLUMNS as KNOWN
from fa_engine import NotAllowed, problems


def test_every_column_is_one_that_the_store_sorts_by() -> None:
    assert {column.name for column in COLUMNS} <= set(KNOWN)
    assert len({column.title for column in COLUMNS}) == len(COLUMNS)


def test_what_is_pinned_comes_first_and_then_what_a_person_chose() -> None:
    request = {
        "startRow": 200,
        "endRow": 300,
        "sortModel": [{"colId": "best_accuracy", "sort": "desc"}, {"colId": "name", "sort": "asc"}],
        "filterModel": {},
    }
    listing = asked(request, "lecture")
    assert listing.sort == (("pinned", True), ("best_accuracy", True), ("name", False))
    assert (listing.offset, listing.limit, listing.search) == (200, 100, "lecture")
    assert asked({}, None, deleted=True).deleted


@pytest.mark.parametrize(
    ("model", "found"),
    [
        (
            {"name": {"filterType": "text", "type": "contains", "filter": "FA"}},
            [Condition("name", "~", "FA")],
        ),
        (
            {"best_accuracy": {"filterType": "number", "type": "greaterThan", "filter": 90}},
            [Condition("best_accuracy", ">", 0.9)],  # percent above it, a share in the store
        ),
        (
            {"step": {"type": "inRange", "filter": 10, "filterTo": 20}},
            [Condition("step", ">=", 10.0), Condition("step", "<=", 20.0)],
        ),
        ({"note": {"type": "blank"}}, [Condition("note", "=", None)]),
        (
            {
                "tags": {
                    "operator": "OR",
                    "conditions": [
                        {"type": "equals", "filter": "a"},
                        {"type": "notBlank"},
                    ],
                }
            },
            [(Condition("tags", "=", "a"), Condition("tags", "!=", None))],
        ),
        (
            {
                "scheme": {
                    "operator": "AND",
                    "conditions": [
                        {"type": "startsWith", "filter": "d"},
                        {"type": "notEqual", "filter": "dkp"},
                    ],
                }
            },
            [Condition("scheme", "^", "d"), Condition("scheme", "!=", "dkp")],
        ),
    ],
)
def test_the_filters_of_the_grid_are_conditions(model: dict[str, Any], found: list[Any]) -> None:
    assert list(conditions(model)) == found


@pytest.mark.parametrize(
    "model",
    [
        {"colour": {"type": "contains", "filter": "red"}},
        {"step": {"type": "lessThan", "filter": "many"}},
        {"step": {"type": "contains", "filter": 3}},
        {
            "step": {
                "operator": "OR",
                "conditions": [{"type": "inRange", "filter": 1, "filterTo": 2}],
            }
        },
    ],
)
def test_a_filter_that_is_none_is_refused(model: dict[str, Any]) -> None:
    with pytest.raises(NotAllowed, match="where"):
        list(conditions(model))


def test_a_row_holds_what_a_person_reads(app: WebApp, script: Script) -> None:
    script.measure(count=20)
    script.write(Draft.control(20, "scheme", "fa", "bp"))
    script.write(Draft.diverged(21, [None, 21, None]))
    run = app.store.run(script.run.id)
    assert run.best_accuracy is not None
    found = row(run, {})
    assert found["best_accuracy"] == 100 * run.best_accuracy
    assert (found["replicates_left"], found["replicates"]) == (2, 3)
    assert (found["scheme"], found["architecture"]) == ("BP", "12-7")
    assert found["state"] == "running, 1 of 3 networks diverged"
    assert found["going"]
    # All that a column shows is in the row.
    assert {column.name for column in COLUMNS} <= set(found)


def test_room_is_said_in_words() -> None:
    assert [size_words(n) for n in (0, 999, 1_000, 3_240_000, 4e9, 2e12)] == [
        "0 bytes",
        "999 bytes",
        "1 kB",
        "3.24 MB",
        "4 GB",
        "2,000 GB",
    ]
    taken = dict.fromkeys(Taken.model_fields, 0)
    assert deleted_words(Taken(**taken)) == "No run is deleted."
    words = deleted_words(Taken(**taken | {"deleted": 2, "of_deleted": 5_000_000}))
    assert words == "2 deleted runs with 5 MB of checkpoints can be restored or removed."
    gone = Freed(runs=["a"], bytes=10**6, shrunk=False)
    assert freed_words(gone).startswith("1 run is gone for good, 1 MB freed. The database")
    said = rule_words(30, 700)
    assert "up to 30 MB" in said
    assert "more than 700 MB" in said
    assert "No checkpoints are kept" in rule_words(0, 700)


def test_what_is_typed_into_the_rule_is_a_number_or_refused() -> None:
    assert rule_asked(" 4,000 ", "") == Rule(checkpoint_mb=4000, checkpoint_total_mb=None)
    for typed in ("-1", "1.5", "1,5", "much", "1e3", "1000001", "9" * 20):
        with pytest.raises(ValidationError) as raised:
            rule_asked(typed, None)
        (problem,) = problems(raised.value)
        assert (problem.field, str(problem.value)) == ("checkpoint_mb", typed)
        assert problem.allowed == "a whole number from 0 to 1000000"
