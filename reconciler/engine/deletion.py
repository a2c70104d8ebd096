"""Waiting until deleted jobs are gone: one shared poll for all of them."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from reconciler.engine.context import Context
from reconciler.errors import (
    OutcomeUnknownError,
    ProviderError,
    UnreachableError,
)
from reconciler.model.job import ActualJob, Status
from reconciler.model.plan import Action
from reconciler.model.platform import Listing

_PATIENCE = 5
"""After how many polls a deletion whose answer was lost is asked for again."""

_CONFIRMATIONS = 3
"""In how many polls in a row a job must show "delete failed" before it is believed: a job whose
earlier deletion failed still shows it when the next one has just been accepted."""


@dataclass(slots=True)
class _Awaited:
    action: Action
    deadline: float
    certain: bool
    returned: bool
    trouble: str
    polls: int = 0
    failures: int = 0


@dataclass(slots=True)
class Vanishing:
    """The jobs whose deletion was accepted and not yet completed.

    Deletion is asynchronous on the platform; it is complete when the job is absent from the list
    and its details are not found (ModelArts API Reference, "Deleting a Training Job"). One list
    call per poll serves all of them, at intervals that grow by half.
    """

    context: Context
    _awaited: dict[str, _Awaited] = field(init=False, default_factory=dict)
    _deadlines: dict[str, float] = field(init=False, default_factory=dict)
    _next: float = field(init=False, default=0.0)
    _pause: float = field(init=False, default=0.0)

    def __bool__(self) -> bool:
        return bool(self._awaited)

    def __len__(self) -> int:
        return len(self._awaited)

    def add(self, action: Action, *, certain: bool = True, trouble: str = "") -> None:
        """Await the end of this action's job; not `certain` that its deletion was accepted.

        A job that left the list and may not be gone comes back: with its first deadline, and
        with the `trouble` that there was in telling.
        """
        if action.job_id is None:
            raise ValueError("a deletion names its job")
        now, timing = self.context.time.monotonic(), self.context.timing
        returned = action.job_id in self._deadlines
        if not self._awaited and not returned:
            self._pause = timing.poll_first
            self._next = now + self._pause
        deadline = self._deadlines.setdefault(action.job_id, now + timing.delete_timeout)
        self._awaited[action.job_id] = _Awaited(action, deadline, certain, returned, trouble)

    def drop(self) -> list[Action]:
        """Stop waiting; return the actions that were waited for."""
        actions = [awaited.action for awaited in self._awaited.values()]
        self._awaited.clear()
        return actions

    @property
    def due_in(self) -> float:
        """Seconds until the next poll; 0 when it is due."""
        return max(0.0, self._next - self.context.time.monotonic())

    def poll(self) -> Iterator[tuple[Action, ProviderError | None]]:
        """Ask the platform once; yield the actions whose wait is over, with what went wrong.

        Nothing went wrong when the list shows the job no more; its details have to confirm that.
        `OutcomeUnknownError` means that the job may still go; any other error, that it stays.
        """
        try:
            listing = self.context.provider.list()
        except ProviderError as failure:
            yield from self._expire(failure.summary)
        else:
            yield from self._judge(listing)
            yield from self._expire("")
        self._pause = min(self._pause * 1.5, self.context.timing.poll_most)
        self._next = self.context.time.monotonic() + self._pause

    def _judge(self, listing: Listing) -> Iterator[tuple[Action, ProviderError | None]]:
        for job_id, awaited in list(self._awaited.items()):
            awaited.polls += 1
            job = listing.by_id(job_id)
            awaited.failures = awaited.failures + 1 if _has_failed(job) else 0
            if job is None and not (awaited.returned and self._is_over(awaited)):
                yield self._end(job_id), None
            elif awaited.failures >= _CONFIRMATIONS:
                yield self._end(job_id), _deletion_failed(awaited.action)
            elif failure := self._ask_again(awaited):
                yield self._end(job_id), failure

    def _expire(self, reason: str) -> Iterator[tuple[Action, ProviderError]]:
        seconds = self.context.timing.delete_timeout
        for job_id, awaited in list(self._awaited.items()):
            if self._is_over(awaited):
                trouble = reason or awaited.trouble
                found = "not known to be gone" if trouble else "still there"
                detail = f'"{awaited.action.name}" (id {job_id}) is {found} after {seconds:.0f} s.'
                yield (
                    self._end(job_id),
                    OutcomeUnknownError(
                        "Deletion takes too long",
                        "\n".join(part for part in (detail, trouble) if part),
                        "Run `reconciler apply` again later, or allow more time with "
                        "`--delete-timeout`.",
                    ),
                )

    def _is_over(self, awaited: _Awaited) -> bool:
        return self.context.time.monotonic() >= awaited.deadline

    def _end(self, job_id: str) -> Action:
        return self._awaited.pop(job_id).action

    def _ask_again(self, awaited: _Awaited) -> ProviderError | None:
        if awaited.certain or awaited.polls % _PATIENCE:
            return None
        try:
            self.context.provider.delete(awaited.action.job_id or "")
        except (OutcomeUnknownError, UnreachableError):
            return None
        except ProviderError as failure:
            return failure
        awaited.certain = True
        return None


def _deletion_failed(action: Action) -> ProviderError:
    return ProviderError(
        "Deletion failed",
        f'The platform reports that it could not delete "{action.name}" (id {action.job_id}).',
        "Run `reconciler apply` again to repeat it; if it stays so, ask the platform's support.",
    )


def _has_failed(job: ActualJob | None) -> bool:
    return job is not None and job.status is Status.DELETE_FAILED
