"""The catalogue of measures: a row for each field, and each row what a measurement holds."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from fa_engine import Measurement, RunConfig, Trainer
from fa_engine.measures.catalogue import MEASURES, sizes
from fa_engine.measures.walk import Walk

CONFIG = RunConfig(hidden=(6, 5, 4), replicates=2, epochs=1, walk=True, evaluate_every=1)


def test_every_field_of_a_measurement_has_its_row_and_the_other_way_round() -> None:
    measured = {field.name for field in fields(Measurement)} - {"step", "epoch", "own"}
    assert measured == set(MEASURES)
    assert {row.name for row in MEASURES.values() if row.walk} == {f.name for f in fields(Walk)}


def test_shapes_are_those_of_a_measurement() -> None:
    found = next(iter(Trainer(CONFIG)))
    lengths = sizes(CONFIG.replicates, len(CONFIG.layers))
    for row in MEASURES.values():
        values = np.asarray(getattr(found, row.name))
        assert values.shape == tuple(lengths[letter] for letter in row.shape), row.name


def test_what_may_be_missing_is_said() -> None:
    found = list(
        Trainer(CONFIG.replace(walk=False, evaluate_every=10**6, epochs=2, measure_every=1))
    )
    missing = {name for name in MEASURES if any(getattr(m, name) is None for m in found)}
    assert missing == {row.name for row in MEASURES.values() if row.sparse}


@pytest.mark.parametrize("row", MEASURES.values(), ids=lambda row: row.name)
def test_a_row_says_what_it_is_in_one_sentence(row) -> None:  # type: ignore[no-untyped-def]
    assert row.title
    assert row.unit
    assert row.text.endswith(".")
    assert ". " not in row.text
    assert row.best in ("", "lowest", "highest")
    assert row.sparse or not row.walk


def test_a_logarithm_is_offered_for_what_is_never_negative() -> None:
    found = list(Trainer(CONFIG.replace(activation="relu")))
    for row in MEASURES.values():
        values = np.array([v for m in found if (v := getattr(m, row.name)) is not None])
        if row.log:
            assert np.isfinite(values).any(), row.name
            assert not (values < 0).any(), row.name
