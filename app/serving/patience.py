"""How long the server waits for whom, and for how many at once."""

from __future__ import annotations

import resource
from dataclasses import dataclass

_MOST_CONNECTIONS = 4096
_OTHER_FILES = 256  # the database, its readers, files on their way, the workers' pipes
_LEAST_CONNECTIONS = 64


@dataclass(frozen=True)
class Patience:
    """Limits of the server; all times in seconds.

    Attributes:
        head_s: for a connection to say what it wants, from its beginning or its first byte.
        body_rate: bytes a second for what comes with that, at least; ``head_s`` are free.
        idle_s: for a connection that was answered to ask again.
        write_s: for a client to take ``write_bytes`` of what is sent to it, or all of it.
        write_bytes: see there.
        stream_s: for a live stream, then a browser asks for it anew: nobody can see whether who
            is sent next to nothing reads it.
        end_s: for what is on its way when the server ends.
        connections: at once, at most; beyond them those go that have waited the longest without
            having asked anything.
        threads: for the application, which is never asked by more at once.
    """

    head_s: float = 15.0
    body_rate: float = 32_000.0
    idle_s: float = 20.0
    write_s: float = 30.0
    write_bytes: int = 16_000
    stream_s: float = 300.0
    end_s: float = 1.0
    connections: int = _MOST_CONNECTIONS
    threads: int = 12


USUAL = Patience()


def raise_file_limit() -> int:
    """Lets this process open as many files as it may; returns how many connections that holds."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_CONNECTIONS + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return _MOST_CONNECTIONS
    return max(_LEAST_CONNECTIONS, min(_MOST_CONNECTIONS, soft - _OTHER_FILES))
