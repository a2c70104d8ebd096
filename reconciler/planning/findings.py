"""What a person should know of a plan's decisions: taken names, missing jobs, vain waits."""

from collections.abc import Iterable, Mapping

from reconciler.diagnostics import Diagnostic, Location, error, warning
from reconciler.model.address import Address
from reconciler.model.job import DesiredJob, Status
from reconciler.model.plan import Action, ActionKind, FieldChange, Reason
from reconciler.model.secrets import shown
from reconciler.planning.dependencies import actual_status, find_needs, is_starting
from reconciler.planning.world import World


def diagnose(
    world: World,
    addresses: Iterable[Address],
    actions: Iterable[Action],
    owners: Mapping[str, Address],
) -> Iterable[Diagnostic]:
    """Say what keeps jobs from being as wanted; `owners` maps ids of recorded jobs to addresses.

    Of the addresses that were looked at, those without an action stay as they are.
    """
    planned = {action.address: action for action in actions}
    for address in addresses:
        desired, action = world.desired.get(address), planned.get(address)
        if desired is None:
            continue
        if action is None:
            yield from _protected_failure(world, desired)
            yield from _protected_dependent(world, desired)
        elif action.reason == Reason.NAME_TAKEN:
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
