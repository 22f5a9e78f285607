"""A comparison as the Compare page shows it: charts, tables, and what a live page is sent."""

from __future__ import annotations

from typing import Any

from dash import html
from dash.development.base_component import Component

from app.compare import Comparison, Panel, Selection, differing, figure_of, results
from app.compare.differences import shown
from app.compare.selection import AXES, FIELDS
from app.components import address, attributes, data
from app.components.charts import chart
from app.divergence import state_class, state_words
from app.figures.comparison import COMPARE_CONFIG
from app.figures.palette import css, palette
from app.store import Run


def charts(comparison: Comparison, selection: Selection, theme: str | None) -> list[Component]:
    """A chart a panel, with its sentence and a button that fills the screen with it."""
    return [
        html.Section(
            [
                html.Div(
                    [
                        html.H2(panel.title),
                        html.Span(panel.measure.unit, className="unit"),
                        html.Button(
                            "Full screen",
                            className="save-as full-button",
                            **data(full=_id(panel)),
                            **attributes(aria_label=f"{panel.title}: full screen"),
                        ),
                    ],
                    className="compare-head",
                ),
                html.P(panel.measure.text, className="compare-text"),
                chart(
                    _id(panel),
                    panel.title,
                    figure_of(panel, comparison, selection, theme),
                    class_name="compare-chart",
                    config=COMPARE_CONFIG,
                ),
            ],
            className="compare-panel",
            id=f"{_id(panel)}-box",
        )
        for panel in comparison.panels
    ]


def changed_panels(
    comparison: Comparison, selection: Selection, changed: set[str], theme: str | None
) -> dict[str, Any]:
    """What a page that shows the comparison is sent: of each panel the traces of those lines whose
    runs have news, by their place, with the names at the ends and the axes; and the runs."""
    keys = {key for key, ids in comparison.members.items() if changed & set(ids)}
    panels = {}
    for panel in comparison.panels:
        figure = figure_of(panel, comparison, selection, theme)
        traces = {}
        for place, trace in enumerate(figure["data"]):
            meta = trace["meta"]
            if meta.get("names"):
                traces[place] = {"y": trace["y"]}
            elif meta["line"] in keys:
                traces[place] = {"x": trace["x"], "y": trace["y"], "mode": trace["mode"]}
        layout = figure["layout"]
        panels[_id(panel)] = {
            "count": len(figure["data"]),
            "traces": traces,
            "axes": {name: layout[name] for name in ("xaxis", "yaxis")},
            "notes": layout["annotations"],
        }
    return {
        "panels": panels,
        "runs": [run_words(run) for run in comparison.runs],
        "going": comparison.going,
    }


def run_words(run: Run) -> dict[str, Any]:
    """What a chip says of a run."""
    return {
        "id": run.id,
        "state": state_words(run),
        "class": state_class(run),
        "step": f"step {run.step:,} of {run.total_steps:,}",
        "ended": run.state.ended,
    }


def chips(comparison: Comparison, theme: str | None) -> list[Component]:
    """The runs, each with its colour, its name as a link, its state, and a way out."""
    colours = palette(theme)
    key_of = {i: key for key, ids in comparison.members.items() for i in ids}
    found: list[Component] = []
    for run in comparison.runs:
        key = key_of[run.id]
        said = run_words(run)
        paint = comparison.paints[key]
        found.append(
            html.Li(
                [
                    _swatch(css(paint.colour(colours)), paint.dashed(colours)),
                    html.A(
                        comparison.names[key],
                        href=f"{address('/')}?run={run.id}",
                        title=run.name,
                        dir="auto",
                    ),
                    html.Span(
                        [html.Span(className=f"dot dot-{said['class']}"), said["state"]],
                        className="chip-state",
                    ),
                    html.Span(said["step"], className="chip-step"),
                    html.Button(
                        "×",
                        className="chip-out",
                        **data(out=run.id),
                        **attributes(aria_label=f"Leave out {run.name}"),
                    ),
                ],
                className="chip",
                **data(run=run.id, line=key),
            )
        )
    return found


def _swatch(colour: str, dash: str) -> Component:
    style = (
        "solid" if dash == "solid" else "dashed" if dash.startswith(("8", "1", "5")) else "dotted"
    )
    return html.Span(className="swatch", style={"borderTop": f"3px {style} {colour}"})


def differences(comparison: Comparison) -> dict[str, Any]:
    """A table of the fields that differ, a column a run; for assets/compare-numbers.js."""
    runs = comparison.runs
    found = differing(runs) if runs else {}
    if len(runs) < 2:
        return {"said": "With one run there is nothing that differs."}
    if not found:
        return {"said": "The configurations are the same in every field."}
    return {
        "name": "Fields that differ",
        "head": ["setting", *(_name(comparison, run) for run in runs)],
        "rows": [[FIELDS[name], *values] for name, values in found.items()],
    }


def result_table(comparison: Comparison, selection: Selection) -> dict[str, Any]:
    """Best, last and at-cursor value of each line, and the spread over its replicates.

    For assets/compare-numbers.js: twenty runs are a thousand cells, and as many components would
    keep the browser busy for seconds, every time. A row of two is a heading: words, and a unit.
    """
    rows = results(comparison.panels, comparison.names)
    if not rows:
        return {"said": "Nothing is measured yet."}
    across = AXES[selection.x].lower()
    cursor = "" if selection.cursor is None else f" {selection.cursor:,.6g}"
    told: list[list[str]] = []
    before = None
    for row in rows:
        unit = row["unit"]
        if row["measure"] != before:
            before = row["measure"]
            told.append([before, unit])
        at = "–" if row["best_at"] is None else f"{row['best_at']:,.6g}"
        told.append(
            [
                *(row["line"], shown(row["best"], unit), at),
                *(shown(row[name], unit) for name in ("last", "cursor")),
                *(shown(row[name], unit) for name in ("mean", "std", "min", "max")),
                _networks(row["left"], row["replicates"]),
            ]
        )
    head = [
        *("run", "best", f"at {across}", "last", f"at cursor{cursor}"),
        *("mean", "± std", "smallest", "largest", "networks"),
    ]
    return {"name": "Results", "head": head, "rows": told}


def _networks(left: int, of: int) -> str:
    return f"{of:,}" if left == of else f"{left:,} of {of:,} left"


def _name(comparison: Comparison, run: Run) -> str:
    key = next(key for key, ids in comparison.members.items() if run.id in ids)
    return comparison.names[key] if key == run.id else run.name


def _id(panel: Panel) -> str:
    return "compare-" + panel.key.replace("/", "-")
