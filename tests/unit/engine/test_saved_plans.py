"""What was reviewed is what is applied: saved plans, digests, and what makes them stale."""

from collections.abc import Callable

import pytest

from reconciler.errors import (
    DefinitionError,
    PlanStaleError,
    ReconcilerError,
    RefusedError,
)
from reconciler.model.job import DesiredJob, Lifecycle, Status
from reconciler.model.plan import ActionKind, FieldChange, Plan, StateRef
from reconciler.planning.guards import Consent
from reconciler.planning.world import Selection
from reconciler.providers.memory_platform import MemoryPlatform
from tests.build import a_diagnostic
from tests.unit.engine.support import (
    PLATFORM,
    World,
    a_request,
    depending,
    job,
    other,
    outcome_of,
    renamed,
)

OURS = job(description="ours")
OLD = (job("replaced"), job("updated"), job("deleted"))
NEW = (
    job("created"),
    other("replaced"),
    job("updated", description="ours"),
    job("adopted", description="ours"),
)


def reviewed() -> tuple[World, Plan]:
    """Return a plan with every kind of action, and the world that it was made for."""
    world = World()
    world.apply(*OLD, job("forgotten"))
    world.platform.remove("forgotten")
    world.platform.add(job("adopted").spec)
    for name in ("replaced", "updated", "deleted"):
        world.platform.set_status(name, Status.SUCCEEDED, 1000)
    return world, world.plan(*NEW, adopt=True).plan


def untouched(world: World, before: int) -> bool:
    return len(world.platform.mutating_calls()) == before


def test_a_saved_plan_is_carried_out_as_it_was_reviewed() -> None:
    world, saved = reviewed()
    written = Plan.model_validate_json(saved.model_dump_json())

    result = world.apply_saved(written, expect=saved.digest)

    assert {a.address: a.kind.value for a in saved.actions} == {
        "created": "create",
        "replaced": "replace",
        "updated": "update",
        "adopted": "adopt",
        "deleted": "delete",
        "forgotten": "forget",
    }
    assert set(outcome_of(result).values()) == {"done"}
    assert result.verified
    world.check_settled(*NEW)


def test_a_saved_plan_can_be_the_first_apply() -> None:
    world = World()
    saved = world.plan(job()).plan
    assert saved.state == StateRef(lineage="", serial=0)

    world.apply_saved(saved)

    world.check_settled(job())


def test_a_saved_plan_is_applied_once() -> None:
    world = World()
    saved = world.plan(job()).plan
    world.apply_saved(saved)

    with pytest.raises(PlanStaleError, match="another state"):
        world.apply_saved(saved)

    assert len(world.created) == 1


def an_edited(saved: Plan, _: World) -> Plan:
    actions = tuple(a for a in saved.actions if a.kind is not ActionKind.FORGET)
    return saved.model_copy(update={"actions": actions})


def another_lineage(saved: Plan, _: World) -> Plan:
    state = saved.state.model_copy(update={"lineage": "elsewhere"})
    return saved.model_copy(update={"state": state})


def a_moved_state(saved: Plan, world: World) -> Plan:
    world.apply(request=a_request(job("more"), selection=Selection(("more",))))
    return saved


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (an_edited, "was edited"),
        (another_lineage, "belongs to another state"),
        (a_moved_state, r"made from serial \d+; this state's is \d+"),
    ],
)
def test_a_plan_that_no_longer_fits_the_state_is_stale(
    spoil: Callable[[Plan, World], Plan], message: str
) -> None:
    world, saved = reviewed()
    spoiled = spoil(saved, world)
    before = len(world.platform.mutating_calls())

    with pytest.raises(PlanStaleError, match=message):
        world.apply_saved(spoiled)

    assert untouched(world, before)


@pytest.mark.parametrize(
    ("meanwhile", "message"),
    [
        pytest.param(
            lambda p: p.add(job("created").spec),
            '"created": the name was free, is taken by id ',
            id="a name taken",
        ),
        pytest.param(
            lambda p: p.remove("replaced"), '"replaced": job_id was ', id="a job to replace gone"
        ),
        pytest.param(
            lambda p: p.remove("deleted"), '"deleted": job_id was ', id="a job to delete gone"
        ),
        pytest.param(
            lambda p: p.remove("updated"), '"updated": job_id was ', id="a job to update gone"
        ),
        pytest.param(
            lambda p: p.remove("adopted"), '"adopted": job_id was ', id="a job to adopt gone"
        ),
        pytest.param(
            lambda p: p.recreate("replaced"), '"replaced": job_id was ', id="a job made anew"
        ),
        pytest.param(
            lambda p: p.add_version("deleted"), '"deleted": version_id was ', id="another version"
        ),
        pytest.param(
            lambda p: p.change_description("updated", "theirs"),
            "\"updated\": description was '', is 'theirs'",
            id="another description",
        ),
    ],
)
def test_a_plan_whose_expectation_fails_names_the_job_and_the_field(
    meanwhile: Callable[[MemoryPlatform], object], message: str
) -> None:
    world, saved = reviewed()
    meanwhile(world.platform)
    known, before = world.state, len(world.platform.mutating_calls())

    with pytest.raises(PlanStaleError) as stale:
        world.apply_saved(saved)

    assert message in stale.value.detail
    assert untouched(world, before)
    assert world.state == known


def test_every_expectation_that_fails_is_named() -> None:
    world, saved = reviewed()
    world.platform.remove("replaced")
    world.platform.remove("updated")

    with pytest.raises(PlanStaleError) as stale:
        world.apply_saved(saved)

    assert len(stale.value.detail.splitlines()) == 2


def test_a_new_name_that_was_taken_meanwhile_saves_the_old_job() -> None:
    world = World()
    world.apply(job())
    saved = world.plan(renamed(job(), "b")).plan
    world.platform.add(job("b").spec)

    with pytest.raises(PlanStaleError, match="the name was free"):
        world.apply_saved(saved)

    assert {each.name for each in world.platform.jobs} == {"a", "b"}


def test_a_name_that_the_plan_itself_frees_makes_it_not_stale() -> None:
    world = World()
    world.apply(job())
    moved = DesiredJob(job("new").address, job().spec)

    result = world.apply_saved(world.plan(moved).plan)

    assert outcome_of(result) == {"a": "done", "new": "done"}


@pytest.mark.parametrize("status", [Status.RUNNING, Status.STOPPED, Status.FAILED, Status.UNKNOWN])
def test_a_status_makes_no_plan_stale(status: Status) -> None:
    world, saved = reviewed()
    for name in ("replaced", "updated", "deleted", "adopted"):
        world.platform.set_status(name, status, 9000)

    assert set(outcome_of(world.apply_saved(saved)).values()) == {"done"}


def test_outcomes_that_were_recorded_meanwhile_make_no_plan_stale() -> None:
    world = World()
    world.apply(job(), job("b"))
    saved = world.plan(job(), job("b", description="ours")).plan
    world.platform.set_status("a", Status.SUCCEEDED)
    assert world.apply(job(), job("b")).results == ()
    assert world.record("a").outcome is not None

    assert outcome_of(world.apply_saved(saved)) == {"b": "done"}


@pytest.mark.parametrize(
    ("status", "consent", "is_refused"),
    [
        (Status.RUNNING, Consent(), True),
        (Status.PENDING, Consent(), True),
        (Status.RUNNING, Consent(interrupt_running=True), False),
        (Status.SUCCEEDED, Consent(), False),
    ],
)
def test_guards_go_by_the_status_of_today(
    status: Status, consent: Consent, is_refused: bool
) -> None:
    world, saved = reviewed()
    world.platform.set_status("deleted", status, 60_000)

    if is_refused:
        with pytest.raises(RefusedError, match="pending or running"):
            world.apply_saved(saved, consent=consent)
    else:
        assert set(outcome_of(world.apply_saved(saved, consent=consent)).values()) == {"done"}


def test_a_plan_that_a_guard_held_back_applies_with_consent() -> None:
    world = World()
    world.apply(job())
    saved = world.plan(consent=Consent()).plan
    assert [each.code for each in saved.errors] == ["interrupt"]

    with pytest.raises(RefusedError):
        world.apply_saved(saved, consent=Consent())
    assert outcome_of(world.apply_saved(saved)) == {"a": "done"}


def test_a_protected_job_is_not_deleted_by_a_saved_plan_either() -> None:
    world = World()
    world.apply(job(lifecycle=Lifecycle(protect=True)))
    saved = world.plan().plan

    with pytest.raises(RefusedError, match="protected"):
        world.apply_saved(saved)

    assert len(world.platform.jobs) == 1


def test_a_saved_plan_with_errors_is_not_applied() -> None:
    world = World()
    saved = world.plan(job()).plan.model_copy(update={"diagnostics": (a_diagnostic(),)}).sealed()

    with pytest.raises(DefinitionError, match="Unknown flavor"):
        world.apply_saved(saved)

    assert world.created == []


def test_a_saved_plan_for_another_platform_is_refused() -> None:
    world = World()
    world.apply(job())
    saved = world.plan(other()).plan
    elsewhere = PLATFORM.model_copy(update={"project_id": "elsewhere"})

    with pytest.raises(RefusedError, match="another platform"):
        world.apply_saved(saved.model_copy(update={"platform": elsewhere}).sealed())


def test_a_saved_plan_that_is_not_approved_is_not_applied() -> None:
    world = World()
    saved = world.plan(job()).plan

    with pytest.raises(PlanStaleError, match="not the one that was approved"):
        world.apply_saved(saved, expect="sha256:0")

    assert world.platform.mutating_calls() == ()


def test_the_expected_digest_lets_a_fresh_plan_through() -> None:
    world = World()
    world.apply(job(), job("b"))
    digest = world.plan(other(), job("b", description="ours")).plan.digest
    world.platform.set_status("a", Status.RUNNING)

    result = world.apply(other(), job("b", description="ours"), expect=digest)

    assert set(outcome_of(result).values()) == {"done"}


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        ([other(parameters={"lr": "9"})], "replace a: definition_changed (parameters.lr)"),
        ([], "delete a: removed"),
        ([job()], "nothing to do"),
    ],
)
def test_another_plan_than_the_expected_is_refused_and_shown(
    wanted: list[DesiredJob], shown: str
) -> None:
    world = World()
    world.apply(job())
    digest = world.plan(other()).plan.digest

    with pytest.raises(PlanStaleError, match="not the one that was approved") as stale:
        world.apply(*wanted, expect=digest)

    assert shown in stale.value.detail
    assert len(world.platform.mutating_calls()) == 1


@pytest.mark.parametrize("fail_fast", [False, True], ids=["going on", "fail fast"])
def test_dependents_begin_after_the_outcome_is_durable(fail_fast: bool) -> None:
    world = World()
    saved = depending(world.plan(job("a"), job("b"), job("c")).plan, "a", "b")

    world.apply_saved(saved, parallelism=5, fail_fast=fail_fast)

    assert world.tape.index("recorded b") < world.tape.index("opened create a")


def test_what_depends_on_a_failure_is_skipped_with_what_depends_on_that() -> None:
    world = World()
    made = world.plan(job("a"), job("b"), job("c"), job("d")).plan
    saved = depending(depending(made, "a", "b"), "b", "c")
    world.platform.fail("create", ReconcilerError("no"))

    result = world.apply_saved(saved)

    assert outcome_of(result) == {"a": "skipped", "b": "skipped", "c": "failed", "d": "done"}


def test_jobs_of_a_killed_run_are_recovered_by_a_saved_plan() -> None:
    world = World()
    world.platform.fail("create", KeyboardInterrupt(), nth=1, when="after")
    with pytest.raises(KeyboardInterrupt):
        world.apply(job("a"))
    saved = world.plan(job("a"), job("b")).plan
    assert [action.address for action in saved.actions] == ["b"]

    result = world.apply_saved(saved)

    assert (outcome_of(result), result.recovered) == ({"b": "done"}, ("a",))
    world.check_settled(job("a"), job("b"))


def test_changes_are_named_in_what_was_not_approved() -> None:
    change = FieldChange(path="description", before=None, after="ours", forces_replace=False)
    world = World()
    world.apply(job())

    assert [action.changes for action in world.plan(OURS).plan.actions] == [(change,)]
