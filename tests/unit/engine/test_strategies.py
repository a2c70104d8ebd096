"""What becomes of the old job when its definition changes: a version or a job beside it."""

import pytest

from reconciler.errors import OutcomeUnknownError, ProviderError, RefusedError
from reconciler.model.job import DesiredJob, Status
from reconciler.model.report import Result
from reconciler.planning.guards import Consent
from tests.unit.engine.pipelines import finish, step, succeed, verbs
from tests.unit.engine.support import World, a_request, outcome_of
from tests.unit.engine.tape import Died, Reaper

LOST = OutcomeUnknownError("The answer was lost")


def versioned(lr: str = "0.1", **overrides: object) -> DesiredJob:
    return step("a", lr=lr, on_change="new_version", **overrides)


def kept(lr: str = "0.1", **overrides: object) -> DesiredJob:
    return step("a", lr=lr, on_change="keep", **overrides)


def with_one(wanted: DesiredJob, status: Status = Status.SUCCEEDED) -> World:
    """Return a world in which the wanted job has ended."""
    world = World()
    world.apply(wanted)
    world.platform.set_status("a", status, 1000)
    world.apply(wanted)
    return world


class TestNewVersion:
    def test_a_change_adds_a_version_to_the_same_job(self) -> None:
        world = with_one(versioned())
        before = world.record("a")

        (action,) = world.plan(versioned("0.2")).plan.actions
        result = world.apply(versioned("0.2"))

        assert (action.kind, action.strategy) == ("replace", "new_version")
        assert world.mutations() == ["version a"]
        record = world.record("a")
        assert record.job_id == before.job_id
        assert record.version_id == world.platform.job("a").version_id != before.version_id
        assert (record.outcome, record.spec.parameters) == (None, {"lr": "0.2"})
        assert result.verified
        world.check_settled(versioned("0.2"))

    def test_a_changed_description_goes_with_it(self) -> None:
        world = with_one(versioned())
        changed = versioned("0.2")
        spec = changed.spec.model_copy(update={"description": "ours"})

        wanted = type(changed)(changed.address, spec, lifecycle=changed.lifecycle)
        world.apply(wanted)

        assert world.mutations() == ["update a", "version a"]
        world.check_settled(wanted)

    def test_a_running_version_is_guarded_and_stopped(self) -> None:
        world = World()
        world.apply(versioned())

        with pytest.raises(RefusedError):
            world.apply(request=a_request(versioned("0.2"), consent=Consent()))
        world.apply(versioned("0.2"))

        assert world.mutations() == ["stop a", "version a"]

    def test_a_new_name_needs_a_new_job(self) -> None:
        world = with_one(versioned())
        wanted = versioned()
        spec = wanted.spec.model_copy(update={"name": "b"})

        world.apply(type(wanted)(wanted.address, spec, lifecycle=wanted.lifecycle))

        assert world.mutations() == ["delete a", "create b"]

    def test_a_lost_answer_is_found_out(self) -> None:
        world = with_one(versioned())
        world.platform.fail("create_version", LOST, when="after")

        result = world.apply(versioned("0.2"))

        assert outcome_of(result) == {"a": "done"}
        assert world.mutations() == ["version a"]
        world.check_settled(versioned("0.2"))

    def test_a_request_that_got_lost_is_not_repeated_by_the_same_run(self) -> None:
        world = with_one(versioned())
        world.platform.fail("create_version", LOST)

        result = world.apply(versioned("0.2"))

        assert outcome_of(result) == {"a": "failed"}
        assert world.mutations() == ["version a"]
        assert [intent.kind for intent in world.intents("a")] == ["version"]
        world.apply(versioned("0.2"))
        assert world.mutations() == ["version a"]
        world.check_settled(versioned("0.2"))

    def test_a_refusal_leaves_everything_as_it_was(self) -> None:
        world = with_one(versioned())
        before = world.record("a")
        world.platform.fail("create_version", ProviderError("no"))

        result = world.apply(versioned("0.2"))

        assert len(result.of(Result.FAILED)) == 1
        assert (world.record("a"), world.intents("a")) == (before, ())

    @pytest.mark.parametrize("when", ["before", "after", "torn"])
    @pytest.mark.parametrize("nth", range(1, 12))
    def test_a_death_at_any_point_leaves_one_version_more(self, nth: int, when: str) -> None:
        world = with_one(versioned())
        try:
            world.apply(versioned("0.2"), reaper=Reaper(nth, when))  # type: ignore[arg-type]
        except Died:
            world.clock.pause(60)
            world.apply(versioned("0.2"))

        sent = [each for each in world.platform.calls if each.method == "create_version"]
        assert len(sent) <= 2
        assert len(world.platform._named("a").versions) == 2
        world.check_settled(versioned("0.2"))

    def test_a_change_of_mind_gives_up_on_a_version_that_never_came(self) -> None:
        world = with_one(versioned())
        world.platform.fail("create_version", LOST)
        world.apply(versioned("0.2"))

        world.apply(versioned())

        assert world.mutations() == []
        world.check_settled(versioned())

    def test_dependents_run_again_after_a_version(self) -> None:
        world = World()
        finish(world, (versioned(), step("b", "a")), "a", "b")

        finish(world, (versioned("0.2"), step("b", "a")), "a")

        assert world.mutations() == ["delete b", "create b"]

    def test_a_saved_plan_adds_the_version(self) -> None:
        world = with_one(versioned())
        world.apply_saved(world.plan(versioned("0.2")).plan)
        world.check_settled(versioned("0.2"))


class TestKeep:
    def test_a_change_creates_a_job_beside_the_old_one(self) -> None:
        world = with_one(kept())
        old = world.record("a")

        plan = world.plan(kept("0.2")).plan
        result = world.apply(kept("0.2"))

        (action,) = plan.actions
        assert (action.kind, action.strategy, action.job_id) == ("create", "keep", old.job_id)
        assert world.mutations() == [f"create {action.name}"]
        assert action.name.startswith("a-")
        assert world.record(f"a@{old.job_id}") == old
        assert world.record("a").name == action.name
        assert result.verified
        after = world.plan(kept("0.2")).plan
        assert (after.actions, after.summary.noop, after.summary.unmanaged) == ((), 2, 0)

    def test_every_configuration_gets_a_job_even_one_that_was_there_before(self) -> None:
        world = with_one(kept())
        for lr in ("0.2", "0.1", "0.2"):
            world.apply(kept(lr))
            assert world.plan(kept(lr)).plan.actions == ()

        assert len(world.state.records) == len(world.platform.jobs) == 4

    def test_a_running_job_may_be_kept_unasked(self) -> None:
        world = World()
        world.apply(kept())

        world.apply(request=a_request(kept("0.2"), consent=Consent()))

        assert len(world.platform.jobs) == 2

    def test_kept_jobs_are_deleted_with_their_block(self) -> None:
        world = with_one(kept())
        old = world.record("a").job_id
        world.apply(kept("0.2"))

        assert verbs(world.plan().plan) == {"a": "delete removed", f"a@{old}": "delete removed"}
        world.apply()

        assert (world.platform.jobs, world.state.records) == ((), {})

    def test_retained_ones_are_forgotten_with_their_block(self) -> None:
        world = with_one(kept(retain=True))
        world.apply(kept("0.2", retain=True))
        world.apply()
        assert (len(world.platform.jobs), world.state.records, world.mutations()) == (2, {}, [])

    def test_a_kept_job_is_deleted_when_its_time_is_over(self) -> None:
        world = with_one(kept(ttl_after_finished=60))
        old = world.record("a").job_id
        world.apply(kept("0.2", ttl_after_finished=60))
        world.platform.tick(60)

        assert verbs(world.plan(kept("0.2", ttl_after_finished=60)).plan) == {
            f"a@{old}": "delete expired"
        }
        world.apply(kept("0.2", ttl_after_finished=60))
        assert set(world.state.records) == {"a"}

    def test_a_kept_job_follows_the_lifecycle_of_its_block(self) -> None:
        world = with_one(kept(protect=True))
        old = world.record("a").job_id
        world.apply(kept("0.2", protect=True))
        world.apply(kept("0.2"))

        assert not world.record(f"a@{old}").protect
        assert world.mutations() == []

    def test_a_kept_job_is_treated_as_its_block_says_at_once(self) -> None:
        world = with_one(kept(protect=True))
        old = world.record("a").job_id
        world.apply(kept("0.2"))
        assert not world.record(f"a@{old}").protect
        assert world.plan(kept("0.2")).plan.actions == ()

    def test_a_kept_job_that_is_gone_is_forgotten(self) -> None:
        world = with_one(kept())
        old = world.record("a").job_id
        world.apply(kept("0.2"))
        world.platform.remove("a")

        assert verbs(world.plan(kept("0.2")).plan) == {f"a@{old}": "forget gone"}

    def test_a_record_that_was_forgotten_does_not_take_the_kept_name(self) -> None:
        world = with_one(kept())
        world.apply(kept("0.2"))
        world.platform.remove(world.record("a").name)
        world.apply(kept("0.2"))
        assert world.plan(kept("0.2")).plan.actions == ()

    @pytest.mark.parametrize("when", ["before", "after", "torn"])
    @pytest.mark.parametrize("nth", range(1, 12))
    def test_a_death_at_any_point_loses_neither(self, nth: int, when: str) -> None:
        world = with_one(kept())
        old = world.record("a")
        try:
            world.apply(kept("0.2"), reaper=Reaper(nth, when))  # type: ignore[arg-type]
        except Died:
            world.apply(kept("0.2"))

        assert len(world.platform.jobs) == 2
        assert world.record(f"a@{old.job_id}") == old
        assert world.record("a").spec.parameters == {"lr": "0.2"}
        assert world.plan(kept("0.2")).plan.actions == ()

    def test_one_that_appears_after_a_change_of_mind_is_not_lost(self) -> None:
        world = with_one(kept())
        old = world.record("a").job_id
        world.platform.fail("create", Died())  # type: ignore[arg-type]
        with pytest.raises(Died):
            world.apply(kept("0.2"))
        (meant,) = world.intents("a")
        world.clock.pause(600)
        world.apply(kept(protect=True))
        assert world.record("a").protect
        assert meant.spec
        late = world.platform.add(meant.spec)

        world.apply(kept("0.2", protect=True))

        assert {each.job_id for each in world.state.records.values()} == {old, late.job_id}
        assert world.plan(kept("0.2", protect=True)).plan.actions == ()

    def test_a_failed_one_is_retried_under_its_name(self) -> None:
        wanted = kept("0.2", on_failure="retry")
        world = with_one(kept())
        world.apply(wanted)
        name = world.record("a").name
        world.platform.set_status(name, Status.FAILED)

        world.apply(wanted)

        assert world.mutations() == [f"delete {name}", f"create {name}"]
        assert (world.record("a").name, world.record("a").base_name) == (name, "a")
        assert world.plan(wanted).plan.actions == ()

    def test_a_saved_plan_keeps_the_old_job(self) -> None:
        world = with_one(kept())
        world.apply_saved(world.plan(kept("0.2")).plan)
        assert len(world.state.records) == 2


class TestCode:
    def test_changed_code_replaces_the_job_and_names_the_files(self) -> None:
        world = with_one(step("a", code="11"))

        (action,) = world.plan(step("a", code="22")).plan.actions
        world.apply(step("a", code="22"))

        assert (action.kind, action.reason) == ("replace", "code_changed")
        (change,) = action.changes
        assert (change.path, change.before, change.after) == ("code.train.py", "11", "22")
        assert world.mutations() == ["delete a", "create a"]
        assert world.plan(step("a", code="22")).plan.actions == ()

    def test_code_that_was_not_watched_before_is_only_recorded(self) -> None:
        world = with_one(step("a"))
        assert verbs(world.plan(step("a", code="11")).plan) == {"a": "update definition_changed"}

        world.apply(step("a", code="11"))

        assert world.mutations() == []
        assert world.plan(step("a", code="11")).plan.actions == ()
        assert verbs(world.plan(step("a", code="22")).plan) == {"a": "replace code_changed"}

    def test_a_finished_job_runs_again_for_new_code_though_it_is_gone(self) -> None:
        world = with_one(step("a", code="11"))
        world.platform.remove("a")
        assert world.plan(step("a", code="11")).plan.actions == ()
        assert verbs(world.plan(step("a", code="22")).plan) == {"a": "create code_changed"}

    def test_dependents_of_changed_code_run_again(self) -> None:
        world = World()
        finish(world, (step("a", code="11"), step("b", "a")), "a", "b")
        assert verbs(world.plan(step("a", code="22"), step("b", "a")).plan) == {
            "a": "replace code_changed",
            "b": "blocked dependency_replaced",
        }


def test_succeeding_changes_nothing() -> None:
    world = with_one(kept())
    world.apply(kept("0.2"))
    succeed(world, world.record("a").name)
    world.apply(kept("0.2"))
    assert world.plan(kept("0.2")).plan.actions == ()
