"""Reports: charts with a paragraph beside each, as people have put them together."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.engine import Connection, Engine

from app.store.records import StoreError
from app.store.rows import new_id
from app.store.tables import reports

Chart = Mapping[str, Any]
"""A chart as it is kept; what is in it is :mod:`app.report`'s."""


@dataclass(frozen=True)
class Report:
    """A report as it is kept. Times are unix seconds."""

    id: str
    title: str
    charts: Sequence[Chart]
    created_at: float
    changed_at: float


class UnknownReport(StoreError):
    """There is no report of that id."""

    def __init__(self, report_id: str) -> None:
        super().__init__(f"There is no report {report_id!r}.")


class Reports:
    """All reports. Every method is one transaction."""

    def __init__(self, reader: Engine, writer: Engine) -> None:
        self._reader, self._writer = reader, writer

    def create(self, title: str, charts: Sequence[Chart]) -> Report:
        """Keeps a new one."""
        now = time.time()
        values: dict[str, Any] = {
            "id": new_id(),
            "title": title,
            "charts": [dict(chart) for chart in charts],
            "created_at": now,
            "changed_at": now,
        }
        with self._writer.begin() as connection:
            connection.execute(insert(reports).values(**values))
        return Report(**values)

    def report(self, report_id: str) -> Report:
        """One of them.

        Raises:
            UnknownReport: there is none of that id, or it is deleted.
        """
        with self._reader.connect() as connection:
            return _report(_found(connection, report_id))

    def reports(self, limit: int = 100) -> list[Report]:
        """Those changed last first."""
        query = select(reports).where(reports.c.deleted_at.is_(None))
        query = query.order_by(reports.c.changed_at.desc(), reports.c.number.desc()).limit(limit)
        with self._reader.connect() as connection:
            return [_report(row) for row in connection.execute(query)]

    def change(self, report_id: str, change: Callable[[Report], tuple[str, list[Any]]]) -> Report:
        """Puts the title and the charts that ``change`` makes of a report in place of its own.

        Nobody else changes it meanwhile. What ``change`` raises leaves it as it is.

        Raises:
            UnknownReport: there is none of that id, or it is deleted.
        """
        with self._writer.begin() as connection:
            title, charts = change(_report(_found(connection, report_id, lock=True)))
            values = {"title": title, "charts": charts, "changed_at": time.time()}
            where = reports.c.id == report_id
            connection.execute(update(reports).where(where).values(**values))
            return _report(_found(connection, report_id))

    def delete(self, report_id: str) -> None:
        """Deletes it; :meth:`restore` brings it back.

        Raises:
            UnknownReport: there is none of that id, or it is deleted.
        """
        with self._writer.begin() as connection:
            _found(connection, report_id, lock=True)
            where = reports.c.id == report_id
            connection.execute(update(reports).where(where).values(deleted_at=time.time()))

    def restore(self, report_id: str) -> Report:
        """Brings a deleted one back as it was; one that is not deleted stays as it is.

        Raises:
            UnknownReport: there is none of that id.
        """
        with self._writer.begin() as connection:
            where = reports.c.id == report_id
            connection.execute(update(reports).where(where).values(deleted_at=None))
            return _report(_found(connection, report_id))


def _found(connection: Connection, report_id: str, *, lock: bool = False) -> Row[Any]:
    there = (reports.c.id == report_id) & reports.c.deleted_at.is_(None)
    query = select(reports).where(there)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise UnknownReport(report_id)
    return row


def _report(row: Row[Any]) -> Report:
    return Report(row.id, row.title, row.charts, row.created_at, row.changed_at)
