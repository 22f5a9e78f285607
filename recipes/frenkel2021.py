"""Frenkel, Lefebvre and Bol 2021: direct random target projection on MNIST, one hidden layer."""

from recipes.parts import even_by_inputs
from recipes.recipe import Claim, Figure, Reading, Recipe, Row

_RUN = (
    "tests of a reimplementation (class TestResultsAtEpoch10), which give what the authors' code "
    "reaches after 10 epochs, accuracies to 1 %"
)


def _row(label: str, scheme: str, rate: float, *figures: Figure, signal: str | None = None) -> Row:
    fields = {"scheme": scheme, "learning_rate": rate, "signal": signal}
    return Row(label, fields, figures, even_by_inputs)


RECIPE = Recipe(
    name="frenkel2021",
    title="Direct random target projection on MNIST",
    source="C. Frenkel, M. Lefebvre and D. Bol, Learning without feedback: Fixed random learning "
    "signals allow for feedforward training of deep neural networks, Frontiers in Neuroscience 15 "
    "(2021) 629892",
    link="https://doi.org/10.3389/fnins.2021.629892",
    table="The network FC1-500 of Table 1, without dropout: test error. The table's own figures "
    "could not be read here and are left out; beside ours stands what others got with the "
    "authors' code after 10 epochs",
    settings="The authors' repository ChFrenkel/DirectRandomTargetProjection (initial values, "
    "feedback, loss, data), and a reimplementation's parameters.py (Adam, batches of 60, learning "
    "rates of Table 3)",
    differs=(
        "25 epochs; theirs are 100.",
        "The rates of FA, DFA and shallow are from one script of others alone; for sDFA and DRTP "
        "two such sources disagree (5e-4 and 1.5e-4, or the other way round), and ours are those "
        "of the reimplementation.",
        "The loss is summed over the outputs, theirs is a mean: to Adam it is the same.",
        "Our signal is divided by the batch size. In the row 'not divided' it is as in the "
        "authors' code, where the outputs' error is divided and the hidden layers' signal is not: "
        "under Adam, which undoes scales, the two are nearly the same.",
    ),
    base={
        "dataset": "mnist",
        "hidden": (500,),
        "activation": "tanh",
        "loss": "binary_cross_entropy",
        "optimizer": "adam",
        "batch_size": 60,
        "feedback_init": "uniform",
        "feedback_std": (2 / 500) ** 0.5,
        "epochs": 25,
        "replicates": 5,
    },
    short={"epochs": 2, "replicates": 1},
    rows=(
        _row("DRTP", "drtp", 1.5e-4, Figure(7.0, at=10, read_in=_RUN)),
        _row("DRTP, not divided", "drtp", 1.5e-4, signal="recipe_target_whole"),
        _row("BP", "bp", 1.5e-4, Figure(3.0, at=10, read_in=_RUN)),
        _row("DFA", "dfa", 1.5e-4),
        _row("FA", "fa", 5e-4),
        _row("sDFA", "sdfa", 5e-4),
        _row("Shallow", "shallow", 1.5e-2),
    ),
    claims=(
        Claim("DRTP is worse than DFA", Reading("DFA"), Reading("DRTP")),
        Claim("BP is better than DRTP", Reading("BP"), Reading("DRTP")),
        Claim("DRTP is better than a shallow network", Reading("DRTP"), Reading("Shallow")),
    ),
)
