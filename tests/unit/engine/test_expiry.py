"""Finished jobs whose time is over: deleted, remembered, never run again for that."""

import pytest

from reconciler.model.job import DesiredJob, Status
from reconciler.model.plan import Plan
from reconciler.planning.guards import Consent
from tests.unit.engine.pipelines import step, succeed, verbs
from tests.unit.engine.support import World

HOUR = 3600


def ended(status: Status = Status.SUCCEEDED, **lifecycle: object) -> tuple[World, DesiredJob]:
    """Return a world whose one job ended a moment ago, as was recorded."""
    world, wanted = World(), step("a", ttl_after_finished=HOUR, **lifecycle)
    world.apply(wanted)
    world.platform.set_status("a", status, 1000)
    world.apply(wanted)
    return world, wanted


def later(world: World, *jobs: DesiredJob) -> Plan:
    world.platform.tick(HOUR)
    return world.plan(*jobs).plan


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED, Status.STOPPED])
def test_a_finished_job_is_deleted_when_its_time_is_over(status: Status) -> None:
    world, wanted = ended(status)
    assert world.plan(wanted).plan.actions == ()

    assert verbs(later(world, wanted)) == {"a": "delete expired"}
    result = world.apply(wanted)

    assert world.mutations() == ["delete a"]
    record = world.record("a")
    assert (record.expired, record.outcome and record.outcome.status) == (True, status)
    assert result.verified
    after = world.plan(wanted).plan
    assert (after.actions, after.drift, after.summary.noop) == ((), (), 1)


@pytest.mark.parametrize(
    "lifecycle", [{"on_missing": "recreate"}, {"on_missing": "error"}], ids=str
)
def test_an_expired_job_is_not_missing(lifecycle: dict[str, str]) -> None:
    world, wanted = ended(**lifecycle)
    world.platform.tick(HOUR)
    world.apply(wanted)

    plan = world.plan(wanted).plan
    assert (plan.actions, plan.errors) == ((), ())


def test_nobody_took_the_place_of_an_expired_job() -> None:
    world, wanted = ended()
    world.platform.tick(HOUR)
    world.apply(wanted)
    world.platform.add(wanted.spec)

    plan = world.plan(wanted).plan
    assert (plan.actions, plan.drift, plan.summary.unmanaged) == ((), (), 1)


def test_a_job_that_runs_never_expires() -> None:
    world, wanted = World(), step("a", ttl_after_finished=0)
    world.apply(wanted)
    world.platform.set_status("a", Status.RUNNING)

    assert later(world, wanted).actions == ()


def test_time_counts_from_when_the_end_was_recorded() -> None:
    world, wanted = World(), step("a", ttl_after_finished=HOUR)
    world.apply(wanted)
    succeed(world, "a")

    assert later(world, wanted).actions == ()


def test_no_time_at_all_is_over_at_once() -> None:
    world, wanted = World(), step("a", ttl_after_finished=0)
    world.apply(wanted)
    succeed(world, "a")

    world.apply(wanted)

    assert world.record("a").has_succeeded


def test_a_protected_job_does_not_expire() -> None:
    world, wanted = ended(protect=True)
    assert later(world, wanted).actions == ()


def test_a_failed_job_is_retried_before_it_expires() -> None:
    world, wanted = ended(Status.FAILED, on_failure="retry", max_attempts=2)
    assert world.record("a").attempt == 2
    world.platform.set_status("a", Status.FAILED)
    world.apply(wanted)

    assert verbs(later(world, wanted)) == {"a": "delete expired"}


def test_dependents_of_an_expired_job_begin_and_are_not_run_again() -> None:
    world, wanted = ended()
    world.platform.tick(HOUR)
    world.apply(wanted)

    world.apply(wanted, step("b", "a"))

    assert world.mutations() == ["create b"]
    assert world.plan(wanted, step("b", "a")).plan.actions == ()


def test_an_expired_job_runs_again_when_its_definition_changes() -> None:
    world, wanted = ended()
    world.platform.tick(HOUR)
    world.apply(wanted)

    changed = step("a", lr="0.2", ttl_after_finished=HOUR)
    world.apply(changed)

    assert world.mutations() == ["create a"]
    assert not world.record("a").expired


def test_the_record_of_an_expired_job_goes_with_its_block() -> None:
    world, wanted = ended()
    world.platform.tick(HOUR)
    world.apply(wanted)

    assert verbs(world.plan().plan) == {"a": "forget gone"}


def test_the_time_is_kept_in_the_state() -> None:
    world, _ = ended()
    world.apply(step("a"))
    assert world.record("a").ttl_after_finished is None
    world.apply(step("a", ttl_after_finished=5))
    assert world.record("a").ttl_after_finished == 5
    assert world.mutations() == []


def test_a_mass_of_expired_jobs_is_no_mass_delete() -> None:
    world = World()
    wanted = [step(f"a{n}", ttl_after_finished=HOUR) for n in range(12)]
    world.apply(*wanted)
    succeed(world, *(each.spec.name for each in wanted))
    world.apply(*wanted)

    world.platform.tick(HOUR)
    plan = world.plan(*wanted, consent=Consent()).plan
    assert (plan.summary.delete, plan.errors) == (12, ())


def test_a_saved_plan_expires_jobs_too() -> None:
    world, wanted = ended()
    saved = later(world, wanted)

    world.apply_saved(saved)

    assert world.record("a").expired
    assert world.record("a").has_succeeded
