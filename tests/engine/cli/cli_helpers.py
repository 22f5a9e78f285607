"""Where the project is, and a run that takes no time."""

from pathlib import Path

ROOT = Path(__file__).parents[3]
SMALL = ["--hidden", "8", "--replicates", "2", "--epochs", "2"]
