"""Handing a network over: BP for a while, then FA, and what becomes of the angle."""

from fa_engine import RunConfig, Trainer

trainer = Trainer(RunConfig(scheme="bp", epochs=40, measure_every=80))
for m in trainer:
    if m.epoch >= 10 and trainer.scheme == "bp":
        trainer.scheme = "fa"
        print(f"step {m.step}: {trainer.config.scheme} from here on")
    elif trainer.scheme == "fa":
        print(f"step {m.step:4}  angles {m.gradient_angle_deg.mean(0).round(1)}")
