"""``python -m benchmarks [part ...]``: every measurement, or those named.

Faults, crowd and soak are measured only if named."""

from __future__ import annotations

import argparse

from benchmarks import (
    comparing,
    crowd,
    devices,
    engine,
    export,
    faults,
    live,
    machine,
    plane,
    runs,
    soak,
    stability,
    sweep,
    tracking,
)

PARTS = {
    "engine": engine.main,
    "devices": devices.main,
    "sweep": sweep.main,
    "stability": stability.main,
    "tracking": tracking.main,
    "plane": plane.main,
    "export": export.main,
    "live": live.main,
    "comparing": comparing.main,
    "runs": runs.main,
    "faults": faults.main,
    "crowd": crowd.main,
    "soak": soak.main,
}
ONLY_NAMED = ("faults", "crowd", "soak")


def main() -> None:
    """Prints the machine, then each part's tables."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS))
    parser.add_argument("--minutes", type=float, default=soak.MINUTES, help="of soak")
    asked = parser.parse_args()
    chosen = asked.parts or [part for part in PARTS if part not in ONLY_NAMED]
    if unknown := set(chosen) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    print(machine.description())
    for part in chosen:
        if part == "soak":
            soak.main(asked.minutes)
        else:
            PARTS[part]()


if __name__ == "__main__":
    main()
