"""The three views of a job: desired by the definition, recorded by us, actual on the platform."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from pydantic import Field

from reconciler.diagnostics import Location
from reconciler.model.address import Address
from reconciler.model.base import Model, Moment
from reconciler.model.spec import JobSpec


class Status(StrEnum):
    """Where a job stands, whichever API version says it. Status is never drift."""

    PENDING = "pending"
    RUNNING = "running"
    STOPPING = "stopping"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"
    DELETE_FAILED = "delete_failed"
    UNKNOWN = "unknown"

    @property
    def is_live(self) -> bool:
        """Whether deleting the job now would destroy work: it waits, runs, or nobody can tell."""
        return self in (Status.PENDING, Status.RUNNING, Status.UNKNOWN)

    @property
    def is_final(self) -> bool:
        """Whether the run is over."""
        return self in (Status.SUCCEEDED, Status.FAILED, Status.STOPPED, Status.DELETE_FAILED)


class Lifecycle(Model):
    """How the reconciler treats a job; none of it reaches the platform."""

    on_failure: Literal["keep", "retry"] = "keep"
    max_attempts: int = 3
    on_missing: Literal["accept_finished", "recreate", "error"] = "accept_finished"
    protect: bool = False
    retain: bool = False
    ttl_after_finished: int | None = None
    on_change: Literal["replace", "new_version", "keep"] = "replace"


class CodeDigest(Model):
    """The training code that a job is run with: one digest, and one for each file.

    `digest` is `sha256:…` over the sorted paths and contents; `files` maps each path, relative to
    the folder, to the first 16 hex digits of its SHA-256, so that a plan can name what changed.
    """

    digest: str
    files: dict[str, str] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DesiredJob:
    """A job as the definition wants it.

    `fields` maps a dotted path of the spec (`flavor`, `engine.version`, `parameters.lr`) to the
    place where it was written, for diagnostics; a path that was inherited points at its origin.
    `estimated_hours` is how long the user thinks that it runs. `depends_on` are the jobs that have
    to succeed before this one may be created, whether written or implied by a reference to their
    output; `code` is what the training code was when the definition was read.
    """

    address: Address
    spec: JobSpec
    lifecycle: Lifecycle = field(default_factory=Lifecycle)
    labels: Mapping[str, str] = field(default_factory=dict)
    location: Location | None = None
    fields: Mapping[str, Location] = field(default_factory=dict)
    estimated_hours: Decimal | None = None
    depends_on: tuple[Address, ...] = ()
    code: CodeDigest | None = None

    def place(self, path: str) -> Location | None:
        """Return where a field was written, or where its nearest parent or the job was."""
        while path:
            if path in self.fields:
                return self.fields[path]
            path = path.rpartition(".")[0]
        return self.location


class Outcome(Model):
    """How a run ended, and when, as a refresh saw it.

    `duration_ms` is the platform's own count, in milliseconds.
    """

    status: Status
    seen_at: Moment
    duration_ms: int | None = None


class PastRun(Model):
    """An earlier run of an address, and how it ended as far as anybody saw."""

    job_id: str
    version_id: str | None = None
    attempt: int = 1
    created_at: Moment | None = None
    outcome: Outcome | None = None


class JobRecord(Model):
    """What we recorded of a job that we created or adopted.

    `job_id` is None only between the two halves of a replacement: the old job is deleted, the
    new one not yet created. `protect` and `retain` stand here so that they still hold after the
    block is gone from the definition, and so does `ttl_after_finished` (seconds). `attempt` counts
    from 1 and grows with each retry. `depends_on` maps each dependency to its run (`JobRecord.run`)
    when this one was created, so that a dependency that was run again since is noticed; `code` is
    the training code that it was created with. `expired` says that we deleted the finished job
    ourselves, when its `ttl_after_finished` was over: it is neither missing nor drifted.
    `base_name` is the name in the definition where `name` bears a fingerprint besides, because an
    older job of the same address was kept. `earlier` are the last runs before this one, newest
    last; folding the journal keeps them, and no plan changes them.
    """

    job_id: str | None
    version_id: str | None = None
    name: str
    spec: JobSpec
    protect: bool = False
    retain: bool = False
    attempt: int = 1
    created_at: Moment | None = None
    outcome: Outcome | None = None
    ttl_after_finished: int | None = None
    depends_on: dict[Address, str] = Field(default_factory=dict)
    code: CodeDigest | None = None
    expired: bool = False
    base_name: str | None = None
    earlier: tuple[PastRun, ...] = ()

    @property
    def run(self) -> str | None:
        """Which run of which job this is: `567524/1108482`, without the version if it has none.

        None when there is no job. Equal as long as nobody started the training again.
        """
        if self.job_id is None or self.version_id is None:
            return self.job_id
        return f"{self.job_id}/{self.version_id}"

    @property
    def has_succeeded(self) -> bool:
        """Whether the run was seen to end well, so that it need not be paid for again."""
        return self.outcome is not None and self.outcome.status is Status.SUCCEEDED


@dataclass(frozen=True, slots=True)
class ActualJob:
    """A job as the platform tells it.

    A row of the list has no `spec`; the details have. `description` is empty when there is none.
    """

    job_id: str
    name: str
    status: Status
    version_id: str | None = None
    description: str = ""
    created_at: datetime | None = None
    duration_ms: int | None = None
    spec: JobSpec | None = None
