"""Logs of recorded jobs: their last lines, and what follows until the runs end."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from reconciler.engine.context import Context
from reconciler.engine.outcomes import read_status
from reconciler.errors import InterruptedRunError, JobNotFoundError, UsageError
from reconciler.model.address import Address
from reconciler.model.job import JobRecord

_PIECE = 500
"""Lines asked for at once: the most that one answer holds (API Reference, "Querying Logs")."""


@dataclass(frozen=True, slots=True)
class _Log:
    """How far one job's log has been read; `fresh` is what the last look brought."""

    address: Address
    record: JobRecord
    fresh: str = ""
    cursor: str | None = None
    is_gone: bool = False


def follow_logs(
    context: Context, addresses: Sequence[Address], *, lines: int, follow: bool
) -> Iterator[tuple[Address, str]]:
    """Yield the last lines of each job's log, and with `follow` what comes until the runs end.

    A piece need not end where a line does. A job that is gone does not keep the others' logs
    back: `JobNotFoundError` names it at the end. Raises `UsageError` for an address without a
    job, `InterruptedRunError` when the user stops.
    """
    logs = [_Log(address, record) for address, record in _records(context, addresses).items()]
    logs = _look(context, logs, lambda log: _first(context, log, lines))
    yield from _pieces(logs)
    gone = [log for log in logs if log.is_gone]
    logs = [log for log in logs if not log.is_gone]
    pause = context.timing.poll_first
    while follow and logs:
        ended = _ended(context, [log.address for log in logs])
        logs = _look(context, logs, lambda log: _rest(context, log))
        if any(log.fresh for log in logs):
            yield from _pieces(logs)
            pause = context.timing.poll_first
        logs = [log for log in logs if log.address not in ended]
        if not logs:
            break
        if context.stop.is_set():
            many = len(logs) > 1
            raise InterruptedRunError("Interrupted", f"The job{'s run' if many else ' runs'} on.")
        context.time.pause(pause)
        pause = min(pause * 1.5, context.timing.poll_most)
    if gone:
        names = ", ".join(f'"{log.address}"' for log in gone)
        raise JobNotFoundError(
            "No log any more",
            f"Gone from the platform, and with it the log: {names}.",
            "`reconciler status` shows what is recorded of how runs ended.",
        )


def _records(context: Context, addresses: Sequence[Address]) -> dict[Address, JobRecord]:
    state = context.backend.read()
    records = state.records if state else {}
    for address in addresses:
        if address not in records or records[address].job_id is None:
            raise UsageError(
                "No such job is recorded",
                f'The state records no job at "{address}".',
                "`reconciler state list` shows the addresses there are.",
            )
    return {address: records[address] for address in addresses}


def _look(context: Context, logs: Sequence[_Log], look: Callable[[_Log], _Log]) -> list[_Log]:
    """Look at every log, side by side."""
    if not logs:
        return []
    with ThreadPoolExecutor(max_workers=min(context.parallelism, len(logs))) as pool:
        return list(pool.map(look, logs))


def _pieces(logs: Sequence[_Log]) -> Iterator[tuple[Address, str]]:
    return ((log.address, log.fresh) for log in logs if log.fresh)


def _first(context: Context, log: _Log, lines: int) -> _Log:
    job_id, version_id = log.record.job_id or "", log.record.version_id
    try:
        chunk = context.provider.logs(job_id, version_id, lines=lines)
    except JobNotFoundError:
        return replace(log, is_gone=True)
    return replace(log, fresh=chunk.text, cursor=chunk.cursor)


def _rest(context: Context, log: _Log) -> _Log:
    """Read a log from its cursor on, until there is no more for now."""
    job_id, version_id = log.record.job_id or "", log.record.version_id
    fresh, cursor = [], log.cursor
    while True:
        try:
            chunk = context.provider.logs(job_id, version_id, lines=_PIECE, cursor=cursor)
        except JobNotFoundError:
            break
        if not chunk.text or chunk.cursor == cursor:
            break
        fresh.append(chunk.text)
        cursor = chunk.cursor
    return replace(log, fresh="".join(fresh), cursor=cursor)


def _ended(context: Context, addresses: Sequence[Address]) -> set[Address]:
    rows = {row.address: row for row in read_status(context, addresses)}
    return {
        address
        for address in addresses
        if address not in rows or rows[address].is_gone or rows[address].status.is_final
    }
