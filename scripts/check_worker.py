"""Health check of the worker's container: at least one training process is alive.

The supervisor restarts those that die, so none for several checks in a row means that it cannot.
Linux only, standard library only: this runs every few seconds.
"""

import sys
from pathlib import Path

# How multiprocessing marks a process that it spawned.
MARK = b"--multiprocessing-fork"


def main() -> int:
    """Return the exit code: 0 healthy, 1 not."""
    for command_line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if MARK in command_line.read_bytes():
                return 0
        except OSError:  # it ended in between
            continue
    return 1


if __name__ == "__main__":
    sys.exit(main())
