"""The pages' cache: files, or Redis; where it is away everything is missing from it for a while."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from flask import Flask
from flask_caching import Cache
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from app.logs import logger
from app.settings import Settings
from app.shown import without_folders

ANSWERS_S = 0.3
"""Seconds after which a Redis server that says nothing is away."""

ALONE_S = 30.0
"""Seconds for which a cache that is away is left alone."""

_TIMEOUT_S = 24 * 3600
_ENTRIES = 3000  # a run has a spectrum at each of its checkpoints

_log = logger(__name__)


class PageCache:
    """A cache that may be away, which costs time and nothing else.

    Whoever meets it so waits for :data:`ANSWERS_S`; then it is left alone for :data:`ALONE_S`, in
    which nothing is found in it and nothing is put there. Safe in threads.

    Attributes:
        problem: why it is left alone; empty where it is not.
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._again_at = 0.0
        self._problem = ""

    @property
    def problem(self) -> str:
        """Why it is left alone; empty where it is not."""
        return self._problem if time.monotonic() < self._again_at else ""

    @property
    def backend(self) -> Any:
        """What keeps the values."""
        return self._cache.cache

    def get(self, key: str) -> Any:
        """What is kept under a key; None where there is nothing."""
        return self._ask("get", key)

    def set(self, key: str, value: Any) -> None:
        """Keeps a value: JSON-ready, or bytes."""
        self._ask("set", key, value)

    def clear(self) -> None:
        """Forgets everything."""
        self._ask("clear")

    def _ask(self, what: str, *arguments: Any) -> Any:
        if time.monotonic() < self._again_at:
            return None
        try:
            return getattr(self._cache, what)(*arguments)
        except (RedisError, OSError) as error:
            problem = " ".join(str(error).split()) or type(error).__name__
            self._problem = without_folders(problem)
            self._again_at = time.monotonic() + ALONE_S
            _log.warning("the cache is left alone", for_s=ALONE_S, error=problem)
            return None


def make_cache(flask: Flask, settings: Settings) -> PageCache:
    """Files under ``state_dir/cache``, or Redis where ``cache_url`` says so; plain values alone."""
    config: dict[str, Any] = {"CACHE_DEFAULT_TIMEOUT": _TIMEOUT_S}
    if settings.cache_url:
        config |= {
            "CACHE_TYPE": "app.plain.PlainRedisCache",
            "CACHE_REDIS_URL": settings.cache_url,
            "CACHE_KEY_PREFIX": "fa:",
            # Nobody waits for a second try: what is not there is made anew.
            "CACHE_OPTIONS": {
                "socket_timeout": ANSWERS_S,
                "socket_connect_timeout": ANSWERS_S,
                "retry": Retry(NoBackoff(), 0),
            },
        }
    else:
        config |= {
            "CACHE_TYPE": "app.plain.PlainFileCache",
            "CACHE_DIR": str(Path(settings.state_dir) / "cache"),
            "CACHE_THRESHOLD": _ENTRIES,
        }
    return PageCache(Cache(flask, config=config))
