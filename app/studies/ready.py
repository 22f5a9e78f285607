"""Studies that are ready to be started."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Ready:
    """One of them.

    Attributes:
        title: for people.
        text: its question.
        fields: what is written for each field.
        measure, against: values that answer it, see :mod:`app.studies.values`.
    """

    title: str
    text: str
    fields: Mapping[str, str]
    measure: str = "test_accuracy"
    against: str = "gradient_angle_deg.bottom"


READY = {
    "scale": Ready(
        "Initial scale × learning rate",
        "Does alignment predict accuracy?",
        {
            "scheme": "fa",
            "weight_std": "0.01, 0.03, 0.1, 0.3, 1",
            "learning_rate": "log 0.01 1 5",
            "epochs": "20",
            "replicates": "4",
        },
    ),
    "depth": Ready(
        "Depth × scheme",
        "Which feedback still teaches a deep network?",
        {
            "hidden": "64; 64,64; 64,64,64; 64,64,64,64",
            "scheme": "bp, fa, dfa",
            "epochs": "20",
            "replicates": "4",
        },
    ),
    "density": Ready(
        "Density of the feedback × scheme",
        "How few entries of a feedback matrix are enough?",
        {
            "feedback_density": "0.01, 0.03, 0.1, 0.3, 1",
            "scheme": "fa, dfa",
            "epochs": "20",
            "replicates": "4",
        },
    ),
    "rank": Ready(
        "Rank of the feedback × scheme",
        "How few directions of the error are enough?",
        {
            "feedback_rank": "1, 2, 4, 6, 8, 10",
            "scheme": "fa, dfa",
            "epochs": "20",
            "replicates": "4",
        },
    ),
    "bottleneck": Ready(
        "Width of a bottleneck × scheme",
        "How narrow may a layer be that the error goes through?",
        {
            "hidden": "64,2,64; 64,4,64; 64,8,64; 64,16,64; 64,64,64",
            "scheme": "bp, fa, dfa",
            "epochs": "20",
            "replicates": "4",
        },
    ),
    "decay": Ready(
        "Decay × initial scale",
        "Does weight decay turn weights towards their feedback?",
        {
            "scheme": "fa",
            "weight_decay": "0, 0.0003, 0.001, 0.003, 0.01",
            "weight_std": "0.03, 0.1, 0.3",
            "epochs": "20",
            "replicates": "4",
        },
        measure="weight_angle_deg.top",
        against="test_accuracy",
    ),
}
