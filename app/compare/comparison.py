"""What a selection comes to: its runs, their panels, and what has to be said of them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.compare.differences import labels, words
from app.compare.lines import Line, Panel, Rows, line, per_line
from app.compare.selection import AXES, FIELDS, MAX_PANELS, MAX_RUNS, Selection
from app.figures.comparison import Cloud, Paint
from app.lab.walk import median, walk_lines
from app.store import Run, Series, Store, UnknownRun
from fa_engine.measures.catalogue import MEASURES, Measure

Array = NDArray[Any]

_KEPT_BYTES = 300_000_000
_KEPT_LINES = 4_000
_CLOUD = 240  # points of a line of angle against accuracy


@dataclass(frozen=True)
class Source:
    """A run and all that it has measured."""

    run: Run
    series: Series
    clock: tuple[Array, Array]  # steps, and seconds of training by then

    def across(self, x: str, steps: Array) -> Array:
        """Where ``steps`` of it are, in the units of ``x``; nan where nobody counted seconds."""
        config = self.run.config
        if x == "samples":
            return steps * float(config["batch_size"])
        if x == "epoch":
            known = self.series.step
            if len(known) < 2:
                return np.zeros(len(steps))
            return steps * float(self.series.epoch[-1]) / float(known[-1])
        if x == "seconds":
            at, seconds = self.clock
            return np.interp(steps, at, seconds) if len(at) > 1 else np.full(len(steps), np.nan)
        return np.asarray(steps, dtype=float)


@dataclass(frozen=True)
class Comparison:
    """What is drawn and said.

    Attributes:
        runs: that are there, in the order of the page.
        names: of lines, by key.
        paints: how lines look, by key.
        panels: charts, in order.
        notes: what a reader has to know: runs that are gone, what cannot be drawn.
        members: ids of the runs of each line, by key.
        extent: where the lines begin and end, all together.
    """

    runs: Sequence[Run]
    names: Mapping[str, str]
    paints: Mapping[str, Paint]
    panels: Sequence[Panel]
    notes: Sequence[str]
    members: Mapping[str, Sequence[str]]
    extent: tuple[float, float]

    @property
    def going(self) -> bool:
        """Whether something is still to come."""
        return any(not run.state.ended for run in self.runs)


class Comparer:
    """Reads runs for comparisons, and keeps what it has read: a block never changes again.

    Safe in threads.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._read: OrderedDict[str, tuple[int, Source]] = OrderedDict()
        self._lines: OrderedDict[Any, Line] = OrderedDict()

    def runs(self, selection: Selection) -> tuple[list[Run], list[str]]:
        """The runs that are chosen, and for each that cannot be shown why."""
        ids = list(selection.runs)
        if selection.race:
            ids += [run.id for run in self._store.race(selection.race)]
        found, gone = [], []
        for run_id in dict.fromkeys(ids):
            try:
                run = self._store.run(run_id)
                run.run_config()
                found.append(run)
            except UnknownRun as error:
                gone.append(str(error))
        return found[:MAX_RUNS], gone

    def revisions(self, selection: Selection) -> dict[str, int]:
        """The revision of each run that is there."""
        return {run.id: run.revision for run in self.runs(selection)[0]}

    def compare(self, selection: Selection) -> Comparison:
        """Everything that the selection asks for."""
        runs, notes = self.runs(selection)
        if selection.race and not self._store.race(selection.race):
            notes.append(f"There is no race {selection.race}.")
        with self._lock:
            sources = {run.id: self._source(run) for run in runs}
            members, names = _members(runs, selection.group)
            panels, left_out = self._panels(selection, sources, members)
        if left_out:
            notes.append(
                f"{left_out} more chart{'s' if left_out > 1 else ''} would follow: choose layers, "
                f"or fewer measures. {MAX_PANELS} are drawn at most."
            )
        notes += self._cannot(selection, sources, panels)
        ends = [(x[0], x[-1]) for panel in panels for one in panel.lines if len(x := one.x)]
        first = min((begin for begin, _ in ends), default=0.0)
        last = max((end for _, end in ends), default=0.0)
        return Comparison(
            runs=runs,
            names=names,
            paints=_paints(runs, members, selection),
            panels=panels,
            notes=notes,
            members=members,
            extent=(float(first), float(last)),
        )

    def paints(self, selection: Selection) -> Mapping[str, Paint]:
        """How the lines of the runs look, by key."""
        runs, _ = self.runs(selection)
        return _paints(runs, _members(runs, selection.group)[0], selection)

    def clouds(self, selection: Selection) -> list[Cloud]:
        """Hidden angle and accuracy of each run at each measurement, medians over replicates."""
        runs, _ = self.runs(selection)
        found = []
        names = labels(runs)
        for run in runs:
            with self._lock:
                series = self._source(run).series
            angle, accuracy = (median(v) for v in (series.hidden_angle_deg, series.accuracy))
            there = np.flatnonzero(np.isfinite(angle) & np.isfinite(accuracy))
            stride = -(-len(there) // _CLOUD) or 1
            kept = there[::stride]
            found.append(Cloud(names[run.id], series.step[kept], angle[kept], accuracy[kept]))
        return found

    def shares(self, selection: Selection) -> list[tuple[str, Array]]:
        """Each layer's share of the descent (docs/MATH.md, section 3), by name of the run: the mean
        over the later half of what it has measured, bottom layer first."""
        runs, _ = self.runs(selection)
        names = labels(runs)
        found = []
        for run in runs:
            with self._lock:
                series = self._source(run).series
            shares = walk_lines(series)["shares"]
            later = shares[len(shares) // 2 :]
            later = later[np.isfinite(later).all(axis=1)]
            mean = later.mean(axis=0) if len(later) else np.full(shares.shape[1], np.nan)
            found.append((names[run.id], mean))
        return found

    def _source(self, run: Run) -> Source:
        kept = self._read.get(run.id)
        if kept is None:
            series = self._store.series(run.id, until=run.revision)
            source = Source(run, series, self._clock(run))
        elif kept[0] == run.revision:
            source = Source(run, kept[1].series, kept[1].clock)
        else:
            before, old = kept
            more = self._store.series(run.id, after=before, until=run.revision)
            series = Series.concatenate([old.series, more])
            source = Source(run, series, self._clock(run))
        self._read[run.id] = (run.revision, source)
        self._read.move_to_end(run.id)
        while len(self._read) > MAX_RUNS and sum(map(_bytes, self._read.values())) > _KEPT_BYTES:
            self._read.popitem(last=False)
        return source

    def _clock(self, run: Run) -> tuple[Array, Array]:
        pairs = [(0, 0.0), *self._store.clock(run.id)]
        steps, seconds = zip(*pairs, strict=True)
        return np.array(steps, dtype=float), np.array(seconds, dtype=float)

    def _offset(self, run: Run, x: str) -> float:
        """What the ancestors of a run had behind them when it left them."""
        offset, parent = 0.0, run.parent
        for _ in range(MAX_RUNS):
            if parent is None:
                return offset
            try:
                source = self._source(self._store.run(parent.run_id))
            except UnknownRun:
                return offset
            offset += float(source.across(x, np.array([parent.step]))[0])
            parent = source.run.parent
        return offset

    def _panels(
        self,
        selection: Selection,
        sources: Mapping[str, Source],
        members: Mapping[str, Sequence[str]],
    ) -> tuple[list[Panel], int]:
        wanted = [
            (MEASURES[name], layer)
            for name in selection.measures
            for layer in _layers(MEASURES[name], selection.layers, sources.values())
        ]
        drawn = wanted[:MAX_PANELS]
        limit = per_line(len(members) * len(drawn))
        offsets = {
            i: self._offset(s.run, selection.x) if selection.align == "parent" else 0.0
            for i, s in sources.items()
        }
        panels = []
        for measure, layer in drawn:
            key = measure.name + (f"/{layer}" if layer else "")
            lines = []
            for name, ids in members.items():
                revisions = tuple((i, sources[i].run.revision, offsets[i]) for i in ids)
                options = selection.model_dump(
                    include={"x", "smoothing", "replicates", "cursor", "log"}
                )
                known = (key, name, revisions, limit, repr(options))
                if known not in self._lines:
                    parts = [
                        rows
                        for i in ids
                        if (rows := _rows(sources[i], measure, layer, selection.x, offsets[i]))
                    ]
                    if not parts:
                        continue
                    self._lines[known] = line(
                        name,
                        parts,
                        measure,
                        limit=limit,
                        smoothing=selection.smoothing,
                        singly=selection.replicates == "lines",
                        log=measure.name in selection.log,
                        cursor=selection.cursor,
                    )
                self._lines.move_to_end(known)
                lines.append(self._lines[known])
            panels.append(Panel(key, measure, layer, lines))
        while len(self._lines) > _KEPT_LINES:
            self._lines.popitem(last=False)
        return panels, len(wanted) - len(drawn)

    def _cannot(
        self, selection: Selection, sources: Mapping[str, Source], panels: Sequence[Panel]
    ) -> list[str]:
        notes = []
        names = labels([source.run for source in sources.values()])
        if selection.x == "seconds":
            without = [names[i] for i, s in sources.items() if s.run.step and len(s.clock[0]) < 2]
            if without:
                notes.append(
                    f"Nobody counted the seconds of {_listed(without)}: they are left out."
                )
        for panel in panels:
            empty = not any(np.isfinite(one.y).any() for one in panel.lines)
            if empty and any(len(s.series) for s in sources.values()):
                why = " It is measured where “Follow the walk” is on." if panel.measure.walk else ""
                notes.append(f"None of these runs has a value of {panel.title.lower()}.{why}")
        layers = {len(s.run.run_config().layers) for s in sources.values()}
        data = {s.run.config["dataset"] for s in sources.values()}
        if len(sources) > 1 and len(data) == len(sources) and len(layers) == len(sources):
            notes.append(
                "These runs share neither data nor depth: little but their shapes compares."
            )
        return notes


def _members(runs: Sequence[Run], group: str | None) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Ids of the runs of each line, and the lines' names, both by key."""
    if group is None:
        return {run.id: [run.id] for run in runs}, labels(runs)
    members: dict[str, list[str]] = {}
    names: dict[str, str] = {}
    for run in runs:
        said = words(group, run.config.get(group))
        members.setdefault(said, []).append(run.id)
        names[said] = said if group == "scheme" else f"{FIELDS[group].lower()} {said}"
    return members, names


def _paints(
    runs: Sequence[Run], members: Mapping[str, Sequence[str]], selection: Selection
) -> dict[str, Paint]:
    """A colour for each line, and a dash that tells it from others of that colour."""
    by_id = {run.id: run for run in runs}
    first = {key: by_id[ids[0]] for key, ids in members.items()}
    by = selection.colour
    if by == "auto":
        schemes = {run.config["scheme"] for run in first.values()}
        by = selection.group or ("scheme" if len(schemes) > 1 or len(first) == 1 else "run")
    if by == "run":
        return {key: Paint(place=place) for place, key in enumerate(first)}
    values = {key: run.config.get(by) for key, run in first.items()}
    distinct = list(dict.fromkeys(map(repr, values.values())))
    numbers = [v for v in values.values() if isinstance(v, (int, float))]
    ranked = sorted({float(v) for v in numbers if not isinstance(v, bool)})
    sequential = len(numbers) == len(values) and len(ranked) > 1
    seen: dict[str, int] = {}
    paints = {}
    for key, value in values.items():
        dash = seen.get(repr(value), 0)
        seen[repr(value)] = dash + 1
        if by == "scheme":
            paints[key] = Paint(scheme=str(value), dash=dash)
        elif sequential:
            assert isinstance(value, (int, float))
            share = ranked.index(float(value)) / (len(ranked) - 1)
            paints[key] = Paint(share=share, dash=dash)
        else:
            paints[key] = Paint(place=distinct.index(repr(value)), dash=dash)
    return paints


def _layers(measure: Measure, chosen: Sequence[int], sources: Any) -> Sequence[int | None]:
    """Layers of a measure that are drawn; one None where it has none."""
    if len(measure.shape) < 2:
        return [None]
    deepest = max((getattr(source.series, measure.name).shape[2] for source in sources), default=0)
    return [layer for layer in range(1, deepest + 1) if not chosen or layer in chosen]


def _rows(
    source: Source, measure: Measure, layer: int | None, x: str, offset: float
) -> Rows | None:
    """What a run has of a panel, or None where it has no such layer."""
    values = getattr(source.series, measure.name)
    if layer is not None:
        if layer > values.shape[2]:
            return None
        values = values[:, :, layer - 1]
    across = source.across(x, source.series.step) + offset
    kept: Any = np.isfinite(across)
    if measure.sparse:
        kept = np.logical_and(kept, np.isfinite(values).any(axis=1))
    left = np.array([at is None for at in source.run.diverged_at])
    return Rows(across[kept], np.asarray(values, dtype=float)[kept], left)


def _bytes(kept: tuple[int, Source]) -> int:
    series = kept[1].series
    return sum(array.nbytes for array in series.arrays().values())


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def units(x: str) -> str:
    """What is across, as an axis says it."""
    return AXES[x].lower()
