"""A finished job that the platform cleaned up is never paid for twice, whatever others undergo."""

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import event, given
from hypothesis import strategies as st

from reconciler.model.address import Address
from reconciler.model.job import DesiredJob, JobRecord, Lifecycle, Status
from reconciler.model.plan import Action, ActionKind
from reconciler.model.platform import Listing
from reconciler.planning.planner import make_draft
from reconciler.planning.world import World
from tests.build import a_spec, a_state, an_actual, an_outcome
from tests.properties.worlds import PATIENT

ADDRESSES = [Address(each) for each in "abcdef"]
EDITS = st.sampled_from(["nothing", "nothing", "lr", "description", "drop", "rename", "recreate"])
FATES = st.sampled_from(
    ["cleaned up", "cleaned up", "succeeded", "failed", "running", "changed", "expired"]
)


@st.composite
def finished_pipelines(draw: st.DrawFn) -> tuple[World, dict[Address, str]]:
    """A pipeline that ran once, and what became of its jobs and its definition since."""
    desired: dict[Address, DesiredJob] = {}
    records: dict[str, JobRecord] = {}
    jobs, fates = [], {}
    for number, address in enumerate(ADDRESSES):
        before = (
            draw(st.lists(st.sampled_from(ADDRESSES[:number]), max_size=2, unique=True))
            if (number)
            else []
        )
        spec = a_spec(str(address))
        runs = {each: records[str(each)].run or "" for each in before}
        fate = fates[address] = draw(FATES)
        records[str(address)] = JobRecord(
            job_id=str(number),
            version_id="1",
            name=spec.name,
            spec=spec,
            outcome=an_outcome() if fate in ("cleaned up", "succeeded", "expired") else None,
            depends_on=runs,
            expired=fate == "expired",
        )
        if fate not in ("cleaned up", "expired"):
            status = {"failed": Status.FAILED, "running": Status.RUNNING}
            found = spec.model_copy(update={"workers": 7}) if fate == "changed" else spec
            jobs.append(
                an_actual(
                    found,
                    job_id=str(number),
                    version_id="1",
                    status=status.get(fate, Status.SUCCEEDED),
                )
            )
        desired[address] = DesiredJob(address, spec, Lifecycle(), depends_on=tuple(before))
    for address in ADDRESSES:
        _edit(desired, address, draw(EDITS) if fates[address] != "cleaned up" else "nothing")
    return World(desired=desired, state=a_state(records), listing=Listing(tuple(jobs))), fates


def _edit(desired: dict[Address, DesiredJob], address: Address, edit: str) -> None:
    job = desired[address]
    match edit:
        case "lr":
            desired[address] = _with(job, parameters={"lr": "9"})
        case "description":
            desired[address] = _with(job, description="new")
        case "rename":
            desired[address] = _with(job, name=f"{address}2")
        case "recreate":
            desired[address] = replace(job, lifecycle=Lifecycle(on_missing="recreate"))
        case "drop" if not any(address in each.depends_on for each in desired.values()):
            del desired[address]


def _with(job: DesiredJob, **fields: object) -> DesiredJob:
    return replace(job, spec=job.spec.model_copy(update=fields))


def _runs_again(action: Action | None) -> bool:
    if action is None:
        return False
    return action.kind in (ActionKind.CREATE, ActionKind.REPLACE) or action.waits


def _needed(address: Address, desired: Mapping[Address, DesiredJob]) -> set[Address]:
    found: set[Address] = set()
    waiting = [*desired[address].depends_on]
    while waiting:
        each = waiting.pop()
        found.add(each)
        waiting += desired[each].depends_on
    return found


@PATIENT
@given(finished_pipelines())
def test_only_a_run_of_what_it_depends_on_starts_a_finished_job_again(
    made: tuple[World, dict[Address, str]],
) -> None:
    world, fates = made
    planned = {action.address: action for action in make_draft(world).actions}

    for address, fate in fates.items():
        if fate != "cleaned up" or address not in world.desired:
            continue
        again = [each for each in _needed(address, world.desired) if _runs_again(planned.get(each))]
        if _runs_again(planned.get(address)):
            event("run again after its dependency")
            assert again
            assert planned[address].reason == "dependency_replaced"
        else:
            event("not paid for again")
            assert planned.get(address) is None
            assert not again


@PATIENT
@given(finished_pipelines())
def test_nothing_begins_before_all_that_it_needs_has_succeeded(
    made: tuple[World, dict[Address, str]],
) -> None:
    world, fates = made
    planned = {action.address: action for action in make_draft(world).actions}
    for action in planned.values():
        if action.kind not in (ActionKind.CREATE, ActionKind.REPLACE):
            continue
        for each in world.desired[action.address].depends_on:
            assert not _runs_again(planned.get(each))
            assert fates[each] in ("cleaned up", "succeeded", "expired")
