"""Crafton et al. 2019: direct feedback alignment where each hidden unit hears one output."""

from recipes.parts import even_weights_by_inputs
from recipes.recipe import Claim, Reading, Recipe, Row

_ZERO = {"weight_init": "zero"}
_SPARSE = "Sparse DFA, one output a unit"

RECIPE = Recipe(
    name="crafton2019",
    title="Sparse direct feedback alignment on MNIST",
    source="B. Crafton, A. Parihar, E. Gebhardt and A. Raychowdhury, Direct feedback alignment "
    "with sparse connections for local learning, Frontiers in Neuroscience 13 (2019) 525",
    link="https://doi.org/10.3389/fnins.2019.00525",
    table="The fully connected network on MNIST. Its figures could not be read here and are left "
    "out; what the abstract says is compared: a very sparse matrix costs little",
    settings="The authors' repositories bcrafton/ssdfa (results.py: tanh, batches of 32, the best "
    "of rates from 0.01 to 0.1) and bcrafton/dfa (mnist_fc.py: 784-400-10; FeedbackMatrix.py)",
    differs=(
        "10 epochs; theirs are 300.",
        "SGD with momentum 0.9 at a rate of 0.03. Theirs is Adam with an epsilon of 1, which is "
        "nearly that.",
        "The sparse matrix is scaled to keep the variance of what a unit hears.",
        "Theirs is the best test accuracy of all rates and epochs, ours the last.",
    ),
    base={
        "dataset": "mnist",
        "hidden": (400,),
        "activation": "tanh",
        "momentum": 0.9,
        "learning_rate": 0.03,
        "batch_size": 32,
        "feedback_init": "uniform",
        "feedback_std": 1 / (3 * 400) ** 0.5,
        "epochs": 10,
        "replicates": 5,
    },
    short={"epochs": 1, "replicates": 1},
    rows=(
        Row(_SPARSE, {"scheme": "dfa", "feedback_density": 0.1, **_ZERO}),
        Row("DFA", {"scheme": "dfa", **_ZERO}),
        Row("BP", {"scheme": "bp"}, (), even_weights_by_inputs),
        Row("Shallow", {"scheme": "shallow"}, (), even_weights_by_inputs),
    ),
    claims=(
        Claim(
            "Sparse DFA is better than a shallow network",
            Reading(_SPARSE),
            Reading("Shallow"),
        ),
        Claim(
            "DFA is no worse than sparse DFA",
            Reading("DFA"),
            Reading(_SPARSE),
        ),
    ),
)
