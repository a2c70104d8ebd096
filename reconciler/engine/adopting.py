"""Adopting in bulk: jobs that nobody recorded, and those of them that a definition describes."""

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from reconciler.engine.apply import Approval, apply
from reconciler.engine.context import Context
from reconciler.engine.refresh import read_spec
from reconciler.engine.request import Request
from reconciler.model.address import Address
from reconciler.model.job import ActualJob, DesiredJob
from reconciler.model.plan import Action, ActionKind
from reconciler.model.report import ApplyResult
from reconciler.planning.decide import decide


def strangers(context: Context, names: Collection[str]) -> list[ActualJob]:
    """Return the jobs that no record speaks of and that bear none of the names, with specs.

    One request for each, besides the list. A job that goes away meanwhile is left out.
    """
    state = context.backend.read()
    known = {record.job_id for record in state.records.values()} if state else set()
    rows = [
        row for row in context.provider.list() if row.job_id not in known and row.name not in names
    ]
    if not rows:
        return []
    with ThreadPoolExecutor(max_workers=min(context.parallelism, len(rows))) as pool:
        read = pool.map(lambda row: read_spec(context.provider, row), rows)
        return [job for job in read if job.spec is not None]


def unfit(
    jobs: Mapping[Address, ActualJob], desired: Mapping[Address, DesiredJob]
) -> dict[Address, str]:
    """Return the addresses whose definition is not the job's own configuration, and where."""
    wrong = {}
    for address, job in jobs.items():
        action = decide(address, desired[address], None, job, adopt=True)
        if action.kind is not ActionKind.ADOPT or action.changes:
            paths = ", ".join(change.path for change in action.changes)
            wrong[address] = paths or str(action.reason)
    return wrong


def adopt_all(context: Context, request: Request) -> ApplyResult:
    """Record every existing job that the request's definition describes; create nothing.

    Raises as `apply` does, before anything is recorded.
    """
    return apply(context, replace(request, adopt=True, permits=_is_adoption), Approval())


def _is_adoption(action: Action) -> bool:
    return action.kind in (ActionKind.ADOPT, ActionKind.BLOCKED)
