"""The lab: what is computed from checkpoints beside training, and asked for by pages."""

from app.lab.computations import COMPUTATIONS, Computation, LeftOff, Loader, Progress, compute
from app.lab.desk import Answer, Desk
from app.lab.params import (
    CheckpointParams,
    DiffusionParams,
    KickParams,
    LandscapeParams,
    Params,
    PathParams,
    SpectrumParams,
    checked,
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
    "KickParams",
    "LandscapeParams",
    "LeftOff",
    "Loader",
    "Params",
    "PathParams",
    "Progress",
    "SpectrumParams",
    "checked",
    "compute",
    "pack_arrays",
    "unpack_arrays",
]
