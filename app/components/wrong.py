"""What is wrong with a field, said beside it."""

from __future__ import annotations

from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, dcc


def wrong_store(name: str) -> dcc.Store:
    """Where a page's callback puts what is wrong, by the names of the fields."""
    return dcc.Store(id=name)


def say_wrong(app: Dash, name: str, fields: dict[str, Any]) -> None:
    """Says beside every one of ``fields`` what the store ``name`` holds of it, and no more.

    The browser does it, since no answer of the server may have an output for all of a pattern: of
    those answers Dash drops none that a newer question has overtaken (its `pruneCallbacks` counts
    the outputs of a callback, and takes back what it has dropped where the number differs from that
    of their definitions), and whichever comes last stays.

    Args:
        name: the id of the :func:`wrong_store`.
        fields: the pattern of the fields' ids, with a part ``name``.
    """
    app.clientside_callback(
        ClientsideFunction("fields", "say_wrong"), Output(fields, "error"), Input(name, "data")
    )
