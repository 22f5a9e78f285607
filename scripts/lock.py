"""Writes requirements.lock and requirements-dev.lock: `make lock`, after a change of a pin.

Every file that pip may take for a pinned package stands there with its hash, for every platform and
Python that we know, so that what is installed is what was looked at. uv finds them. torch is not
among them: it comes from one of two indexes (scripts/install_torch.py), with CUDA libraries or
without.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCKS = {"requirements.txt": "requirements.lock", "requirements-dev.txt": "requirements-dev.lock"}
UNLOCKED = re.compile(r"(torch|triton|nvidia-[\w-]+|cuda-[\w-]+)==")
_HEAD = "# Written by `make lock`: what {source} and constraints.txt pin, file by file.\n"
_OLDEST = "3.11"


def locked(source: str, uv: str = "uv") -> str:
    """The lock of a file of requirements: entries of one package each, with its hashes."""
    found = subprocess.run(
        [
            *(uv, "pip", "compile", source, "--constraint", "constraints.txt"),
            *("--universal", "--python-version", _OLDEST, "--generate-hashes"),
            *("--no-header", "--no-annotate", "--quiet"),
        ],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    entries = re.split(r"^(?=\S)", found, flags=re.MULTILINE)
    kept = [entry for entry in entries if not UNLOCKED.match(entry)]
    return _HEAD.format(source=source) + "".join(kept)


if __name__ == "__main__":
    for source, target in LOCKS.items():
        (ROOT / target).write_text(locked(source, *sys.argv[1:]))
