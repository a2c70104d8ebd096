"""Jobs that wait for one another: planned, held back, begun step by step, run again together."""

from dataclasses import replace

import pytest

from reconciler.errors import RefusedError
from reconciler.model.job import Status
from reconciler.model.plan import ActionKind
from reconciler.planning.guards import Consent
from tests.unit.engine.pipelines import finish, pipeline, step, succeed, verbs
from tests.unit.engine.support import World, a_request


def test_what_waits_is_planned_and_not_created() -> None:
    world = World()

    result = world.apply(*pipeline())

    assert world.mutations() == ["create a"]
    left = world.plan(*pipeline()).plan
    assert verbs(left) == {"b": "blocked waits", "c": "blocked waits"}
    assert [action.depends_on for action in left.actions] == [("a",), ("b",)]
    assert (left.is_empty, left.errors, left.summary.blocked) == (True, (), 2)
    assert result.verified


def test_a_plain_apply_advances_the_graph_step_by_step() -> None:
    world = World()
    world.apply(*pipeline())

    for name in ("a", "b"):
        succeed(world, name)
        world.apply(*pipeline())

    assert world.mutations() == ["create c"]
    assert world.record("c").depends_on == {"b": world.record("b").run}


def test_an_adopted_job_knows_the_runs_that_it_needs() -> None:
    world = World()
    finish(world, (step("a"),), "a")
    wanted = (step("a"), step("b", "a"))
    world.platform.add(wanted[1].spec)

    world.apply(request=a_request(*wanted, adopt=True))

    assert world.record("b").depends_on == {"a": world.record("a").run}
    assert world.plan(*wanted).plan.is_empty


def test_a_dependency_that_is_written_later_starts_the_job_when_it_runs_again() -> None:
    world = World()
    finish(world, (step("a"), step("b")), "a", "b")
    wanted = (step("a"), step("b", "a"))

    (action,) = world.plan(*wanted).plan.actions
    world.apply(*wanted)

    assert [change.path for change in action.changes] == ["depends_on"]
    assert world.mutations() == []
    assert world.record("b").depends_on == {"a": world.record("a").run}
    assert world.plan(*wanted).plan.is_empty
    finish(world, (step("a", lr="0.2"), step("b", "a")), "a")
    assert world.mutations() == ["delete b", "create b"]


@pytest.mark.parametrize("gone", [False, True], ids=["there", "cleaned up"])
def test_a_dependency_that_succeeded_counts_whether_it_is_there_or_not(gone: bool) -> None:
    world = World()
    world.apply(*pipeline())
    succeed(world, "a")
    world.apply(step("a"))
    if gone:
        world.platform.remove("a")

    assert verbs(world.plan(*pipeline()).plan)["b"] == "create new"


@pytest.mark.parametrize(
    ("status", "said"), [(Status.FAILED, "failed"), (Status.STOPPED, "was stopped")]
)
def test_a_failed_dependency_holds_back_and_says_so(status: Status, said: str) -> None:
    world = World()
    world.apply(*pipeline())
    world.platform.set_status("a", status)

    plan = world.plan(*pipeline()).plan

    assert verbs(plan) == {"b": "blocked waits", "c": "blocked waits"}
    (found,) = plan.diagnostics
    assert (str(found.severity), found.address, said in found.detail) == ("warning", "b", True)


def test_one_warning_tells_of_many_failures_and_none_of_those_that_run_again() -> None:
    world = World()
    jobs = step("a"), step("b"), step("c", "a", "b")
    world.apply(*jobs)
    for name in "ab":
        world.platform.set_status(name, Status.FAILED)

    (found,) = world.plan(*jobs).plan.diagnostics
    assert "and for 1 more" in found.detail
    again = step("a", lr="2"), step("b", lr="2"), jobs[2]
    assert world.plan(*again).plan.diagnostics == ()


def test_dependents_of_a_replaced_job_are_replaced_too_once_it_has_succeeded() -> None:
    world = World()
    finish(world, pipeline())
    ids = {name: world.record(name).job_id for name in "abc"}
    changed = pipeline(lr="0.2")

    plan = world.plan(*changed).plan
    world.apply(*changed)

    assert verbs(plan) == {
        "a": "replace definition_changed",
        "b": "blocked dependency_replaced",
        "c": "blocked dependency_replaced",
    }
    assert [each.job_id for each in plan.actions] == list(ids.values())
    assert world.mutations() == ["delete a", "create a"]

    assert verbs(world.plan(*changed).plan) == {
        "b": "blocked dependency_replaced",
        "c": "blocked dependency_replaced",
    }
    succeed(world, "a")
    world.apply(*changed)
    assert world.mutations() == ["delete b", "create b"]
    succeed(world, "b")
    world.apply(*changed)
    assert world.mutations() == ["delete c", "create c"]
    succeed(world, "c")
    assert world.plan(*changed).plan.is_empty
    assert world.plan(*changed).plan.actions == ()


def test_a_dependent_that_is_gone_is_run_again_after_its_dependency() -> None:
    world = World()
    finish(world, pipeline())
    world.platform.remove("b")
    world.platform.remove("c")
    assert world.plan(*pipeline()).plan.actions == ()

    finish(world, pipeline(lr="0.2"), "a", "b")

    assert world.mutations() == ["create c"]


def test_a_dependent_is_not_interrupted_unasked() -> None:
    world = World()
    finish(world, pipeline()[:2], "a")
    changed = pipeline(lr="0.2")[:2]
    careful = a_request(*changed, consent=Consent())
    world.apply(request=careful)
    succeed(world, "a")

    with pytest.raises(RefusedError):
        world.apply(request=careful)


def test_a_protected_dependent_stays_and_a_warning_says_so() -> None:
    world = World()
    jobs = step("a"), step("b", "a", protect=True)
    finish(world, jobs)
    finish(world, (step("a", lr="0.2"), jobs[1]), "a")

    plan = world.plan(step("a", lr="0.2"), jobs[1]).plan

    assert plan.actions == ()
    assert [(str(each.severity), each.code) for each in plan.diagnostics] == [
        ("warning", "protect")
    ]


def test_a_dependency_that_was_written_later_starts_nothing() -> None:
    world = World()
    finish(world, (step("a"), step("b")))
    world.apply(step("a"), step("b", "a"))

    assert world.plan(step("a"), step("b", "a")).plan.actions == ()
    world.apply(step("a", lr="0.2"), step("b", "a"))
    assert world.mutations() == ["delete a", "create a"]


def test_deletes_begin_with_the_dependents() -> None:
    world = World()
    finish(world, pipeline())

    world.apply(request=a_request(destroying=True))

    assert world.mutations() == ["delete c", "delete b", "delete a"]
    assert world.state.records == {}


def test_a_dependency_is_not_deleted_when_its_dependent_could_not_be() -> None:
    world = World()
    finish(world, pipeline())
    world.platform.refuses_deletes = {"b"}

    result = world.apply()

    assert {each.action.address: str(each.result) for each in result.results} == {
        "a": "skipped",
        "b": "failed",
        "c": "done",
    }


def test_what_waits_is_checked_against_the_catalog_already() -> None:
    world = World()
    wrong = step("b", "a")
    wrong = replace(wrong, spec=wrong.spec.model_copy(update={"flavor": "no.such"}))

    plan = world.plan(step("a"), wrong).plan

    assert [each.code for each in plan.errors] == ["flavor"]


def test_a_saved_plan_creates_what_it_lists_and_nothing_that_waited() -> None:
    world = World()
    world.apply(*pipeline()[:1])
    succeed(world, "a")
    world.apply(*pipeline()[:1])
    saved = world.plan(*pipeline()).plan

    world.apply_saved(saved)

    assert world.mutations() == ["create b"]
    assert {each.address: each.kind for each in saved.actions}["c"] is ActionKind.BLOCKED


def test_a_plan_tells_which_job_needs_which() -> None:
    assert World().plan(*pipeline()).plan.dependencies == {"b": ("a",), "c": ("b",)}
