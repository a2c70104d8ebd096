"""Stacks on one platform, everything that users and strangers do to them, and what must hold."""

import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar
from unittest import mock

from reconciler.backends.base import Backend
from reconciler.backends.local import LocalBackend
from reconciler.backends.memory import MemoryBackend
from reconciler.engine.apply import Approval, apply, apply_saved
from reconciler.engine.context import Context, Timing
from reconciler.engine.outcomes import wait
from reconciler.engine.plan import Prepared, plan
from reconciler.engine.request import Request
from reconciler.errors import (
    DefinitionError,
    PlanStaleError,
    ReconcilerError,
    RefusedError,
    UsageError,
)
from reconciler.model.address import Address, owner_of
from reconciler.model.definition import Removal
from reconciler.model.job import ActualJob, DesiredJob, JobRecord
from reconciler.model.plan import Plan
from reconciler.model.report import ApplyResult, Report, Result
from reconciler.model.spec import JobSpec
from reconciler.planning.guards import Consent
from reconciler.planning.naming import as_recorded
from reconciler.providers.memory import MemoryProvider
from reconciler.providers.memory_platform import MemoryPlatform
from tests.reliability.chaos import (
    Died,
    Gate,
    Inline,
    Late,
    Script,
    WatchedBackend,
    WatchedProvider,
)
from tests.reliability.judging import check_moved, check_told, is_overtaken, is_to_follow
from tests.reliability.ledger import Ledger, ViolationError
from tests.reliability.likeness import fixed, has_all
from tests.reliability.runs import RunsProvider
from tests.reliability.secrecy import MARK, seal_like
from tests.reliability.written import Written
from tests.unit.engine.support import PLATFORM, Clock

T = TypeVar("T")
TIMING = Timing(delete_timeout=60.0)
CALM: Script = {}
_HARMLESS = (RefusedError, DefinitionError, PlanStaleError, UsageError)


@dataclass(frozen=True, slots=True)
class Saved:
    """A plan kept in a file, what was wanted then, and the platform's versions at that time."""

    plan: Plan
    desired: Mapping[Address, DesiredJob]
    versions: Mapping[str, str | None]
    removed: tuple[Removal, ...]


@dataclass(slots=True)
class Stack:
    """One definition with its state."""

    ledger: Ledger
    store: Backend
    written: Written = field(default_factory=Written)
    has_versions: bool = True
    saved: Saved | None = None

    def records(self) -> Mapping[Address, JobRecord]:
        """Return what the state records now."""
        state = self.store.read()
        return state.records if state else {}


@dataclass(slots=True)
class Run:
    """How one command ended: with a value, an expected error, or its process's death."""

    gate: Gate
    value: object = None
    error: ReconcilerError | None = None

    @property
    def is_calm(self) -> bool:
        """Whether nothing went wrong that a script asked for."""
        return not self.gate.disturbed


class World:
    """A platform and the stacks that live on it; every command is a process of its own."""

    def __init__(self, api: str = "v1") -> None:
        self.api = api
        self.platform = MemoryPlatform()
        self.clock = Clock(self.platform)
        self.late = Late()
        self.folder: Path | None = None
        self.succeeded: set[str] = set()
        self.stacks: list[Stack] = []
        self._inline = [
            mock.patch(f"reconciler.engine.{module}.ThreadPoolExecutor", Inline)
            for module in ("executor", "refresh")
        ]
        for each in self._inline:
            each.start()

    def add_stack(self, *, on_disk: bool) -> Stack:
        store: Backend = MemoryBackend()
        if on_disk:
            self.folder = self.folder or Path(tempfile.mkdtemp(prefix="reconciler-"))
            store = LocalBackend(self.folder / str(len(self.stacks)), "test")
        stack = Stack(Ledger(self.platform, store), store, has_versions=self.api == "v1")
        self.stacks.append(stack)
        return stack

    def close(self) -> None:
        for each in self._inline:
            each.stop()
        if self.folder:
            shutil.rmtree(self.folder)

    def check(self) -> None:
        for stack in self.stacks:
            stack.ledger.check()
        for path in self.folder.rglob("*") if self.folder else ():
            if path.is_file() and MARK.encode() in path.read_bytes():
                raise ViolationError(f"other: {path.name} has the value of a secret")

    def settle(self, seconds: float = 600.0) -> None:
        """Let so much time pass that whatever is late arrives, and every list is up to date."""
        self.late.advance(100)
        for job in self.platform.jobs:
            if job.name in self.platform.refuses_deletes:
                self.platform.refuses_deletes.discard(job.name)
        for _ in range(5):
            self.platform.listed()
        self.clock.pause(seconds)

    def run(
        self, stack: Stack, script: Script, operation: Callable[[Context], T], width: int = 1
    ) -> Run:
        """Run a command in a process of its own, and hold it to what it may do however it ends."""
        ledger, gate = stack.ledger, Gate(script, self.late)
        before, requests = stack.store.read(), ledger.requests
        context = Context(
            WatchedProvider(self._provider(), gate, ledger, self._add_rival),
            WatchedBackend(stack.store, gate),
            "apply",
            stop=gate.stop,
            clock=self.clock,
            emit=gate.emit,
            parallelism=width,
            timing=TIMING,
            environment=dict(ledger.environment),
        )
        ended = Run(gate)
        try:
            ended.value = operation(context)
        except Died:
            assert gate.dead
        except ReconcilerError as error:
            ended.error = error
        result = ended.value if isinstance(ended.value, ApplyResult) else None
        ledger.finish(result)
        check_told(ended.gate, ended.error, ended.value)
        if isinstance(ended.error, _HARMLESS) and (
            ledger.requests != requests or stack.store.read() != before
        ):
            raise ViolationError(
                f"unapproved: {ended.error.summary}, and yet something was changed"
            )
        if result and not result.verified:
            raise ViolationError(
                f"lost: what was recorded is not what was planned: {result.mismatches}"
            )
        return ended

    def apply(
        self,
        stack: Stack,
        request: Request,
        script: Script = CALM,
        *,
        width: int = 1,
        approved: bool = True,
        expect: str | None = None,
        fail_fast: bool = False,
    ) -> Run:
        """Apply; a run that nothing disturbed and nothing held back must leave nothing to do."""
        plans: list[Plan] = []

        def confirm(report: Report) -> bool:
            plans.append(report.plan)
            if expect is not None and report.plan.digest != expect:
                raise ViolationError("unapproved: the plan is not the one that was expected")
            chosen = [
                each
                for each in request.moved
                if each.source in request.selection or each.target in request.selection
            ]
            stack.ledger.check_moves(report.plan, chosen)
            stack.ledger.approve(report.plan, request.desired, removed=request.removed)
            return approved

        before = stack.store.read()

        ended = self.run(
            stack,
            script,
            lambda context: apply(context, request, Approval(confirm, expect), fail_fast=fail_fast),
            width,
        )
        if isinstance(ended.value, ApplyResult):
            check_moved(before, stack.store.read(), plans[-1])
            if ended.is_calm:
                stack.ledger.note_succeeded()
            self._check_done(stack, request, ended, plans[-1])
        return ended

    def apply_saved(self, stack: Stack, script: Script, consent: Consent, width: int) -> Run:
        """Apply the kept plan: exactly it, or nothing."""
        saved = stack.saved
        assert saved

        def confirm(report: Report) -> bool:
            ref, state = saved.plan.state, stack.store.read()
            if (ref.lineage, ref.serial) != ((state.lineage, state.serial) if state else ("", 0)):
                raise ViolationError("unapproved: the state has moved on since the plan was made")
            stack.ledger.approve(saved.plan, saved.desired, saved.versions, saved.removed)
            return True

        return self.run(
            stack,
            script,
            lambda context: apply_saved(context, saved.plan, Approval(confirm), consent),
            width,
        )

    def wait(self, stack: Stack, script: Script) -> None:
        """Wait a moment for the runs to end; what was seen of their ends is recorded."""
        ended = self.run(stack, script, lambda context: wait(context, None, timeout=5))
        if ended.is_calm and not ended.error:
            stack.ledger.note_succeeded()

    def plan(self, stack: Stack, request: Request, script: Script = CALM) -> Run:
        """Plan: nothing is asked of the platform, nothing is written."""
        before, requests = stack.store.read(), stack.ledger.requests
        ended = self.run(stack, script, lambda context: plan(context, request))
        if stack.store.read() != before or stack.ledger.requests != requests:
            raise ViolationError("unapproved: a plan changed something")
        return ended

    def save_plan(self, stack: Stack, request: Request) -> None:
        versions = stack.ledger.present()
        ended = self.plan(stack, request)
        if isinstance(ended.value, Prepared):
            stack.saved = Saved(ended.value.plan, dict(request.desired), versions, request.removed)

    def tamper(self, job_id: str) -> None:
        """A stranger changed a job: if nobody recorded it yet, nobody can tell whose it was."""
        for stack in self.stacks:
            state = stack.store.read()
            records = state.records.values() if state else ()
            if job_id not in {record.job_id for record in records}:
                stack.ledger.release({job_id})

    def remove(self, job_id: str) -> None:
        """A stranger removes a job: nobody can count what nobody recorded."""
        for stack in self.stacks:
            state = stack.store.read()
            records = state.records.values() if state else ()
            if job_id not in {record.job_id for record in records}:
                stack.ledger.removed_unseen(job_id)

    def _provider(self) -> MemoryProvider:
        kind = MemoryProvider if self.api == "v1" else RunsProvider
        return kind(self.platform)

    def _add_rival(self, spec: JobSpec) -> None:
        if not self.platform.is_taken(spec.name):
            self.platform.add(spec.model_copy(update={"parameters": {"lr": "9"}}))

    def _check_done(self, stack: Stack, request: Request, ended: Run, plan: Plan) -> None:
        """I3 and I4: after an apply that nothing hindered, there is nothing left to do."""
        result = ended.value
        assert isinstance(result, ApplyResult)
        hindered = plan.summary.blocked or len(result.of(Result.DONE)) != len(result.results)
        if not ended.is_calm or hindered:
            return
        again = self.plan(stack, request)
        if isinstance(again.error, UsageError):  # what was targeted is gone, as it should be
            return
        left = again.value
        if not isinstance(left, Prepared):
            raise ViolationError(f"lost: after an apply there is no plan: {again.error}")
        if left.plan.actions and is_to_follow(plan, left.plan):
            return
        if left.plan.summary.blocked:
            return
        if is_overtaken(plan, left.plan, self._deletions_of_others(stack)):
            self._apply_to_the_end(stack, request)
            return
        touched = {action.job_id for action in left.plan.actions}
        if left.recovery.entries and touched & stack.ledger.twins:
            return  # somebody's job that is taken for ours came into the list only now
        if not left.plan.is_empty or left.plan.errors or left.recovery.entries:
            raise ViolationError(f"lost: after an apply there is more to do: {left.plan.actions}")
        self._check_as_wanted(stack, request)

    def _apply_to_the_end(self, stack: Stack, request: Request) -> None:
        """Apply once more: everything is done by it, so that it is held to leave nothing to do."""
        result = self.apply(stack, request).value
        if not isinstance(result, ApplyResult) or len(result.of(Result.DONE)) != len(
            result.results
        ):
            raise ViolationError(f"lost: what vanished is not made anew: {result}")

    def _deletions_of_others(self, stack: Stack) -> set[str]:
        others = [each.ledger.deletions for each in self.stacks if each is not stack]
        return {job_id for deletions in others for job_id in deletions}

    def _check_as_wanted(self, stack: Stack, request: Request) -> None:
        """What the definition wants is recorded and there; what it does not want is not."""
        state = stack.store.read()
        jobs = {job.job_id: job for job in self.platform.jobs}
        records = state.records if state else {}
        for address, wanted in request.desired.items():
            if address not in request.selection:
                continue
            record = records.get(address)
            wanted = stack.ledger.sealed(wanted)
            wanted = as_recorded(wanted, record) if record else wanted
            if record is None or fixed(record.spec) != fixed(wanted.spec):
                raise ViolationError(f"lost: {address} is recorded as {record}")
            if record.code != wanted.code and record.job_id in jobs:
                raise ViolationError(f"lost: {address} is recorded with other code")
            job = jobs.get(record.job_id or "")
            if job and record.spec != wanted.spec:
                raise ViolationError(f"lost: {address} is recorded with another description")
            if job is None:
                if record.job_id not in self.succeeded and not record.expired:
                    raise ViolationError(f"lost: {address} is gone, and never succeeded")
            elif not self._is_as_wanted(stack, job, wanted.spec):
                raise ViolationError(
                    f"lost: {address} is not as the definition wants it: {job.spec}"
                )
            elif wanted.spec.description not in ("", job.description):
                raise ViolationError(f"lost: {address} is described as {job.description!r}")
        for address in records:
            if address in request.selection and owner_of(address) not in request.desired:
                raise ViolationError(f"lost: {address} is not wanted, and still recorded")

    def _is_as_wanted(self, stack: Stack, job: ActualJob, wanted: JobSpec) -> bool:
        """Tell whether a job has the wanted configuration; one that we created, no other."""
        state = stack.store.read()
        if job.spec is None or state is None:
            return False
        if job.job_id in stack.ledger.sent:
            return fixed(seal_like(job.spec, wanted, state.salt)) == fixed(wanted)
        return has_all(job.spec, wanted, state.salt)


def request(stack: Stack, **overrides: object) -> Request:
    """Return a request for what the stack's definition says now; it may interrupt what runs."""
    written, desired = stack.written, stack.written.desired()
    if not stack.has_versions:
        desired = {address: _without_versions(job) for address, job in desired.items()}
    fresh = Request(
        stack="test",
        platform=PLATFORM,
        desired=desired,
        moved=written.moves(),
        removed=written.removals(),
        consent=Consent(interrupt_running=True, mass_delete=True),
        command="apply",
    )
    return replace(fresh, **overrides)  # type: ignore[arg-type]


def _without_versions(job: DesiredJob) -> DesiredJob:
    """Return a job whose platform has no versions, as its definition could be."""
    if job.lifecycle.on_change != "new_version":
        return job
    return replace(job, lifecycle=job.lifecycle.model_copy(update={"on_change": "replace"}))
