"""What browsers are told about every answer: where a page may load from, and who may have it in a
frame. A few lines; a library for them would be longer to set up."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Flask, Response, request

from app.hosts import read_origins
from app.settings import Settings

_UNUSED = "accelerometer camera display-capture geolocation gyroscope microphone midi payment usb"


def keep_headers(flask: Flask, settings: Settings, scripts: Sequence[str]) -> None:
    """Adds them to every answer.

    Args:
        flask, settings: of the installation.
        scripts: hashes of the scripts that stand in the page itself, as a policy has them.
    """
    headers = {
        "Content-Security-Policy": policy(scripts, read_origins(settings.framed_by)),
        "X-Content-Type-Options": "nosniff",  # a file is what it is said to be
        # Other sites are not told what was looked at here; our own API has to know its pages.
        "Referrer-Policy": "same-origin",
        "Permissions-Policy": ", ".join(f"{name}=()" for name in _UNUSED.split()),
        "Cross-Origin-Resource-Policy": "same-origin",
    }

    @flask.after_request
    def tell(response: Response) -> Response:
        response.headers.extend(headers)
        if request.is_secure:  # over http browsers ignore it, and complain
            # A page that opened this one, or that this one opens, has no hold on it.
            response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        return response


def policy(scripts: Sequence[str], framed_by: Sequence[str] = ()) -> str:
    """The content security policy: everything from here, and no program from within a page."""
    parts = {
        "default-src": ["'self'"],
        # Dash's own lines in the page by their hashes; whatever else got into one is not run.
        "script-src": ["'self'", *scripts],
        # Plotly, Mantine and AG Grid write styles as they draw. They can hide, not act or send.
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "data:", "blob:"],  # charts on their way to a PNG; icons in styles
        "font-src": ["'self'", "data:"],  # AG Grid's icons
        "connect-src": ["'self'"],
        "worker-src": ["'self'"],  # assets/live-worker.js
        "object-src": ["'none'"],
        "base-uri": ["'none'"],  # or all addresses of a page could be made to lead elsewhere
        "form-action": ["'self'"],
        "frame-ancestors": ["'self'", *framed_by],
    }
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in parts.items())
