"""A feedback scheme of one's own: direct feedback of a clipped error."""

from fa_engine import RunConfig, Scheme, Trainer, register


@register.signal("clipped", title="The output error, clipped at 0.1")
def clipped(e, y):
    """The error of each sample, no entry larger than 0.1."""
    return e.clamp(-0.1, 0.1)


register.scheme(
    "clipped_dfa",
    Scheme(
        title="Clipped direct feedback alignment",
        short="cDFA",
        route="direct",
        signal="clipped",
        matrix="random",
        explanation="Every hidden layer hears the output error, and no output shouts.",
        source="this example",
    ),
)

if __name__ == "__main__":
    for m in Trainer(RunConfig(scheme="clipped_dfa", epochs=30, measure_every=100)):
        angles = m.gradient_angle_deg.mean(0)
        print(f"step {m.step:4}  loss {m.loss.mean():.3f}  angles {angles.round(1)}")
