"""``fa-engine experiment``: a claim, tested on many networks by rules that are shown before."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from pydantic import ValidationError
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from fa_engine.cli import outputs
from fa_engine.cli.interrupts import Interrupts
from fa_engine.cli.options import complain, refuse
from fa_engine.cli.outputs import FILES
from fa_engine.cli.train import FAILED
from fa_engine.config import NotAllowed, RunConfig
from fa_engine.data.datasets import DatasetError
from fa_engine.devices import device_of
from fa_engine.files.collected import Collected
from fa_engine.plugins import load as load_plugins
from fa_engine.progress import Cancelled
from fa_engine.studies.catalogue import EXPERIMENTS
from fa_engine.studies.experiment import REPLICATES, Experiment
from fa_engine.studies.outcome import Answer, Outcome, in_words, with_unit
from fa_engine.studies.running import run, undecided
from fa_engine.studies.verdicts import Verdict, least_networks

_LINE_S = 10.0  # without a terminal, at most this long between two lines
_LINES = 10  # and about as many in a short experiment
_STYLES = {Verdict.BORNE_OUT: "green", Verdict.NOT_BORNE_OUT: "red", Verdict.UNDECIDED: "yellow"}


def experiment(
    name: Annotated[str, Parameter(help="Which: fa-engine experiments lists them.")],
    /,
    *,
    dataset: Annotated[
        str, Parameter(help="What it is asked of: one that the experiment has settings for.")
    ] = "digits",
    replicates: Annotated[
        str | None,
        Parameter(
            metavar="INT",
            help=f"Networks of each arm. Fewer than {least_networks()} leave everything "
            f"undecided. Default: {REPLICATES}, or what the experiment says.",
        ),
    ] = None,
    device: Annotated[
        str,
        Parameter(help="Where it is trained: cpu, cuda, or auto, the quicker one."),
    ] = "cpu",
    json: Annotated[
        Path | None,
        Parameter(
            group=FILES,
            help="Write question, rules, settings, curves, the number of each network and the "
            "verdicts as JSON.",
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        Parameter(
            group=FILES,
            help="Draw what the arms measured and, for each prediction, every network, the "
            "interval and the bound: a file that ends in .svg, .pdf or .png.",
        ),
    ] = None,
) -> int:
    """Says what is predicted, trains, and says what came of it.

    Returns:
        The exit status.
    """
    load_plugins()
    outputs.check({"json": json, "plot": plot})
    asked = EXPERIMENTS.get(name)
    if asked is None:
        refuse(NotAllowed("experiment", name, f"one of {', '.join(EXPERIMENTS)}"))
    configs = _configs(asked, dataset, replicates, device)
    networks = next(iter(configs.values())).replicates
    console = Console()
    _announce(console, asked, dataset, networks)
    with Interrupts() as interrupts, _shown(console, asked) as show:

        def tell(share: float, collected: Mapping[str, Collected]) -> bool:
            show(share, collected)
            return not interrupts.number

        try:
            outcome = run(name, dataset, replicates=networks, device=device, tell=tell)
        except Cancelled:
            outcome = None
        except DatasetError as error:
            complain(error)
            outcome = undecided(name, dataset, str(error), networks)
    if outcome is None or interrupts.number:
        complain("Interrupted: there is no verdict, and nothing was written")
        return interrupts.status
    _conclude(console, outcome)
    try:
        _write(outcome, json, plot)
    except OSError as error:
        complain(error)
        return FAILED
    for path in (json, plot):
        if path is not None:
            console.file.write(f"wrote {path}\n")
    return 0 if any(len(each.finding.values) for each in outcome.answers) else FAILED


def _configs(
    asked: Experiment, dataset: str, replicates: str | None, device: str
) -> dict[str, RunConfig]:
    """What each arm trains; ends the program where it cannot be."""
    typed: Any = REPLICATES if replicates is None else replicates
    try:
        configs = asked.configs(dataset, typed, device=device)
        for config in configs.values():
            device_of(config)
    except (ValidationError, NotAllowed) as error:
        refuse(error)
    except ValueError as error:  # a device that is not there
        refuse(str(error))
    own = asked.settings[dataset].get("replicates")
    if own is not None and replicates not in (None, str(own)):
        refuse(NotAllowed("replicates", replicates, f"{own}, as this experiment has them"))
    return configs


def _announce(console: Console, asked: Experiment, dataset: str, networks: int) -> None:
    """What is asked and by which rules it will be decided, before anything is trained."""
    _say(console, Text(asked.title, "bold"))
    for word, text in (
        ("Question", asked.question),
        ("Claim", f"{asked.claim} ({asked.source})"),
        ("Trained", f"{networks} networks of each arm on {dataset}: {_arms(asked)}"),
    ):
        _say(console, Text.assemble((f"{word}: ", "dim"), text))
    for number, prediction in enumerate(asked.predictions, 1):
        _say(console, Text(f"\n{number}. {prediction.words}"))
        told = f"Of each network: {prediction.of}. {in_words(prediction)}"
        _say(console, Text(told, "dim"), indent=3)
    console.print()


def _say(console: Console, text: Text, indent: int = 0) -> None:
    """A paragraph, broken on a terminal; elsewhere a line."""
    if console.is_terminal:
        console.print(Padding(text, (0, 0, 0, indent)))
    else:
        console.file.write(f"{' ' * indent}{text.plain}\n")


def _arms(asked: Experiment) -> str:
    return "; ".join(arm.title for arm in asked.arms.values())


@contextmanager
def _shown(
    console: Console, asked: Experiment
) -> Iterator[Callable[[float, Mapping[str, Collected]], None]]:
    """What is told how far it is: a bar on a terminal, elsewhere a line now and then."""
    if not console.is_terminal:
        yield _Lines(console, asked).tell
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=1.0)

        def tell(share: float, collected: Mapping[str, Collected]) -> None:
            title = asked.arms[list(collected)[-1]].title
            progress.update(task, completed=share, description=title)

        yield tell


class _Lines:
    """A line now and then, of plain characters."""

    def __init__(self, console: Console, asked: Experiment) -> None:
        self._console, self._asked = console, asked
        self._said, self._next = time.monotonic(), 0.0

    def tell(self, share: float, collected: Mapping[str, Collected]) -> None:
        """Writes a line, where it is time for one."""
        now = time.monotonic()
        if share < min(1, self._next) and now - self._said < _LINE_S:
            return
        self._next, self._said = share + 1 / _LINES, now
        name, measured = list(collected.items())[-1]
        step, total = measured.last_step, measured.config.total_steps
        title = self._asked.arms[name].title
        self._console.file.write(f"{100 * share:3.0f} %  {title}: step {step} of {total}\n")
        self._console.file.flush()


def _conclude(console: Console, outcome: Outcome) -> None:
    table = Table(box=SIMPLE_HEAD)
    table.add_column("", justify="right")
    table.add_column("Prediction", ratio=1)
    table.add_column(Text("Median\n[interval]"), justify="right")
    table.add_column("Bound", justify="right", no_wrap=True)
    table.add_column("Verdict", no_wrap=True)
    for number, answer in enumerate(outcome.answers, 1):
        prediction, verdict = answer.prediction, answer.finding.verdict
        bound = with_unit(prediction.rule.bound, prediction.unit)
        table.add_row(
            f"{number}",
            Text(prediction.words),
            Text(found(answer)),
            f"{'above' if prediction.rule.above else 'below'} {bound}",
            Text(str(verdict), _STYLES[verdict]),
        )
    console.print(table)
    intervals = [answer.finding.interval for answer in outcome.answers]
    for level in sorted({100 * interval.level for interval in intervals if interval}):
        sure = f"Each interval holds the median of all networks there could be with {level:.1f} %."
        _say(console, Text(sure, "dim"))
    for name, count in outcome.lost.items():
        title = outcome.experiment.arms[name].title
        _say(console, Text(f"Diverged: {count} of {outcome.networks} networks ({title})"))
    said = Text.assemble(
        "All together: ",
        (str(outcome.verdict), f"bold {_STYLES[outcome.verdict]}"),
        f" ({outcome.dataset}, {outcome.networks} networks of each arm, {outcome.seconds:.0f} s)",
    )
    _say(console, said)


def found(answer: Answer) -> str:
    """What the networks showed, with how sure it is; or why that is not known.

    Args:
        answer: to one prediction.
    """
    interval, unit = answer.finding.interval, answer.prediction.unit
    if interval is None:
        return answer.finding.reason
    low, middle, high = (
        with_unit(value, unit) for value in (interval.low, interval.middle, interval.high)
    )
    return f"{middle}\n[{low}, {high}]"


def _write(outcome: Outcome, to_json: Path | None, to_plot: Path | None) -> None:
    if to_json is not None:
        text = json.dumps(outcome.to_dict(), allow_nan=False, ensure_ascii=False)
        outputs.whole(to_json, [text.encode(), b"\n"])
    if to_plot is not None:
        from fa_engine.cli.plot_outcome import draw

        draw(outcome, to_plot)
