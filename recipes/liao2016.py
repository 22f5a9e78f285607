"""Liao, Leibo and Poggio 2016, and Moskovitz et al. 2018: the signs of the weights are enough."""

from recipes.parts import even_by_inputs
from recipes.recipe import Claim, Figure, Reading, Recipe, Row

_READ = "Benchmarks.md of the repository jsalbert/biotorch, the MNIST column"


def _row(label: str, scheme: str, error: float) -> Row:
    return Row(label, {"scheme": scheme}, (Figure(error, read_in=_READ),), even_by_inputs)


RECIPE = Recipe(
    name="liao2016",
    title="Sign symmetry in a convolutional network",
    source="Q. Liao, J. Z. Leibo and T. Poggio, How important is weight symmetry in "
    "backpropagation?, AAAI 2016; T. H. Moskovitz, A. Litwin-Kumar and L. F. Abbott, Feedback "
    "alignment in deep convolutional networks, 2018",
    link="https://arxiv.org/abs/1510.05067, https://arxiv.org/abs/1812.06488",
    table="Their own tables are of data sets and networks that are not here. The figures are of "
    "the benchmark of BioTorch (A. Sanfiz and M. Akrout, arXiv:2108.13446) of the same rules: "
    "LeNet on MNIST, test error",
    settings="That benchmark's page and its biotorch/models/le_net.py: SGD with momentum 0.9, "
    "decay 0.001, batches of 64, the rate a tenth from half of the run on and from three quarters "
    "again",
    differs=(
        "10 epochs; theirs are 100. The rate, 0.01, is ours: theirs is not told.",
        "Images stay 28 x 28, and the third convolution 4 x 4; theirs are enlarged to 32 x 32, "
        "with 5 x 5.",
        "The layer of 84 has an activation, and theirs has none.",
        "No batch normalisation, as there; Liao et al. find it indispensable in larger networks.",
        "Theirs is the best epoch by the test set, ours the last.",
    ),
    base={
        "dataset": "mnist",
        "hidden": "conv 6x5, pool 2, conv 16x5, pool 2, conv 120x4, 84",
        "activation": "relu",
        "momentum": 0.9,
        "learning_rate": 0.01,
        "weight_decay": 1e-3,
        "batch_size": 64,
        "schedule": "recipe_tenths",
        "feedback_init": "uniform",
        "epochs": 10,
        "replicates": 2,
    },
    short={"epochs": 1, "replicates": 1, "train_samples": 20000},
    rows=(
        _row("uSF", "usf", 0.94),
        _row("BP", "bp", 0.91),
        _row("FA", "fa", 1.7),
        _row("frSF", "frsf", 0.97),
        _row("brSF", "brsf", 0.91),
        _row("DFA", "dfa", 1.61),
    ),
    claims=(
        Claim("Signs are better than random feedback", Reading("uSF"), Reading("FA")),
        Claim("So they are with random magnitudes", Reading("frSF"), Reading("FA")),
    ),
)
