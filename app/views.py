"""Runs and events as JSON-ready values: what the API, the live stream and the charts are given."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from app.divergence import divergence, message
from app.figures.bands import bands
from app.figures.training import Control
from app.store import Event, Run, RunState, Series, unpack
from app.store.naming import short


def run_view(run: Run) -> dict[str, Any]:
    """A run as the API gives it; times in unix seconds, ``ended`` when nothing will follow.

    ``diverged_at`` has for each network the step from which on it is no longer finite, or None, and
    ``divergence`` says the same in words (:mod:`app.divergence`).
    """
    return {
        "id": run.id,
        "name": run.name,
        "config": run.config,
        "state": run.state.value,
        "ended": run.state.ended,
        "reason": run.reason,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "step": run.step,
        "total_steps": run.total_steps,
        "epoch": finite(run.epoch),
        "epochs": run.config["epochs"],
        "steps_per_second": finite(run.steps_per_second),
        "trained_s": run.trained_s,
        "diverged_at": run.diverged_at,
        "divergence": divergence(run.diverged_at),
        "learning_rate": run.learning_rate,
        "scheme": run.scheme,
        "revision": run.revision,
        "parent": asdict(run.parent) if run.parent else None,
        "race": run.race_id,
        "note": run.note,
        "tags": run.tags,
        "pinned": run.pinned,
        "imported_from": run.imported_from,
        "best_accuracy": run.best_accuracy,
        "last_accuracy": run.last_accuracy,
        "last_angle_deg": run.last_angle_deg,
        "unstable_share": run.unstable_share,
    }


def event_view(event: Event) -> dict[str, Any]:
    """An event as the stream and the API give it.

    ``measurements`` come as bands over the replicates, one a key (:mod:`app.figures.bands`);
    the export has every replicate.
    """
    view: dict[str, Any] = {"seq": event.seq, "kind": event.kind, "at": event.at}
    if event.kind == "measurements":
        series = unpack(event.header, event.payload)
        view["bands"] = {key: band.as_json() for key, band in bands(series).items()}
        view["progress"] = finite(event.header.get("progress"))
    else:
        view |= finite(event.header)
    if event.kind == "control":
        view["label"] = control_label(event.header)
    if event.kind == "diverged":
        since = event.header["diverged_at"]
        view |= {"divergence": divergence(since), "message": message(event.header["step"], since)}
    if event.kind == "state":
        view["ended"] = RunState(event.header["state"]).ended
    return view


def control_label(header: dict[str, Any]) -> str:
    """What was changed, short enough for a chart: ``lr 0.1 → 0.05``, ``FA → BP``."""
    old, new = header["from"], header["to"]
    if header["name"] == "scheme":
        return f"{short(old)} → {short(new)}"
    if header["name"] == "epochs":
        return f"epochs {old:,} → {new:,}"
    return f"lr {_value(old)} → {_value(new)}"


def controls(events: Sequence[Event]) -> list[Control]:
    """The changes among ``events``."""
    return [
        Control(event.header["step"], control_label(event.header))
        for event in events
        if event.kind == "control"
    ]


def series_of(events: Sequence[Event]) -> Series | None:
    """All measurements among ``events``, or None where there are none."""
    blocks = [
        unpack(event.header, event.payload) for event in events if event.kind == "measurements"
    ]
    return Series.concatenate(blocks) if blocks else None


def finite(value: Any) -> Any:
    """``value`` with nan and the infinities, which JSON does not have, as None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return value


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
