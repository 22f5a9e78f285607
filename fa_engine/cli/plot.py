"""A run as a picture that is saved: loss, accuracy and gradient angles over its steps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fa_engine.cli.outputs import Trained, through
from fa_engine.cli.show import words_of
from fa_engine.colours import layer_colour
from fa_engine.measures.catalogue import MEASURES
from fa_engine.spread import HIGH, LOW, quantiles

INK, SOFT, _GRID, _LINE = "#212529", "#606870", "#e4e7eb", "#1971c2"
STYLE: Any = {
    "font.size": 9,
    "axes.edgecolor": SOFT,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "grid.color": _GRID,
    "legend.frameon": False,
    "svg.fonttype": "none",  # words stay words
    "svg.hashsalt": "fa_engine",  # the same file for the same run
    "xtick.color": SOFT,
    "ytick.color": SOFT,
}
"""Of every picture that the command line saves."""

_MADE_AT = {"svg": "Date", "pdf": "CreationDate"}
_LEGEND_MOST = 12  # layers that are named; of more the first and the last


def draw(run: Trained, path: Path) -> None:
    """Writes it, SVG, PDF or PNG as its name ends: medians as lines, bands the central 80 % of the
    networks, the test set dashed, layers from dark (bottom) to light.

    Raises:
        OSError: it cannot be written; an older one there stays.
    """
    series, config = run.collected.series(), run.collected.config
    step = series["step"]
    layers = series["gradient_angle_deg"].shape[2]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.5, 7.5 if layers else 5.2), layout="constrained")
        figure.suptitle(words_of(config), fontsize=10, color=INK)
        panels = figure.subplots(3 if layers else 2, 1, sharex=True)
        for panel, name in zip(panels[:2], ("loss", "accuracy"), strict=True):
            _band(panel, step, series[name], _LINE, "-", "training batch")
            tested = ~np.isnan(series[f"test_{name}"]).all(axis=1)
            _band(panel, step[tested], series[f"test_{name}"][tested], INK, "--", "test set")
            panel.set_ylabel(MEASURES[name].title)
            panel.legend(loc="best")
        panels[0].set_yscale("log")
        panels[1].yaxis.set_major_formatter(percent())
        if layers:
            _angles(panels[2], step, series["gradient_angle_deg"])
        panels[-1].set_xlabel("Step")
        figure.align_ylabels()
        save(figure, path)


def save(figure: Figure, path: Path) -> None:
    """Writes a figure, the same file for the same figure.

    Args:
        figure: made in :data:`STYLE`, which is still in force.
        path: its suffix says as what.

    Raises:
        OSError: it cannot be written; an older one there stays.
    """
    kind = path.suffix[1:].lower()
    metadata = {_MADE_AT[kind]: None} if kind in _MADE_AT else {}
    through(path, lambda scratch: figure.savefig(scratch, format=kind, metadata=metadata, dpi=150))


def _angles(panel: Axes, step: NDArray[Any], angles: NDArray[Any]) -> None:
    layers = angles.shape[2]
    for layer in range(layers):
        named = layers <= _LEGEND_MOST or layer in (0, layers - 1)
        colour = "#{:02x}{:02x}{:02x}".format(*layer_colour(layer, layers))
        label = f"layer {layer + 1}" if named else ""
        _band(panel, step, angles[:, :, layer], colour, "-", label)
    panel.axhline(90, color=SOFT, linewidth=0.8, linestyle=":")
    panel.set_ylim(0, 180 if np.nanmax(angles, initial=0) > 100 else 100)
    panel.set_yticks(range(0, 181 if panel.get_ylim()[1] > 100 else 91, 30))
    panel.set_ylabel("Gradient angle (degrees)")
    panel.legend(loc="best", ncols=min(layers, 4))


def _band(
    panel: Axes, step: NDArray[Any], values: NDArray[Any], colour: str, line: str, label: str
) -> None:
    """Median and central 80 % of ``values`` ``(T, R)``."""
    low, middle, high = quantiles(values, (LOW, 0.5, HIGH))
    panel.plot(step, middle, line, color=colour, linewidth=1.4, label=label or None)
    if values.shape[1] > 1:
        panel.fill_between(step, low, high, color=colour, alpha=0.18, linewidth=0)


def percent() -> Callable[[float, float], str]:
    """Writes a share at a tick of an axis."""
    return lambda share, _place: f"{100 * share:.4g} %"
