"""What the network is, and how it begins."""

from __future__ import annotations

from pydantic import BaseModel

from fa_engine.config.knob import knob
from fa_engine.networks.activations import ACTIVATIONS
from fa_engine.networks.layers import ALLOWED as LAYERS_ALLOWED
from fa_engine.networks.layers import Spec
from fa_engine.networks.losses import LOSSES
from fa_engine.scales import ALLOWED as SCALES_ALLOWED
from fa_engine.scales import Scale
from fa_engine.seeding import DISTRIBUTIONS


class NetworkKnobs(BaseModel):
    """What the network is, and how it begins."""

    hidden: tuple[Spec, ...] = knob(
        (64, 64),
        "Hidden layers",
        "Width of each hidden layer from the input up; on images also conv 16x5, pool 2.",
        unit="neurons",
        allowed=LAYERS_ALLOWED,
    )
    activation: str = knob(
        "tanh",
        "Activation",
        "What each hidden neuron does to its input.",
        rows=ACTIVATIONS,
        group="network",
    )
    loss: str = knob(
        "cross_entropy",
        "Loss",
        "What training makes smaller.",
        rows=LOSSES,
        group="network",
    )
    bias: bool = knob(True, "Biases", "Whether neurons have a bias that learns.", group="network")
    weight_init: str = knob(
        "normal",
        "Initial weights",
        "Distribution the initial weights are drawn from.",
        rows=DISTRIBUTIONS,
        group="network",
        varies=True,
    )
    weight_std: Scale | None = knob(
        None,
        "Initial weight scale",
        "Standard deviation of the initial weights, or one for each layer, or a rule: lecun, he, "
        "xavier, torch; empty: 1/sqrt(fan-in).",
        unit="std",
        allowed=SCALES_ALLOWED,
        group="network",
        empty="1/√(fan-in)",
        varies=True,
    )
    weight_gain: float = knob(
        1.0,
        "Weight gain",
        "What the initial weight scale is multiplied by.",
        unit="times",
        ge=0,
        le=100,
        group="network",
        varies=True,
    )
    bias_init: float = knob(
        0.0,
        "Initial biases",
        "Value that every bias begins with; of no effect without biases.",
        ge=-100,
        le=100,
        group="network",
    )
    frozen: tuple[int, ...] = knob(
        (),
        "Frozen layers",
        "Numbers of the layers that do not learn, 1 at the bottom.",
        allowed="numbers of layers, 1 at the bottom, such as 1, 2; or empty",
        empty="none",
        group="network",
    )
