"""From desired, recorded and actual jobs to the actions of a plan."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconciler.diagnostics import Diagnostic
from reconciler.model.address import Address, is_aside, owner_of
from reconciler.model.job import ActualJob, DesiredJob, JobRecord, Status
from reconciler.model.plan import (
    Action,
    ActionKind,
    Drift,
    KnownDrift,
    PlannedMove,
    Reason,
    Summary,
)
from reconciler.model.platform import Listing
from reconciler.model.state import State
from reconciler.planning.decide import decide, decide_aside
from reconciler.planning.dependencies import (
    Needs,
    deletion_order,
    find_needs,
    in_order,
)
from reconciler.planning.drift import find_drift
from reconciler.planning.findings import diagnose
from reconciler.planning.known import set_apart
from reconciler.planning.moves import after_moves, find_moves, lets_go
from reconciler.planning.naming import as_recorded, base_name, beside, named
from reconciler.planning.world import World


@dataclass(frozen=True, slots=True)
class Draft:
    """The decisions for a world, before guards and preflight have looked at them.

    `state` has the moves folded in.
    """

    state: State
    moved: tuple[PlannedMove, ...] = ()
    actions: tuple[Action, ...] = ()
    drift: tuple[Drift, ...] = ()
    known_drift: tuple[KnownDrift, ...] = ()
    notes: tuple[str, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    summary: Summary = field(default_factory=Summary)
    unmanaged: tuple[ActualJob, ...] = ()
    statuses: Mapping[Address, Status] = field(default_factory=dict)


def make_draft(world: World) -> Draft:
    """Decide about every selected address: moves first, jobs behind those they depend on."""
    blocks = [
        each
        for each in world.moved
        if each.source in world.selection or each.target in world.selection
    ]
    moves = find_moves(world.state, blocks)
    world = replace(world, state=after_moves(world.state, moves))
    addresses = sorted(
        address for address in {*world.desired, *world.state.records} if address in world.selection
    )
    owners = _owners(world.state)
    actions = tuple(_decide_all(world, addresses, owners))
    places = {address: job.location for address, job in world.desired.items()}
    found = find_drift(addresses, world.state.records, world.listing, places)
    drifted = set_apart(found, world.ignored_drift, world.today)
    unmanaged = _untouched(find_unmanaged(world.state, world.listing), actions)
    return Draft(
        state=world.state,
        moved=moves.moved,
        actions=actions,
        drift=drifted.drift,
        known_drift=drifted.known,
        notes=drifted.notes,
        diagnostics=(
            *moves.diagnostics,
            *diagnose(world, addresses, actions, owners),
            *drifted.diagnostics,
        ),
        summary=_count(addresses, actions, drifted.drift, unmanaged, world),
        unmanaged=unmanaged,
        statuses=_statuses(world, addresses),
    )


def find_unmanaged(state: State, listing: Listing) -> tuple[ActualJob, ...]:
    """Return the jobs that no record speaks of, in the platform's order."""
    known = {record.job_id for record in state.records.values()}
    return tuple(job for job in listing if job.job_id not in known)


def find_actual(record: JobRecord, listing: Listing) -> ActualJob | None:
    """Return the job of a record: by its id, else another one that took its name."""
    return listing.by_id(record.job_id) or listing.by_name(record.name)


def _owners(state: State) -> dict[str, Address]:
    """Map the ids of the recorded jobs to the addresses that record them."""
    return {
        record.job_id: address
        for address, record in state.records.items()
        if record.job_id is not None
    }


def _decide_all(
    world: World, addresses: Iterable[Address], owners: Mapping[str, Address]
) -> list[Action]:
    """Decide behind what each job depends on; return what is to be done in the addresses' order.

    A job that is to stay as it is has no action: most jobs are, and each would take a kilobyte.
    """
    desired = world.desired
    graph = {
        address: desired[address].depends_on if address in desired else () for address in addresses
    }
    decided: dict[Address, Action] = {}
    for address in in_order(graph):
        action = _decide(world, address, owners, decided)
        if action.kind is not ActionKind.NOOP:
            decided[address] = action
    order = deletion_order(decided.values(), world.state.records)
    for address, others in order.items():
        for other in others:
            decided[address] = _after(decided[address], other)
    return [decided[address] for address in graph if address in decided]


def _decide(
    world: World,
    address: Address,
    owners: Mapping[str, Address],
    decided: Mapping[Address, Action],
) -> Action:
    desired = world.desired.get(address)
    record = world.state.records.get(address)
    if desired is None:
        return _decide_unwanted(world, address, record)
    actual = _actual(world, desired, record, owners) if record else None
    needs = find_needs(desired, record, decided, world.state.records, world.listing)
    wanted = desired if record else _unlike_kept(world, desired, owners)
    action = decide(address, wanted, record, actual, needs=needs, now=world.now)
    action = _with_base(action, desired, wanted)
    if action.kind in (ActionKind.CREATE, ActionKind.REPLACE) or action.waits:
        return _check_name(world, action, desired, owners, needs)
    return action


def _decide_unwanted(world: World, address: Address, record: JobRecord | None) -> Action:
    actual = world.listing.by_id(record.job_id) if record else None
    owner = world.desired.get(owner_of(address)) if is_aside(address) else None
    if record and owner:
        return decide_aside(address, owner, record, actual, world.now)
    action = decide(address, None, record, actual, keep=lets_go(world.removed, address))
    return _as_asked(action) if world.destroying else action


def _unlike_kept(world: World, desired: DesiredJob, owners: Mapping[str, Address]) -> DesiredJob:
    """Return an unrecorded job under another name than the one that it superseded and is kept."""
    holder = world.listing.by_name(desired.spec.name)
    owner = owners.get(holder.job_id) if holder else None
    if holder and owner and is_aside(owner) and owner_of(owner) == desired.address:
        return beside(desired, holder.job_id)
    return desired


def _actual(
    world: World, desired: DesiredJob, record: JobRecord, owners: Mapping[str, Address]
) -> ActualJob | None:
    """Find the job of a record: by its id, else another one that took its place.

    Nothing took the place of a job that we deleted ourselves, or whose name is no longer wanted;
    and no job did that another record speaks of.
    """
    own = world.listing.by_id(record.job_id)
    if own or record.job_id is None or record.expired:
        return own
    if as_recorded(desired, record).spec.name != record.name:
        return own
    other = world.listing.by_name(record.name)
    return None if other is None or other.job_id in owners else other


def _check_name(
    world: World,
    action: Action,
    desired: DesiredJob,
    owners: Mapping[str, Address],
    needs: Needs,
) -> Action:
    """Let a job that is to be created wait for its name, take over who bears it, or hold it back.

    The bearer may be deleted by this plan, or be the old job of an unfinished replacement.
    """
    holder = world.listing.by_name(action.name)
    if holder is None or holder.job_id == action.job_id:
        return action
    if any(holder.job_id == each.job_id for each in world.state.intents.get(action.address, ())):
        return action
    owner = owners.get(holder.job_id)
    if owner and _gives_up(world, owner) and not _is_let_go(world, owner):
        return action if action.waits else _after(action, owner)
    record = world.state.records.get(action.address)
    has_job = record is not None and record.job_id is not None
    is_free = owner is None or _gives_up(world, owner)
    adopt = world.adopt and is_free and not has_job
    wanted = desired if desired.spec.name == action.name else named(desired, action.name)
    found = decide(action.address, wanted, None, holder, adopt=adopt, needs=needs)
    return _with_base(found, desired, wanted)


def _with_base(action: Action, desired: DesiredJob, wanted: DesiredJob) -> Action:
    """Note what the name was made of, where the job is to bear another than the definition's."""
    if action.result is None or wanted is desired:
        return action
    result = action.result.model_copy(update={"base_name": base_name(desired, wanted)})
    return action.model_copy(update={"result": result})


def _gives_up(world: World, address: Address) -> bool:
    """Tell whether this plan deletes or forgets the job of a recorded address."""
    if is_aside(address) and owner_of(address) in world.desired:
        return False
    return address in world.selection and address not in world.desired


def _is_let_go(world: World, address: Address) -> bool:
    return world.state.records[address].retain or lets_go(world.removed, address)


def _as_asked(action: Action) -> Action:
    if action.kind is not ActionKind.DELETE:
        return action
    return action.model_copy(update={"reason": Reason.DESTROYED})


def _after(action: Action, address: Address) -> Action:
    return action.model_copy(update={"depends_on": (*action.depends_on, address)})


def _untouched(
    unmanaged: tuple[ActualJob, ...], actions: Iterable[Action]
) -> tuple[ActualJob, ...]:
    """Leave out the jobs that the plan adopts, or replaces as they took a recorded one's place."""
    touched = {a.job_id for a in actions if a.kind in (ActionKind.ADOPT, ActionKind.REPLACE)}
    return tuple(job for job in unmanaged if job.job_id not in touched)


def _count(
    addresses: Sequence[Address],
    actions: Sequence[Action],
    drift: tuple[Drift, ...],
    unmanaged: tuple[ActualJob, ...],
    world: World,
) -> Summary:
    counts = dict.fromkeys(ActionKind, 0) | {ActionKind.NOOP: len(addresses) - len(actions)}
    for action in actions:
        counts[action.kind] += 1
    return Summary(
        **{str(kind): count for kind, count in counts.items()},
        recovered=len(world.recovered),
        drifted=len(drift),
        unmanaged=len(unmanaged),
    )


def _statuses(world: World, addresses: Iterable[Address]) -> dict[Address, Status]:
    found: dict[Address, Status] = {}
    for address in addresses:
        if (record := world.state.records.get(address)) and (
            actual := world.listing.by_id(record.job_id)
        ):
            found[address] = actual.status
    return found
