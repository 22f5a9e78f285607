"""Refinetti et al. 2021: align, then memorise; and the less, the more labels are wrong."""

from recipes.parts import even_weights_by_inputs
from recipes.recipe import Claim, Reading, Recipe, Row


def _row(noise: float) -> Row:
    fields = {"label_noise": noise}
    return Row(f"{100 * noise:g} % of the labels wrong", fields, (), even_weights_by_inputs)


_CLEAN, _HALF, _MOST = (f"{share} % of the labels wrong" for share in (0, 50, 90))

RECIPE = Recipe(
    name="refinetti2021",
    title="Align, then memorise",
    source="M. Refinetti, S. d'Ascoli, R. Ohana and S. Goldt, Align, then memorise: the dynamics "
    "of learning with feedback alignment, ICML 2021",
    link="https://arxiv.org/abs/2011.12428",
    table="The deep networks' alignment under label noise: curves without figures, so that what "
    "was said of them is compared",
    settings="The authors' repository sdascoli/dfa-dynamics: deep/submit_angle.py (MNIST of 14 x "
    "14, two hidden layers of 64, tanh, no biases, batches of 32, rate 0.001 on a summed loss) and "
    "deep/models.py",
    differs=(
        "60 epochs; theirs are 1,000.",
        "The loss is a mean over the batch, and so the rate 32 times theirs.",
        "Wrong labels are never the right one; theirs are drawn evenly, as we understand them.",
        "Images are halved by means of four pixels.",
        "Each network has feedback of its own; theirs share it.",
    ),
    base={
        "dataset": "recipe_mnist14",
        "scheme": "dfa",
        "hidden": (64, 64),
        "activation": "tanh",
        "bias": False,
        "feedback_init": "uniform",
        "feedback_std": 1 / 3**0.5,
        "learning_rate": 0.032,
        "batch_size": 32,
        "epochs": 60,
        "replicates": 5,
    },
    short={"epochs": 15, "replicates": 2, "train_samples": 5000},
    rows=(_row(0.0), _row(0.5), _row(0.9)),
    claims=(
        Claim(
            "First the update aligns: its angle to the gradient gets below the 90 degrees of "
            "chance, to less than 60",
            Reading(_CLEAN, "hidden_angle", "lowest"),
            60.0,
        ),
        Claim(
            "Then the network memorises, and the angle grows again",
            Reading(_CLEAN, "hidden_angle", "lowest"),
            Reading(_CLEAN, "hidden_angle", "last"),
        ),
        Claim(
            "The more labels are wrong, the less it aligns: 50 %",
            Reading(_CLEAN, "hidden_angle", "lowest"),
            Reading(_HALF, "hidden_angle", "lowest"),
        ),
        Claim(
            "The same: 90 %",
            Reading(_HALF, "hidden_angle", "lowest"),
            Reading(_MOST, "hidden_angle", "lowest"),
        ),
    ),
    shown=("hidden_angle", "test_error"),
    small=True,
)
