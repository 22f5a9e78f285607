"""What the Studies page draws of a study, and what a click on it means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.address import text_of
from app.components import address
from app.components.lab_run import BLANK
from app.components.studies import (
    best_table,
    correlation_words,
    dots_of,
    left_out_words,
    scale_of,
    state_words,
    title_of,
)
from app.components.study_address import Looked
from app.figures.study import (
    MOST_LEVELS,
    correlation,
    heat_figure,
    lines_figure,
    parallel_figure,
    scatter_figure,
)
from app.studies import Told

GONE = {"display": "none"}
_CHARTS = ("heat", "lines", "scatter", "parallel")


def run_at(told: Told, look: dict[str, str], point: dict[str, Any]) -> str:
    """The run of the one cell that a box of the heat map shows; empty where it shows several."""
    found = [
        dots
        for dots in dots_of(told)
        if (dots.fields.get(look["x"]), dots.fields.get(look["y"]))
        == (str(point.get("x")), str(point.get("y")))
    ]
    return found[0].run_id if len(found) == 1 else ""


def fields_of(varied: Sequence[str], looked: Looked) -> tuple[str, str | None]:
    """The two fields that charts are over; None where only one varies."""
    x = looked.x if looked.x in varied else ""
    y = looked.y if looked.y in varied and looked.y != x else ""
    # The last of a grid changes fastest: it is the one that people think of as going across.
    x = x or next(name for name in reversed(varied) if name != y or len(varied) == 1)
    return x, y or next((name for name in varied if name != x), None)


def drawn(told: Told, looked: Looked, theme: str) -> dict[str, Any]:
    """All that the page shows of a study, by the part.

    Args:
        told: the study and what its cells have come to.
        looked: what its address says.
        theme: light or dark.
    """
    study, dots = told.study, dots_of(told)
    up, across = scale_of(looked.measure), scale_of(looked.against)
    part = study.varied["parts"][-1]
    texts = {name: _text(value) for name, value in part["fields"].items()}
    again = Looked(fields=texts, extend=study.id, sampling=part["sampling"])
    going = not told.ended
    paused = told.states.get("paused", 0) > 0
    to_pause = told.states.keys() & {"queued", "running"}
    parts: dict[str, Any] = {
        "title": study.title,
        "state": state_words(told),
        "progress": 100 * told.progress,
        "progress_style": {} if going else GONE,
        "export": address(f"/api/studies/{study.id}/export.csv"),
        "more": address("/studies" + again.search()),
        "pause": {} if to_pause else GONE,
        "resume": {} if paused or told.states.keys() & {"stopped", "interrupted"} else GONE,
        "stop": {} if going else GONE,
        "left_out": left_out_words(told, [looked.measure, looked.against]),
        "best": best_table(told, looked.measure, looked.against),
        "correlation": correlation_words(correlation(dots, across.name, up.name), across, up),
    }
    if not told.varied:  # cells of a study whose fields cannot be told any more
        return parts | dict.fromkeys(_CHARTS, BLANK) | {"heat_box": GONE}
    first, second = fields_of(told.varied, looked)
    x = (first, title_of(first))
    y = (second, title_of(second)) if second else None
    parts |= {"heat_box": {} if y else GONE, "heat": BLANK}
    if y and max(len({d.fields[name] for d in dots}) for name, _ in (x, y)) > MOST_LEVELS:
        y, parts["heat_box"] = None, GONE  # draws: every one has a value of its own
    if y:
        parts["heat"] = heat_figure(dots, x, y, up, theme, study.title)
    fields = {name: title_of(name) for name in told.varied}
    both = [up] if up.name == across.name else [up, across]
    return parts | {
        "lines": lines_figure(dots, x, y, up, theme, study.title),
        "scatter": scatter_figure(dots, across, up, y or x, theme, study.title),
        "parallel": parallel_figure(dots, fields, both, theme, study.title, study.id),
    }


def _text(value: Any) -> str:
    return "; ".join(map(text_of, value)) if isinstance(value, list | tuple) else text_of(value)
