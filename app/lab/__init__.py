"""The lab: what is computed from checkpoints beside training, and asked for by pages."""

from app.lab.computations import (
    COMPUTATIONS,
    Computation,
    LeftOff,
    Progress,
    Shelf,
    compute,
    unstable_of,
)
from app.lab.desk import Answer, Desk, key_of
from app.lab.params import (
    CheckpointParams,
    DiffusionParams,
    ExperimentParams,
    KickParams,
    LandscapeParams,
    Params,
    PathParams,
    SpectrumParams,
    WalkParams,
    checked,
    titled,
)
from app.lab.results import Arrays, pack_arrays, unpack_arrays

__all__ = [
    "COMPUTATIONS",
    "Answer",
    "Arrays",
    "CheckpointParams",
    "Computation",
    "Desk",
    "DiffusionParams",
    "ExperimentParams",
    "KickParams",
    "LandscapeParams",
    "LeftOff",
    "Params",
    "PathParams",
    "Progress",
    "Shelf",
    "SpectrumParams",
    "WalkParams",
    "checked",
    "compute",
    "key_of",
    "pack_arrays",
    "titled",
    "unpack_arrays",
    "unstable_of",
]
