"""Running a job again as a version of itself, exactly once whatever happens to the answer."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from reconciler.engine.context import Context
from reconciler.errors import InterruptedRunError, OutcomeUnknownError, ProviderError
from reconciler.model.job import JobRecord
from reconciler.model.state import Intent
from reconciler.planning.recovery import is_our_version, with_ids


@dataclass(slots=True)
class Versioning:
    """One creation of a version under way.

    No name tells two versions of a job apart, so one whose answer was lost is never sent a second
    time by the run that lost it: the job's latest version is looked at instead, for as long as a
    job may take to appear. A version other than the one that it was to follow, with the
    configuration that was sent, is ours. If none shows up, the intent stays open, and the next
    run looks again before it does anything.

    `earlier` are the intents that interrupted runs left open for the same address; `maybe_sent`
    says that a request of ours may have had its effect, so that a failure must leave the intent
    open.
    """

    context: Context
    intent: Intent
    earlier: Sequence[Intent] = ()
    maybe_sent: bool = field(init=False)

    def __post_init__(self) -> None:
        self.maybe_sent = any(intent.kind == "version" for intent in self.earlier)

    def run(self, *, interrupts: bool, described: bool) -> JobRecord:
        """Return the record of the new version.

        With `interrupts` the version that it follows is stopped first, so that never two of them
        run; with `described` the job's description is set as well. Raises `OutcomeUnknownError`
        when nobody can tell yet whether there is a new version, `InterruptedRunError` when the
        run was stopped before that was known, and the platform's refusal.
        """
        job_id, result = self.intent.job_id, self.intent.result
        if job_id is None or result is None or self.intent.version_id is None:
            raise ValueError("a version follows another one of a job")
        provider = self.context.provider
        if interrupts:
            provider.stop(job_id, self.intent.version_id)
        if described:
            provider.update_description(job_id, result.spec.description)
        try:
            made = provider.create_version(job_id, self.intent.version_id, result.spec)
        except OutcomeUnknownError as lost:
            self.maybe_sent = True
            return self._after_lost_answer(lost)
        return with_ids(result, made)

    def _after_lost_answer(self, lost: OutcomeUnknownError) -> JobRecord:
        clock, timing = self.context.time, self.context.timing
        deadline, pause = clock.monotonic() + timing.grace, timing.poll_first
        while True:
            if found := self._find():
                return found
            if self.context.stop.is_set():
                raise InterruptedRunError(
                    "Interrupted",
                    f'Whether "{self.intent.name}" got a new version is not known yet.',
                    "Run `reconciler apply` again: it finds out.",
                )
            if clock.monotonic() >= deadline:
                raise OutcomeUnknownError(
                    "Outcome of the new version is unknown",
                    f'The platform\'s answer to a new version of "{self.intent.name}" was lost, '
                    f"and none has appeared.\n{lost.summary}",
                    "Run `reconciler apply` again: it looks before it sends anything.",
                ) from lost
            clock.pause(pause)
            pause = min(pause * 1.5, timing.poll_most)

    def _find(self) -> JobRecord | None:
        """Return the record of our version if it is the latest; None also if nobody can tell."""
        try:
            latest = self.context.provider.get(self.intent.job_id or "", None)
        except ProviderError:
            return None
        return is_our_version((self.intent,), latest)
