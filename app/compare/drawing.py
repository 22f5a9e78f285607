"""A comparison drawn: the figure of each of its charts."""

from __future__ import annotations

from typing import Any

from app.compare.comparison import Comparison
from app.compare.lines import Panel
from app.compare.selection import AXES, Selection
from app.figures.comparison import Frame, panel_figure


def figure_of(
    panel: Panel, comparison: Comparison, selection: Selection, theme: str | None
) -> dict[str, Any]:
    """The chart of a panel."""
    frame = Frame(
        key=panel.key,
        title=panel.title,
        unit=panel.measure.unit,
        across=AXES[selection.x].lower(),
        extent=comparison.extent,
        log=panel.measure.name in selection.log,
        log_x="x" in selection.log,
        band=selection.replicates != "none",
        going=comparison.going,
        revision=f"{selection.x}/{selection.align}/{selection.log}",
    )
    return panel_figure(frame, panel.lines, comparison.names, comparison.paints, theme)
