"""Moving a stack to another API version: which records go along; pure.

The jobs of one version are not those of the other: what ran there stays there. A run that ended
well is a record with that outcome and no job to look for, which plans take for finished. Any other
run leaves nothing that the new version could know of, and is run again if it is still wanted.
"""

from collections.abc import Iterable

from reconciler.diagnostics import Diagnostic, error
from reconciler.model.address import Address
from reconciler.model.job import ActualJob, JobRecord, Status
from reconciler.model.migration import Fate, Migration, Moving
from reconciler.model.platform import Listing, PlatformIdentity
from reconciler.model.state import Bound, Entry, Recorded, State


def make_migration(state: State, listing: Listing, target: PlatformIdentity) -> Migration:
    """Decide for each record of a state in which every outcome that is seen has been noted."""
    if state.platform is None:
        raise ValueError("a state that was never applied has nothing to move")
    records = sorted(state.records.items())
    return Migration(
        stack=state.stack,
        source=state.platform,
        target=target,
        records=tuple(_moving(a, record, listing.by_id(record.job_id)) for a, record in records),
    )


def migration_entries(migration: Migration) -> list[Entry]:
    """Return what has to be entered into the state, all of it or nothing."""
    dropped = migration.of(Fate.DROPPED)
    return [
        *(Recorded(address=each.address, record=None) for each in dropped),
        Bound(platform=migration.target),
    ]


def check_migration(
    state: State, migration: Migration, listing: Listing, there: Listing
) -> tuple[Diagnostic, ...]:
    """Return what stands against moving now; `there` lists the jobs of the version to come.

    A job that is still under way would be left behind, and its address could get a second one.
    """
    return (
        *_unsettled(state),
        *_under_way(state, listing),
        *_taken(migration, there),
        *_elsewhere(migration),
    )


def _moving(address: Address, record: JobRecord, actual: ActualJob | None) -> Moving:
    status = _ending(record, actual)
    fate = Fate.KEPT if record.has_succeeded else Fate.DROPPED
    return Moving(address, record.name, record.job_id, fate, status)


def _ending(record: JobRecord, actual: ActualJob | None) -> str:
    """Say how a run ended; a job that did while no outcome is noted is not the recorded run."""
    if record.outcome is not None:
        return str(record.outcome.status)
    if actual is None:
        return "gone"
    return "changed outside" if actual.status.is_final else str(actual.status)


def _unsettled(state: State) -> Iterable[Diagnostic]:
    for address in sorted(state.intents):
        yield error(
            "An apply was cut off",
            f'What became of "{address}" is not known yet.',
            "Run `reconciler apply` with the old `api` first: it finds out.",
            address=address,
            code="migration",
        )


def _under_way(state: State, listing: Listing) -> Iterable[Diagnostic]:
    for address, record in sorted(state.records.items()):
        actual = listing.by_id(record.job_id)
        if actual is not None and not actual.status.is_final:
            yield error(
                "Job is under way",
                f'Job "{address}" (id {actual.job_id}) is {_status_words(actual.status)}.',
                f"Wait for its end with `reconciler wait {address}`, or end it with "
                f"`reconciler stop {address}`.",
                address=address,
                code="migration",
            )


def _status_words(status: Status) -> str:
    return "in an unknown status" if status is Status.UNKNOWN else str(status)


def _taken(migration: Migration, there: Listing) -> Iterable[Diagnostic]:
    for each in migration.of(Fate.KEPT):
        found = there.by_name(each.name)
        if found is not None:
            yield error(
                "Name is taken",
                f'{migration.target.api} has a job "{each.name}" (id {found.job_id}), which would '
                f'be taken for that of "{each.address}".',
                f"Forget the record with `reconciler state rm {each.address}`, and take the other "
                "job over after moving with `reconciler adopt`; or delete that one.",
                address=each.address,
                code="migration",
            )


def _elsewhere(migration: Migration) -> Iterable[Diagnostic]:
    source, target = migration.source, migration.target
    if source.model_copy(update={"api": target.api}) != target:
        yield error(
            "State belongs to another platform",
            f'The state "{migration.stack}" records jobs of\n  {source}\n'
            f"but the definition and credentials lead to\n  {target}",
            "Only the API version can change on the way. Use the credentials and the `platform` "
            "block of the first.",
            code="identity",
        )
