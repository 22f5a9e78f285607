"""The estimate of a run's memory, held against processes that train."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fa_engine import RunConfig
from fa_engine.config import UNLIMITED
from fa_engine.memory import in_words, peak_bytes

ROOT = Path(__file__).parents[2]
ENOUGH = 200 * 10**6  # below, what the allocator keeps is most of it
MOST = 1.6  # times what was measured

SPIRALS = {"dataset": "spirals", "epochs": 4}
WIDE = SPIRALS | {"hidden": [1024, 1024], "replicates": 12, "batch_size": 16}
LONG = SPIRALS | {"hidden": [256, 256, 256], "replicates": 16, "batch_size": 1500}

BANK = {
    "one batch": LONG,
    "deltas that float32 cannot hold": LONG | {"weight_std": 2.0},
    "backpropagation": LONG | {"scheme": "bp", "dtype": "float64"},
    "walk": LONG | {"walk": True},
    "walk, relu": LONG | {"walk": True, "activation": "relu"},
    "erf": LONG | {"activation": "erf"},
    "gelu, direct": LONG | {"activation": "gelu", "scheme": "dfa"},
    "gradient alone": LONG | {"measures": "gradient"},
    "delay": LONG | {"delay_modules": 4, "batch_size": 750},
    "weights": WIDE,
    "adam": WIDE | {"optimizer": "adam", "learning_rate": 0.001},
    "kolen-pollack, adamw": WIDE | {"optimizer": "adamw", "scheme": "kp", "weight_decay": 0.1},
    "momentum": WIDE | {"momentum": 0.9, "weight_decay": 0.1},
    "rmsprop": WIDE | {"optimizer": "rmsprop", "momentum": 0.5},
    "adam, walk": WIDE | {"optimizer": "adam", "walk": True, "dtype": "float64", "replicates": 6},
    "redrawn": WIDE | {"scheme": "brsf"},
    "sparse": SPIRALS | {"hidden": [2048, 2048], "replicates": 2, "feedback_density": 0.3},
    "orthogonal": SPIRALS | {"hidden": [2048, 2048], "replicates": 2, "weight_init": "orthogonal"},
    "mirror": SPIRALS | {"hidden": [256, 256], "scheme": "wm", "mirror_samples": 8192},
    "replicates": {"hidden": [64, 64], "replicates": 128, "batch_size": 1438},
    "a minimum of every batch": {"hidden": [1500, 1500], "replicates": 8, "train_samples": 40}
    | {"batch_size": 40},
    "convolutions": {"hidden": ["conv 16x3", "conv 32x3", "pool 2", 32], "batch_size": 512},
    "convolutions, adam, relu": {"hidden": ["conv 32x3", "pool 2", 64], "batch_size": 1400}
    | {"replicates": 8, "optimizer": "adam", "activation": "relu", "walk": True},
    "varied rates": LONG | {"replicates": 4, "vary": {"learning_rate": [0.01, 0.03, 0.1, 0.3]}},
    "varied momentum": WIDE | {"replicates": 3, "vary": {"momentum": [0.0, 0.3, 0.5, 0.9]}},
    "varied adam": WIDE
    | {"replicates": 3, "optimizer": "adam", "vary": {"weight_decay": [0.0, 0.1, 0.2, 0.3]}},
    "varied labels": SPIRALS
    | {"hidden": [8], "replicates": 600, "vary": {"label_noise": [0.0, 0.1, 0.2, 0.5]}},
    "teacher": {"dataset": "teacher", "teacher_hidden": [4096, 1024]},
}


DAILY = (
    "deltas that float32 cannot hold",
    "walk, relu",
    "adam",
    "sparse",
    "replicates",
    "delay",
    "varied rates",
)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from Linux's /proc")
@pytest.mark.parametrize(
    "names",
    [
        pytest.param(DAILY, id="some"),
        pytest.param([n for n in BANK if n not in DAILY], id="rest", marks=pytest.mark.thorough),
    ],
)
def test_the_estimate_is_what_a_run_takes(names):
    bank = {name: BANK[name] for name in names}
    asked = "".join(json.dumps(fields) + "\n" for fields in bank.values())
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("memory_measured.py"))],
        input=asked,
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
    )
    measured = dict(zip(bank, map(int, done.stdout.split()), strict=True))
    wrong = {}
    for name, fields in bank.items():
        config = RunConfig.model_validate(fields, context={"limits": UNLIMITED})
        ratio = peak_bytes(config) / measured[name]
        if ratio < 1 or (ratio > MOST and measured[name] > ENOUGH):
            wrong[name] = f"{ratio:.2f} times {in_words(measured[name])}"
    assert not wrong
    assert sum(taken > ENOUGH for taken in measured.values()) > len(bank) // 2


def test_more_of_anything_takes_more():
    fields = {"hidden": (64, 64), "replicates": 8, "batch_size": 64, "scheme": "wm"}
    least = peak_bytes(RunConfig(**fields))
    for name, more in {
        "hidden": (256, 256),
        "replicates": 256,
        "batch_size": 1024,
        "mirror_samples": 10_000,
        "dtype": "float64",
        "walk": True,
        "delay_modules": 3,
    }.items():
        assert peak_bytes(RunConfig(**fields | {name: more})) > least, name


def test_bytes_are_read_in_words():
    assert in_words(8_140_000_000) == "8.1 GB"
    assert in_words(350_400_000) == "350 MB"
    assert in_words(1) == "1 MB"
