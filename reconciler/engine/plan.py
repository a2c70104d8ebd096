"""Make a plan: read the state and the platform, decide, check."""

import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from reconciler import __version__
from reconciler.diagnostics import Diagnostic
from reconciler.engine.context import Context
from reconciler.engine.refresh import refresh
from reconciler.errors import DefinitionError, RefusedError, UsageError
from reconciler.model.address import Address
from reconciler.model.definition import SourceFile
from reconciler.model.job import DesiredJob
from reconciler.model.plan import Action, ActionKind, Plan, PlanPlatform, Reason, StateRef
from reconciler.model.platform import Listing
from reconciler.model.report import Report
from reconciler.model.state import State, fold
from reconciler.planning.guards import Consent, check_guards, check_identity
from reconciler.planning.planner import Draft, Selection, World, make_draft
from reconciler.planning.preflight import (
    Catalog,
    check_catalog,
    check_outputs,
    check_quota,
    starting,
)
from reconciler.planning.recovery import Recovery, recover

GUARDS = frozenset({"interrupt", "mass_delete", "protect"})
"""The codes of diagnostics that a consent or another apply takes away; they end with exit 5."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the user wants planned.

    `desired` is empty when `destroying`; `retries_only` keeps nothing but the retries that the
    definition's lifecycle already approved.
    """

    stack: str
    platform: PlanPlatform
    desired: Mapping[Address, DesiredJob] = field(default_factory=dict)
    sources: tuple[SourceFile, ...] = ()
    selection: Selection = field(default_factory=Selection)
    consent: Consent = field(default_factory=Consent)
    adopt: bool = False
    destroying: bool = False
    retries_only: bool = False
    options: str = ""
    command: str = "plan"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan, and all that it was made from. `state` has the recovery folded in."""

    plan: Plan
    report: Report
    state: State
    listing: Listing
    recovery: Recovery


def new_state(stack: str) -> State:
    """Return the state of a stack that nothing was recorded of."""
    return State(stack=stack, lineage=str(uuid.uuid4()), salt=secrets.token_hex(32))


def plan(context: Context, request: Request) -> Prepared:
    """Show what apply would do; writes nothing, needs no lock.

    Raises `RefusedError` when the state belongs to another platform.
    """
    return prepare(context, request, context.backend.read())


def prepare(context: Context, request: Request, recorded: State | None) -> Prepared:
    """Make the plan for a state that was read; None when there is none yet."""
    base = recorded or new_state(request.stack)
    check_platform(base, request.platform)
    listing = refresh(
        context.provider,
        base,
        request.desired,
        full=context.full_refresh,
        parallelism=context.parallelism,
        emit=context.emit,
    )
    context.check_stop()
    recovery = recover(base, listing)
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
        )
    )
    actions = tuple(a for a in draft.actions if not request.retries_only or _is_retry(a))
    diagnostics = (
        *draft.diagnostics,
        *_preflight(context, actions, request.desired, listing),
        *check_guards(actions, state, request.consent),
    )
    made = _assemble(request, recorded, draft, actions, diagnostics)
    report = Report(
        plan=made,
        command=request.command,
        options=request.options,
        unmanaged=draft.unmanaged,
        recovered=recovery.recovered,
        statuses=draft.statuses,
    )
    return Prepared(made, report, state, listing, recovery)


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
        *check_quota(fresh, context.provider.list().quota),
        *check_outputs(fresh, jobs),
    )


def refuse_errors(diagnostics: tuple[Diagnostic, ...]) -> None:
    """Raise for a plan's errors: `RefusedError` for guards, `DefinitionError` for the rest."""
    if not diagnostics:
        return
    if all(each.code in GUARDS for each in diagnostics):
        raise RefusedError("Refused by a guard: nothing was changed", diagnostics)
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
) -> Plan:
    return Plan(
        reconciler_version=__version__,
        stack=request.stack,
        platform=request.platform,
        definition=request.sources,
        state=state_ref(recorded),
        created_at=datetime.now(UTC),
        summary=draft.summary,
        actions=actions,
        drift=draft.drift,
        diagnostics=diagnostics,
    ).sealed()


def _preflight(
    context: Context,
    actions: tuple[Action, ...],
    desired: Mapping[Address, DesiredJob],
    listing: Listing,
) -> tuple[Diagnostic, ...]:
    started = [desired[a.address] for a in starting(actions) if a.address in desired]
    if not started:
        return ()
    catalog = Catalog(
        context.provider.flavors(),
        context.provider.engines() if any(job.spec.engine for job in started) else (),
    )
    return (
        *check_catalog(started, catalog),
        *check_quota(actions, listing.quota),
        *check_outputs(actions, desired),
    )


def _check_selection(request: Request, state: State) -> None:
    unknown = request.selection.unknown({*request.desired, *state.records})
    if unknown:
        raise UsageError(
            "No such address",
            f"Nothing in the definition or the state fits {', '.join(unknown)}.",
            "`reconciler state list` and the keys below `jobs:` are the addresses there are.",
        )


def _is_retry(action: Action) -> bool:
    if action.kind not in (ActionKind.CREATE, ActionKind.REPLACE):
        return False
    return action.result is not None and action.result.attempt > 1
