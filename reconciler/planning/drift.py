"""What someone changed behind our back: recorded and actual jobs compared."""

from collections.abc import Container, Iterable, Mapping

from reconciler.diagnostics import Location
from reconciler.model.address import Address
from reconciler.model.job import ActualJob, JobRecord
from reconciler.model.plan import Drift, DriftKind, FieldChange
from reconciler.model.platform import Listing
from reconciler.planning.decide import config_drift, description_drift, is_replaced_outside


def find_drift(
    addresses: Iterable[Address],
    records: Mapping[Address, JobRecord],
    listing: Listing,
    places: Mapping[Address, Location | None],
) -> tuple[Drift, ...]:
    """Return the drift of the recorded jobs among `addresses`, in their order.

    A status is never drift; neither is a finished job that was cleaned up, nor a job that we
    deleted ourselves in a replacement not yet complete. `records` are all there are, since a
    job that another of them speaks of has not taken anyone's place.
    """
    owned = {record.job_id for record in records.values()}
    found = []
    for address in addresses:
        record = records.get(address)
        if record and (drift := _drift(address, record, listing, owned, places.get(address))):
            found.append(drift)
    return tuple(found)


def _drift(
    address: Address,
    record: JobRecord,
    listing: Listing,
    owned: Container[str | None],
    location: Location | None,
) -> Drift | None:
    if record.job_id is None:
        return None
    found = listing.by_id(record.job_id)
    if found is None and record.expired:
        return None
    if found is None:
        other = listing.by_name(record.name)
        found = other if other and other.job_id not in owned else None
    if found is None:
        if record.has_succeeded:
            return None
        return Drift(address=address, name=record.name, kind=DriftKind.VANISHED, location=location)
    changes = (*config_drift(record, found), *description_drift(record, found))
    if is_replaced_outside(record, found):
        return Drift(
            address=address,
            name=record.name,
            kind=DriftKind.REPLACED,
            changes=_ids(record, found) + changes,
            location=location,
        )
    if not changes:
        return None
    return Drift(
        address=address,
        name=record.name,
        kind=DriftKind.CHANGED,
        changes=changes,
        location=location,
    )


def _ids(record: JobRecord, found: ActualJob) -> tuple[FieldChange, ...]:
    pairs = (
        ("job_id", record.job_id, found.job_id),
        ("version_id", record.version_id, found.version_id),
    )
    return tuple(
        FieldChange(path=path, before=before, after=after)
        for path, before, after in pairs
        if before != after
    )
