"""What can be chosen on the Compare page: a control for each field of a selection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from app.compare import Selection
from app.compare.selection import ALIGNED, AXES, FIELDS, REPLICATES
from app.components import aria, drives
from app.components.share import copy_link
from app.store import Report, Run
from app.store.texts import isolated
from fa_engine.measures.catalogue import MEASURES

CHOSEN = ("measures", "x", "align", "colour", "group", "replicates", "smoothing", "log", "layers")
"""Fields of a selection that have a control, in the order of the page."""

GOING = ("pause", "resume", "step", "stop", "reset")
"""What can be done to all runs at once."""

_COLOURS = {"auto": "what differs: scheme or run", "run": "run"}


def control_id(name: str) -> str:
    """The id of the control of a field."""
    return f"compare-{name}"


def controls() -> Component:
    """Everything but the runs."""
    begin = shown_values(Selection())
    fields = {name: str(Selection.model_fields[name].title) for name in CHOSEN}

    def select(name: str, options: dict[str, str], **more: Any) -> Any:
        return dmc.Select(
            id=control_id(name),
            label=fields[name],
            data=_options(options),
            value=begin[name],
            size="sm",
            allowDeselect=False,
            comboboxProps={"shadow": "sm"},
            **more,
        )

    measures = {name: row.title for name, row in MEASURES.items()}
    grouped = {"": "nothing"} | FIELDS
    return html.Div(
        [
            html.Div(
                dmc.MultiSelect(
                    id=control_id("measures"),
                    label=fields["measures"],
                    data=_options(measures),
                    value=begin["measures"],
                    size="sm",
                    searchable=True,
                    comboboxProps={"shadow": "sm"},
                ),
                className="compare-wide",
            ),
            select("x", AXES),
            select("colour", _COLOURS | FIELDS, searchable=True),
            select("group", grouped, searchable=True),
            select("replicates", REPLICATES),
            html.Div(
                [
                    html.Div(fields["smoothing"], className="compare-label"),
                    dmc.Slider(
                        id=control_id("smoothing"),
                        value=0,
                        min=0,
                        max=0.99,
                        step=0.01,
                        size="sm",
                        updatemode="mouseup",
                        thumbLabel=fields["smoothing"],
                    ),
                ],
            ),
            html.Details(
                [
                    html.Summary("More"),
                    html.Div(
                        [
                            html.Div(
                                dmc.MultiSelect(
                                    id=control_id("log"),
                                    label=fields["log"],
                                    data=_options({"x": "across"} | measures),
                                    value=begin["log"],
                                    size="sm",
                                    comboboxProps={"shadow": "sm"},
                                ),
                                className="compare-wide",
                            ),
                            select("align", ALIGNED),
                            dmc.TextInput(
                                id=control_id("layers"),
                                label=fields["layers"],
                                placeholder="all",
                                value="",
                                size="sm",
                                debounce=600,
                                autoComplete="off",
                            ),
                        ],
                        className="compare-controls",
                    ),
                ],
                className="compare-more",
            ),
        ],
        className="compare-controls",
        role="group",
        **aria("What is drawn"),
    )


def shown_values(selection: Selection) -> dict[str, Any]:
    """What the controls show, by field."""
    return {
        "measures": list(selection.measures),
        "x": selection.x,
        "align": selection.align,
        "colour": selection.colour,
        "group": selection.group or "",
        "replicates": selection.replicates,
        "smoothing": selection.smoothing,
        "log": list(selection.log),
        "layers": ",".join(map(str, selection.layers)),
    }


def from_controls(values: dict[str, Any]) -> dict[str, Any]:
    """The fields that the controls say, as a selection takes them."""
    layers = [part.strip() for part in str(values["layers"] or "").split(",") if part.strip()]
    return values | {
        "group": values["group"] or None,
        "layers": layers,
        "measures": tuple(values["measures"] or ()),
        "log": tuple(values["log"] or ()),
    }


def run_options(runs: Sequence[Run], chosen: Sequence[str]) -> list[dict[str, str]]:
    """Runs that can be added, the newest first."""
    return [
        {"value": run.id, "label": f"{isolated(run.name)} · {run.state.value} · {run.id}"}
        for run in runs
        if run.id not in chosen
    ]


def going_buttons() -> Component:
    """What acts on every run that goes on."""
    return html.Div(
        [
            *(
                dmc.Button(
                    name.capitalize(),
                    id=control_id(name),
                    variant="default",
                    size="sm",
                    disabled=True,
                    **drives(),
                )
                for name in GOING
            ),
            html.Span(id="compare-turns", className="soft", role="status"),
            html.Div(className="spring"),
            _report_menu(),
            copy_link(),
        ],
        className="compare-going",
        role="group",
        **aria("All runs that are shown"),
    )


def _report_menu() -> Any:
    """Puts the charts that are shown into a report; the list is made with the page."""
    return dmc.Menu(
        [
            dmc.MenuTarget(
                dmc.Button(
                    "Report",
                    id="compare-report",
                    variant="default",
                    size="sm",
                    rightSection=html.Span(className="caret"),
                )
            ),
            dmc.MenuDropdown(html.Div(id="compare-reports", className="runs-list")),
        ],
        position="bottom-end",
        width=300,
        shadow="sm",
        withinPortal=False,
    )


def report_items(found: Sequence[Report], every: str) -> list[Component]:
    """What that menu holds: a new report, those that there are, and all of them at ``every``."""

    def item(to: str, *words: str) -> Any:
        id_ = {"type": "report-to", "report": to}
        return dmc.MenuItem(list(words), id=id_, n_clicks=0, **drives())

    return [
        item("new", "A new report of these charts"),
        *(item(report.id, f"Add them to “{report.title}”") for report in found),
        dmc.MenuDivider(),
        dmc.MenuItem("All reports", href=every),
    ]


def _options(titles: dict[str, str]) -> list[dict[str, str]]:
    return [{"value": name, "label": title} for name, title in titles.items()]
