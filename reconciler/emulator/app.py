"""Puts the parts of one emulator together into a web application."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from reconciler.emulator.admin import Admin
from reconciler.emulator.admission import Admission
from reconciler.emulator.failures import Failure
from reconciler.emulator.faultlayer import FaultLayer
from reconciler.emulator.faults import Faults
from reconciler.emulator.guard import Guard
from reconciler.emulator.iam import DAY, Iam, Tokens, user_id
from reconciler.emulator.jobs import Jobs
from reconciler.emulator.model import Project
from reconciler.emulator.requestlog import RequestLog
from reconciler.emulator.runner import RunnerSettings
from reconciler.emulator.signing import Keys
from reconciler.emulator.store import Store
from reconciler.emulator.v1.api import V1
from reconciler.emulator.v1.configurations import SavedConfigurations
from reconciler.emulator.v1.errors import shape
from reconciler.emulator.v2.api import V2
from reconciler.emulator.v2.errors import shape as shape_of_v2
from reconciler.emulator.v2.tasks import Tasks


@dataclass(frozen=True)
class Settings:
    """How one emulator behaves; times in seconds. `capacity` None: one slot per processor."""

    port: int = 0
    idle_timeout: float = 900.0
    capacity: int | None = None
    simulate: float | None = None
    quota: int = 10_000
    grace: float = 5.0
    token_life: float = DAY


@dataclass
class Emulator:
    """Everything behind one server; `touched` is when it was last asked something.

    `on_project` is told whenever a project was registered.
    """

    store: Store
    tokens: Tokens
    jobs: Jobs
    faults: Faults
    requests: RequestLog
    touched: float = field(default_factory=time.monotonic)
    on_project: Callable[[Project], None] = lambda _: None

    @classmethod
    def open(cls, folder: Path, settings: Settings, slots: int) -> "Emulator":
        """Open the store in `folder`; StoreError if it is in use or damaged."""
        store = Store(folder)
        runner = RunnerSettings(settings.capacity or slots, settings.grace, settings.simulate)
        tokens = Tokens(settings.token_life)
        jobs = Jobs(store, runner, quota=settings.quota)
        return cls(store, tokens, jobs, Faults(jobs), RequestLog())

    def register(self, buckets: Path) -> Project:
        """The project of a buckets folder, ready for use."""
        project = self.store.register(buckets)
        self.jobs.use_buckets(project.id, self.store.buckets(project))
        self.on_project(project)
        return project

    def touch(self) -> None:
        """Note that somebody asked for something."""
        self.touched = time.monotonic()

    def idle_for(self) -> float:
        """Seconds since the last request or the end of the last run, whichever was later."""
        if self.jobs.runner.busy:
            self.touch()
        return time.monotonic() - self.touched

    def application(self) -> ASGIApp:
        """The web application, with request log and faults around the strict API."""
        username = self.store.credentials.username
        admission = Admission(self.tokens, Keys(self.store.credentials.pairs()))
        v1 = V1(self.jobs, admission, username)
        v2 = V2(self.jobs, admission, username, user_id(self.store))
        saved = SavedConfigurations(self.store, self.jobs.now, v1)
        admin = Admin(self)
        app = Starlette(
            routes=[
                *v1.routes(),
                *saved.routes(),
                *v2.routes(),
                *Tasks(v2).routes(),
                *Iam(self.store, self.tokens, admission.is_signed).routes(),
                *admin.routes(),
            ],
            exception_handlers={404: _unknown_api, 405: _unknown_method, 500: _internal_error},
        )
        app.router.redirect_slashes = False
        return Guard(FaultLayer(app, self))


async def _unknown_api(request: Request, _error: Exception) -> Response:
    failure = Failure(404, "APIG.0101", "The API does not exist or has not been published.")
    if _is_v2(request):
        failure = Failure(404, "ModelArts.2836", "PathNotFound")
    return failure.response(shape_of_v2)


async def _unknown_method(request: Request, error: Exception) -> Response:
    failure = Failure(405, "APIG.0101", "The method is not supported by the API.")
    if _is_v2(request):
        failure = Failure(405, "ModelArts.2803", "MethodNotAllowed")
    response = failure.response(shape_of_v2)
    response.headers.update(getattr(error, "headers", None) or {})
    return response


async def _internal_error(request: Request, _error: Exception) -> Response:
    failure = Failure(500, "ModelArts.0010", "Internal error.")
    return failure.response(shape_of_v2 if _is_v2(request) else shape)


def _is_v2(request: Request) -> bool:
    return request.url.path.startswith("/v2/")
