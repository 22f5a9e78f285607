"""What the engine's tests share."""

import os
from pathlib import Path

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


@pytest.fixture(scope="session")
def mnist_dir():
    """A data directory with the complete MNIST; tests that need it skip where there is none."""
    beside = Path(__file__).parents[3] / "shared" / "data"
    for candidate in (os.environ.get("FA_DATA_DIR"), beside):
        if candidate and Path(candidate, "mnist").is_dir():
            return Path(candidate)
    pytest.skip("no MNIST: set FA_DATA_DIR to the folder that holds mnist/")


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(1)
