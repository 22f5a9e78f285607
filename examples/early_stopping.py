"""Stopping early: when the loss on samples that are not trained on has not fallen for a while."""

import numpy as np

from fa_engine import RunConfig, Trainer

PATIENCE = 10  # looks

trainer = Trainer(
    RunConfig(
        scheme="fa",
        hidden=(128, 128),
        train_samples=300,
        learning_rate=0.3,
        epochs=400,
        measure_every=20,
        evaluate_every=20,
    )
)
best, best_step, waited = np.inf, 0, 0
for m in trainer:
    loss = m.test_loss.mean()
    waited = 0 if loss < best else waited + 1
    if loss < best:
        best, best_step = loss, m.step
        weights = [w.clone() for w in trainer.network.weights]  # those that were measured
        biases = [b.clone() for b in trainer.network.biases]
    if waited == PATIENCE:
        break

for now, kept in zip(
    (*trainer.network.weights, *trainer.network.biases), (*weights, *biases), strict=True
):
    now.copy_(kept)
print(f"stopped at step {trainer.step}, back to step {best_step}")
print(f"test loss {trainer.evaluate()[0].mean():.4f}, where {best:.4f} was measured")
