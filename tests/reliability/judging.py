"""What must hold of one command: of what it told, what it moved, and what it left to do."""

from collections.abc import Collection

from reconciler.engine.plan import Prepared
from reconciler.errors import ReconcilerError
from reconciler.model.address import is_aside
from reconciler.model.plan import Action, ActionKind, Plan, Reason
from reconciler.model.report import ApplyResult
from reconciler.model.state import State
from tests.reliability.chaos import Gate
from tests.reliability.ledger import ViolationError
from tests.reliability.secrecy import MARK


def is_to_follow(done: Plan, left: Plan) -> bool:
    """Tell whether what is left follows by the rules from what was done: what a protection held
    back when it was lifted, the retry of a failed job that was adopted, and the end of a finished
    one that was adopted or kept, or whose time was over only while the apply went on."""
    lifted = any(
        change.path == "lifecycle.protect" and change.before
        for action in done.actions
        for change in action.changes
    )
    adopted = {each.address for each in done.actions if each.kind is ActionKind.ADOPT}
    return lifted or all(
        (each.address in adopted and each.reason.startswith((Reason.RETRY, Reason.EXPIRED)))
        or (each.reason == Reason.EXPIRED and (is_aside(each.address) or _took_time(each)))
        for each in left.actions
    )


def is_overtaken(done: Plan, left: Plan, deletions: Collection[str]) -> bool:
    """Tell whether all that is left is to make anew what was adopted while it was on its way out.

    `deletions` are the jobs whose deletion others had accepted. The list shows a finished one as
    before until it is gone, so that nobody can tell it from one that stays.
    """
    adopted = {
        each.address
        for each in done.actions
        if each.kind is ActionKind.ADOPT and each.job_id in deletions
    }
    return bool(left.actions and not left.errors) and all(
        each.address in adopted
        and each.kind is ActionKind.CREATE
        and each.reason == Reason.VANISHED
        for each in left.actions
    )


def check_told(gate: Gate, error: ReconcilerError | None, value: object) -> None:
    """I7: neither events nor errors nor plans have the value of a secret."""
    told: list[object] = [*gate.told]
    if error:
        told += [str(error), vars(error)]
    if isinstance(value, Prepared):
        told.append(value.plan)
    if isinstance(value, ApplyResult):
        told.append(value)
    if MARK in repr(told):
        raise ViolationError(f"other: the value of one was told: {told}")


def check_moved(before: State | None, after: State | None, plan: Plan) -> None:
    """A record that only moved is of the same job as before."""
    touched = {action.address for action in plan.actions}
    for each in plan.moved:
        record = before.records.get(each.source) if before else None
        if record is None or before is None or each.source in before.intents:
            continue
        there = after.records.get(each.target) if after else None
        if each.target not in touched and (there is None or there.job_id != record.job_id):
            raise ViolationError(f"lost: {each.source} moved to {each.target} as {there}")


def _took_time(expiry: Action) -> bool:
    """Tell whether a job expires some time after its end, and not with it."""
    return expiry.result is not None and bool(expiry.result.ttl_after_finished)
