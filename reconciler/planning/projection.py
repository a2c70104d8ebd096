"""What the state must hold when a plan has been carried out: the measure apply proves itself by."""

from collections.abc import Iterable, Mapping

from reconciler.model.address import Address
from reconciler.model.job import JobRecord
from reconciler.model.plan import Action, ActionKind


def project(action: Action) -> JobRecord | None:
    """Return the record that an action leaves behind, without the ids the platform gives."""
    if action.kind in (ActionKind.DELETE, ActionKind.FORGET):
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
    )
