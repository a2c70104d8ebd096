"""Moving a stack to another API version: looking at both, asking, and writing the state once."""

from collections.abc import Callable
from dataclasses import dataclass

from reconciler.engine.context import Context
from reconciler.engine.outcomes import observed
from reconciler.engine.plan import prepare
from reconciler.engine.refresh import doubtful, with_unlisted
from reconciler.engine.request import Request
from reconciler.errors import PlanStaleError, RefusedError
from reconciler.model.migration import Migration
from reconciler.model.platform import PlatformIdentity
from reconciler.model.report import Report
from reconciler.model.state import State, fold
from reconciler.planning.migration import check_migration, make_migration, migration_entries

Approve = Callable[[Migration, Report], bool]
"""Shows what would be moved and planned afterwards, and asks."""


@dataclass(frozen=True, slots=True)
class _Prepared:
    migration: Migration
    state: State


def migrate(
    source: Context, target: Context, request: Request, identity: PlatformIdentity, approve: Approve
) -> Migration | None:
    """Move a stack's records to the platform of `target`; None when that was not approved.

    No job is touched on either side. `request` is what will be planned afterwards, on the
    platform that `identity` names. Raises `RefusedError` when something stands against it, such as
    a job that is under way, and `PlanStaleError` when the state changed meanwhile.
    """
    before = source.backend.read()
    if before is None or before.platform is None:
        raise ValueError("a state that was never applied has nothing to move")
    prepared = _prepare(source, target, before, request, identity)
    report = prepare(target, request, prepared.state).report
    if not approve(prepared.migration, report):
        return None
    source.check_stop()
    with source.backend.lock(command=source.command, timeout=source.lock_timeout) as writer:
        if source.backend.read() != before:
            raise PlanStaleError(
                "The state changed meanwhile",
                "Somebody else's command recorded something since it was read.",
                "Run `reconciler migrate` again.",
            )
        writer.checkpoint(prepared.state)
    return prepared.migration


def _prepare(
    source: Context, target: Context, before: State, request: Request, identity: PlatformIdentity
) -> _Prepared:
    """Decide what moves; the state is whole or not written, so nothing is ever half-way."""
    listing = source.provider.list()
    unlisted = doubtful(before, request.desired, listing)
    listing = with_unlisted(source.provider, listing, unlisted, source.parallelism)
    state = fold(before, observed(before, listing, source.provider.now()))
    migration = make_migration(state, listing, identity)
    problems = check_migration(state, migration, listing, target.provider.list())
    if problems:
        raise RefusedError("Refused: nothing was moved", problems)
    return _Prepared(migration, fold(state, migration_entries(migration)))
