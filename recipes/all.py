"""``python -m recipes.all --out DIR``: all recipes at once, several rows side by side.

Made for a machine that is there for some minutes: rows are taken, the first of every recipe before
the second of any, by as many processes as ``--jobs`` says, what is too small for a GPU by
``--small-jobs`` more on the processor. When time is up each stops where it is and says after how
many epochs. A recipe's file is written anew as often as one of its rows is done, and none fails
because another does.
"""

from __future__ import annotations

import multiprocessing
import queue
import sys
import time
import traceback
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Literal

import torch
from cyclopts import App
from rich.console import Console

from fa_engine.cli.options import refuse
from recipes import RECIPES, results
from recipes.results import Result, RowResult
from recipes.running import run_row

GRACE_S = 40.0  # after the time is up, for the last test of every row
Device = Literal["auto", "cpu", "cuda"]
Job = tuple[str, str]  # a recipe's name, and the label of its row

app = App(
    name="python -m recipes.all",
    help="All recipes at once, within a time.",
    help_format="plaintext",
    version_flags=[],
    console=Console(),
    error_console=Console(stderr=True),
)


@app.default
def everything(
    *,
    out: Path,
    device: Device = "auto",
    jobs: int = 1,
    small_jobs: int = 1,
    seconds: float | None = None,
    short: bool = False,
    only: str = "",
) -> int:
    """Runs all recipes and writes a file for each.

    Args:
        out: the folder of the files, NAME.json; it is made where it is not there.
        device: where rows run that are not too small for a GPU.
        jobs: how many of them side by side.
        small_jobs: how many of the small ones beside those.
        seconds: stop after so long; None: when all is done.
        short: by the shorter settings.
        only: names of recipes with commas between; empty: all.
    """
    chosen = [name for name in only.split(",") if name] or list(RECIPES)
    if unknown := set(chosen) - set(RECIPES):
        refuse(f"--only {only}: {', '.join(sorted(unknown))} is none of {', '.join(RECIPES)}")
    if device == "cuda" and not torch.cuda.is_available():
        refuse("--device cuda: allowed on this machine is cpu or auto (no CUDA GPU)")
    out.mkdir(parents=True, exist_ok=True)
    until = None if seconds is None else time.time() + seconds
    together = jobs + small_jobs
    found = {name: results.begun(name, short=short, together=together) for name in chosen}
    context = multiprocessing.get_context("spawn")
    answers: Any = context.Queue()
    workers: list[BaseProcess] = []
    queues: list[Any] = []  # one that nobody holds here is gone for the workers too
    for small, number in ((False, jobs), (True, small_jobs)):
        todo: Any = context.Queue()
        queues.append(todo)
        rows = in_turn([name for name in chosen if RECIPES[name].small is small])
        for job in rows:
            todo.put(job)
        for _ in range(min(number, len(rows))):
            told = (todo, answers, short, device, until)
            workers.append(context.Process(target=_work, args=told, daemon=True))
    for worker in workers:
        worker.start()
    _gather(found, out, answers, workers, until)
    for worker in workers:
        if worker.is_alive():  # its time is up, and it does not come to an end
            worker.terminate()
    return 0


def in_turn(names: list[str]) -> list[Job]:
    """The first row of each recipe, then the second of each, and so on."""
    jobs = [
        (place, order, (name, row.label))
        for order, name in enumerate(names)
        for place, row in enumerate(RECIPES[name].rows)
    ]
    return [job for _, _, job in sorted(jobs)]


def _work(todo: Any, answers: Any, short: bool, device: Device, until: float | None) -> None:
    """One process: a row after the other, each answered with what came of it."""
    torch.set_num_threads(1)
    while until is None or time.time() < until:
        try:
            name, label = todo.get(timeout=1)
        except queue.Empty:
            return
        began = time.time()
        clock = None if until is None else time.monotonic() + until - began
        recipe = RECIPES[name]
        try:
            ran = run_row(recipe, recipe.row(label), short=short, device=device, until=clock)
        except Exception as error:  # whatever it is, the others go on
            traceback.print_exc()
            ran = RowResult(
                label=label,
                epochs_planned=0,
                epochs_done=0,
                replicates=0,
                lost=0,
                seconds=round(time.time() - began, 1),
                device=device,
                curve=[],
                failed=f"{type(error).__name__}: {error}"[:200],
            )
        answers.put((name, ran.model_dump()))


def _gather(
    found: dict[str, Result],
    out: Path,
    answers: Any,
    workers: list[BaseProcess],
    until: float | None,
) -> None:
    """Writes what comes until nobody works any more, or time is up for good."""
    began = time.time()
    while until is None or time.time() < until + GRACE_S:
        alive = any(worker.is_alive() for worker in workers)
        try:
            name, told = answers.get(timeout=1)
        except queue.Empty:
            if not alive:
                return
            continue
        ran, result = RowResult(**told), found[name]
        order = [row.label for row in RECIPES[name].rows]
        result.rows = sorted([*result.rows, ran], key=lambda one: order.index(one.label))
        results.write(result, out / f"{name}.json")
        said = ran.failed or f"{ran.epochs_done:g} of {ran.epochs_planned} epochs"
        sys.stdout.write(f"{time.time() - began:5.0f} s  {name}  {ran.label}: {said}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(app())
