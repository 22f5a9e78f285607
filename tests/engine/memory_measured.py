"""How far memory grows while a configuration trains: a program that test_memory.py runs.

It reads configurations, one a line as JSON, and writes for each the bytes by which its process grew
at its peak. Each trains in a child of this process, which has loaded the libraries.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

import torch

from fa_engine import RunConfig, Trainer
from fa_engine.config import UNLIMITED

SMALL = {"hidden": ("conv 4x3", "pool 2", 16), "replicates": 2, "walk": True, "epochs": 1}


def resident(name: str) -> int:
    """``VmRSS``, or ``VmHWM``: the most it has been since it was reset."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def train(config: RunConfig) -> None:
    """Everything that takes memory: steps with and without measurement, the test set, saving."""
    trainer = Trainer(config)
    for measure in (True, False, True, False):
        trainer.advance(measure=measure)
    trainer.evaluate()
    with tempfile.TemporaryDirectory() as folder:
        trainer.save(Path(folder, "run.safetensors"))


def grown(asked: dict[str, object]) -> int:
    """By how much this process grows at its peak."""
    for optimizer in ("sgd", "adam"):  # what only the first steps of a process load
        train(RunConfig.model_validate(SMALL | {"optimizer": optimizer}))
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM begins anew
    train(RunConfig.model_validate(asked, context={"limits": UNLIMITED}))
    return resident("VmHWM") - before


torch.set_num_threads(1)
import sklearn.datasets  # noqa: E402, F401  the digits would load it otherwise

for line in sys.stdin:
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.write(writer, str(grown(json.loads(line))).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        sys.stdout.write(answer.read() + "\n")
    os.wait()
