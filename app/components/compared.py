"""A comparison as the Compare page shows it: charts, tables, and what a live page is sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from app.compare import Comparison, Panel, Selection, differing, figure_of, results
from app.compare.differences import shown
from app.compare.selection import AXES, FIELDS
from app.components import address, aria, attributes, data
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
                        comparison.names[key], href=f"{address('/')}?run={run.id}", title=run.name
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


def differences(comparison: Comparison) -> Component:
    """A table of the fields that differ, a column a run."""
    runs = comparison.runs
    found = differing(runs) if runs else {}
    if len(runs) < 2:
        return html.P("With one run there is nothing that differs.", className="soft")
    if not found:
        return html.P("The configurations are the same in every field.", className="soft")
    head = [
        html.Th("setting", scope="col"),
        *(html.Th(_name(comparison, r), scope="col") for r in runs),
    ]
    rows = [
        html.Tr([html.Th(FIELDS[name], scope="row"), *(html.Td(value) for value in values)])
        for name, values in found.items()
    ]
    return _table("Fields that differ", head, rows)


def result_table(comparison: Comparison, selection: Selection) -> Component:
    """Best, last and at-cursor value of each line, and the spread over its replicates."""
    rows = results(comparison.panels, comparison.names)
    if not rows:
        return html.P("Nothing is measured yet.", className="soft")
    across = AXES[selection.x].lower()
    cursor = "" if selection.cursor is None else f" {selection.cursor:,.6g}"
    titles = (
        *("run", "best", f"at {across}", "last", f"at cursor{cursor}"),
        *("mean", "± std", "smallest", "largest", "networks"),
    )
    head = [html.Th(title, scope="col") for title in titles]
    body = []
    before = None
    for row in rows:
        unit = row["unit"]
        if row["measure"] != before:
            before = row["measure"]
            words = [html.Th([before, " ", html.Span(unit, className="unit")], colSpan=len(titles))]
            body.append(html.Tr(words, className="table-part"))
        at = "–" if row["best_at"] is None else f"{row['best_at']:,.6g}"
        cells = [
            *(shown(row["best"], unit), at, shown(row["last"], unit), shown(row["cursor"], unit)),
            *(shown(row[name], unit) for name in ("mean", "std", "min", "max")),
            f"{row['replicates']:,}",
        ]
        body.append(
            html.Tr([html.Th(row["line"], scope="row"), *(html.Td(cell) for cell in cells)])
        )
    return _table("Results", head, body)


def _table(name: str, head: Sequence[Component], rows: Sequence[Component]) -> Component:
    return html.Div(
        html.Table([html.Thead(html.Tr(head)), html.Tbody(rows)], className="compare-table"),
        className="compare-scroll",
        role="region",
        tabIndex=0,
        **aria(name),
    )


def _name(comparison: Comparison, run: Run) -> str:
    key = next(key for key, ids in comparison.members.items() if run.id in ids)
    return comparison.names[key] if key == run.id else run.name


def _id(panel: Panel) -> str:
    return "compare-" + panel.key.replace("/", "-")
