"""What the reconciler needs of a training platform, whichever API version it speaks."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from reconciler.diagnostics import Diagnostic
from reconciler.model.job import ActualJob, DesiredJob
from reconciler.model.platform import (
    EngineOffer,
    Flavor,
    Listing,
    LogChunk,
    PlatformIdentity,
    Quota,
)
from reconciler.model.secrets import Vault
from reconciler.model.spec import JobSpec


class Dialect(Protocol):
    """What one API version can express; needs no connection."""

    def problems(self, job: DesiredJob) -> Sequence[Diagnostic]:
        """Return an error for each field that this version cannot express or would refuse."""
        ...


class Provider(Protocol):
    """A training platform.

    Each method but `list` is one call in the user's terms, so that its outcome can be recorded
    before anything else happens. Safe to call from several threads at once. Failures are
    `ProviderError`s; reading calls are repeated inside, changing calls only where the platform
    cannot have acted on them (401, 429, no connection). A changing call that was sent and whose
    answer was lost raises `OutcomeUnknownError` and is the caller's to resolve.
    """

    @property
    def identity(self) -> PlatformIdentity:
        """Which jobs this provider sees; may log in to find the project."""
        ...

    def keep_secrets(self, vault: Vault) -> None:
        """Take what seals secrets: `create` reveals them, specs that are read have them sealed."""
        ...

    def list(self) -> Listing:
        """Return every job of the project and workspace, in O(pages) requests.

        Rows carry a spec where the platform's list carries whole jobs; no details are read then.
        """
        ...

    def find(self, name: str) -> Sequence[ActualJob]:
        """Return the jobs that bear exactly this name (at most one, but for list lag).

        As for rows of the list, some carry a spec.
        """
        ...

    def get(self, job_id: str, version_id: str | None) -> ActualJob:
        """Return one job with its spec; `JobNotFoundError` when it is gone.

        The details of some API versions know neither the job-level status nor the description
        better than the list does; callers that hold a row keep the row's.
        """
        ...

    def create(self, spec: JobSpec) -> ActualJob:
        """Create a job and start it; `NameTakenError`, `QuotaExceededError`, `OutcomeUnknownError`.

        The answer need not carry a spec. `SecretError` when a secret's value is not at hand.
        """
        ...

    def create_version(self, job_id: str, version_id: str, spec: JobSpec) -> ActualJob:
        """Run a job again, as a further version that follows `version_id`; it starts at once.

        Name and description of the spec are the job's already. Errors are those of `create`, and
        `JobNotFoundError`. A platform whose jobs have no versions raises `ProviderError`; its
        dialect says so beforehand.
        """
        ...

    def update_description(self, job_id: str, description: str) -> None:
        """Set the one thing that can be changed in place. Idempotent, so repeated inside."""
        ...

    def delete(self, job_id: str) -> None:
        """Ask for a deletion. It is accepted, not done; a job that is gone is fine."""
        ...

    def stop(self, job_id: str, version_id: str | None) -> None:
        """Ask a job to stop. It is accepted, not done; a job whose run is over is fine."""
        ...

    def logs(
        self, job_id: str, version_id: str | None, *, lines: int = 50, cursor: str | None = None
    ) -> LogChunk:
        """Return the last lines of the log, or with a cursor the lines after it.

        The text is empty while there is none; `JobNotFoundError` when the job is gone.
        """
        ...

    def flavors(self) -> Sequence[Flavor]:
        """Return the machine types on offer; read once per run."""
        ...

    def engines(self) -> Sequence[EngineOffer]:
        """Return the preset engines on offer; read once per run."""
        ...

    def quota(self) -> Quota | None:
        """Return how many jobs may exist; None where the platform does not tell.

        For those whose list does not tell it either: a listing that has a quota needs no call.
        """
        ...

    def now(self) -> datetime:
        """Return the time by the platform's clock, from the `Date` of its answers."""
        ...

    def close(self) -> None:
        """Drop the connections."""
        ...
