"""Stopping and going on: a checkpoint is taken up bit for bit, and an ended run goes further."""

import tempfile
from pathlib import Path

import torch

from fa_engine import RunConfig, Trainer

config = RunConfig(scheme="kp", optimizer="adam", learning_rate=0.002, epochs=4)
whole = Trainer(config)
for _ in whole:
    pass

with tempfile.TemporaryDirectory() as folder:
    half = Trainer(config.replace(epochs=2))
    for _ in half:
        pass
    half.save(Path(folder, "half.safetensors"))
    rest = Trainer.load(Path(folder, "half.safetensors"), epochs=4)
for _ in rest:
    pass

for one, other in zip(whole.network.weights, rest.network.weights, strict=True):
    assert torch.equal(one, other)
whole.extend(6)
*_, last = whole
print(f"equal bit for bit; and on to step {last.step}, loss {last.loss.mean():.4f}")
