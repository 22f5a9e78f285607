"""The links that let people in, as they are shown once when the dashboard starts."""

from __future__ import annotations

import io
import secrets
import socket
from ipaddress import ip_address

import segno
from pydantic import SecretStr

from app.settings import Settings

_TOKEN_BYTES = 24
_DOCUMENTATION = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}  # nobody's


def with_tokens(settings: Settings) -> Settings:
    """The settings with tokens of their own for this start."""
    made = {
        name: SecretStr(secrets.token_urlsafe(_TOKEN_BYTES))
        for name in ("control_token", "view_token")
    }
    return settings.model_copy(update=made)


def shown(settings: Settings, port: int) -> str:
    """A link and its QR code for each token, to be printed in a terminal."""
    parts = []
    for words, token in (
        ("To control it", settings.control_token),
        ("To watch it", settings.view_token),
    ):
        if token:
            link = f"{address(settings, port)}/?token={token.get_secret_value()}"
            drawn = io.StringIO()
            segno.make(link, error="l", micro=False).terminal(drawn, compact=True)
            parts.append(f"{words}: {link}\n{drawn.getvalue()}")
    return "\n".join(parts)


def address(settings: Settings, port: int) -> str:
    """Where a browser finds the dashboard, without a stroke at the end."""
    if settings.host.startswith("unix:"):  # where a proxy finds it
        return settings.host
    host = _reached_at(settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{settings.base.rstrip('/')}"


def _reached_at(host: str) -> str:
    """An address of this machine that others can type, for one to listen on such as 0.0.0.0."""
    try:
        listens = ip_address(host)
    except ValueError:
        return host
    if not listens.is_unspecified:
        return host
    for family in (socket.AF_INET, socket.AF_INET6)[listens.version == 6 :]:
        # Nothing is sent: it is only found out which way it would go.
        with socket.socket(family, socket.SOCK_DGRAM) as way:
            try:
                way.connect((_DOCUMENTATION[family], 9))
            except OSError:
                continue
            return str(way.getsockname()[0])
    return socket.gethostname()
