"""What the state must hold when a plan has been carried out: the measure apply proves itself by."""

from collections.abc import Iterable, Mapping

from reconciler.model.address import Address
from reconciler.model.job import JobRecord
from reconciler.model.plan import Action, ActionKind


def project(action: Action) -> JobRecord | None:
    """Return the record that an action leaves behind, without the ids the platform gives.

    A deletion leaves one only of a finished job whose time was over.
    """
    if action.kind is ActionKind.FORGET:
        return None
    if action.kind is ActionKind.DELETE and not (action.result and action.result.expired):
        return None
    return action.result


def mismatches(done: Iterable[Action], records: Mapping[Address, JobRecord]) -> tuple[Address, ...]:
    """Return the addresses whose record is not what their action projected."""
    return tuple(
        action.address for action in done if not _fits(project(action), records.get(action.address))
    )


def _fits(projected: JobRecord | None, found: JobRecord | None) -> bool:
    if projected is None or found is None:
        return projected is found
    return (
        found.job_id is not None
        and found.name == projected.name
        and found.spec == projected.spec
        and found.protect == projected.protect
        and found.retain == projected.retain
        and found.attempt == projected.attempt
        and found.ttl_after_finished == projected.ttl_after_finished
        and found.depends_on == projected.depends_on
        and found.code == projected.code
        and found.expired == projected.expired
        and found.base_name == projected.base_name
    )
