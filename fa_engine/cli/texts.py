"""What the help of each command says, apart from the commands: the list of all imports none."""

from __future__ import annotations

from typing import NamedTuple


class Text(NamedTuple):
    """Of one command.

    Attributes:
        module: of ``fa_engine.cli``, where the command is a function of its own name.
        help: a line for the list, then what its own help says beside it.
        examples: shown at its end.
    """

    module: str
    help: str
    examples: str


ALL = """Feedback alignment in PyTorch: train without the transposed weights and measure why
it works.

Every command has a help of its own: fa-engine train --help"""
FIRST = "fa-engine train --scheme fa --hidden 64,64 --replicates 8"

COMMANDS = {
    "train": Text(
        "train",
        """Train a run and watch how it aligns.

On a terminal it shows how far it is and, over the steps, the angle between each hidden layer's
update and its true gradient: 90 degrees is chance, 0 backpropagation; a line a layer, the median
of the networks. Elsewhere it writes a line now and then. Ctrl-C ends it and writes what there is.

Exit status: 0, trained; 1, it cannot be, or every network has diverged; 2, something that was
typed is not allowed; 130, interrupted.""",
        """fa-engine train --scheme fa --hidden 64,64 --replicates 8 --plot run.svg
fa-engine train --dataset mnist --scheme dfa --hidden 512,512 --csv run.csv
fa-engine train --hidden "conv 16x5, pool 2, 64" --dataset mnist --save run.safetensors
fa-engine train --resume run.safetensors --epochs 20 --save run.safetensors""",
    ),
    "sweep": Text(
        "sweep",
        """Train one run for each combination of values, and compare them.

--vary names a field of a run and its values, and may come several times. Entries of a list have
commas between them, so that lists have semicolons: --vary "hidden=64;64,64".""",
        """fa-engine sweep --vary scheme=bp,fa,dfa --epochs 5
fa-engine sweep --vary learning_rate=0.01,0.03,0.1 --vary scheme=fa,dfa --csv sweep.csv
fa-engine sweep --vary "hidden=64;64,64;64,64,64" --vary weight_std=0.05,0.2,1""",
    ),
    "experiment": Text(
        "experiment",
        """Put a claim to the test, and get a verdict.

An experiment trains arms that differ in one thing, several networks each. What is predicted, and by
which rule it will be decided, is shown before anything is trained: each network gives a number, and
a prediction is borne out where the interval of their median, which holds that of all networks there
could be with at least 95 %, lies whole on the side of the bound that was named; not borne out where
it lies on the other; undecided where it holds the bound, where a network diverged, or where there
are too few. fa-engine experiments lists what there is. Ctrl-C ends it, and nothing is written.

Exit status: 0, it ran, whatever the verdict; 1, it cannot be, or a file cannot be written; 2,
something that was typed is not allowed; 130, interrupted.""",
        """fa-engine experiment learns
fa-engine experiment extrema --plot extrema.svg --json extrema.json
fa-engine experiment drives --dataset mnist --device auto
fa-engine experiment suffices --replicates 20""",
    ),
    "export": Text(
        "export",
        """Take weights, configuration or a script out of a checkpoint.

Without an option it prints the configuration as JSON.""",
        """fa-engine export run.safetensors
fa-engine export run.safetensors --weights weights.safetensors --script run.py""",
    ),
    "schemes": Text(
        "tables",
        """List the feedback schemes.

What each is, who published it, and in what the rule here differs from the published one. Route,
signal and matrix are the parts of a scheme; --route, --signal and --matrix of a run replace one.
Elsewhere than on a terminal: a line each, tabs between.""",
        "fa-engine schemes",
    ),
    "measures": Text(
        "tables",
        """List what is measured: the columns of a CSV or Parquet file.

A measure of layers has a column for each, counted from 1 at the bottom. Elsewhere than on a
terminal: a line each, tabs between.""",
        "fa-engine measures",
    ),
    "datasets": Text(
        "tables",
        """List the data sets.

Files that are missing are downloaded once, into FA_DATA_DIR or the user's cache. Elsewhere than on
a terminal: a line each, tabs between.""",
        "fa-engine datasets",
    ),
    "experiments": Text(
        "tables",
        """List the experiments.

What each asks, after whom, of how many predictions and of which data sets. fa-engine experiment
runs one. Elsewhere than on a terminal: a line each, tabs between.""",
        "fa-engine experiments",
    ),
}
"""By name, in the order of the list."""
