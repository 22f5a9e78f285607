"""What the engine's tests share."""

import pytest
import torch

from fa_engine import devices


@pytest.fixture(scope="session", autouse=True)
def _auto_is_the_cpu():
    """Tests hold a trainer against what they compute themselves, on the CPU: there it trains too,
    on a machine with a GPU as well. What is about the GPU names it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(devices, "WORTH_A_GPU", 2**62)
        yield


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(1)
