"""The six claims of D. Chu and F. Bacho, *Random feedback alignment algorithms to train neural
networks: why do they align?* (2024), as experiments.

Every rule stands here before anything is trained. Where a claim holds in one situation and not in
another, both are asked.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float64

from fa_engine.measures.alignment import Array
from fa_engine.studies.evidence import Shown
from fa_engine.studies.experiment import Arm, Experiment, Prediction
from fa_engine.studies.verdicts import Rule

CHU = "Chu and Bacho 2024"

_MNIST: dict[str, Any] = {
    "hidden": (256, 256),
    "learning_rate": 0.1,
    "batch_size": 128,
    "epochs": 3,
    "measure_every": 20,
    "evaluate_every": 400,
}
ON_BOTH: dict[str, dict[str, Any]] = {
    "digits": {"learning_rate": 0.1, "epochs": 60, "measure_every": 20, "evaluate_every": 60},
    "mnist": _MNIST,
}
# Few enough samples to be fitted to the last digit, in full batches: an epoch is a step.
_FORTY: dict[str, Any] = {
    "loss": "squared_error",
    "train_samples": 40,
    "batch_size": 40,
    "learning_rate": 0.05,
    "epochs": 8000,
    "measure_every": 100,
    "evaluate_every": 100_000,
}
_FITTED: dict[str, dict[str, Any]] = {"digits": _FORTY, "mnist": _FORTY | {"learning_rate": 0.02}}


def _left(shown: Shown, measure: str) -> Float64[Array, " R"]:
    """What is left of a length of all hidden layers, where each network came nearest to rest, as a
    share of what it was at first."""
    rest, first = (np.sqrt((v**2).sum(1)) for v in (shown.at_rest(measure), shown.first(measure)))
    found: Array = rest / first
    return found


LEARNS = Experiment(
    title="Feedback alignment learns, and aligns while it learns",
    question="Does a network learn when its errors come back through fixed random matrices?",
    claim="Networks learn by random feedback, and their updates turn towards the gradient.",
    source=f"Lillicrap et al. 2016; {CHU}",
    settings=ON_BOTH,
    arms={
        "fa": Arm("Feedback alignment", {"scheme": "fa"}),
        "shallow": Arm("Only the output layer learns", {"scheme": "shallow"}),
        "bp": Arm("Backpropagation", {"scheme": "bp"}),
    },
    predictions=[
        Prediction(
            "Its hidden layers learn: it scores higher than where they stay as they were",
            lambda e: e["fa"].last("test_accuracy") - e["shallow"].last("test_accuracy"),
            "test accuracy above that of a network whose output layer alone learns",
            "share",
            Rule(0.02, above=True),
        ),
        Prediction(
            "Every hidden layer turns towards its gradient",
            lambda e: (
                e["fa"].first("gradient_angle_deg") - e["fa"].last("gradient_angle_deg")
            ).min(1),
            "fall of the gradient angle, of the layer that turned least",
            "°",
            Rule(5, above=True),
        ),
    ],
    shows=["test_accuracy", "gradient_angle_deg"],
    look_for="The angles leave 90° while the accuracy rises, and stop well above 0°.",
)

EXTREMA = Experiment(
    title="Its fixed points are extrema of the loss",
    question="Where feedback alignment comes to rest, is the gradient gone too?",
    claim="The fixed points of the walk are extrema of the loss.",
    source=CHU,
    settings={name: fields | {"replicates": 16} for name, fields in _FITTED.items()},
    arms={
        "fits": Arm("It can fit every sample (64-64)", {"scheme": "fa"}),
        "narrow": Arm(
            "It cannot: three hidden units",
            {
                "scheme": "fa",
                "hidden": (3,),
                "train_samples": 100,
                "batch_size": 100,
                "learning_rate": 0.2,
                "epochs": 10_000,
                "measure_every": 50,
            },
        ),
    },
    predictions=[
        Prediction(
            "Where the error goes to 0, the gradient does",
            lambda e: _left(e["fits"], "gradient_norm"),
            "gradient of the hidden layers at rest, of that at the first step",
            "share",
            Rule(0.05, above=False),
        ),
        Prediction(
            "Where an error is left, the gradient fades with the update all the same",
            lambda e: _left(e["narrow"], "gradient_norm") / _left(e["narrow"], "update_norm"),
            "what is left of the gradient at rest, over what is left of the update",
            "times",
            Rule(3, above=False),
        ),
    ],
    shows=["gradient_norm", "update_norm", "loss"],
    look_for="With three hidden units the update fades and the gradient does not: the network "
    "rests on a slope that its feedback does not see.",
)

STABLE = Experiment(
    title="Alignment is what makes a fixed point stable",
    question="Is a minimum that backpropagation found a place where feedback alignment stays?",
    claim="Gradient alignment is the criterion of stability: a walk settles only where it aligns.",
    source=CHU,
    settings=_FITTED,
    arms={
        "bp": Arm("Backpropagation, to its minimum", {"scheme": "bp"}),
        "leaves": Arm("Feedback alignment from there", {"scheme": "fa", "epochs": 3000}, "bp"),
        "fa": Arm("Feedback alignment from the start", {"scheme": "fa"}),
    },
    predictions=[
        Prediction(
            "The minimum of backpropagation is unstable for feedback alignment",
            lambda e: e["bp"].unstable_share("fa"),
            "unstable modes of K",
            "share",
            Rule(0.02, above=True),
        ),
        Prediction(
            "Feedback alignment leaves it: the loss rises",
            lambda e: e["leaves"].last("loss") / e["leaves"].first("loss"),
            "loss after 3,000 steps over that at the minimum",
            "times",
            Rule(1, above=True),
        ),
        Prediction(
            "Where feedback alignment came to rest itself hardly a mode is unstable",
            lambda e: e["fa"].unstable_share("fa"),
            "unstable modes of K",
            "share",
            Rule(0.02, above=False),
        ),
    ],
    shows=["loss", "hidden_angle_deg"],
    look_for="Handed over at the minimum, the angle goes beyond 90° and the loss goes up: the "
    "update leads uphill.",
)

SUFFICES = Experiment(
    title="Alignment is necessary for success, and not sufficient",
    question="Does a network that is aligned better score higher?",
    claim="Alignment is necessary for feedback alignment to succeed, and not sufficient.",
    source=CHU,
    settings=ON_BOTH,
    arms={
        "usual": Arm("Usual initial weights", {"scheme": "fa"}),
        "small": Arm("Small initial weights (0.01)", {"scheme": "fa", "weight_std": 0.01}),
        "large": Arm("Large initial weights (1)", {"scheme": "fa", "weight_std": 1.0}),
    },
    predictions=[
        Prediction(
            "From small initial weights it aligns better",
            lambda e: e["usual"].last("hidden_angle_deg") - e["small"].last("hidden_angle_deg"),
            "how much smaller the angle over all hidden layers is",
            "°",
            Rule(5, above=True),
        ),
        Prediction(
            "and scores no higher for it",
            lambda e: e["small"].last("test_accuracy") - e["usual"].last("test_accuracy"),
            "test accuracy gained",
            "share",
            Rule(0.01, above=False),
        ),
        Prediction(
            "From large ones it hardly aligns",
            lambda e: e["large"].last("hidden_angle_deg") - e["usual"].last("hidden_angle_deg"),
            "how much larger the angle over all hidden layers is",
            "°",
            Rule(5, above=True),
        ),
        Prediction(
            "and falls behind the one that aligns",
            lambda e: e["usual"].last("test_accuracy") - e["large"].last("test_accuracy"),
            "test accuracy lost",
            "share",
            Rule(0.02, above=True),
        ),
    ],
    shows=["test_accuracy", "hidden_angle_deg"],
    look_for="The smallest angle and the highest accuracy belong to different networks.",
)

DRIVES = Experiment(
    title="Alignment does not always drive the descent",
    question="Which layers lower the loss while the network begins to learn?",
    claim="It is not always alignment that drives the descent.",
    source=CHU,
    settings={name: fields | {"measure_every": 5} for name, fields in ON_BOTH.items()},
    arms={
        "fa": Arm("Feedback alignment", {"scheme": "fa"}),
        "bp": Arm("Backpropagation", {"scheme": "bp"}),
    },
    predictions=[
        Prediction(
            "At the first step the output layer does it alone",
            lambda e: e["fa"].output_share(0),
            "the output layer's share of the descent; above 100 % others lead uphill",
            "share",
            Rule(0.8, above=True),
        ),
        Prediction(
            "Until half of a batch is classified, still most of it",
            lambda e: e["fa"].output_share_until("accuracy", 0.5),
            "the output layer's share of all descent until half of a batch is classified",
            "share",
            Rule(0.5, above=True),
        ),
    ],
    shows=["loss", "descent_rate", "hidden_angle_deg"],
    look_for="The loss falls fastest while the hidden layers still stand near 90°.",
)

WALKS = Experiment(
    title="Training is a random walk",
    question="Do the weights diffuse, or do they drift?",
    claim="Feedback alignment is a random walk in weight space.",
    source=CHU,
    settings={
        "digits": {"epochs": 150, "measure_every": 10, "evaluate_every": 100_000, "walk": True},
        "mnist": _MNIST | {"measure_every": 10, "walk": True},
    },
    arms={
        "quick": Arm("Learning rate 0.1", {"scheme": "fa", "learning_rate": 0.1}),
        "slow": Arm("Learning rate 0.02", {"scheme": "fa", "learning_rate": 0.02}),
    },
    predictions=[
        Prediction(
            "Late in training a step hardly knows of the one before, at rate 0.1",
            lambda e: abs(e["quick"].late_mean("update_cosine")[:, 0]),
            "cosine of two updates that follow one another, its size, bottom layer, last quarter",
            "",
            Rule(0.2, above=False),
        ),
        Prediction(
            "The weights diffuse rather than drift, at rate 0.1",
            lambda e: abs(e["quick"].exponent() - 1),
            "distance from 1 of the displacement's exponent, bottom layer: 0 diffuses, 1 drifts",
            "",
            Rule(0.5, above=False),
        ),
        Prediction(
            "They do so at rate 0.02 too",
            lambda e: abs(e["slow"].exponent() - 1),
            "distance from 1 of the displacement's exponent, bottom layer: 0 diffuses, 1 drifts",
            "",
            Rule(0.5, above=False),
        ),
    ],
    shows=["update_cosine", "displacement", "loss"],
    look_for="Which it is depends on the rate and on the window that is looked at.",
)

CLAIMS = {
    "learns": LEARNS,
    "extrema": EXTREMA,
    "stable": STABLE,
    "suffices": SUFFICES,
    "drives": DRIVES,
    "walks": WALKS,
}
