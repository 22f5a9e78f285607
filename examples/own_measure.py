"""A measure of one's own: the share of hidden units that are asleep on a batch."""

import torch

from fa_engine import RunConfig, Trainer, register


@register.measure(
    "asleep",
    title="Units asleep",
    unit="share",
    text="Share of a hidden layer's units that answer 0 to every sample of the batch.",
    shape="RH",  # a value for each replicate and hidden layer
)
def asleep(moment):
    """``(R, H)`` from the activations of the batch."""
    replicates = moment.network.replicates
    shares = [
        (h.reshape(replicates, -1, h.shape[-1]) == 0).all(1).double().mean(1)
        for h in moment.past.hidden
    ]
    return torch.stack(shares, 1)


if __name__ == "__main__":
    config = RunConfig(activation="relu", hidden=(128, 128), weight_std=0.3, learning_rate=0.05)
    for m in Trainer(config.replace(epochs=5, measure_every=25)):
        print(f"step {m.step:4}  asleep {m.asleep.mean(0).round(3)}")
