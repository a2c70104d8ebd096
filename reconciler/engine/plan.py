"""Make a plan: read the state and the platform, decide, check."""

import secrets
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

from reconciler import __version__
from reconciler.diagnostics import Diagnostic
from reconciler.engine.context import Context
from reconciler.engine.secrecy import (
    before_its_salt,
    check_secrets,
    open_vault,
    resealed,
    sealed_jobs,
    sealed_state,
)
from reconciler.engine.settle import look
from reconciler.errors import DefinitionError, RefusedError, UsageError
from reconciler.model.address import Address
from reconciler.model.definition import Move, Removal, SourceFile
from reconciler.model.job import DesiredJob
from reconciler.model.plan import (
    GUARDS,
    POLICIES,
    REFUSALS,
    Action,
    ActionKind,
    Estimate,
    Plan,
    PlanPlatform,
    Reason,
    StateRef,
)
from reconciler.model.platform import Listing
from reconciler.model.policy import IgnoreDrift, Policies
from reconciler.model.report import Report
from reconciler.model.secrets import Vault
from reconciler.model.state import State, fold
from reconciler.planning.guards import Consent, check_guards, check_identity
from reconciler.planning.planner import Draft, Selection, World, make_draft
from reconciler.planning.preflight import (
    Catalog,
    check_catalog,
    check_outputs,
    check_quota,
    starting,
    waiting,
)
from reconciler.planning.recovery import Recovery

_REPEATS = 5


@dataclass(frozen=True, slots=True)
class Request:
    """What the user wants planned.

    `desired` is empty when `destroying`. `moved` and `removed` are the blocks that rename and let
    go of records. `retries_only` keeps nothing but the retries that the definition's lifecycle
    already approved, and of `going_on`, the actions that an approved plan showed as waiting, those
    that can be carried out now; `permits` keeps nothing but what it says yes to. `policies` judge
    the plan, and `labels` are those of all defined jobs, which policies speak of. `today` is a day
    in UTC.
    """

    stack: str
    platform: PlanPlatform
    desired: Mapping[Address, DesiredJob] = field(default_factory=dict)
    sources: tuple[SourceFile, ...] = ()
    selection: Selection = field(default_factory=Selection)
    consent: Consent = field(default_factory=Consent)
    adopt: bool = False
    destroying: bool = False
    moved: tuple[Move, ...] = ()
    removed: tuple[Removal, ...] = ()
    retries_only: bool = False
    going_on: Mapping[Address, Action] = field(default_factory=dict)
    permits: Callable[[Action], bool] = lambda _: True
    options: str = ""
    command: str = "plan"
    policies: Policies = field(default_factory=Policies)
    labels: Mapping[Address, Mapping[str, str]] = field(default_factory=dict)
    ignored_drift: tuple[IgnoreDrift, ...] = ()
    today: date = field(default_factory=lambda: datetime.now(UTC).date())


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
    listing, recovery = look(context, base, request.desired, listed)
    recovery = replace(recovery, entries=(*resealed(recorded, base), *recovery.entries))
    state = fold(base, recovery.entries)
    _check_selection(request, state)
    draft = make_draft(
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
    state, wanted = draft.state, request.desired
    actions = tuple(a for a in draft.actions if _is_asked_for(request, a))
    if recorded is None and vault.places:
        actions = tuple(before_its_salt(action) for action in actions)
    started = {a.address: wanted[a.address] for a in starting(actions) if a.address in wanted}
    later = {a.address: wanted[a.address] for a in waiting(actions) if a.address in wanted}
    catalog = _catalog(context, (*started.values(), *later.values()))
    listing = _with_quota(context, listing) if started else listing
    estimate, objections = _judge(request, draft, actions, started, later, catalog)
    diagnostics = (
        *draft.diagnostics,
        *_preflight(actions, request.desired, started | later, catalog, listing),
        *(check_secrets(actions, wanted, vault) if request.command != "drift" else ()),
        *check_guards(actions, state, request.consent),
        *objections,
    )
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
    considered = () if request.retries_only else wanted
    asked = frozenset(address for address in considered if address in request.selection)
    return Prepared(made, report, state, listing, recovery, asked, vault)


def check_platform(state: State, platform: PlanPlatform) -> None:
    """Raise `RefusedError` when the state records jobs of another platform or project."""
    if problem := check_identity(state, platform.identity):
        raise RefusedError("Refused: nothing was changed", [problem])


def check_live(context: Context, jobs: Mapping[Address, DesiredJob]) -> tuple[Diagnostic, ...]:
    """Hold every job of a definition against the platform's catalog and quota."""
    catalog = Catalog(context.provider.flavors(), context.provider.engines())
    state = context.backend.read()
    recorded = state.records if state else {}
    fresh = [
        Action(kind=ActionKind.CREATE, address=address, name=job.spec.name, reason=Reason.NEW)
        for address, job in jobs.items()
        if address not in recorded
    ]
    return (
        *check_catalog(jobs.values(), catalog),
        *check_quota(fresh, _with_quota(context, context.provider.list()).quota),
        *check_outputs(fresh, jobs),
    )


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


def _catalog(context: Context, started: Sequence[DesiredJob]) -> Catalog:
    """Read what the platform offers, as far as jobs that are to start depend on it."""
    if not started:
        return Catalog()
    return Catalog(
        context.provider.flavors(),
        context.provider.engines() if any(job.spec.engine for job in started) else (),
    )


def _with_quota(context: Context, listing: Listing) -> Listing:
    """Ask for the quota where the list does not tell it."""
    return listing if listing.quota else Listing(listing.jobs, context.provider.quota())


def _preflight(
    actions: tuple[Action, ...],
    desired: Mapping[Address, DesiredJob],
    started: Mapping[Address, DesiredJob],
    catalog: Catalog,
    listing: Listing,
) -> tuple[Diagnostic, ...]:
    if not started:
        return ()
    return (
        *check_catalog(started.values(), catalog),
        *check_quota(actions, listing.quota),
        *check_outputs(actions, desired),
    )


def _judge(
    request: Request,
    draft: Draft,
    actions: tuple[Action, ...],
    started: Mapping[Address, DesiredJob],
    later: Mapping[Address, DesiredJob],
    catalog: Catalog,
) -> tuple[Estimate | None, tuple[Diagnostic, ...]]:
    """Return what the plan costs, and what the definition's policies and limits say of it.

    What waits for other jobs costs, too: whoever approves the plan approves the whole graph.
    """
    policies = request.policies
    if not policies:
        return None, ()
    from reconciler.planning.cost import estimate
    from reconciler.planning.policy import Case, check_policies

    cost = estimate((*started.values(), *later.values()), policies.prices)
    selected = sorted(address for address in request.desired if address in request.selection)
    case = Case(
        jobs=[request.desired[address] for address in selected],
        actions=actions,
        started=started,
        drift=draft.drift,
        summary=draft.summary,
        estimate=cost,
        labels=request.labels,
        gpus={flavor.code: flavor.gpus for flavor in catalog.flavors},
    )
    return cost, check_policies(policies, case)


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
