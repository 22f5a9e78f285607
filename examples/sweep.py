"""A grid of 5 rates and 5 initial scales, 4 networks each: 100 networks that train as one run."""

import numpy as np

from fa_engine import RunConfig, Trainer

RATES = [0.01, 0.03, 0.1, 0.3, 1.0]
SCALES = [0.01, 0.05, 0.1, 0.3, 1.0]

config = RunConfig(
    hidden=(32,),
    epochs=10,
    replicates=4,
    measure_every=100,
    vary={"learning_rate": RATES, "weight_std": SCALES},
)
trainer = Trainer(config)
*_, last = trainer

print("test accuracy and hidden angle, medians of 4 networks; down: rate, across: initial scale")
print("      " + "".join(f"{scale:>14g}" for scale in SCALES))
for row, rate in enumerate(RATES):
    line = f"{rate:6g}"
    for column in range(len(SCALES)):
        networks = config.networks_of(row * len(SCALES) + column)
        gone = sum(at is not None for at in trainer.diverged_at[networks])
        own = last.of(networks)
        accuracy, angle = own.test_accuracy, own.hidden_angle_deg
        shown = f"{100 * np.median(accuracy):.1f} % {np.median(angle):3.0f}°"
        line += f"{f'{gone} diverged' if gone else shown:>14}"
    print(line)
