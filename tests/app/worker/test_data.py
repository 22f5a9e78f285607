"""Data sets stay loaded, and errors do not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from app.worker.data import DataSets
from fa_engine import DatasetError, RunConfig


def test_a_loaded_data_set_is_kept(tmp_path: Path) -> None:
    data_sets = DataSets(tmp_path)
    digits = data_sets.request(RunConfig(device="cpu")).result()
    assert data_sets.request(RunConfig(device="cpu", hidden=(3,), seed=5)).result() is digits
    double = data_sets.request(RunConfig(device="cpu", dtype="float64")).result()
    assert double.x_train.dtype == torch.float64
    assert torch.equal(double.x_train.float(), digits.x_train)


def test_what_could_not_be_loaded_is_tried_again(tmp_path: Path) -> None:
    data_sets = DataSets(tmp_path)
    for name in ("train-images-idx3-ubyte", "train-images-idx3-ubyte.gz"):
        damaged = tmp_path / "mnist" / name
        damaged.parent.mkdir()
        damaged.write_bytes(b"no digits here")
        # Each time the message is about what is there now.
        with pytest.raises(DatasetError, match=f"{name} is damaged"):
            data_sets.request(RunConfig(dataset="mnist", device="cpu")).result()
        shutil.rmtree(damaged.parent)
