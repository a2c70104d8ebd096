"""The actions that a decision chooses from, each with what it leaves behind."""

from datetime import datetime
from typing import Any

from reconciler.model.address import Address
from reconciler.model.job import ActualJob, DesiredJob, JobRecord, Outcome
from reconciler.model.plan import Action, ActionKind, Expectation, FieldChange, Reason
from reconciler.planning.dependencies import NOTHING, Needs
from reconciler.planning.diff import drift_changes
from reconciler.planning.naming import base_name, beside


def result(desired: DesiredJob, needs: Needs = NOTHING, attempt: int = 1) -> JobRecord:
    """Return the record that a run of the job leaves behind, but for its ids."""
    return JobRecord(
        job_id=None,
        name=desired.spec.name,
        spec=desired.spec,
        protect=desired.lifecycle.protect,
        retain=desired.lifecycle.retain,
        ttl_after_finished=desired.lifecycle.ttl_after_finished,
        attempt=attempt,
        depends_on=dict(needs.runs),
        code=desired.code,
    )


def create(
    desired: DesiredJob,
    needs: Needs,
    reason: Reason,
    record: JobRecord | None = None,
    changes: tuple[FieldChange, ...] = (),
) -> Action:
    """Create a job where there is none (any more)."""
    resumes = record is not None and record.job_id is None and not forces_replace(changes)
    action = Action(
        kind=ActionKind.CREATE,
        address=desired.address,
        name=desired.spec.name,
        reason=reason,
        before=dict(record.spec.canonical) if record else None,
        after=dict(desired.spec.canonical),
        changes=changes,
        depends_on=desired.depends_on,
        location=desired.location,
        result=_named_as(
            record, result(desired, needs, record.attempt if record and resumes else 1)
        ),
    )
    return held(action, needs)


def replace(
    desired: DesiredJob,
    needs: Needs,
    record: JobRecord,
    actual: ActualJob,
    reason: str,
    changes: tuple[FieldChange, ...],
    **overrides: Any,
) -> Action:
    """Delete a job and create another; overrides are `attempt` and fields of Action."""
    action = Action(
        kind=ActionKind.REPLACE,
        address=desired.address,
        name=desired.spec.name,
        reason=reason,
        job_id=actual.job_id,
        version_id=actual.version_id,
        before=dict(record.spec.canonical),
        after=dict(desired.spec.canonical),
        changes=changes,
        expects=as_is(actual),
        interrupts=actual.status.is_live,
        running_ms=actual.duration_ms if actual.status.is_live else None,
        depends_on=desired.depends_on,
        location=desired.location,
        result=_named_as(record, result(desired, needs, overrides.pop("attempt", 1))),
    )
    return held(action.model_copy(update=overrides), needs)


def supersede(
    desired: DesiredJob,
    wanted: DesiredJob,
    needs: Needs,
    record: JobRecord,
    actual: ActualJob,
    reason: str,
    changes: tuple[FieldChange, ...],
) -> Action:
    """Run what the definition wants by its `on_change`: anew, as a version, or beside the old job.

    `wanted` is the desired job under the name that it bears on the platform. A version belongs
    to a job whose name stays; a job that is no longer ours to keep is replaced.
    """
    ours = actual.job_id == record.job_id
    renamed = any(change.path == "name" for change in changes)
    match desired.lifecycle.on_change:
        case "new_version" if ours and actual.version_id is not None and not renamed:
            return replace(wanted, needs, record, actual, reason, changes, strategy="new_version")
        case "keep" if ours:
            fresh = beside(desired, actual.job_id)
            action = replace(fresh, needs, record, actual, reason, changes, strategy="keep")
            kept = {
                "kind": ActionKind.BLOCKED if action.waits else ActionKind.CREATE,
                "interrupts": False,
                "running_ms": None,
                "result": result(fresh, needs).model_copy(
                    update={"base_name": base_name(desired, fresh)}
                ),
            }
            return action.model_copy(update=kept)
        case _:
            return replace(wanted, needs, record, actual, reason, changes)


def held(action: Action, needs: Needs) -> Action:
    """Hold an action back while jobs that it depends on have not succeeded."""
    if not needs.unmet:
        return action
    replaced = bool(needs.rerun) and action.before is not None
    return action.model_copy(
        update={
            "kind": ActionKind.BLOCKED,
            "reason": Reason.DEPENDENCY_REPLACED if replaced else Reason.WAITS,
            "depends_on": needs.unmet,
            "interrupts": False,
            "running_ms": None,
        }
    )


def delete(
    address: Address, record: JobRecord, actual: ActualJob, reason: Reason = Reason.REMOVED
) -> Action:
    """Delete a job, and its record with it."""
    return Action(
        kind=ActionKind.DELETE,
        address=address,
        name=record.name,
        reason=reason,
        job_id=actual.job_id,
        version_id=actual.version_id,
        before=dict(record.spec.canonical),
        expects=as_is(actual),
        interrupts=actual.status.is_live,
        running_ms=actual.duration_ms if actual.status.is_live else None,
    )


def expire(desired: DesiredJob, record: JobRecord, actual: ActualJob, now: datetime) -> Action:
    """Delete a finished job whose time is over; its record stays, with the outcome."""
    outcome = record.outcome or Outcome(
        status=actual.status, seen_at=now, duration_ms=actual.duration_ms
    )
    left = record.model_copy(update={"expired": True, "outcome": outcome})
    action = delete(desired.address, record, actual, Reason.EXPIRED)
    return action.model_copy(update={"result": left, "location": desired.location})


def forget(address: Address, record: JobRecord, actual: ActualJob | None) -> Action:
    """Drop a record; the job, if there is one, stays."""
    return Action(
        kind=ActionKind.FORGET,
        address=address,
        name=record.name,
        reason=Reason.RETAINED if actual else Reason.GONE,
        job_id=record.job_id,
        version_id=record.version_id,
        before=dict(record.spec.canonical),
        expects=as_is(actual) if actual else Expectation(),
    )


def update(
    desired: DesiredJob,
    needs: Needs,
    record: JobRecord,
    actual: ActualJob,
    changes: tuple[FieldChange, ...],
    *,
    drifted: bool,
) -> Action:
    """Change in place what can be changed so; `drifted` if only somebody else changed anything."""
    drifted = drifted and any(change.path == "description" for change in changes)
    return Action(
        kind=ActionKind.UPDATE,
        address=desired.address,
        name=desired.spec.name,
        reason=Reason.DRIFTED if drifted else Reason.DEFINITION_CHANGED,
        job_id=actual.job_id,
        version_id=actual.version_id,
        before=dict(record.spec.canonical),
        after=dict(desired.spec.canonical),
        changes=changes,
        expects=as_is(actual, description=True),
        location=desired.location,
        result=record.model_copy(
            update={
                "version_id": actual.version_id or record.version_id,
                "spec": desired.spec,
                "protect": desired.lifecycle.protect,
                "retain": desired.lifecycle.retain,
                "ttl_after_finished": desired.lifecycle.ttl_after_finished,
                "depends_on": {**needs.runs, **record.depends_on},
                "code": desired.code,
            }
        ),
    )


def lift_protection(desired: DesiredJob, record: JobRecord, actual: ActualJob) -> Action:
    """Record that a job is not protected any more, and nothing else of it."""
    change = FieldChange(path="lifecycle.protect", before=True, after=False, forces_replace=False)
    return Action(
        kind=ActionKind.UPDATE,
        address=desired.address,
        name=record.name,
        reason=Reason.DEFINITION_CHANGED,
        job_id=record.job_id,
        version_id=record.version_id,
        before=dict(record.spec.canonical),
        after=dict(record.spec.canonical),
        changes=(change,),
        expects=as_is(actual),
        location=desired.location,
        result=record.model_copy(update={"protect": False}),
    )


def keep_in_step(
    address: Address,
    owner: DesiredJob,
    record: JobRecord,
    actual: ActualJob,
    changes: tuple[FieldChange, ...],
) -> Action:
    """Record the lifecycle of a block for a job that it superseded; nothing else of it."""
    lifecycle = owner.lifecycle
    return Action(
        kind=ActionKind.UPDATE,
        address=address,
        name=record.name,
        reason=Reason.DEFINITION_CHANGED,
        job_id=record.job_id,
        version_id=record.version_id,
        before=dict(record.spec.canonical),
        after=dict(record.spec.canonical),
        changes=changes,
        expects=as_is(actual),
        location=owner.location,
        result=record.model_copy(
            update={
                "protect": lifecycle.protect,
                "retain": lifecycle.retain,
                "ttl_after_finished": lifecycle.ttl_after_finished,
            }
        ),
    )


def adopt(desired: DesiredJob, needs: Needs, actual: ActualJob, *, allowed: bool) -> Action:
    """Take over a job of the same name and configuration; any other job is somebody else's."""
    differences: tuple[FieldChange, ...] = ()
    if actual.spec is not None:
        differences = tuple(
            reversed_change(each) for each in drift_changes(desired.spec, actual.spec)
        )
    fits = allowed and actual.spec is not None and not forces_replace(differences)
    return Action(
        kind=ActionKind.ADOPT if fits else ActionKind.BLOCKED,
        address=desired.address,
        name=desired.spec.name,
        reason=Reason.ADOPTED if fits else Reason.NAME_TAKEN,
        job_id=actual.job_id,
        version_id=actual.version_id,
        after=dict(desired.spec.canonical),
        changes=differences,
        expects=as_is(actual),
        location=desired.location,
        result=_adopted(desired, needs, actual) if fits else None,
    )


def _adopted(desired: DesiredJob, needs: Needs, actual: ActualJob) -> JobRecord:
    return result(desired, needs).model_copy(
        update={
            "job_id": actual.job_id,
            "version_id": actual.version_id,
            "created_at": actual.created_at,
        }
    )


def still(desired: DesiredJob, record: JobRecord, kind: ActionKind, reason: Reason) -> Action:
    """Leave a desired job as it is, or as it is not."""
    return Action(
        kind=kind,
        address=desired.address,
        name=desired.spec.name,
        reason=reason,
        job_id=record.job_id,
        version_id=record.version_id,
        location=desired.location,
    )


def left(address: Address, record: JobRecord, reason: Reason) -> Action:
    """Leave a job as it is that no block speaks of by its address."""
    return Action(
        kind=ActionKind.NOOP,
        address=address,
        name=record.name,
        reason=reason,
        job_id=record.job_id,
        version_id=record.version_id,
    )


def _named_as(record: JobRecord | None, left: JobRecord) -> JobRecord:
    """Keep what a name was made of, as long as the job bears it."""
    if record is None or record.base_name is None or record.name != left.name:
        return left
    return left.model_copy(update={"base_name": record.base_name})


def as_is(actual: ActualJob, *, description: bool = False) -> Expectation:
    """Expect a job to be the one that it is, and to be described as it is if that matters."""
    return Expectation(
        job_id=actual.job_id,
        version_id=actual.version_id,
        description=actual.description if description else None,
    )


def forces_replace(changes: tuple[FieldChange, ...]) -> bool:
    """Tell whether one of the changes cannot be made in place."""
    return any(change.forces_replace for change in changes)


def reversed_change(change: FieldChange) -> FieldChange:
    """Return the way back."""
    return change.model_copy(update={"before": change.after, "after": change.before})
