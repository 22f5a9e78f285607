"""Faults, done to a real dashboard: what is lost, and how long until it goes on.

Each run under test is compared with what a trainer makes of the same configuration alone: its
events are to be numbered without a hole, and every loss the same, bit for bit. Times at which
something is killed come from a generator with a seed that is printed.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch

from fa_engine import RunConfig, Trainer
from fa_engine.config import UNLIMITED
from scripts.postgres import NoServer, server

ROOT = Path(__file__).parents[1]
SEED = 2024
KILLS = 100
TEMPLATE_KILLS = 10
WEB_KILLS = 10
ENDLESS = 1_000_000  # epochs
LOCKED_S = 30.0
RESTARTS = (("fast", 1.0), ("immediate", 8.0), ("fast", 8.0), ("immediate", 1.0))
CONFIG = RunConfig(hidden=(16, 16), replicates=2, epochs=4000, measure_every=10)
WAIT_S = 180.0


@dataclass
class Outcome:
    """What came of a fault.

    Attributes:
        fault: in words.
        tries: how often it was done.
        wrong: what does not agree with a run that nobody disturbed.
        seconds: until it went on, each time.
        note: what else is to be said.
    """

    fault: str
    tries: int = 0
    wrong: int = 0
    seconds: list[float] = field(default_factory=list)
    note: str = ""

    def row(self) -> str:
        """As a line of a table in Markdown."""
        took = "-"
        if self.seconds:
            middle, most = statistics.median(self.seconds), max(self.seconds)
            took = f"{middle:.1f} s, at most {most:.1f} s"
        return f"| {self.fault} | {self.tries} | {self.wrong} | {took} | {self.note} |"


class Site:
    """A dashboard that runs."""

    def __init__(self, url: str, process: subprocess.Popen[str], state: Path) -> None:
        self.url, self.process, self.state = url, process, state

    def ask(self, address: str, body: Any = None) -> Any:
        """The answer of its API.

        Raises:
            OSError: it gives none, or an error.
        """
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + address, data)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def start(self, config: RunConfig, **more: Any) -> str:
        """Starts a run, with fields of a configuration that are beyond the usual limits."""
        asked = config.model_dump(mode="json") | more
        return str(self.ask("/api/runs", {"config": asked})["run_id"])

    def step(self, run_id: str) -> int:
        """How far it is; -1 while nobody says so."""
        try:
            return int(self.ask(f"/api/runs/{run_id}")["step"])
        except OSError:
            return -1

    def trains(self, run_id: str) -> bool:
        """Whether a worker has it."""
        return bool(self.ask(f"/api/runs/{run_id}")["state"] == "running")

    def goes_on(self, run_id: str, beyond: int) -> float:
        """Seconds until the run is beyond a step."""
        began = time.monotonic()
        wait(lambda: self.step(run_id) > beyond)
        return time.monotonic() - began

    def children(self) -> tuple[list[int], list[int]]:
        """Its workers, and its analyst."""
        found = self._processes()
        return found.get("fa-worker", []), found.get("fa-analyst", [])

    def template(self) -> int:
        """What the workers are forked from."""
        workers, _ = self.children()
        return int(psutil.Process(workers[0]).ppid())

    def _processes(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        with suppress(psutil.NoSuchProcess):
            for process in psutil.Process(self.process.pid).children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    found.setdefault(process.name(), []).append(process.pid)
        return found

    def disagreements(self, run_id: str) -> int:
        """Events that are missing, doubled or misplaced, and losses that are not those of a trainer
        that did it alone, as far as the run has come."""
        after, numbers = 0, []
        while True:
            page = self.ask(f"/api/runs/{run_id}/events?after={after}")
            numbers += [event["seq"] for event in page["events"]]
            if not page["more"]:
                break
            after = page["last"]
        wrong = sum(number != place for place, number in enumerate(numbers, start=1))
        run = self.ask(f"/api/runs/{run_id}")
        exported = self.ask(f"/api/runs/{run_id}/export.json")["series"]
        told = np.array(exported["loss"], np.float32)
        torch.set_num_threads(1)  # as the worker has
        config = RunConfig.model_validate(run["config"], context={"limits": UNLIMITED})
        trainer, losses = Trainer(config), []
        while len(losses) < len(told):
            measured = trainer.advance(measure=trainer.step in exported["step"][-1:])
            if measured is not None:
                losses.append(measured.loss.astype(np.float32))
        return wrong + int((told != np.array(losses)).any(-1).sum())

    def stop(self, run_id: str) -> None:
        """Stops a run, and waits until it is."""
        self.ask(f"/api/runs/{run_id}/commands", {"command": "stop"})
        wait(lambda: bool(self.ask(f"/api/runs/{run_id}")["ended"]))


def wait(condition: Callable[[], bool]) -> None:
    """Until something is so.

    Raises:
        TimeoutError: it is not for too long.
    """
    until = time.monotonic() + WAIT_S
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError
        time.sleep(0.05)


@contextmanager
def dashboard(**settings: str) -> Iterator[Site]:
    """A dashboard with one worker of one thread."""
    with tempfile.TemporaryDirectory() as name:
        state = Path(settings.pop("FA_STATE_DIR", name))
        more = {"FA_STATE_DIR": str(state), "FA_PORT": "0", "FA_THREADS": "1"} | settings
        with (state / "log").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "app"],
                cwd=ROOT,
                env=os.environ | more,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert process.stdout is not None
        said = re.search(r"http://\S+", process.stdout.readline())
        assert said, (state / "log").read_text()
        try:
            yield Site(said[0].rstrip("/"), process, state)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def kills() -> Outcome:
    """The worker, and now and then the analyst, killed at random times."""
    found, chance = Outcome("SIGKILL of the worker, or the analyst"), random.Random(SEED)
    analysts, beyond = 0, list[float]()
    with dashboard(FA_MAX_EPOCHS=str(ENDLESS)) as site:
        run_id = site.start(CONFIG, epochs=ENDLESS)
        wait(lambda: site.step(run_id) > 100)
        while found.tries < KILLS:
            time.sleep(chance.uniform(0.1, 1.5))
            workers, analyst = site.children()
            if chance.random() < 0.2 and analyst:
                os.kill(analyst[0], signal.SIGKILL)
                analysts += 1
            elif workers:
                before, began = site.step(run_id), time.monotonic()
                os.kill(workers[0], signal.SIGKILL)
                wait(lambda: site.trains(run_id) and site.children()[0] != workers)  # noqa: B023
                found.seconds.append(time.monotonic() - began)
                site.goes_on(run_id, before)
                beyond.append(time.monotonic() - began)
            else:
                continue
            found.tries += 1
        site.stop(run_id)
        found.wrong = site.disagreements(run_id)
    found.note = (
        f"until it is taken up; beyond where it was after {statistics.median(beyond):.1f} s, at "
        f"most {max(beyond):.1f} s; {analysts} of them the analyst; seed {SEED}"
    )
    return found


def template_kills() -> Outcome:
    """What workers are forked from, killed: they end with it, and others are made."""
    found, chance = Outcome("SIGKILL of the workers' template"), random.Random(SEED)
    with dashboard(FA_MAX_EPOCHS=str(ENDLESS)) as site:
        run_id = site.start(CONFIG, epochs=ENDLESS)
        wait(lambda: site.step(run_id) > 100)
        while found.tries < TEMPLATE_KILLS:
            time.sleep(chance.uniform(0.1, 1.5))
            before = site.step(run_id)
            wait(lambda: bool(site.children()[0]))
            os.kill(site.template(), signal.SIGKILL)
            found.seconds.append(site.goes_on(run_id, before + 20))
            found.tries += 1
        site.stop(run_id)
        found.wrong = site.disagreements(run_id)
    found.note = f"seed {SEED}"
    return found


def web_kills() -> Outcome:
    """The web process, and the supervisor in it, killed and started again: the run is taken up,
    which is looked for in the database, since the page is there later."""
    found, chance = Outcome("SIGKILL of the web process and its supervisor"), random.Random(SEED)
    run_id = ""
    before, endless = 0, {"FA_MAX_EPOCHS": str(ENDLESS)}
    beyond, pages = list[float](), list[float]()
    with tempfile.TemporaryDirectory() as state:
        database = Path(state, "runs.sqlite")
        while found.tries < WEB_KILLS:
            began = time.monotonic()
            with ThreadPoolExecutor(2) as looking, ExitStack() as left:
                if run_id:
                    taken = looking.submit(_since, began, database, "state = 'running'")
                    further = looking.submit(_since, began, database, f"step > {before}")
                site = left.enter_context(dashboard(FA_STATE_DIR=state, **endless))
                pages.append(time.monotonic() - began)
                if run_id:
                    found.seconds.append(taken.result())
                    beyond.append(further.result())
                    found.tries += 1
                else:
                    run_id = site.start(CONFIG, epochs=ENDLESS)
                    wait(lambda: site.step(run_id) > 100)  # noqa: B023
                time.sleep(chance.uniform(0.1, 1.5))
                workers, analyst = site.children()
                site.process.kill()
                site.process.wait()
                wait(lambda: not any(map(_trains, workers + analyst)))  # noqa: B023
                with closing(sqlite3.connect(database)) as connection:
                    before = connection.execute("SELECT step FROM runs").fetchone()[0]
        with dashboard(FA_STATE_DIR=state, **endless) as site:
            site.stop(run_id)
            found.wrong = site.disagreements(run_id)
    found.note = (
        "from the start of the next one until it is taken up; beyond where it was after "
        f"{statistics.median(beyond):.1f} s, at most {max(beyond):.1f} s; the page is there after "
        f"{statistics.median(pages):.1f} s; seed {SEED}"
    )
    return found


def _since(began: float, database: Path, so: str) -> float:
    """Seconds until something is so of the only run."""
    with closing(sqlite3.connect(database)) as connection:
        wait(lambda: connection.execute(f"SELECT 1 FROM runs WHERE {so}").fetchone() is not None)
    return time.monotonic() - began


def _trains(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def ends() -> Outcome:
    """SIGTERM with streams and a training run, and what the next dashboard makes of it."""
    found = Outcome("SIGTERM with 8 streams and a training run")
    run_id = ""
    with tempfile.TemporaryDirectory() as state, ExitStack() as open_:
        for _ in range(3):
            with dashboard(FA_STATE_DIR=state) as site:
                run_id = run_id or site.start(CONFIG)
                before = site.step(run_id)
                wait(lambda: site.step(run_id) > before + 100)  # noqa: B023
                for _ in range(8):
                    address = f"{site.url}/api/runs/{run_id}/stream"
                    open_.enter_context(urllib.request.urlopen(address))
                began = time.monotonic()
                site.process.send_signal(signal.SIGTERM)
                site.process.wait()
                found.seconds.append(time.monotonic() - began)
                found.tries += 1
        with dashboard(FA_STATE_DIR=state) as site:
            site.stop(run_id)
            found.wrong = site.disagreements(run_id)
    found.note = "seconds until it had ended"
    return found


def locked() -> Outcome:
    """The database held by somebody else."""
    found = Outcome(f"SQLite locked for {LOCKED_S:.0f} s", tries=1)
    with dashboard() as site:
        run_id = site.start(CONFIG.replace(epochs=10_000))
        wait(lambda: site.step(run_id) > 100)
        other = sqlite3.connect(site.state / "runs.sqlite", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        before = site.step(run_id)
        began = time.monotonic()
        with suppress(urllib.error.HTTPError):
            site.start(CONFIG)
        refused = time.monotonic() - began
        time.sleep(max(0.0, LOCKED_S - refused))
        other.execute("ROLLBACK")
        other.close()
        found.seconds.append(site.goes_on(run_id, before))
        site.stop(run_id)
        found.wrong = site.disagreements(run_id)
    found.note = f"the API says 503 after {refused:.1f} s"
    return found


def postgresql() -> Outcome:
    """A PostgreSQL server that is restarted."""
    found = Outcome("PostgreSQL restarted (1 s, 8 s; fast, immediate)")
    try:
        _restart(found)
    except NoServer as error:
        found.note = f"not tried: {error}"
    return found


def _restart(found: Outcome) -> None:
    with server() as (url, control), dashboard(FA_DATABASE_URL=url) as site:
        run_id = site.start(CONFIG.replace(epochs=10_000))
        wait(lambda: site.step(run_id) > 100)
        for mode, seconds in RESTARTS:
            before = site.step(run_id)
            control("stop", "-m", mode)
            time.sleep(seconds)
            control("start")
            found.seconds.append(site.goes_on(run_id, before))
            found.tries += 1
        site.stop(run_id)
        found.wrong = site.disagreements(run_id)


def full(what: str, size: str) -> Outcome:
    """A disk without room, under the checkpoints or under everything."""
    found = Outcome(f"disk full under the {what} ({size.upper()}B)")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) if what == "database" else Path(name) / "checkpoints"
        folder.mkdir(exist_ok=True)
        mounted = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        if subprocess.run(mounted, capture_output=True, check=False).returncode:
            found.note = "not tried: no right to mount a small disk"
            return found
        try:
            room = {"FA_CHECKPOINT_MB": "0" if what == "database" else "1000"}
            with dashboard(FA_STATE_DIR=name, **room) as site:
                _fill(site, folder, what, found)
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
    return found


def _fill(site: Site, folder: Path, what: str, found: Outcome) -> None:
    wide = {"hidden": (300, 300), "replicates": 4, "epochs": 6}
    config = CONFIG.replace(measure_every=1, **({} if what == "database" else wide))
    runs = [site.start(config) for _ in range(2)]
    found.tries = 1
    if what == "database":
        wait(lambda: shutil.disk_usage(folder).free == 0)
        time.sleep(5.0)
        before = site.step(runs[0])
        subprocess.run(["mount", "-o", "remount,size=500m", str(folder)], check=True)
        found.seconds.append(site.goes_on(runs[0], before))
        site.stop(runs[0])
    wait(lambda: bool(site.ask(f"/api/runs/{runs[0]}")["ended"]))
    if what == "database":
        wait(lambda: site.step(runs[1]) > 100)
        site.stop(runs[1])
    wait(lambda: bool(site.ask(f"/api/runs/{runs[1]}")["ended"]))
    states = [site.ask(f"/api/runs/{run_id}")["state"] for run_id in runs]
    found.note = "the runs are " + " and ".join(states)
    found.wrong = sum(site.disagreements(run_id) for run_id in runs)


def redis() -> Outcome:
    """A Redis server that takes connections and never says a word."""
    found = Outcome("Redis hanging", tries=1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        came: list[socket.socket] = []

        def take() -> None:
            with suppress(OSError):
                while True:
                    came.append(listener.accept()[0])

        threading.Thread(target=take, daemon=True).start()
        with dashboard(FA_CACHE_URL=f"redis://127.0.0.1:{listener.getsockname()[1]}/0") as site:
            run_id = site.start(CONFIG.replace(epochs=2))
            wait(lambda: bool(site.ask(f"/api/runs/{run_id}")["ended"]))
            times = []
            for _ in range(5):
                began = time.monotonic()
                site.ask("/readyz")
                times.append(time.monotonic() - began)
            found.wrong = site.disagreements(run_id)
        for one in came:
            one.close()
    found.note = f"first call {times[0]:.2f} s, then {max(times[1:]):.2f} s at most"
    return found


FAULTS: dict[str, Callable[[], Outcome]] = {
    "kills": kills,
    "template_kills": template_kills,
    "web_kills": web_kills,
    "ends": ends,
    "locked": locked,
    "postgresql": postgresql,
    "full-checkpoints": lambda: full("checkpoints", "20m"),
    "full-database": lambda: full("database", "6m"),
    "redis": redis,
}


def main() -> None:
    """Prints the table."""
    print("\n| fault | tries | wrong | goes on after (median) | |\n|---|---|---|---|---|")
    for fault in FAULTS.values():
        print(fault().row(), flush=True)
