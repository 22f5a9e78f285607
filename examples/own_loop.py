"""A loop of one's own, without Trainer: network, feedback, step and measures by themselves."""

import torch

from fa_engine import (
    ACTIVATIONS,
    LOSSES,
    SCHEMES,
    Draw,
    Feedback,
    FeedbackOptions,
    Network,
    StepOptions,
    build_layers,
    load_dataset,
    make_optimizer,
    measure,
)

SEEDS = [0, 1, 2]  # a network each, trained side by side
BATCH, STEPS = 64, 301

data = load_dataset("digits")
layers = build_layers((64, 64), data.x_train.shape[1], None, data.y_train.shape[1])
network = Network.draw(
    layers, ACTIVATIONS["tanh"], Draw(), SEEDS, torch.device("cpu"), torch.float32
)
feedback = Feedback("fa", SCHEMES["fa"], network, FeedbackOptions(SEEDS))
learned = feedback.matrices if feedback.learns else ()
optimizer = make_optimizer("sgd", network, learned, 0.1, StepOptions())
loss = LOSSES["cross_entropy"]
source = torch.Generator().manual_seed(0)

with torch.inference_mode():
    for step in range(STEPS):
        chosen = torch.randint(len(data.x_train), (BATCH,), generator=source)
        x, y = data.x_train[chosen], data.y_train[chosen]
        past = network.forward(x)
        top = loss.error(past.outputs, y) / BATCH  # the derivative of the mean loss
        directions = feedback.directions(top, y, past, step)
        if step % 50 == 0:
            true = feedback.true_deltas(directions, top, past)
            found = measure(network, feedback, directions, true, past)
            angles = found.gradient_angle_deg.mean(0).round(1)
            print(f"step {step:3}  loss {loss.value(past.outputs, y).mean():.3f}  angles {angles}")
        optimizer.update(directions, feedback.learned(directions, past))
        feedback.took_step()
