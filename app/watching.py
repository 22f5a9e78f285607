"""Whether the request that is answered now is of somebody who may only watch, or of a stranger."""

from __future__ import annotations

from flask import g, has_request_context


def only_watches() -> bool:
    """Whether it is; outside of a request nobody watches."""
    return has_request_context() and bool(g.get("only_watches", False))


def is_stranger() -> bool:
    """Whether it is of somebody who holds no token where one is asked for."""
    return has_request_context() and bool(g.get("stranger", False))
