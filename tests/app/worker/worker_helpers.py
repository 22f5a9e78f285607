"""A run as it is to be, whatever happened to its worker and its database."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from app.store import SHAPES, Run, Store
from app.store.commands import SETTABLE
from fa_engine import RunConfig, Trainer

CONFIG = RunConfig(
    hidden=(12, 8),
    replicates=2,
    epochs=10,
    measure_every=3,
    evaluate_every=9,
    walk=True,
    momentum=0.5,
    optimizer="nesterov",
)


def assert_as_in_one_piece(
    store: Store, checkpoint_dir: Path, run: Run, beside: Collection[int] = ()
) -> None:
    """Events without holes, each step once, and every number as of a trainer that did it alone.

    At the steps ``beside`` it had ended for a while: there it was measured as at an end.
    """
    events = store.events(run.id)
    run = store.run(run.id)
    assert [event.seq for event in events] == list(range(1, run.revision + 1))
    controls = [e.header for e in events if e.kind == "control" and e.header["name"] in SETTABLE]
    alone, expected = Trainer(run.run_config()), []
    state: dict[str, torch.Tensor] = {}
    while not alone.finished:
        if alone.step >= alone.total_steps:  # what is measured then moves a mirror once more
            state = {name: tensor.clone() for name, tensor in alone.state().items()}
        for control in controls:
            if control["step"] == alone.step:
                setattr(alone, control["name"], control["to"])
        measurement = alone.advance(measure=alone.step in beside)
        if measurement is not None:
            expected.append(measurement)
    series = store.series(run.id)
    assert series.step.tolist() == [m.step for m in expected]
    for name in SHAPES:
        for got, measurement in zip(getattr(series, name), expected, strict=True):
            if measurement.step in beside:
                continue
            wanted = getattr(measurement, name)
            wanted = np.nan if wanted is None else np.float32(wanted)
            np.testing.assert_array_equal(got, np.broadcast_to(wanted, got.shape), err_msg=name)
    last = checkpoint_dir / run.id / f"{run.total_steps}.safetensors"
    kept = load_file(last)
    for name, tensor in state.items():
        assert torch.equal(kept[name], tensor), name
    # What lies there is what the events tell of, and nothing that only a next worker needs.
    told = {f"{c.step}.safetensors" for c in store.checkpoints(run.id)}
    there = {path.name for path in (checkpoint_dir / run.id).iterdir()}
    assert there == told | {"trajectory.safetensors"}
    seconds = [s for _, s in store.clock(run.id)]
    assert seconds == sorted(seconds)
