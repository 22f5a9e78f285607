"""Whether the request that is answered now is of somebody who may only watch."""

from __future__ import annotations

from flask import g, has_request_context


def only_watches() -> bool:
    """Whether it is; outside of a request nobody watches."""
    return has_request_context() and bool(g.get("only_watches", False))
