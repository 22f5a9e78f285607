"""A PostgreSQL server of one's own, for tests and benchmarks."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

UNPACKED = Path(sys.prefix) / "postgresql"
"""Where scripts/install_test_tools.sh puts what the system has not."""

_BELOW = "usr/lib/postgresql"  # where Debian has the programs, a folder a version
_LAST_WORDS = 600  # of a program that failed, in characters


class NoServer(Exception):
    """There is no server, and why."""


@contextmanager
def server(*options: str) -> Iterator[tuple[str, Callable[..., None]]]:
    """A server that is ended afterwards: in a temporary folder, on a free port of 127.0.0.1.

    Args:
        options: of ``postgres``, ``-F`` for one that waits for no disk.

    Yields:
        The URL of an empty database, and ``pg_ctl``: ``control("stop", "-m", "fast")``.

    Raises:
        NoServer: there are no programs here, or they do not run.
    """
    home = _home()
    with tempfile.TemporaryDirectory() as name:
        run = _runner(home, Path(name))
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        listens = f"-p {port} -k {name} -c listen_addresses=127.0.0.1 -c jit=off"

        def control(what: str, *more: str) -> None:
            begins = ("-o", " ".join((listens, *options)), "-l", f"{name}/log")
            run("pg_ctl", "-D", f"{name}/data", "-w", *(begins if what == "start" else more), what)

        run("initdb", "-D", f"{name}/data", "-U", "fa", "--auth=trust", "-E", "UTF8", "--no-sync")
        control("start")
        try:
            run("createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "fa", "fa")
            yield f"postgresql+psycopg://fa@127.0.0.1:{port}/fa", control
        finally:
            control("stop", "-m", "fast")


def _home() -> Path:
    """The folder of the programs: those in the path, the system's newest, or those unpacked."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    for root in (Path("/"), UNPACKED):
        versions = [path.parent for path in (root / _BELOW).glob("*/bin/initdb")]
        if versions:
            return max(versions, key=lambda path: float(path.parent.name))
    raise NoServer("there are no programs of PostgreSQL (scripts/install_test_tools.sh)")


def _runner(home: Path, folder: Path) -> Callable[..., None]:
    """What runs the programs in ``home``, as who owns ``folder`` from now on."""
    as_who: dict[str, Any] = {}
    if os.geteuid() == 0:  # which PostgreSQL refuses to be run by
        somebody = pwd.getpwnam("nobody")
        as_who = {"user": somebody.pw_uid, "group": somebody.pw_gid, "extra_groups": []}
        os.chown(folder, somebody.pw_uid, somebody.pw_gid)
    unpacked = [str(path.parent) for path in UNPACKED.glob("**/lib*.so.*")]
    libraries = os.pathsep.join(dict.fromkeys(unpacked)) if home.is_relative_to(UNPACKED) else ""
    env = os.environ | ({"LD_LIBRARY_PATH": libraries} if libraries else {})

    def run(program: str, *words: str) -> None:
        # Into a file: a server that goes on holds a pipe open.
        with (folder / "said").open("w+") as said:
            try:
                failed = subprocess.run(
                    [home / program, *words],
                    cwd=folder,
                    env=env,
                    stdout=said,
                    stderr=said,
                    check=False,
                    **as_who,
                ).returncode
            except OSError as error:
                raise NoServer(f"{program} cannot be run: {error}") from None
            said.seek(0)
            if failed:
                raise NoServer(f"{program} failed: {said.read()[-_LAST_WORDS:].strip()}")

    return run
