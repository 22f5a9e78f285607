"""Free memory, as the machine and its containers say it."""

from pathlib import Path

import psutil
import pytest

from app import settings
from app.machine import free_bytes, killed_for_memory
from app.settings import Settings
from fa_engine import RunConfig
from fa_engine.memory import peak_bytes

MB = 10**6


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def test_a_machine_without_containers_has_what_the_system_says(tmp_path: Path) -> None:
    there = psutil.virtual_memory()
    assert 0 < free_bytes(tmp_path) <= there.total


def test_a_container_has_what_is_left_below_its_limit(tmp_path: Path) -> None:
    write(tmp_path / "proc/self", cgroup="0::/lab/worker\n")
    group = tmp_path / "sys/fs/cgroup/lab"
    write(group, memory__max=f"{300 * MB}\n", memory__current=f"{250 * MB}\n")
    write(group, memory__stat=f"anon 5\ninactive_file {30 * MB}\n")
    write(group / "worker", memory__max="max\n", memory__current=f"{100 * MB}\n")
    write(group / "worker", memory__stat="inactive_file 0\n")
    assert free_bytes(tmp_path) == 80 * MB


def test_a_container_of_the_older_kind_too(tmp_path: Path) -> None:
    write(tmp_path / "proc/self", cgroup="4:cpu,memory:/docker/abc\n1:name=systemd:/\n")
    # Its own group is what it sees as the root.
    group = tmp_path / "sys/fs/cgroup/memory"
    write(group, memory__limit_in_bytes=str(200 * MB), memory__usage_in_bytes=str(190 * MB))
    write(group, memory__stat="total_inactive_file 0\n")
    assert free_bytes(tmp_path) == 10 * MB


def test_kills_for_memory_are_counted_wherever_the_system_says_them(tmp_path: Path) -> None:
    assert killed_for_memory(tmp_path) == 0
    write(tmp_path / "proc", vmstat="nr_free_pages 5\noom_kill 2\n")
    write(tmp_path / "proc/self", cgroup="0::/lab\n4:memory:/old\n")
    write(tmp_path / "sys/fs/cgroup/lab", memory__events="oom 9\noom_kill 3\n")
    write(tmp_path / "sys/fs/cgroup/memory/old", memory__oom_control="under_oom 0\noom_kill 4\n")
    assert killed_for_memory(tmp_path) == 2 + 3 + 4


def test_a_run_may_take_what_is_free_shared_out_to_the_workers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(settings, "free_bytes", lambda: 1000 * MB)
    alone, four = (Settings(workers=workers).limits.max_bytes for workers in (1, 4))
    assert (alone, four) == (900 * MB, 225 * MB)
    assert Settings(max_run_mb=70).limits.max_bytes == 70 * MB


def test_eight_gigabytes_are_not_asked_of_a_machine_that_has_five() -> None:
    asked = {"dataset": "spirals", "hidden": [20] * 32, "replicates": 256, "batch_size": 1500}
    asked |= {"dtype": "float64", "optimizer": "adam", "walk": True}
    assert peak_bytes(RunConfig.model_validate(asked)) > 5 * 10**9
