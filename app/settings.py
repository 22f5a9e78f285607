"""Settings of an installation: every environment variable in one place, with unit and default."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Literal

import platformdirs
from pydantic import (
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from app.hosts import is_loopback, read_hosts, read_networks, read_origins
from app.logs import FORMATS, LEVELS
from app.machine import free_bytes
from fa_engine import Limits
from fa_engine.data.datasets import default_data_dir

PREFIX = "FA_"
_DIRECTORY = "a path of a directory"
_COUNT = "a whole number from 1"
_TOKEN = re.compile(r"[\w.~-]{16,200}", re.ASCII)
_A_TOKEN = "16 to 200 letters, digits, dots, dashes, underscores or tildes"
MAX_NETWORKS = 256  # of a run: a line each, in a chart
_FREE_SHARE = 0.9  # of the memory that is free is for runs
_PATH = re.compile(r"/|(?!/(api|assets|healthz|readyz|metrics)(/|$)|/_)(/[\w.~-]+)+/?", re.ASCII)


def _state_database(data: dict[str, Any]) -> str:
    # Not an f-string: a path may hold what means something else in a URL, such as ? or %41.
    url = URL.create("sqlite", database=str(data["state_dir"] / "runs.sqlite"))
    return url.render_as_string(hide_password=False)


def _fair_threads(data: dict[str, Any]) -> int:
    workers: int = data["workers"]
    # A core is left to the page: where more threads than cores want to run, each step of a
    # training waits for its slowest thread, and small networks train ten times slower.
    return max(1, (_cores() - 1) // max(1, workers))


def _cores() -> int:
    """Cores that this process may use; a container or ``taskset`` may allow fewer than exist."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Settings(BaseSettings):
    """An installation's settings. Each field is read from ``FA_`` + its name in capitals.

    What is not given, empty or ``None`` takes its default, so that nearly every field has a value.
    ``cache_url`` may be ``None``: a cache of files under ``state_dir`` then; so may
    ``max_run_mb``: what is free when it is asked; ``log_format``: by where the log is written to;
    and the tokens: nobody has one.

    Raises:
        pydantic.ValidationError: the message names the variable, its value and what is allowed.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True
    )

    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="Where data sets are looked for and downloaded to.",
        json_schema_extra={"allowed": _DIRECTORY},
    )
    state_dir: Path = Field(
        default_factory=lambda: platformdirs.user_state_path("feedback-alignment"),
        description="Where the database, the checkpoints and the cache are kept.",
        json_schema_extra={"allowed": _DIRECTORY},
    )
    plugins: str = Field(
        default="",
        description="Modules that add schemes, measures, data sets and the rest "
        "(docs/EXTENDING.md), with commas between; they have to be on Python's path.",
        json_schema_extra={"allowed": "names of modules, with commas between"},
    )
    database_url: str = Field(
        default_factory=_state_database,
        description="The database of runs; default: SQLite, runs.sqlite under FA_STATE_DIR.",
        json_schema_extra={
            "allowed": "a database URL such as sqlite:////path/runs.sqlite or "
            "postgresql+psycopg://user:password@host/name"
        },
    )
    cache_url: str | None = Field(
        default=None,
        description="redis://host:port/0 for a shared cache; default: files under FA_STATE_DIR.",
        json_schema_extra={"allowed": "a URL that begins with redis:// or rediss://"},
    )
    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="Address that the web server listens on, or unix: and the path of a socket.",
        json_schema_extra={
            "allowed": "an address such as 127.0.0.1 or 0.0.0.0, or unix:/run/fa.sock"
        },
    )
    port: int = Field(
        default=8050,
        ge=0,
        le=65_535,
        description="Port that the web server listens on; 0 takes a free one.",
        json_schema_extra={"allowed": "a whole number from 0 to 65535"},
    )
    allowed_hosts: str = Field(
        default="",
        description="Names, with commas between them, that browsers know the server by, as behind "
        "a proxy: example.com, or example.com:8443 where the port is no usual one; *: any. "
        "IP addresses, localhost and this machine's own name always are.",
        json_schema_extra={
            "allowed": "host names with commas between them, such as example.com, lab.example:8443"
        },
    )
    path_prefix: str = Field(
        default="/",
        description="The path that a proxy has put before every address, such as /fa/.",
        json_schema_extra={
            "allowed": "a path such as /fa/ that does not begin with /api, /assets, /healthz, "
            "/readyz, /metrics or /_"
        },
    )
    trusted_proxies: str = Field(
        default="",
        description="Addresses or networks, with commas between them, of proxies whose "
        "X-Forwarded-Host, -Proto and -For are believed; unix: those on a Unix socket.",
        json_schema_extra={
            "allowed": "IP addresses or networks with commas between them, such as "
            "127.0.0.1, 10.0.0.0/8, or unix"
        },
    )
    control_token: SecretStr | None = Field(
        default=None,
        description="Who has this token may do everything. On an address that others can reach, "
        "python -m app makes tokens for one start where none are set, and shows links with them.",
        json_schema_extra={"allowed": _A_TOKEN},
    )
    view_token: SecretStr | None = Field(
        default=None,
        description="Who has this token may look at everything and change nothing; default: there "
        "is no such token.",
        json_schema_extra={"allowed": _A_TOKEN},
    )
    open: bool = Field(
        default=False,
        description="yes: where no token is set none is asked for, on whichever address; for a "
        "server that something else keeps strangers from.",
        json_schema_extra={"allowed": "yes or no"},
    )
    framed_by: str = Field(
        default="",
        description="Origins, with commas between them, whose pages may show this one in a frame; "
        "its own always may.",
        json_schema_extra={
            "allowed": "origins with commas between them, such as https://lab.example"
        },
    )
    workers: int = Field(
        default=1,
        ge=0,
        le=256,
        description="Training processes, each training one run at a time; 0: none here.",
        json_schema_extra={"allowed": "a whole number from 0 to 256"},
    )
    threads: int = Field(
        default_factory=_fair_threads,
        ge=1,
        le=1024,
        description="Threads of each worker; default: the cores but one, shared out.",
        json_schema_extra={"allowed": "a whole number from 1 to 1024"},
    )
    max_parameters: int = Field(
        default=Limits().max_parameters,
        ge=1,
        description="Most weights and biases of a run, all replicates together.",
        json_schema_extra={"allowed": _COUNT},
    )
    max_run_mb: int | None = Field(
        default=None,
        ge=1,
        description="Most memory of a run at its peak, in MB, as it is estimated; default: nine "
        "tenths of what the machine, or the container, has free when it is asked, shared out to "
        "the workers.",
        json_schema_extra={"allowed": _COUNT},
    )
    max_epochs: int = Field(
        default=Limits().max_epochs,
        ge=1,
        description="Most passes over the training set of a run.",
        json_schema_extra={"allowed": _COUNT},
    )
    max_queued: int = Field(
        default=500,
        ge=1,
        description="Most runs that wait for a worker at once.",
        json_schema_extra={"allowed": _COUNT},
    )
    checkpoint_mb: int = Field(
        default=200,
        ge=0,
        le=1_000_000,
        description="Room for the checkpoints of one run, in MB; 0: none are kept.",
        json_schema_extra={"allowed": "a whole number from 0 to 1000000"},
    )
    checkpoint_total_mb: int = Field(
        default=4000,
        ge=0,
        le=1_000_000_000,
        description="Room for the checkpoints of all runs, in MB; those of the oldest go first.",
        json_schema_extra={"allowed": "a whole number from 0 to 1000000000"},
    )
    state_every_s: float = Field(
        default=30.0,
        gt=0,
        le=86_400,
        description="Seconds of work that are lost at most when a worker dies.",
        json_schema_extra={"allowed": "a number above 0, at most 86400"},
    )
    max_streams: int = Field(
        default=400,
        ge=1,
        description="Most live streams that a web process serves at once.",
        json_schema_extra={"allowed": _COUNT},
    )
    max_client_streams: int = Field(
        default=100,
        ge=1,
        description="The same of one client's address; this machine's own are not counted.",
        json_schema_extra={"allowed": _COUNT},
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info",
        description="What of the log is written: this and what is graver.",
        json_schema_extra={"allowed": ", ".join(LEVELS)},
    )
    log_format: Literal["text", "json"] | None = Field(
        default=None,
        description="How the log is written; default: text on a terminal, elsewhere an object of "
        "JSON a line.",
        json_schema_extra={"allowed": " or ".join(FORMATS)},
    )

    @model_validator(mode="before")
    @classmethod
    def _none_is_absent(cls, data: Any) -> Any:
        if isinstance(data, dict):
            return {name: value for name, value in data.items() if value is not None}
        return data

    @field_validator("*", mode="wrap")
    @classmethod
    def _named(cls, value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        """One message for whatever a field objects to: the variable, its value, what is allowed."""
        name = str(info.field_name)
        try:
            accepted = handler(value)
            _check(name, accepted)
        except (ValueError, ArgumentError):  # pydantic's own ValidationError is a ValueError
            extra = cls.model_fields[name].json_schema_extra
            assert isinstance(extra, dict)
            shown = "***" if name.endswith("_token") else _without_password(value)
            message = f"{PREFIX}{name.upper()} = {shown!r}: allowed is {extra['allowed']}"
            raise PydanticCustomError("not_allowed", "{message}", {"message": message}) from None
        return accepted.expanduser().absolute() if isinstance(accepted, Path) else accepted

    @model_validator(mode="after")
    def _tokens_go_together(self) -> Settings:
        if self.view_token and not self.control_token:
            raise PydanticCustomError(
                "not_allowed",
                "FA_VIEW_TOKEN is set and FA_CONTROL_TOKEN is not, so that nobody could start a "
                "run: allowed is FA_CONTROL_TOKEN beside it, or alone",
            )
        if self.view_token and self.view_token == self.control_token:
            raise PydanticCustomError(
                "not_allowed",
                "FA_VIEW_TOKEN = '***': allowed is another one than FA_CONTROL_TOKEN",
            )
        return self

    @property
    def lacks_tokens(self) -> bool:
        """Whether others could reach the server and nothing would be asked of them."""
        return not (self.control_token or self.open or is_loopback(self.host))

    def shown(self) -> dict[str, str]:
        """Every field as it may be shown on a page: without tokens and passwords."""
        return {name: _shown(name, value) for name, value in self}

    @property
    def checkpoint_dir(self) -> Path:
        """Where checkpoints are kept."""
        return self.state_dir / "checkpoints"

    @property
    def base(self) -> str:
        """The path before every address; it begins and ends with a stroke."""
        return self.path_prefix.rstrip("/") + "/"

    @property
    def max_run_bytes(self) -> int:
        """Most memory of a run at its peak; where nobody set it, what is free now."""
        if self.max_run_mb is not None:
            return self.max_run_mb * 10**6
        return int(_FREE_SHARE * free_bytes()) // max(1, self.workers)

    @property
    def limits(self) -> Limits:
        """What one run may ask of this installation."""
        return Limits(
            max_parameters=self.max_parameters,
            max_bytes=self.max_run_bytes,
            max_epochs=self.max_epochs,
            bytes_set_by=f"{PREFIX}MAX_RUN_MB",
            max_networks=MAX_NETWORKS,
            max_cells=1,
        )


def _shown(name: str, value: object) -> str:
    if value is None or value == "":
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "set" if name.endswith("_token") else _without_password(value)


def _without_password(value: object) -> str:
    """What a value is where others may read it: in a log, on a page."""
    text = re.sub(r"://.*@", "://***@", str(value), flags=re.DOTALL)
    return re.sub(r"([?&][^=&]*pass[^=&]*=)[^&]*", r"\1***", text, flags=re.IGNORECASE)


def settings_or_exit() -> Settings:
    """Settings from the environment; ends the program with a readable message if they are wrong."""
    try:
        return Settings()
    except ValidationError as error:
        lines = [
            entry["msg"]
            for entry in error.errors(include_url=False)
            # A default that depends on a wrong field is not one more thing to mend.
            if entry["type"] != "default_factory_not_called"
        ]
        raise SystemExit("\n".join(lines)) from None


def _is_there(path: Path) -> bool:
    """Whether it can be seen; a folder that may not be looked into hides what is in it."""
    try:
        return path.exists()
    except PermissionError:
        return False


def _check(name: str, value: Any) -> None:
    if name in ("state_dir", "data_dir"):
        existing = next(p for p in (value, *value.absolute().parents) if _is_there(p))
        if not existing.is_dir():
            raise ValueError(name)
    if name == "database_url" and make_url(value).database in ("", ":memory:"):
        raise ValueError(name)
    if name == "database_url":
        make_url(value).get_dialect()  # raises ArgumentError for what SQLAlchemy does not know
    if name == "allowed_hosts":
        read_hosts(value)
    if name == "framed_by":
        read_origins(value)
    if name.endswith("_token") and value and not _TOKEN.fullmatch(value.get_secret_value()):
        raise ValueError(name)
    if name == "trusted_proxies":
        read_networks(value)
    if name == "path_prefix" and not _PATH.fullmatch(value):
        raise ValueError(name)
    if (
        name == "cache_url"
        and value is not None
        and not value.startswith(("redis://", "rediss://"))
    ):
        raise ValueError(name)
