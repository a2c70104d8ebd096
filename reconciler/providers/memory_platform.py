"""A training platform in memory, for tests of whatever uses a provider.

It behaves as the real one where callers could go wrong: names are unique, deletions take
effect later, new jobs may be missing from the list for a while, and any call can be made to
fail, or to die, before or after it had its effect.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Literal

from reconciler.errors import JobNotFoundError, NameTakenError, QuotaExceededError
from reconciler.model.job import ActualJob, Status
from reconciler.model.platform import (
    EngineOffer,
    Flavor,
)
from reconciler.model.spec import JobSpec

When = Literal["before", "after"]
START = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)

FLAVORS = (
    Flavor(code="modelarts.vm.cpu.2u", id="7", max_workers=1, cpus="2", memory_gb="8"),
    Flavor(code="modelarts.vm.cpu.8u", id="27", max_workers=4, cpus="8", memory_gb="32"),
)
ENGINES = (
    EngineOffer(id="3", name="TensorFlow", version="TF-1.8.0-python2.7"),
    EngineOffer(id="4", name="TensorFlow", version="TF-1.8.0-python3.6"),
)


@dataclass(frozen=True, slots=True)
class Call:
    """One call that reached the platform, failed or not."""

    method: str
    args: tuple[object, ...] = ()


@dataclass(slots=True)
class Fault:
    """What is raised, before or after the effect of a call that is still to come.

    `method` is the provider's, or `*` for any; `skip` counts the calls that still go well.
    """

    method: str
    when: When
    error: BaseException
    skip: int = 0


@dataclass(slots=True)
class _Job:
    job_id: str
    versions: dict[str, JobSpec]
    status: Status
    created_at: datetime
    description: str
    duration_ms: int | None = None
    log: str = ""
    hidden_for: int = 0
    vanishes_after: int | None = None

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def version_id(self) -> str:
        return next(reversed(self.versions))

    @property
    def spec(self) -> JobSpec:
        return self.versions[self.version_id]


class MemoryPlatform:
    """The platform's side: its jobs, what was called, and what shall go wrong.

    `delete_lag` counts the lists that still show a job after its deletion was accepted (None:
    until `finish_deletions`), `list_lag` those that do not show a new job yet, `name_hold` the
    seconds for which a name stays taken when its job is gone; all may be changed at any time.
    `refuses_deletes` names jobs whose deletion ends in DELETE_FAILED.
    """

    MUTATING = frozenset({"create", "create_version", "update_description", "delete", "stop"})

    def __init__(
        self,
        *,
        delete_lag: int | None = 0,
        list_lag: int = 0,
        name_hold: float = 0.0,
        quota: int = 10_000,
        flavors: Sequence[Flavor] = FLAVORS,
        engines: Sequence[EngineOffer] = ENGINES,
    ) -> None:
        """Begin without jobs, at a fixed time."""
        self.delete_lag = delete_lag
        self.list_lag = list_lag
        self.name_hold = name_hold
        self.quota = quota
        self.flavors = tuple(flavors)
        self.engines = tuple(engines)
        self.time = START
        self.calls: list[Call] = []
        self.faults: list[Fault] = []
        self.chaos: Callable[[str, When], BaseException | None] | None = None
        self.refuses_deletes: set[str] = set()
        self._jobs: dict[str, _Job] = {}
        self._ids_by_name: dict[str, str] = {}
        self._freed_at: dict[str, datetime] = {}
        self._ids = count(567524)
        self._versions = count(1108482)
        self._lock = threading.RLock()

    # What a test sees and does.

    @property
    def jobs(self) -> tuple[ActualJob, ...]:
        """Every job that exists, with its spec, whether lists show it or not."""
        with self._lock:
            return tuple(details_of(job) for job in self._jobs.values())

    def job(self, name: str) -> ActualJob:
        """Return the job that bears this name."""
        return details_of(self._named(name))

    def mutating_calls(self) -> tuple[Call, ...]:
        """Return the calls that ask for a change, in order."""
        return tuple(call for call in self.calls if call.method in self.MUTATING)

    def tick(self, seconds: float = 1.0) -> datetime:
        """Let time pass, and return it."""
        with self._lock:
            self.time += timedelta(seconds=seconds)
            return self.time

    def fail(
        self, method: str, error: BaseException, *, nth: int = 1, when: When = "before"
    ) -> None:
        """Make the nth call from now raise, before or after it had its effect."""
        self.faults.append(Fault(method, when, error, nth - 1))

    def set_status(self, name: str, status: Status, duration_ms: int | None = None) -> None:
        """Let a run get on, or end."""
        with self._lock:
            job = self._named(name)
            job.status = status
            job.duration_ms = job.duration_ms if duration_ms is None else duration_ms

    def change_description(self, name: str, description: str) -> None:
        """Change a description behind our back."""
        with self._lock:
            self._named(name).description = description

    def add_version(self, name: str, spec: JobSpec | None = None) -> str:
        """Start another version of a job behind our back; lists show it from then on."""
        with self._lock:
            job = self._named(name)
            latest = (spec or job.spec).model_copy(update={"name": name})
            job.versions[str(next(self._versions))] = latest
            job.status = Status.PENDING
            job.hidden_for = 0
            return job.version_id

    def remove(self, name: str) -> None:
        """Delete a job behind our back, at once."""
        with self._lock:
            self._drop(self._named(name))

    def recreate(self, name: str, spec: JobSpec | None = None) -> ActualJob:
        """Delete a job behind our back and create another of the same name."""
        with self._lock:
            old = self._named(name)
            self._drop(old)
            return self.add(spec or old.spec)

    def add(self, spec: JobSpec, status: Status = Status.PENDING) -> ActualJob:
        """Create a job behind our back; lists show it at once."""
        with self._lock:
            job = self._new(spec)
            job.status = status
            return details_of(job)

    def is_taken(self, name: str) -> bool:
        """Tell whether a create of this name would be refused, though no job may bear it now."""
        with self._lock:
            freed = self._freed_at.get(name)
            held = freed is not None and self.time < freed + timedelta(seconds=self.name_hold)
            return held or name in self._ids_by_name

    def append_log(self, name: str, text: str) -> None:
        """Let a job write to its log."""
        with self._lock:
            self._named(name).log += text

    def finish_deletions(self) -> None:
        """Let every job whose deletion was accepted vanish now."""
        with self._lock:
            for job in list(self._jobs.values()):
                if job.vanishes_after is not None:
                    self._drop(job)

    # What the provider asks of it.

    @contextmanager
    def called(self, method: str, *args: object) -> Iterator[None]:
        """Record a call, hold the lock during its effect, and fail as a test asked for."""
        with self._lock:
            self.calls.append(Call(method, args))
            due = self._due_faults(method)
            self._raise(due, method, "before")
            yield
            self._raise(due, method, "after")

    def create(self, spec: JobSpec) -> ActualJob:
        """Create a job if its name is free and there is room."""
        if self.is_taken(spec.name):
            raise NameTakenError("The name is taken", f"Job name:{spec.name} is existed")
        if len(self._jobs) >= self.quota:
            raise QuotaExceededError("The platform takes no more jobs")
        job = self._new(spec)
        job.hidden_for = self.list_lag
        return row_of(job)

    def create_version(self, job_id: str, version_id: str, spec: JobSpec) -> ActualJob:
        """Start another version of a job; those before it stay as they are."""
        job = self.existing(job_id, version_id)
        self.add_version(job.name, spec)
        job.duration_ms = None
        self.time += timedelta(milliseconds=1)
        return replace(row_of(job), created_at=self.time)

    def listed(self) -> tuple[ActualJob, ...]:
        """Return what a list shows now, and let lags run down by one list."""
        shown = []
        for job in list(self._jobs.values()):
            if job.vanishes_after is not None and job.vanishes_after <= 0:
                self._drop(job)
                continue
            if job.hidden_for > 0:
                job.hidden_for -= 1
            else:
                shown.append(row_of(job))
            if job.vanishes_after is not None and self.delete_lag is not None:
                job.vanishes_after -= 1
        return tuple(shown)

    def delete(self, job_id: str) -> None:
        """Accept a deletion; a job that is gone, or on its way out, is fine."""
        job = self._jobs.get(job_id)
        if job is None or job.vanishes_after is not None:
            return
        if job.name in self.refuses_deletes:
            job.status = Status.DELETE_FAILED
        elif self.delete_lag == 0:
            self._drop(job)
        else:
            job.vanishes_after = 1 if self.delete_lag is None else self.delete_lag
            job.status = Status.STOPPING if job.status.is_live else job.status

    def existing(self, job_id: str, version_id: str | None = None) -> _Job:
        """Return a job, or say that there is none."""
        job = self._jobs.get(job_id)
        if job is None or version_id not in (None, *job.versions):
            raise JobNotFoundError("There is no such job", f"job {job_id}, version {version_id}")
        return job

    def _new(self, spec: JobSpec) -> _Job:
        self.time += timedelta(milliseconds=1)
        job = _Job(
            job_id=str(next(self._ids)),
            versions={str(next(self._versions)): spec},
            status=Status.PENDING,
            created_at=self.time,
            description=spec.description,
        )
        self._jobs[job.job_id] = job
        self._ids_by_name[job.name] = job.job_id
        return job

    def _drop(self, job: _Job) -> None:
        del self._jobs[job.job_id]
        del self._ids_by_name[job.name]
        self._freed_at[job.name] = self.time

    def _named(self, name: str) -> _Job:
        return self._jobs[self._ids_by_name[name]]

    def _due_faults(self, method: str) -> list[Fault]:
        due = []
        for fault in [each for each in self.faults if each.method in ("*", method)]:
            if fault.skip > 0:
                fault.skip -= 1
            else:
                self.faults.remove(fault)
                due.append(fault)
        return due

    def _raise(self, due: Sequence[Fault], method: str, when: When) -> None:
        for fault in due:
            if fault.when == when:
                raise fault.error
        if self.chaos is not None and (error := self.chaos(method, when)) is not None:
            raise error


def row_of(job: _Job, version_id: str | None = None) -> ActualJob:
    """Return a job as lists show it, in its latest or the named version."""
    return ActualJob(
        job_id=job.job_id,
        name=job.name,
        status=job.status,
        version_id=version_id or job.version_id,
        description=job.description,
        created_at=job.created_at,
        duration_ms=job.duration_ms,
    )


def details_of(job: _Job, version_id: str | None = None) -> ActualJob:
    """Return a job with its spec, in its latest or the named version."""
    spec = job.versions[version_id or job.version_id]
    spec = spec.model_copy(update={"description": job.description})
    return replace(row_of(job, version_id), spec=spec)
