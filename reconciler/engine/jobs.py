"""Operations on chosen jobs: which ones, stop, adopt."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from reconciler.engine.context import Context
from reconciler.engine.outcomes import observed, read_status, record_outcomes
from reconciler.engine.plan import check_platform, new_state, refuse_errors
from reconciler.engine.refresh import read_spec
from reconciler.engine.request import Request
from reconciler.engine.secrecy import check_secrets, open_vault, sealed_jobs
from reconciler.errors import (
    JobNotFoundError,
    NameTakenError,
    ProviderError,
    ReconcilerError,
    UsageError,
)
from reconciler.model.address import Address, selects
from reconciler.model.events import Event
from reconciler.model.job import ActualJob
from reconciler.model.plan import Action, ActionKind
from reconciler.model.report import StatusRow
from reconciler.model.secrets import shown
from reconciler.model.state import Bound, Entry, Intent, Opened, Recorded, State, fold
from reconciler.planning.decide import decide


def select(state: State | None, globs: Sequence[str]) -> list[Address]:
    """Return the recorded addresses that the globs choose, in order.

    The key of a sweep chooses all of its jobs. Raises `UsageError` when a glob chooses none.
    """
    records = state.records if state else {}
    for glob in globs:
        if not any(selects((glob,), address) for address in records):
            raise UsageError(
                "No such job is recorded",
                f'The state records no job at "{glob}".',
                "`reconciler state list` shows the addresses there are.",
            )
    return sorted(address for address in records if not globs or selects(globs, address))


def stop_jobs(
    context: Context, addresses: Sequence[Address], *, timeout: float = 60.0
) -> list[StatusRow]:
    """Stop the jobs that wait or run; return how each stands when they have stopped.

    Their records stay. Waits up to `timeout` seconds for the platform to stop them. One that the
    platform refuses to stop does not keep the others from being stopped: `ProviderError` at the
    end names each.
    """
    rows = read_status(context, addresses)
    live = [row for row in rows if not row.is_gone and row.status.is_live and row.job_id]
    refusals = _request_stops(context, live)
    waited = {row.address for row in live} - refusals.keys()
    deadline, pause = context.time.monotonic() + timeout, context.timing.poll_first
    while waited and context.time.monotonic() < deadline and not context.stop.is_set():
        rows = read_status(context, addresses)
        if all(row.is_gone or row.status.is_final for row in rows if row.address in waited):
            break
        context.time.pause(pause)
        pause = min(pause * 1.5, context.timing.poll_most)
    record_outcomes(context)
    if refusals:
        told = [f"{address}: {error}" for address, error in refusals.items()]
        raise ProviderError("Not every job could be stopped", "\n".join(told)) from next(
            iter(refusals.values())
        )
    return rows


def _request_stops(context: Context, live: Sequence[StatusRow]) -> dict[Address, ProviderError]:
    """Ask for every stop, side by side; return what the platform refused."""

    def request(row: StatusRow) -> ProviderError | None:
        try:
            context.provider.stop(row.job_id or "", row.version_id)
        except ProviderError as error:
            return error
        context.emit(Event(type="notice", address=row.address, message="stop requested"))
        return None

    if not live:
        return {}
    with ThreadPoolExecutor(max_workers=min(context.parallelism, len(live))) as pool:
        answers = zip(live, pool.map(request, live), strict=True)
        return {row.address: error for row, error in answers if error is not None}


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
