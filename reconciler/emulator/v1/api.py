"""The v1 training API: a thin layer between HTTP and the core."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reconciler.emulator import catalog, paths
from reconciler.emulator.admission import Admission
from reconciler.emulator.bodies import read_body
from reconciler.emulator.errors import RefusedError
from reconciler.emulator.failures import Failure, answer
from reconciler.emulator.faultlayer import LISTING
from reconciler.emulator.jobs import Jobs
from reconciler.emulator.listing import Query
from reconciler.emulator.model import V1 as V1_JOBS
from reconciler.emulator.model import Job, Version
from reconciler.emulator.query import Parameters
from reconciler.emulator.v1 import answers
from reconciler.emulator.v1 import requests as wire
from reconciler.emulator.v1.errors import as_failure, refuse_body, refuse_parameter, shape

Json = dict[str, Any]
Call = Callable[[Request, str], Awaitable[Json]]

_SUCCESS: Json = {"is_success": True}
_JOB_ORDERS = ("job_name", "job_desc", "status", "duration", "version_count", "create_time")
_MODEL_ORDERS = {
    "engine": "engine_name",
    "model_name": "model_name",
    "model_precision": "model_precision",
    "model_usage": "model_usage",
    "model_size": "model_size",
    "create_time": "create_time",
    "parameter": "parameter",
}


class V1:
    """Training jobs, versions, logs and the catalog, as v1 documents them."""

    def __init__(self, jobs: Jobs, admission: Admission, user: str) -> None:
        self._jobs = jobs
        self._admission = admission
        self._user = user

    def routes(self) -> list[Route]:
        """The routes of this API version."""
        jobs = "/training-jobs"
        job = jobs + "/{job_id}"
        versions = job + "/versions"
        version = versions + "/{version_id}"
        table: list[tuple[str, str, Call]] = [
            ("POST", jobs, self.create_job),
            ("GET", jobs, self.list_jobs),
            ("PUT", job, self.update_job),
            ("DELETE", job, self.delete_job),
            ("POST", versions, self.create_version),
            ("GET", versions, self.list_versions),
            ("GET", version, self.show_version),
            ("DELETE", version, self.delete_version),
            ("POST", version + "/stop", self.stop_version),
            ("GET", version + "/log/file-names", self.log_names),
            ("GET", version + "/aom-log", self.log_text),
            ("GET", "/built-in-algorithms", self.list_algorithms),
            ("GET", "/job/resource-specs", self.list_specs),
            ("GET", "/job/ai-engines", self.list_engines),
        ]
        return [self.route(*row) for row in table]

    def route(self, method: str, path: str, call: Call) -> Route:
        """A route that checks the token first and turns refusals into error bodies."""

        async def serve(request: Request) -> Response:
            try:
                project = await self._admission.admit(request)
                self._jobs.sweep()
                return answer(200, await call(request, project))
            except Failure as failure:
                return failure.response(shape)
            except RefusedError as error:
                return as_failure(error).response(shape)

        return Route("/v1/{project_id}" + path, serve, methods=[method])

    # -- jobs

    async def create_job(self, request: Request, project: str) -> Json:
        """`POST /training-jobs`: a job and, unless told otherwise, its first version."""
        body = await read_body(request, wire.JobCreate, refuse_body)
        config = body.config
        check(config)
        if config.create_version:
            self._check_paths(config, project)
        with self._jobs.together():
            job = self._jobs.create(project, body.workspace_id, body.job_name, body.job_desc)
            if not config.create_version:
                return answers.job_created(job, None)
            version = self._jobs.add_version(job, wire.sent(config), wire.make_work(config))
        return answers.job_created(job, version)

    async def list_jobs(self, request: Request, project: str) -> Json:
        """`GET /training-jobs`: one page of a workspace's jobs."""
        query = parameters(request)
        wanted = Query(
            project_id=project,
            workspace=query.text("workspace_id", "0"),
            status=query.status(),
            search=query.text("search_content", "", longest=64),
            sort=query.choice("sortBy", _JOB_ORDERS, "job_name"),
            descending=query.descending("asc"),
        )
        page, size = query.number("page", 1, 1, 65535), query.number("per_page", 10, 1, 1000)
        listing = request.scope.get(LISTING, self._jobs.listing)
        found = listing.find(wanted)
        now, count = self._jobs.now(), self._jobs.count(project, V1_JOBS)
        rows = found[(page - 1) * size : page * size]
        return {
            "is_success": True,
            "quotas": self._jobs.quota,
            "job_total_count": len(found),
            "job_count_limit": max(0, self._jobs.quota - count),
            "jobs": [answers.job_row(job, self._user, now) for job in rows],
        }

    async def update_job(self, request: Request, project: str) -> Json:
        """`PUT /training-jobs/{job_id}`: another description."""
        job = self._job(request, project)
        self._jobs.describe(job, (await read_body(request, wire.JobUpdate, refuse_body)).job_desc)
        return _SUCCESS

    async def delete_job(self, request: Request, project: str) -> Json:
        """`DELETE /training-jobs/{job_id}`: accepted at once, carried out later."""
        self._jobs.delete(self._job(request, project))
        return _SUCCESS

    # -- versions

    async def create_version(self, request: Request, project: str) -> Json:
        """`POST .../versions`: a further run of the job."""
        job = self._job(request, project)
        body = await read_body(request, wire.VersionCreate, refuse_body)
        config = body.config
        check(config)
        self._check_paths(config, project)
        version = self._jobs.add_version(
            job, wire.sent(config), wire.make_work(config), config.pre_version_id
        )
        if body.job_desc is not None:
            self._jobs.describe(job, body.job_desc)
        return answers.version_created(job, version)

    async def list_versions(self, request: Request, project: str) -> Json:
        """`GET .../versions`: all versions, or one page of them."""
        job = self._job(request, project)
        query = parameters(request)
        page, size = query.number("page", 0, 0, 65535), query.number("per_page", 10, 1, 1000)
        rows = job.versions[(page - 1) * size : page * size] if page else job.versions
        now = self._jobs.now()
        return {
            "is_success": True,
            "job_id": job.id,
            "job_name": job.name,
            "job_desc": job.description,
            "version_count": len(job.versions),
            "versions": [answers.version_row(version, now) for version in rows],
        }

    async def show_version(self, request: Request, project: str) -> Json:
        """`GET .../versions/{version_id}`: everything about one run."""
        job, version = self._version(request, project)
        return answers.version_details(job, version, self._jobs.now())

    async def delete_version(self, request: Request, project: str) -> Json:
        """`DELETE .../versions/{version_id}`."""
        self._jobs.delete_version(*self._version(request, project))
        return _SUCCESS

    async def stop_version(self, request: Request, project: str) -> Json:
        """`POST .../versions/{version_id}/stop`: accepted at once, carried out later."""
        self._jobs.stop(self._version(request, project)[1])
        return _SUCCESS

    # -- logs

    async def log_names(self, request: Request, project: str) -> Json:
        """`GET .../log/file-names`: one name per worker that has begun."""
        job, version = self._version(request, project)
        workers = self._jobs.logs.workers(version.id)
        return _SUCCESS | {"log_file_list": [answers.log_name(job, i) for i in workers]}

    async def log_text(self, request: Request, project: str) -> Json:
        """`GET .../aom-log`: lines after or before a cursor, or the newest ones."""
        job, version = self._version(request, project)
        query = parameters(request)
        name = query.text("log_file", "")
        if not name:
            raise Failure(400, "ModelArts.0104", "Parameter error: log_file is needed.")
        count, base = query.number("lines", 50, 0, 500), query.cursor("base_line")
        following = query.choice("order", ("asc", "desc"), "desc") == "desc"
        for worker in self._jobs.logs.workers(version.id):
            if name == answers.log_name(job, worker):
                page = self._jobs.logs.read(version.id, worker, count, base, following=following)
                return _SUCCESS | {
                    "content": page.content,
                    "lines": page.lines,
                    "start_line": page.start,
                    "end_line": page.end,
                }
        raise Failure(400, "ModelArts.0806", "The log file does not exist.")

    # -- catalog

    async def list_algorithms(self, request: Request, _project: str) -> Json:
        """`GET /built-in-algorithms`: one page."""
        query = parameters(request)
        page, size = query.number("page", 1, 1, 65535), query.number("per_page", 10, 1, 100)
        key = _MODEL_ORDERS[query.choice("sortBy", tuple(_MODEL_ORDERS), "engine")]
        search = query.text("search_content", "")
        rows = [answers.built_in(entry) for entry in catalog.ALGORITHMS if search in entry.name]
        rows.sort(key=lambda row: (row[key], row["model_id"]), reverse=query.descending("desc"))
        total = {"model_total_count": len(rows)}
        return _SUCCESS | total | {"models": rows[(page - 1) * size : page * size]}

    async def list_specs(self, request: Request, _project: str) -> Json:
        """`GET /job/resource-specs`: the flavors."""
        query = parameters(request)
        query.choice("job_type", ("train", "inference"), "train")
        query.number("engine_id", 0, 0, 2**31)
        query.number("project_type", 0, 0, 2**31)
        rows = [answers.spec(flavor) for flavor in catalog.FLAVORS]
        return {"specs": rows, "is_success": True, "spec_total_count": len(rows)}

    async def list_engines(self, request: Request, _project: str) -> Json:
        """`GET /job/ai-engines`: the engines."""
        parameters(request).choice("job_type", ("train", "inference"), "train")
        rows = [answers.engine(entry) for entry in catalog.ENGINES]
        return {"engines": rows, "is_success": True}

    # -- inside

    def _job(self, request: Request, project: str) -> Job:
        return self._jobs.get(project, _number(request, "job_id"))

    def _version(self, request: Request, project: str) -> tuple[Job, Version]:
        job = self._job(request, project)
        return job, self._jobs.version(job, _number(request, "version_id"))

    def _check_paths(self, config: wire.RunConfig, project: str) -> None:
        work = wire.make_work(config)
        named = (work.code_dir, work.boot_file, config.data_url, config.train_url, work.log_dir)
        for path in filter(None, (*named, *(source.data_url for source in config.data_source))):
            paths.check_syntax(path)
        if self._jobs.runner.settings.simulate is None:
            check_existence(config, self._jobs.root(project))


def check_existence(config: wire.RunConfig, root: Path) -> None:
    """Refuse paths that name nothing; output and log folders only need their bucket."""
    if config.app_url:
        paths.existing_folder(root, config.app_url)
        paths.existing_file(root, config.boot_file_url)
    for path in filter(None, (config.data_url, *(s.data_url for s in config.data_source))):
        paths.existing_object(root, path)
    for path in filter(None, (config.train_url, config.log_url)):
        paths.writable_folder(root, path, create=False)


def check(config: wire.RunConfig) -> None:
    """Refuse settings that contradict each other or name what is not offered."""
    problem = wire.form_problem(config)
    if problem:
        raise Failure(400, "ModelArts.0104", f"Parameter error: {problem}.")
    problem = wire.value_problem(config)
    if problem:
        raise Failure(400, "ModelArts.0107", f"Invalid parameter value: {problem}.")


def parameters(request: Request) -> Parameters:
    """The request's query."""
    return Parameters(request.query_params, refuse_parameter)


def _number(request: Request, name: str) -> int:
    text = request.path_params[name]
    if not (text.isascii() and text.isdecimal() and len(text) <= 19):
        raise Failure(400, "ModelArts.0101", f"Invalid argument: {name}.")
    return int(text)
