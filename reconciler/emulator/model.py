"""What the emulator remembers: projects, jobs and their versions, free of any API version."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

V1 = "v1"
V2 = "v2"


class Status(IntEnum):
    """The status numbers of a run (ModelArts API Reference, "Job Statuses")."""

    UNKNOWN = 0
    INIT = 1
    IMAGE_CREATING = 2
    IMAGE_FAILED = 3
    SUBMIT_TRYING = 4
    SUBMIT_FAILED = 5
    DELETE_FAILED = 6
    WAITING = 7
    RUNNING = 8
    KILLING = 9
    COMPLETED = 10
    FAILED = 11
    KILLED = 12
    CANCELED = 13
    LOST = 14
    SCALING = 15
    SUBMIT_MODEL_FAILED = 16
    DEPLOY_SERVICE_FAILED = 17
    CHECK_INIT = 18
    CHECK_RUNNING = 19
    CHECK_RUNNING_COMPLETED = 20
    CHECK_FAILED = 21


TERMINAL = frozenset(
    {
        Status.IMAGE_FAILED,
        Status.SUBMIT_FAILED,
        Status.DELETE_FAILED,
        Status.COMPLETED,
        Status.FAILED,
        Status.KILLED,
        Status.CANCELED,
        Status.LOST,
        Status.SUBMIT_MODEL_FAILED,
        Status.DEPLOY_SERVICE_FAILED,
        Status.CHECK_FAILED,
    }
)


@dataclass(frozen=True)
class Project:
    """One project of the store, tied to the folder that plays its object storage.

    `folder` is relative to the store, so that the identity survives moving both together.
    """

    id: str
    name: str
    folder: str


@dataclass(frozen=True)
class Channel:
    """A named way for data in or out; without a path it is there in name only (a data set).

    The run gets the folder as `--name=…`, or as the environment variable `name`.
    """

    name: str
    path: str = ""
    in_environment: bool = False


@dataclass(frozen=True)
class Work:
    """What one run does, in terms that no API version owns; paths are `/bucket/key` paths.

    `hours` ends the run after so many (0: never). `held` keeps it waiting for ever, as a
    sold-out flavor does.
    """

    workers: int = 1
    code_dir: str = ""
    boot_file: str = ""
    command: str = ""
    algorithm: str = ""
    parameters: list[list[str]] = field(default_factory=list)
    inputs: list[Channel] = field(default_factory=list)
    outputs: list[Channel] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    log_dir: str = ""
    hours: int = 0
    held: bool = False


@dataclass
class Version:
    """One run of a job; times are epoch milliseconds.

    `config` is what the caller sent, kept to be echoed by the API version that took it.
    `processes` holds (process id, start mark) of every worker while they run, `exit_codes`
    what they ended with, negative for a signal.
    """

    id: int
    job_id: int
    name: str
    config: dict[str, Any]
    work: Work
    created: int
    resource_id: str
    previous: int | None = None
    status: Status = Status.INIT
    started: int | None = None
    ended: int | None = None
    processes: list[list[Any]] = field(default_factory=list)
    exit_codes: list[int] = field(default_factory=list)

    def duration(self, now: int) -> int | None:
        """Milliseconds of run time so far, or None before the start."""
        if self.started is None:
            return None
        return max(0, (self.ended or now) - self.started)


@dataclass
class Job:
    """A named container of versions; `deleting` means a delete was accepted and is under way.

    `api` is the version of the API that made it, and the only one that ever sees it. Jobs of
    v2 have exactly one version, and are known by `uid` where those of v1 are by `id`.
    """

    id: int
    project_id: str
    workspace: str
    name: str
    description: str
    created: int
    last_number: int = 0
    deleting: bool = False
    visible_from: float = 0.0
    api: str = V1
    uid: str = ""
    versions: list[Version] = field(default_factory=list)

    @property
    def latest(self) -> Version | None:
        """The newest version, which the job's row in a list describes."""
        return self.versions[-1] if self.versions else None

    @property
    def status(self) -> Status:
        """The newest version's status; an empty job is merely initialised."""
        return self.versions[-1].status if self.versions else Status.INIT

    @property
    def active(self) -> bool:
        """Whether any version still waits, runs or is being stopped."""
        return any(version.status not in TERMINAL for version in self.versions)
