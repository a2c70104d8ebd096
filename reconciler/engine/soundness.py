"""Whether a saved plan could have been made here: a digest shows that nobody edited it by hand,
and not that this program wrote it.

What a plan asks for is the reviewer's to judge. Here it is held against itself and against the
state, so that no plan, however it came about, reaches a job that the state does not record.
"""

from collections.abc import Container, Iterator

from reconciler.errors import PlanFileError
from reconciler.model.address import Address
from reconciler.model.job import JobRecord
from reconciler.model.plan import Action, ActionKind, Plan
from reconciler.model.platform import Listing
from reconciler.model.state import State

_WITH_RESULT = (ActionKind.CREATE, ActionKind.REPLACE, ActionKind.UPDATE, ActionKind.ADOPT)
_OF_A_JOB = (ActionKind.REPLACE, ActionKind.UPDATE, ActionKind.DELETE, ActionKind.ADOPT)


def check_whole(plan: Plan) -> None:
    """Raise `PlanFileError` for actions that lack what their kind needs, or contradict it."""
    seen: set[Address] = set()
    problems: list[str] = []
    for action in plan.actions:
        found = [*_contradictions(action)]
        if action.address in seen:
            found.append("it stands there twice")
        seen.add(action.address)
        problems += [f'Job "{action.address}": {each}' for each in found]
    if problems:
        raise PlanFileError(
            "The plan contradicts itself",
            "\n".join(problems),
            "Nothing was changed. Write a plan with `reconciler plan -o FILE`.",
        )


def _contradictions(action: Action) -> Iterator[str]:
    result, kind = action.result, action.kind
    if kind in _WITH_RESULT and result is None:
        yield f"a {kind} without its result"
    if kind in _OF_A_JOB and (not action.job_id or action.expects.job_id is None):
        yield f"a {kind} that names no job"
    if result is None or kind is ActionKind.BLOCKED:
        return
    if kind is ActionKind.DELETE and (result.job_id != action.job_id or not result.expired):
        yield "a delete that leaves the record of a job that is there"
    if kind in (ActionKind.CREATE, ActionKind.REPLACE):
        if result.job_id is not None:
            yield f"a {kind} whose result has an id already"
        if action.name != result.spec.name or action.name != result.name:
            yield f"a {kind} of another name than its result's"
    elif kind in (ActionKind.UPDATE, ActionKind.ADOPT) and result.job_id != action.job_id:
        yield f"a {kind} of another job than its result's"


def misfits(
    action: Action, state: State, listing: Listing, given_up: Container[Address]
) -> Iterator[str]:
    """Yield how an action does not fit what the state records at its address.

    A job that another address records is fit for adoption only if the plan gives that one up.
    """
    record = state.records.get(action.address)
    recorded = record.job_id if record else None
    match action.kind:
        case ActionKind.CREATE if action.strategy == "keep":
            if recorded != action.job_id:
                yield f"job_id was {action.job_id}, is {recorded or 'not recorded'}"
        case ActionKind.CREATE | ActionKind.ADOPT if listing.by_id(recorded) is not None:
            yield f"job_id was none, is {recorded}"
        case ActionKind.UPDATE | ActionKind.DELETE | ActionKind.FORGET:
            if record is None or recorded != action.job_id:
                yield f"job_id was {action.job_id}, is {recorded or 'not recorded'}"
        case ActionKind.REPLACE if not _took_its_place(action, record, listing):
            yield f"job_id was {action.job_id}, is {recorded or 'not recorded'}"
    if action.kind in (ActionKind.REPLACE, ActionKind.ADOPT):
        for address, other in state.records.items():
            if (
                other.job_id == action.job_id
                and address != action.address
                and address not in given_up
            ):
                yield f'job_id {action.job_id} is recorded at "{address}"'


def _took_its_place(action: Action, record: JobRecord | None, listing: Listing) -> bool:
    """Tell whether an action's job is the recorded one, or bears the name of one that is gone."""
    if record is None or record.job_id == action.job_id:
        return record is not None
    actual = listing.by_id(action.job_id)
    if listing.by_id(record.job_id) is not None:
        return False
    return actual is None or actual.name == record.name
