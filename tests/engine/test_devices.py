"""Where a run is trained."""

import pytest
import torch

from fa_engine import RunConfig
from fa_engine.devices import device_of, multiplications, on_host


@pytest.fixture
def threads(monkeypatch):
    """A machine with a GPU, and as many threads; nothing is put onto that GPU."""

    def of(count):
        monkeypatch.setattr("fa_engine.devices.WORTH_A_GPU", 1_000_000)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch, "get_num_threads", lambda: count)

    return of


def test_multiplications_are_those_of_the_products():
    config = RunConfig(hidden=(30, 20), batch_size=7)
    assert multiplications(config.layers, 7) == 7 * (64 * 30 + 30 * 20 + 20 * 10)
    config = RunConfig(hidden="conv 4x3, pool 2, 9")
    assert multiplications(config.layers, 1) == 6 * 6 * 9 * 4 + 3 * 3 * 4 * 9 + 9 * 10


@pytest.mark.parametrize(
    ("count", "replicates", "hidden", "quicker"),
    [  # measured: microseconds a step on the processor and on an H200, with 8 threads
        (8, 1, (64, 64, 64), "cpu"),  # 334 and 626
        (8, 32, (64, 64, 64), "cuda"),  # 1,353 and 734
        (8, 1, (512, 512), "cuda"),  # 860 and 557
        (8, 32, (512, 512), "cuda"),  # 13,065 and 618
        (2, 8, (64, 64, 64), "cuda"),
        (8, 8, (64, 64, 64), "cpu"),
    ],
)
def test_auto_is_the_quicker_one(threads, count, replicates, hidden, quicker):
    threads(count)
    config = RunConfig(hidden=hidden, replicates=replicates)
    assert device_of(config).type == quicker
    assert on_host(config) == (quicker == "cpu")


def test_what_is_asked_for_is_taken(threads):
    threads(1)
    assert device_of(RunConfig(hidden=(2048,), replicates=32, device="cpu")).type == "cpu"
    assert device_of(RunConfig(hidden=(2,), replicates=1, device="cuda")).type == "cuda"


def test_without_a_gpu_there_is_one_device(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device_of(RunConfig(hidden=(2048,))).type == "cpu"
    with pytest.raises(ValueError, match="device = 'cuda': allowed on this machine is cpu or auto"):
        device_of(RunConfig(device="cuda"))
