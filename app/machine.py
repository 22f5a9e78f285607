"""What the machine has: memory that is free, as the system and the container around this process
see it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psutil

# Where the kernel says what a container may take, by its version: the limit, what is taken, and
# what of that is a cache that makes room.
_CONTROLLERS = (
    ("", "memory.max", "memory.current", "inactive_file"),
    ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)

_KILLS = ("memory.events", "memory.oom_control")  # of the newer kind of containers, and the older
_GOES_FIRST = 500  # of -1000 to 1000


def free_bytes(root: Path = Path("/")) -> int:
    """Memory that a further process could take before the system or its container runs out.

    Args:
        root: where ``proc`` and ``sys`` are.
    """
    found = [int(psutil.virtual_memory().available)]
    for folder, limit, taken, cache in groups(root):
        try:
            most, now = int((folder / limit).read_text()), int((folder / taken).read_text())
            stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
            found.append(most - now + int(stat.get(cache, 0)))
        except (OSError, ValueError):  # none there, or "max"
            continue
    return max(0, min(found))


def killed_for_memory(root: Path = Path("/")) -> int:
    """How many processes the system has killed for want of memory, here or in our containers, as
    far as it says; it is the rise that means something.

    Args:
        root: where ``proc`` and ``sys`` are.
    """
    files = [root / "proc/vmstat"]
    files += [folder / name for folder, *_ in groups(root) for name in _KILLS]
    found = 0
    for file in files:
        with suppress(OSError, ValueError):
            counts = dict(line.split() for line in file.read_text().splitlines())
            found += int(counts.get("oom_kill", 0))
    return found


def offer_to_the_killer() -> None:
    """Has the system end this process before others where memory runs out.

    A worker's run can be resumed; without the web process or the database nothing is there at all.
    """
    with suppress(OSError):  # no Linux; to raise it needs no privilege
        Path("/proc/self/oom_score_adj").write_text(str(_GOES_FIRST))


def be_called(name: str) -> None:
    """What ``ps`` and ``top`` call this process, where the system lets it choose.

    Args:
        name: at most 15 characters.
    """
    with suppress(OSError):  # no Linux
        Path("/proc/self/comm").write_text(name)


def groups(root: Path = Path("/")) -> list[tuple[Path, str, str, str]]:
    """The control groups of this process that count memory, each with those around it.

    Args:
        root: where ``proc`` and ``sys`` are.

    Returns:
        Folder, and the names of limit, what is taken, and cache.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:  # no Linux
        return []
    found = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        for name, *files in _CONTROLLERS:
            if name not in controllers.split(","):
                continue
            top = root / "sys/fs/cgroup" / name
            folder = top / path.lstrip("/")
            # A container may see its own group as the root, and the path that the host knows it by.
            around = [one for one in (folder, *folder.parents) if one.is_relative_to(top)]
            found += [(one, files[0], files[1], files[2]) for one in around]
    return found
