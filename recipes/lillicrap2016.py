"""Lillicrap et al. 2016: the linear network 30-20-10, and MNIST with 784-1000-10."""

from recipes.recipe import Claim, Figure, Reading, Recipe, Row

_SOURCE = (
    "T. P. Lillicrap, D. Cownden, D. B. Tweed and C. J. Akerman, Random synaptic feedback weights "
    "support error backpropagation for deep learning, Nature Communications 7 (2016) 13276"
)
_LINK = "https://doi.org/10.1038/ncomms13276"
_EVEN = 1 / 3**0.5  # the standard deviation of what lies evenly from -1 to 1

LINEAR = Recipe(
    name="lillicrap2016_linear",
    title="Feedback alignment of a linear network",
    source=_SOURCE,
    link=_LINK,
    table="Fig. 1, a linear network 30-20-10 that learns a linear map: curves without figures, so "
    "that what was said of them is compared",
    settings="A summary of the methods in the repository YAGI0423/feedback_alignment: the map's "
    "entries lie evenly from -1 to 1, initial weights from -0.01 to 0.01, feedback from "
    "-0.5 to 0.5",
    differs=(
        "2,000 samples in batches of 10 and a rate of 0.01, found by hand; theirs is found by hand "
        "too and not told.",
        "No biases, as we understand theirs.",
    ),
    base={
        "dataset": "recipe_linear",
        "hidden": (20,),
        "activation": "linear",
        "loss": "squared_error",
        "bias": False,
        "weight_init": "uniform",
        "weight_std": 0.01 * _EVEN,
        "feedback_init": "uniform",
        "feedback_std": 0.5 * _EVEN,
        "learning_rate": 0.01,
        "batch_size": 10,
        "epochs": 10,
        "replicates": 20,
    },
    short={"epochs": 5, "replicates": 8},
    rows=(
        Row("BP", {"scheme": "bp"}),
        Row("FA", {"scheme": "fa"}),
        Row("Shallow", {"scheme": "shallow"}),
    ),
    claims=(
        Claim(
            "FA's hidden update comes to within 45 degrees of the gradient",
            Reading("FA", "hidden_angle", "lowest"),
            45.0,
        ),
        Claim(
            "FA's error gets below the shallow network's",
            Reading("FA", "test_loss"),
            Reading("Shallow", "test_loss"),
        ),
    ),
    shown=("test_loss", "hidden_angle"),
    small=True,
)

MNIST = Recipe(
    name="lillicrap2016_mnist",
    title="Feedback alignment on MNIST",
    source=_SOURCE,
    link=_LINK,
    table="Fig. 2, sigmoid network 784-1000-10 with squared error: test error",
    settings="A summary of the methods in the repository YAGI0423/feedback_alignment: sigmoid "
    "hidden and output units, learning rate 1e-3, weight decay 1e-6. Ranges of weights (0.1) and "
    "feedback (0.5) are a replication's, chenghuzi/Re-Feedback_Alignment",
    differs=(
        "Batches of 100 at a rate of 0.1: as much for each example as theirs, which come one by "
        "one.",
        "80 epochs, 4.8 million examples; how many theirs are we do not know.",
        "The decay is times the rate here; whether it is so there we do not know.",
    ),
    base={
        "dataset": "mnist",
        "hidden": (1000,),
        "activation": "sigmoid",
        "loss": "recipe_sigmoid_square",
        "weight_init": "uniform",
        "weight_std": 0.1 * _EVEN,
        "feedback_init": "uniform",
        "feedback_std": 0.5 * _EVEN,
        "learning_rate": 0.1,  # with 0.5 and batches of 500 all outputs go to 0 and stay there
        "weight_decay": 1e-6,
        "batch_size": 100,
        "epochs": 80,
        "replicates": 4,
    },
    short={"epochs": 6, "replicates": 1, "train_samples": 10_000},
    rows=(
        Row("FA", {"scheme": "fa"}, (Figure(2.1),)),
        Row("BP", {"scheme": "bp"}, (Figure(2.4),)),
        Row("Shallow", {"scheme": "shallow"}),
    ),
    claims=(
        Claim("FA is better than a shallow network", Reading("FA"), Reading("Shallow")),
        Claim(
            "FA's hidden update turns towards the gradient",
            Reading("FA", "hidden_angle"),
            Reading("FA", "hidden_angle", "first"),
        ),
    ),
)
