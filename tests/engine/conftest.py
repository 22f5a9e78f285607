"""What the engine's tests share."""

import os
from pathlib import Path

import pytest
import torch


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
