"""What the measurements were made on."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

import torch


def description() -> str:
    """One line: processor, cores, system, versions."""
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text() if cpuinfo.exists() else ""
    model = re.search(r"model name\s*:\s*(.+)", text)
    processor = model[1] if model else platform.processor()
    return (
        f"{processor}, {os.cpu_count()} cores, {platform.system()}, "
        f"Python {platform.python_version()}, torch {torch.__version__}"
    )
