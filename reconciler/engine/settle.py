"""Look at the platform until what interrupted runs left open is settled as far as it can be."""

from collections.abc import Mapping

from reconciler.engine.context import Context
from reconciler.engine.refresh import refresh
from reconciler.model.address import Address
from reconciler.model.job import DesiredJob, Status
from reconciler.model.platform import Listing
from reconciler.model.state import Intent, State, fold
from reconciler.planning.diff import definition_changes
from reconciler.planning.recovery import Recovery, recover


def look(
    context: Context,
    state: State,
    desired: Mapping[Address, DesiredJob],
    listed: Listing | None = None,
    *,
    adopting: bool = False,
) -> tuple[Listing, Recovery]:
    """Refresh, and settle what interrupted runs left open as far as the platform tells.

    `listed` is the list to begin with; without it, the platform is asked.

    A job that such a run may have created just now is given the time to appear in the list,
    unless a create of the same name is going to find out: planned without it, it would be lost.
    Nothing but time finds out about a version. A job that such a run may have deleted, and that is
    wanted again as it was, is given the time to go: planned as unchanged, it would vanish after.
    So is, when `adopting`, a job that somebody stops: it may be on its way out.
    """
    pause, until = context.timing.poll_first, context.time.monotonic() + context.timing.grace
    while True:
        listing = refresh(
            context.provider,
            state,
            desired,
            listed=listed,
            full=context.full_refresh,
            parallelism=context.parallelism,
            emit=context.emit,
        )
        context.check_stop()
        recovery = recover(state, listing)
        known = fold(state, recovery.entries)
        may_end = adopting and context.time.monotonic() < until and _ends(known, desired, listing)
        if not (
            may_end
            or _may_appear(context, known, desired)
            or _may_go(context, known, desired, listing)
        ):
            return listing, recovery
        context.time.pause(pause)
        listed = None
        pause = min(pause * 1.5, context.timing.poll_most)


def _may_appear(context: Context, state: State, desired: Mapping[Address, DesiredJob]) -> bool:
    names = {address: job.spec.name for address, job in desired.items()}
    return any(
        (
            intent.kind == "version"
            or (intent.kind == "create" and names.get(address) != intent.name)
        )
        and _is_recent(context, intent)
        for address, intents in state.intents.items()
        for intent in intents
    )


def _may_go(
    context: Context, state: State, desired: Mapping[Address, DesiredJob], listing: Listing
) -> bool:
    return any(
        intents[-1].kind in ("delete", "replace")
        and _is_recent(context, intents[-1])
        and (wanted := desired.get(address)) is not None
        and (record := state.records.get(address)) is not None
        and (actual := listing.by_id(record.job_id)) is not None
        and not (actual.status is Status.FAILED and wanted.lifecycle.on_failure == "retry")
        and not any(each.forces_replace for each in definition_changes(record.spec, wanted.spec))
        for address, intents in state.intents.items()
    )


def _ends(state: State, desired: Mapping[Address, DesiredJob], listing: Listing) -> bool:
    """Tell whether a job that could be adopted is stopping, to be deleted or to stay."""
    return any(
        (address not in state.records or state.records[address].job_id is None)
        and (actual := listing.by_name(job.spec.name)) is not None
        and actual.status is Status.STOPPING
        for address, job in desired.items()
    )


def _is_recent(context: Context, intent: Intent) -> bool:
    """Tell whether the effect of a request may still be about to show in the list."""
    age = (context.provider.now() - intent.at).total_seconds()
    return abs(age) < context.timing.grace
