"""A run as one JSON document: what it is, what was changed, and every value that it has measured.

Series are arrays by step, replicate and layer. JSON has no nan and no infinity: they are null.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from app.store import OWN, Event, Run, Series
from app.views import event_view, finite, run_view
from fa_engine.files.table import per_layer, per_replicate

FORMAT = "feedback alignment run"
FORMATS = "feedback alignment runs"
VERSION = 1
SERIES = ("step", "epoch", *per_replicate(), *per_layer())


def about(run: Run, controls: Sequence[Event]) -> dict[str, Any]:
    """What goes beside the table: the run, its settings, and what was changed while it ran."""
    return {"run": run_view(run), "changes": [finite(event_view(event)) for event in controls]}


def as_json(beside: Mapping[str, Any], parts: Callable[[], Iterable[Series]]) -> Iterator[bytes]:
    """The document, a column at a time, which is asked for again for each: ``parts()``."""
    yield orjson.dumps({"format": FORMAT, "version": VERSION, **beside})[:-1] + b',"series":'
    opening = b"{"
    for name in SERIES:
        if name in OWN and not any(np.isfinite(getattr(part, name)).any() for part in parts()):
            continue  # this run has nothing of that plugin
        yield opening + orjson.dumps(name) + b":["
        between = b""
        for series in parts():
            values = np.ascontiguousarray(getattr(series, name))
            if len(values):
                yield between + orjson.dumps(values, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1]
                between = b","
        yield b"]"
        opening = b","
    yield b"}}\n"


def together(several: Iterable[Iterable[bytes]]) -> Iterator[bytes]:
    """Documents of several runs in one."""
    head = {"format": FORMATS, "version": VERSION}
    yield orjson.dumps(head)[:-1] + b',"runs":['
    between = b""
    for one in several:
        yield between
        yield from one
        between = b","
    yield b"]}\n"
