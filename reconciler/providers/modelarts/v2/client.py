"""The calls of version 2 of the API: one job is one run."""

import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import quote

from pydantic import ValidationError

from reconciler.errors import InvalidAnswerError, ProviderError
from reconciler.model.address import Address
from reconciler.model.job import ActualJob, DesiredJob, Status
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
from reconciler.providers.exchange import Answer, Authenticator, Effect, Kind, Request, Verdict
from reconciler.providers.modelarts import errors
from reconciler.providers.modelarts.calls import Calls, Shape, validated
from reconciler.providers.modelarts.connecting import open_connection
from reconciler.providers.modelarts.v2 import answers, mapping, wire
from reconciler.providers.modelarts.v2.dialect import DialectV2
from reconciler.providers.modelarts.v2.logs import read_logs
from reconciler.providers.modelarts.v2.paging import LIMIT, read_all, read_matching
from reconciler.providers.transport import Transport

_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)
_MOST_EVENTS = 100
_STOP_ATTEMPTS = 3
"""How often to ask for a stop: the phase may change while we do, which is refused."""


def connect(
    settings: PlatformSettings,
    credentials: Credentials | None = None,
    *,
    url: str | None = None,
    parallelism: int = 10,
    stop: threading.Event | None = None,
) -> "ModelArtsV2":
    """Return a provider, as `open_connection` prepares it.

    `url` says where to reach an endpoint that is not itself a URL, such as `local`.
    """
    to = open_connection(settings, credentials, parallelism=parallelism, stop=stop)
    return ModelArtsV2(
        to.settings, to.transport, to.authenticator, url=url, parallelism=parallelism
    )


class ModelArtsV2(DialectV2):
    """A provider onto version 2, "Training Management" in the API Reference.

    The list carries whole jobs, so their specs come with it.
    """

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
        root = f"{(url or settings.endpoint).rstrip('/')}/v2"
        self._calls = Calls(root, transport, authenticator, judge=_judge, gone=errors.GONE_V2)
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
        """Return every job with its spec, 50 a request; `InvalidAnswerError` if none settles."""
        jobs = read_all(self._page, self._transport.pause, self._parallelism)
        rows = (mapping.to_row(job, self._vault) for job in jobs)
        return Listing(tuple(sorted(rows, key=lambda row: row.created_at or _BEFORE_ALL)))

    def find(self, name: str) -> Sequence[ActualJob]:
        """Return the jobs of exactly this name; the platform itself searches for parts."""
        like = (wire.Filter(key="name", operator="like", value=(name,)),)
        found = read_matching(lambda offset: self._page(offset, like))
        return tuple(mapping.to_row(job, self._vault) for job in found if job.metadata.name == name)

    def get(self, job_id: str, version_id: str | None) -> ActualJob:  # noqa: ARG002 - no versions
        """Return a job with its spec."""
        request = self._calls.request("GET", _job_path(job_id))
        found = self._calls.read(request, answers.JobBack, job=job_id)
        try:
            return mapping.to_job(found, self._vault)
        except ValidationError:
            raise InvalidAnswerError(
                "The platform's answer makes no sense",
                f'{request}: the configuration of job "{found.metadata.name}" cannot be read.',
            ) from None  # the cause would show what was answered, secrets included

    def create(self, spec: JobSpec) -> ActualJob:
        """Create a job, which starts at once.

        `ProviderError` for a spec that this version cannot express, as a saved plan may bear one.
        """
        if problems := self.problems(DesiredJob(Address(spec.name), spec)):
            raise ProviderError(problems[0].summary, problems[0].detail, problems[0].hint)
        body = mapping.to_create(self._vault.reveal(spec), self._settings.workspace_id).body()
        request = self._calls.request("POST", "/training-jobs", body=body, effect=Effect.ONCE)
        with self._vault.kept_out_of_errors(spec):
            created = self._calls.created(request, answers.JobBack)
        return mapping.to_row(created, self._vault)

    def create_version(self, job_id: str, version_id: str, spec: JobSpec) -> ActualJob:  # noqa: ARG002 - no versions
        """Refuse: in this version of the API one job is one run."""
        raise ProviderError("Jobs have no versions", f'"{spec.name}" was to get one.')

    def update_description(self, job_id: str, description: str) -> None:
        """Set the description."""
        body = wire.JobUpdate(description=description).body()
        path = _job_path(job_id)
        request = self._calls.request("PUT", path, body=body, effect=Effect.REPEATABLE)
        self._calls.accepted(request, job=job_id, judge=_judge_change)

    def delete(self, job_id: str) -> None:
        """Ask for a deletion; the answer is accepted (202) and empty."""
        request = self._calls.request("DELETE", _job_path(job_id), effect=Effect.REPEATABLE)
        verdict = self._calls.send(request, _judge_change)
        if verdict.kind is Kind.REFUSED and not self._calls.is_gone(verdict):
            raise self._calls.error(verdict, request, job_id)

    def stop(self, job_id: str, version_id: str | None) -> None:  # noqa: ARG002 - no versions
        """Terminate a job; one that the platform will not terminate any more is looked at."""
        body = wire.JobAction().body()
        path = f"{_job_path(job_id)}/actions"
        request = self._calls.request("POST", path, body=body, effect=Effect.REPEATABLE)
        for _ in range(_STOP_ATTEMPTS):
            verdict = self._calls.send(request, _judge_change)
            if verdict.kind is Kind.ACCEPTED:
                return
            refusal = self._calls.error(verdict, request, job_id)
            if verdict.code not in (errors.NOT_TO_BE_STOPPED, errors.STATUS_CHANGED):
                raise refusal
            if self._is_over(job_id):
                return
        raise refusal

    def logs(
        self,
        job_id: str,
        version_id: str | None,  # noqa: ARG002 - no versions
        *,
        lines: int = 50,
        cursor: str | None = None,
    ) -> LogChunk:
        """Return the last lines of each task's log, or what follows the cursor."""
        chunk = read_logs(
            lambda task: self._of_task(job_id, f"tasks/{quote(task, safe='')}/logs/preview"),
            self._tasks(job_id),
            lines,
            cursor,
        )
        return chunk if chunk.cursor else LogChunk(chunk.text, cursor)

    def log_link(self, job_id: str, task: str) -> str | None:
        """Return where the whole log of a task is for five minutes, or None while there is none.

        Whoever has the link may read the log: it is for the caller alone.
        """
        path = f"{_job_path(job_id)}/tasks/{quote(task, safe='')}/logs/url"
        request = self._calls.request("GET", path, {"Content-Type": "application/octet-stream"})
        verdict = self._calls.send(request, _judge_change)
        if verdict.status == 204 or verdict.code in errors.NO_LOG:
            return None
        if verdict.kind is Kind.REFUSED:
            raise self._calls.error(verdict, request, job_id)
        return validated(request, verdict, answers.LogLink).obs_url

    def metrics(self, job_id: str, task: str) -> Mapping[str, Sequence[float]]:
        """Return a task's measures by name, one value a minute; empty while there are none."""
        request = self._calls.request("GET", f"{_job_path(job_id)}/metrics/{quote(task, safe='')}")
        found = self._unless_none(request, answers.Metrics, job_id)
        return {each.metric: each.value for each in found.metrics or ()}

    def events(self, job_id: str) -> Sequence[answers.JobEvent]:
        """Return the newest things that happened to a job, 100 at most, oldest first."""
        query = {"limit": str(_MOST_EVENTS), "offset": "0", "order": "desc"}
        request = self._calls.request("GET", f"{_job_path(job_id)}/events", query)
        return tuple(
            reversed(self._calls.read(request, answers.JobEvents, job=job_id).events or ())
        )

    def quota(self) -> Quota | None:
        """Return how many jobs may exist; None from a service that has no such call."""
        request = self._calls.request("GET", "/training-quotas", {"resource": "job-num"})
        verdict = self._calls.send(request)
        if _is_no_call(verdict):
            return None
        if verdict.kind is Kind.REFUSED:
            raise self._calls.error(verdict, request, None)
        return mapping.to_quota(validated(request, verdict, answers.QuotaList))

    def is_name_taken(self, name: str) -> bool | None:
        """Tell whether a job of the workspace bears a name; None where that cannot be asked.

        Knows of other users' jobs, which the list need not show.
        """
        query = {"job_name": name, "workspace_id": self._settings.workspace_id}
        request = self._calls.request("GET", "/training-job-names", query)
        verdict = self._calls.send(request)
        if _is_no_call(verdict):
            return None
        if verdict.kind is Kind.REFUSED:
            raise self._calls.error(verdict, request, None)
        return validated(request, verdict, answers.NameCheck).is_duplicate

    def flavors(self) -> Sequence[Flavor]:
        """Return the flavors for training; asked for once."""
        with self._catalog:
            if self._flavors is None:
                request = self._calls.request("GET", "/training-job-flavors")
                offered = self._calls.read(request, answers.FlavorList)
                self._flavors = tuple(mapping.to_flavor(each) for each in offered.flavors)
            return self._flavors

    def engines(self) -> Sequence[EngineOffer]:
        """Return the preset engines for training; asked for once."""
        with self._catalog:
            if self._engines is None:
                request = self._calls.request("GET", "/training-job-engines")
                offered = self._calls.read(request, answers.EngineList)
                self._engines = tuple(mapping.to_engine(each) for each in offered.items)
            return self._engines

    def now(self) -> datetime:
        """Return the platform's time, in whole seconds behind it at most."""
        return self._transport.now()

    def close(self) -> None:
        """Drop the connections."""
        self._transport.close()

    def _page(self, offset: int, filters: tuple[wire.Filter, ...] | None = None) -> answers.JobPage:
        workspace = self._settings.workspace_id
        search = wire.Search(
            offset=offset,
            limit=LIMIT,
            filters=filters,
            workspace_id=None if workspace == "0" else workspace,
        )
        request = self._calls.request("POST", "/training-job-searches", body=search.body())
        return self._calls.read(request, answers.JobPage)

    def _is_over(self, job_id: str) -> bool:
        request = self._calls.request("GET", _job_path(job_id))
        found = self._calls.read(request, answers.JobBack, job=job_id)
        status = mapping.to_status(found.status.phase)
        return status.is_final or status is Status.STOPPING

    def _tasks(self, job_id: str) -> Sequence[str]:
        request = self._calls.request("GET", _job_path(job_id))
        return self._calls.read(request, answers.JobBack, job=job_id).status.task_names

    def _of_task(self, job_id: str, path: str) -> answers.LogPreview:
        request = self._calls.request("GET", f"{_job_path(job_id)}/{path}")
        return self._unless_none(request, answers.LogPreview, job_id)

    def _unless_none(self, request: Request, shape: type[Shape], job_id: str) -> Shape:
        """Read an answer about logs or metrics; an empty one while there are none.

        "Not ready" is 204 with a code and without a body, so it may look like an empty success.
        """
        verdict = self._calls.send(request, _judge_change)
        if verdict.code in errors.NO_LOG:
            return shape()
        if verdict.kind is Kind.REFUSED:
            raise self._calls.error(verdict, request, job_id)
        return validated(request, verdict, shape)


def _judge(answer: Answer) -> Verdict:
    return errors.judge(answer, flagged=False, empty=False)


def _judge_change(answer: Answer) -> Verdict:
    """Judge an answer that may be empty: only the status says that a change was accepted."""
    return errors.judge(answer, flagged=False)


def _is_no_call(verdict: Verdict) -> bool:
    return verdict.status in (404, 405) or verdict.code in errors.NO_SUCH_CALL


def _job_path(job_id: str) -> str:
    return f"/training-jobs/{quote(job_id, safe='')}"
