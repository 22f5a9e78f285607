"""Reports are kept as they were put together, changed whole, deleted and brought back."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from app.store import Report, Store, UnknownReport

CHART = {"id": "a", "comparison": "runs=x", "panel": "loss", "text": "It falls."}


def test_a_report_is_made_changed_deleted_and_brought_back(store: Store) -> None:
    made = store.reports.create("First", [CHART])
    other = store.reports.create("Second", [])
    assert store.reports.report(made.id) == made
    assert made.charts == [CHART]
    changed = store.reports.change(made.id, lambda r: (r.title + " report", [*r.charts, CHART]))
    assert (changed.title, len(changed.charts)) == ("First report", 2)
    assert changed.created_at == made.created_at < changed.changed_at
    assert [report.id for report in store.reports.reports()] == [made.id, other.id]
    assert [report.id for report in store.reports.reports(limit=1)] == [made.id]
    store.reports.delete(made.id)
    assert store.reports.reports() == [other]
    for act in (store.reports.report, store.reports.delete):
        with pytest.raises(UnknownReport, match=made.id):
            act(made.id)
    assert store.reports.restore(made.id) == changed
    assert store.reports.restore(made.id) == changed  # it is there already
    with pytest.raises(UnknownReport, match="nobody"):
        store.reports.restore("nobody")


def test_what_fails_changes_nothing(store: Store) -> None:
    made = store.reports.create("First", [CHART])

    def fails(_report: Report) -> tuple[str, list[Any]]:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        store.reports.change(made.id, fails)
    assert store.reports.report(made.id) == made


def test_no_change_is_lost_among_many(store: Store) -> None:
    made = store.reports.create("0", [])

    def count() -> None:
        for _ in range(20):
            store.reports.change(made.id, lambda report: (str(int(report.title) + 1), []))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.reports.report(made.id).title == "80"
