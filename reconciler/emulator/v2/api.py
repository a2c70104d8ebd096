"""The v2 training API: a thin layer between HTTP and the core."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reconciler.emulator import catalog as common
from reconciler.emulator.admission import Admission
from reconciler.emulator.bodies import read_body
from reconciler.emulator.errors import NameTakenError, NotFoundError, RefusedError
from reconciler.emulator.failures import Failure, answer
from reconciler.emulator.faultlayer import LISTING
from reconciler.emulator.jobs import Jobs
from reconciler.emulator.listing import Query
from reconciler.emulator.model import V2 as V2_JOBS
from reconciler.emulator.model import Job, Version
from reconciler.emulator.query import Parameters
from reconciler.emulator.v2 import answers, catalog, offers, rules, runs, search
from reconciler.emulator.v2 import requests as wire
from reconciler.emulator.v2.errors import (
    as_failure,
    invalid_query,
    job_not_found,
    name_taken,
    refuse_body,
    shape,
)

Json = dict[str, Any]
Call = Callable[[Request, str], Awaitable[Any]]
Row = tuple[str, str, Call, int]

JOBS = "/training-jobs"
JOB = JOBS + "/{training_job_id}"
_NAME = re.compile("[A-Za-z0-9_-]{1,64}")
_TERMINABLE = ("Creating", "Pending", "Running")


class V2:
    """Training jobs and what is offered, as v2 documents them."""

    def __init__(self, jobs: Jobs, admission: Admission, user: str, user_id: str) -> None:
        self.jobs = jobs
        self._admission = admission
        self._user = user
        self._user_id = user_id

    def routes(self) -> list[Route]:
        """The routes of this API version, but for those of tasks."""
        table: list[Row] = [
            ("POST", JOBS, self.create_job, 201),
            ("POST", "/training-job-searches", self.search_jobs, 200),
            ("GET", JOB, self.show_job, 200),
            ("PUT", JOB, self.update_job, 200),
            ("DELETE", JOB, self.delete_job, 202),
            ("POST", JOB + "/actions", self.act, 202),
            ("GET", "/training-job-flavors", self.list_flavors, 200),
            ("GET", "/training-job-engines", self.list_engines, 200),
            ("GET", "/training-job-names", self.check_name, 200),
            ("GET", "/training-quotas", self.show_quotas, 200),
        ]
        return [self.route(*row) for row in table]

    def route(self, method: str, path: str, call: Call, status: int) -> Route:
        """A route that admits the caller first and turns refusals into error bodies."""

        async def serve(request: Request) -> Response:
            try:
                project = await self._admission.admit(request)
                self.jobs.sweep()
                body = await call(request, project)
                return body if isinstance(body, Response) else answer(status, body)
            except Failure as failure:
                return failure.response(shape)
            except RefusedError as error:
                return as_failure(error).response(shape)

        return Route("/v2/{project_id}" + path, serve, methods=[method])

    # -- jobs

    async def create_job(self, request: Request, project: str) -> Json:
        """`POST /training-jobs`: a job, which is a run at once."""
        body = await read_body(request, wire.JobCreate, refuse_body)
        metadata = body.metadata
        algorithm, spec = rules.check(body, metadata.annotations)
        work = runs.make_work(algorithm, spec)
        real = self.jobs.runner.settings.simulate is None
        runs.check_places(work, self.jobs.root(project) if real else None)
        description = metadata.description or ""
        with self.jobs.together():
            try:
                job = self.jobs.create(
                    project, metadata.workspace_id, metadata.name, description, V2_JOBS
                )
            except NameTakenError as error:
                raise name_taken(metadata.name) from error
            config = runs.sent(body, metadata.annotations)
            version = self.jobs.add_version(job, config, work)
        return answers.job_created(job, version, terse=self.jobs.quirks.terse_spec)

    async def search_jobs(self, request: Request, project: str) -> Json:
        """`POST /training-job-searches`: one page of a workspace's jobs, in full."""
        wanted = await read_body(request, wire.Search, refuse_body)
        query = search.make_query(project, wanted, self._user_id)
        listing = request.scope.get(LISTING, self.jobs.listing)
        found = listing.find(query)
        everything = listing.find(Query(project, None, api=V2_JOBS))
        rows = search.page(found, wanted, by_record=self.jobs.quirks.record_offset)
        return {
            "total": len(everything),
            "count": len(found),
            "limit": wanted.limit,
            "offset": wanted.offset,
            "sort_by": wanted.sort_by,
            "order": wanted.order,
            "group_by": wanted.group_by,
            "workspace_id": wanted.workspace_id or "0",
            "ai_project": "default-ai-project",
            "items": [self._shown(job) for job in rows],
        }

    async def show_job(self, request: Request, project: str) -> Json:
        """`GET /training-jobs/{training_job_id}`."""
        return self._shown(self.find(request, project)[0])

    async def update_job(self, request: Request, project: str) -> None:
        """`PUT /training-jobs/{training_job_id}`: another description; answers null."""
        job, _ = self.find(request, project)
        body = await read_body(request, wire.JobUpdate, refuse_body)
        if body.description is not None:
            self.jobs.describe(job, body.description)

    async def delete_job(self, request: Request, project: str) -> str:
        """`DELETE /training-jobs/{training_job_id}`: accepted at once, carried out later.

        Accepted again while it is under way; answers an empty text.
        """
        job, _ = self.find(request, project)
        if not job.deleting:
            self.jobs.delete(job)
        return ""

    async def act(self, request: Request, project: str) -> Json:
        """`POST .../actions`: terminate, which is accepted at once and carried out later."""
        job, version = self.find(request, project)
        body = await read_body(request, wire.Action, refuse_body)
        if body.action_type != "terminate":
            message = f"Unsupported action type:{body.action_type}"
            raise Failure(400, "ModelArts.2812", message)
        if answers.phase(version.status)[0] not in _TERMINABLE:
            raise Failure(409, "ModelArts.2796", "The job is not allowed to be terminated.")
        self.jobs.stop(version)
        shown = self._shown(job)
        shown["status"] |= dict.fromkeys(("phase", "secondary_phase"), "Terminating")
        return shown

    # -- what is offered

    async def list_flavors(self, request: Request, _project: str) -> Json:
        """`GET /training-job-flavors`: those of one type, or all."""
        kind = self.query(request).choice("flavor_type", ("", "CPU", "GPU"), "")
        rows = [
            offers.flavor(entry)
            for entry in common.FLAVORS
            if kind in ("", offers.flavor_type(entry))
        ]
        return {"total_count": len(rows), "flavors": rows}

    async def list_engines(self, _request: Request, _project: str) -> Json:
        """`GET /training-job-engines`."""
        rows = [offers.engine(entry) for entry in catalog.ENGINES]
        return {"total": len(rows), "items": rows}

    async def check_name(self, request: Request, project: str) -> Json:
        """`GET /training-job-names`: whether a new job could not have the name."""
        query = self.query(request)
        name, workspace = query.text("job_name", "", 64), query.text("workspace_id", "0", 64)
        if not _NAME.fullmatch(name):
            raise invalid_query("job_name")
        return {"is_duplicate": self.jobs.is_taken(project, workspace, name, V2_JOBS)}

    async def show_quotas(self, request: Request, project: str) -> Json:
        """`GET /training-quotas`: how many jobs there may be, and are."""
        self.query(request).choice("resource", ("job-num",), "job-num")
        used = self.jobs.count(project, V2_JOBS)
        return {"quotas": [{"resource": "job-num", "quota": self.jobs.quota, "used": used}]}

    # -- for this and the other half

    def find(self, request: Request, project: str) -> tuple[Job, Version]:
        """The job that the path names, and its run; a Failure if the project has none."""
        uid = request.path_params["training_job_id"]
        try:
            job = self.jobs.get_by_uid(project, uid)
        except NotFoundError as error:
            raise job_not_found(uid) from error
        if job.latest is None:
            raise job_not_found(uid)
        return job, job.latest

    def query(self, request: Request) -> Parameters:
        """The request's query."""
        return Parameters(request.query_params, invalid_query)

    def _shown(self, job: Job) -> Json:
        terse = self.jobs.quirks.terse_spec
        version = job.versions[-1]
        return answers.job(job, version, self._user, self.jobs.now(), terse=terse)
