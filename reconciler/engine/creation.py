"""Creating a job exactly once, whatever happens to the answer."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from reconciler.engine.context import Context
from reconciler.engine.refresh import read_spec
from reconciler.errors import (
    InterruptedRunError,
    NameTakenError,
    OutcomeUnknownError,
    ProviderError,
)
from reconciler.model.job import ActualJob, JobRecord
from reconciler.model.state import Intent
from reconciler.planning.recovery import is_ours, with_ids

MAX_LOST = 5
"""How many lost answers in a row the run puts up with before it gives up on a create."""


class LateJobError(ProviderError):
    """A job that an earlier, interrupted run created appeared only now, with other settings."""

    def __init__(self, record: JobRecord) -> None:
        """Take the record of the job that appeared."""
        super().__init__(
            "An earlier run's job appeared late",
            f'Job "{record.name}" (id {record.job_id}) was created by an interrupted run from an '
            "earlier definition. It is recorded now.",
            "Run `reconciler apply` again to bring it up to date.",
        )
        self.record = record


@dataclass(slots=True)
class Creation:
    """One create under way.

    A create whose answer was lost is never blindly repeated: the exact name is looked up first,
    and a job with the configuration that was sent, created no earlier than the intent, is ours.
    Only when none shows up within the grace time is it sent again; the platform's refusal of a
    duplicate name then leads back to the look-up (ModelArts API Reference, "Creating a Training
    Job": names are unique).

    `earlier` are the intents that interrupted runs left open for the same address; `reopen` makes
    an intent durable that says when the request was sent again, so that a run which follows our
    death knows how long the job may still take to appear. `maybe_sent` says that a request of ours
    may have had its effect, so that a failure must leave the intent open.
    """

    context: Context
    intent: Intent
    earlier: Sequence[Intent] = ()
    reopen: Callable[[Intent], None] = lambda _: None
    maybe_sent: bool = field(init=False)
    _first: Intent = field(init=False)
    _lost: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._first = self.intent
        self.maybe_sent = any(intent.kind == "create" for intent in self.earlier)

    def run(self) -> JobRecord:
        """Return the record of the created job.

        Raises `NameTakenError` when somebody else's job bears the name, `InterruptedRunError`
        when the run was stopped before the outcome was known, and the platform's refusal.
        """
        result = self.intent.result
        if result is None:
            raise ValueError("a create carries a spec")
        taken = self._attempts(self.context.timing.name_hold)
        while True:
            try:
                return with_ids(result, self.context.provider.create(result.spec))
            except OutcomeUnknownError as lost:
                found = self._after_lost_answer(lost)
                if found is None:
                    self._begin_again()
            except NameTakenError as refusal:
                found = self._after_name_taken(refusal)
                if found is None and not next(taken, False):
                    raise self._still_taken() from refusal
            if found:
                return found

    def _begin_again(self) -> None:
        self.intent = self.intent.model_copy(update={"at": self.context.provider.now()})
        self.reopen(self.intent)

    def _after_lost_answer(self, lost: OutcomeUnknownError) -> JobRecord | None:
        """Look for our job until it appears; None when it is time to send again."""
        self.maybe_sent = True
        self._lost += 1
        if found := self._claim(self._find_other()):
            return found
        for _ in self._attempts(self.context.timing.grace):
            if found := self._claim(self._find_other()):
                return found
        if self._lost >= MAX_LOST:
            raise OutcomeUnknownError(
                "Outcome of the create is unknown",
                f'The platform\'s answers to the create of "{self.intent.name}" were lost '
                f"{self._lost} times, and no such job has appeared.\n{lost.summary}",
                "Run `reconciler apply` again: it finds out, and never creates a job twice.",
            ) from lost
        return None

    def _after_name_taken(self, refusal: NameTakenError) -> JobRecord | None:
        """Tell our own job from somebody else's; None while no job is seen to bear the name.

        That is so while the old job of a replacement is on its way out, while its name is still
        held after it left the list, and while a new job has not reached the list yet.
        """
        visible = self._find_other()
        if visible is None:
            return None
        if found := self._claim(visible):
            return found
        raise NameTakenError(
            "Name is taken",
            f'A job "{visible.name}" that is not ours exists already (id {visible.job_id}).',
            "Give the job another `name`, or take the other one over with `reconciler adopt`.",
        ) from refusal

    def _attempts(self, seconds: float) -> Iterator[bool]:
        """Yield after growing pauses until the time is over.

        Raises `InterruptedRunError` when the user stops the run meanwhile.
        """
        clock, pause = self.context.time, self.context.timing.poll_first
        deadline: float | None = None
        while deadline is None or clock.monotonic() < deadline:
            deadline = deadline or clock.monotonic() + seconds
            if self.context.stop.is_set():
                raise InterruptedRunError(
                    "Interrupted",
                    f'Whether "{self.intent.name}" was created is not known yet.',
                    "Run `reconciler apply` again: it finds out, and never creates a job twice.",
                )
            clock.pause(pause)
            pause = min(pause * 1.5, self.context.timing.poll_most)
            yield True

    def _find_other(self) -> ActualJob | None:
        """Return the job that bears the name, other than the one that is being replaced.

        None also when the platform cannot tell for now. Its spec is read when it may be ours.
        """
        try:
            rows = self.context.provider.find(self.intent.name)
            leaving = {intent.job_id for intent in (*self.earlier, self.intent)}
            visible = next((row for row in rows if row.job_id not in leaving), None)
            if visible is None or not self.maybe_sent:
                return visible
            job = read_spec(self.context.provider, visible)
        except ProviderError:
            return None
        return job if job.spec else None

    def _claim(self, job: ActualJob | None) -> JobRecord | None:
        """Return the record if the job is ours; raise if it is of an older definition."""
        if job is None:
            return None
        if self._lost and (found := is_ours((self._first, self.intent), job)):
            return found
        found = is_ours(self.earlier, job)
        if found is None or self.intent.result is None:
            return None
        if found.spec != self.intent.result.spec:
            raise LateJobError(found)
        return with_ids(self.intent.result, job)

    def _still_taken(self) -> NameTakenError:
        return NameTakenError(
            "Name is taken",
            f'The platform refuses the name "{self.intent.name}", although no job that bears it '
            f"has been listed for {self.context.timing.name_hold:.0f} s.",
            "Run `reconciler apply` again later, or give the job another `name`.",
        )
