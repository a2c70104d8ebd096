"""Refresh: read what is actual, in as few requests as the decisions need."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from reconciler.errors import JobNotFoundError
from reconciler.model.address import Address
from reconciler.model.events import Event
from reconciler.model.job import ActualJob, DesiredJob, JobRecord
from reconciler.model.platform import Listing
from reconciler.model.state import State
from reconciler.planning.decide import is_replaced_outside
from reconciler.planning.planner import find_actual
from reconciler.providers.base import Provider

Emit = Callable[[Event], None]


def refresh(
    provider: Provider,
    state: State,
    desired: Mapping[Address, DesiredJob],
    *,
    listed: Listing | None = None,
    full: bool = False,
    parallelism: int = 10,
    emit: Emit = lambda _: None,
) -> Listing:
    """List every job, and read the details of those that the decisions depend on.

    `listed` is a list from just now, which spares asking for it. A recorded job that the list
    does not show is looked up by its id before it counts as gone: a list of several pages can
    lose a row while jobs come and go.

    The configuration of a recorded version cannot change, so details are read only for jobs
    that are not the recorded version, that bear a wanted name without being recorded, or that
    an open intent may have created; with `full`, for every recorded job.
    """
    emit(Event(type="refresh", message="Reading the platform's jobs"))
    listing = provider.list() if listed is None else listed
    listing = with_unlisted(provider, listing, doubtful(state, desired, listing), parallelism)
    wanted = [
        job for job in wanting_details(state, desired, listing, full=full) if job.spec is None
    ]
    details = _read_details(provider, wanted, parallelism, emit)
    emit(Event(type="refresh", message="Read the platform's jobs", data={"jobs": len(listing)}))
    return listing.with_details(details)


def doubtful(
    state: State, desired: Mapping[Address, DesiredJob], listing: Listing
) -> list[JobRecord]:
    """Return the records whose job the list does not show, but for wanted jobs that succeeded.

    Nothing depends on whether the latter are still there.
    """
    return [
        record
        for address, record in state.records.items()
        if record.job_id is not None
        and listing.by_id(record.job_id) is None
        and not record.expired
        and not (address in desired and record.has_succeeded)
    ]


def wanting_details(
    state: State,
    desired: Mapping[Address, DesiredJob],
    listing: Listing,
    *,
    full: bool = False,
) -> list[ActualJob]:
    """Return the listed jobs whose spec the decisions need, once each."""
    wanted: dict[str, ActualJob] = {}
    for record in state.records.values():
        actual = find_actual(record, listing)
        if actual and (full or is_replaced_outside(record, actual)):
            wanted[actual.job_id] = actual
    unrecorded = (job.spec.name for address, job in desired.items() if address not in state.records)
    intended = (intent.name for intents in state.intents.values() for intent in intents)
    known = {record.job_id for record in state.records.values()}
    for intent in (each for intents in state.intents.values() for each in intents):
        actual = listing.by_id(intent.job_id) if intent.kind == "version" else None
        if actual and actual.version_id != intent.version_id:
            wanted[actual.job_id] = actual
    for name in (*unrecorded, *intended):
        actual = listing.by_name(name)
        if actual and actual.job_id not in known:
            wanted[actual.job_id] = actual
    return list(wanted.values())


def with_unlisted(
    provider: Provider, listing: Listing, records: list[JobRecord], parallelism: int
) -> Listing:
    """Add the jobs that exist although the list did not show them."""
    if not records:
        return listing

    def look_up(record: JobRecord) -> ActualJob | None:
        try:
            return provider.get(record.job_id or "", record.version_id)
        except JobNotFoundError:
            return None

    with ThreadPoolExecutor(max_workers=min(parallelism, len(records))) as pool:
        found = [job for job in pool.map(look_up, records) if job is not None]
    return Listing((*listing.jobs, *found), listing.quota) if found else listing


def _read_details(
    provider: Provider, rows: list[ActualJob], parallelism: int, emit: Emit
) -> Iterable[ActualJob]:
    if not rows:
        return []
    read: list[ActualJob] = []
    with ThreadPoolExecutor(max_workers=min(parallelism, len(rows))) as pool:
        for number, job in enumerate(pool.map(lambda row: read_spec(provider, row), rows), 1):
            read.append(job)
            emit(Event(type="refresh", message="Reading details", done=number, total=len(rows)))
    return read


def read_spec(provider: Provider, row: ActualJob) -> ActualJob:
    """Return a listed job with its spec; the row's own status and description stay.

    A job that goes away between the list and this call is returned without a spec. A row that
    has one already is returned as it is.
    """
    if row.spec is not None:
        return row
    try:
        details = provider.get(row.job_id, row.version_id)
    except JobNotFoundError:
        return row
    return replace(row, spec=details.spec)
