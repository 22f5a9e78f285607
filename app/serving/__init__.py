"""How the dashboard is served: streams by an event loop, everything else by a few threads.

``app.serving:create_asgi`` is for an ASGI server of one's own.
"""

from app.serving.front import Front
from app.serving.patience import Patience, raise_file_limit
from app.serving.service import Service, served

__all__ = ["Front", "Patience", "Service", "create_asgi", "raise_file_limit", "served"]


def create_asgi() -> Front:
    """The dashboard as an ASGI application, with the settings of the environment."""
    from app.server import create_app

    return Front(create_app())
