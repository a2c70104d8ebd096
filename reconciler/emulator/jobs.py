"""The core: jobs and versions of all projects, whatever API version they are seen through.

Rules that hold for every surface live here (unique names, quota, what a delete or stop does);
shapes and error codes do not.
"""

import heapq
import secrets
import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from reconciler.emulator.behaviour import Quirks, Timing
from reconciler.emulator.errors import (
    AlreadyDeletingError,
    NameTakenError,
    NotAllowedError,
    NotFoundError,
    QuotaExceededError,
)
from reconciler.emulator.listing import Listing
from reconciler.emulator.logs import Logs
from reconciler.emulator.model import TERMINAL, V1, V2, Job, Status, Version, Work
from reconciler.emulator.processes import end_leftovers
from reconciler.emulator.runner import Runner, RunnerSettings
from reconciler.emulator.store import Store

_FIRST_JOB = 100_000
_FIRST_VERSION = 5_000_000
_STOPPABLE = frozenset(
    {
        Status.INIT,
        Status.IMAGE_CREATING,
        Status.SUBMIT_TRYING,
        Status.WAITING,
        Status.RUNNING,
        Status.SCALING,
        Status.CHECK_INIT,
        Status.CHECK_RUNNING,
        Status.CHECK_RUNNING_COMPLETED,
    }
)


NameKey = tuple[str, str, str, str]


class Jobs:
    """All jobs of a store, in memory, with every change written through."""

    def __init__(
        self,
        store: Store,
        settings: RunnerSettings,
        *,
        quota: int = 10_000,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.quota = quota
        self.timing = Timing()
        self.quirks = Quirks()
        self.clock = clock
        self.logs = Logs(store.folder / "logs")
        self.runner = Runner(settings, self.logs, self)
        self.listing = Listing(clock)
        self._store = store
        self._roots: dict[str, Path] = {}
        self._names: dict[NameKey, int] = {}
        self._held: dict[NameKey, float] = {}
        self._due: list[tuple[float, int]] = []
        last_job, last_version = store.last_ids()
        self._last_job = max(last_job, _FIRST_JOB)
        self._last_version = max(last_version, _FIRST_VERSION)

    def now(self) -> int:
        """The time as the platform gives it: epoch milliseconds."""
        return int(self.clock() * 1000)

    def recover(self) -> None:
        """Load what the last server left: end its leftovers, queue what waited again."""
        for project in self._store.projects():
            self.use_buckets(project.id, self._store.buckets(project))
        for job in self._store.jobs():
            self._names[_key(job)] = job.id
            self.listing.add(job)
            for version in job.versions:
                self._recover_version(job, version)
            self._vanish_soon(job)

    def use_buckets(self, project_id: str, root: Path) -> None:
        """Tell where a project's buckets lie."""
        self._roots[project_id] = root

    def root(self, project_id: str) -> Path:
        """The buckets folder of a project."""
        return self._roots[project_id]

    # -- reading

    def count(self, project_id: str, api: str) -> int:
        """How many jobs of an API version the project holds, in all workspaces."""
        return self.listing.count(project_id, api)

    def get(self, project_id: str, job_id: int) -> Job:
        """The v1 job with this number; NotFoundError if the project has none."""
        self.sweep()
        return _of(project_id, V1, self.listing.get(job_id))

    def get_by_uid(self, project_id: str, uid: str) -> Job:
        """The v2 job with this UUID; NotFoundError if the project has none."""
        self.sweep()
        return _of(project_id, V2, self.listing.get_by_uid(uid))

    def is_taken(self, project_id: str, workspace: str, name: str, api: str) -> bool:
        """Whether a new job cannot have this name."""
        self.sweep()
        key = (project_id, workspace, name, api)
        return key in self._names or key in self._held

    def find(self, name: str) -> Job:
        """The job with this number or UUID, whatever its project and API. NotFoundError."""
        job = self.listing.get_by_uid(name)
        if job is None and name.isascii() and name.isdecimal():
            job = self.listing.get(int(name))
        if job is None:
            raise NotFoundError("The job does not exist.")
        return job

    def version(self, job: Job, version_id: int) -> Version:
        """The job's version with this number; NotFoundError if it has none."""
        for version in job.versions:
            if version.id == version_id:
                return version
        raise NotFoundError("The job version does not exist.")

    # -- changing

    def together(self) -> AbstractContextManager[None]:
        """Make the block's changes survive together or not at all when the server is killed."""
        return self._store.together()

    def create(
        self, project_id: str, workspace: str, name: str, description: str = "", api: str = V1
    ) -> Job:
        """A new job without any version. NameTakenError, QuotaExceededError."""
        if self.is_taken(project_id, workspace, name, api):
            raise NameTakenError(f"Job name:{name} is existed")
        if self.count(project_id, api) >= self.quota:
            raise QuotaExceededError(f"The number of training jobs exceeds the quota {self.quota}.")
        self._last_job += 1
        job = Job(self._last_job, project_id, workspace, name, description, self.now())
        job.visible_from = self.clock() + self.timing.list_lag
        job.api, job.uid = api, str(uuid.uuid4()) if api == V2 else ""
        self._names[_key(job)] = job.id
        self.listing.add(job)
        self._store.save_job(job)
        return job

    def add_version(
        self, job: Job, config: dict[str, Any], work: Work, previous: int | None = None
    ) -> Version:
        """A new run of the job, queued at once. AlreadyDeletingError."""
        _refuse_deleting(job)
        if previous is not None:
            self.version(job, previous)
        self._last_version += 1
        job.last_number += 1
        version = Version(
            id=self._last_version,
            job_id=job.id,
            name=f"V{job.last_number:04d}",
            config=config,
            work=work,
            created=self.now(),
            resource_id=f"job{secrets.token_hex(4)}",
            previous=previous,
        )
        job.versions.append(version)
        with self._store.together():
            self._save(job)
            self._save_version(version)
        self.runner.submit(job, version, self.root(job.project_id))
        return version

    def describe(self, job: Job, description: str) -> None:
        """Change the description, the only thing that changes in place. AlreadyDeletingError."""
        _refuse_deleting(job)
        job.description = description
        self._save(job)

    def delete(self, job: Job) -> None:
        """Accept the removal of a job; its running versions are stopped first.

        The job vanishes when they have ended and the delete delay is over.
        Raises AlreadyDeletingError the second time.
        """
        _refuse_deleting(job)
        job.deleting = True
        self._save(job)
        for version in list(job.versions):
            self._end_version(version)
        self._vanish_soon(job)
        self.sweep()

    def delete_version(self, job: Job, version: Version) -> None:
        """Accept the removal of one version, stopping it first if it runs."""
        _refuse_deleting(job)
        self._end_version(version)
        job.versions.remove(version)
        self._store.remove_version(version)
        self.logs.remove(version.id)
        self._save(job)

    def stop(self, version: Version) -> None:
        """Begin to stop a version; NotAllowedError once it has ended."""
        if version.status == Status.KILLING:
            return
        if version.status not in _STOPPABLE:
            raise NotAllowedError("The job version is not running.")
        self._end_version(version)

    def force(
        self,
        job: Job,
        status: Status | None = None,
        started: int | None = None,
        ended: int | None = None,
    ) -> None:
        """Set the newest version's status and times (ms), as something behind our back would."""
        version = job.latest
        if version is not None:
            version.status = version.status if status is None else status
            version.started = version.started if started is None else started
            version.ended = version.ended if ended is None else ended
            if version.status in TERMINAL and version.ended is None:
                version.ended = self.now()
            self._save_version(version)
        self._save(job)

    def remove_now(self, job: Job, *, hold_name: bool = True) -> None:
        """Make a job vanish without a trace and without delay."""
        for version in list(job.versions):
            self._end_version(version)
        self._remove(job, hold_name=hold_name)

    def move_in_list(self, job: Job, created: int) -> None:
        """Give a job another creation time, which moves it in lists sorted by it."""
        job.created = created
        self._save(job)

    def sweep(self) -> None:
        """Carry out what has become due: deletions under way, held names."""
        now = self.clock()
        while self._due and self._due[0][0] <= now:
            job = self.listing.get(heapq.heappop(self._due)[1])
            if job is not None and job.deleting and not job.active:
                self._end_deletion(job)
        for key in [key for key, until in self._held.items() if until <= now]:
            del self._held[key]

    # -- told by the runner

    def waiting(self, version: Version) -> None:
        """The version is in the queue."""
        version.status = Status.WAITING
        self._save_version(version)

    def started(self, version: Version, processes: list[list[object]]) -> None:
        """The version runs now."""
        version.started = self.now()
        version.processes = processes
        if version.status != Status.KILLING:
            version.status = Status.RUNNING
        self._save_version(version)

    def overdue(self, version: Version) -> None:
        """The version has run for as long as it may."""
        self._end_version(version)

    def seconds(self, hours: int) -> float:
        """How long so many hours of a run last."""
        return hours * self.timing.hour

    def ended(self, version: Version, status: Status) -> None:
        """The version came to its end."""
        version.status, version.ended, version.processes = status, self.now(), []
        job = self.listing.get(version.job_id)
        if job is None or version not in job.versions:
            self.logs.remove(version.id)
            return
        self._save_version(version)
        self._vanish_soon(job)

    # -- inside

    def _recover_version(self, job: Job, version: Version) -> None:
        if version.status in TERMINAL:
            return
        had_started = version.started is not None
        for leader, mark in version.processes:
            end_leftovers(leader, mark, version.resource_id)
        if job.deleting or version.status == Status.KILLING:
            self.ended(version, Status.KILLED)
        elif had_started and self.runner.settings.simulate is None:
            self.ended(version, Status.LOST)
        else:
            self.runner.submit(job, version, self.root(job.project_id))

    def _end_version(self, version: Version) -> None:
        if version.status in TERMINAL or version.status == Status.KILLING:
            return
        version.status = Status.KILLING
        self._save_version(version)
        self.runner.stop(version)

    def _vanish_soon(self, job: Job) -> None:
        if job.deleting and not job.active:
            heapq.heappush(self._due, (self.clock() + self.timing.delete_delay, job.id))

    def _end_deletion(self, job: Job) -> None:
        if self.timing.delete_fails > 0 and job.latest is not None:
            self.timing.delete_fails -= 1
            job.deleting = False
            self.force(job, Status.DELETE_FAILED if job.api == V1 else None)
            return
        self._remove(job)

    def _remove(self, job: Job, *, hold_name: bool = True) -> None:
        key = _key(job)
        self.listing.remove(job)
        self._names.pop(key, None)
        if hold_name and self.timing.name_hold > 0:
            self._held[key] = self.clock() + self.timing.name_hold
        self._store.remove_job(job)
        for version in job.versions:
            self.logs.remove(version.id)

    def _save(self, job: Job) -> None:
        self.listing.touch()
        self._store.save_job(job)

    def _save_version(self, version: Version) -> None:
        job = self.listing.get(version.job_id)
        if job is not None and version in job.versions:
            self.listing.touch()
            self._store.save_version(version)


def _of(project_id: str, api: str, job: Job | None) -> Job:
    if job is None or job.project_id != project_id or job.api != api:
        raise NotFoundError("The job does not exist.")
    return job


def _key(job: Job) -> NameKey:
    return (job.project_id, job.workspace, job.name, job.api)


def _refuse_deleting(job: Job) -> None:
    if job.deleting:
        raise AlreadyDeletingError("The job is being deleted.")
