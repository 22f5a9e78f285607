"""Experiment: a question, what is trained to answer it, and what was predicted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fa_engine.config import NotAllowed, RunConfig
from fa_engine.measures.alignment import Array
from fa_engine.studies.evidence import Evidence
from fa_engine.studies.verdicts import Rule

REPLICATES = 8
"""Networks of an arm: each with draws of its own, weights, feedback and order of the samples."""


@dataclass(frozen=True)
class Arm:
    """One of the things that are trained.

    Attributes:
        title: what a person reads.
        changes: fields of its configuration, beside those that all arms have.
        after: the arm from whose weights it goes on; empty: it begins anew.
    """

    title: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    after: str = ""


@dataclass(frozen=True)
class Prediction:
    """One thing that is to be seen, of every network.

    Attributes:
        words: what is predicted.
        effect: of the evidence, ``(R,)``: a number of each network.
        of: what that number is, in words.
        unit: its unit: that of a measure (``share`` is shown in percent), or empty.
        rule: when it is borne out.
    """

    words: str
    effect: Callable[[Evidence], Array]
    of: str
    unit: str
    rule: Rule


@dataclass(frozen=True)
class Experiment:
    """A claim, and how it is tested.

    Attributes:
        title: the claim, in a few words.
        question: what is asked.
        claim: what is claimed, and by whom.
        source: where.
        settings: for each data set that it can be asked of, the fields that all arms have.
        arms: what is trained, by name; one that goes on from another comes after it.
        predictions: what is to be seen.
        shows: the measures that are drawn, of every arm.
        look_for: what a person is to look at in these charts.
    """

    title: str
    question: str
    claim: str
    source: str
    settings: Mapping[str, Mapping[str, Any]]
    arms: Mapping[str, Arm]
    predictions: Sequence[Prediction]
    shows: Sequence[str]
    look_for: str

    def configs(
        self, dataset: str = "digits", replicates: int = REPLICATES, **changes: Any
    ) -> dict[str, RunConfig]:
        """What each arm trains, by its name.

        Args:
            dataset: one of :attr:`settings`.
            replicates: networks of each arm.
            changes: fields that every arm has instead, such as ``device``.

        Raises:
            NotAllowed: it cannot be asked of this data set.
            pydantic.ValidationError: a field is out of range.
        """
        if dataset not in self.settings:
            raise NotAllowed("dataset", dataset, f"one of {', '.join(self.settings)}")
        shared: dict[str, Any] = {"dataset": dataset, "replicates": replicates, "draws": 2}
        shared |= self.settings[dataset]
        return {
            name: RunConfig(**{**shared, **arm.changes, **changes})
            for name, arm in self.arms.items()
        }
