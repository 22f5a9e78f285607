"""Nøkland 2016, Table 1: direct feedback alignment on MNIST, fully connected tanh networks."""

from recipes.parts import even_by_inputs
from recipes.recipe import Claim, Figure, Reading, Recipe, Row


def _row(depth: int, name: str, value: float, spread: float) -> Row:
    """One of so many hidden layers of 800, under ``bp``, ``fa`` or ``dfa``."""
    fields = {"hidden": (800,) * depth, "scheme": name}
    if name != "bp":  # their code sets weights and biases to 0 where they are
        fields |= {"weight_init": "zero", "feedback_std": 1 / (3 * 800) ** 0.5}
    begins = even_by_inputs if name == "bp" else None
    return Row(f"{depth}x800 {name.upper()}", fields, (Figure(value, spread=spread),), begins)


RECIPE = Recipe(
    name="nokland2016",
    title="Direct feedback alignment on MNIST",
    source="A. Nøkland, Direct feedback alignment provides learning in deep neural networks, "
    "NeurIPS 2016",
    link="https://arxiv.org/abs/1609.01596",
    table="Table 1, the rows 1x800 and 2x800 tanh: test error",
    settings="The author's repository anokland/dfa-torch: Main.lua, Models/mlp.lua, "
    "Models/ErrorFeedback.lua, Models/Linear.lua",
    differs=(
        "40 epochs; theirs go on for 300 at most, or until no training error is left.",
        "The row 2x800 with dropout, 1.45 % under DFA in their abstract, is not run here.",
    ),
    base={
        "dataset": "mnist",
        "activation": "tanh",
        "loss": "binary_cross_entropy",
        "optimizer": "rmsprop",
        "learning_rate": 1e-4,
        "batch_size": 64,
        "feedback_init": "uniform",
        "epochs": 40,
        "replicates": 4,
    },
    short={"epochs": 3, "replicates": 1, "train_samples": 10_000},
    rows=(
        _row(2, "dfa", 1.74, 0.08),
        _row(2, "fa", 1.64, 0.03),
        _row(2, "bp", 1.60, 0.06),
        _row(1, "dfa", 1.68, 0.05),
        _row(1, "fa", 1.68, 0.05),
        _row(1, "bp", 1.59, 0.04),
    ),
    claims=(
        Claim("DFA learns from weights of 0: less than 20 % wrong", Reading("2x800 DFA"), 20.0),
        Claim("FA does too", Reading("2x800 FA"), 20.0),
    ),
)
