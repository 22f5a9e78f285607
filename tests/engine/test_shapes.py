"""Shapes are checked while testing, and only then."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from jaxtyping import TypeCheckError
from shapes import CHECKED_CALLS

from fa_engine import RunConfig, Trainer
from fa_engine.dynamics.kernel import zero_sum_basis
from fa_engine.dynamics.landscape import principal_plane
from fa_engine.dynamics.probes import Probe, probe_set
from fa_engine.dynamics.stability import kernel
from fa_engine.measures.alignment import cosine
from fa_engine.networks.losses import LOSSES
from fa_engine.networks.network import Product

SMALL = RunConfig(hidden=(6, 5), replicates=3)


@pytest.fixture
def trainer():
    return Trainer(SMALL)


WRONG = {
    "forward: samples without a batch": lambda t: t.network.forward(t.data.x_train[0]),
    "directions: targets of another batch": lambda t: t.feedback.directions(
        torch.zeros(3, 8, 10), t.data.y_train[:7], t.network.forward(t.data.x_train[:8]), 0
    ),
    "down: a delta of the wrong layer": lambda t: t.network.down(
        2, torch.zeros(3, 8, 6), t.network.weight_operands[2]
    ),
    "true_deltas: no outputs": lambda t: t.network.true_deltas(
        torch.zeros(3), t.network.forward(t.data.x_train[:8])
    ),
    "a product of unlike batches": lambda _: Product(torch.zeros(3, 8, 5), torch.zeros(3, 7, 6)),
    "a product of unlike replicates": lambda _: Product(torch.zeros(3, 8, 5), torch.zeros(2, 8, 6)),
    "loss: targets of other classes": lambda _: LOSSES["squared_error"].value(
        torch.zeros(3, 8, 10), torch.zeros(8, 9)
    ),
    "a probe set with a target too few": lambda t: Probe(t.data.x_train[:8], t.data.y_train[:7]),
    "cosine: in float32": lambda _: cosine(*np.ones((3, 4), np.float32)),
    "plane: a single point": lambda _: principal_plane(torch.zeros(5)),
    "measurement: a loss too few": lambda t: (m := t.advance(True)) and replace(m, loss=m.loss[1:]),
    "measurement: a layer too many": lambda t: (
        (m := t.advance(True)) and replace(m, descent_rate=m.descent_rate[:, :-1])
    ),
}


@pytest.mark.parametrize("call", WRONG.values(), ids=WRONG)
def test_a_wrong_shape_is_refused(trainer, call):
    with pytest.raises(TypeCheckError):
        call(trainer)


def test_right_shapes_pass(trainer):
    probe = probe_set(trainer.data, 4)
    assert kernel(trainer, probe).shape == (3, 40, 40)
    assert zero_sum_basis(10).shape == (10, 9)


@pytest.mark.parametrize("_again", [False, True])
def test_each_test_has_checks_of_its_own(_again):
    wrong = np.ones((3, 4), np.float32)
    with pytest.raises(TypeCheckError):
        cosine(*wrong)
    for _ in range(CHECKED_CALLS):
        cosine(*np.ones((3, 4)))
    cosine(*wrong)  # enough of them were checked


def test_the_engine_outside_tests_is_as_it_is_written():
    """No decorator, no checker: annotations are text that nobody reads."""
    code = (
        "import sys, fa_engine\n"
        "from fa_engine.networks.network import Network, Product\n"
        "import torch\n"
        "assert 'beartype' not in sys.modules\n"
        "assert not hasattr(Network.forward, '__wrapped__')\n"
        "Product(torch.zeros(3, 8, 5), torch.zeros(3, 7, 6))\n"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True)
