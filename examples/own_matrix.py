"""Feedback matrices of one's own: random ones that turn towards the weights a little each step."""

from fa_engine import Matrices, RunConfig, Scheme, Trainer, register

RATE = 0.01


@register.matrices("drifting")
class Drifting(Matrices):
    """``B <- (1 - r) B + r W``: drawn at random, and drawn to the weights."""

    title = "Random, drifting towards the weights"
    routes = ("layerwise",)
    motion = "mirrored"  # where no error is left it moves on towards the weights

    def refresh(self, step):
        for matrix, weight in zip(self.tensors, self.network.weights[1:], strict=True):
            matrix.lerp_(weight, RATE)


register.scheme(
    "drifting_fa",
    Scheme(
        title="Drifting feedback",
        short="drift",
        route="layerwise",
        signal="error",
        matrix="drifting",
        explanation="Feedback matrices that forget where they came from.",
        source="this example",
    ),
)

if __name__ == "__main__":
    trainer = Trainer(RunConfig(scheme="drifting_fa", epochs=10, measure_every=100))
    for m in trainer:
        print(f"step {m.step:4}  weight angle {m.weight_angle_deg.mean(0).round(1)}")
