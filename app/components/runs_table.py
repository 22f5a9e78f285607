"""The table of runs: its columns, its rows, and what the grid asks for in the store's words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import dash_ag_grid as dag

from app.divergence import state_class, state_words
from app.store import Condition, Listing, Run, UnreadableRun
from app.store.listing import NUMBERS, AnyOf
from app.store.naming import scheme_words, short
from fa_engine import NotAllowed

GRID = "runs-grid"
BLOCK = 100
"""Runs that the grid asks for at once."""

_BLOCKS_KEPT = 20
_PERCENT = 100.0
_ALWAYS = "name"


@dataclass(frozen=True)
class Column:
    """A column as a person sees it.

    Attributes:
        name: of the store's column that it is sorted and filtered by.
        title: above it.
        tip: what it says, where the title does not.
        width: in pixels.
        shown: at first.
        narrow: at first on a telephone.
        how: the function of assets/runs.js that writes its values.
        edited: whether it can be written into.
        scale: what a person reads is so many times what the store holds.
    """

    name: str
    title: str
    tip: str = ""
    width: int = 120
    shown: bool = True
    narrow: bool = False
    how: str = ""
    edited: bool = False
    scale: float = 1.0

    @property
    def numeric(self) -> bool:
        """Whether its values are numbers."""
        return self.name in NUMBERS


COLUMNS = (
    Column("name", "Name", width=300, narrow=True, edited=True),
    Column("state", "State", width=190, narrow=True),
    Column("scheme", "Scheme", "the one in force now", width=125),
    Column("dataset", "Data", width=110),
    Column("architecture", "Layers", "hidden layers from the input up", width=120),
    Column("learning_rate", "Rate", "learning rate in force now", width=90, how="number"),
    Column(
        "best_accuracy",
        "Best accuracy",
        "on the test set: the greatest median of the networks that were left",
        width=160,
        narrow=True,
        how="percent",
        scale=_PERCENT,
    ),
    Column(
        "last_accuracy",
        "Last accuracy",
        "on the test set: the last median of the networks that were left; empty where none is left",
        width=160,
        how="percent",
        scale=_PERCENT,
    ),
    Column(
        "last_angle_deg",
        "Last angle",
        "gradient angle of the bottom hidden layer, to which the error has the longest way: the "
        "last median of the networks that were left; empty where none is left",
        width=135,
        how="degrees",
    ),
    Column(
        "unstable_share",
        "Unstable share",
        "of the modes that decide stability, those below 0: of one network, at the latest "
        "checkpoint whose spectrum was asked for on the Stability page",
        width=160,
        how="percent",
        scale=_PERCENT,
    ),
    Column("step", "Steps", width=110, how="whole"),
    Column("trained_s", "Duration", "time of training, pauses left out", width=130, how="duration"),
    Column("replicates_left", "Networks left", "that are still finite", width=160, how="left"),
    Column("tags", "Tags", "with commas between them", width=150, edited=True),
    Column("note", "Note", width=240, edited=True),
    Column("parent_id", "Parent", "the run whose weights it began with", width=200),
    Column("created_at", "Started", "when it was queued", width=150, how="when", scale=1000.0),
    Column("id", "Id", "in addresses", width=120, shown=False),
)
"""In their first order."""

_BY_NAME = {column.name: column for column in COLUMNS}


def runs_grid(*, written: bool = True) -> Any:
    """The grid, which asks the server for its rows; ``written``: whether its cells may be."""
    return dag.AgGrid(
        id=GRID,
        rowModelType="infinite",
        columnDefs=[_definition(column, written=written) for column in COLUMNS],
        defaultColDef={
            "sortable": True,
            "resizable": True,
            "filter": "agTextColumnFilter",
            "floatingFilter": False,
            "minWidth": 70,
        },
        getRowId="params.data.id",
        className="runs-grid",
        style={"height": "100%", "width": "100%"},
        dashGridOptions={
            "theme": {"function": "FaRuns.theme(themeQuartz)"},
            "rowSelection": {
                "mode": "multiRow",
                "headerCheckbox": False,
                "checkboxes": True,
                "enableClickSelection": False,
            },
            "selectionColumnDef": {
                "headerName": "Tick",
                "pinned": "left",
                "width": 66,
                "resizable": False,
            },
            "cacheBlockSize": BLOCK,
            "maxBlocksInCache": _BLOCKS_KEPT,
            # Dash drops an answer that a newer question has overtaken: one at a time.
            "maxConcurrentDatasourceRequests": 1,
            "blockLoadDebounceMillis": 60,
            "infiniteInitialRowCount": 1,
            "animateRows": False,
            "enableCellTextSelection": True,
            "stopEditingWhenCellsLoseFocus": True,
            "undoRedoCellEditing": False,
            "tooltipShowDelay": 400,
            "suppressDragLeaveHidesColumns": True,
        },
    )


def _definition(column: Column, *, written: bool) -> dict[str, Any]:
    number = column.numeric
    definition: dict[str, Any] = {
        "field": column.name,
        "colId": column.name,
        "headerName": column.title,
        "width": column.width,
        "hide": not column.shown,
        "editable": column.edited and written,
        "headerTooltip": column.tip or column.title,
        "lockVisible": column.name == _ALWAYS,
        "filter": "agNumberColumnFilter" if number else "agTextColumnFilter",
        # The greatest first is what is looked for in numbers.
        "sortingOrder": ["desc", "asc", None] if number else ["asc", "desc", None],
    }
    if number:
        definition |= {"type": "rightAligned", "filterParams": {"maxNumConditions": 1}}
    if column.how:
        definition["valueFormatter"] = {"function": f"FaRuns.{column.how}(params.value, params)"}
    if column.name in ("name", "state", "parent_id"):
        definition["cellRenderer"] = f"FaRuns{column.name.partition('_')[0].capitalize()}"
    if column.name in ("note", "tags", "name"):
        definition["tooltipValueGetter"] = {"function": "FaRuns.cut(params.value)"}
        definition["cellEditor"] = "agTextCellEditor"
    if column.name in ("last_accuracy", "last_angle_deg"):
        definition["tooltipValueGetter"] = {"function": "FaRuns.median(params.data)"}
    if column.name == "note":
        definition["singleClickEdit"] = True
    if column.name == "created_at":
        definition["filter"] = False
    return definition


def row(run: Run, parents: Mapping[str, str]) -> dict[str, Any]:
    """A run as the grid holds it, in what a person reads.

    Args:
        run: which.
        parents: names of runs by id.
    """
    config = run.config
    return {
        "id": run.id,
        "name": run.name,
        "pinned": run.pinned,
        "state": state_words(run),
        "state_class": state_class(run),
        "going": not run.state.ended,
        "scheme": scheme_now(run),
        "dataset": config["dataset"],
        "architecture": "-".join(map(str, config["hidden"])),
        "learning_rate": run.learning_rate,
        "best_accuracy": _times(run.best_accuracy, _PERCENT),
        "last_accuracy": _times(run.last_accuracy, _PERCENT),
        "last_angle_deg": run.last_angle_deg,
        "unstable_share": _times(run.unstable_share, _PERCENT),
        "step": run.step,
        "total_steps": run.total_steps,
        "trained_s": run.trained_s,
        "replicates_left": run.diverged_at.count(None),
        "replicates": len(run.diverged_at),
        "tags": ", ".join(run.tags),
        "note": run.note,
        "parent_id": run.parent_id,
        "parent_name": parents.get(run.parent_id or "", ""),
        "parent_step": run.parent_step,
        "created_at": run.created_at * 1000.0,
    }


def scheme_now(run: Run) -> str:
    """What a run trains by now, in short."""
    if run.scheme == run.config["scheme"]:
        with suppress(UnreadableRun):
            return scheme_words(run.run_config())
    return short(run.scheme)


def asked(request: Mapping[str, Any], search: str | None, *, deleted: bool = False) -> Listing:
    """The list that the grid asks for; what is pinned comes first.

    Args:
        request: the grid's, with startRow, endRow, sortModel and filterModel.
        search: what is typed above it.
        deleted: whether the deleted runs are shown.

    Raises:
        fa_engine.NotAllowed: a filter is none that the store knows.
    """
    start, end = int(request.get("startRow") or 0), int(request.get("endRow") or BLOCK)
    sort = [(one["colId"], one["sort"] == "desc") for one in request.get("sortModel") or []]
    return Listing(
        search=search or "",
        where=tuple(conditions(request.get("filterModel") or {})),
        sort=(("pinned", True), *sort),
        offset=start,
        limit=max(1, end - start),
        deleted=deleted,
    )


_TEXT_TESTS = {
    "contains": "~",
    "notContains": "!~",
    "equals": "=",
    "notEqual": "!=",
    "startsWith": "^",
    "endsWith": "$",
}
_NUMBER_TESTS = {
    "equals": "=",
    "notEqual": "!=",
    "lessThan": "<",
    "lessThanOrEqual": "<=",
    "greaterThan": ">",
    "greaterThanOrEqual": ">=",
}


def conditions(model: Mapping[str, Any]) -> Iterable[Condition | AnyOf]:
    """The grid's filters as the store's conditions.

    Raises:
        fa_engine.NotAllowed: one is none that the store knows.
    """
    for name, filtered in model.items():
        parts = filtered.get("conditions") or [filtered]
        if filtered.get("operator") == "OR":
            found = [_of_part(name, part) for part in parts]
            if any(len(one) > 1 for one in found):  # a range is met where both its ends are
                raise NotAllowed("where", "inRange", "a range alone, no part of a choice")
            yield tuple(one for (one,) in found)
        else:
            for part in parts:
                yield from _of_part(name, part)


def _of_part(name: str, part: Mapping[str, Any]) -> list[Condition]:
    test, value = str(part.get("type")), part.get("filter")
    scale = _BY_NAME[name].scale if name in _BY_NAME else 1.0
    if test in ("blank", "notBlank"):
        return [Condition(name, "=" if test == "blank" else "!=", None)]
    if test == "inRange" and name in NUMBERS:
        ends = zip((">=", "<="), (value, part.get("filterTo")), strict=True)
        return [Condition(name, one, _number(name, end) / scale) for one, end in ends]
    if name in NUMBERS and test in _NUMBER_TESTS:
        return [Condition(name, _NUMBER_TESTS[test], _number(name, value) / scale)]
    if test in _TEXT_TESTS:
        return [Condition(name, _TEXT_TESTS[test], str(value))]
    raise NotAllowed("where", test, "a filter of the table")


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise NotAllowed("where", value, f"a number for {name}")
    return float(value)


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor
