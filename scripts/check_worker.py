"""Health check of the worker's container: a training process and the analyst are alive.

The supervisor restarts those that die, so fewer for several checks in a row means that it cannot.
Linux only, standard library only: this runs every few seconds.
"""

import sys
from pathlib import Path

# How multiprocessing marks a process that it spawned.
MARK = b"--multiprocessing-fork"
PROCESSES = 2


def main() -> int:
    """Return the exit code: 0 healthy, 1 not."""
    alive = 0
    for command_line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            alive += MARK in command_line.read_bytes()
        except OSError:  # it ended in between
            continue
    return 0 if alive >= PROCESSES else 1


if __name__ == "__main__":
    sys.exit(main())
