"""A cache runs nothing of what it holds: no file's pickle, and none of a Redis server."""

from __future__ import annotations

import math
import os
import pickle
import shutil
import socket
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from flask import Flask
from waiting import PATIENCE_S, wait

from app.cache import PageCache, make_cache
from app.lab import Desk
from app.plain import PlainSerializer
from app.server import WebApp
from app.settings import Settings

REDIS = shutil.which("redis-server")
KEY = "a key"
VALUES: list[Any] = [
    0,
    3000,
    "words",
    b"",
    b"\x80\x05bytes that look like a pickle",
    {"lines": {"loss": {"median": [[1, 2], [0.1, None]]}}, "controls": [[3, "FA → BP"]]},
]


class Trap:
    """What makes a folder as it is unpickled."""

    def __init__(self, made: Path) -> None:
        self.made = made

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.made),)


def test_the_trap_snaps_where_pickles_are_read(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Trap(tmp_path / "ran")))
    assert (tmp_path / "ran").exists()


@pytest.fixture(params=["files", "redis"])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PageCache]:
    """The cache as an installation has it, on either ground."""
    if request.param == "files":
        yield make_cache(Flask("files"), Settings(state_dir=tmp_path))
        return
    if REDIS is None:
        pytest.skip("there is no redis-server")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    arguments = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
    server = subprocess.Popen(
        [REDIS, *arguments, "--dir", str(tmp_path)], stdout=subprocess.DEVNULL
    )
    try:
        with redis.Redis(port=port) as client:
            wait(lambda: answers(client))
        settings = Settings(state_dir=tmp_path, cache_url=f"redis://127.0.0.1:{port}/0")
        yield make_cache(Flask("redis"), settings)
    finally:
        server.terminate()
        server.wait(PATIENCE_S)


def answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def plant(cache: PageCache, content: bytes) -> None:
    """Puts bytes where the cache has the entry of ``KEY``."""
    ground: Any = cache.backend
    if hasattr(ground, "_write_client"):
        ground._write_client.set(f"fa:{KEY}", content)
    else:
        Path(ground._get_filename(KEY)).write_bytes(struct.pack("I", 0) + content)


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_what_is_kept_comes_back_as_it_was(cache: PageCache, value: Any) -> None:
    assert cache.get(KEY) is None
    cache.set(KEY, value)
    found = cache.get(KEY)
    assert found == value
    assert type(found) is type(value)
    cache.clear()
    assert cache.get(KEY) is None


def test_a_planted_pickle_runs_nothing_and_is_no_entry(cache: PageCache, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    pickled = pickle.dumps(Trap(ran))
    for content in (pickled, b"!" + pickled, b"fa:json:" + pickled):  # as each ground had it
        plant(cache, content)
        assert cache.get(KEY) is None
        assert not ran.exists()
    cache.set(KEY, {"a": 1})  # and makes way for one
    assert cache.get(KEY) == {"a": 1}


def test_a_planted_count_of_the_files_runs_nothing(tmp_path: Path) -> None:
    cache: Any = make_cache(Flask("files"), Settings(state_dir=tmp_path)).backend
    ran = tmp_path / "ran"
    count = Path(cache._get_filename(cache._fs_count_file))
    count.write_bytes(struct.pack("I", 0) + pickle.dumps(Trap(ran)))
    cache.set(KEY, 1)  # which reads it
    assert cache.get(KEY) == 1
    assert not ran.exists()


def test_what_is_no_result_is_no_answer_of_the_desk(app: WebApp, cache: PageCache) -> None:
    desk = Desk(app.store, cache)
    for other in ({"a": 1}, 3, "words"):
        cache.set("lab/key", other)
        assert desk._kept("key") is None
    cache.set("lab/key", b"result")
    assert desk._kept("key") == b"result"


def test_what_json_does_not_know_is_refused_before_it_is_kept() -> None:
    plain = PlainSerializer()
    with pytest.raises(TypeError):
        plain.dumps({"path": Path()})
    assert math.isnan(plain.loads(plain.dumps(math.nan)))
    assert plain.loads(None) is None
    assert plain.loads(b"fa:json:" + b"[" * 100_000) is None
