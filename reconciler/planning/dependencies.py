"""Which jobs have to succeed before another one may begin, and what their runs mean for it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from reconciler.model.address import Address
from reconciler.model.job import ActualJob, DesiredJob, JobRecord, Status
from reconciler.model.plan import Action, ActionKind
from reconciler.model.platform import Listing


@dataclass(frozen=True, slots=True)
class Needs:
    """What the jobs that a job depends on mean for it.

    `unmet` have not succeeded, or are about to run again; `rerun` ran again since the job was
    created, or are about to. `runs` are the runs of the others, all of which succeeded.
    """

    unmet: tuple[Address, ...] = ()
    rerun: tuple[Address, ...] = ()
    runs: Mapping[Address, str] = field(default_factory=dict)


NOTHING = Needs()


def in_order(graph: Mapping[Address, Iterable[Address]]) -> list[Address]:
    """Return the addresses so that each comes behind those that it depends on.

    Ties stand in the graph's order. A cycle, which no definition has, is cut where it closes.
    """
    done: dict[Address, None] = {}
    begun: set[Address] = set()
    for start in graph:
        path = [] if start in begun else [(start, iter(graph[start]))]
        begun.add(start)
        while path:
            address, left = path[-1]
            following = next((each for each in left if each in graph and each not in begun), None)
            if following is None:
                done[address] = None
                path.pop()
            else:
                begun.add(following)
                path.append((following, iter(graph[following])))
    return list(done)


def without_cycles(
    graph: Mapping[Address, Iterable[Address]],
) -> dict[Address, tuple[Address, ...]]:
    """Return the graph without the edges that close a cycle, and those that lead outside."""
    places = {address: place for place, address in enumerate(in_order(graph))}
    return {
        address: tuple(each for each in edges if places.get(each, place) < place)
        for address, edges in graph.items()
        for place in [places[address]]
    }


def find_needs(
    desired: DesiredJob,
    record: JobRecord | None,
    decided: Mapping[Address, Action],
    records: Mapping[Address, JobRecord],
    listing: Listing,
) -> Needs:
    """Return what the dependencies of a desired job mean for it.

    `decided` holds the decisions about them, as far as this plan looks at them; what it does not
    look at stays as it is.
    """
    if not desired.depends_on:
        return NOTHING
    unmet, rerun, runs = [], [], {}
    seen = record.depends_on if record else {}
    for address in desired.depends_on:
        action, known = decided.get(address), records.get(address)
        run = None if is_starting(action) else _succeeded_run(action, known, listing)
        if run is None:
            unmet.append(address)
        else:
            runs[address] = run
        before, now = seen.get(address), known.run if known else None
        if before is not None and (
            is_starting(action) or (now is not None and not is_same_run(before, now))
        ):
            rerun.append(address)
    return Needs(tuple(unmet), tuple(rerun), runs)


def is_same_run(first: str, second: str) -> bool:
    """Tell whether two runs are the same, as far as their versions are known."""
    (job, _, version), (other_job, _, other_version) = first.partition("/"), second.partition("/")
    return job == other_job and (not version or not other_version or version == other_version)


def deletion_order(
    actions: Iterable[Action], records: Mapping[Address, JobRecord]
) -> dict[Address, tuple[Address, ...]]:
    """Return which deletes wait for which others: a job goes after those that depend on it."""
    deleted = [each.address for each in actions if each.kind is ActionKind.DELETE]
    graph: dict[Address, list[Address]] = {address: [] for address in deleted}
    for address in deleted:
        for before in records[address].depends_on if address in records else ():
            if before in graph and before != address:
                graph[before].append(address)
    return {address: after for address, after in without_cycles(graph).items() if after}


def actual_status(record: JobRecord | None, listing: Listing) -> Status | None:
    """Return how a recorded job stands or stood at its end; None when nobody knows."""
    if record is None:
        return None
    actual = listing.by_id(record.job_id)
    if actual is not None and _is_recorded_run(record, actual):
        return actual.status
    return record.outcome.status if record.outcome else None


def is_starting(action: Action | None) -> bool:
    """Tell whether a job is to run (again): now, or once what it waits for has succeeded."""
    if action is None:
        return False
    return action.kind in (ActionKind.CREATE, ActionKind.REPLACE) or action.waits


def _succeeded_run(action: Action | None, record: JobRecord | None, listing: Listing) -> str | None:
    if action is not None and action.kind is ActionKind.ADOPT and action.result:
        adopted = listing.by_id(action.job_id)
        done = adopted is not None and adopted.status is Status.SUCCEEDED
        return action.result.run if done else None
    if record is None or actual_status(record, listing) is not Status.SUCCEEDED:
        return None
    return record.run


def _is_recorded_run(record: JobRecord, actual: ActualJob) -> bool:
    return None in (record.version_id, actual.version_id) or (
        record.version_id == actual.version_id
    )
