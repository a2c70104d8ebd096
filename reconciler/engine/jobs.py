"""Operations on single recorded jobs: logs, stop, adopt."""

from collections.abc import Iterator, Sequence

from reconciler.engine.context import Context
from reconciler.engine.outcomes import observed, read_status, record_outcomes
from reconciler.engine.plan import Request, check_platform, new_state, refuse_errors
from reconciler.engine.refresh import read_spec
from reconciler.engine.secrecy import check_secrets, open_vault, sealed_jobs
from reconciler.errors import (
    InterruptedRunError,
    JobNotFoundError,
    NameTakenError,
    ReconcilerError,
    UsageError,
)
from reconciler.model.address import Address, selects
from reconciler.model.events import Event
from reconciler.model.job import ActualJob, JobRecord
from reconciler.model.plan import Action, ActionKind
from reconciler.model.platform import LogChunk
from reconciler.model.report import StatusRow
from reconciler.model.secrets import shown
from reconciler.model.state import Bound, Entry, Intent, Opened, Recorded, State, fold
from reconciler.planning.decide import decide


def select(state: State | None, globs: Sequence[str]) -> list[Address]:
    """Return the recorded addresses that fit the globs, in order; `UsageError` if one fits none."""
    records = state.records if state else {}
    for glob in globs:
        if not any(selects((glob,), address) for address in records):
            raise UsageError(
                "No such job is recorded",
                f'The state records no job at "{glob}".',
                "`reconciler state list` shows the addresses there are.",
            )
    return sorted(address for address in records if not globs or selects(globs, address))


def follow_log(context: Context, address: Address, *, lines: int, follow: bool) -> Iterator[str]:
    """Yield the last lines of a job's log, and with `follow` what comes until its run ends.

    Raises `JobNotFoundError` when the job is gone, `InterruptedRunError` when the user stops.
    """
    record = _record(context, address)
    job_id = record.job_id or ""
    chunk = context.provider.logs(job_id, record.version_id, lines=lines)
    if chunk.text:
        yield chunk.text
    pause = context.timing.poll_first
    while follow:
        ended = _has_ended(context, address)
        fresh = _rest(context, job_id, record.version_id, chunk)
        for chunk in fresh:
            yield chunk.text
            pause = context.timing.poll_first
        if ended:
            return
        if context.stop.is_set():
            raise InterruptedRunError("Interrupted", "The job runs on.")
        context.time.pause(pause)
        pause = min(pause * 1.5, context.timing.poll_most)


def stop_jobs(
    context: Context, addresses: Sequence[Address], *, timeout: float = 60.0
) -> list[StatusRow]:
    """Stop the jobs that wait or run; return how each stands when they have stopped.

    Their records stay. Waits up to `timeout` seconds for the platform to stop them.
    """
    rows = read_status(context, addresses)
    for row in rows:
        if row.is_gone or not row.status.is_live or row.job_id is None:
            continue
        context.provider.stop(row.job_id, row.version_id)
        context.emit(Event(type="notice", address=row.address, message="stop requested"))
    deadline, pause = context.time.monotonic() + timeout, context.timing.poll_first
    while context.time.monotonic() < deadline and not context.stop.is_set():
        rows = read_status(context, addresses)
        if all(row.is_gone or row.status.is_final for row in rows):
            break
        context.time.pause(pause)
        pause = min(pause * 1.5, context.timing.poll_most)
    record_outcomes(context)
    return rows


def adopt(context: Context, request: Request, address: Address, job_id: str | None) -> Action:
    """Record an existing job under an address of the definition; return the adoption.

    The job is the one that bears the name in the definition, or the one with the id. Its
    configuration must equal the definition's in everything that was written; a description that
    differs is set. Raises `NameTakenError` naming the differences otherwise.
    """
    desired = request.desired.get(address)
    if desired is None:
        raise UsageError(
            "No such address",
            f'The definition has no job "{address}".',
            "Write its block first; `reconciler adopt` then compares it with the existing job.",
        )
    with context.backend.lock(command=context.command, timeout=context.lock_timeout) as writer:
        recorded = context.backend.read()
        state = recorded or new_state(request.stack)
        check_platform(state, request.platform)
        _refuse_recorded(state, address)
        vault = open_vault(context, state, [desired.spec])
        desired = sealed_jobs({address: desired}, state, vault)[address]
        listing = context.provider.list()
        row = listing.by_id(job_id) if job_id else listing.by_name(desired.spec.name)
        if row is None:
            named = f"id {job_id}" if job_id else f'name "{desired.spec.name}"'
            raise JobNotFoundError("No such job", f"The platform has no job with {named}.")
        _refuse_owned(state, address, row)
        action = decide(address, desired, None, read_spec(context.provider, row), adopt=True)
        refuse_errors(tuple(check_secrets([action], {address: desired}, vault)))
        if action.kind is not ActionKind.ADOPT or action.result is None:
            raise _differs(action, row)
        entries: list[Entry] = []
        if state.platform is None:
            entries.append(Bound(platform=request.platform.identity))
        if action.changes:
            entries.append(Opened(intent=_description_intent(context, action)))
        if recorded is None:
            writer.checkpoint(state)
        if entries:
            writer.append(entries)
        if action.changes:
            context.provider.update_description(row.job_id, desired.spec.description)
        done: list[Entry] = [Recorded(address=address, record=action.result)]
        after = fold(state, [*entries, *done])
        done += observed(after, listing, context.provider.now())
        writer.append(done)
        writer.checkpoint(fold(state, [*entries, *done]))
        return action


def _description_intent(context: Context, action: Action) -> Intent:
    return Intent(
        kind="update",
        address=action.address,
        at=context.provider.now(),
        name=action.name,
        job_id=action.job_id,
        version_id=action.version_id,
        result=action.result,
    )


def _refuse_recorded(state: State, address: Address) -> None:
    record = state.records.get(address)
    if record is not None and record.job_id is not None:
        raise UsageError(
            "Address is recorded already",
            f'"{address}" is job "{record.name}" (id {record.job_id}).',
            f"`reconciler state rm {address}` forgets it without touching the job.",
        )


def _refuse_owned(state: State, address: Address, row: ActualJob) -> None:
    for owner, record in state.records.items():
        if record.job_id == row.job_id:
            raise UsageError(
                "Job is recorded already",
                f'Job "{row.name}" (id {row.job_id}) is recorded at "{owner}".',
                f"`reconciler state mv {owner} {address}` gives it the other address.",
            )


def _differs(action: Action, row: ActualJob) -> ReconcilerError:
    differences = "\n".join(
        f"  {change.path}: theirs {shown(change.before)}, ours {shown(change.after)}"
        for change in action.changes
    )
    return NameTakenError(
        "Job differs from the definition",
        f'Job "{row.name}" (id {row.job_id}) cannot become "{action.address}":\n{differences}',
        "Change the definition to match the job; adopting never changes a configuration.",
    )


def _record(context: Context, address: Address) -> JobRecord:
    state = context.backend.read()
    record = state.records.get(address) if state else None
    if record is None or record.job_id is None:
        raise UsageError(
            "No such job is recorded",
            f'The state records no job at "{address}".',
            "`reconciler state list` shows the addresses there are.",
        )
    return record


def _has_ended(context: Context, address: Address) -> bool:
    rows = read_status(context, [address])
    return not rows or rows[0].is_gone or rows[0].status.is_final


def _rest(
    context: Context, job_id: str, version_id: str | None, chunk: LogChunk
) -> Iterator[LogChunk]:
    """Yield the pieces of the log after a cursor, until there is no more for now."""
    while True:
        try:
            after = context.provider.logs(job_id, version_id, lines=500, cursor=chunk.cursor)
        except JobNotFoundError:
            return
        if not after.text or after.cursor == chunk.cursor:
            return
        chunk = after
        yield chunk
