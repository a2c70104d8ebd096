"""The admin interface: how tests and the launcher steer a running emulator.

Everything lies below `/_emulator/` and needs the store's admin token in `X-Admin-Token`; the
token of the user does not open it. Nothing here is part of the platform.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from hmac import compare_digest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reconciler.emulator.behaviour import Quirks, Timing
from reconciler.emulator.errors import NotAllowedError, RefusedError
from reconciler.emulator.faultlayer import ADMIN
from reconciler.emulator.faults import RuleRequest
from reconciler.emulator.model import V1, V2, Job, Status, Work
from reconciler.emulator.v1 import requests as v1
from reconciler.emulator.v2 import runs as v2

if TYPE_CHECKING:
    from reconciler.emulator.app import Emulator

Json = dict[str, Any]
Call = Callable[[Request], Awaitable[Any]]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _ProjectRequest(_Shape):
    folder: Path


class _TimingRequest(_Shape):
    delete_delay: float = Field(default=0.0, ge=0)
    name_hold: float = Field(default=0.0, ge=0)
    list_lag: float = Field(default=0.0, ge=0)
    delete_fails: int = Field(default=0, ge=0)
    hour: float = Field(default=3600.0, gt=0)


class _QuirksRequest(_Shape):
    record_offset: bool = False
    terse_spec: bool = False


class _JobRequest(_Shape):
    project_id: str
    name: str
    workspace: str = "0"
    description: str = ""
    api: Literal["v1", "v2"] = "v1"
    config: Json | None = None


class _JobChange(_Shape):
    status: Status | None = None
    description: str | None = None
    created: int | None = None
    started: int | None = None
    ended: int | None = None


class _VersionRequest(_Shape):
    changes: Json = {}


class Admin:
    """Projects, faults, timing, the request log, and jobs changed behind the client's back."""

    def __init__(self, emulator: "Emulator") -> None:
        self._emulator = emulator

    def routes(self) -> list[Route]:
        """The routes of this interface."""
        job = "jobs/{job_id}"
        table: list[tuple[str, str, Call]] = [
            ("POST", "projects", self.add_project),
            ("GET", "faults", self.list_faults),
            ("POST", "faults", self.add_faults),
            ("DELETE", "faults", self.clear_faults),
            ("DELETE", "faults/{rule_id:int}", self.clear_faults),
            ("GET", "timing", self.show_timing),
            ("PUT", "timing", self.set_timing),
            ("PUT", "quirks", self.set_quirks),
            ("GET", "requests", self.list_requests),
            ("DELETE", "requests", self.clear_requests),
            ("POST", "tokens/expire", self.expire_tokens),
            ("GET", "jobs", self.list_jobs),
            ("POST", "jobs", self.create_job),
            ("PATCH", job, self.change_job),
            ("DELETE", job, self.remove_job),
            ("POST", job + "/recreate", self.recreate_job),
            ("POST", job + "/versions", self.add_version),
        ]
        return [self._route(*row) for row in table]

    # -- the platform

    async def add_project(self, request: Request) -> Json:
        """Register a buckets folder; its project is made when there is none yet."""
        body = _ProjectRequest.model_validate_json(await request.body())
        return asdict(self._emulator.register(body.folder))

    async def show_timing(self, _request: Request) -> Json:
        """How slowly the platform behaves."""
        return asdict(self._emulator.jobs.timing)

    async def set_timing(self, request: Request) -> Json:
        """Replace all timing settings; those not named become what they were at the start."""
        body = _TimingRequest.model_validate_json(await request.body())
        self._emulator.jobs.timing = Timing(**body.model_dump())
        return await self.show_timing(request)

    async def set_quirks(self, request: Request) -> Json:
        """Choose between readings of the documents; those not named become the usual ones."""
        body = _QuirksRequest.model_validate_json(await request.body())
        self._emulator.jobs.quirks = Quirks(**body.model_dump())
        return asdict(self._emulator.jobs.quirks)

    async def expire_tokens(self, _request: Request) -> Json:
        """End the life of every token."""
        self._emulator.tokens.expire_all()
        return {}

    # -- faults and requests

    async def list_faults(self, _request: Request) -> list[Json]:
        """The rules in force, with how often each one hit."""
        return [rule.as_json() for rule in self._emulator.faults.rules()]

    async def add_faults(self, request: Request) -> list[Json]:
        """Put one rule, or a list of them, in force."""
        shape = TypeAdapter[list[RuleRequest] | RuleRequest](list[RuleRequest] | RuleRequest)
        body = shape.validate_json(await request.body())
        rules = body if isinstance(body, list) else [body]
        return [self._emulator.faults.add(rule).as_json() for rule in rules]

    async def clear_faults(self, request: Request) -> Json:
        """Lift all rules, or the one that the path names."""
        self._emulator.faults.clear(request.path_params.get("rule_id"))
        return {}

    async def list_requests(self, _request: Request) -> Json:
        """The requests seen so far, and how many there were of each kind."""
        return self._emulator.requests.as_json()

    async def clear_requests(self, _request: Request) -> Json:
        """Begin to count requests anew."""
        self._emulator.requests.clear()
        return {}

    # -- jobs behind the client's back

    async def list_jobs(self, _request: Request) -> list[Json]:
        """Every job of every project, with its versions' numbers and statuses."""
        return [_summary(job) for job in self._emulator.jobs.listing.all()]

    async def create_job(self, request: Request) -> Json:
        """A job that somebody else made; without a configuration it has no version (v1 only).

        A configuration is the `config` of a v1 request, or a v2 request without metadata.
        """
        body = _JobRequest.model_validate_json(await request.body())
        if body.config is None and body.api == V2:
            raise NotAllowedError("A job of v2 needs a configuration.")
        run = None if body.config is None else _RUNS[body.api](body.config)
        jobs = self._emulator.jobs
        job = jobs.create(body.project_id, body.workspace, body.name, body.description, body.api)
        if run is not None:
            jobs.add_version(job, *run)
        return _summary(job)

    async def change_job(self, request: Request) -> Json:
        """Force the newest version's status or times (ms), or the job's description."""
        body = _JobChange.model_validate_json(await request.body())
        jobs, job = self._emulator.jobs, self._job(request)
        if body.description is not None:
            job.description = body.description
        if body.created is not None:
            job.created = body.created
        jobs.force(job, body.status, body.started, body.ended)
        return _summary(job)

    async def remove_job(self, request: Request) -> Json:
        """Make a job vanish, whatever it does."""
        self._emulator.jobs.remove_now(self._job(request))
        return {}

    async def recreate_job(self, request: Request) -> Json:
        """Replace a job by one of the same name and settings under another number."""
        old, jobs = self._job(request), self._emulator.jobs
        jobs.remove_now(old, hold_name=False)
        job = jobs.create(old.project_id, old.workspace, old.name, old.description, old.api)
        if old.latest is not None:
            jobs.add_version(job, *_RUNS[job.api](old.latest.config))
        return _summary(job)

    async def add_version(self, request: Request) -> Json:
        """A further version, like the newest one but for `changes`; v1 only."""
        body = _VersionRequest.model_validate_json(await request.body())
        job = self._job(request)
        if job.api == V2:
            raise NotAllowedError("A job of v2 has one version.")
        latest = job.latest
        run = _RUNS[job.api]((latest.config if latest else {}) | body.changes)
        self._emulator.jobs.add_version(job, *run, latest.id if latest else None)
        return _summary(job)

    # -- inside

    def _job(self, request: Request) -> Job:
        return self._emulator.jobs.find(str(request.path_params["job_id"]))

    def _route(self, method: str, path: str, call: Call) -> Route:
        async def serve(request: Request) -> Response:
            token = request.headers.get("x-admin-token", "")
            known = self._emulator.store.credentials.admin_token
            if not compare_digest(token.encode(), known.encode()):
                return JSONResponse({"error": "The admin token is missing or wrong."}, 401)
            try:
                return JSONResponse(await call(request))
            except (ValidationError, RefusedError, re.error) as error:
                return JSONResponse({"error": str(error)}, 400)

        return Route(ADMIN + path, serve, methods=[method])


_RUNS: dict[str, Callable[[Json], tuple[Json, Work]]] = {V1: v1.make_run, V2: v2.make_run}


def _summary(job: Job) -> Json:
    return {
        "job_id": job.id,
        "uid": job.uid,
        "api": job.api,
        "project_id": job.project_id,
        "workspace": job.workspace,
        "name": job.name,
        "description": job.description,
        "status": int(job.status),
        "deleting": job.deleting,
        "versions": [{"version_id": v.id, "status": int(v.status)} for v in job.versions],
    }
