"""Which platform a stack lives on, and what that platform offers."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from reconciler.model.base import Model
from reconciler.model.job import ActualJob

LOCAL = "local"
"""The endpoint that stands for the embedded platform."""
CATALOG = "catalog"
"""The endpoint that stands for whatever the login service names as the service's URL."""


class PlatformSettings(Model):
    """How the definition says to reach the platform; credentials never stand in it.

    `endpoint` is `local`, `catalog`, or a URL without the version and project parts of its path.
    """

    api: str = "modelarts/v1"
    endpoint: str = LOCAL
    auth_url: str | None = None
    region: str | None = None
    project: str | None = None
    project_id: str | None = None
    workspace_id: str = "0"


class PlatformIdentity(Model):
    """Which jobs a state speaks of: two equal identities see the same jobs.

    For the embedded platform the endpoint is `local` and the project is its store's, so that
    neither a port nor a restart makes it another one.
    """

    api: str
    endpoint: str
    project_id: str
    workspace_id: str = "0"

    def __str__(self) -> str:
        where = f"{self.endpoint}, project {self.project_id}, workspace {self.workspace_id}"
        return f"{self.api} at {where}"


@dataclass(frozen=True, slots=True)
class Flavor:
    """A machine type that a job may ask for.

    `max_workers` is the most workers one job may have on it; `cpus` counts cores, `memory_gb`
    is in gigabytes.
    """

    code: str
    id: str
    max_workers: int | None = None
    sold_out: bool = False
    cpus: str = ""
    memory_gb: str = ""
    gpus: int = 0
    gpu_type: str = ""


@dataclass(frozen=True, slots=True)
class EngineOffer:
    """A preset engine that a job may ask for."""

    id: str
    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Quota:
    """How many jobs may exist, and how many more may be created."""

    limit: int
    left: int


@dataclass(frozen=True, slots=True)
class LogChunk:
    """A piece of a job's log, and the cursor from which the next piece goes on."""

    text: str
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """Every job of the project and workspace, once each, in order of creation."""

    jobs: tuple[ActualJob, ...] = ()
    quota: Quota | None = None
    _by_id: dict[str, ActualJob] = field(init=False, repr=False, compare=False)
    _by_name: dict[str, ActualJob] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_id", {job.job_id: job for job in self.jobs})
        object.__setattr__(self, "_by_name", {job.name: job for job in self.jobs})

    def by_id(self, job_id: str | None) -> ActualJob | None:
        """Return the job with this id, if it exists."""
        return None if job_id is None else self._by_id.get(job_id)

    def by_name(self, name: str) -> ActualJob | None:
        """Return the job that bears exactly this name, if one does."""
        return self._by_name.get(name)

    def with_details(self, details: Iterable[ActualJob]) -> "Listing":
        """Return the same listing with some rows replaced by jobs that carry their spec."""
        known = {job.job_id: job for job in details}
        return Listing(tuple(known.get(job.job_id, job) for job in self.jobs), self.quota)

    def __iter__(self) -> Iterator[ActualJob]:
        return iter(self.jobs)

    def __len__(self) -> int:
        return len(self.jobs)
