"""What the Studies page is put together from: the list, the form, how far a study is, its best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import dash_mantine_components as dmc
import numpy as np
from dash import dcc, html
from dash.development.base_component import Component

from app.address import text_of
from app.components import address, aria, drives
from app.components.study_address import Looked
from app.figures.study import Correlation, Dots, Scale
from app.store import RunState, Study
from app.studies import READY, VALUES, Cell, Plan, Told
from fa_engine import SCHEMES, RunConfig
from fa_engine.config import listed_fields
from fa_engine.memory import in_words

ROWS = 8
"""Fields that the form has room for."""

_BEST = 10
_WORDS = {
    "queued": "waiting",
    "running": "training",
    "gone": "deleted",
}


def title_of(name: str) -> str:
    """What a page calls a field."""
    return str(RunConfig.model_fields[name].title)


def scale_of(name: str) -> Scale:
    """How a value is drawn."""
    value = VALUES[name]
    return Scale(name, value.title, value.unit, value.log, value.shown)


def dots_of(told: Told) -> list[Dots]:
    """The cells of a study as its figures take them."""
    return [
        Dots(
            cell=_named(told, cell),
            run_id=cell.run_id or "",
            fields={name: text_of(getattr(cell.config, name)) for name in told.varied},
            numbers={
                name: float(value)
                for name in told.varied
                if isinstance(value := getattr(cell.config, name), int | float)
                and not isinstance(value, bool)
            },
            values=cell.values,
            networks=cell.config.replicates,
            lost=cell.lost,
            ended=cell.state is None or cell.state.ended,
        )
        for cell in told.cells
    ]


def studies_list(
    studies: Sequence[Study], states: Mapping[str, Sequence[tuple[RunState, int, int]]], chosen: str
) -> list[Component]:
    """All studies, each a link, with how far it is."""
    return [
        dmc.Anchor(
            [
                html.Span(study.title, className="claim-title", dir="auto"),
                html.Span(
                    f"{study.cells:,} cells, {_how_far(states.get(study.id, ()))}, "
                    + datetime.fromtimestamp(study.created_at).strftime("%Y-%m-%d %H:%M"),
                    className="soft",
                ),
            ],
            href=address(f"/studies?study={study.id}"),
            underline="never",
            className="claim here" if study.id == chosen else "claim",
        )
        for study in studies
    ]


def _how_far(runs: Sequence[tuple[RunState, int, int]]) -> str:
    if not runs:
        return "its runs are deleted"
    if all(state.ended for state, _, _ in runs):
        return "ended"
    if all(state in (RunState.PAUSED, RunState.FINISHED, RunState.STOPPED) for state, _, _ in runs):
        return "paused"
    share = sum(step for _, step, _ in runs) / max(1, sum(total for _, _, total in runs))
    return f"{100 * share:.0f} %"


def ready_buttons() -> Component:
    """Studies that are ready: each fills the form."""
    return html.Div(
        [
            dcc.Link(
                [html.Strong(ready.title), html.Span(ready.text)],
                href=address(
                    "/studies"
                    + Looked(
                        fields=ready.fields, measure=ready.measure, against=ready.against
                    ).search()
                ),
                className="ready-study",
                id=f"studies-ready-{name}",
            )
            for name, ready in READY.items()
        ],
        className="ready-studies",
        role="group",
        **aria("Studies that are ready"),
    )


def rows() -> list[Component]:
    """Controls for the fields of a study: which, and what it takes."""
    fields = [{"value": name, "label": title_of(name)} for name in listed_fields(RunConfig)]
    return [
        html.Div(
            [
                dmc.Select(
                    id={"type": "study-field", "row": row},
                    data=fields,
                    value=None,
                    size="sm",
                    searchable=True,
                    clearable=True,
                    placeholder="a field",
                    comboboxProps={"shadow": "sm"},
                    **aria(f"Field {row + 1}"),
                ),
                dmc.TextInput(
                    id={"type": "study-values", "row": row},
                    value="",
                    size="sm",
                    debounce=400,
                    placeholder="0.01, 0.1 or log 0.01 1 5",
                    autoComplete="off",
                    **aria(f"Values of field {row + 1}"),
                ),
            ],
            id={"type": "study-row", "row": row},
            className="study-row",
        )
        for row in range(ROWS)
    ]


def preview_words(plan: Plan, *, extends: bool, workers: int) -> list[Component]:
    """What a study would train."""
    cells, runs = len(plan.configs), len(plan.runs)
    more = "further " if extends else ""
    together = "" if runs == cells else f" in {runs:,} run{'' if runs == 1 else 's'}"
    share = f" with {workers} workers" if workers > 1 else ""
    return [
        html.P(
            [
                html.Strong(f"{cells:,} {more}cells, {plan.networks:,} networks"),
                f"{together}; about {_duration(plan.seconds)}{share}, at most "
                f"{in_words(plan.n_bytes)} of memory at a time.",
            ]
        ),
        html.P(_values_words(plan), className="soft"),
    ]


def _values_words(plan: Plan) -> str:
    variation = plan.asked.variation(one_will_do=True)
    if variation.sampling != "grid":
        return f"{cells_word(len(plan.configs))} drawn among the values of " + ", ".join(
            title_of(name) for name in variation.varied
        )
    return "; ".join(
        f"{title_of(axis.name)} {', '.join(text_of(v) for v in axis.values)}"
        for axis in variation.axes
        if axis.name in variation.varied
    )


def cells_word(count: int) -> str:
    """``1 cell``, ``25 cells``."""
    return f"{count:,} cell{'' if count == 1 else 's'}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def state_words(told: Told) -> str:
    """How far a study is."""
    parts = [f"{count:,} {_WORDS.get(name, name)}" for name, count in told.states.items()]
    lost = sum(cell.lost > 0 for cell in told.cells)
    of_lost = f"; in {lost:,} of them networks diverged" if lost else ""
    return f"{cells_word(len(told.cells))}: {', '.join(parts)}{of_lost}"


def correlation_words(found: Correlation | None, across: Scale, up: Scale) -> str:
    """What a scatter says, as a number with its interval; or why it says nothing."""
    if found is None:
        return "A correlation takes eight cells or more, with both values, and two that differ."
    return (
        f"Rank correlation of {up.title} and {across.title}: {found.rank:.2f}, 95 % "
        f"[{found.low:.2f}, {found.high:.2f}] over {found.networks:,} networks of "
        f"{found.cells:,} cells (Spearman; whole cells are drawn again, seeds of one together)."
    )


def left_out_words(told: Told, names: Sequence[str]) -> str:
    """Networks that a chart cannot draw; empty where it draws all that have ended."""
    lost = sum(cell.lost for cell in told.cells)
    missing = 0
    for cell in told.cells:
        if cell.state is not None and cell.state.ended:
            there = [np.isfinite(cell.values.get(n, np.zeros(0))) for n in names]
            both = int(np.logical_and.reduce(there).sum()) if all(map(len, there)) else 0
            missing += cell.config.replicates - cell.lost - both
    parts = []
    if lost:
        parts.append(f"{lost:,} that diverged")
    if missing > 0:
        parts.append(f"{missing:,} that have no such value")
    return f"Not drawn: {' and '.join(parts)}." if parts else ""


def best_table(told: Told, measure: str, against: str) -> list[Component]:
    """The best cells, each with a link to the run that it is."""
    found = told.best(measure, _BEST)
    if not found:
        return [html.P("No cell has this value yet.", className="soft")]
    names = list(dict.fromkeys([measure, against]))
    head = [*(title_of(name) for name in told.varied), *(VALUES[n].title for n in names)]
    return [
        html.Table(
            [
                html.Thead(
                    html.Tr([html.Th("Cell"), *map(html.Th, head), html.Th("Networks left")])
                ),
                html.Tbody([_row(told, cell, names) for cell in found]),
            ],
            className="study-best",
        )
    ]


def _row(told: Told, cell: Cell, names: Sequence[str]) -> Component:
    label = f"{cell.number + 1}"
    first = dcc.Link(label, href=address(f"/?run={cell.run_id}")) if cell.run_id else label
    left = cell.config.replicates - cell.lost
    return html.Tr(
        [
            html.Td(first),
            *(html.Td(shown_field(name, getattr(cell.config, name))) for name in told.varied),
            *(html.Td(_with_range(cell, name)) for name in names),
            html.Td(f"{left} of {cell.config.replicates}"),
        ]
    )


def shown_field(name: str, value: Any) -> str:
    """The value of a field for people: options by their titles."""
    if name == "scheme" and value in SCHEMES:
        return SCHEMES[value].title
    return text_of(value) or "none"


def _with_range(cell: Cell, name: str) -> str:
    values, value = cell.of(name), VALUES[name]
    if not len(values):
        return "–"
    middle = value.shown(cell.middle(name))
    if len(values) == 1 or name == "diverged":
        return middle
    return f"{middle} ({value.shown(values.min())} to {value.shown(values.max())})"


def _named(told: Told, cell: Cell) -> str:
    own = ", ".join(
        f"{title_of(name)} {shown_field(name, getattr(cell.config, name))}" for name in told.varied
    )
    return f"cell {cell.number + 1}, {own}"


def value_select(name: str, label: str, value: str) -> Any:
    """Chooses a value that charts show."""
    return dmc.Select(
        id=f"studies-{name}",
        label=label,
        data=[{"value": one.name, "label": one.title} for one in VALUES.values()],
        value=value,
        size="sm",
        searchable=True,
        allowDeselect=False,
        comboboxProps={"shadow": "sm"},
    )


def field_select(name: str, label: str) -> Any:
    """Chooses a field that charts are over."""
    return dmc.Select(
        id=f"studies-{name}",
        label=label,
        data=[],
        value=None,
        size="sm",
        allowDeselect=False,
        comboboxProps={"shadow": "sm"},
    )


def act(title: str, **more: Any) -> Any:
    """One of the buttons that act on a whole study."""
    return dmc.Button(
        title, id=f"studies-{title.lower()}", size="sm", variant="default", **more, **drives()
    )
