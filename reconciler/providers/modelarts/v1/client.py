"""The calls of version 1 of the API: jobs that hold versions, one of which is the run we mean."""

import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import quote

from reconciler.errors import ProviderError
from reconciler.model.address import Address
from reconciler.model.job import ActualJob, DesiredJob, Lifecycle, Status
from reconciler.model.platform import (
    EngineOffer,
    Flavor,
    Listing,
    LogChunk,
    PlatformIdentity,
    PlatformSettings,
    Quota,
)
from reconciler.model.secrets import Vault
from reconciler.model.spec import JobSpec
from reconciler.providers.auth import Credentials
from reconciler.providers.exchange import (
    Answer,
    Authenticator,
    Effect,
    Kind,
    Request,
    Verdict,
)
from reconciler.providers.modelarts import errors
from reconciler.providers.modelarts.calls import Calls, Shape, validated
from reconciler.providers.modelarts.connecting import open_connection
from reconciler.providers.modelarts.v1 import mapping, wire
from reconciler.providers.modelarts.v1.dialect import DialectV1, is_number
from reconciler.providers.modelarts.v1.logs import read_logs
from reconciler.providers.modelarts.v1.paging import read_all, read_matching
from reconciler.providers.modelarts.values import to_time
from reconciler.providers.transport import Transport

_VERSIONED = Lifecycle(on_change="new_version")
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


def connect(
    settings: PlatformSettings,
    credentials: Credentials | None = None,
    *,
    url: str | None = None,
    parallelism: int = 10,
    stop: threading.Event | None = None,
) -> "ModelArtsV1":
    """Return a provider, as `open_connection` prepares it.

    `url` says where to reach an endpoint that is not itself a URL, such as `local`.
    """
    to = open_connection(settings, credentials, parallelism=parallelism, stop=stop)
    return ModelArtsV1(
        to.settings, to.transport, to.authenticator, url=url, parallelism=parallelism
    )


class ModelArtsV1(DialectV1):
    """A provider onto version 1, "Training Management (Old Version)" in the API Reference."""

    def __init__(
        self,
        settings: PlatformSettings,
        transport: Transport,
        authenticator: Authenticator,
        *,
        url: str | None = None,
        parallelism: int = 10,
    ) -> None:
        """Take what to reach, and how; nothing is sent before the first call."""
        self._settings = settings
        self._transport = transport
        self._authenticator = authenticator
        root = f"{(url or settings.endpoint).rstrip('/')}/v1"
        self._calls = Calls(root, transport, authenticator, judge=_judge, gone=errors.GONE_V1)
        self._parallelism = parallelism
        self._vault = Vault()
        self._catalog = threading.Lock()
        self._flavors: tuple[Flavor, ...] | None = None
        self._engines: tuple[EngineOffer, ...] | None = None

    @property
    def identity(self) -> PlatformIdentity:
        """Which jobs are seen; logs in when the project is known by name alone."""
        return PlatformIdentity(
            api=self._settings.api,
            endpoint=self._settings.endpoint.rstrip("/"),
            project_id=self._authenticator.project_id,
            workspace_id=self._settings.workspace_id,
        )

    def keep_secrets(self, vault: Vault) -> None:
        """Take what seals secrets; before the first call, as threads do not wait for it."""
        self._vault = vault

    def list(self) -> Listing:
        """Return every job, in one request per 1,000; `InvalidAnswerError` if it never settles."""
        rows = read_all(self._fetch_page, self._transport.pause, self._parallelism)
        jobs = sorted(
            (mapping.to_row(row) for row in rows.by_id.values()),
            key=lambda job: job.created_at or _BEFORE_ALL,
        )
        return Listing(tuple(jobs), mapping.to_quota(rows.first))

    def find(self, name: str) -> Sequence[ActualJob]:
        """Return the jobs of exactly this name; the platform itself searches for parts."""
        rows = read_matching(self._fetch_page, name)
        return tuple(mapping.to_row(row) for row in rows if row.job_name == name)

    def get(self, job_id: str, version_id: str | None) -> ActualJob:
        """Return a version's details; without an id those of the newest version."""
        if version_id is not None:
            return self._details(job_id, version_id)
        versions = self._versions(job_id)
        newest = _newest(versions)
        if newest is not None:
            return self._details(job_id, newest.version_id)
        name, description = versions.job_name or "", versions.job_desc or ""
        return ActualJob(
            job_id=job_id,
            name=name,
            status=Status.UNKNOWN,
            description=description,
            spec=JobSpec(name=name, description=description),
        )

    def create(self, spec: JobSpec) -> ActualJob:
        """Create a job with its first version, which starts at once.

        `ProviderError` for a spec that this version cannot express, as a saved plan may bear one.
        """
        if problems := self.problems(DesiredJob(Address(spec.name), spec)):
            raise ProviderError(problems[0].summary, problems[0].detail, problems[0].hint)
        engine_id, workspace_id = self._engine_id(spec), self._settings.workspace_id
        body = mapping.to_create(self._vault.reveal(spec), engine_id, workspace_id).body()
        request = self._calls.request("POST", "/training-jobs", body=body, effect=Effect.ONCE)
        with self._vault.kept_out_of_errors(spec):
            created = self._calls.created(request, wire.JobCreated)
        return ActualJob(
            job_id=created.job_id,
            name=spec.name,
            status=mapping.to_status(created.status),
            version_id=created.version_id,
            description=spec.description,
            created_at=to_time(created.create_time),
        )

    def create_version(self, job_id: str, version_id: str, spec: JobSpec) -> ActualJob:
        """Run a job again as a further version, "Creating a Training Job Version"."""
        if problems := self.problems(DesiredJob(Address(spec.name), spec, _VERSIONED)):
            raise ProviderError(problems[0].summary, problems[0].detail, problems[0].hint)
        if not is_number(version_id):
            raise ProviderError("Version has no number", f'"{version_id}" is no version id.')
        engine_id, path = self._engine_id(spec), f"{_job_path(job_id)}/versions"
        body = mapping.to_version(self._vault.reveal(spec), int(version_id), engine_id).body()
        request = self._calls.request("POST", path, body=body, effect=Effect.ONCE)
        with self._vault.kept_out_of_errors(spec):
            created = self._calls.created(request, wire.VersionCreated, job=job_id)
        return ActualJob(
            job_id=job_id,
            name=spec.name,
            status=mapping.to_status(created.status),
            version_id=created.version_id,
            description=spec.description,
            created_at=to_time(created.create_time),
        )

    def update_description(self, job_id: str, description: str) -> None:
        """Set the description, which belongs to the job and not to a version."""
        body = wire.DescriptionUpdate(job_desc=description).body()
        path = _job_path(job_id)
        self._calls.accepted(
            self._calls.request("PUT", path, body=body, effect=Effect.REPEATABLE), job=job_id
        )

    def delete(self, job_id: str) -> None:
        """Ask for the deletion of a job with all its versions."""
        request = self._calls.request("DELETE", _job_path(job_id), effect=Effect.REPEATABLE)
        verdict = self._calls.send(request)
        is_done = self._calls.is_gone(verdict) or verdict.code == errors.ALREADY_SO
        if verdict.kind is Kind.REFUSED and not is_done:
            raise self._calls.error(verdict, request, job_id)

    def stop(self, job_id: str, version_id: str | None) -> None:
        """Ask a version to stop; what the platform says of one that is over is not documented."""
        version = version_id or self._newest_id(job_id)
        if version is None:
            return
        path = f"{_version_path(job_id, version)}/stop"
        request = self._calls.request("POST", path, effect=Effect.REPEATABLE)
        verdict = self._calls.send(request)
        if verdict.kind is Kind.ACCEPTED or verdict.code == errors.ALREADY_SO:
            return
        refusal = self._calls.error(verdict, request, job_id)
        if verdict.code != errors.BAD_PARAMETER:
            raise refusal
        if not self._details(job_id, version).status.is_final:
            raise refusal

    def logs(
        self, job_id: str, version_id: str | None, *, lines: int = 50, cursor: str | None = None
    ) -> LogChunk:
        """Return the last lines of each node's log, or what follows the cursor."""
        version = version_id or self._newest_id(job_id)
        if version is None:
            return LogChunk("", cursor)
        path = _version_path(job_id, version)

        def fetch(query: Mapping[str, str]) -> wire.LogText:
            request = self._calls.request("GET", f"{path}/aom-log", query)
            return self._unless_no_log(request, wire.LogText, job_id)

        names = self._unless_no_log(
            self._calls.request("GET", f"{path}/log/file-names"), wire.LogFiles, job_id
        )
        chunk = read_logs(fetch, names.log_file_list or (), lines, cursor)
        return chunk if chunk.cursor else LogChunk(chunk.text, cursor)

    def flavors(self) -> Sequence[Flavor]:
        """Return the flavors for training; asked for once."""
        with self._catalog:
            if self._flavors is None:
                request = self._calls.request("GET", "/job/resource-specs", {"job_type": "train"})
                offered = self._calls.read(request, wire.SpecList)
                self._flavors = tuple(mapping.to_flavor(each) for each in offered.specs)
            return self._flavors

    def engines(self) -> Sequence[EngineOffer]:
        """Return the preset engines for training; asked for once."""
        with self._catalog:
            if self._engines is None:
                request = self._calls.request("GET", "/job/ai-engines", {"job_type": "train"})
                offered = self._calls.read(request, wire.EngineList)
                self._engines = tuple(mapping.to_engine(each) for each in offered.engines)
            return self._engines

    def quota(self) -> Quota | None:
        """Return how many jobs may exist, as every page of the list tells it."""
        return mapping.to_quota(self._fetch_page({"per_page": "1", "page": "1"}))

    def now(self) -> datetime:
        """Return the platform's time, in whole seconds behind it at most."""
        return self._transport.now()

    def close(self) -> None:
        """Drop the connections."""
        self._transport.close()

    def _engine_id(self, spec: JobSpec) -> int | None:
        engine = spec.engine
        if engine is None:
            return None
        if engine.id is not None:
            return int(engine.id)
        wanted = (engine.name, engine.version)
        for offer in self.engines():
            if (offer.name, offer.version) == wanted and is_number(offer.id):
                return int(offer.id)
        raise ProviderError(
            "Unknown engine",
            f'The platform offers no engine "{engine.name}" in version "{engine.version}".',
            "`reconciler catalog engines` lists those on offer.",
        )

    def _fetch_page(self, query: Mapping[str, str]) -> wire.JobList:
        everywhere = {**query, "workspace_id": self._settings.workspace_id}
        return self._calls.read(
            self._calls.request("GET", "/training-jobs", everywhere), wire.JobList
        )

    def _versions(self, job_id: str) -> wire.VersionList:
        request = self._calls.request("GET", f"{_job_path(job_id)}/versions")
        return self._calls.read(request, wire.VersionList, job=job_id)

    def _newest_id(self, job_id: str) -> str | None:
        newest = _newest(self._versions(job_id))
        return newest.version_id if newest else None

    def _details(self, job_id: str, version_id: str) -> ActualJob:
        request = self._calls.request("GET", _version_path(job_id, version_id))
        details = self._calls.read(request, wire.VersionDetails, job=job_id)
        return mapping.to_job(details, self._vault)

    def _unless_no_log(self, request: Request, shape: type[Shape], job_id: str) -> Shape:
        """Read an answer about logs; an empty one while there is none."""
        verdict = self._calls.send(request)
        if verdict.code in errors.NO_LOG:
            return shape()
        if verdict.kind is Kind.REFUSED:
            raise self._calls.error(verdict, request, job_id)
        return validated(request, verdict, shape)


def _judge(answer: Answer) -> Verdict:
    return errors.judge(answer, flagged=True)


def _newest(versions: wire.VersionList) -> wire.VersionRow | None:
    def age(row: wire.VersionRow) -> tuple[int, int, str]:
        return (row.create_time or 0, len(row.version_id), row.version_id)

    return max(versions.versions, key=age, default=None)


def _job_path(job_id: str) -> str:
    return f"/training-jobs/{quote(job_id, safe='')}"


def _version_path(job_id: str, version_id: str) -> str:
    return f"{_job_path(job_id)}/versions/{quote(version_id, safe='')}"
