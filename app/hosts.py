"""Hosts, pages' origins and networks as settings and headers name them, and who may ask what."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

ANY = "*"
UNIX = "unix"
_PORTS = {"http": 80, "https": 443}
_LOOPBACK = frozenset({"localhost", "localhost.localdomain"})

Network = IPv4Network | IPv6Network


@dataclass(frozen=True)
class Host:
    """A host as a ``Host`` header or a setting names it, in small letters.

    Attributes:
        name: a name or an address; an IPv6 one without its brackets.
        port: None where none is said.
    """

    name: str
    port: int | None

    @classmethod
    def read(cls, text: str) -> Host:
        """Of ``example.com``, ``example.com:8443``, ``[::1]:8050``.

        Raises:
            ValueError: it is none of these.
        """
        parts = urlsplit(f"//{text}")
        if parts.netloc != text or parts.username is not None or not parts.hostname:
            raise ValueError(text)
        return cls(parts.hostname.rstrip("."), parts.port)

    @property
    def is_address(self) -> bool:
        """Whether it is an IP address, which nobody else's name can be made to lead to."""
        try:
            ip_address(self.name)
        except ValueError:
            return False
        return True


@dataclass(frozen=True)
class Origin:
    """Where a page came from, as a browser says it."""

    scheme: str
    host: Host

    @classmethod
    def read(cls, text: str) -> Origin | None:
        """Of ``https://example.com``; None for ``null`` and whatever else is no page's."""
        scheme, _, rest = text.partition("://")
        if scheme not in _PORTS:
            return None
        try:
            return cls(scheme, Host.read(rest))
        except ValueError:
            return None

    def is_at(self, host: Host) -> bool:
        """Whether it is a page of ``host``; a scheme's own port is the same as none."""
        own = _PORTS[self.scheme]
        return self.host.name == host.name and (self.host.port or own) == (host.port or own)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address, or a name for one, to listen on."""
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return host.lower() in _LOOPBACK
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def read_origins(text: str) -> tuple[str, ...]:
    """The origins in a list with commas, such as ``https://example.com``.

    Raises:
        ValueError: one is no origin.
    """
    if not all(Origin.read(item) for item in items(text)):
        raise ValueError(text)
    return tuple(items(text))


def read_hosts(text: str) -> tuple[Host, ...]:
    """The hosts in a list with commas, ``*`` left out.

    Raises:
        ValueError: one is no host.
    """
    return tuple(Host.read(item) for item in items(text) if item != ANY)


def read_networks(text: str) -> tuple[Network, ...]:
    """The addresses and networks in a list with commas, ``unix`` left out.

    Raises:
        ValueError: one is neither.
    """
    return tuple(ip_network(item) for item in items(text) if item != UNIX)


def is_within(peer: str, networks: Iterable[Network]) -> bool:
    """Whether an address is in one of these networks; what is no address is in none."""
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in networks)


def items(text: str) -> list[str]:
    """What a list with commas holds."""
    return [item.strip() for item in text.split(",") if item.strip()]


class Gate:
    """The answer to *may this be asked, by this page*.

    IP addresses and this machine's own names are always answered to. Any other name may be one
    that a stranger's page has had pointed here, to be let in as a page of ours.

    Args:
        allowed: further names, with commas between them; ``*``: any.
        listens: the address that the server listens on.
    """

    def __init__(self, allowed: str, listens: str) -> None:
        self._any = ANY in items(allowed)
        self._given = read_hosts(allowed)
        own = {listens.lower(), socket.gethostname().lower(), *_LOOPBACK}
        self._names = own | {host.name for host in self._given}

    def answers_to(self, text: str) -> bool:
        """Whether the server is the one that a ``Host`` header names."""
        if self._any or not text:  # every browser says one
            return True
        try:
            host = Host.read(text)
        except ValueError:
            return False
        return host.is_address or host.name in self._names or host.name.endswith(".localhost")

    def takes_orders_from(self, origin: str | None, host: str, site: str | None) -> bool:
        """Whether a page at ``origin`` may change something.

        Args:
            origin: of the page; None where it is not said, as by what is no browser.
            host: that was asked.
            site: how far the browser says that the page is from here (``Sec-Fetch-Site``).
        """
        if site == "cross-site":
            return False
        if origin is None:
            return True
        page = Origin.read(origin)
        if page is None:
            return False
        # A proxy may have put another name for the one that the browser asked.
        if any(page.is_at(given) for given in self._given):
            return True
        try:
            return page.is_at(Host.read(host))
        except ValueError:
            return False
