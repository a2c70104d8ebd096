"""Jobs by number and in order, quick enough to page through 100,000 of them."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from reconciler.emulator.model import V1, Job, Status

_REMEMBERED = 1000


class Condition(Protocol):
    """A further demand on a job. Hashable, and decided by what the job is, not by the clock."""

    def fits(self, job: Job) -> bool:
        """Whether the job is wanted."""


@dataclass(frozen=True)
class Query:
    """Which jobs to list, and in which order; `sort` names a row field of v1.

    `workspace` None means all of them.
    """

    project_id: str
    workspace: str | None = "0"
    status: Status | None = None
    search: str = ""
    sort: str = "job_name"
    descending: bool = False
    api: str = V1
    conditions: tuple[Condition, ...] = ()


_ORDERS: dict[str, Callable[[Job, int], Any]] = {
    "job_name": lambda job, _: (job.name, job.id),
    "job_desc": lambda job, _: (job.description, job.id),
    "status": lambda job, _: (job.status, job.id),
    "duration": lambda job, now: (_duration(job, now), job.id),
    "version_count": lambda job, _: (len(job.versions), job.id),
    "create_time": lambda job, _: (job.created, job.id),
}


class Listing:
    """The jobs of a store; remembers the last sorted answer while nothing has changed."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._jobs: dict[int, Job] = {}
        self._by_uid: dict[str, Job] = {}
        self._counts: Counter[tuple[str, str]] = Counter()
        self._all_visible_from = 0.0
        self._answers: dict[Query, list[Job]] = {}

    def add(self, job: Job) -> None:
        """Take a job in."""
        self._jobs[job.id] = job
        self._counts[job.project_id, job.api] += 1
        if job.uid:
            self._by_uid[job.uid] = job
        self._all_visible_from = max(self._all_visible_from, job.visible_from)
        self.touch()

    def remove(self, job: Job) -> None:
        """Take a job out."""
        if self._jobs.pop(job.id, None) is not None:
            self._counts[job.project_id, job.api] -= 1
            self._by_uid.pop(job.uid, None)
            self.touch()

    def touch(self) -> None:
        """Some job changed, so that remembered answers are worth nothing."""
        self._answers.clear()

    def get(self, job_id: int) -> Job | None:
        """The job with this number, or None."""
        return self._jobs.get(job_id)

    def get_by_uid(self, uid: str) -> Job | None:
        """The job with this UUID, or None."""
        return self._by_uid.get(uid)

    def all(self) -> list[Job]:
        """Every job of every project, oldest first."""
        return list(self._jobs.values())

    def count(self, project_id: str, api: str) -> int:
        """How many jobs of an API version a project has, visible or not."""
        return self._counts[project_id, api]

    def find(self, query: Query) -> list[Job]:
        """The jobs that fit, sorted. The caller must not change the list."""
        known = self._answers.get(query)
        if known is None:
            now = self._clock()
            known = self._find(query, now)
            if now >= self._all_visible_from and query.sort != "duration":
                if len(self._answers) >= _REMEMBERED:
                    self._answers.clear()
                self._answers[query] = known
        return known

    def _find(self, query: Query, now: float) -> list[Job]:
        fitting = [
            job
            for job in self._jobs.values()
            if job.project_id == query.project_id
            and job.api == query.api
            and query.workspace in (None, job.workspace)
            and job.visible_from <= now
            and (query.status is None or job.status == query.status)
            and query.search in job.name
            and all(condition.fits(job) for condition in query.conditions)
        ]
        order = _ORDERS[query.sort]
        milliseconds = int(now * 1000)
        return sorted(fitting, key=lambda job: order(job, milliseconds), reverse=query.descending)


def _duration(job: Job, now: int) -> int:
    return (job.latest.duration(now) or 0) if job.latest else 0
