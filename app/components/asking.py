"""How a page asks again and again for what is on its way."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from dash import Dash, Output, ctx, no_update
from dash.exceptions import PreventUpdate

LOOK_MS = 700  # between an answer that is not yet all and the next question
LATE_MS = 30_000  # after which an answer is taken for lost, and asked for once more


def one_at_a_time(app: Dash, tick: str, every_ms: int, *arguments: Any) -> Callable[..., Any]:
    """``app.callback`` of several outputs, which the interval ``tick`` sets off again and again.

    Dash drops an answer that a newer question has overtaken. Where answers take longer than the
    interval, on a busy machine say, a page would ask for ever and show nothing: the next tick comes
    ``every_ms`` after the answer that is shown.
    """
    interval = Output(tick, "interval")

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        # An answer that was overtaken must not set the pace either: it comes as an output, which
        # Dash drops with the rest of it.
        @app.callback(interval, *arguments, running=[(interval, LATE_MS, LATE_MS)])
        @wraps(function)
        def answer(*values: Any) -> Any:
            try:
                return (every_ms, *function(*values))
            except PreventUpdate:  # which would leave the pace as it is as well
                _, *others = ctx.outputs_list
                kept = ([no_update] * len(o) if isinstance(o, list) else no_update for o in others)
                return (every_ms, *kept)

        return function

    return register
