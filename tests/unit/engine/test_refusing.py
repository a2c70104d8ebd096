"""Before anything is changed: what a plan sees, and what refuses an apply."""

import pytest

from reconciler.engine.examine import check_live
from reconciler.engine.plan import plan
from reconciler.errors import (
    DefinitionError,
    ReconcilerError,
    RefusedError,
    StateLockedError,
    UsageError,
)
from reconciler.model.job import DesiredJob, Lifecycle, Status
from reconciler.model.platform import PlatformIdentity
from reconciler.planning.guards import Consent
from reconciler.planning.world import Selection
from reconciler.providers.memory_platform import MemoryPlatform
from tests.unit.engine.support import PLATFORM, World, a_request, job, other, outcome_of


def test_more_jobs_than_the_quota_are_refused_before_anything_is_sent() -> None:
    world = World(MemoryPlatform(quota=1))

    with pytest.raises(DefinitionError, match="Quota is too small"):
        world.apply(job("a"), job("b"))

    assert world.store.read() is None
    assert world.mutations() == []


@pytest.mark.parametrize(
    ("before", "jobs"),
    [([], []), ([job()], [job()])],
    ids=["no state", "a state"],
)
def test_nothing_is_written_when_there_is_nothing_to_do(
    before: list[DesiredJob], jobs: list[DesiredJob]
) -> None:
    world = World()
    if before:
        world.apply(*before)
    known = world.store.read()

    assert world.apply(*jobs).results == ()

    assert world.store.read() == known
    assert world.tape == []


def test_a_plan_writes_nothing() -> None:
    world = World()
    world.apply(job("a"), job("b"))
    world.platform.set_status("a", Status.SUCCEEDED)
    known, writes = world.state, (world.memory.appends, world.memory.checkpoints)

    made = world.plan(other("a"), job("c"))

    assert {action.kind.value for action in made.plan.actions} == {"replace", "delete", "create"}
    assert world.state == known
    assert (world.memory.appends, world.memory.checkpoints) == writes


def test_what_is_not_approved_is_not_done() -> None:
    world = World()

    with pytest.raises(ReconcilerError, match="Not approved"):
        world.apply(job(), confirm=lambda _: False)

    assert world.store.read() is None
    assert world.mutations() == []


def test_nobody_applies_while_someone_else_does() -> None:
    world = World()

    with world.store.lock(command="plan"), pytest.raises(StateLockedError):
        world.apply(job())

    assert world.platform.calls == []


def test_only_what_was_selected_is_touched() -> None:
    world = World()
    world.apply(job("a"), job("b"))

    result = world.apply(
        request=a_request(other("a"), other("b"), job("c"), selection=Selection(("b", "c")))
    )

    assert outcome_of(result) == {"b": "done", "c": "done"}
    assert world.record("a").spec == job("a").spec


@pytest.mark.parametrize(
    ("wanted", "codes"),
    [
        ([job(), job("b", flavor="npu.9")], ["flavor"]),
        ([job(workers=99)], ["workers"]),
        ([job(), job("b"), job("c")], ["quota"]),
        ([job()], []),
    ],
    ids=["flavor", "workers of a recorded job", "quota", "fine"],
)
def test_a_definition_is_held_against_the_platform(
    wanted: list[DesiredJob], codes: list[str]
) -> None:
    world = World(MemoryPlatform(quota=2))
    world.apply(job())

    found = check_live(world.context(), {each.address: each for each in wanted})

    assert [each.code for each in found] == codes


def test_without_a_state_every_job_counts_against_the_quota() -> None:
    world = World(MemoryPlatform(quota=1))

    found = check_live(world.context(), {each.address: each for each in (job(), job("b"))})

    assert [each.code for each in found] == ["quota"]


def test_a_full_refresh_sees_what_the_list_does_not_tell() -> None:
    world = World()
    world.apply(job())
    hidden = world.platform.existing(world.record("a").job_id or "")
    hidden.versions[hidden.version_id] = other().spec

    assert world.plan(job()).plan.is_empty
    full = plan(world.context(full_refresh=True), a_request(job()))
    assert [f"{a.kind} {a.reason}" for a in full.plan.actions] == ["replace drifted"]


def test_a_target_that_fits_nothing_is_a_typing_error() -> None:
    with pytest.raises(UsageError, match="bb"):
        World().plan(job("b"), selection=Selection(("bb",)))


@pytest.mark.parametrize(
    ("wanted", "consent", "status", "code"),
    [
        pytest.param([other()], Consent(), Status.RUNNING, "interrupt", id="running"),
        pytest.param([], Consent(), Status.PENDING, "interrupt", id="pending"),
        pytest.param(
            [job("b")], Consent(interrupt_running=True), Status.RUNNING, "protect", id="protected"
        ),
    ],
)
def test_guards_refuse_the_whole_apply(
    wanted: list[DesiredJob], consent: Consent, status: Status, code: str
) -> None:
    world = World()
    protect = Lifecycle(protect=code == "protect")
    world.apply(job(lifecycle=protect))
    world.platform.set_status("a", status)
    known = world.state

    with pytest.raises(RefusedError) as refused:
        world.apply(request=a_request(*wanted, job("z"), consent=consent))

    assert [each.code for each in refused.value.diagnostics] == [code]
    assert world.state == known
    assert world.platform.mutating_calls()[1:] == ()


def test_a_mass_delete_needs_consent() -> None:
    world = World()
    jobs = [job(f"j{n}") for n in range(10)]
    world.apply(*jobs)

    with pytest.raises(RefusedError, match="Too many deletes"):
        world.apply(request=a_request(*jobs[:6], consent=Consent(interrupt_running=True)))

    world.apply(*jobs[:6])
    world.check_settled(*jobs[:6])


@pytest.mark.parametrize("field", ["api", "endpoint", "project_id", "workspace_id"])
def test_a_state_of_another_platform_is_refused(field: str) -> None:
    world = World()
    world.apply(job())
    elsewhere = PLATFORM.model_copy(update={field: "elsewhere"})

    with pytest.raises(RefusedError, match="another platform"):
        world.apply(request=a_request(other(), platform=elsewhere))

    with pytest.raises(RefusedError, match="another platform"):
        world.plan(other(), platform=elsewhere)
    assert isinstance(world.state.platform, PlatformIdentity)
    assert world.record("a").spec == job().spec


def test_somebody_elses_name_is_an_error_and_not_touched() -> None:
    world = World()
    theirs = world.platform.add(other().spec)

    with pytest.raises(DefinitionError, match="not ours"):
        world.apply(job(), job("b"))

    assert world.platform.jobs == (theirs,)
    assert world.store.read() is None
