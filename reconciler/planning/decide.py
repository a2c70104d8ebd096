"""The decision for one job: a pure function over desired, record, actual and dependencies."""

from datetime import datetime, timedelta

from reconciler.model.address import Address
from reconciler.model.job import ActualJob, DesiredJob, JobRecord, Lifecycle, Status
from reconciler.model.plan import Action, ActionKind, FieldChange, Reason
from reconciler.planning import actions
from reconciler.planning.actions import forces_replace, reversed_change
from reconciler.planning.dependencies import NOTHING, Needs
from reconciler.planning.diff import code_changes, definition_changes, drift_changes
from reconciler.planning.naming import as_recorded

_ENDED = (Status.SUCCEEDED, Status.FAILED, Status.STOPPED)


def decide(
    address: Address,
    desired: DesiredJob | None,
    record: JobRecord | None,
    actual: ActualJob | None,
    *,
    adopt: bool = False,
    keep: bool = False,
    needs: Needs = NOTHING,
    now: datetime | None = None,
) -> Action:
    """Choose the action for one job; the first case that fits wins.

    `actual` is the job that bears the record's id; failing that, for a desired job, the one that
    bears its name. `needs` is what the jobs that it depends on mean for it, `now` the platform's
    time (None: nothing expires); `keep` says that a `removed` block lets go of the job. Status is
    never drift: it decides only about retries, finished jobs, and those that depend on them.

    desired  record  actual
    -------  ------  ------
     yes       -       -     create: new
     yes       -      yes    adopt, if asked to and equal; else blocked: name_taken
     yes      yes      -     noop: finished, or create (see `_decide_missing`)
     yes      yes     yes    replace, update, delete or noop (see `_decide_present`)
      -       yes      -     forget: gone
      -       yes     yes    delete: removed, or forget: retained

    A create or replace is blocked while a job that it depends on has not succeeded: `waits`, or
    `dependency_replaced` when that one is run again and the job exists already.
    """
    match desired, record, actual:
        case DesiredJob(), None, None:
            return actions.create(desired, needs, Reason.NEW)
        case DesiredJob(), None, ActualJob():
            return actions.adopt(desired, needs, actual, allowed=adopt)
        case DesiredJob(), JobRecord(), None:
            return _decide_missing(as_recorded(desired, record), record, needs)
        case DesiredJob(), JobRecord(), ActualJob():
            return _decide_present(desired, record, actual, needs, now)
        case None, JobRecord(), ActualJob() if not (record.retain or keep):
            return actions.delete(address, record, actual)
        case None, JobRecord(), _:
            return actions.forget(address, record, actual)
        case _:
            raise ValueError(f"nothing is known of {address}")


def decide_aside(
    address: Address,
    owner: DesiredJob,
    record: JobRecord,
    actual: ActualJob | None,
    now: datetime | None = None,
) -> Action:
    """Choose for a job that another one superseded and that is kept as long as its block stands.

    gone                            forget: gone
    finished, and its time is over  delete: expired
    the block's lifecycle changed   update
    else                            noop: superseded
    """
    if actual is None:
        return actions.forget(address, record, None)
    if now is not None and _is_over(owner.lifecycle, record, actual, now):
        return actions.delete(address, record, actual, Reason.EXPIRED)
    if changes := _lifecycle_changes(owner.lifecycle, record):
        return actions.keep_in_step(address, owner, record, actual, changes)
    return actions.left(address, record, Reason.SUPERSEDED)


def _decide_missing(desired: DesiredJob, record: JobRecord, needs: Needs) -> Action:
    """Choose for a recorded job that is gone from the platform; the first that holds.

    we deleted it in a replacement          create: interrupted
    the definition changed a fixed field    create: definition_changed
    the code changed                        create: code_changed
    a dependency ran again                  create: dependency_replaced (never a protected job)
    its time was over                       noop: finished
    succeeded                               noop: finished, unless `on_missing: recreate`
    `on_missing: error`                     blocked: vanished
    else                                    create: vanished

    A finished one that was cleaned up is not paid for twice: only its own block, and a run of a
    job that it depends on, start it again.
    """
    changes = definition_changes(record.spec, desired.spec)
    code = code_changes(record.code, desired.code)
    if record.job_id is None:
        return actions.create(desired, needs, Reason.INTERRUPTED, record, changes + code)
    if forces_replace(changes):
        return actions.create(desired, needs, Reason.DEFINITION_CHANGED, record, changes + code)
    if forces_replace(code):
        return actions.create(desired, needs, Reason.CODE_CHANGED, record, changes + code)
    if needs.rerun and not _is_protected(desired, record):
        return actions.create(desired, needs, Reason.DEPENDENCY_REPLACED, record, changes)
    if record.expired:
        return actions.still(desired, record, ActionKind.NOOP, Reason.FINISHED)
    match desired.lifecycle.on_missing:
        case "accept_finished" | "error" if record.has_succeeded:
            return actions.still(desired, record, ActionKind.NOOP, Reason.FINISHED)
        case "error":
            return actions.still(desired, record, ActionKind.BLOCKED, Reason.VANISHED)
        case _:
            return actions.create(desired, needs, Reason.VANISHED, record, changes)


def _decide_present(
    original: DesiredJob,
    record: JobRecord,
    actual: ActualJob,
    needs: Needs,
    now: datetime | None,
) -> Action:
    """Choose for a recorded job that exists; the first that holds.

    the definition changed a fixed field     by on_change: definition_changed
    the code changed                         by on_change: code_changed
    other id or version, or fields changed   replace: drifted (an update first, if it lifts the
                                             protection that held the replacement back)
    a dependency ran again                   by on_change: dependency_replaced (never a
                                             protected job)
    failed, to be retried, attempts left     replace: retry n/max (never a protected job)
    finished, and its time is over           delete: expired (never a protected job)
    description, protection … changed, or    update
    a dependency succeeded whose run is
    not recorded yet
    else                                     noop

    By `on_change`: a replace, a replace by a new version, or a create beside the job.
    """
    desired = as_recorded(original, record)
    changes = definition_changes(record.spec, desired.spec)
    code = code_changes(record.code, desired.code)
    if forces_replace(changes) or forces_replace(code):
        changed = forces_replace(changes)
        reason = Reason.DEFINITION_CHANGED if changed else Reason.CODE_CHANGED
        both = (*changes, *(each for each in code if each.forces_replace))
        return actions.supersede(original, desired, needs, record, actual, reason, both)
    if is_replaced_outside(record, actual) or config_drift(record, actual):
        if record.protect and not desired.lifecycle.protect:
            return actions.lift_protection(desired, record, actual)
        undone = tuple(reversed_change(change) for change in config_drift(record, actual))
        return actions.replace(desired, needs, record, actual, Reason.DRIFTED, undone + changes)
    if needs.rerun and not _is_protected(desired, record):
        reason = Reason.DEPENDENCY_REPLACED
        return actions.supersede(original, desired, needs, record, actual, reason, changes)
    if _may_retry(desired, record, actual):
        attempt = record.attempt + 1
        why = f"{Reason.RETRY} {attempt}/{desired.lifecycle.max_attempts}"
        return actions.replace(desired, needs, record, actual, why, changes, attempt=attempt)
    if now is not None and _is_over(desired.lifecycle, record, actual, now):
        return actions.expire(desired, record, actual, now)
    if in_place := _in_place_changes(desired, record, actual, changes + code, needs):
        return actions.update(desired, needs, record, actual, in_place, drifted=not changes)
    return actions.still(desired, record, ActionKind.NOOP, Reason.UNCHANGED)


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


def _is_protected(desired: DesiredJob, record: JobRecord) -> bool:
    return record.protect or desired.lifecycle.protect


def _may_retry(desired: DesiredJob, record: JobRecord, actual: ActualJob) -> bool:
    return (
        actual.status is Status.FAILED
        and desired.lifecycle.on_failure == "retry"
        and record.attempt < desired.lifecycle.max_attempts
        and not _is_protected(desired, record)
    )


def _is_over(lifecycle: Lifecycle, record: JobRecord, actual: ActualJob, now: datetime) -> bool:
    """Tell whether a finished job has been there for its `ttl_after_finished`.

    The time counts from when its end was recorded: no earlier end is known for sure.
    """
    ttl = lifecycle.ttl_after_finished
    if ttl is None or record.protect or lifecycle.protect or is_replaced_outside(record, actual):
        return False
    if actual.status not in _ENDED and not (actual.status.is_final and record.outcome):
        return False
    seen_at = record.outcome.seen_at if record.outcome else now
    return now - seen_at >= timedelta(seconds=ttl)


def _in_place_changes(
    desired: DesiredJob,
    record: JobRecord,
    actual: ActualJob,
    changes: tuple[FieldChange, ...],
    needs: Needs,
) -> tuple[FieldChange, ...]:
    wanted = desired.spec.description
    found = list(changes)
    described = any(change.path == "description" for change in changes)
    if not described and wanted and actual.description != wanted:
        found.append(
            FieldChange(
                path="description",
                before=actual.description or None,
                after=wanted,
                forces_replace=False,
            )
        )
    return (*found, *_lifecycle_changes(desired.lifecycle, record), *_new_needs(needs, record))


def _new_needs(needs: Needs, record: JobRecord) -> tuple[FieldChange, ...]:
    """Return what the state has to learn of the dependencies, so that their next run counts."""
    known = sorted(record.depends_on)
    after = sorted({*known, *needs.runs})
    if after == known:
        return ()
    return (
        FieldChange(path="depends_on", before=known or None, after=after, forces_replace=False),
    )


def _lifecycle_changes(lifecycle: Lifecycle, record: JobRecord) -> tuple[FieldChange, ...]:
    """Return what the state has to learn of a lifecycle."""
    return tuple(
        FieldChange(path=f"lifecycle.{name}", before=before, after=after, forces_replace=False)
        for name, before, after in (
            ("protect", record.protect, lifecycle.protect),
            ("retain", record.retain, lifecycle.retain),
            ("ttl_after_finished", record.ttl_after_finished, lifecycle.ttl_after_finished),
        )
        if before != after
    )
