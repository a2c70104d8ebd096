"""What v2 tells of a job's tasks while they run: logs, metrics and events.

After the ModelArts API Reference, "Querying the Logs of a Specified Task in a Training Job
(Preview)", "... (OBS Link)", "Querying the Running Metrics of a Specified Task" and
"Querying Training Job Events".
"""

import hashlib
import hmac
import io
import secrets
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reconciler.emulator.failures import Failure
from reconciler.emulator.model import TERMINAL, Version
from reconciler.emulator.v2 import answers, events
from reconciler.emulator.v2.api import JOB, V2, Row

Json = dict[str, Any]

_MOST_BYTES = 5 * 1024 * 1024
_LINK_SECONDS = 300
_LINKS = "/_logs/"
_KINDS = ("text/plain", "application/octet-stream")
_METRICS = ("cpuUsage", "memUsage", "gpuUtil", "gpuMemUsage", "npuUtil", "npuMemUsage")
_MINUTE = 60_000
_LONG = 15


class Tasks:
    """Logs, metrics and events of v2 jobs."""

    def __init__(self, v2: V2, clock: Callable[[], float] = time.time) -> None:
        self._v2 = v2
        self._logs = v2.jobs.logs
        self._clock = clock
        self._key = secrets.token_bytes(32)

    def routes(self) -> list[Route]:
        """The routes below a job, and the one that temporary links lead to."""
        table: list[Row] = [
            ("GET", JOB + "/tasks/{task_id}/logs/preview", self.preview_log, 200),
            ("GET", JOB + "/tasks/{task_id}/logs/url", self.link_log, 200),
            ("GET", JOB + "/metrics/{task_id}", self.show_metrics, 200),
            ("GET", JOB + "/events", self.list_events, 200),
        ]
        link = Route(_LINKS + "{version:int}/{worker:int}", self.read_link, methods=["GET"])
        return [*(self._v2.route(*row) for row in table), link]

    async def preview_log(self, request: Request, project: str) -> Json | Response:
        """`GET .../logs/preview`: the end of a task's log, at most 5 MB; 204 before it begins."""
        version, worker = self._task(request, project)
        if not self._has_log(version, worker):
            return Response(status_code=204)
        tail = self._logs.tail(version.id, worker, _MOST_BYTES)
        return {"content": tail.text, "current_size": tail.size, "full_size": tail.full}

    async def link_log(self, request: Request, project: str) -> Json | Response:
        """`GET .../logs/url`: a link to a task's whole log that is good for five minutes."""
        version, worker = self._task(request, project)
        kind = request.query_params.get("Content-Type") or request.headers.get("content-type", "")
        if kind and kind not in _KINDS:
            raise Failure(400, "ModelArts.2764", "Invalid query parameter (Content-Type).")
        if not self._has_log(version, worker):
            return Response(status_code=204)
        base = str(request.base_url).rstrip("/")
        until = int(self._clock()) + _LINK_SECONDS
        target = f"{_LINKS}{version.id}/{worker}"
        query = {"Expires": until, "response-content-type": kind or _KINDS[1]}
        signed = urlencode(query | {"Signature": self._sign(target, until)})
        return {"obs_url": f"{base}{target}?{signed}"}

    async def read_link(self, request: Request) -> Response:
        """The log behind a link, for whoever has the link; an error of object storage else."""
        until = _seconds(request.query_params.get("Expires", ""))
        wanted = self._sign(request.url.path, until)
        given = request.query_params.get("Signature", "")
        known = hmac.compare_digest(wanted.encode(), given.encode("utf-8", "replace"))
        if not known or until < self._clock():
            text = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
            return Response(text, 403, media_type="application/xml")
        version, worker = request.path_params["version"], request.path_params["worker"]
        out = io.BytesIO()
        self._logs.copy(version, worker, out)
        kind = request.query_params.get("response-content-type", _KINDS[1])
        return Response(out.getvalue(), media_type=kind if kind in _KINDS else _KINDS[1])

    async def show_metrics(self, request: Request, project: str) -> Json | Response:
        """`GET .../metrics/{task_id}`: one value for each minute; nothing is measured, so -1."""
        version, _ = self._task(request, project)
        if version.started is None:
            return Response(status_code=204)
        minutes = 1 + (version.duration(self._v2.jobs.now()) or 0) // _MINUTE
        return {"metrics": [{"metric": name, "value": [-1] * minutes} for name in _METRICS]}

    async def list_events(self, request: Request, project: str) -> Json:
        """`GET .../events`: one page of what happened to the job."""
        job, version = self._v2.find(request, project)
        wanted = events.read_query(request.query_params)
        return events.page(events.of(job, version), wanted, self._v2.jobs.now())

    def _task(self, request: Request, project: str) -> tuple[Version, int]:
        _, version = self._v2.find(request, project)
        names = answers.tasks(version)
        task = request.path_params["task_id"]
        if task not in names:
            raise Failure(400, "ModelArts.2820", "the log storage path cannot be found")
        return version, names.index(task)

    def _has_log(self, version: Version, worker: int) -> bool:
        if worker in self._logs.workers(version.id):
            return True
        if version.status in TERMINAL:
            raise Failure(400, "ModelArts.2818", "the log file is not generated")
        return False

    def _sign(self, target: str, until: int) -> str:
        return hmac.new(self._key, f"{target}?{until}".encode(), hashlib.sha256).hexdigest()


def _seconds(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < _LONG else 0
