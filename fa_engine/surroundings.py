"""What the code around a call has set for PyTorch, and what of it is not the engine's to follow."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import torch

P = ParamSpec("P")
T = TypeVar("T")


def undisturbed(function: Callable[P, T]) -> Callable[P, T]:
    """The same function, whatever ``torch.autocast`` or default device it is called under.

    A run says itself which precision it has and where it is computed (``dtype``, ``device``); half
    of its numbers in bfloat16 would be another run, and not one that can be repeated.
    """

    @wraps(function)
    def alone(*args: P.args, **kwargs: P.kwargs) -> T:
        if not _disturbs():  # a step asks for it: two microseconds
            return function(*args, **kwargs)
        with (
            torch.device("cpu"),
            torch.autocast("cpu", enabled=False),
            torch.autocast("cuda", enabled=False),
        ):
            return function(*args, **kwargs)

    return alone


def _disturbs() -> bool:
    return (
        torch.is_autocast_enabled("cpu")
        or torch.is_autocast_enabled("cuda")
        or torch.empty(0).device.type != "cpu"
    )
