"""Health check of the worker's container: a training process and the analyst are alive.

The supervisor restarts those that die, so fewer for several checks in a row means that it cannot.
Linux only, standard library only: this runs every few seconds.
"""

import sys
from pathlib import Path

NAMES = {"fa-worker", "fa-analyst"}  # what these processes call themselves


def main() -> int:
    """Return the exit code: 0 healthy, 1 not."""
    alive = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            before, _, after = status.read_text().rpartition(") ")
            if not after.startswith("Z"):  # one that nobody has buried yet
                alive.add(before.partition("(")[2])
        except OSError:  # it ended in between
            continue
    return 0 if alive >= NAMES else 1


if __name__ == "__main__":
    sys.exit(main())
