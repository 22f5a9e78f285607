"""Which callbacks wait for which: Dash holds one up while anything is on its way that its inputs
may come of, over however many callbacks between."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from app.server import WebApp

MAY_HOLD_UP = {  # what shows the very answer
    "stab-run-tick": {"stab-tick"},
    "stab-playing": {"stab-tick"},
    "walk-tick": {"walk-measured-tick", "walk-msd-tick"},
}


@dataclass(frozen=True)
class Callback:
    inputs: frozenset[str]
    outputs: frozenset[str]

    @classmethod
    def of(cls, told: dict[str, Any]) -> Callback:
        outputs = told["output"].removeprefix("..").removesuffix("..").split("...")
        inputs = (f"{one['id']}.{one['property']}" for one in told["inputs"])
        return cls(frozenset(inputs), frozenset(re.sub(r"@\w+$", "", one) for one in outputs))

    def asked_by(self, kind: str) -> set[str]:
        """Of its inputs the components whose property ``kind`` it is."""
        return {one.removesuffix(f".{kind}") for one in self.inputs if one.endswith(f".{kind}")}


@pytest.fixture
def callbacks(app: WebApp) -> list[Callback]:
    told = app.test_client().get("/_dash-dependencies").get_json()
    return [Callback.of(one) for one in told]


def after(first: Callback, callbacks: list[Callback]) -> Iterator[Callback]:
    """Whatever Dash has wait for it."""
    outputs, waiting = set(first.outputs), [one for one in callbacks if one is not first]
    while found := [one for one in waiting if one.inputs & outputs]:
        yield from found
        waiting = [one for one in waiting if one not in found]
        outputs |= {output for one in found for output in one.outputs}


def test_what_is_asked_again_and_again_holds_nothing_else_up(callbacks: list[Callback]) -> None:
    asking = {tick: one for one in callbacks for tick in one.asked_by("n_intervals")}
    assert asking.keys() >= {"stab-tick", "stab-kick-tick", "walk-plane-tick", *MAY_HOLD_UP}
    for tick, one in asking.items():
        waiting = {
            name for other in after(one, callbacks) for name in other.asked_by("n_intervals")
        }
        assert waiting <= MAY_HOLD_UP.get(tick, set()), f"while {tick} waits for its answer"


def test_no_button_waits_for_what_is_asked_again_and_again(callbacks: list[Callback]) -> None:
    """A click would go unanswered for as long as the machine is busy."""
    buttons = {button for one in callbacks for button in one.asked_by("n_clicks")}
    assert buttons >= {"stab-kick-go", "stab-kick-stop", "walk-go", "hand-start"}
    for one in callbacks:
        if one.asked_by("n_intervals"):
            held = {name for other in after(one, callbacks) for name in other.asked_by("n_clicks")}
            assert held <= one.asked_by("n_clicks"), one.asked_by("n_intervals")
