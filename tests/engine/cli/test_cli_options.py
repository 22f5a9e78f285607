"""Options are RunConfig's fields: all of them, in its words, with its messages."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from typing import Any

import pytest
from cyclopts import App
from pydantic import BaseModel, Field, ValidationError

from fa_engine.cli import command_line
from fa_engine.cli.options import config_of, given, option, with_fields, with_run_config
from fa_engine.cli.sweep import sweep
from fa_engine.cli.texts import COMMANDS
from fa_engine.cli.train import train
from fa_engine.config import RunConfig, allowed, knob_of, listed_fields, problems
from fa_engine.feedback.schemes import SCHEMES


def typed(*words: str) -> RunConfig:
    """The configuration that a command makes of these options."""

    @with_run_config
    def command(**fields: Any) -> RunConfig:
        return config_of(given(fields))

    app = App(result_action="return_value")
    app.default(command)
    return app(words)


def test_the_help_of_all_commands_needs_no_torch() -> None:
    code = (
        "import sys\nfrom fa_engine.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as end:\n    assert not end.code\n"
        "print('torch' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.splitlines()[-1] == "False"
    for name, text in COMMANDS.items():
        assert f"{name} " in said.stdout
        assert text.help.splitlines()[0][:30] in said.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_help_with_examples(name: str, here: Any) -> None:
    status, said, _ = here(name, "--help")
    assert status == 0
    for line in COMMANDS[name].examples.splitlines():
        assert line in said


@pytest.mark.parametrize("command", ["train", "sweep"])
def test_every_field_is_an_option_in_its_own_words(command: str, here: Any) -> None:
    _, said, _ = here(command, "--help")
    flat = " ".join(said.replace("│", " ").split())
    for name, field in listed_fields(RunConfig).items():
        assert f" {option(name)} " in flat
        assert " ".join(str(field.description).split()) in flat
        about = knob_of(field)
        if about.options:
            assert f"[choices: {', '.join(about.options)}]" in flat
        elif field.annotation is not bool:
            assert allowed(name)[1:].removesuffix(", or empty") in flat
        assert f"Run: {about.group}" in flat or not about.group


def test_a_field_that_is_added_is_an_option_by_itself() -> None:
    class Longer(RunConfig):
        added: float = Field(0.5, title="Added", description="Of tomorrow.")

    @with_fields(Longer, title="Run")
    def command(**fields: Any) -> dict[str, Any]:
        return given(fields)

    app = App(result_action="return_value")
    app.default(command)
    assert app(["--added", "0.25", "--seed", "3"]) == {"added": "0.25", "seed": "3"}


def test_what_is_typed_is_what_runconfig_understands() -> None:
    assert typed() == RunConfig()
    assert typed(
        "--hidden", "64, 32", "--learning-rate", "1e-2", "--walk", "--no-bias"
    ) == RunConfig(hidden=(64, 32), learning_rate=0.01, walk=True, bias=False)
    assert typed("--train-samples", "1,000", "--weight-std", "", "--frozen=1") == RunConfig(
        train_samples=1000, weight_std=None, frozen=(1,)
    )
    assert typed("--dataset=mnist", "--hidden", "conv 16x5, pool 2, 64").hidden == (
        *RunConfig(dataset="mnist", hidden="conv 16x5, pool 2").hidden,
        64,
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"learning_rate": "5000"},
        {"scheme": "backprop"},
        {"seed": "-1"},
        {"hidden": "1,024"},
        {"train_samples": "1.000"},
        {"batch_size": "2000"},  # more than there are samples: of no field alone
        {"optimizer": "nesterov"},
        {"epochs": "0", "replicates": "many", "dtype": "float16"},
    ],
)
def test_what_is_wrong_is_said_as_runconfig_says_it(wrong: dict[str, str], here: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        RunConfig(**wrong)  # type: ignore[arg-type]
    words = [word for name, value in wrong.items() for word in (option(name), value)]
    status, said, error = here("train", *words)
    assert (status, said) == (2, "")
    assert error.splitlines() == [each.message for each in problems(refused.value)]


def test_a_misspelt_option_is_an_error_that_names_one(here: Any) -> None:
    status, _, error = here("train", "--learning-rat", "1")
    assert status == 2
    assert "--learning-rate" in error


def test_a_parameter_of_a_command_stands_for_the_field_of_its_name() -> None:
    @with_run_config
    def command(*, seed: int = 5, **fields: Any) -> tuple[int, dict[str, Any]]:
        return seed, given(fields)

    app = App(result_action="return_value")
    app.default(command)
    assert app(["--seed", "7", "--epochs", "2"]) == (7, {"epochs": "2"})


@pytest.mark.parametrize("command", [train, sweep])
def test_no_command_hides_a_field_of_a_run(command: Any) -> None:
    """But for ``vary``: what a sweep varies is not what one of its runs would."""
    (source,) = re.findall(
        r"^def \w+\(\n    \*,\n(.*?)\*\*fields", inspect.getsource(command), re.M | re.S
    )
    own = set(re.findall(r"^    (\w+): ", source, re.M))
    assert {"csv", "parquet"} <= own
    assert own & {*RunConfig.model_fields} <= {"vary"}


def test_fields_that_are_left_out_are_no_options() -> None:
    class Some(BaseModel):
        one: int = 1
        other: bool | None = None

    @with_fields(Some, title="Some", but=["one"])
    def command(**fields: Any) -> dict[str, Any]:
        return given(fields)

    app = App(result_action="return_value", exit_on_error=False, print_error=False)
    app.default(command)
    assert app(["--no-other"]) == {"other": False}
    with pytest.raises(Exception, match="--one"):
        app(["--one", "2"])


def test_completion_knows_commands_options_and_choices() -> None:
    for shell in ("bash", "zsh", "fish"):
        script = command_line().generate_completion(shell=shell)
        for word in (*COMMANDS, *SCHEMES, "learning-rate"):
            assert word in script, (shell, word)
