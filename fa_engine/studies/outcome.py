"""Outcome: what came of an experiment, to be shown, written down and read again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fa_engine.config import RunConfig
from fa_engine.studies.curves import Curve, as_numbers
from fa_engine.studies.experiment import Experiment, Prediction
from fa_engine.studies.verdicts import Finding, Verdict, together


@dataclass(frozen=True)
class Answer:
    """A prediction, and what the networks said of it.

    Attributes:
        prediction: with its rule.
        finding: the number of each network, their interval, the verdict.
    """

    prediction: Prediction
    finding: Finding


@dataclass(frozen=True)
class Outcome:
    """What came of an experiment.

    Attributes:
        name: of the experiment.
        experiment: its question, arms and predictions.
        dataset: that it was asked of.
        configs: what each arm trained.
        answers: one for each prediction.
        curves: of each arm, what it measured.
        lost: networks that diverged, of each arm that lost one.
        seconds: that it took.
        ended_at: when.
    """

    name: str
    experiment: Experiment
    dataset: str
    configs: Mapping[str, RunConfig]
    answers: tuple[Answer, ...]
    curves: Mapping[str, list[Curve]]
    lost: Mapping[str, int]
    seconds: float
    ended_at: datetime

    @property
    def verdict(self) -> Verdict:
        """Of all its predictions together."""
        return together([answer.finding.verdict for answer in self.answers])

    @property
    def networks(self) -> int:
        """How many of each arm."""
        return next(iter(self.configs.values())).networks

    def to_dict(self) -> dict[str, Any]:
        """For JSON: numbers that there are none of are None."""
        experiment = self.experiment
        return {
            "experiment": self.name,
            "title": experiment.title,
            "question": experiment.question,
            "claim": experiment.claim,
            "source": experiment.source,
            "dataset": self.dataset,
            "networks": self.networks,
            "verdict": str(self.verdict),
            "predictions": [_told(answer) for answer in self.answers],
            "arms": {
                name: {
                    "title": experiment.arms[name].title,
                    "after": experiment.arms[name].after,
                    "config": config.model_dump(mode="json"),
                    "lost": self.lost.get(name, 0),
                    "curves": self.curves[name],
                }
                for name, config in self.configs.items()
            },
            "seconds": round(self.seconds, 1),
            "ended_at": self.ended_at.astimezone(UTC).isoformat(timespec="seconds"),
        }


def _told(answer: Answer) -> dict[str, Any]:
    prediction, finding = answer.prediction, answer.finding
    interval = finding.interval
    return {
        "words": prediction.words,
        "of": prediction.of,
        "unit": prediction.unit,
        "above": prediction.rule.above,
        "bound": prediction.rule.bound,
        "rule": in_words(prediction),
        "values": as_numbers(finding.values),
        "interval": None
        if interval is None
        else {
            "low": interval.low,
            "middle": interval.middle,
            "high": interval.high,
            "level": interval.level,
        },
        "verdict": str(finding.verdict),
        "reason": finding.reason,
    }


def in_words(prediction: Prediction) -> str:
    """The rule of a prediction, for a person.

    Args:
        prediction: whose rule it is.
    """
    bound = with_unit(prediction.rule.bound, prediction.unit)
    side, other = ("above", "below") if prediction.rule.above else ("below", "above")
    return (
        f"Borne out where the interval of the median lies {side} {bound}, not borne out where it "
        f"lies {other}, undecided where it holds it."
    )


def with_unit(value: float, unit: str) -> str:
    """A number as a person reads it.

    Args:
        value: in the unit of a measure.
        unit: ``share`` is shown in percent, ``times`` as a multiple (×).
    """
    match unit:
        case "share":
            return f"{100 * value:.3g} %"
        case "°":
            return f"{value:.3g}°"
        case "times":
            return f"{value:.3g} ×"
    return f"{value:.3g} {unit}".rstrip()
