"""Akrout et al. 2019: backpropagation, feedback alignment, Kolen-Pollack and the weight mirror on
MNIST, epoch by epoch, as their own result files have it."""

from recipes.parts import normal_by_both_sides
from recipes.recipe import At, Claim, Figure, Reading, Recipe, Row

_FILES = "experiments/mnist of the authors' repository (log.txt of each run)"


def _figures(errors: dict[At, float], angles: dict[At, float]) -> tuple[Figure, ...]:
    """Test accuracies, in %, and weight angles after so many epochs."""
    return (
        *(Figure(round(100 - v, 2), at=at, read_in=_FILES) for at, v in errors.items()),
        *(Figure(v, "weight_angle", at, read_in=_FILES) for at, v in angles.items()),
    )


def _row(
    label: str, fields: dict[str, object], accuracies: dict[At, float], angles: dict[At, float]
) -> Row:
    return Row(label, fields, _figures(accuracies, angles), normal_by_both_sides)


_MIRROR: tuple[dict[At, float], dict[At, float]] = (
    {1: 78.48, 2: 84.23, 3: 86.54, 10: 90.49, 40: 95.8, 100: 97.97, 400: 98.49},
    {1: 61.33, 2: 53.15, 3: 47.26, 10: 27.45, 40: 14.0, 100: 9.32, 400: 3.79},
)

RECIPE = Recipe(
    name="akrout2019",
    title="Weight mirror and Kolen-Pollack on MNIST",
    source="M. Akrout, C. Wilson, P. C. Humphreys, T. Lillicrap and D. B. Tweed, Deep learning "
    "without weight transport, NeurIPS 2019",
    link="https://arxiv.org/abs/1904.05391",
    table="The authors' own runs of 784-500-10 (repository "
    "makrout/Deep-Learning-without-Weight-Transport, one seed, 400 epochs): test error, and the "
    "angle between the output layer's weights and their feedback matrix",
    settings="The same repository: experiment_config.txt of each run and fcnn/",
    differs=(
        "Theirs is one run of seed 1111, ours is the mean of several of other seeds.",
        "The weight mirror runs twice: as in their code, and as the engine has it, whose noise is "
        "normal, goes through the weights alone and counts in a running mean.",
        "float32; theirs is float64.",
    ),
    base={
        "dataset": "mnist",
        "hidden": (500,),
        "activation": "sigmoid",
        "loss": "binary_cross_entropy",
        "learning_rate": 0.2,
        "bias_rate": 1 / 128,  # a quirk of their code: a mean of means
        "batch_size": 128,
        "shuffle": False,
        "epochs": 400,
        "replicates": 4,
        "feedback_std": 1 / 510**0.5,
    },
    short={"epochs": 3, "replicates": 2},
    rows=(
        _row(
            "BP",
            {"scheme": "bp"},
            {1: 88.0, 2: 89.69, 3: 90.58, 10: 94.12, 40: 97.43, 100: 98.25, 400: 98.5},
            {},
        ),
        _row(
            "FA",
            {"scheme": "fa"},
            {1: 85.49, 2: 88.04, 3: 89.01, 10: 90.86, 40: 94.17, 100: 96.34, 400: 97.8},
            {1: 40.04, 2: 34.92, 3: 32.60, 10: 29.25, 40: 36.64, 100: 41.41, 400: 40.03},
        ),
        _row(
            "KP",
            {"scheme": "kp", "learning_rate": 0.3},
            {1: 88.9, 2: 90.65, 3: 91.75, 10: 95.41, 40: 97.84, 100: 98.28, 400: 98.45},
            {1: 19.75, 2: 17.09, 3: 15.75, 10: 11.18, 40: 6.76, 100: 4.93, 400: 3.62},
        ),
        _row(
            "WM, their mirror",
            {"scheme": "wm", "learning_rate": 0.05, "matrix": "recipe_mirror"}
            | {"mirror_samples": 128},
            *_MIRROR,
        ),
        _row(
            "WM, the engine's",
            {"scheme": "wm", "learning_rate": 0.05, "mirror_rate": 0.01, "mirror_samples": 128},
            *_MIRROR,
        ),
    ),
    claims=(
        Claim(
            "Kolen-Pollack's matrices come closer to the weights than fixed ones",
            Reading("KP", "weight_angle"),
            Reading("FA", "weight_angle"),
        ),
        Claim(
            "The weight mirror's matrices come closer to the weights than fixed ones",
            Reading("WM, their mirror", "weight_angle"),
            Reading("FA", "weight_angle"),
        ),
        Claim("Kolen-Pollack ends better than feedback alignment", Reading("KP"), Reading("FA")),
    ),
)
