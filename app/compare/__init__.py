"""More than one run: what is compared, its lines, and what differs."""

from app.compare.comparison import Comparer, Comparison
from app.compare.differences import differing, results
from app.compare.drawing import figure_of
from app.compare.lines import Line, Panel
from app.compare.race import Race, create_race, race_values
from app.compare.selection import BESIDE, MAX_RUNS, Selection

__all__ = [
    "BESIDE",
    "MAX_RUNS",
    "Comparer",
    "Comparison",
    "Line",
    "Panel",
    "Race",
    "Selection",
    "create_race",
    "differing",
    "figure_of",
    "race_values",
    "results",
]
