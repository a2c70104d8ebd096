"""How runs end: seeing it, waiting for it, recording it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from reconciler.engine.context import Context
from reconciler.engine.refresh import with_unlisted
from reconciler.errors import InterruptedRunError, StateLockedError
from reconciler.model.address import Address
from reconciler.model.events import Event
from reconciler.model.job import JobRecord, Outcome, Status
from reconciler.model.platform import Listing
from reconciler.model.report import StatusRow
from reconciler.model.state import Observed, State, fold
from reconciler.planning.recovery import recover

_OUTCOMES = (Status.SUCCEEDED, Status.FAILED, Status.STOPPED)


@dataclass(frozen=True, slots=True)
class WaitResult:
    """How the awaited jobs ended; `timed_out` when some had not when the time was over."""

    rows: tuple[StatusRow, ...]
    timed_out: bool = False

    @property
    def unsuccessful(self) -> tuple[StatusRow, ...]:
        """The jobs that ended in any other way than well."""
        return tuple(row for row in self.rows if row.status is not Status.SUCCEEDED)


def observed(state: State, listing: Listing, now: datetime) -> list[Observed]:
    """Return an entry for each recorded job whose run has ended and is not noted so yet."""
    entries = []
    for address, record in state.records.items():
        actual = listing.by_id(record.job_id)
        if actual is None or actual.status not in _OUTCOMES:
            continue
        if None not in (record.version_id, actual.version_id) and (
            record.version_id != actual.version_id
        ):
            continue
        if record.outcome is None or record.outcome.status is not actual.status:
            outcome = Outcome(status=actual.status, seen_at=now, duration_ms=actual.duration_ms)
            entries.append(Observed(address=address, job_id=actual.job_id, outcome=outcome))
    return entries


def read_status(context: Context, addresses: Sequence[Address] | None = None) -> list[StatusRow]:
    """Return the recorded jobs with their live status, by address; writes nothing."""
    state = context.backend.read()
    if state is None:
        return []
    listing = _list(context, state)
    state = fold(state, recover(state, listing).entries)
    return status_rows(state.records, listing, addresses)


def status_rows(
    records: Mapping[Address, JobRecord],
    listing: Listing,
    addresses: Sequence[Address] | None = None,
) -> list[StatusRow]:
    """Return a row for each record, or for each of the addresses that is recorded."""
    chosen = sorted(records) if addresses is None else [a for a in addresses if a in records]
    return [_row(address, records[address], listing) for address in chosen]


def wait(
    context: Context,
    addresses: Sequence[Address] | None = None,
    timeout: float | None = None,
    *,
    enough: Callable[[Sequence[StatusRow]], bool] = lambda _: False,
    told: Mapping[Address, Status] | None = None,
) -> WaitResult:
    """Block until the recorded jobs (or those at the addresses) have ended, or it is `enough`.

    `timeout` is in seconds; statuses that were `told` before are not told again. Outcomes are
    recorded when the state's lock is free; otherwise the next apply records them. Raises
    `InterruptedRunError` when the user stops waiting; the jobs run on.
    """
    deadline = None if timeout is None else context.time.monotonic() + timeout
    before = dict(told or {})
    rows: list[StatusRow] = []
    for rows in _watch(context, addresses):
        _tell_changes(context, before, rows)
        before = {row.address: row.status for row in rows}
        open_rows = [row for row in rows if not has_ended(row)]
        if not open_rows or enough(rows):
            break
        if deadline is not None and context.time.monotonic() >= deadline:
            record_outcomes(context)
            return WaitResult(tuple(rows), timed_out=True)
    record_outcomes(context)
    return WaitResult(tuple(rows))


def record_outcomes(context: Context) -> None:
    """Record the outcomes that the platform shows now, unless someone else is writing."""
    state = context.backend.read()
    if state is None:
        return
    listing = context.provider.list()
    if not observed(state, listing, context.provider.now()):
        return
    try:
        with context.backend.lock(command=context.command) as writer:
            state = context.backend.read()
            if state and (entries := observed(state, listing, context.provider.now())):
                writer.append(entries)
    except StateLockedError:
        context.emit(
            Event(type="notice", message="The state is locked; the next apply records outcomes.")
        )


def _list(context: Context, state: State) -> Listing:
    """List every job, and look up those recorded that are too new to be in the list for sure."""
    listing, now = context.provider.list(), context.provider.now()
    new = [
        record
        for record in state.records.values()
        if listing.by_id(record.job_id) is None
        and record.job_id is not None
        and record.created_at is not None
        and (now - record.created_at).total_seconds() < context.timing.grace
    ]
    return with_unlisted(context.provider, listing, new, context.parallelism)


def _watch(context: Context, addresses: Sequence[Address] | None) -> Iterator[list[StatusRow]]:
    pause = context.timing.poll_first
    while True:
        yield read_status(context, addresses)
        if context.stop.is_set():
            raise InterruptedRunError("Interrupted", "The jobs run on; nothing was changed.")
        context.time.pause(pause)
        pause = min(pause * 1.5, context.timing.poll_most)


def _tell_changes(
    context: Context, before: Mapping[Address, Status], rows: Sequence[StatusRow]
) -> None:
    for row in rows:
        if before.get(row.address) is not row.status:
            context.emit(Event(type="status", address=row.address, message=str(row.status)))
    ended = sum(has_ended(row) for row in rows)
    context.emit(Event(type="waiting", done=ended, total=len(rows)))


def has_ended(row: StatusRow) -> bool:
    """Tell whether a job's run is over, or the job gone."""
    return row.is_gone or row.status.is_final


def _row(address: Address, record: JobRecord, listing: Listing) -> StatusRow:
    actual = listing.by_id(record.job_id)
    outcome = record.outcome
    if actual is not None:
        status, duration = actual.status, actual.duration_ms
    else:
        status = outcome.status if outcome else Status.UNKNOWN
        duration = outcome.duration_ms if outcome else None
    return StatusRow(
        address=address,
        name=record.name,
        job_id=record.job_id,
        status=status,
        version_id=record.version_id,
        is_gone=actual is None,
        attempt=record.attempt,
        created_at=record.created_at,
        duration_ms=duration,
    )
