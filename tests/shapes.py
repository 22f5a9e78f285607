"""The engine's shapes, checked while testing: `install_import_hook` in conftest names `checked`.

A check takes many times as long as a small network's arithmetic, and a training of a thousand steps
repeats the same ones a thousand times: of each function the first calls of every test are checked.
"""

import sys
from collections import Counter
from collections.abc import Callable
from functools import reduce, wraps
from inspect import unwrap
from typing import Any, get_args

from beartype import beartype
from jaxtyping import AbstractArray

CHECKED_CALLS = 20  # of a function in a test

_calls: Counter[tuple[str, str]] = Counter()
_let_be: list[Callable[..., Any]] = []


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """Checks the shapes that a function says. Other types are left to mypy, and to functions that
    refuse what is wrong with words of their own."""
    place = function.__module__, function.__qualname__
    hints = function.__annotations__
    function.__annotations__ = {
        name: hint if _says_a_shape(hint) else Any for name, hint in hints.items()
    }
    says = any(map(_says_a_shape, hints.values()))
    check = beartype(function) if says else function
    most = CHECKED_CALLS if says else 0

    @wraps(function)
    def counted(*args: Any, **kwargs: Any) -> Any:
        _calls[place] += 1
        if _calls[place] > most:
            _leave(*place, for_good=not says)
        return check(*args, **kwargs)

    return counted


def check_anew() -> None:
    """A test begins."""
    _calls.clear()
    while _let_be:
        _let_be.pop().__no_type_check__ = False


def _leave(module: str, name: str, for_good: bool) -> None:
    """Has jaxtyping call the function as if nothing were said about it."""
    try:
        found = reduce(getattr, name.split("."), sys.modules[module])
    except AttributeError:  # made within a function: it cannot be had from here
        return
    found = found.fget if isinstance(found, property) else getattr(found, "__func__", found)
    function = unwrap(found)
    function.__no_type_check__ = True
    if not for_good:
        _let_be.append(function)


def _says_a_shape(hint: Any) -> bool:
    own = isinstance(hint, type) and issubclass(hint, AbstractArray)
    return own or any(map(_says_a_shape, get_args(hint)))
