"""Hold what would be done against catalog, quota, secrets, guards and policies."""

from collections.abc import Mapping, Sequence

from reconciler.diagnostics import Diagnostic
from reconciler.engine.context import Context
from reconciler.engine.request import Request
from reconciler.engine.secrecy import check_secrets
from reconciler.model.address import Address
from reconciler.model.job import DesiredJob
from reconciler.model.plan import Action, ActionKind, Estimate, Reason
from reconciler.model.platform import Listing
from reconciler.model.secrets import Vault
from reconciler.planning.guards import check_guards
from reconciler.planning.planner import Draft
from reconciler.planning.preflight import (
    Catalog,
    check_catalog,
    check_outputs,
    check_quota,
    starting,
    waiting,
)


def examine(
    context: Context,
    request: Request,
    draft: Draft,
    actions: tuple[Action, ...],
    listing: Listing,
    vault: Vault,
) -> tuple[Listing, Estimate | None, tuple[Diagnostic, ...]]:
    """Hold the actions against catalog, quota, secrets, guards and policies.

    Returns the listing with the quota, if jobs are to start, what they cost, and all that was
    found, the draft's own diagnostics first.
    """
    wanted = request.desired
    started = {a.address: wanted[a.address] for a in starting(actions) if a.address in wanted}
    later = {a.address: wanted[a.address] for a in waiting(actions) if a.address in wanted}
    catalog = _catalog(context, (*started.values(), *later.values()))
    listing = _with_quota(context, listing) if started else listing
    estimate, objections = _judge(request, draft, actions, started, later, catalog)
    diagnostics = (
        *draft.diagnostics,
        *_preflight(actions, wanted, started | later, catalog, listing),
        *(check_secrets(actions, wanted, vault) if request.command != "drift" else ()),
        *check_guards(actions, draft.state, request.consent),
        *objections,
    )
    return listing, estimate, diagnostics


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
