"""A platform whose jobs are single runs, as those of version 2 of the API are."""

from collections.abc import Sequence
from dataclasses import replace

from reconciler.errors import ProviderError
from reconciler.model.job import ActualJob
from reconciler.model.platform import Listing
from reconciler.model.spec import JobSpec
from reconciler.providers.memory import MemoryProvider


class RunsProvider(MemoryProvider):
    """Knows no versions; lists carry whole jobs, with their specs."""

    def list(self) -> Listing:
        listing = MemoryProvider.list(self)
        return Listing(self._whole(listing.jobs), listing.quota)

    def find(self, name: str) -> Sequence[ActualJob]:
        return self._whole(MemoryProvider.find(self, name))

    def get(self, job_id: str, version_id: str | None) -> ActualJob:
        return replace(MemoryProvider.get(self, job_id, None), version_id=None)

    def create(self, spec: JobSpec) -> ActualJob:
        return replace(MemoryProvider.create(self, spec), version_id=None)

    def create_version(self, job_id: str, version_id: str, spec: JobSpec) -> ActualJob:
        raise ProviderError("Not possible", f"{job_id} has no versions.")

    def _whole(self, rows: Sequence[ActualJob]) -> tuple[ActualJob, ...]:
        specs = {job.job_id: job.spec for job in self.platform.jobs}
        return tuple(
            replace(row, version_id=None, spec=spec and self.vault.hide(spec))
            for row in rows
            for spec in [specs.get(row.job_id)]
        )
