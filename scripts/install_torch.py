"""Install the pinned torch without its CUDA libraries, where that can be had.

On Linux pip's ordinary torch brings gigabytes of CUDA libraries. PyTorch's own index has the same
version without them, so that index is asked first. Where it does not answer within seconds, torch
is left to `pip install -r requirements.txt`, which follows in any case and keeps what it finds.

Standard library only: this runs in a new virtual environment and while the image is built.

    TORCH=cpu     the default: as above
    TORCH=cuda    leave it to pip
    TORCH_INDEX   another index of CPU wheels, a mirror for instance
"""

import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

INDEX = "https://download.pytorch.org/whl/cpu"
REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements.txt"
PROBE_TIMEOUT_S = 5


def pip(*arguments: str) -> list[str]:
    """Return a command line: pip as the user configured it (mirrors, proxies, certificates)."""
    return [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]


def pinned_version() -> str:
    """Return the version of torch that requirements.txt asks for."""
    pin = re.search(r"^torch==(\S+)", REQUIREMENTS.read_text(), re.MULTILINE)
    if pin is None:
        sys.exit(f"{REQUIREMENTS}: torch is not pinned")
    return pin[1]


def installed_version() -> str | None:
    """Return the installed version, "2.13.0+cpu" for instance, or None."""
    try:
        return metadata.version("torch")
    except metadata.PackageNotFoundError:
        return None


def offers(index: str, version: str) -> bool:
    """Ask pip whether it finds this version when it looks in `index`, for some seconds at most."""
    quick = ("--timeout", str(PROBE_TIMEOUT_S), "--retries", "0")
    probe = pip("index", "versions", "torch", "--index-url", index, *quick)
    try:
        answer = subprocess.run(probe, capture_output=True, text=True, timeout=4 * PROBE_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return False
    return version in re.split(r"[\s,]+", answer.stdout)


def main() -> None:
    """Install torch, or say why not."""
    kind = os.environ.get("TORCH") or "cpu"
    if kind not in ("cpu", "cuda"):
        sys.exit(f"TORCH={kind}: it is cpu or cuda")
    index = os.environ.get("TORCH_INDEX") or INDEX
    pinned, installed = pinned_version(), installed_version()

    if kind == "cuda":
        if installed and installed.endswith("+cpu"):
            subprocess.run(pip("uninstall", "--yes", "torch"), check=True)
        return
    if sys.platform != "linux" or (installed or "").partition("+")[0] == pinned:
        return
    cpu = f"{pinned}+cpu"
    if not offers(index, cpu):
        print(f"{index} does not offer torch {cpu} here: taking what pip finds.", flush=True)
        return
    # Dependencies come from the user's own index, with the other requirements.
    chosen = pip("install", "--no-deps", "--retries", "1", "--index-url", index, f"torch=={cpu}")
    if subprocess.run(chosen).returncode:
        print(f"torch {cpu} could not be installed: taking what pip finds.", flush=True)


if __name__ == "__main__":
    main()
