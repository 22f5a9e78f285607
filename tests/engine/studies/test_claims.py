"""The claims: what is found on digits, and that the contrary would be found as well.

Each is trained once, in as many steps as its verdict takes. For its opposite another arm stands in
the place of one: a verdict that stays the same then would say nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from fa_engine.studies.catalogue import EXPERIMENTS
from fa_engine.studies.evidence import Evidence, Shown
from fa_engine.studies.experiment import Arm
from fa_engine.studies.running import answer, train
from fa_engine.studies.verdicts import Verdict, together

YES, NO, OPEN = Verdict.BORNE_OUT, Verdict.NOT_BORNE_OUT, Verdict.UNDECIDED

# The verdicts of full length, in fewer epochs. The two that look for places of rest take all they
# have: half as many steps leave them undecided.
SHORTER: Mapping[str, dict[str, Any]] = {
    "learns": {"epochs": 10},
    "suffices": {"epochs": 30},
    "drives": {"epochs": 10},
    "walks": {"epochs": 100},
    "extrema": {},
    "stable": {},
    "depth": {"epochs": 30},
    "direct": {"epochs": 30},
    "learned": {"epochs": 30},
    "signs": {"epochs": 30},
    "sparse": {"epochs": 30},
}
FOUND = {
    "learns": ([YES, YES], YES),
    "extrema": ([YES, NO], NO),
    "stable": ([YES, YES, YES], YES),
    "suffices": ([YES, YES, YES, YES], YES),
    "drives": ([YES, YES], YES),
    "walks": ([YES, YES, NO], NO),
    "depth": ([YES, YES], YES),
    "direct": ([YES, YES], YES),
    "learned": ([YES, YES], YES),
    "signs": ([YES, YES], YES),
    "sparse": ([YES, YES], YES),
}


@cache
def evidence(name: str) -> Evidence:
    """What the arms of one show, trained once in a process."""
    experiment = EXPERIMENTS[name]
    return train(experiment, experiment.configs("digits", **SHORTER[name]))


def one(name: str, arm: Arm, **changes: Any) -> Shown:
    """What another arm shows, with the settings of the experiment."""
    experiment = replace(EXPERIMENTS[name], arms={"one": arm})
    return train(experiment, experiment.configs("digits", **{**SHORTER[name], **changes}))["one"]


def verdicts(name: str, found: Evidence) -> list[Verdict]:
    """Of each prediction."""
    predictions = EXPERIMENTS[name].predictions
    return [answer(each, found).finding.verdict for each in predictions]


def together_in_a_process(name: str, *values: Any) -> Any:
    """What is trained once is asked in the process that has it."""
    return pytest.param(name, *values, marks=pytest.mark.xdist_group(f"claim {name}"))


def test_there_is_a_verdict_of_every_claim() -> None:
    assert {*SHORTER} == {*FOUND} == {*EXPERIMENTS}


@pytest.mark.slow
@pytest.mark.parametrize("name", [together_in_a_process(name) for name in FOUND])
def test_a_claim_is_borne_out_or_not(name: str) -> None:
    each, all_of_them = FOUND[name]
    found = verdicts(name, evidence(name))
    assert found == each
    assert together(found) == all_of_them
    assert not any(shown.trainer.diverged.any() for shown in evidence(name).values())


def in_place(**others: str) -> Callable[[str], Evidence]:
    """Arms that were trained, in the places of others."""
    return lambda name: {**evidence(name), **{to: evidence(name)[of] for to, of in others.items()}}


def taught_noise(name: str) -> Evidence:
    """Every label is drawn anew: there is nothing to learn."""
    experiment = EXPERIMENTS[name]
    return train(experiment, experiment.configs("digits", **SHORTER[name], label_noise=1.0))


def with_arm(place: str, arm: Arm, **changes: Any) -> Callable[[str], Evidence]:
    """An arm of the test's own, in the place of one."""
    return lambda name: {**evidence(name), place: one(name, arm, **changes)}


NOT_YET = Arm("Far from rest", {"scheme": "fa", "epochs": 20, "measure_every": 5})
SHALLOW = Arm("Only the output layer learns", {"scheme": "shallow"})
SLOW = Arm("Learning rate 0.001", {"scheme": "fa", "learning_rate": 0.001})
SEES = Arm("Backpropagation", {"scheme": "bp", "hidden": (3,), "epochs": 2000})

OPPOSITES = [
    # Backpropagation learns and has nothing to align; shallow networks have no update to turn.
    together_in_a_process("learns", in_place(fa="bp"), [YES, NO]),
    together_in_a_process("learns", in_place(fa="shallow"), [NO, OPEN]),
    together_in_a_process("learns", taught_noise, [NO, OPEN]),
    together_in_a_process("extrema", with_arm("fits", NOT_YET), [NO, NO]),
    together_in_a_process("extrema", in_place(narrow="fits"), [YES, YES]),
    together_in_a_process("extrema", with_arm("narrow", SEES), [YES, YES]),
    # The place where feedback alignment rests, a walk downhill, and the minimum of the other one.
    together_in_a_process("stable", in_place(bp="fa", leaves="bp", fa="bp"), [NO, NO, NO]),
    together_in_a_process("suffices", in_place(small="large", large="small"), [NO, YES, NO, NO]),
    together_in_a_process("suffices", with_arm("usual", SHALLOW), [OPEN, NO, OPEN, YES]),
    together_in_a_process("drives", in_place(fa="bp"), [NO, NO]),
    together_in_a_process("walks", in_place(quick="slow", slow="quick"), [YES, NO, YES]),
    together_in_a_process("walks", with_arm("quick", SLOW, epochs=20), [NO, NO, NO]),
    # No layer of backpropagation stands behind another.
    together_in_a_process("depth", in_place(fa="bp"), [NO, NO]),
    together_in_a_process("direct", in_place(dfa="shallow"), [NO, NO]),
    together_in_a_process("learned", in_place(kp="fa"), [OPEN, NO]),
    together_in_a_process("learned", with_arm("kp", SHALLOW), [NO, OPEN]),
    together_in_a_process("signs", in_place(usf="fa"), [OPEN, NO]),
    together_in_a_process("signs", with_arm("usf", SHALLOW), [NO, OPEN]),
    together_in_a_process("sparse", in_place(sparse="shallow"), [NO, NO]),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "planted", "said"), OPPOSITES)
def test_the_contrary_is_found_too(
    name: str, planted: Callable[[str], Evidence], said: list[Verdict]
) -> None:
    found = verdicts(name, planted(name))
    assert found == said
    assert found != FOUND[name][0]


def test_every_prediction_has_its_opposite_among_these() -> None:
    for name, (usual, _) in FOUND.items():
        planted = [case.values[2] for case in OPPOSITES if case.values[0] == name]
        for number, verdict in enumerate(usual):
            opposite = NO if verdict is YES else YES
            assert any(said[number] is opposite for said in planted), (name, number)


@pytest.mark.slow
@pytest.mark.xdist_group("claim stable")
def test_the_loss_is_handed_over_with_the_weights() -> None:
    found = evidence("stable")
    last, first = found["bp"].last("loss"), found["leaves"].first("loss")
    assert (abs(first / last - 1) < 0.2).all()  # a step apart
