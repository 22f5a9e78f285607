"""Being told to end: noted, and obeyed between two steps, so that what is kept is whole."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any, Self

_OF_A_SIGNAL = 128  # what a shell adds to its number


class Interrupts:
    """While it is entered, Ctrl-C (SIGINT) and SIGTERM are noted. A second one ends at once.

    Attributes:
        number: of the signal that came; 0: none.
    """

    def __init__(self) -> None:
        self.number = 0
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        for one in (signal.SIGINT, signal.SIGTERM):
            self._before[one] = signal.signal(one, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    @property
    def status(self) -> int:
        """The exit status: 130 after Ctrl-C; 0 where nothing came."""
        return _OF_A_SIGNAL + self.number if self.number else 0

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.number = number
        self._restore()

    def _restore(self) -> None:
        while self._before:
            signal.signal(*self._before.popitem())
