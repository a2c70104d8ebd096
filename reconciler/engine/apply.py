"""Apply: carry out a plan under the state's lock, record every step, prove the result."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reconciler.backends.base import StateWriter
from reconciler.engine.context import Context
from reconciler.engine.executor import Executor, listed
from reconciler.engine.journal import Journal
from reconciler.engine.outcomes import observed
from reconciler.engine.plan import (
    GUARDS,
    Prepared,
    Request,
    check_platform,
    new_state,
    prepare,
    refuse_errors,
    state_ref,
)
from reconciler.engine.refresh import refresh
from reconciler.engine.staleness import check_digest, check_expected, check_state, fitting
from reconciler.errors import ReconcilerError
from reconciler.model.plan import Action, Plan
from reconciler.model.report import ApplyResult, Report, Result
from reconciler.model.state import Bound, Entry, State, fold
from reconciler.planning.guards import Consent, check_guards
from reconciler.planning.projection import mismatches
from reconciler.planning.recovery import recover

Confirm = Callable[[Report], bool]


@dataclass(frozen=True, slots=True)
class Approval:
    """How the run is approved.

    `confirm` sees the plan, empty or not, and says whether to go on; `expect` is the digest that
    stood in the review.
    """

    confirm: Confirm = lambda _: True
    expect: str | None = None


def apply(
    context: Context, request: Request, approval: Approval, *, fail_fast: bool = False
) -> ApplyResult:
    """Make a fresh plan and carry it out.

    Raises `StateLockedError`, `PlanStaleError` (the expected digest differs), `RefusedError`
    and `DefinitionError` before anything is changed; `StateError` when something could not be
    recorded. Failed actions are in the result.
    """
    with context.backend.lock(command=context.command, timeout=context.lock_timeout) as writer:
        recorded = context.backend.read()
        prepared = prepare(context, request, recorded)
        check_expected(prepared.plan, approval.expect)
        refuse_errors(prepared.plan.errors)
        _ask(approval, prepared.report)
        run = _Run(context, writer, recorded, fail_fast)
        return run.carry_out(prepared.plan, prepared.plan.actions, prepared)


def apply_saved(
    context: Context,
    saved: Plan,
    approval: Approval,
    consent: Consent,
    *,
    fail_fast: bool = False,
) -> ApplyResult:
    """Carry out exactly a saved plan, or nothing.

    Raises `PlanStaleError` when the plan was edited, when the state has moved on, or when a
    touched job is no longer as the plan expects it; otherwise like `apply`.
    """
    check_digest(saved)
    check_expected(saved, approval.expect)
    refuse_errors(tuple(each for each in saved.errors if each.code not in GUARDS))
    with context.backend.lock(command=context.command, timeout=context.lock_timeout) as writer:
        recorded = context.backend.read()
        check_state(saved, state_ref(recorded))
        base = recorded or new_state(saved.stack)
        check_platform(base, saved.platform)
        listing = refresh(context.provider, base, {}, emit=context.emit)
        recovery = recover(base, listing)
        state = fold(base, recovery.entries)
        actions = fitting(saved, listing)
        refuse_errors(check_guards(actions, state, consent))
        report = Report(plan=saved, command="apply", recovered=recovery.recovered)
        _ask(approval, report)
        run = _Run(context, writer, recorded, fail_fast)
        return run.carry_out(saved, actions, Prepared(saved, report, state, listing, recovery))


@dataclass(frozen=True, slots=True)
class _Run:
    """One approved plan under the lock: record what is known, execute, prove, checkpoint."""

    context: Context
    writer: StateWriter
    recorded: State | None
    fail_fast: bool

    def carry_out(self, plan: Plan, planned: Sequence[Action], prepared: Prepared) -> ApplyResult:
        actions, facts = listed(planned), self._facts(plan, prepared)
        if not actions and not facts:
            return ApplyResult()
        base = self.recorded or prepared.state
        if self.recorded is None:
            self.writer.checkpoint(base)
        journal = Journal(self.writer, base)
        if facts:
            journal.append(*facts)
        executor = Executor(self.context, journal, prepared.state.intents, self.fail_fast)
        results = executor.run(actions, prepared.listing.quota)
        final = journal.state
        if final.serial != base.serial:
            self.writer.checkpoint(final)
        done = [each.action for each in results if each.result is Result.DONE]
        wrong = mismatches(done, final.records)
        return ApplyResult(
            results=results,
            recovered=prepared.recovery.recovered,
            interrupted=self.context.stop.is_set(),
            verified=not wrong,
            mismatches=wrong,
        )

    def _facts(self, plan: Plan, prepared: Prepared) -> list[Entry]:
        """What is known before anything is done: recovered jobs, whose state it is, ended runs."""
        facts: list[Entry] = [*prepared.recovery.entries]
        if prepared.state.platform is None and listed(plan.actions):
            facts.append(Bound(platform=plan.platform.identity))
        return [*facts, *observed(prepared.state, prepared.listing, self.context.provider.now())]


def _ask(approval: Approval, report: Report) -> None:
    if not approval.confirm(report):
        raise ReconcilerError("Not approved", "Nothing was changed.")
