"""From desired, recorded and actual jobs to the actions of a plan."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from reconciler.diagnostics import Diagnostic, Location, error, warning
from reconciler.model.address import Address, matches
from reconciler.model.job import ActualJob, DesiredJob, JobRecord, Status
from reconciler.model.plan import (
    Action,
    ActionKind,
    Drift,
    Expectation,
    FieldChange,
    Reason,
    Summary,
)
from reconciler.model.platform import Listing
from reconciler.model.state import State
from reconciler.planning.decide import decide
from reconciler.planning.drift import find_drift


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
    the addresses whose record an interrupted run left open and the listing settled.
    """

    desired: Mapping[Address, DesiredJob]
    state: State
    listing: Listing
    selection: Selection = Selection()
    adopt: bool = False
    recovered: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """The decisions for a world, before guards and preflight have looked at them."""

    actions: tuple[Action, ...] = ()
    drift: tuple[Drift, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    summary: Summary = field(default_factory=Summary)
    unmanaged: tuple[ActualJob, ...] = ()
    statuses: Mapping[Address, Status] = field(default_factory=dict)


def make_draft(world: World) -> Draft:
    """Decide about every selected address, in the order of the addresses."""
    addresses = sorted(
        address for address in {*world.desired, *world.state.records} if address in world.selection
    )
    freed = _freed_names(world, addresses)
    decided = [_decide(world, address, freed) for address in addresses]
    actions = tuple(action for action in decided if action.kind is not ActionKind.NOOP)
    places = {address: job.location for address, job in world.desired.items()}
    drift = find_drift(
        {a: world.state.records[a] for a in addresses if a in world.state.records},
        world.listing,
        places,
    )
    unmanaged = find_unmanaged(world.state, world.listing)
    return Draft(
        actions=actions,
        drift=drift,
        diagnostics=tuple(_diagnose(world, decided)),
        summary=_count(decided, drift, unmanaged, world),
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


def _freed_names(world: World, addresses: Iterable[Address]) -> dict[str, Address]:
    """Map the ids of jobs that this plan deletes to the addresses that they leave."""
    freed: dict[str, Address] = {}
    for address in addresses:
        record = world.state.records.get(address)
        if record and record.job_id and address not in world.desired and not record.retain:
            freed[record.job_id] = address
    return freed


def _decide(world: World, address: Address, freed: Mapping[str, Address]) -> Action:
    desired = world.desired.get(address)
    record = world.state.records.get(address)
    if desired is None:
        actual = world.listing.by_id(record.job_id) if record else None
        return decide(address, None, record, actual)
    if record is None:
        holder = world.listing.by_name(desired.spec.name)
        if holder is not None and holder.job_id in freed:
            action = decide(address, desired, None, None)
            return _after(action, freed[holder.job_id])
        return decide(address, desired, None, holder, adopt=world.adopt)
    action = decide(address, desired, record, find_actual(record, world.listing))
    return _check_new_name(world, action, record, freed)


def _check_new_name(
    world: World, action: Action, record: JobRecord, freed: Mapping[str, Address]
) -> Action:
    """Hold back a job whose definition gave it a name that another job bears."""
    if action.kind not in (ActionKind.CREATE, ActionKind.REPLACE) or action.name == record.name:
        return action
    holder = world.listing.by_name(action.name)
    if holder is None:
        return action
    if holder.job_id in freed:
        return _after(action, freed[holder.job_id])
    return action.model_copy(
        update={
            "kind": ActionKind.BLOCKED,
            "reason": Reason.NAME_TAKEN,
            "job_id": holder.job_id,
            "version_id": holder.version_id,
            "expects": Expectation(job_id=holder.job_id, version_id=holder.version_id),
            "interrupts": False,
            "running_ms": None,
            "result": None,
        }
    )


def _after(action: Action, address: Address) -> Action:
    return action.model_copy(update={"depends_on": (*action.depends_on, address)})


def _diagnose(world: World, decided: Iterable[Action]) -> Iterable[Diagnostic]:
    for action in decided:
        desired = world.desired.get(action.address)
        if action.reason == Reason.NAME_TAKEN:
            yield _name_taken(action, desired.place("name") if desired else None, world.adopt)
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
        elif desired and action.kind is ActionKind.NOOP:
            yield from _protected_failure(world, desired)


def _name_taken(action: Action, location: Location | None, adopting: bool) -> Diagnostic:
    shown = "\n".join(_difference(change) for change in action.changes)
    detail = f'A job "{action.name}" that is not ours exists already (id {action.job_id}).'
    if adopting and shown:
        detail += f"\nIts configuration differs:\n{shown}"
        hint = "Change the definition to match it, or give the job another `name`."
    elif shown:
        detail += f"\nIts configuration differs:\n{shown}"
        hint = "Give the job another `name`, or delete the other one."
    else:
        hint = "Take it over with `--adopt`, or give the job another `name`."
    return error(
        "Name is taken",
        detail,
        hint,
        address=action.address,
        location=location,
        code=Reason.NAME_TAKEN,
    )


def _difference(change: FieldChange) -> str:
    return f"  {change.path}: theirs {change.before!r}, ours {change.after!r}"


def _protected_failure(world: World, desired: DesiredJob) -> Iterable[Diagnostic]:
    record = world.state.records.get(desired.address)
    actual = world.listing.by_id(record.job_id) if record else None
    if record is None or actual is None or actual.status is not Status.FAILED:
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
    taken = {action.job_id for action in decided if action.kind is ActionKind.ADOPT}
    return Summary(
        **{str(kind): count for kind, count in counts.items()},
        recovered=len(world.recovered),
        drifted=len(drift),
        unmanaged=sum(job.job_id not in taken for job in unmanaged),
    )


def _statuses(world: World, addresses: Iterable[Address]) -> dict[Address, Status]:
    found: dict[Address, Status] = {}
    for address in addresses:
        if (record := world.state.records.get(address)) and (
            actual := world.listing.by_id(record.job_id)
        ):
            found[address] = actual.status
    return found
