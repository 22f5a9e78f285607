"""Lists of runs: searched, filtered and sorted by the database, a page at a time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, func, not_, or_, select

from app.store.tables import runs
from fa_engine import NotAllowed

MOST = 500
"""Runs of one page."""

TEXTS = ("name", "note", "tags", "state", "scheme", "dataset", "architecture", "id", "parent_id")
NUMBERS = (
    "number",
    "learning_rate",
    "best_accuracy",
    "last_accuracy",
    "last_angle_deg",
    "unstable_share",
    "step",
    "total_steps",
    "trained_s",
    "replicates_left",
    "created_at",
    "ended_at",
    "pinned",
)
COLUMNS = (*TEXTS, *NUMBERS)
"""What a list can be sorted and filtered by."""

TEXT_TESTS = ("=", "!=", "~", "!~", "^", "$")
"""Is, is not, contains, does not, begins with, ends with; capitals count as small letters."""
NUMBER_TESTS = ("=", "!=", "<", "<=", ">", ">=")

_WHOLE_WORDS = ("scheme", "dataset", "architecture")  # a search for fa is none for dfa
_LONGEST = 200  # letters of a search
_FAR = 10**9
_CONDITION = re.compile(r"([a-z_]+)\s*(!=|<=|>=|!~|[=<>~^$])\s*(.*)", re.DOTALL)
_EITHER = ("", "none")  # an empty cell, as a condition writes it


@dataclass(frozen=True)
class Condition:
    """What a run of a list has to meet: ``Condition("scheme", "=", "fa")``.

    Attributes:
        column: one of :data:`COLUMNS`.
        test: of :data:`TEXT_TESTS` or :data:`NUMBER_TESTS`.
        value: held against; None: an empty cell, with ``=`` and ``!=``.

    Raises:
        fa_engine.NotAllowed: one of them is something else.
    """

    column: str
    test: str
    value: str | float | None

    def __post_init__(self) -> None:
        tests = TEXT_TESTS if self.column in TEXTS else NUMBER_TESTS
        if self.column not in COLUMNS:
            raise NotAllowed("where", self.column, "a column: " + ", ".join(COLUMNS))
        if self.test not in tests or (self.value is None and self.test not in ("=", "!=")):
            raise NotAllowed("where", self.test, f"for {self.column} one of " + " ".join(tests))
        if self.column in NUMBERS and isinstance(self.value, str):
            raise NotAllowed("where", self.value, f"a number for {self.column}")

    @classmethod
    def read(cls, text: str) -> Condition:
        """Of ``best_accuracy>=0.9``, ``scheme=fa``, ``note~retry``, ``parent_id=none``.

        Raises:
            fa_engine.NotAllowed: it is none of the kind.
        """
        found = _CONDITION.fullmatch(text.strip())
        if not found:
            raise NotAllowed(
                "where", text, "a column, a test and a value, such as best_accuracy>=0.9"
            )
        column, test, value = found.groups()
        if value in _EITHER:
            return cls(column, test, None)
        if column not in NUMBERS:
            return cls(column, test, value)
        try:
            return cls(column, test, float(value))
        except ValueError:
            raise NotAllowed("where", value, f"a number for {column}") from None


AnyOf = tuple[Condition, ...]
"""Conditions of which one has to be met."""


@dataclass(frozen=True)
class Listing:
    """Which runs, in which order, and which page of them.

    Attributes:
        search: words that all have to be in name, note, tags or id, or be the scheme, the data set
            or the layers, in any order.
        where: conditions that all have to be met, or groups of which one has to.
        sort: columns, each with whether the greatest come first; then the newest come first. Empty
            cells come last either way.
        offset, limit: the page.
        deleted: of the deleted runs instead, which can be restored.

    Raises:
        fa_engine.NotAllowed: a message names what is wrong.
    """

    search: str = ""
    where: tuple[Condition | AnyOf, ...] = ()
    sort: tuple[tuple[str, bool], ...] = ()
    offset: int = 0
    limit: int = 100
    deleted: bool = False

    def __post_init__(self) -> None:
        if len(self.search) > _LONGEST:
            raise NotAllowed("search", self.search[:40] + "…", f"at most {_LONGEST} letters")
        if not 0 <= self.offset <= _FAR:
            raise NotAllowed("offset", self.offset, f"a whole number from 0 to {_FAR:,}")
        if not 1 <= self.limit <= MOST:
            raise NotAllowed("limit", self.limit, f"a whole number from 1 to {MOST}")
        for name, _ in self.sort:
            if name not in COLUMNS:
                raise NotAllowed(
                    "sort", name, "columns, a minus before what falls: " + ", ".join(COLUMNS)
                )

    @classmethod
    def sorted_by(cls, text: str) -> tuple[tuple[str, bool], ...]:
        """``-best_accuracy,name`` as :attr:`sort` has it."""
        names = [name.strip() for name in text.split(",") if name.strip()]
        return tuple((name.removeprefix("-"), name.startswith("-")) for name in names)


def chosen(listing: Listing) -> ColumnElement[bool]:
    """Which runs a list has."""
    deleted = runs.c.deleted_at
    parts: list[ColumnElement[bool]] = [
        deleted.is_not(None) if listing.deleted else deleted.is_(None),
        runs.c.study_id.is_(None),  # those are listed with their study
    ]
    parts += [
        or_(
            runs.c.words.contains(word, autoescape=True),
            *(runs.c[name] == word for name in _WHOLE_WORDS),
        )
        for word in listing.search.casefold().split()
    ]
    for group in listing.where:
        parts.append(
            _met(group) if isinstance(group, Condition) else or_(false(), *map(_met, group))
        )
    return and_(*parts)


def page(listing: Listing, *columns: Any) -> Select[Any]:
    """The query for a page of a list."""
    # The narrow rows are sorted, the wide ones fetched for the page alone.
    numbers = (
        select(runs.c.number)
        .where(chosen(listing))
        .order_by(*_order(listing))
        .offset(listing.offset)
        .limit(listing.limit)
        .subquery()
    )
    found = select(*columns).join(numbers, runs.c.number == numbers.c.number)
    return found.order_by(*_order(listing))


def _order(listing: Listing) -> list[ColumnElement[Any]]:
    order: list[ColumnElement[Any]] = []
    for name, falling in listing.sort:
        column: ColumnElement[Any] = runs.c[name]
        if name in ("name", "note", "tags"):
            column = func.lower(column)
        direction = column.desc() if falling else column.asc()
        # An index gives no order with what is empty last, and these never are.
        order.append(direction if name in ("pinned", "number") else direction.nulls_last())
    if all(name != "number" for name, _ in listing.sort):
        order.append(runs.c.number.desc())
    return order


def _met(condition: Condition) -> ColumnElement[bool]:
    column: ColumnElement[Any] = runs.c[condition.column]
    value = condition.value
    if value is None:
        empty = column.is_(None) if condition.column in NUMBERS else func.coalesce(column, "") == ""
        return empty if condition.test == "=" else not_(empty)
    if condition.column == "pinned":
        column, value = func.coalesce(column, false()), bool(value)
    if isinstance(value, str):
        return _text_met(condition.column, condition.test, value)
    match condition.test:
        case "=":
            return column == value
        case "!=":
            return or_(column != value, column.is_(None))
        case "<":
            return column < value
        case "<=":
            return column <= value
        case ">":
            return column > value
    return column >= value


def _text_met(name: str, test: str, value: str) -> ColumnElement[bool]:
    column = func.lower(func.coalesce(runs.c[name], ""))
    value = value.lower()
    if name == "tags" and test in ("=", "!="):  # one of them, whole
        tag = f"\n{value}\n"
        found: ColumnElement[bool] = column.contains(tag, autoescape=True)
        return found if test == "=" else not_(found)
    match test:
        case "=":
            return column == value
        case "!=":
            return column != value
        case "~":
            return column.contains(value, autoescape=True)
        case "!~":
            return not_(column.contains(value, autoescape=True))
        case "^":
            return column.startswith(value, autoescape=True)
    return column.endswith(value, autoescape=True)
