"""Carry out a plan: intent, request, outcome, for many jobs side by side."""

import queue
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor as Pool
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from reconciler.engine.context import Context
from reconciler.engine.creation import Creation, LateJobError
from reconciler.engine.deletion import Vanishing
from reconciler.engine.journal import Journal
from reconciler.engine.versioning import Versioning
from reconciler.errors import (
    InterruptedRunError,
    JobNotFoundError,
    OutcomeUnknownError,
    ProviderError,
    ReconcilerError,
)
from reconciler.model.address import Address, kept_aside
from reconciler.model.events import Event
from reconciler.model.job import JobRecord
from reconciler.model.plan import Action, ActionKind
from reconciler.model.platform import Quota
from reconciler.model.report import ActionResult, Result
from reconciler.model.state import Closed, Intent, Opened, Recorded, Removed
from reconciler.planning.ordering import Schedule, must_clear_first
from reconciler.planning.projection import project


@dataclass(frozen=True, slots=True)
class Accepted:
    """A deletion was accepted; the action goes on when the job is gone.

    Not `certain` when the answer was lost: then it may have to be asked for again. `trouble` is
    what keeps us from telling whether the job is gone.
    """

    certain: bool = True
    trouble: str = ""


Ending = JobRecord | Accepted | ReconcilerError | None
"""What a worker's step came to: the record that is left (None for none), a deletion that was
accepted, or a failure."""


@dataclass(slots=True)
class Executor:
    """Runs the actions of one plan.

    Independent actions run side by side, bounded by the context's parallelism; a failed one
    stops only those that depend on it (all that are not begun, with `fail_fast`). For each, the
    intent is durable before its request leaves, and the outcome before anything depends on it.
    Workers do steps that wait for one answer; this object's thread alone keeps the order.
    """

    context: Context
    journal: Journal
    intents: Mapping[Address, tuple[Intent, ...]] = field(default_factory=dict)
    fail_fast: bool = False
    _results: dict[Address, ActionResult] = field(init=False, default_factory=dict)
    _ended: "queue.SimpleQueue[tuple[Action, Ending | BaseException]]" = field(
        init=False, default_factory=queue.SimpleQueue
    )
    _running: int = field(init=False, default=0)
    _failed: bool = field(init=False, default=False)
    _total: int = field(init=False, default=0)

    def run(
        self, actions: Sequence[Action], quota: Quota | None = None
    ) -> tuple[ActionResult, ...]:
        """Carry out the actions; return what became of each, in the given order.

        Raises `StateError` when an intent or an outcome could not be made durable: nothing more
        is sent after that, and what was sent is found again by the next run.
        """
        self._total = len(actions)
        schedule = Schedule(actions, clear_first=must_clear_first(actions, quota))
        vanishing = Vanishing(self.context)
        with ThreadPoolExecutor(max_workers=self.context.parallelism) as pool:
            while True:
                self._begin_more(pool, schedule)
                if self._running:
                    self._await_step(schedule, vanishing)
                elif vanishing and not self._is_stopping:
                    self.context.time.pause(vanishing.due_in)
                else:
                    break
                if vanishing and not self._is_stopping and not vanishing.due_in:
                    self._poll(pool, schedule, vanishing)
        self._leave(schedule, vanishing)
        if self.journal.is_broken:
            self.journal.append()
        return tuple(self._results[action.address] for action in actions)

    @property
    def _is_stopping(self) -> bool:
        return (
            self.context.stop.is_set()
            or self.journal.is_broken
            or (self.fail_fast and self._failed)
        )

    def _begin_more(self, pool: Pool, schedule: Schedule) -> None:
        while self._running < self.context.parallelism and not self._is_stopping:
            action = schedule.take()
            if action is None:
                return
            self.context.emit(_event("started", action))
            self._submit(pool, action, self._first_step(action))

    def _submit(self, pool: Pool, action: Action, step: Callable[[Action], Ending]) -> None:
        def work() -> None:
            try:
                ending: Ending | BaseException = step(action)
            except BaseException as failure:  # noqa: BLE001 - told to the thread that keeps order
                ending = failure
            self._ended.put((action, ending))

        self._running += 1
        pool.submit(work)

    def _await_step(self, schedule: Schedule, vanishing: Vanishing) -> None:
        timeout = vanishing.due_in if vanishing and not self._is_stopping else None
        try:
            action, ending = self._ended.get(timeout=timeout)
        except queue.Empty:
            return
        self._running -= 1
        if isinstance(ending, Accepted):
            vanishing.add(action, certain=ending.certain, trouble=ending.trouble)
            self.context.emit(
                _event("waiting", action, message="deletion accepted", done=len(vanishing))
            )
        else:
            self._finish(schedule, action, ending)

    def _poll(self, pool: Pool, schedule: Schedule, vanishing: Vanishing) -> None:
        for action, failure in vanishing.poll():
            if failure:
                if not isinstance(failure, OutcomeUnknownError):
                    self.journal.append(Closed(address=action.address))
                self._finish(schedule, action, failure)
            else:
                self._submit(pool, action, self._go_on_once_gone)

    def _finish(
        self, schedule: Schedule, action: Action, ending: JobRecord | BaseException | None
    ) -> None:
        if isinstance(ending, InterruptedRunError):
            self._settle(action, Result.SKIPPED, str(ending))
        elif isinstance(ending, ReconcilerError):
            self._failed = True
            self._settle(action, Result.FAILED, str(ending))
        elif isinstance(ending, BaseException):
            raise ending
        else:
            self._settle(action, Result.DONE, job_id=ending.job_id if ending else None)
        done = not isinstance(ending, BaseException)
        for dropped in schedule.finish(action, done=done):
            self._settle(dropped, Result.SKIPPED, f'"{action.address}" was not done')

    def _leave(self, schedule: Schedule, vanishing: Vanishing) -> None:
        """Note what was not begun, or not waited for, because the run stops."""
        for action in vanishing.drop():
            self._settle(action, Result.SKIPPED, "its deletion was accepted, and not awaited")
        for action in schedule.rest():
            if action.address not in self._results:
                self._settle(action, Result.SKIPPED, "not begun")

    def _settle(
        self, action: Action, result: Result, error: str = "", job_id: str | None = None
    ) -> None:
        self._results[action.address] = ActionResult(action, result, error, job_id)
        self.context.emit(
            _event(
                str(result),
                action,
                message=error,
                done=len(self._results),
                total=self._total,
                data={"job_id": job_id} if job_id else {},
            )
        )

    def _first_step(self, action: Action) -> Callable[[Action], Ending]:
        match action.kind:
            case ActionKind.CREATE:
                return self._create
            case ActionKind.REPLACE if action.strategy == "new_version":
                return self._create_version
            case ActionKind.REPLACE | ActionKind.DELETE:
                return self._delete
            case ActionKind.UPDATE | ActionKind.ADOPT:
                return self._update
            case _:
                return self._forget

    def _create(self, action: Action) -> JobRecord:
        return self._send_create(self._open("create", action))

    def _create_version(self, action: Action) -> JobRecord:
        intent = self._open("version", action)
        versioning = Versioning(self.context, intent, self.intents.get(intent.address, ()))
        described = any(each.path == "description" for each in action.changes)
        try:
            record = versioning.run(interrupts=action.interrupts, described=described)
        except ReconcilerError:
            if not versioning.maybe_sent:
                self.journal.append(Closed(address=intent.address))
            raise
        self.journal.append(Recorded(address=intent.address, record=record))
        return record

    def _go_on_once_gone(self, action: Action) -> Ending:
        """Go on with an action whose job left the list, unless its details are still there."""
        try:
            self.context.provider.get(action.job_id or "", action.version_id)
        except JobNotFoundError:
            pass
        except ProviderError as failure:
            return Accepted(trouble=failure.summary)
        else:
            return Accepted()
        if action.kind is ActionKind.REPLACE:
            return self._create_anew(action)
        self.journal.append(Recorded(address=action.address, record=project(action)))
        return project(action)

    def _create_anew(self, action: Action) -> JobRecord:
        """The second half of a replacement: the old job is gone, its intent still open."""
        self.journal.append(Removed(address=action.address, job_id=action.job_id or ""))
        if self.context.stop.is_set():
            raise InterruptedRunError("Interrupted", "The old job is deleted, no new one created.")
        return self._send_create(self._open("create", action))

    def _send_create(self, intent: Intent) -> JobRecord:
        earlier = self.intents.get(intent.address, ())
        creation = Creation(self.context, intent, earlier, self._reopen)
        try:
            record = creation.run()
        except LateJobError as late:
            self.journal.append(Recorded(address=intent.address, record=late.record))
            raise
        except ReconcilerError:
            if not creation.maybe_sent:
                self.journal.append(Closed(address=intent.address))
            raise
        self.journal.append(Recorded(address=intent.address, record=record))
        return record

    def _delete(self, action: Action) -> Accepted:
        self._open("replace" if action.kind is ActionKind.REPLACE else "delete", action)
        try:
            self.context.provider.delete(action.job_id or "")
        except OutcomeUnknownError:
            return Accepted(certain=False)
        except ReconcilerError:
            self.journal.append(Closed(address=action.address))
            raise
        return Accepted()

    def _update(self, action: Action) -> JobRecord | None:
        result = action.result
        if result is not None and any(each.path == "description" for each in action.changes):
            self._open("update", action)
            try:
                self.context.provider.update_description(
                    action.job_id or "", result.spec.description
                )
            except OutcomeUnknownError:
                raise
            except ReconcilerError:
                self.journal.append(Closed(address=action.address))
                raise
        self.journal.append(Recorded(address=action.address, record=result))
        return result

    def _forget(self, action: Action) -> None:
        self.journal.append(Recorded(address=action.address, record=None))

    def _reopen(self, intent: Intent) -> None:
        self.journal.append(Opened(intent=intent))

    def _open(self, kind: str, action: Action) -> Intent:
        intent = Intent.model_validate(
            {
                "kind": kind,
                "address": action.address,
                "at": self.context.provider.now(),
                "name": action.name,
                "job_id": action.job_id,
                "version_id": action.version_id,
                "result": action.result,
                "aside": _aside(action),
            }
        )
        self.journal.append(Opened(intent=intent))
        return intent


def _aside(action: Action) -> Address | None:
    """Return where the record of the job goes that an action creates another one beside."""
    if action.strategy != "keep" or action.job_id is None:
        return None
    return kept_aside(action.address, action.job_id)


def _event(
    type_: str,
    action: Action,
    *,
    message: str = "",
    done: int | None = None,
    total: int | None = None,
    data: Mapping[str, str] | None = None,
) -> Event:
    return Event.model_validate(
        {
            "type": type_,
            "address": action.address,
            "action": str(action.kind),
            "message": message,
            "done": done,
            "total": total,
            "data": dict(data or {}),
        }
    )


def listed(actions: Iterable[Action]) -> tuple[Action, ...]:
    """Return the actions that apply carries out; blocked ones only stand in the plan."""
    return tuple(action for action in actions if action.kind is not ActionKind.BLOCKED)
