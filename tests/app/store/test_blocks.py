"""Blocks: what is packed comes out again."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.store import SHAPES, Series, pack, unpack
from fa_engine import Measurement, RunConfig, Trainer
from fa_engine.measures.catalogue import MEASURES
from fa_engine.measures.walk import Walk

ROOT = Path(__file__).parents[3]
NAMES = [field.name for field in fields(Series) if field.name != "own"]
WALK = [field.name for field in fields(Walk)]
HIDDEN = (
    "gradient_angle_deg",
    "delta_angle_deg",
    "delta_cosine_mean",
    "delta_cosine_std",
    "weight_angle_deg",
    "update_norm",
    "gradient_norm",
)


def measurements(
    count: int, replicates: int, layers: int, seed: int, evaluated: bool, walked: bool = False
) -> list[Measurement]:
    random = np.random.default_rng(seed)

    def draw(*shape: int) -> NDArray[np.float64]:
        values = random.normal(size=shape)
        values[random.random(shape) < 0.1] = np.nan
        return values

    made = []
    for index in range(count):
        here = evaluated and index % 2 == 0
        walk = dict.fromkeys(WALK, None)
        if walked and index % 3 != 1:
            shapes = {"R": (replicates,), "H": (replicates, layers - 1), "L": (replicates, layers)}
            walk = {name: draw(*shapes[SHAPES[name][-1]]) for name in WALK}
        made.append(
            Measurement(
                **{name: draw(replicates, layers - 1) for name in HIDDEN},
                hidden_angle_deg=draw(replicates),
                descent_rate=draw(replicates, layers),
                step=2**40 + index,
                epoch=index / 8,
                loss=draw(replicates),
                accuracy=draw(replicates),
                test_loss=draw(replicates) if here else None,
                test_accuracy=draw(replicates) if here else None,
                **walk,
            )
        )
    return made


def test_every_measure_of_the_catalogue_is_a_series() -> None:
    assert set(NAMES) == set(MEASURES) | {"step", "epoch"}


def assert_same(series: Series, expected: list[Measurement]) -> None:
    assert len(series) == len(expected)
    for name in NAMES:
        found = getattr(series, name)
        missing = np.full(found.shape[1:], np.nan)
        wanted = [getattr(m, name) for m in expected]
        wanted = [missing if value is None else value for value in wanted]
        np.testing.assert_array_equal(found, np.array(wanted).astype(found.dtype), err_msg=name)


@given(
    count=st.integers(1, 30),
    replicates=st.integers(1, 5),
    layers=st.integers(2, 6),
    seed=st.integers(0, 2**32),
    evaluated=st.booleans(),
    walked=st.booleans(),
    cut=st.integers(1, 30),
)
def test_a_round_trip_keeps_everything_to_float32(
    count: int, replicates: int, layers: int, seed: int, evaluated: bool, walked: bool, cut: int
) -> None:
    made = measurements(count, replicates, layers, seed, evaluated, walked)
    assert_same(unpack(*pack(made)), made)
    parts = [unpack(*pack(made[start : start + cut])) for start in range(0, count, cut)]
    assert_same(Series.concatenate(parts), made)


def test_types_are_as_promised() -> None:
    series = unpack(*pack(measurements(3, 2, 4, 0, True)))
    assert series.step.dtype == np.int64
    assert {getattr(series, name).dtype for name in NAMES if name != "step"} == {
        np.dtype(np.float32)
    }


def test_blocks_do_not_carry_what_was_not_measured() -> None:
    header, payload = pack(measurements(10, 4, 3, 0, False))
    assert "test_loss" not in header["fields"]
    assert "displacement" not in header["fields"]
    # 10 steps of 8 bytes; epoch, 3 of (R,), 7 of (R, L-1), 1 of (R, L) of 4 bytes.
    assert len(payload) == 10 * (8 + 4 * (1 + 3 * 4 + 7 * 4 * 2 + 4 * 3))


def test_what_float32_cannot_hold_is_inf() -> None:
    made = measurements(1, 1, 2, 0, False)
    made[0].loss[:] = 1e300
    assert unpack(*pack(made)).loss.tolist() == [[np.inf]]


def test_a_real_run_round_trips() -> None:
    config = RunConfig(replicates=2, hidden=(8, 8, 8), epochs=2, measure_every=3, walk=True)
    made = list(Trainer(config))
    series = unpack(*pack(made))
    assert_same(series, made)
    assert series.gradient_angle_deg.shape == (len(made), 2, 3)
    assert series.descent_rate.shape == (len(made), 2, 4)
    assert series.path_length.shape == (len(made), 2, 4)
    assert (np.diff(series.path_length, axis=0) > 0).all()


def test_an_empty_series_has_shapes() -> None:
    series = Series.empty(replicates=3, layers=4)
    assert len(series) == 0
    assert series.gradient_angle_deg.shape == (0, 3, 3)
    made = measurements(5, 3, 4, 0, True)
    assert_same(Series.concatenate([series, unpack(*pack(made))]), made)


def test_a_damaged_payload_is_refused() -> None:
    header, payload = pack(measurements(4, 2, 3, 0, False))
    for damaged in (payload + b"x", payload[:-4]):
        with pytest.raises(ValueError, match=r"buffer|bytes"):
            unpack(header, damaged)


def test_a_measure_of_a_plugin_is_a_series_and_a_block_says_its_shape() -> None:
    """In a process of its own: what a store knows of is known when it is imported."""
    code = """
import json
import numpy as np
from fa_engine import RunConfig, Trainer, register

@register.measure("mine", title="M", unit="u", text="One.", shape="RL", sparse=True)
def mine(moment):
    return None if moment.step % 2 else np.full((2, 3), moment.step + 0.5)

from app.store import Series, pack, unpack
config = RunConfig(hidden=(4, 3), replicates=2, epochs=1, measure_every=1)
found = list(Trainer(config))
header, payload = pack(found)
assert header["shapes"] == {"mine": "RL"}, header
series = unpack(header, payload)
assert series.mine.shape == (len(found), 2, 3)
for step, values in zip(series.step, series.mine):
    assert np.isnan(values).all() if step % 2 else (values == step + 0.5).all()
both = Series.concatenate([series, series])[3:7]
assert len(both.mine) == 4
assert np.array_equal(both.mine[0], series.mine[3], equal_nan=True)
assert Series.empty(2, 3).mine.shape == (0, 2, 3)
without = pack([m for m in found if m.step % 2])[0]
assert "mine" not in without["fields"] and "shapes" not in without
print(json.dumps(header), payload.hex())
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    text, payload = done.stdout.split("} ")
    header = json.loads(text + "}")
    series = unpack(header, bytes.fromhex(payload))  # without the plugin
    assert len(series) == header["count"]
    assert np.isfinite(series.loss).all()
    assert not hasattr(series, "mine")
