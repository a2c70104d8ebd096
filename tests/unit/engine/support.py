"""A world to run the engine in: a platform and a state that outlive the runs, and a clock."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.backends.base import Backend
from reconciler.backends.memory import MemoryBackend
from reconciler.engine.apply import Approval, apply, apply_saved
from reconciler.engine.context import Context, Timing
from reconciler.engine.plan import Prepared, plan
from reconciler.engine.request import Request
from reconciler.model.address import Address
from reconciler.model.events import Event
from reconciler.model.job import DesiredJob, JobRecord, Lifecycle
from reconciler.model.plan import Action, Plan, PlanPlatform
from reconciler.model.report import ApplyResult, Report
from reconciler.model.state import (
    Intent,
    State,
)
from reconciler.planning.guards import Consent
from reconciler.providers.memory import MemoryProvider
from reconciler.providers.memory_platform import MemoryPlatform
from tests.build import a_desired, a_spec
from tests.unit.engine.tape import Around, Reaper, Taped, TapedBackend

PLATFORM = PlanPlatform(api="memory", endpoint="memory", project_id="memory")
FREELY = Consent(interrupt_running=True, mass_delete=True)


class Clock:
    """Time that passes only in pauses; the platform's passes along with it."""

    def __init__(self, platform: MemoryPlatform) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []
        self.on_pause: Callable[[], None] = lambda: None
        self._platform = platform
        self._lock = threading.Lock()

    def monotonic(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        with self._lock:
            self.now += seconds
            self.pauses.append(seconds)
            self._platform.tick(seconds)
        self.on_pause()


@dataclass
class World:
    """A platform and a state that outlive the runs against them.

    `around` names what happens around the calls of a method; `created` holds the ids of all jobs
    that a run of ours created, in order.
    """

    platform: MemoryPlatform = field(default_factory=MemoryPlatform)
    store: Backend = field(default_factory=MemoryBackend)
    tape: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    created: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    around: Around = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clock = Clock(self.platform)
        self.stop = threading.Event()

    @property
    def memory(self) -> MemoryBackend:
        assert isinstance(self.store, MemoryBackend)
        return self.store

    @property
    def state(self) -> State:
        found = self.store.read()
        assert found is not None
        return found

    def record(self, address: str) -> JobRecord:
        return self.state.records[Address(address)]

    def intents(self, address: str) -> tuple[Intent, ...]:
        return self.state.intents.get(Address(address), ())

    def context(self, *, reaper: Reaper | None = None, **overrides: Any) -> Context:
        """Return the ports of a fresh process; overrides are fields of Context."""
        reaper = reaper or Reaper()
        self.stop = threading.Event()
        taped = Taped(
            MemoryProvider(self.platform),
            self.tape,
            reaper,
            self.names,
            self.created,
            self.around,
        )
        fields: dict[str, Any] = {
            "command": "apply",
            "stop": self.stop,
            "clock": self.clock,
            "emit": self.events.append,
            "parallelism": 1,
            "timing": Timing(),
        }
        backend = TapedBackend(self.store, self.tape, reaper)
        return Context(taped, backend, **(fields | overrides))

    def plan(self, *jobs: DesiredJob, **overrides: Any) -> Prepared:
        """Plan in a fresh process; overrides are fields of Request."""
        return plan(self.context(), a_request(*jobs, **overrides))

    def apply(
        self,
        *jobs: DesiredJob,
        request: Request | None = None,
        fail_fast: bool = False,
        confirm: Callable[[Report], bool] = lambda _: True,
        expect: str | None = None,
        **overrides: Any,
    ) -> ApplyResult:
        """Apply in a fresh process; the tape begins anew when the plan is approved."""
        return apply(
            self.context(**overrides),
            request or a_request(*jobs),
            Approval(self._from_here(confirm), expect),
            fail_fast=fail_fast,
        )

    def apply_saved(
        self,
        saved: Plan,
        *,
        consent: Consent = FREELY,
        fail_fast: bool = False,
        expect: str | None = None,
        **overrides: Any,
    ) -> ApplyResult:
        """Apply a saved plan in a fresh process."""
        return apply_saved(
            self.context(**overrides),
            saved,
            Approval(self._from_here(lambda _: True), expect),
            consent,
            fail_fast=fail_fast,
        )

    def _from_here(self, confirm: Callable[[Report], bool]) -> Callable[[Report], bool]:
        def ask(report: Report) -> bool:
            self.tape.clear()
            return confirm(report)

        return ask

    def mutations(self) -> list[str]:
        """Return the changing calls on the tape."""
        verbs = ("create ", "version ", "update ", "delete ", "stop ")
        return [line for line in self.tape if line.startswith(verbs)]

    def check_settled(self, *jobs: DesiredJob, strangers: Sequence[str] = ()) -> None:
        """Hold state, platform and definition against one another: nothing lost, nothing left."""
        wanted = {job.address: job.spec for job in jobs}
        state = self.state
        assert state.records.keys() == wanted.keys()
        live = {job.job_id: job for job in self.platform.jobs}
        for address, record in state.records.items():
            assert record.spec == wanted[address]
            assert live[record.job_id or ""].spec == wanted[address], address
        recorded = {record.job_id for record in state.records.values()}
        assert {job.name for key, job in live.items() if key not in recorded} == set(strangers)
        assert state.intents == {}
        left = self.plan(*jobs, adopt=True)
        assert (left.plan.is_empty, left.plan.errors, left.recovery.entries) == (True, (), ())


def a_request(*jobs: DesiredJob, **overrides: Any) -> Request:
    """Return a request for the jobs that may interrupt what runs."""
    fields: dict[str, Any] = {
        "stack": "test",
        "platform": PLATFORM,
        "desired": {job.address: job for job in jobs},
        "consent": FREELY,
        "command": "apply",
    }
    return Request(**(fields | overrides))


def job(name: str = "a", lifecycle: Lifecycle | None = None, **spec: Any) -> DesiredJob:
    """Return a wanted job; keywords are fields of JobSpec."""
    wanted = a_spec(name, **spec)
    return a_desired(wanted, lifecycle=lifecycle or Lifecycle())


def other(name: str = "a", **spec: Any) -> DesiredJob:
    """Return the same job with other parameters, so that it must be replaced."""
    return job(name, **({"parameters": {"lr": "0.2"}} | spec))


def depending(plan: Plan, address: str, *on: str) -> Plan:
    """Return the plan with one action depending on others, sealed again."""

    def changed(action: Action) -> Action:
        if action.address != address:
            return action
        return action.model_copy(update={"depends_on": tuple(Address(each) for each in on)})

    return plan.model_copy(update={"actions": tuple(map(changed, plan.actions))}).sealed()


def outcome_of(result: ApplyResult) -> dict[str, str]:
    """Return what became of each action, by address."""
    return {each.action.address: str(each.result) for each in result.results}


def after(function: Callable[[], object], nth: int = 1) -> Callable[[], None]:
    """Return a hook that calls a function at its nth call, and never again."""
    calls = 0

    def hook() -> None:
        nonlocal calls
        calls += 1
        if calls == nth:
            function()

    return hook


def first(function: Callable[[], object]) -> Callable[[], AbstractContextManager[None]]:
    """Return what to put `around` a method, so that something happens before its first call."""
    hook = after(function)

    @contextmanager
    def call() -> Iterator[None]:
        hook()
        yield

    return call


def renamed(wanted: DesiredJob, name: str) -> DesiredJob:
    """Return the same address with a job of another name."""
    return replace(wanted, spec=wanted.spec.model_copy(update={"name": name}))
