"""Apply: carry out a plan under the state's lock, record every step, prove the result."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reconciler.backends.base import StateWriter
from reconciler.engine.context import Context
from reconciler.engine.executor import Executor, listed
from reconciler.engine.journal import Journal
from reconciler.engine.outcomes import observed
from reconciler.engine.plan import (
    Prepared,
    check_platform,
    new_state,
    prepare,
    refuse_errors,
    state_ref,
)
from reconciler.engine.request import Request
from reconciler.engine.secrecy import check_planned, open_vault, sealed_state, with_hashes
from reconciler.engine.settle import look
from reconciler.engine.soundness import check_whole
from reconciler.engine.staleness import (
    check_digest,
    check_expected,
    check_reached,
    check_state,
    fitting,
)
from reconciler.errors import ReconcilerError
from reconciler.model.plan import GUARDS, Action, Plan
from reconciler.model.platform import Listing
from reconciler.model.report import ApplyResult, Report, Result
from reconciler.model.state import Bound, Closed, Entry, Moved, Observed, State, fold
from reconciler.planning.guards import Consent, check_guards
from reconciler.planning.moves import Moves, after_moves
from reconciler.planning.projection import mismatches

Confirm = Callable[[Report], bool]
_GIVEN_UP = ("delete", "replace", "version")


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
        refuse_errors(prepared.plan.policy_errors)
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

    Raises `PlanStaleError` when the plan was edited, when the state has moved on, when a touched
    job is no longer as the plan expects it, or when it leads to another platform, and
    `PlanFileError` when it contradicts itself; otherwise like `apply`.
    """
    check_digest(saved)
    check_expected(saved, approval.expect)
    check_whole(saved)
    refuse_errors(tuple(each for each in saved.errors if each.code not in GUARDS))
    with context.backend.lock(command=context.command, timeout=context.lock_timeout) as writer:
        recorded = context.backend.read()
        check_state(saved, state_ref(recorded))
        base = recorded or new_state(saved.stack)
        check_platform(base, saved.platform)
        check_reached(saved, context.provider.identity)
        vault = open_vault(context, base, (a.result.spec for a in saved.actions if a.result))
        base = sealed_state(base, {}, vault)
        listing, recovery = look(context, base, {})
        state = after_moves(fold(base, recovery.entries), Moves(saved.moved))
        actions = fitting(saved, listing, state)
        refuse_errors(check_planned(actions, vault))
        refuse_errors(check_guards(actions, state, consent))
        report = Report(plan=saved, command="apply", recovered=recovery.recovered)
        _ask(approval, report)
        run = _Run(context, writer, recorded, fail_fast)
        known = Prepared(saved, report, state, listing, recovery, vault=vault)
        return run.carry_out(saved, actions, known)


@dataclass(frozen=True, slots=True)
class _Run:
    """One approved plan under the lock: record what is known, execute, prove, checkpoint."""

    context: Context
    writer: StateWriter
    recorded: State | None
    fail_fast: bool

    def carry_out(self, plan: Plan, planned: Sequence[Action], prepared: Prepared) -> ApplyResult:
        actions = [with_hashes(action, prepared.vault) for action in listed(planned)]
        facts = self._facts(plan, prepared)
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
        if ended := self._observed(journal.state, prepared.listing):
            journal.append(*ended)
        final = journal.state
        if final.serial != base.serial:
            self.writer.checkpoint(final)
        done = [each.action for each in results if each.result is Result.DONE]
        wrong = mismatches(done, final.records)
        return ApplyResult(
            results=results,
            recovered=prepared.recovery.recovered,
            moved=plan.moved,
            interrupted=self.context.stop.is_set(),
            verified=not wrong,
            mismatches=wrong,
        )

    def _facts(self, plan: Plan, prepared: Prepared) -> list[Entry]:
        """What is known before anything is done: recovered jobs, whose state it is, ended runs."""
        facts: list[Entry] = [*prepared.recovery.entries]
        if prepared.state.platform is None and listed(plan.actions):
            facts.append(Bound(platform=plan.platform.identity))
        facts += [Moved(source=each.source, target=each.target) for each in plan.moved]
        facts += _given_up(plan, prepared)
        return [*facts, *self._observed(prepared.state, prepared.listing)]

    def _observed(self, state: State, listing: Listing) -> list[Observed]:
        """How runs ended, by the refresh; asked again at the end, for what was adopted since."""
        return observed(state, listing, self.context.provider.now())


def _given_up(plan: Plan, prepared: Prepared) -> list[Closed]:
    """Close the intents to delete jobs that are there and that the plan leaves as they are.

    An interrupted run meant to delete them; the definition has changed its mind since. Otherwise
    such a job, cleaned up one day, would look like one that we had deleted. The same goes for a
    version that was to be created, once it had the time to appear.
    """
    planned, records = plan.by_address, prepared.state.records
    return [
        Closed(address=address)
        for address, intents in prepared.state.intents.items()
        if address in prepared.wanted
        and address not in planned
        and intents[-1].kind in _GIVEN_UP
        and all(intent.kind in _GIVEN_UP or intent.aside for intent in intents)
        and (record := records.get(address))
        and prepared.listing.by_id(record.job_id)
    ]


def _ask(approval: Approval, report: Report) -> None:
    if not approval.confirm(report):
        raise ReconcilerError("Not approved", "Nothing was changed.")
