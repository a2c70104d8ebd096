"""Make a plan: read the state and the platform, decide, check."""

import secrets
import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from reconciler import __version__
from reconciler.diagnostics import Diagnostic
from reconciler.engine.context import Context
from reconciler.engine.examine import examine
from reconciler.engine.request import Request
from reconciler.engine.secrecy import (
    before_its_salt,
    open_vault,
    resealed,
    sealed_jobs,
    sealed_state,
)
from reconciler.engine.settle import look
from reconciler.errors import DefinitionError, RefusedError, UsageError
from reconciler.model.address import Address
from reconciler.model.plan import (
    GUARDS,
    POLICIES,
    REFUSALS,
    Action,
    ActionKind,
    Estimate,
    Plan,
    PlanPlatform,
    StateRef,
)
from reconciler.model.platform import Listing
from reconciler.model.report import Report
from reconciler.model.secrets import Vault
from reconciler.model.state import State, fold
from reconciler.planning.guards import check_identity
from reconciler.planning.planner import Draft, make_draft
from reconciler.planning.recovery import Recovery
from reconciler.planning.world import Selection, World

_REPEATS = 5


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan, and all that it was made from.

    `state` has the recovery and the moves folded in; `wanted` are the addresses that the
    definition was asked about: one that the plan does not list is as it should be. `vault` seals
    the state's secrets.
    """

    plan: Plan
    report: Report
    state: State
    listing: Listing
    recovery: Recovery
    wanted: frozenset[Address] = frozenset()
    vault: Vault = field(default_factory=Vault)


def new_state(stack: str) -> State:
    """Return the state of a stack that nothing was recorded of."""
    return State(stack=stack, lineage=str(uuid.uuid4()), salt=secrets.token_hex(32))


def plan(context: Context, request: Request) -> Prepared:
    """Show what apply would do; writes nothing, needs no lock.

    When somebody's apply changed the state while the platform was being read, the two do not
    belong together and both are read again, a few times at most: otherwise a job that was
    created in between would look like a stranger's. Raises `RefusedError` when the state belongs
    to another platform.
    """
    pause = context.timing.poll_first
    for _ in range(_REPEATS):
        recorded = context.backend.read()
        prepared = prepare(context, request, recorded)
        made = prepared.plan
        has_found = made.actions or made.drift or made.diagnostics
        if not has_found or context.backend.read() == recorded:
            return prepared
        context.time.pause(pause)
        context.check_stop()
        pause = min(pause * 1.5, context.timing.poll_most)
    return _plan_restless(context, request)


def _plan_restless(context: Context, request: Request) -> Prepared:
    """Plan while the state never rests: from the list, and from the state as it is after that.

    A job of ours is meant, in the state, before it is sent, so every one that is listed is known
    then. One that the state no longer knows was let go meanwhile, and is no stranger's.
    """
    before, listed = context.backend.read(), context.provider.list()
    recorded = context.backend.read()
    left = _recorded_ids(before) - _recorded_ids(recorded)
    jobs = tuple(job for job in listed if job.job_id not in left)
    return prepare(context, request, recorded, Listing(jobs, listed.quota))


def _recorded_ids(state: State | None) -> set[str | None]:
    return {record.job_id for record in state.records.values()} if state else set()


def prepare(
    context: Context, request: Request, recorded: State | None, listed: Listing | None = None
) -> Prepared:
    """Make the plan for a state that was read; None when there is none yet.

    Without `listed`, the platform's jobs are listed now.
    """
    base = recorded or new_state(request.stack)
    check_platform(base, request.platform)
    vault = open_vault(context, base, (job.spec for job in request.desired.values()))
    base = sealed_state(base, request.desired, vault)
    request = replace(request, desired=sealed_jobs(request.desired, base, vault))
    listing, recovery = look(context, base, request.desired, listed, adopting=request.adopt)
    recovery = replace(recovery, entries=(*resealed(recorded, base), *recovery.entries))
    state = fold(base, recovery.entries)
    _check_selection(request, state)
    draft = _draft(context, request, state, listing, recovery)
    actions = tuple(a for a in draft.actions if _is_asked_for(request, a))
    if recorded is None and vault.places:
        actions = tuple(before_its_salt(action) for action in actions)
    listing, estimate, diagnostics = examine(context, request, draft, actions, listing, vault)
    made = _assemble(request, recorded, draft, actions, diagnostics, estimate)
    report = Report(
        plan=made,
        command=request.command,
        options=request.options,
        unmanaged=draft.unmanaged,
        recovered=recovery.recovered,
        statuses=draft.statuses,
        notes=draft.notes if request.selection == Selection() else (),
    )
    considered = () if request.retries_only else request.desired
    asked = frozenset(address for address in considered if address in request.selection)
    return Prepared(made, report, draft.state, listing, recovery, asked, vault)


def _draft(
    context: Context, request: Request, state: State, listing: Listing, recovery: Recovery
) -> Draft:
    return make_draft(
        World(
            desired=request.desired,
            state=state,
            listing=listing,
            selection=request.selection,
            adopt=request.adopt,
            destroying=request.destroying,
            recovered=recovery.recovered,
            ignored_drift=request.ignored_drift,
            moved=() if request.retries_only else request.moved,
            removed=request.removed,
            today=request.today,
            now=context.provider.now(),
        )
    )


def check_platform(state: State, platform: PlanPlatform) -> None:
    """Raise `RefusedError` when the state records jobs of another platform or project."""
    if problem := check_identity(state, platform.identity):
        raise RefusedError("Refused: nothing was changed", [problem])


def refuse_errors(diagnostics: tuple[Diagnostic, ...]) -> None:
    """Raise for errors: `RefusedError` for guards and policies, `DefinitionError` for the rest."""
    if not diagnostics:
        return
    codes = {each.code for each in diagnostics}
    if codes <= REFUSALS:
        who = "a guard" if codes <= GUARDS else "guards and policies"
        who = "a policy" if codes <= POLICIES else who
        raise RefusedError(f"Refused by {who}: nothing was changed", diagnostics)
    raise DefinitionError("The plan has errors: nothing was changed", diagnostics)


def state_ref(recorded: State | None) -> StateRef:
    """Return which state this is; a stack without one has an empty lineage."""
    return StateRef(
        lineage=recorded.lineage if recorded else "", serial=recorded.serial if recorded else 0
    )


def _assemble(
    request: Request,
    recorded: State | None,
    draft: Draft,
    actions: tuple[Action, ...],
    diagnostics: tuple[Diagnostic, ...],
    estimate: Estimate | None,
) -> Plan:
    return Plan(
        reconciler_version=__version__,
        stack=request.stack,
        platform=request.platform,
        definition=request.sources,
        state=state_ref(recorded),
        created_at=datetime.now(UTC),
        summary=draft.summary,
        moved=draft.moved,
        actions=actions,
        dependencies=_dependencies(request),
        drift=draft.drift,
        known_drift=draft.known_drift,
        estimate=estimate,
        diagnostics=diagnostics,
    ).sealed()


def _dependencies(request: Request) -> dict[Address, tuple[Address, ...]]:
    """Return which of the selected jobs needs which others."""
    return {
        address: request.desired[address].depends_on
        for address in sorted(request.desired)
        if request.desired[address].depends_on and address in request.selection
    }


def _check_selection(request: Request, state: State) -> None:
    unknown = request.selection.unknown({*request.desired, *state.records})
    if unknown:
        raise UsageError(
            "No such address",
            f"Nothing in the definition or the state fits {', '.join(unknown)}.",
            "`reconciler state list` and the keys below `jobs:` are the addresses there are.",
        )


def _is_asked_for(request: Request, action: Action) -> bool:
    if not request.permits(action):
        return False
    return not request.retries_only or _is_retry(action) or _goes_on(request, action)


def _goes_on(request: Request, action: Action) -> bool:
    """Tell whether an action is what an approved plan showed as waiting, now or still.

    It may delete no other job than the one that was shown. What is run is what was shown, since
    the desired jobs are those that the approved plan was made from.
    """
    shown = request.going_on.get(action.address)
    if shown is None or action.result is None:
        return False
    if action.kind not in (ActionKind.CREATE, ActionKind.REPLACE) and not action.waits:
        return False
    return (
        action.name == shown.name
        and action.job_id in (None, shown.job_id)
        and (action.strategy == shown.strategy or action.kind is ActionKind.CREATE)
    )


def _is_retry(action: Action) -> bool:
    if action.kind not in (ActionKind.CREATE, ActionKind.REPLACE):
        return False
    return action.result is not None and action.result.attempt > 1
