"""What requests and answers of the HTTP API look like, for its document (:mod:`app.document`)."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from app.compare.race import MAX_RACED
from app.files.document import FORMAT, FORMATS, VERSION
from app.files.intake import MOST_RUNS
from app.report import ReportChart
from app.room import FREEABLE
from app.store import Command, Labels, RunState
from app.store.listing import COLUMNS, MOST
from fa_engine import RunConfig

_LABELS: Any = Labels.model_fields
_MANY: Any = Field(description="runs, by id; at most 1,000")


class Place(BaseModel):
    """A checkpoint."""

    run_id: str
    step: int = Field(ge=0)


class NewRun(BaseModel):
    """A run to be queued."""

    config: RunConfig
    name: str | None = Field(default=None, description=_LABELS["name"].description)
    parent: Place | None = Field(default=None, description="whose weights it begins with")


class Created(BaseModel):
    """Where the new run is."""

    run_id: str


class RunView(BaseModel):
    """A run as it stands. Times are unix seconds; accuracies shares from 0 to 1."""

    model_config = ConfigDict(extra="forbid")

    id: str
    name: str
    config: dict[str, Any] = Field(description="what it began with, see RunConfig")
    state: RunState
    ended: bool = Field(description="whether nothing will follow")
    reason: str = Field(description="why it is in this state; often empty")
    created_at: float
    started_at: float | None
    ended_at: float | None
    step: int
    total_steps: int
    epoch: float | None
    epochs: int
    steps_per_second: float | None
    trained_s: float | None = Field(description="seconds of training, pauses left out")
    diverged_at: list[int | None] = Field(
        description="for each network the step from which on it is no longer finite, or null"
    )
    divergence: dict[str, Any] | None = Field(description="the same in words")
    learning_rate: float = Field(description="in force now")
    scheme: str = Field(description="in force now")
    revision: int = Field(description="number of its last event")
    parent: Place | None
    race: str | None = Field(description="what runs that were started together have in common")
    note: str
    tags: list[str]
    pinned: bool
    imported_from: str | None = Field(
        description="the id that it had where it was trained; null where that is here"
    )
    best_accuracy: float | None = Field(
        description="on the test set: the greatest median of the networks that were left"
    )
    last_accuracy: float | None = Field(
        description="the same median, the last one; null where no network is left"
    )
    last_angle_deg: float | None = Field(
        description="last gradient angle of the bottom hidden layer: the median of the networks "
        "that were left; null where none is left"
    )
    unstable_share: float | None = Field(
        description="share of the modes below 0 of what decides stability, of the latest "
        "checkpoint whose spectrum was asked for on the Stability page; of one network"
    )


class RunPage(BaseModel):
    """A page of the list of runs."""

    runs: list[RunView]
    total: int = Field(description="how many runs the whole list has")
    offset: int


class Asked(BaseModel):
    """Which runs, in which order, and which page of them."""

    search: str = Field(
        default="",
        description="words that all are in name, note, tags or id, or are scheme, data set or "
        "the layers",
    )
    where: list[str] = Field(
        default=[],
        description="conditions that all are met, such as best_accuracy>=0.9, scheme=fa, "
        "note~retry (contains), name^FA (begins), tags=lecture, parent_id=none; columns: "
        + ", ".join(COLUMNS),
    )
    sort: str = Field(
        default="",
        description="columns with commas between them, a minus before what falls: "
        "-pinned,-best_accuracy. Then the newest come first",
    )
    limit: int = Field(default=100, ge=1, le=MOST)
    offset: int = Field(default=0, ge=0)
    deleted: int = Field(default=0, ge=0, le=1, description="1: those that can be restored")


class Runs(BaseModel):
    """The runs that were changed."""

    runs: list[RunView]


class Ids(BaseModel):
    """Some runs."""

    ids: list[str] = _MANY


class ManyLabels(Labels):
    """Labels for some runs; no name for more than one."""

    ids: list[str] = _MANY


class ManyCommands(Command):
    """One command to some runs."""

    ids: list[str] = _MANY


class Sent(BaseModel):
    """A command on its way."""

    run_id: str
    command: int = Field(description="its number, which grows with time")


class SentMany(BaseModel):
    """Commands on their way."""

    commands: dict[str, int] = Field(description="number by run; none for those that have ended")


class HeirView(BaseModel):
    """A run that was handed over from a deleted one, and stays."""

    id: str
    name: str
    parent_id: str


class DeletedView(BaseModel):
    """What a deletion came to; until room is freed all of it can be restored."""

    deleted: list[str]
    stopped: list[str] = Field(description="those that had not ended")
    checkpoint_bytes: int = Field(description="of their checkpoints and trajectories")
    handed_over: list[HeirView]


class CheckpointView(BaseModel):
    """A checkpoint that is kept."""

    run_id: str
    step: int
    seq: int


class Checkpoints(BaseModel):
    """The checkpoints of a run, by step."""

    checkpoints: list[CheckpointView]


class RuleView(BaseModel):
    """The rule by which checkpoints are kept, as it is in force."""

    checkpoint_mb: int = Field(description="room for those of one run, in MB; 0: none are kept")
    checkpoint_total_mb: int = Field(description="room for those of all runs, in MB")


class What(BaseModel):
    """What is to be freed."""

    what: list[str] = Field(description="of " + ", ".join(FREEABLE))


class NewRace(BaseModel):
    """One configuration under several values of one field, at equal seed and equal batches."""

    config: RunConfig = Field(default=RunConfig(), description="what all have in common")
    field: str = Field(default="scheme", description="a field of the configuration")
    values: list[Any] = Field(
        min_length=2, max_length=MAX_RACED, description="what it is, a run each"
    )


class CreatedRace(BaseModel):
    """The runs that were started, in the order of the values."""

    race_id: str
    run_ids: list[str]


class RaceView(CreatedRace):
    """A race as it stands."""

    ended: bool = Field(description="whether nothing will follow")
    runs: list[RunView]


class RaceSent(BaseModel):
    """A command on its way to all of a race."""

    race_id: str
    sent: int = Field(description="runs that it went to: those that had not ended")


class ReportView(BaseModel):
    """A report as it is kept. Times are unix seconds."""

    id: str
    title: str
    charts: list[ReportChart]
    created_at: float
    changed_at: float


class ReportPage(BaseModel):
    """The reports, those changed last first."""

    reports: list[ReportView]


class Predicted(BaseModel):
    """What is to be seen of every network."""

    words: str
    of: str = Field(description="the number that is asked of every network")
    unit: str = Field(description="of that number; a share is from 0 to 1, times is a multiple")
    rule: str = Field(description="by which the networks decide, fixed before they are trained")


class GoingView(BaseModel):
    """An experiment that waits or is under way, or could not be run."""

    dataset: str
    progress: float = Field(description="share of the steps that are taken")
    waiting: bool = Field(description="whether it has not begun")
    problem: str = Field(description="why it could not be run; empty where it goes on")


class OutcomeView(BaseModel):
    """What an experiment has come to, in short."""

    experiment: str
    dataset: str
    verdict: str = Field(description="borne out, not borne out or undecided")
    networks: int = Field(description="of each arm")
    seconds: float = Field(description="that it took")
    ended_at: float = Field(description="unix seconds")


class ExperimentView(BaseModel):
    """A claim, and how it is tried."""

    name: str
    title: str
    question: str
    claim: str
    source: str
    datasets: list[str] = Field(description="that it can be asked of")
    predictions: list[Predicted]
    outcomes: list[OutcomeView]
    going: list[GoingView]


class ExperimentPage(BaseModel):
    """All experiments."""

    experiments: list[ExperimentView]


class OfDataset(BaseModel):
    """Which data set."""

    dataset: str | None = Field(
        default=None, description="one that the experiment can be asked of; null: the first"
    )


class Started(BaseModel):
    """Which experiment it is."""

    experiment: str
    dataset: str


class ExperimentState(Started):
    """How an experiment stands on a data set."""

    going: GoingView | None
    outcome: dict[str, Any] | None = Field(
        description="its newest outcome: verdict, predictions with their values, intervals and "
        "verdicts, arms with configuration and curves; null: it has not been run to its end"
    )


class NewStudy(BaseModel):
    """A study that is to be trained."""

    fields: dict[str, Any] = Field(
        description="what each field of a run takes: a list of values, a text of values with "
        "commas between them (semicolons for lists of layers), or a range, log 0.01 1 5"
    )
    sampling: str = Field(default="grid", description="grid, random or sobol")
    samples: int | None = Field(default=None, description="cells to draw, where they are drawn")
    seed: int = Field(default=0, ge=0, description="of the draws")
    title: str = Field(default="", description="empty: it says what varies")


class Preview(BaseModel):
    """What a study would train."""

    title: str
    varied: list[str]
    cells: int
    runs: int = Field(description="that train them, several cells side by side where that goes")
    networks: int
    bytes: int = Field(description="memory of the largest run at its peak, about")
    seconds: float = Field(description="about, by how quick the last runs were")


class StudyId(BaseModel):
    """Which study."""

    study_id: str


class StudySent(StudyId):
    """To how many of its runs something was sent."""

    sent: int


class StudyCommand(BaseModel):
    """What all runs of a study are to do."""

    command: str = Field(description="pause, resume or stop")


class Titled(BaseModel):
    """Another title."""

    title: str


class StudyView(BaseModel):
    """A study."""

    id: str
    title: str
    parts: list[dict[str, Any]] = Field(description="what was asked for, with what came later")
    cells: int
    created_at: float = Field(description="unix seconds")


class ListedStudy(StudyView):
    """A study in the list."""

    ended: bool


class StudyPage(BaseModel):
    """The newest studies."""

    studies: list[ListedStudy]


class CellView(BaseModel):
    """One cell and what it has come to."""

    cell: int
    run_id: str | None = Field(description="of the run that it is; null: that is gone")
    state: str
    fields: dict[str, Any] = Field(description="in which cells differ")
    diverged: int = Field(description="networks that are no longer finite")
    values: dict[str, list[float | None]] = Field(description="of each network")


class StudyResults(StudyView):
    """A study and what its cells have come to."""

    varied: list[str]
    progress: float
    states: dict[str, int] = Field(description="how many cells are in each")
    ended: bool
    results: list[CellView]


class Wrong(BaseModel):
    """One thing that is wrong."""

    field: str
    value: Any
    allowed: str
    message: str = Field(description="one sentence, with title and name of the field")
    words: str = Field(description="the same as a page says it, in titles alone")


class AllWrong(BaseModel):
    """Everything that is wrong."""

    errors: list[Wrong]


class Failure(BaseModel):
    """Why there is nothing, in one sentence."""

    error: str


class After(BaseModel):
    """From where on."""

    after: int = Field(default=0, ge=0, lt=10**18, description="number of the last event known")


class EventPage(BaseModel):
    """What has happened to a run, 200 events at a time."""

    run_id: str
    events: list[dict[str, Any]] = Field(description="each with seq, kind and at; see README")
    last: int = Field(description="number of the last of them: the next `after`")
    more: bool = Field(description="whether there are more already")
    ended: bool = Field(description="whether nothing will follow")


class OfStep(BaseModel):
    """Which checkpoint."""

    step: int | None = Field(default=None, ge=0, description="without, the last one")


class SomeRuns(BaseModel):
    """Which runs."""

    runs: str = Field(description="ids with commas between them; at most 100")


class Document(BaseModel):
    """A document of `export.json`, of one run or of several."""

    format: str = Field(description=f"{FORMAT}, or {FORMATS}")
    version: int = Field(ge=1, le=VERSION)
    run: dict[str, Any] | None = Field(default=None, description="of one: the run, see RunView")
    changes: list[dict[str, Any]] | None = Field(
        default=None, description="of one: what was changed while it ran"
    )
    series: dict[str, list[Any]] | None = Field(
        default=None, description="of one: arrays by step, replicate and layer; null: undefined"
    )
    runs: list[dict[str, Any]] | None = Field(
        default=None, description=f"of several: such a document each; at most {MOST_RUNS}"
    )
