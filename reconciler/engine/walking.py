"""Seeing an approved plan through: jobs end, others that waited begin, failures are retried."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from reconciler.engine.apply import Approval, apply
from reconciler.engine.context import Context
from reconciler.engine.outcomes import WaitResult, has_ended, wait
from reconciler.engine.request import Request
from reconciler.model.address import Address
from reconciler.model.job import DesiredJob, JobRecord, Lifecycle, Status
from reconciler.model.plan import Action, Plan
from reconciler.model.report import Report, Result, StatusRow
from reconciler.planning.guards import Consent
from reconciler.planning.world import Selection


@dataclass(frozen=True, slots=True)
class Walked:
    """How the jobs ended, and the actions that were approved and could not begin."""

    ended: WaitResult
    left: Mapping[Address, Action] = field(default_factory=dict)


def waiting_in(plan: Plan) -> dict[Address, Action]:
    """Return the actions of a plan that are to be carried out when other jobs have succeeded."""
    return {action.address: action for action in plan.actions if action.waits}


def request_of(plan: Plan, consent: Consent) -> Request:
    """Return what goes on from a saved plan: the jobs that it shows as waiting, and no others."""
    desired = {
        action.address: _desired(action, action.result)
        for action in waiting_in(plan).values()
        if action.result
    }
    return Request(
        stack=plan.stack,
        platform=plan.platform,
        desired=desired,
        selection=Selection(targets=tuple(desired)),
        consent=consent,
        command="apply",
    )


def see_through(
    context: Context,
    request: Request,
    approved: Mapping[Address, Action],
    *,
    awaited: Iterable[Address] | None,
    confirm: Callable[[Report], bool] = lambda _: True,
    between: Callable[[], None] = lambda: None,
    fail_fast: bool = False,
) -> Walked:
    """Wait for the jobs, and carry out what was approved as soon as it can be.

    The approval covers the creations and replacements that the plan showed as waiting
    (`approved`), and the retries that the lifecycle allows. Each step is planned anew under the
    lock, shown to `confirm`, and holds nothing else; guards judge it. `awaited` are the
    addresses to wait for, None for all that are recorded; `between` is called when a step has
    ended. Raises like `apply` and `wait`.
    """
    waiting, seen = dict(approved), frozenset[Address]()
    told: dict[Address, Status] = {}
    addresses = None if awaited is None else frozenset(awaited)
    while True:
        needed = frozenset(each for action in waiting.values() for each in action.depends_on)
        wanted = None if addresses is None else sorted(addresses | needed)
        ended = wait(context, wanted, enough=partial(_something_follows, waiting, seen), told=told)
        over = {row.address for row in ended.rows if has_ended(row)}
        if not waiting and not ended.unsuccessful:
            return Walked(ended)
        steps: list[Plan] = []
        result = apply(
            context,
            replace(request, retries_only=True, going_on=approved),
            Approval(partial(_look_and_ask, steps, confirm)),
            fail_fast=fail_fast,
        )
        between()
        waiting = waiting_in(steps[-1]) if steps else {}
        done = {each.action.address for each in result.of(Result.DONE)}
        seen = frozenset((seen | over) - done)
        told = {row.address: row.status for row in ended.rows if row.address not in done}
        if not done and len(over) == len(ended.rows):
            return Walked(ended, waiting)


def _look_and_ask(steps: list[Plan], confirm: Callable[[Report], bool], report: Report) -> bool:
    steps.append(report.plan)
    return confirm(report)


def _something_follows(
    waiting: Mapping[Address, Action], seen: frozenset[Address], rows: Sequence[StatusRow]
) -> bool:
    """Tell whether a job may begin, or be retried, since others ended that were not seen ended."""
    over = {row.address for row in rows if has_ended(row)}
    failed = {row.address for row in rows if row.status is Status.FAILED} - seen
    needed = [frozenset(action.depends_on) for action in waiting.values()]
    return any((each <= over and not each <= seen) or each & failed for each in needed)


def _desired(action: Action, result: JobRecord) -> DesiredJob:
    spec = result.spec
    if result.base_name is not None:
        spec = spec.model_copy(update={"name": result.base_name})
    return DesiredJob(
        address=action.address,
        spec=spec,
        lifecycle=Lifecycle(
            protect=result.protect,
            retain=result.retain,
            ttl_after_finished=result.ttl_after_finished,
            on_change=action.strategy,
        ),
        location=action.location,
        depends_on=tuple(sorted({*result.depends_on, *action.depends_on})),
        code=result.code,
    )
