"""Caches of plain values, that run nothing of what they hold.

Flask-Caching's own pickle what they keep, and whoever can write to a Redis server, or to a folder,
could have the dashboard run a program by putting its pickle there. These keep JSON and bytes; what
is neither is no entry.
"""

from __future__ import annotations

import json
from typing import IO, Any

from cachelib.serializers import BaseSerializer
from flask_caching.backends import FileSystemCache, RedisCache

from app.logs import logger

_JSON, _BYTES = b"fa:json:", b"fa:bytes:"  # what an entry begins with

_log = logger(__name__)


class PlainSerializer(BaseSerializer):
    """Values that JSON knows, and bytes; an entry of any other kind counts as none.

    Raises:
        TypeError: a value to be kept is neither.
    """

    def dumps(self, value: Any, protocol: int = 0) -> bytes:
        """A value as it is kept."""
        if isinstance(value, bytes):
            return _BYTES + value
        return _JSON + json.dumps(value, separators=(",", ":")).encode()

    def loads(self, bvalue: bytes | None) -> Any:
        """The value; None where there is none that can be read."""
        if bvalue is None:
            return None
        if bvalue.startswith(_BYTES):
            return bvalue[len(_BYTES) :]
        if bvalue.startswith(_JSON):
            try:
                return json.loads(bvalue[len(_JSON) :])
            except (ValueError, RecursionError):
                _log.warning("an entry of the cache is damaged, and left alone")
        return None

    def dump(self, value: Any, f: IO[bytes], protocol: int = 0) -> None:
        """Writes a value to a file."""
        f.write(self.dumps(value))

    def load(self, f: IO[bytes]) -> Any:
        """Reads one."""
        return self.loads(f.read())


# As a class's own, and not by CACHE_SERIALIZER, which comes after the first entry has been made.


class PlainFileCache(FileSystemCache):
    """Files of plain values."""

    serializer: Any = PlainSerializer()


class PlainRedisCache(RedisCache):
    """Plain values in Redis."""

    serializer: Any = PlainSerializer()
