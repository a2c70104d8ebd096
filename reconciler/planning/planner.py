"""From desired, recorded and actual jobs to the actions of a plan."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from reconciler.diagnostics import Diagnostic, Location, error, warning
from reconciler.model.address import Address, matches
from reconciler.model.job import ActualJob, DesiredJob, JobRecord, Status
from reconciler.model.plan import (
    Action,
    ActionKind,
    Drift,
    FieldChange,
    KnownDrift,
    Reason,
    Summary,
)
from reconciler.model.platform import Listing
from reconciler.model.policy import IgnoreDrift
from reconciler.model.secrets import shown
from reconciler.model.state import State
from reconciler.planning.decide import decide
from reconciler.planning.drift import find_drift
from reconciler.planning.known import set_apart


@dataclass(frozen=True, slots=True)
class Selection:
    """Which addresses a run looks at: those that fit a target (all, if none) and no exclude."""

    targets: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()

    def __contains__(self, address: Address) -> bool:
        if self.targets and not matches(address, self.targets):
            return False
        return not (self.excludes and matches(address, self.excludes))

    def unknown(self, addresses: Iterable[Address]) -> list[str]:
        """Return the globs that fit none of the addresses: most likely typing errors."""
        known = list(addresses)
        return [
            glob
            for glob in (*self.targets, *self.excludes)
            if not any(matches(address, (glob,)) for address in known)
        ]


@dataclass(frozen=True, slots=True)
class World:
    """All that a plan is made from.

    `listing` carries the specs that the decision needs; see `engine.refresh`. `recovered` names
    the addresses whose record an interrupted run left open and the listing settled. `destroying`
    says that nothing is desired because everything is to go. `today` is the day in UTC on which
    entries of `ignored_drift` hold or not.
    """

    desired: Mapping[Address, DesiredJob]
    state: State
    listing: Listing
    selection: Selection = Selection()
    adopt: bool = False
    destroying: bool = False
    recovered: tuple[Address, ...] = ()
    ignored_drift: tuple[IgnoreDrift, ...] = ()
    today: date = date.min


@dataclass(frozen=True, slots=True)
class Draft:
    """The decisions for a world, before guards and preflight have looked at them."""

    actions: tuple[Action, ...] = ()
    drift: tuple[Drift, ...] = ()
    known_drift: tuple[KnownDrift, ...] = ()
    notes: tuple[str, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    summary: Summary = field(default_factory=Summary)
    unmanaged: tuple[ActualJob, ...] = ()
    statuses: Mapping[Address, Status] = field(default_factory=dict)


def make_draft(world: World) -> Draft:
    """Decide about every selected address, in the order of the addresses."""
    addresses = sorted(
        address for address in {*world.desired, *world.state.records} if address in world.selection
    )
    owners = _owners(world.state)
    decided = [_decide(world, address, owners) for address in addresses]
    actions = tuple(action for action in decided if action.kind is not ActionKind.NOOP)
    places = {address: job.location for address, job in world.desired.items()}
    found = find_drift(addresses, world.state.records, world.listing, places)
    drifted = set_apart(found, world.ignored_drift, world.today)
    unmanaged = _untouched(find_unmanaged(world.state, world.listing), decided)
    return Draft(
        actions=actions,
        drift=drifted.drift,
        known_drift=drifted.known,
        notes=drifted.notes,
        diagnostics=(*_diagnose(world, decided, owners), *drifted.diagnostics),
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


def _decide(world: World, address: Address, owners: Mapping[str, Address]) -> Action:
    desired = world.desired.get(address)
    record = world.state.records.get(address)
    if desired is None:
        actual = world.listing.by_id(record.job_id) if record else None
        action = decide(address, None, record, actual)
        return _as_asked(action) if world.destroying else action
    actual = _actual(world, desired, record, owners) if record else None
    action = decide(address, desired, record, actual)
    if action.kind in (ActionKind.CREATE, ActionKind.REPLACE):
        return _check_name(world, action, desired, owners)
    return action


def _actual(
    world: World, desired: DesiredJob, record: JobRecord, owners: Mapping[str, Address]
) -> ActualJob | None:
    """Find the job of a record: by its id, else another one that took its place.

    Nothing took the place of a job that we deleted ourselves, or whose name is no longer wanted;
    and no job did that another record speaks of.
    """
    own = world.listing.by_id(record.job_id)
    if own or record.job_id is None or desired.spec.name != record.name:
        return own
    other = world.listing.by_name(record.name)
    return None if other is None or other.job_id in owners else other


def _check_name(
    world: World, action: Action, desired: DesiredJob, owners: Mapping[str, Address]
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
    if owner and _gives_up(world, owner) and not world.state.records[owner].retain:
        return _after(action, owner)
    record = world.state.records.get(action.address)
    has_job = record is not None and record.job_id is not None
    is_free = owner is None or _gives_up(world, owner)
    return decide(
        action.address, desired, None, holder, adopt=world.adopt and is_free and not has_job
    )


def _gives_up(world: World, address: Address) -> bool:
    """Tell whether this plan deletes or forgets the job of a recorded address."""
    return address in world.selection and address not in world.desired


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
    for action in decided:
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
        elif action.kind is ActionKind.NOOP:
            yield from _protected_failure(world, desired)


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
