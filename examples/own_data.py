"""Data of one's own: two moons, as NumPy arrays."""

import numpy as np

from fa_engine import RunConfig, Trainer, register


def moons(n, source):
    """``(n, 2)`` points on two half circles, and ``(n,)`` which of the two."""
    label = np.arange(n) % 2
    turn = source.uniform(0, np.pi, n)
    x = np.stack([np.cos(turn), np.sin(turn)], 1)
    x[label == 1] = [1.0, 0.5] - x[label == 1]
    return x + source.normal(0, 0.1, x.shape), label


source = np.random.default_rng(0)
register.arrays(
    "moons",
    *moons(2000, source),
    *moons(500, source),
    title="Two moons",
    text="Points of the plane on two half circles that reach into one another.",
)

if __name__ == "__main__":
    config = RunConfig(dataset="moons", hidden=(32, 32), scheme="dfa", epochs=30)
    *_, last = Trainer(config)
    print(f"test accuracy {last.test_accuracy.round(3)}")
