"""Long work that says how far it is and can be called off."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], bool]
"""``(done, total) -> whether to go on``; called between pieces of work."""


class Cancelled(RuntimeError):
    """A progress callback said not to go on."""


def check(progress: Progress | None, done: int, total: int) -> None:
    """Reports, and stops where the answer is no.

    Args:
        progress: what is asked; None: nobody, and nothing stops.
        done: pieces of work that are done.
        total: pieces in all.

    Raises:
        Cancelled: it is.
    """
    if progress is not None and not progress(done, total):
        raise Cancelled(f"called off after {done} of {total}")
