"""A provider onto the platform in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from reconciler.diagnostics import Diagnostic
from reconciler.model.job import ActualJob, DesiredJob, Status
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
from reconciler.providers.memory_platform import MemoryPlatform, details_of


@dataclass(slots=True)
class MemoryProvider:
    """A provider onto a platform in memory; several may share one platform."""

    platform: MemoryPlatform = field(default_factory=MemoryPlatform)
    identity: PlatformIdentity = field(
        default=PlatformIdentity(api="memory", endpoint="memory", project_id="memory")
    )
    vault: Vault = field(default_factory=Vault, repr=False)

    def keep_secrets(self, vault: Vault) -> None:
        """Take what seals secrets."""
        self.vault = vault

    def list(self) -> Listing:
        """Return what the platform shows now."""
        with self.platform.called("list"):
            rows = self.platform.listed()
            limit = self.platform.quota
            return Listing(rows, Quota(limit, limit - len(self.platform.jobs)))

    def find(self, name: str) -> Sequence[ActualJob]:
        """Return the shown jobs of this name; counts as a list for the lags."""
        with self.platform.called("find", name):
            return tuple(job for job in self.platform.listed() if job.name == name)

    def get(self, job_id: str, version_id: str | None) -> ActualJob:
        """Return one job as it was created, but for its description."""
        with self.platform.called("get", job_id, version_id):
            job = details_of(self.platform.existing(job_id, version_id), version_id)
            return replace(job, spec=job.spec and self.vault.hide(job.spec))

    def create(self, spec: JobSpec) -> ActualJob:
        """Create a job; it waits until a test lets it run."""
        with self.platform.called("create", spec):
            return self.platform.create(self.vault.reveal(spec))

    def create_version(self, job_id: str, version_id: str, spec: JobSpec) -> ActualJob:
        """Add a version to a job; it waits until a test lets it run."""
        with self.platform.called("create_version", job_id, version_id, spec):
            return self.platform.create_version(job_id, version_id, spec)

    def update_description(self, job_id: str, description: str) -> None:
        """Set a description."""
        with self.platform.called("update_description", job_id, description):
            self.platform.existing(job_id).description = description

    def delete(self, job_id: str) -> None:
        """Ask for a deletion."""
        with self.platform.called("delete", job_id):
            self.platform.delete(job_id)

    def stop(self, job_id: str, version_id: str | None) -> None:
        """Stop a job; takes effect at once."""
        with self.platform.called("stop", job_id, version_id):
            job = self.platform.existing(job_id)
            if not job.status.is_final:
                job.status = Status.STOPPED

    def logs(
        self, job_id: str, version_id: str | None, *, lines: int = 50, cursor: str | None = None
    ) -> LogChunk:
        """Return the log's last lines, or what was written after the cursor."""
        with self.platform.called("logs", job_id, version_id):
            log = self.platform.existing(job_id).log
            if cursor is not None:
                return LogChunk(log[int(cursor) :], str(len(log)))
            return LogChunk("".join(log.splitlines(keepends=True)[-lines:]), str(len(log)))

    def flavors(self) -> Sequence[Flavor]:
        """Return the platform's flavors."""
        with self.platform.called("flavors"):
            return self.platform.flavors

    def engines(self) -> Sequence[EngineOffer]:
        """Return the platform's engines."""
        with self.platform.called("engines"):
            return self.platform.engines

    def quota(self) -> Quota:
        """Return the platform's quota."""
        with self.platform.called("quota"):
            return Quota(self.platform.quota, self.platform.quota - len(self.platform.jobs))

    def now(self) -> datetime:
        """Return the platform's time, which only tests and creations move."""
        return self.platform.time

    def close(self) -> None:
        """Keep everything: the platform outlives its providers."""

    def problems(self, job: DesiredJob) -> Sequence[Diagnostic]:  # noqa: ARG002
        """Find nothing: this platform can express every field."""
        return ()
