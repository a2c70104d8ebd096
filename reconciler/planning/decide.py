"""The decision for one job: a pure function over desired, record and actual."""

from reconciler.model.address import Address
from reconciler.model.job import ActualJob, DesiredJob, JobRecord, Status
from reconciler.model.plan import Action, ActionKind, Expectation, FieldChange, Reason
from reconciler.planning.diff import definition_changes, drift_changes


def decide(
    address: Address,
    desired: DesiredJob | None,
    record: JobRecord | None,
    actual: ActualJob | None,
    *,
    adopt: bool = False,
) -> Action:
    """Choose the action for one job; the first case that fits wins.

    `actual` is the job that bears the record's id; failing that, for a desired job, the one that
    bears its name. Status is never drift: it decides only about retries and finished jobs.

    desired  record  actual
    -------  ------  ------
     yes       -       -     create: new
     yes       -      yes    adopt, if asked to and equal; else blocked: name_taken
     yes      yes      -     noop: finished, or create (see `_decide_missing`)
     yes      yes     yes    replace, update or noop (see `_decide_present`)
      -       yes      -     forget: gone
      -       yes     yes    delete: removed, or forget: retained
    """
    match desired, record, actual:
        case DesiredJob(), None, None:
            return _create(desired, Reason.NEW)
        case DesiredJob(), None, ActualJob():
            return _adopt(desired, actual, allowed=adopt)
        case DesiredJob(), JobRecord(), None:
            return _decide_missing(desired, record)
        case DesiredJob(), JobRecord(), ActualJob():
            return _decide_present(desired, record, actual)
        case None, JobRecord(), ActualJob() if not record.retain:
            return Action(
                kind=ActionKind.DELETE,
                address=address,
                name=record.name,
                reason=Reason.REMOVED,
                job_id=actual.job_id,
                version_id=actual.version_id,
                before=dict(record.spec.canonical),
                expects=_as_is(actual),
                interrupts=actual.status.is_live,
                running_ms=actual.duration_ms if actual.status.is_live else None,
            )
        case None, JobRecord(), _:
            return Action(
                kind=ActionKind.FORGET,
                address=address,
                name=record.name,
                reason=Reason.RETAINED if actual else Reason.GONE,
                job_id=record.job_id,
                version_id=record.version_id,
                before=dict(record.spec.canonical),
                expects=_as_is(actual) if actual else Expectation(),
            )
        case _:
            raise ValueError(f"nothing is known of {address}")


def _decide_missing(desired: DesiredJob, record: JobRecord) -> Action:
    """Choose for a recorded job that is gone from the platform.

    A finished one that was cleaned up is not paid for twice, unless `on_missing: recreate`; what
    the definition changed since, or a replacement that an earlier run left half done, is created.
    """
    changes = definition_changes(record.spec, desired.spec)
    finished = record.has_succeeded
    if record.job_id is None:
        return _create(desired, Reason.INTERRUPTED, record, changes)
    if _forces_replace(changes):
        return _create(desired, Reason.DEFINITION_CHANGED, record, changes)
    match desired.lifecycle.on_missing:
        case "accept_finished" | "error" if finished:
            return _still(desired, record, ActionKind.NOOP, Reason.FINISHED)
        case "error":
            return _still(desired, record, ActionKind.BLOCKED, Reason.VANISHED)
        case _:
            return _create(desired, Reason.VANISHED, record, changes)


def _decide_present(desired: DesiredJob, record: JobRecord, actual: ActualJob) -> Action:
    """Choose for a recorded job that exists; the first that holds.

    the definition changed a fixed field     replace: definition_changed
    other id or version, or fields changed   replace: drifted (an update first, if it lifts the
                                             protection that held the replacement back)
    failed, to be retried, attempts left     replace: retry n/max (never a protected job)
    description or protection changed        update
    else                                     noop
    """
    changes = definition_changes(record.spec, desired.spec)
    if _forces_replace(changes):
        return _replace(desired, record, actual, Reason.DEFINITION_CHANGED, changes)
    if is_replaced_outside(record, actual) or config_drift(record, actual):
        if record.protect and not desired.lifecycle.protect:
            return _lift_protection(desired, record, actual)
        undone = tuple(_reversed(change) for change in config_drift(record, actual))
        return _replace(desired, record, actual, Reason.DRIFTED, undone + changes)
    attempt = record.attempt + 1
    if _may_retry(desired, record, actual):
        reason = f"{Reason.RETRY} {attempt}/{desired.lifecycle.max_attempts}"
        return _replace(desired, record, actual, reason, changes, attempt=attempt)
    if in_place := _in_place_changes(desired, record, actual, changes):
        return _update(desired, record, actual, in_place, drifted=not changes)
    return _still(desired, record, ActionKind.NOOP, Reason.UNCHANGED)


def is_replaced_outside(record: JobRecord, actual: ActualJob) -> bool:
    """Tell whether the job that is there is another one, or another version, than recorded."""
    if record.job_id != actual.job_id:
        return True
    return None not in (record.version_id, actual.version_id) and (
        record.version_id != actual.version_id
    )


def config_drift(record: JobRecord, actual: ActualJob) -> tuple[FieldChange, ...]:
    """Return the fixed fields in which the job differs from its record, as far as it was read."""
    if actual.spec is None:
        return ()
    changes = drift_changes(record.spec, actual.spec)
    return tuple(change for change in changes if change.forces_replace)


def description_drift(record: JobRecord, actual: ActualJob) -> tuple[FieldChange, ...]:
    """Return the change of a recorded description that someone made on the platform."""
    recorded = record.spec.description
    if not recorded or recorded == actual.description:
        return ()
    return (
        FieldChange(
            path="description",
            before=recorded,
            after=actual.description or None,
            forces_replace=False,
        ),
    )


def _reversed(change: FieldChange) -> FieldChange:
    return change.model_copy(update={"before": change.after, "after": change.before})


def _may_retry(desired: DesiredJob, record: JobRecord, actual: ActualJob) -> bool:
    return (
        actual.status is Status.FAILED
        and desired.lifecycle.on_failure == "retry"
        and record.attempt < desired.lifecycle.max_attempts
        and not (record.protect or desired.lifecycle.protect)
    )


def _forces_replace(changes: tuple[FieldChange, ...]) -> bool:
    return any(change.forces_replace for change in changes)


def _in_place_changes(
    desired: DesiredJob,
    record: JobRecord,
    actual: ActualJob,
    changes: tuple[FieldChange, ...],
) -> tuple[FieldChange, ...]:
    wanted = desired.spec.description
    found = list(changes)
    if not changes and wanted and actual.description != wanted:
        found.append(
            FieldChange(
                path="description",
                before=actual.description or None,
                after=wanted,
                forces_replace=False,
            )
        )
    found += [
        FieldChange(path=f"lifecycle.{name}", before=before, after=after, forces_replace=False)
        for name, before, after in (
            ("protect", record.protect, desired.lifecycle.protect),
            ("retain", record.retain, desired.lifecycle.retain),
        )
        if before != after
    ]
    return tuple(found)


def _as_is(actual: ActualJob, *, description: bool = False) -> Expectation:
    return Expectation(
        job_id=actual.job_id,
        version_id=actual.version_id,
        description=actual.description if description else None,
    )


def _result(desired: DesiredJob, attempt: int = 1) -> JobRecord:
    return JobRecord(
        job_id=None,
        name=desired.spec.name,
        spec=desired.spec,
        protect=desired.lifecycle.protect,
        retain=desired.lifecycle.retain,
        attempt=attempt,
    )


def _create(
    desired: DesiredJob,
    reason: Reason,
    record: JobRecord | None = None,
    changes: tuple[FieldChange, ...] = (),
) -> Action:
    resumes = record is not None and record.job_id is None and not _forces_replace(changes)
    return Action(
        kind=ActionKind.CREATE,
        address=desired.address,
        name=desired.spec.name,
        reason=reason,
        before=dict(record.spec.canonical) if record else None,
        after=dict(desired.spec.canonical),
        changes=changes,
        location=desired.location,
        result=_result(desired, attempt=record.attempt if record and resumes else 1),
    )


def _replace(
    desired: DesiredJob,
    record: JobRecord,
    actual: ActualJob,
    reason: str,
    changes: tuple[FieldChange, ...],
    *,
    attempt: int = 1,
) -> Action:
    return Action(
        kind=ActionKind.REPLACE,
        address=desired.address,
        name=desired.spec.name,
        reason=reason,
        job_id=actual.job_id,
        version_id=actual.version_id,
        before=dict(record.spec.canonical),
        after=dict(desired.spec.canonical),
        changes=changes,
        expects=_as_is(actual),
        interrupts=actual.status.is_live,
        running_ms=actual.duration_ms if actual.status.is_live else None,
        location=desired.location,
        result=_result(desired, attempt),
    )


def _update(
    desired: DesiredJob,
    record: JobRecord,
    actual: ActualJob,
    changes: tuple[FieldChange, ...],
    *,
    drifted: bool,
) -> Action:
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
        expects=_as_is(actual, description=True),
        location=desired.location,
        result=record.model_copy(
            update={
                "version_id": actual.version_id or record.version_id,
                "spec": desired.spec,
                "protect": desired.lifecycle.protect,
                "retain": desired.lifecycle.retain,
            }
        ),
    )


def _lift_protection(desired: DesiredJob, record: JobRecord, actual: ActualJob) -> Action:
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
        expects=_as_is(actual),
        location=desired.location,
        result=record.model_copy(update={"protect": False}),
    )


def _adopt(desired: DesiredJob, actual: ActualJob, *, allowed: bool) -> Action:
    """Take over a job of the same name and configuration; any other job is somebody else's."""
    differences: tuple[FieldChange, ...] = ()
    if actual.spec is not None:
        differences = tuple(_reversed(each) for each in drift_changes(desired.spec, actual.spec))
    fits = allowed and actual.spec is not None and not _forces_replace(differences)
    return Action(
        kind=ActionKind.ADOPT if fits else ActionKind.BLOCKED,
        address=desired.address,
        name=desired.spec.name,
        reason=Reason.ADOPTED if fits else Reason.NAME_TAKEN,
        job_id=actual.job_id,
        version_id=actual.version_id,
        after=dict(desired.spec.canonical),
        changes=differences,
        expects=_as_is(actual),
        location=desired.location,
        result=_adopted(desired, actual) if fits else None,
    )


def _adopted(desired: DesiredJob, actual: ActualJob) -> JobRecord:
    return _result(desired).model_copy(
        update={
            "job_id": actual.job_id,
            "version_id": actual.version_id,
            "created_at": actual.created_at,
        }
    )


def _still(desired: DesiredJob, record: JobRecord, kind: ActionKind, reason: Reason) -> Action:
    return Action(
        kind=kind,
        address=desired.address,
        name=desired.spec.name,
        reason=reason,
        job_id=record.job_id,
        version_id=record.version_id,
        location=desired.location,
    )
