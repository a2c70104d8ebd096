"""`apply --wait`: what was approved is seen through, and nothing else comes along."""

from collections.abc import Callable

import pytest

from reconciler.engine.apply import Approval, apply, apply_saved
from reconciler.engine.request import Request
from reconciler.engine.walking import Walked, request_of, see_through, waiting_in
from reconciler.errors import RefusedError
from reconciler.model.job import DesiredJob, Status
from reconciler.model.plan import Plan
from reconciler.model.report import Report
from reconciler.planning.guards import Consent
from tests.unit.engine.pipelines import finish, pipeline, step
from tests.unit.engine.support import FREELY, World, a_request


def ending(world: World, fails: Callable[[str, int], bool] = lambda *_: False) -> None:
    """Let every job that waits or runs end whenever the program pauses."""
    counts: dict[str, int] = {}

    def end() -> None:
        for each in world.platform.jobs:
            if not each.status.is_final:
                counts[each.name] = counts.get(each.name, 0) + 1
                failed = fails(each.name, counts[each.name])
                status = Status.FAILED if failed else Status.SUCCEEDED
                world.platform.set_status(each.name, status, 1000)

    world.clock.on_pause = end


def walk(world: World, *jobs: DesiredJob, request: Request | None = None) -> Walked:
    """Apply, and see it through."""
    asked = request or a_request(*jobs)
    plans: list[Plan] = []

    def confirm(report: Report) -> bool:
        plans.append(report.plan)
        return True

    world.tape.clear()
    apply(world.context(), asked, Approval(confirm))
    return see_through(world.context(), asked, waiting_in(plans[0]), awaited=list(asked.desired))


def test_a_pipeline_runs_to_its_end() -> None:
    world = World()
    ending(world)

    walked = walk(world, *pipeline())

    assert world.mutations() == ["create a", "create b", "create c"]
    assert (walked.left, walked.ended.unsuccessful) == ({}, ())
    assert world.plan(*pipeline()).plan.actions == ()


def test_a_change_runs_through_all_dependents() -> None:
    world = World()
    finish(world, pipeline())
    ending(world)

    walk(world, *pipeline(lr="0.2"))

    pairs = [f"{verb} {name}" for name in "abc" for verb in ("delete", "create")]
    assert world.mutations() == pairs
    assert world.plan(*pipeline(lr="0.2")).plan.actions == ()


def test_branches_do_not_wait_for_one_another() -> None:
    world = World()
    slow, fast = step("slow"), step("fast")

    def end() -> None:
        names = [each.name for each in world.platform.jobs if not each.status.is_final]
        first = next(name for name in (*(n for n in names if n != "slow"), "slow"))
        world.platform.set_status(first, Status.SUCCEEDED)

    world.clock.on_pause = end
    walk(world, slow, fast, step("next", "fast"))

    assert world.mutations() == ["create fast", "create slow", "create next"]
    assert world.platform.job("next").status is Status.SUCCEEDED


def test_a_failed_step_is_retried_and_the_rest_goes_on() -> None:
    world = World()
    ending(world, lambda name, nth: name == "a" and nth < 3)
    jobs = step("a", on_failure="retry", max_attempts=3), step("b", "a")

    walked = walk(world, *jobs)

    retried = ["delete a", "create a"]
    assert world.mutations() == ["create a", *retried, *retried, "create b"]
    assert walked.ended.unsuccessful == ()


def test_what_waits_for_a_failed_job_is_told() -> None:
    world = World()
    ending(world, lambda name, _: name == "a")

    walked = walk(world, *pipeline(), step("d"))

    assert world.mutations() == ["create a", "create d"]
    assert [row.address for row in walked.ended.unsuccessful] == ["a"]
    assert set(walked.left) == {"b", "c"}


def test_nothing_comes_along_that_was_not_approved() -> None:
    """Meanwhile somebody deletes a job and changes another: that is for another plan."""
    world = World()
    jobs = (*pipeline(), step("x"), step("y", on_missing="recreate"))
    finish(world, jobs[3:], "x", "y")
    ending(world)
    world.apply(*jobs)
    approved = waiting_in(world.plan(*jobs).plan)
    world.platform.remove("y")
    world.platform.add_version("x", step("x", lr="9").spec)
    world.tape.clear()

    see_through(world.context(), a_request(*jobs), approved, awaited=["a", "b", "c"])  # type: ignore[list-item]

    assert world.mutations() == ["create b", "create c"]


def test_a_dependent_is_replaced_only_if_the_plan_showed_it() -> None:
    world = World()
    jobs = step("a", on_missing="recreate"), step("b", "a")
    finish(world, jobs)
    ending(world)
    world.platform.remove("a")
    world.apply(*jobs)
    world.tape.clear()

    see_through(world.context(), a_request(*jobs), {}, awaited=["a", "b"])  # type: ignore[list-item]

    assert world.mutations() == []


def test_guards_see_a_replacement_when_its_turn_comes() -> None:
    world = World()
    world.apply(*pipeline()[:1])
    world.platform.set_status("a", Status.SUCCEEDED)
    world.apply(*pipeline()[:2])
    careful = a_request(*pipeline(lr="0.2")[:2], consent=Consent())
    world.apply(request=careful)
    approved = waiting_in(world.plan(*pipeline(lr="0.2")[:2]).plan)
    world.platform.set_status("a", Status.SUCCEEDED)

    with pytest.raises(RefusedError):
        see_through(world.context(), careful, approved, awaited=["a"])  # type: ignore[list-item]


def test_a_saved_plan_is_seen_through_alone() -> None:
    """The definition is not at hand then: the plan's own waiting jobs go on."""
    world = World()
    finish(world, pipeline())
    saved = world.plan(*pipeline(lr="0.2")).plan
    ending(world)
    world.tape.clear()

    apply_saved(world.context(), saved, Approval(), FREELY)
    walked = see_through(
        world.context(), request_of(saved, FREELY), waiting_in(saved), awaited=None
    )

    pairs = [f"{verb} {name}" for name in "abc" for verb in ("delete", "create")]
    assert (world.mutations(), walked.left) == (pairs, {})
    assert world.plan(*pipeline(lr="0.2")).plan.actions == ()


def test_a_saved_plan_keeps_jobs_beside_their_successors() -> None:
    world = World()
    before, after = ((step("a", lr=lr), step("b", "a", on_change="keep")) for lr in ("0.1", "0.2"))
    finish(world, before, "a", "b")
    old = world.record("b").job_id
    saved = world.plan(*after).plan
    ending(world)

    apply_saved(world.context(), saved, Approval(), FREELY)
    see_through(world.context(), request_of(saved, FREELY), waiting_in(saved), awaited=None)

    assert set(world.state.records) == {"a", "b", f"b@{old}"}
    assert world.plan(*after).plan.actions == ()
