"""An experiment as a picture that is saved: what its arms measured, and how each network voted."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from fa_engine.cli.plot import INK, SOFT, STYLE, percent, save
from fa_engine.measures.catalogue import MEASURES
from fa_engine.studies.curves import Curve
from fa_engine.studies.outcome import Answer, Outcome, with_unit

# Of arms: those of Okabe and Ito, which colour-blind readers tell apart, the lightest left out.
_ARMS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#000000")
_LAYERS: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1.2, 1.2)), (0, (5, 2, 1, 2)))
_WIDTH, _ACROSS = 11.0, 3  # inches, and panels side by side
_CURVES, _VOTES = 2.7, 1.25  # inches of a row
_LETTERS = 120  # of a title's line
_WIDE = 50  # times the smallest effect: from there on a logarithmic axis shows them all
_SIDE = "#e7f0f8"


def draw(outcome: Outcome, path: Path) -> None:
    """Writes it, SVG, PDF or PNG as its name ends.

    Above, a panel for each measure: medians as lines, bands the central 80 % of the networks, a
    colour an arm, a kind of line a layer. Below, one for each prediction: a dot a network, the
    interval of their median as a bar, the bound dashed, the side that was predicted shaded.

    Args:
        outcome: of the experiment.
        path: where to.

    Raises:
        OSError: it cannot be written; an older one there stays.
    """
    shows, answers = outcome.experiment.shows, outcome.answers
    across = min(_ACROSS, len(shows))
    down = -(-len(shows) // across)
    heights = (0.75 + _CURVES * down, 0.2 + _VOTES * len(answers))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(_WIDTH, sum(heights)), layout="constrained")
        rows: Any = figure.subfigures(2, 1, height_ratios=heights)
        above, below = rows
        title = f"{outcome.experiment.title}: {outcome.verdict}"
        beside = f"{outcome.dataset}, {outcome.networks} networks of each arm"
        above.suptitle(f"{title}\n{beside}", fontsize=11, color=INK)
        panels = above.subplots(down, across, squeeze=False).flat
        for panel, measure in zip(panels, shows, strict=False):
            _curves(panel, measure, outcome)
        for panel in list(panels)[len(shows) :]:
            panel.set_axis_off()
        _legend(above, outcome)
        for panel, answer in zip(
            below.subplots(len(answers), 1, squeeze=False).flat, answers, strict=True
        ):
            _votes(panel, answer)
        save(figure, path)


def _curves(panel: Axes, measure: str, outcome: Outcome) -> None:
    """One measure of every arm."""
    row = MEASURES[measure]
    for colour, found in zip(_colours(outcome), outcome.curves.values(), strict=True):
        for curve in found:
            if curve["measure"] == measure:
                _line(panel, curve, colour, outcome.networks > 1)
    unit = " (°)" if row.unit == "°" else ""
    panel.set_title(f"{row.title}{unit}", fontsize=10, color=INK)
    panel.set_xlabel("Step")
    panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    if row.log:
        panel.set_yscale("log")
    if row.unit == "share":
        panel.yaxis.set_major_formatter(percent())
    if row.unit == "°":
        panel.axhline(90, color=SOFT, linewidth=0.8, linestyle=":")


def _line(panel: Axes, curve: Curve, colour: str, has_band: bool) -> None:
    low, middle, high = (np.array(curve[name], dtype=float) for name in ("low", "middle", "high"))
    style = _LAYERS[((curve["layer"] or 1) - 1) % len(_LAYERS)]
    panel.plot(curve["step"], middle, color=colour, linestyle=style, linewidth=1.3)
    if has_band:
        panel.fill_between(curve["step"], low, high, color=colour, alpha=0.13, linewidth=0)


def _legend(above: SubFigure, outcome: Outcome) -> None:
    """Arms by their colours and, where there are several, layers by their lines."""
    handles = [
        Line2D([], [], color=colour, linewidth=2.5, label=outcome.experiment.arms[name].title)
        for colour, name in zip(_colours(outcome), outcome.configs, strict=True)
    ]
    layers = {curve["layer"] or 1 for found in outcome.curves.values() for curve in found}
    if len(layers) > 1:
        handles += [
            Line2D([], [], color=SOFT, linestyle=style, label=f"layer {number}")
            for number, style in zip(sorted(layers), _LAYERS, strict=False)
        ]
    above.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 6))


def _votes(panel: Axes, answer: Answer) -> None:
    """One prediction: what each network says, and the rule."""
    prediction, finding = answer.prediction, answer.finding
    rule, values = prediction.rule, finding.values[np.isfinite(finding.values)]
    is_wide = bool(rule.bound > 0 and len(values) and values.min() > 0) and bool(
        max(values.max(), rule.bound) > _WIDE * min(values.min(), rule.bound)
    )
    if is_wide:
        panel.set_xscale("log")
    panel.plot(values, _heights(len(values)), "o", color=_ARMS[0], markersize=4.5, alpha=0.75)
    if finding.interval is not None:
        of = finding.interval
        panel.plot([of.low, of.high], [0, 0], color=INK, linewidth=3, solid_capstyle="butt")
        panel.plot([of.middle], [0], "|", color=INK, markersize=15, markeredgewidth=2)
    panel.axvline(rule.bound, color=_ARMS[1], linestyle="--", linewidth=1.3)
    left, right = _ends(values, rule.bound, is_wide)
    panel.axvspan(*((rule.bound, right) if rule.above else (left, rule.bound)), color=_SIDE)
    panel.set_xlim(left, right)
    panel.set_ylim(-1, 1)
    panel.set_yticks([])
    panel.grid(visible=False)
    panel.spines["left"].set_visible(False)
    panel.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _place: with_unit(value, prediction.unit))
    )
    panel.set_xlabel(textwrap.fill(prediction.of, _LETTERS))
    reason = f" ({finding.reason})" if finding.reason else ""
    title = f"{prediction.words}: {finding.verdict}{reason}"
    panel.set_title(textwrap.fill(title, _LETTERS), loc="left", fontsize=9, color=INK)


def _ends(values: NDArray[Any], bound: float, is_wide: bool) -> tuple[float, float]:
    """Of the axis, with some room beyond what stands on it."""
    if is_wide:
        found = np.log([*values, bound])
        room = 0.06 * np.ptp(found)
        return float(np.exp(found.min() - room)), float(np.exp(found.max() + room))
    found = np.array([*values, bound])
    room = 0.06 * np.ptp(found) or 0.5 * abs(bound) or 1.0
    return float(found.min() - room), float(found.max() + room)


def _heights(count: int) -> NDArray[Any]:
    """Of dots: clear of the bar of the interval, and the same in every picture."""
    rows = np.array([0.62, -0.45, 0.42, -0.65])
    found: NDArray[Any] = rows[np.arange(count) % len(rows)]
    return found


def _colours(outcome: Outcome) -> list[str]:
    return [_ARMS[number % len(_ARMS)] for number in range(len(outcome.configs))]
