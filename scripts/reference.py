"""The pages of the documentation that are made from the code: names, rows and the command line.

What stands on which page is :data:`PAGES`; everything else about a name is its docstring's, and
everything about a row the row's own.
"""

from __future__ import annotations

import ast
import inspect
import io
import re
from collections.abc import Iterable, Iterator
from importlib import import_module
from itertools import pairwise
from typing import Any, NamedTuple

from cyclopts import App
from rich.console import Console

from scripts.rst import escaped, heading, literal, prose, table

TOP = "fa_engine"
COLUMNS = 88  # of the command line's help: what a page shows without a bar


class Page(NamedTuple):
    """One page of the reference.

    Attributes:
        title: its heading.
        text: what it is about.
        names: those of :mod:`fa_engine`, in the order of the page.
        beside: names that are imported from where they are, by their whole path.
        modules: documented whole, but for what stands in ``names`` somewhere.
    """

    title: str
    text: str
    names: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()


PAGES = {
    "training": Page(
        "Configure and train",
        "A run is a :class:`~fa_engine.RunConfig`, whose fields are :ref:`below <fields>`; a "
        ":class:`~fa_engine.Trainer` trains it and gives a :class:`~fa_engine.Measurement` now and "
        "then.",
        ("RunConfig", "Trainer", "Measurement", "CheckpointError", "PluginError"),
    ),
    "refusals": Page(
        "What is refused",
        "A value out of range is refused with its field, itself and what is allowed.",
        ("problems", "Problem", "NotAllowed", "allowed", "bounds", "Limits"),
        ("fa_engine.memory.peak_bytes",),
    ),
    "register": Page(
        "Register",
        "",
        ("RegistryError",),
        (
            "fa_engine.registry.Registry",
            "fa_engine.seeding.Distribution",
            "fa_engine.optimizers.Schedule",
        ),
        ("fa_engine.register",),
    ),
    "measures": Page(
        "Measures",
        "A measure is a row of :data:`~fa_engine.MEASURES`; the rows are in the "
        ":doc:`catalogue`. One of your own is a function of a :class:`~fa_engine.Moment`.",
        ("Moment", "Measure", "Alignment", "Walk", "measure", "MeasureError"),
    ),
    "feedback": Page(
        "Feedback",
        "A scheme is a route, a signal and a matrix.",
        ("Scheme", "Signal", "Matrices", "FeedbackOptions", "Feedback"),
        ("fa_engine.feedback.matrices.Route",),
    ),
    "networks": Page(
        "Networks and steps",
        "Every parameter has a leading dimension ``R`` for the replicates.",
        (
            "Network",
            "Pass",
            "Product",
            "build_layers",
            "Activation",
            "Loss",
            "Draw",
            "StepOptions",
            "make_optimizer",
        ),
        (
            "fa_engine.networks.layers.Dense",
            "fa_engine.networks.layers.Conv",
            "fa_engine.networks.layers.parse",
            "fa_engine.networks.layers.LayerError",
            "fa_engine.optimizers.Optimizer",
        ),
    ),
    "data": Page(
        "Data",
        "The data sets are in the :doc:`catalogue`.",
        ("load_dataset", "Dataset", "DatasetSpec", "DataOptions", "DatasetError"),
        ("fa_engine.data.datasets.default_data_dir",),
    ),
    "dynamics": Page(
        "Dynamics",
        "Why it aligns: fixed points and their stability, kicks, the walk and its landscape. What "
        "is not imported from the top is imported from the module that it stands under.",
        ("probe_set", "Probe", "spectrum", "Spectrum", "hand_over"),
        ("fa_engine.dynamics.decides.MOTIONS",),
        (
            "fa_engine.dynamics.stability",
            "fa_engine.dynamics.kernel",
            "fa_engine.dynamics.decides",
            "fa_engine.dynamics.delays",
            "fa_engine.dynamics.descent",
            "fa_engine.dynamics.probes",
            "fa_engine.dynamics.branching",
            "fa_engine.dynamics.perturbation",
            "fa_engine.dynamics.diffusion",
            "fa_engine.dynamics.landscape",
            "fa_engine.dynamics.plane",
            "fa_engine.progress",
        ),
    ),
    "studies": Page(
        "Studies",
        "An experiment is a question, what is trained to answer it, and predictions with rules "
        "that stand before anything is trained; those that come along are in the :doc:`catalogue`. "
        "Networks decide: the section *Verdicts* of :doc:`/docs/MATH` says how.",
        ("run_experiment", "Experiment", "Arm", "Prediction", "Rule"),
        (),
        ("fa_engine.studies.evidence", "fa_engine.studies.verdicts", "fa_engine.studies.outcome"),
    ),
}
TABLES = (
    "SCHEMES",
    "SIGNALS",
    "MATRICES",
    "MEASURES",
    "DATASETS",
    "ACTIVATIONS",
    "LOSSES",
    "EXPERIMENTS",
)
"""Names of the top that are tables of rows: they stand in the catalogue."""
TABLES_BESIDE = (
    "fa_engine.feedback.matrices.ROUTES",
    "fa_engine.optimizers.OPTIMIZERS",
    "fa_engine.optimizers.SCHEDULES",
    "fa_engine.seeding.DISTRIBUTIONS",
)


def pages() -> dict[str, str]:
    """All pages that are made from the code, as reStructuredText, by their names."""
    found = {name: page_text(name, page) for name, page in PAGES.items()}
    found["catalogue"] = catalogue()
    found["command-line"] = command_line()
    found["index"] = index([*found])
    return found


def index(names: Iterable[str]) -> str:
    """The page that has them all, with where every name of the top stands."""
    tree = "\n".join(f"   {name}" for name in names)
    placed = {name: (f"{TOP}.{name}", page) for page in PAGES for name in PAGES[page].names}
    placed |= {name: (f"{TOP}.{name}", "catalogue") for name in TABLES}
    placed["register"] = ("fa_engine.register", "register")
    rows = [
        {
            "name": f":py:obj:`~{whole}`",
            "what it is": escaped(first_sentence(whole)),
            "page": f":doc:`{page}`",
        }
        for name, (whole, page) in sorted(placed.items(), key=lambda item: item[0].lower())
    ]
    return "\n".join(
        (
            heading("Reference", "="),
            "What is imported from the top, ``from fa_engine import ...``, and what is imported "
            "from where it is. Letters and indices are those of :doc:`/docs/MATH`: ``R`` "
            "replicates, ``L`` layers, ``N`` samples, ``c`` outputs; a shape ``(..., N, c)`` has "
            "the replicates before it where there are several.\n",
            f".. toctree::\n   :maxdepth: 1\n\n{tree}\n",
            heading("Every name of the top", "-"),
            table(rows, (25, 55, 20)),
        )
    )


def page_text(name: str, page: Page) -> str:
    """One page of names."""
    parts = [heading(page.title, "="), page.text, ""]
    parts += [directive(f"{TOP}.{one}") for one in page.names if name != "register"]
    for module in page.modules:
        own = public_names(module)
        if name == "dynamics":
            parts.append(heading(module.removeprefix(f"{TOP}."), "-"))
        parts.append(f".. automodule:: {module}\n   :no-members:\n")
        parts += [directive(f"{module}.{one}") for one in own]
    parts += [directive(f"{TOP}.{one}") for one in page.names if name == "register"]
    parts += [directive(one) for one in page.beside]
    if name == "training":
        parts += [".. _fields:\n", heading("Fields of a RunConfig", "-"), knobs()]
    return "\n".join(parts)


def public_names(module: str) -> list[str]:
    """Classes and functions that a module defines and that are not imported from the top, in the
    order of its source."""
    loaded, top = import_module(module), import_module(f"{TOP}.public")
    own = [
        (inspect.getsourcelines(value)[1], name)
        for name, value in vars(loaded).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module
        and value.__name__ == name
        and getattr(top, name, None) is not value
    ]
    return [name for _, name in sorted(own)]


def directive(whole: str) -> str:
    """What makes Sphinx document a name by its docstring."""
    module, _, name = whole.rpartition(".")
    value = getattr(import_module(module), name)
    if inspect.isclass(value):
        kind = "exception" if issubclass(value, BaseException) else "class"
    elif callable(value):
        kind = "function"
    else:
        return documented_data(whole)
    lines = [f".. auto{kind}:: {whole}"]
    if name == "RunConfig":  # its signature is the table of its fields
        lines = [f".. autoclass:: {whole}(**fields)", "   :exclude-members: model_config"]
    elif kind == "class" and value.__base__.__module__.startswith(f"{TOP}."):
        lines.append("   :show-inheritance:")
    return "\n".join(lines) + "\n"


def documented_data(whole: str) -> str:
    """A name that is no class and no function, with the words under it in the source."""
    home = home_of(whole)
    module, _, name = whole.rpartition(".")
    lines = [f".. py:currentmodule:: {module}", "", f".. py:data:: {name}"]
    if home != whole:
        lines.append(f"   :canonical: {home}")
    return "\n".join([*lines, "", f"   {words_under(home)}"]) + "\n"


def home_of(whole: str) -> str:
    """Where a name of the top is defined, if it stands for a table of rows."""
    top, _, name = whole.rpartition(".")
    if top != TOP:
        return whole
    tree = ast.parse(inspect.getsource(import_module(f"{TOP}.public")))
    (home,) = (
        str(node.module)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and name in [alias.name for alias in node.names]
    )
    return f"{home}.{name}"


def words_under(whole: str) -> str:
    """The string that stands under an assignment; empty where there is none."""
    module, _, name = whole.rpartition(".")
    body = ast.parse(inspect.getsource(import_module(module))).body
    for node, after in pairwise(body):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        named = any(isinstance(target, ast.Name) and target.id == name for target in targets)
        if named and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            return " ".join(str(after.value.value).split())
    return ""


def knobs() -> str:
    """Every field of a run."""
    from fa_engine.config import RunConfig, allowed
    from fa_engine.config.knob import knob_of

    rows = []
    for name, field in RunConfig.model_fields.items():
        about = knob_of(field)
        told = f"{field.title}. {field.description or ''}"
        if about.empty and "empty:" not in told:
            told += f" Empty: {about.empty}."
        rows.append(
            {
                "field": f"``{name}``",
                "what it is": escaped(told),
                "unit": escaped(about.unit),
                "default": f"``{field.get_default()!r}``",
                "allowed": escaped(allowed(name)),
            }
        )
    told = ":func:`~fa_engine.bounds` has what is allowed in numbers."
    return f"{told}\n\n{table(rows, (16, 34, 10, 14, 26))}"


def catalogue() -> str:
    """What there is to choose from, a table a registry."""
    parts = [
        heading("Catalogue", "="),
        "What can be chosen by its name in a :class:`~fa_engine.RunConfig`, and what is measured. "
        "The tables are made from the rows; :mod:`fa_engine.register` adds to them.\n",
    ]
    titles = {
        "SCHEMES": "Feedback schemes",
        "SIGNALS": "Signals",
        "MATRICES": "Feedback matrices",
        "ROUTES": "Routes",
        "MEASURES": "Measures",
        "DATASETS": "Data sets",
        "ACTIVATIONS": "Activations",
        "LOSSES": "Losses",
        "EXPERIMENTS": "Experiments",
        "OPTIMIZERS": "Optimisers",
        "SCHEDULES": "Schedules",
        "DISTRIBUTIONS": "Distributions",
    }
    for whole in (*(f"{TOP}.{name}" for name in TABLES), *TABLES_BESIDE):
        module, _, name = whole.rpartition(".")
        registry = getattr(import_module(module), name)
        origins = getattr(registry, "origins", {})
        rows = [row_of(name, key, row) for key, row in registry.items() if key not in origins]
        parts += [heading(titles[name], "-"), directive(whole), table(rows)]
    return "\n".join(parts)


def row_of(table_name: str, key: str, row: Any) -> dict[str, str]:
    """What is shown of a row."""
    cells = {"name": f"``{key}``", "title": escaped(str(row.title))}
    if table_name == "SCHEMES":
        cells["title"] = escaped(
            f"{row.title} ({row.short})" if row.short not in row.title else row.title
        )
        cells["route, signal, matrix"] = f"``{row.route}``, ``{row.signal}``, ``{row.matrix}``"
        cells["what it does"] = escaped(row.explanation)
        if row.deviation:
            cells["what it does"] += escaped(f" Unlike what was published: {row.deviation}")
        cells["source"] = escaped(row.source)
    elif table_name == "MEASURES":
        cells["unit"] = escaped(row.unit)
        cells["shape"] = f"``({', '.join(row.shape)})``"
        cells["what it is"] = escaped(row.text)
        cells["there"] = "with ``walk``" if row.walk else "now and then" if row.sparse else ""
    elif table_name == "DATASETS":
        cells["sample"] = escaped(" x ".join(map(str, row.shape)))
        cells["outputs"] = str(row.n_classes)
        cells["training, test"] = f"{row.n_train:,}, {row.n_test:,}"
        cells["values"] = escaped(row.text)
    elif table_name == "EXPERIMENTS":
        cells["question"] = escaped(row.question)
        cells["predictions"] = escaped("; ".join(each.words for each in row.predictions))
        cells["source"] = escaped(row.source)
    elif table_name == "SIGNALS":
        cells["fades with the error"] = "yes" if row.fades else "no"
    elif table_name == "MATRICES":
        cells["routes"] = ", ".join(f"``{route}``" for route in row.routes)
        cells["what it is"] = prose(inspect.getdoc(row) or "").split("\n\n")[0]
    return cells


def command_line() -> str:
    """The help of every command, as a terminal shows it."""
    from app import options
    from fa_engine import cli
    from fa_engine.cli.texts import COMMANDS

    parts = [heading("Command line", "="), heading("fa-engine", "-"), helped(cli.command_line())]
    for name in COMMANDS:
        parts += [heading(f"fa-engine {name}", "~"), helped(cli.command_line(), name)]
    parts += [heading("python -m app", "-"), helped(options.command_line())]
    return "\n".join(parts)


def helped(app: App, *words: str) -> str:
    """What a command says of itself."""
    said = io.StringIO()
    console = Console(file=said, width=COLUMNS, color_system=None, force_terminal=False)
    app([*words, "--help"], console=console, result_action="return_value")
    return literal(said.getvalue())


def first_sentence(whole: str) -> str:
    """How a docstring begins, without the signs of code."""
    module, _, name = whole.rpartition(".")
    value = getattr(import_module(module), name)
    told = words_under(home_of(whole)) if isinstance(value, dict) else inspect.getdoc(value) or ""
    first = prose(" ".join(told.split("\n\n")[0].split())).replace("``", "")
    return re.split(r"(?<=\.)\s", first)[0]


def placed() -> Iterator[str]:
    """Every name of the top that stands on a page."""
    for page in PAGES.values():
        yield from page.names
    yield from TABLES
