"""Whether what was reviewed is still what would be done."""

from collections.abc import Iterable

from reconciler.engine.soundness import misfits
from reconciler.errors import PlanStaleError
from reconciler.model.address import Address
from reconciler.model.job import ActualJob, JobRecord
from reconciler.model.plan import Action, ActionKind, Drift, FieldChange, Plan, StateRef
from reconciler.model.platform import Listing, PlatformIdentity
from reconciler.model.secrets import shown
from reconciler.model.state import State
from reconciler.planning.decide import config_drift

_AGAIN = "Nothing was changed. Make a new plan with `reconciler plan` and review that."


def check_digest(plan: Plan) -> None:
    """Raise `PlanStaleError` when a saved plan's content is not what its digest says."""
    if plan.digest != plan.computed_digest:
        raise PlanStaleError(
            "The plan was edited",
            f"Its content has the digest {plan.computed_digest}, but it says {plan.digest}.",
            _AGAIN,
        )


def check_expected(plan: Plan, expected: str | None) -> None:
    """Raise `PlanStaleError` when the plan is not the one whose digest was approved."""
    if expected is not None and plan.digest != expected:
        raise PlanStaleError(
            "The plan is not the one that was approved",
            f"Approved was {expected}, but now the plan is {plan.digest}:\n"
            + "\n".join([*(_describe(plan.actions) or ["  nothing to do"]), *_drifted(plan.drift)]),
            _AGAIN,
        )


def check_state(plan: Plan, found: StateRef) -> None:
    """Raise `PlanStaleError` when the state is another one, or has moved on."""
    if plan.state.lineage != found.lineage:
        raise PlanStaleError(
            "The plan belongs to another state",
            f"It was made from lineage {plan.state.lineage or 'none'}; this state's is "
            f"{found.lineage or 'none'}.",
            _AGAIN,
        )
    if plan.state.serial != found.serial:
        raise PlanStaleError(
            "The state has moved on",
            f"The plan was made from serial {plan.state.serial}; this state's is {found.serial}.",
            _AGAIN,
        )


def check_reached(plan: Plan, reached: PlatformIdentity) -> None:
    """Raise `PlanStaleError` when the plan leads to other jobs than those it was made for."""
    if plan.platform.identity != reached:
        raise PlanStaleError(
            "The plan belongs to another platform",
            f"It was made for\n  {plan.platform.identity}\nbut leads to\n  {reached}",
            _AGAIN,
        )


def fitting(plan: Plan, listing: Listing, state: State) -> tuple[Action, ...]:
    """Return the plan's actions with today's facts, if every expectation still holds.

    Raises `PlanStaleError` naming each job and field that no longer fits. A status is no
    expectation: a job that went from queued to running, or ended, makes no plan stale. What the
    digest does not cover (statuses, times, outcomes) is taken from the state and the platform.
    """
    freed = {action.job_id for action in plan.actions if action.kind is ActionKind.DELETE}
    left = {action.address for action in plan.actions if action.kind is ActionKind.FORGET}
    problems = [
        problem
        for action in plan.actions
        for problem in (
            *_unmet(action, listing, freed, state.records.get(action.address)),
            *(f'Job "{action.address}": {each}' for each in misfits(action, state, listing, left)),
        )
    ]
    if problems:
        raise PlanStaleError(
            "The platform has moved on since the plan was made", "\n".join(problems), _AGAIN
        )
    return tuple(
        _with_status(_with_facts(action, listing, state), listing) for action in plan.actions
    )


def _unmet(
    action: Action, listing: Listing, freed: Iterable[str | None], record: JobRecord | None
) -> Iterable[str]:
    if action.kind is ActionKind.BLOCKED:
        return
    wanted = action.expects
    if action.kind is ActionKind.FORGET:
        if wanted.job_id is None and listing.by_id(action.job_id):
            yield f'Job "{action.address}": job_id {action.job_id} was gone, is there'
        return
    if action.kind in (ActionKind.CREATE, ActionKind.REPLACE):
        holder = listing.by_name(action.name)
        if holder is not None and holder.job_id not in (action.job_id, *freed):
            yield f'Job "{action.address}": the name was free, is taken by id {holder.job_id}'
    if wanted.job_id is None:
        return
    actual = listing.by_id(wanted.job_id)
    if actual is None:
        yield f'Job "{action.address}": job_id was {wanted.job_id}, is gone'
        return
    yield from _differences(action, actual, record)


def _differences(action: Action, actual: ActualJob, record: JobRecord | None) -> Iterable[str]:
    """Yield what was expected of a job and is otherwise; of another version, the fields too."""
    wanted = action.expects
    if None not in (wanted.version_id, actual.version_id) and (
        wanted.version_id != actual.version_id
    ):
        yield (
            f'Job "{action.address}": version_id was {wanted.version_id}, is {actual.version_id}'
        )
        yield from _was_and_is(action.address, config_drift(record, actual) if record else ())
    if wanted.description is not None and wanted.description != actual.description:
        yield (
            f'Job "{action.address}": description was {wanted.description!r}, '
            f"is {actual.description!r}"
        )


def _with_facts(action: Action, listing: Listing, state: State) -> Action:
    result = action.result
    if result is None:
        return action
    record, actual = state.records.get(action.address), listing.by_id(result.job_id)
    known = record if record and record.job_id == result.job_id else None
    facts = {
        "created_at": known.created_at if known else actual.created_at if actual else None,
        "outcome": known.outcome if known else None,
    }
    return action.model_copy(update={"result": result.model_copy(update=facts)})


def _with_status(action: Action, listing: Listing) -> Action:
    actual = listing.by_id(action.job_id)
    if actual is None or action.kind not in (ActionKind.DELETE, ActionKind.REPLACE):
        return action
    live = actual.status.is_live
    return action.model_copy(
        update={"interrupts": live, "running_ms": actual.duration_ms if live else None}
    )


def _describe(actions: Iterable[Action]) -> list[str]:
    told = []
    for action in actions:
        fields = ", ".join(change.path for change in action.changes)
        named = f" ({fields})" if fields else ""
        told.append(f"  {action.kind} {action.address}: {action.reason}{named}")
    return told


def _drifted(drift: Iterable[Drift]) -> list[str]:
    """Return what someone changed since, which a plan that was approved may not have known."""
    told = []
    for each in drift:
        fields = list(_was_and_is(each.address, each.changes))
        told += fields or [f'Job "{each.address}": {each.kind} on the platform']
    return ["Changed outside of reconciler:", *(f"  {line}" for line in told)] if told else []


def _was_and_is(address: Address, changes: Iterable[FieldChange]) -> Iterable[str]:
    for change in changes:
        was, now = shown(change.before), shown(change.after)
        told = "has another value" if was == now else f"was {was}, is {now}"
        yield f'Job "{address}": {change.path} {told}'
