"""``python -m benchmarks [part ...]``: every measurement, or those named; faults only if named."""

from __future__ import annotations

import argparse

from benchmarks import (
    comparing,
    engine,
    export,
    faults,
    live,
    machine,
    plane,
    runs,
    stability,
    tracking,
)

PARTS = {
    "engine": engine.main,
    "stability": stability.main,
    "tracking": tracking.main,
    "plane": plane.main,
    "export": export.main,
    "live": live.main,
    "comparing": comparing.main,
    "runs": runs.main,
    "faults": faults.main,
}


def main() -> None:
    """Prints the machine, then each part's tables."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS))
    chosen = parser.parse_args().parts or [part for part in PARTS if part != "faults"]
    if unknown := set(chosen) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    print(machine.description())
    for part in chosen:
        PARTS[part]()


if __name__ == "__main__":
    main()
