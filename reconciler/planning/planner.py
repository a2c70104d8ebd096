"""From desired, recorded and actual jobs to the actions of a plan."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from reconciler.diagnostics import Diagnostic, Location, error, warning
from reconciler.model.address import Address, is_aside, owner_of, selects
from reconciler.model.definition import Move, Removal
from reconciler.model.job import ActualJob, DesiredJob, JobRecord, Status
from reconciler.model.plan import (
    Action,
    ActionKind,
    Drift,
    FieldChange,
    KnownDrift,
    PlannedMove,
    Reason,
    Summary,
)
from reconciler.model.platform import Listing
from reconciler.model.policy import IgnoreDrift
from reconciler.model.secrets import shown
from reconciler.model.state import State
from reconciler.planning.decide import decide, decide_aside
from reconciler.planning.dependencies import (
    Needs,
    actual_status,
    deletion_order,
    find_needs,
    in_order,
    is_starting,
)
from reconciler.planning.drift import find_drift
from reconciler.planning.known import set_apart
from reconciler.planning.moves import after_moves, find_moves, lets_go
from reconciler.planning.naming import as_recorded, base_name, beside


@dataclass(frozen=True, slots=True)
class Selection:
    """Which addresses a run looks at: those that fit a target (all, if none) and no exclude.

    A sweep's key stands for all its jobs, a job's address for those that it superseded, too.
    """

    targets: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()

    def __contains__(self, address: Address) -> bool:
        if self.targets and not selects(self.targets, address):
            return False
        return not (self.excludes and selects(self.excludes, address))

    def unknown(self, addresses: Iterable[Address]) -> list[str]:
        """Return the globs that fit none of the addresses: most likely typing errors."""
        known = list(addresses)
        return [
            glob
            for glob in (*self.targets, *self.excludes)
            if not any(selects((glob,), address) for address in known)
        ]


@dataclass(frozen=True, slots=True)
class World:
    """All that a plan is made from.

    `listing` carries the specs that the decision needs; see `engine.refresh`. `recovered` names
    the addresses whose record an interrupted run left open and the listing settled. `destroying`
    says that nothing is desired because everything is to go. `moved` and `removed` are the blocks
    that rename and let go of records. `today` is the day in UTC on which entries of
    `ignored_drift` hold or not, `now` the platform's time (None: no finished job's time is over).
    """

    desired: Mapping[Address, DesiredJob]
    state: State
    listing: Listing
    selection: Selection = Selection()
    adopt: bool = False
    destroying: bool = False
    recovered: tuple[Address, ...] = ()
    ignored_drift: tuple[IgnoreDrift, ...] = ()
    moved: tuple[Move, ...] = ()
    removed: tuple[Removal, ...] = ()
    today: date = date.min
    now: datetime | None = None


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
    decided = _decide_all(world, addresses, owners)
    actions = tuple(action for action in decided if action.kind is not ActionKind.NOOP)
    places = {address: job.location for address, job in world.desired.items()}
    found = find_drift(addresses, world.state.records, world.listing, places)
    drifted = set_apart(found, world.ignored_drift, world.today)
    unmanaged = _untouched(find_unmanaged(world.state, world.listing), decided)
    return Draft(
        state=world.state,
        moved=moves.moved,
        actions=actions,
        drift=drifted.drift,
        known_drift=drifted.known,
        notes=drifted.notes,
        diagnostics=(
            *moves.diagnostics,
            *_diagnose(world, decided, owners),
            *drifted.diagnostics,
        ),
        summary=_count(decided, drifted.drift, unmanaged, world),
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
    """Decide behind what each job depends on; return the decisions in the addresses' order."""
    desired = world.desired
    graph = {
        address: desired[address].depends_on if address in desired else () for address in addresses
    }
    decided: dict[Address, Action] = {}
    for address in in_order(graph):
        decided[address] = _decide(world, address, owners, decided)
    order = deletion_order(decided.values(), world.state.records)
    for address, others in order.items():
        for other in others:
            decided[address] = _after(decided[address], other)
    return [decided[address] for address in graph]


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
    if action.result and wanted is not desired:
        named = action.result.model_copy(update={"base_name": base_name(desired, wanted)})
        action = action.model_copy(update={"result": named})
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
    return decide(action.address, desired, None, holder, adopt=adopt, needs=needs)


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
    unmanaged: tuple[ActualJob, ...], decided: Iterable[Action]
) -> tuple[ActualJob, ...]:
    """Leave out the jobs that the plan adopts, or replaces as they took a recorded one's place."""
    touched = {a.job_id for a in decided if a.kind in (ActionKind.ADOPT, ActionKind.REPLACE)}
    return tuple(job for job in unmanaged if job.job_id not in touched)


def _diagnose(
    world: World, decided: Iterable[Action], owners: Mapping[str, Address]
) -> Iterable[Diagnostic]:
    planned = {action.address: action for action in decided}
    for action in planned.values():
        desired = world.desired.get(action.address)
        if desired is None:
            continue
        if action.reason == Reason.NAME_TAKEN:
            yield _name_taken(world, action, desired.place("name"), owners)
        elif action.kind is ActionKind.BLOCKED and action.reason == Reason.VANISHED:
            yield error(
                "Job is missing",
                f'Job "{action.address}" is recorded, but gone from the platform.',
                "Its lifecycle says `on_missing: error`. Set `on_missing: recreate` to run it "
                f"again, or forget it with `reconciler state rm {action.address}`.",
                address=action.address,
                location=action.location,
                code="missing",
            )
        elif action.waits:
            yield from _failed_dependencies(world, action, planned)
        elif action.kind is ActionKind.NOOP:
            yield from _protected_failure(world, desired)
            yield from _protected_dependent(world, desired)


def _name_taken(
    world: World, action: Action, location: Location | None, owners: Mapping[str, Address]
) -> Diagnostic:
    owner = owners.get(action.job_id or "")
    if owner is None:
        detail = f'A job "{action.name}" that is not ours exists already (id {action.job_id}).'
    else:
        detail = f'The job of "{owner}" bears the name "{action.name}" (id {action.job_id}).'
    if action.changes:
        differences = "\n".join(_difference(change) for change in action.changes)
        detail += f"\nIts configuration differs:\n{differences}"
    return error(
        "Name is taken",
        detail,
        _way_out(world, action, owner),
        address=action.address,
        location=location,
        code=Reason.NAME_TAKEN,
    )


def _way_out(world: World, action: Action, owner: Address | None) -> str:
    if owner is not None:
        return "Give the job another `name`, or free this one by an apply of its own."
    if any(change.forces_replace for change in action.changes):
        if world.adopt:
            return "Change the definition to match it, or give the job another `name`."
        return "Give the job another `name`, or delete the other one."
    record = world.state.records.get(action.address)
    if world.adopt or (record is not None and record.job_id is not None):
        return "Give the job another `name`, or delete the other one."
    return "Take it over with `--adopt`, or give the job another `name`."


def _difference(change: FieldChange) -> str:
    return f"  {change.path}: theirs {shown(change.before)}, ours {shown(change.after)}"


def _protected_failure(world: World, desired: DesiredJob) -> Iterable[Diagnostic]:
    record = world.state.records.get(desired.address)
    actual = world.listing.by_id(record.job_id) if record else None
    if record is None or actual is None or actual.status is not Status.FAILED:
        return
    if record.attempt >= desired.lifecycle.max_attempts:
        return
    if desired.lifecycle.on_failure == "retry" and (record.protect or desired.lifecycle.protect):
        yield warning(
            "Failed job is protected",
            f'Job "{desired.address}" failed and is not retried, because it is protected.',
            "Set `lifecycle.protect: false` to let it be replaced.",
            address=desired.address,
            location=desired.place("lifecycle.protect"),
            code="protect",
        )


def _failed_dependencies(
    world: World, action: Action, planned: Mapping[Address, Action]
) -> Iterable[Diagnostic]:
    """Say why a job may wait for ever: what it waits for ended without success, and stays so."""
    ended = [
        (address, "failed" if status is Status.FAILED else "was stopped")
        for address in action.depends_on
        if not is_starting(planned.get(address))
        and (status := actual_status(world.state.records.get(address), world.listing))
        in (Status.FAILED, Status.STOPPED)
    ]
    if not ended:
        return
    address, how = ended[0]
    others = f", and for {len(ended) - 1} more that have not succeeded" if len(ended) > 1 else ""
    yield warning(
        "Dependency has not succeeded",
        f'Job "{action.address}" waits for "{address}", which {how}{others}.',
        f"Mend it and apply again; `reconciler logs {address}` shows what went wrong.",
        address=action.address,
        location=action.location,
        code="dependency",
    )


def _protected_dependent(world: World, desired: DesiredJob) -> Iterable[Diagnostic]:
    record = world.state.records.get(desired.address)
    if record is None or not (record.protect or desired.lifecycle.protect):
        return
    needs = find_needs(desired, record, {}, world.state.records, world.listing)
    if needs.rerun:
        named = " and ".join(f'"{each}"' for each in needs.rerun)
        yield warning(
            "Dependent job is protected",
            f'Job "{desired.address}" is not run again after {named}, because it is protected.',
            "Set `lifecycle.protect: false` to let it be replaced.",
            address=desired.address,
            location=desired.place("lifecycle.protect"),
            code="protect",
        )


def _count(
    decided: Iterable[Action],
    drift: tuple[Drift, ...],
    unmanaged: tuple[ActualJob, ...],
    world: World,
) -> Summary:
    counts = dict.fromkeys(ActionKind, 0)
    for action in decided:
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
