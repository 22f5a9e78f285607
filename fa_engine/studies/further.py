"""What others found of feedback alignment, as experiments beside the six claims."""

from __future__ import annotations

from typing import Any

from fa_engine.studies.experiment import Arm, Experiment, Prediction
from fa_engine.studies.paper import ON_BOTH
from fa_engine.studies.verdicts import Rule

_DEEP: dict[str, dict[str, Any]] = {
    "digits": ON_BOTH["digits"] | {"hidden": (64, 64, 64, 64)},
    "mnist": ON_BOTH["mnist"] | {"hidden": (128, 128, 128, 128)},
}
_BP = Arm("Backpropagation", {"scheme": "bp"})
_FA = Arm("Feedback alignment", {"scheme": "fa"})
_SHALLOW = Arm("Only the output layer learns", {"scheme": "shallow"})

DEPTH = Experiment(
    title="Depth compounds the angles",
    question="Is a layer that is further from the outputs aligned worse?",
    claim="Angles grow from layer to layer on the way down; the matrix on top aligns first.",
    source="Lillicrap et al. 2016; Refinetti et al. 2021",
    settings=_DEEP,
    arms={"fa": Arm("Feedback alignment, four hidden layers", {"scheme": "fa"}), "bp": _BP},
    predictions=[
        Prediction(
            "The bottom layer stands further from its gradient than the top hidden one",
            lambda e: (
                e["fa"].late_mean("gradient_angle_deg")[:, 0]
                - e["fa"].late_mean("gradient_angle_deg")[:, -1]
            ),
            "gradient angle of the bottom layer beyond that of the top hidden one, last quarter",
            "°",
            Rule(5, above=True),
        ),
        Prediction(
            "Of the feedback matrices the one on top turns towards its weights the most",
            lambda e: (
                (e["fa"].first("weight_angle_deg") - e["fa"].last("weight_angle_deg"))[:, -1]
                - (e["fa"].first("weight_angle_deg") - e["fa"].last("weight_angle_deg"))[
                    :, :-1
                ].max(1)
            ),
            "fall of the top matrix's weight angle beyond the greatest of the others",
            "°",
            Rule(10, above=True),
        ),
    ],
    shows=["gradient_angle_deg", "weight_angle_deg", "test_accuracy"],
    look_for="The angles stand in the order of the layers, and one matrix alone leaves 90°.",
)

SIGNS = Experiment(
    title="The signs of the weights are nearly enough",
    question="What is lost if only the signs of the weights are sent back?",
    claim="With the right signs feedback does nearly what backpropagation does.",
    source="Liao, Leibo and Poggio 2016; Moskovitz et al. 2018",
    settings=ON_BOTH,
    arms={
        "usf": Arm("The signs of the weights", {"scheme": "usf"}),
        "bp": _BP,
        "fa": _FA,
    },
    predictions=[
        Prediction(
            "It scores next to backpropagation",
            lambda e: e["bp"].last("test_accuracy") - e["usf"].last("test_accuracy"),
            "test accuracy below that of backpropagation",
            "share",
            Rule(0.02, above=False),
        ),
        Prediction(
            "It is aligned better than by random matrices",
            lambda e: e["fa"].last("hidden_angle_deg") - e["usf"].last("hidden_angle_deg"),
            "how much smaller the angle over all hidden layers is",
            "°",
            Rule(10, above=True),
        ),
    ],
    shows=["test_accuracy", "hidden_angle_deg"],
    look_for="The angle is small from the first step on, and never 0.",
)

LEARNED = Experiment(
    title="Feedback that is learned reaches backpropagation",
    question="Can the way back be learned beside the way forward?",
    claim="Matrices that move by the same rule as the weights, and decay, come to equal them.",
    source="Kolen and Pollack 1994; Akrout et al. 2019",
    settings=ON_BOTH,
    arms={"kp": Arm("Kolen-Pollack", {"scheme": "kp"}), "bp": _BP, "fa": _FA},
    predictions=[
        Prediction(
            "It scores next to backpropagation",
            lambda e: e["bp"].last("test_accuracy") - e["kp"].last("test_accuracy"),
            "test accuracy below that of backpropagation",
            "share",
            Rule(0.02, above=False),
        ),
        Prediction(
            "It comes nearer to the gradient than matrices that stand still",
            lambda e: e["fa"].last("hidden_angle_deg") - e["kp"].last("hidden_angle_deg"),
            "how much smaller the angle over all hidden layers is",
            "°",
            Rule(10, above=True),
        ),
    ],
    shows=["hidden_angle_deg", "weight_angle_deg", "test_accuracy"],
    look_for="Both begin at 90°; the angle of the learned matrices goes on falling.",
)

DIRECT = Experiment(
    title="The error may go to every layer directly",
    question="Does the way back have to go through the layers?",
    claim="Errors sent straight to each hidden layer teach it as well.",
    source="Nøkland 2016",
    settings=_DEEP,
    arms={
        "dfa": Arm("Direct feedback alignment", {"scheme": "dfa"}),
        "fa": _FA,
        "shallow": _SHALLOW,
    },
    predictions=[
        Prediction(
            "It scores no lower than layer by layer",
            lambda e: e["fa"].last("test_accuracy") - e["dfa"].last("test_accuracy"),
            "test accuracy below that of feedback alignment",
            "share",
            Rule(0.02, above=False),
        ),
        Prediction(
            "Its hidden layers learn",
            lambda e: e["dfa"].last("test_accuracy") - e["shallow"].last("test_accuracy"),
            "test accuracy above that of a network whose output layer alone learns",
            "share",
            Rule(0.02, above=True),
        ),
    ],
    shows=["test_accuracy", "gradient_angle_deg"],
    look_for="The lower layers are aligned better than layer by layer: no angle is built on "
    "another.",
)

SPARSE = Experiment(
    title="One connection back for each unit is enough",
    question="How little feedback does a hidden unit need?",
    claim="Feedback with a single entry for every hidden unit still teaches.",
    source="Crafton et al. 2019",
    settings=ON_BOTH,
    arms={
        "sparse": Arm("One entry a unit", {"scheme": "dfa", "feedback_density": 0.1}),
        "dense": Arm("All entries", {"scheme": "dfa"}),
        "shallow": _SHALLOW,
    },
    predictions=[
        Prediction(
            "Its hidden layers learn",
            lambda e: e["sparse"].last("test_accuracy") - e["shallow"].last("test_accuracy"),
            "test accuracy above that of a network whose output layer alone learns",
            "share",
            Rule(0.02, above=True),
        ),
        Prediction(
            "Little is lost against all entries",
            lambda e: e["dense"].last("test_accuracy") - e["sparse"].last("test_accuracy"),
            "test accuracy below that with all entries",
            "share",
            Rule(0.03, above=False),
        ),
    ],
    shows=["test_accuracy", "hidden_angle_deg"],
    look_for="The two curves of accuracy lie upon each other.",
)

FURTHER = {
    "depth": DEPTH,
    "direct": DIRECT,
    "learned": LEARNED,
    "signs": SIGNS,
    "sparse": SPARSE,
}
