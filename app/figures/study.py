"""Figures of a study: what its cells have come to, over what was varied."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from app.figures.look import axis, base, log_scale, picture, plain, words
from app.figures.palette import Palette, css, palette
from fa_engine.colours import mixed

_MOST_NUMBERS = 14  # columns of a heat map that have room for their numbers
_MOST_TICKS = 12
_TITLE_LETTERS = 10  # of a line of an axis's title: names are wider than axes are apart
_DASHES = ("solid", "8px,4px", "2px,3px", "10px,3px,2px,3px")
MOST_LEVELS = 24
"""Values of a field of which each has a line, a colour or a column of its own."""

_SYMBOLS = 8  # that plotly draws and a person tells apart
_RESAMPLED = 1000
_LEAST_CELLS = 8  # as many as decide anything in an experiment
_SEED = 2024
_SCALE = {"share": 100.0}
_SUFFIX = {"share": " %", "°": "°"}


@dataclass(frozen=True)
class Dots:
    """The networks of one cell.

    Attributes:
        cell: its name, for people.
        run_id: where a click leads; empty: nowhere.
        fields: texts of what is varied, by the field.
        numbers: the same as numbers, where they are some.
        values: ``(R,)`` by the name of the value; nan where there is none.
        networks: how many there are.
        lost: how many of them have diverged.
        ended: whether nothing will follow.
    """

    cell: str
    run_id: str
    fields: Mapping[str, str]
    numbers: Mapping[str, float]
    values: Mapping[str, NDArray[np.float64]]
    networks: int
    lost: int
    ended: bool

    def of(self, name: str) -> NDArray[np.float64]:
        """The values that there are."""
        found = self.values.get(name)
        return np.zeros(0) if found is None else found[np.isfinite(found)]

    @property
    def drawn_alike(self) -> tuple[tuple[str, str], ...]:
        """What it varies but the seed: cells that share it are draws of one configuration."""
        return tuple(pair for pair in self.fields.items() if pair[0] != "seed")


def middle(name: str, values: NDArray[np.float64]) -> float:
    """The median of values of networks, at least one; of what is a share of networks the mean."""
    return float(np.mean(values) if name == "diverged" else np.median(values))


@dataclass(frozen=True)
class Scale:
    """How a value is drawn.

    Attributes:
        name: of the value.
        title, unit: for people.
        log: whether a logarithmic axis suits it.
        shown: a number in words.
    """

    name: str
    title: str
    unit: str
    log: bool
    shown: Callable[[float], str]

    def drawn(self, values: Any) -> NDArray[np.float64]:
        """Values as an axis has them, shares in per cent."""
        return np.asarray(values, float) * _SCALE.get(self.unit, 1.0)

    def axis(self, colours: Palette, values: Any) -> dict[str, Any]:
        """An axis for these values."""
        suffix = _SUFFIX.get(self.unit, "")
        unit = f" ({self.unit})" if self.unit and not suffix else ""
        more: dict[str, Any] = {"ticksuffix": suffix}
        if self.log:
            more = log_scale(values)
        return axis(colours, f"{self.title}{unit}", **more)


def heat_figure(
    dots: Sequence[Dots],
    x: tuple[str, str],
    y: tuple[str, str],
    scale: Scale,
    theme: str | None,
    title: str,
) -> go.Figure:
    """The median of a value over two fields, a box a pair of values, with its number.

    Networks of all cells that share the pair count. A box of which every network has diverged has a
    cross, one that lost some says how many are left, and one that is not measured yet is empty.

    Args:
        dots: of all cells.
        x, y: names of the fields and their titles.
        scale: of the value.
        theme: light or dark.
        title: of the study.
    """
    colours = palette(theme)
    columns, rows = _levels(dots, x[0]), _levels(dots, y[0])
    found = {(c, r): _Box(scale, at) for (c, r), at in _boxes(dots, x[0], y[0]).items()}
    grid = [[found.get((c, r)) for c in columns] for r in rows]
    z = [[box.height if box else None for box in row] for row in grid]
    short = len(columns) <= _MOST_NUMBERS
    text = [[(box.number if short else box.mark) if box else "" for box in row] for row in grid]
    hover = [
        [
            box.told(f"{x[1]} {c}, {y[1]} {r}") if box else ""
            for c, box in zip(columns, row, strict=True)
        ]
        for r, row in zip(rows, grid, strict=True)
    ]
    pale = mixed(colours.panel, colours.accent, 0.04)
    bar: dict[str, Any] = {
        "thickness": 10,
        "outlinewidth": 0,
        "tickfont": {"color": css(colours.soft)},
        "ticksuffix": "" if scale.log else _SUFFIX.get(scale.unit, ""),
        **({"tickprefix": "10^"} if scale.log else {}),
    }
    trace = go.Heatmap(
        x=columns,
        y=rows,
        z=z,
        text=text,
        texttemplate="%{text}",
        hovertext=hover,
        hovertemplate="%{hovertext}<extra></extra>",
        colorscale=[[0, css(pale)], [1, css(colours.surface)]],
        textfont={"size": 13, "color": css(colours.ink)},
        xgap=2,
        ygap=2,
        colorbar=bar,
        showscale=not short,  # each box has its number
        hoverongaps=True,
    )
    lost = [
        words(
            "×",
            c,
            r,
            colours.unstable,
            xref="x",
            yref="y",
            xanchor="center",
            yanchor="middle",
            font={"size": 22, "color": css(colours.unstable)},
        )
        for r, row in zip(rows, grid, strict=True)
        for c, box in zip(columns, row, strict=True)
        if box and box.is_lost
    ]
    return go.Figure(
        trace,
        base(
            colours,
            meta=picture(f"{title}: {scale.title}"),
            margin={"l": 40, "r": 12, "t": 12, "b": 64},
            xaxis=axis(colours, x[1], type="category", showgrid=False),
            yaxis=axis(colours, y[1], type="category", showgrid=False, automargin=True),
            annotations=lost,
        ),
    )


def lines_figure(
    dots: Sequence[Dots],
    x: tuple[str, str],
    by: tuple[str, str] | None,
    scale: Scale,
    theme: str | None,
    title: str,
) -> go.Figure:
    """The median of a value along a field, a line a value of another one; the band reaches from the
    lowest network to the highest.

    Args:
        dots: of all cells.
        x: name of the field and its title.
        by: the same of the other one; None: one line.
        scale: of the value.
        theme: light or dark.
        title: of the study.
    """
    colours = palette(theme)
    levels = _levels(dots, x[0])
    at = _numbers(dots, x[0])
    by = by if by and len(_levels(dots, by[0])) <= MOST_LEVELS else None
    groups = _levels(dots, by[0]) if by else [""]
    traces: list[go.Scatter] = []
    seen: list[float] = []
    for number, group in enumerate(groups):
        own = [d for d in dots if not by or d.fields.get(by[0]) == group]
        found = [
            (level, np.concatenate(values))
            for level in levels
            if (
                values := [
                    v for d in own if d.fields.get(x[0]) == level and len(v := d.of(scale.name))
                ]
            )
        ]
        if not found:
            continue
        ink = _ink(colours, by[0] if by else "", group, number)
        places = [at[level] if at else level for level, _ in found]
        middles = [middle(scale.name, values) for _, values in found]
        low = scale.drawn([values.min() for _, values in found])
        high = scale.drawn([values.max() for _, values in found])
        seen += [*low.tolist(), *high.tolist()]
        label = group if by else scale.title
        traces += [
            go.Scatter(
                x=[*places, *places[::-1]],
                y=[*high, *low[::-1]],
                fill="toself",
                fillcolor=css(ink, 0.16),
                mode="lines",
                line={"width": 0},
                hoverinfo="skip",
                showlegend=False,
            ),
            go.Scatter(
                x=places,
                y=scale.drawn(middles),
                name=plain(label),
                mode="lines+markers",
                line={
                    "color": css(ink),
                    "width": 2,
                    "dash": _DASHES[number // len(colours.runs) % 4],
                },
                marker={"size": 7},
                customdata=[scale.shown(one) for one in middles],
                hovertemplate=f"{plain(label)}: %{{customdata}}<extra></extra>",
                showlegend=True,
            ),
        ]
    across = axis(colours, x[1], type="category")
    if at:  # the values themselves are what is to be read there
        ticks = {"tickvals": [*at.values()], "ticktext": [*at]} if len(at) <= _MOST_TICKS else {}
        across = axis(colours, x[1], type="log" if _is_even(at) else "linear", **ticks)
    return go.Figure(
        traces or [go.Scatter(x=[None], y=[None])],
        base(
            colours,
            meta=picture(f"{title}: {scale.title}"),
            hovermode="x unified",
            showlegend=len(groups) > 1,
            legend=_legend(by),
            margin={"l": 66, "r": 16, "t": 44, "b": 50},
            xaxis=across,
            yaxis=scale.axis(colours, seen),
        ),
    )


def scatter_figure(
    dots: Sequence[Dots],
    across: Scale,
    up: Scale,
    by: tuple[str, str] | None,
    theme: str | None,
    title: str,
) -> go.Figure:
    """Two values of every network against each other, a colour a value of a field.

    Args:
        dots: of all cells.
        across, up: the values.
        by: name of the field and its title; None: one colour.
        theme: light or dark.
        title: of the study.
    """
    colours = palette(theme)
    by = by if by and len(_levels(dots, by[0])) <= MOST_LEVELS else None
    groups = _levels(dots, by[0]) if by else [""]
    traces = []
    for number, group in enumerate(groups):
        points = [
            (a, u, d)
            for d in dots
            if not by or d.fields.get(by[0]) == group
            for a, u in _pairs(d, across.name, up.name)
        ]
        if not points:
            continue
        ink = _ink(colours, by[0] if by else "", group, number)
        traces.append(
            go.Scatter(
                x=across.drawn([a for a, _, _ in points]),
                y=up.drawn([u for _, u, _ in points]),
                mode="markers",
                name=plain(group or "a network"),
                marker={
                    "size": 8,
                    "color": css(ink, 0.75),
                    "symbol": (number // len(colours.runs)) % _SYMBOLS,
                },
                customdata=[d.run_id for _, _, d in points],
                hovertext=[
                    plain(f"{d.cell}: {across.shown(a)}, {up.shown(u)}") for a, u, d in points
                ],
                hovertemplate="%{hovertext}<extra></extra>",
                showlegend=True,
            )
        )
    seen = [pair for d in dots for pair in _pairs(d, across.name, up.name)]
    return go.Figure(
        traces or [go.Scatter(x=[None], y=[None])],
        base(
            colours,
            meta=picture(f"{title}: {up.title} against {across.title}"),
            showlegend=len(groups) > 1,
            legend=_legend(by),
            margin={"l": 66, "r": 16, "t": 44, "b": 50},
            xaxis=across.axis(colours, [a for a, _ in seen]),
            yaxis=up.axis(colours, [u for _, u in seen]),
        ),
    )


def parallel_figure(
    dots: Sequence[Dots],
    fields: Mapping[str, str],
    scales: Sequence[Scale],
    theme: str | None,
    title: str,
    of: str = "",
) -> go.Figure:
    """A line a cell through what was varied and what it came to; the first value has the colours.
    What is brushed on the axes stays, the rest is pale (assets/studies.js, from ``layout.meta``).

    Args:
        dots: of all cells; those without one of the values are left out.
        fields: names and titles of what was varied.
        scales: of the values, medians over the networks of a cell.
        theme: light or dark.
        title: of the study.
        of: its id, by which what is brushed is known again.
    """
    colours = palette(theme)
    drawn = [d for d in dots if all(len(d.of(scale.name)) for scale in scales)]
    axes = [_of_field(dots, drawn, name, label) for name, label in fields.items()]
    axes += [_of_value(drawn, scale) for scale in scales]
    rows = [*map(list, zip(*(one.places for one in axes), strict=True))]
    bins = _bins(axes[len(fields)].places)
    inks = [css(mixed(colours.walks[1], colours.accent, share)) for share in _SHARES]
    pale = go.Scatter(x=[], y=[], mode="lines", line={"color": css(colours.grid)}, hoverinfo="skip")
    lines = [
        go.Scatter(
            **_broken([row for row, own in zip(rows, bins, strict=True) if own == number]),
            mode="lines",
            line={"color": ink, "width": 1.5},
            hoverinfo="skip",
        )
        for number, ink in enumerate(inks)
    ]
    handles = go.Scatter(
        x=[place for row in rows for place in range(len(row))],
        y=[place for row in rows for place in row],
        hovertext=[plain(d.cell) for d in drawn for _ in axes],
        customdata=[d.run_id for d in drawn for _ in axes],
        mode="markers",
        marker={"size": 9, "opacity": 0},
        selected={"marker": {"opacity": 0}},
        unselected={"marker": {"opacity": 0}},
        hovertemplate="%{hovertext}<extra></extra>",
    )
    notes, shapes = [], []
    for place, one in enumerate(axes):
        at: dict[str, Any] = {"xref": "x", "yref": "y", "xanchor": "center"}
        lines_of = wrap(one.title, _TITLE_LETTERS, break_long_words=False)
        name = "<br>".join(f"<b>{plain(line)}</b>" for line in lines_of)
        notes.append(words(name, place, 1.05, colours.ink, align="center", **at))
        for height, text in one.ticks:
            beside = at | {"xanchor": "right", "yanchor": "middle", "xshift": -5}
            beside |= {"bgcolor": css(colours.panel), "borderpad": 1}
            notes.append(words(plain(text), place, height, colours.soft, **beside))
        shapes.append(
            {
                "type": "line",
                "x0": place,
                "x1": place,
                "y0": 0,
                "y1": 1,
                "line": {"color": css(colours.soft), "width": 1.5},
            }
        )
    bare = {"visible": False, "fixedrange": True}
    return go.Figure(
        [pale, *lines, handles],
        base(
            colours,
            meta=picture(f"{title}: every cell")
            | {"rows": rows, "bins": bins, "of": " ".join([of, *(one.title for one in axes)])},
            margin={"l": 8, "r": 8, "t": 12, "b": 34},
            dragmode="select",
            xaxis=bare | {"range": [-0.55, len(axes) - 0.5]},
            yaxis=bare | {"range": [-0.06, 1.32]},
            annotations=notes,
            shapes=shapes,
        ),
    )


@dataclass(frozen=True)
class _Axis:
    """One of the upright axes.

    Attributes:
        title: above it.
        places: of each cell, from 0 to 1.
        ticks: places and what stands there.
    """

    title: str
    places: list[float]
    ticks: list[tuple[float, str]]


_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # colours, from the lowest cells to the highest


def _of_field(dots: Sequence[Dots], drawn: Sequence[Dots], name: str, label: str) -> _Axis:
    levels = _levels(dots, name)
    top = max(1, len(levels) - 1)
    at = {level: number / top for number, level in enumerate(levels)}
    every = -(-len(levels) // _MOST_TICKS)  # those between have a line and no word
    return _Axis(label, [at[d.fields[name]] for d in drawn], [(at[v], v) for v in levels[::every]])


def _of_value(drawn: Sequence[Dots], scale: Scale) -> _Axis:
    values = np.array([middle(scale.name, d.of(scale.name)) for d in drawn])
    if not len(values):
        return _Axis(scale.title, [], [])
    heights = np.log(values) if scale.log and (values > 0).all() else values
    low, high = float(heights.min()), float(heights.max())
    places = (heights - low) / (high - low) if high > low else np.full(len(heights), 0.5)
    shares = (0.0, 0.25, 0.5, 0.75, 1.0) if high > low else (0.5,)
    there = [low + share * (high - low) for share in shares]
    shown = np.exp(there) if heights is not values else np.array(there)
    ticks = [(s, scale.shown(float(v))) for s, v in zip(shares, shown, strict=True)]
    return _Axis(scale.title, [float(place) for place in places], ticks)


def _legend(by: tuple[str, str] | None) -> dict[str, Any]:
    title = {"title": {"text": f"{by[1]}  ", "side": "left"}} if by else {}
    return {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, **title}


def _bins(places: Sequence[float]) -> list[int]:
    return [min(int(place * len(_SHARES)), len(_SHARES) - 1) for place in places]


def _broken(rows: Sequence[Sequence[float]]) -> dict[str, list[float | None]]:
    """Lines through all axes, with a gap after each."""
    x: list[float | None] = []
    y: list[float | None] = []
    for row in rows:
        x += [*map(float, range(len(row))), None]
        y += [*row, None]
    return {"x": x, "y": y}


@dataclass(frozen=True)
class Correlation:
    """How two values of networks go together.

    Attributes:
        rank: Spearman's correlation, from -1 to 1.
        low, high: of 95 % of resamples.
        networks, cells: that have both values; cells that differ in their seed alone are one.
    """

    rank: float
    low: float
    high: float
    networks: int
    cells: int


def correlation(dots: Sequence[Dots], across: str, up: str) -> Correlation | None:
    """The rank correlation of two values over all networks.

    Networks of one cell, and of cells that differ in their seed alone, are no independent draws of
    a configuration, so that all of one are drawn again together (the cluster bootstrap; A. Davison
    and D. Hinkley, *Bootstrap methods and their application*, 1997, section 3.8).

    Args:
        dots: of all cells.
        across, up: names of the values.

    Returns:
        None where fewer than 8 configurations have both, where one of them is the same everywhere,
        or where both are one.
    """
    alike: dict[Any, list[tuple[float, float]]] = {}
    for d in dots:
        alike.setdefault(d.drawn_alike, []).extend(_pairs(d, across, up))
    cells = [np.array(pairs) for pairs in alike.values() if pairs]
    if len(cells) < _LEAST_CELLS or across == up:
        return None
    every = np.concatenate(cells)
    if (np.ptp(every, axis=0) == 0).any():
        return None
    draws = np.random.default_rng(_SEED).integers(0, len(cells), (_RESAMPLED, len(cells)))
    resampled = [_spearman(np.concatenate([cells[i] for i in draw])) for draw in draws]
    low, high = np.nanquantile(resampled, [0.025, 0.975])
    return Correlation(_spearman(every), float(low), float(high), len(every), len(cells))


def _spearman(pairs: NDArray[np.float64]) -> float:
    a, b = _ranks(pairs[:, 0]), _ranks(pairs[:, 1])
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size else float("nan")


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Those that are equal share the mean of their places."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2)[which])


class _Box:
    """All networks of one pair of values."""

    def __init__(self, scale: Scale, dots: Sequence[Dots]) -> None:
        values = np.concatenate([d.of(scale.name) for d in dots])
        self._scale = scale
        self._lost = sum(d.lost for d in dots)
        self._networks = sum(d.networks for d in dots)
        self._middle = middle(scale.name, values) if len(values) else float("nan")
        self._ended = all(d.ended for d in dots)

    @property
    def is_lost(self) -> bool:
        """Whether nothing is left to be told."""
        return self._lost == self._networks and not np.isfinite(self._middle)

    @property
    def height(self) -> float | None:
        """What the colour tells."""
        if not np.isfinite(self._middle) or (self._scale.log and self._middle <= 0):
            return None
        shown = float(self._scale.drawn(self._middle))
        return float(np.log10(shown)) if self._scale.log else shown

    @property
    def mark(self) -> str:
        """That some of them are lost."""
        return "*" if self._lost and not self.is_lost else ""

    @property
    def number(self) -> str:
        """Its number, with the mark."""
        if not np.isfinite(self._middle):
            return ""
        return self._scale.shown(self._middle).removesuffix(" %") + self.mark

    def told(self, where: str) -> str:
        """All of it, for who points at it."""
        left = f"<br>{self._lost} of {self._networks} networks diverged" if self._lost else ""
        nothing = "none" if self._ended else "none yet"
        found = self._scale.shown(self._middle) if np.isfinite(self._middle) else nothing
        if self.is_lost:
            return f"{plain(where)}{left}"
        return f"{plain(where)}<br>{self._scale.title} {found}{left}"


def _boxes(dots: Sequence[Dots], x: str, y: str) -> dict[tuple[str, str], list[Dots]]:
    found: dict[tuple[str, str], list[Dots]] = {}
    for d in dots:
        found.setdefault((d.fields[x], d.fields[y]), []).append(d)
    return found


def _levels(dots: Sequence[Dots], name: str) -> list[str]:
    """The values of a field, numbers in their order, others as they came."""
    at = _numbers(dots, name)
    found = dict.fromkeys(d.fields[name] for d in dots)
    return sorted(found, key=at.__getitem__) if at else [*found]


def _numbers(dots: Sequence[Dots], name: str) -> dict[str, float]:
    """The numbers behind the texts of a field; none where one is no number."""
    if not all(name in d.numbers for d in dots):
        return {}
    return {d.fields[name]: d.numbers[name] for d in dots}


def _is_even(at: Mapping[str, float]) -> bool:
    """Whether numbers are spread more evenly by their ratios than by their differences."""
    values = np.sort([*at.values()])
    if len(values) < 3 or values[0] <= 0:
        return False
    return bool(
        np.std(np.diff(np.log(values))) * (values[-1] - values[0])
        < np.std(np.diff(values)) * np.log(values[-1] / values[0])
    )


def _ink(colours: Palette, field: str, group: str, number: int) -> Any:
    if field == "scheme":
        return colours.scheme(group)
    return colours.runs[number % len(colours.runs)] if field else colours.accent


def _pairs(dots: Dots, across: str, up: str) -> list[tuple[float, float]]:
    a, u = dots.values.get(across), dots.values.get(up)
    if a is None or u is None:
        return []
    there = np.isfinite(a) & np.isfinite(u)
    return [*zip(a[there].tolist(), u[there].tolist(), strict=True)]
