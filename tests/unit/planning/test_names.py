"""Names: who may have one that some job bears already."""

from reconciler.model.plan import ActionKind, Expectation
from reconciler.planning.world import Selection
from tests.build import (
    a_spec,
    a_summary,
    an_intent,
)
from tests.unit.planning.worlds import draft, listed, named, only, recorded, verbs


class TestNames:
    """Who may have a name that some job bears already."""

    def test_a_strangers_job_keeps_its_name(self) -> None:
        made = draft([named("a")], jobs=[listed("a", "99")])

        assert verbs(made) == {"a": "blocked name_taken"}
        assert made.summary == a_summary(blocked=1, unmanaged=1)

    def test_a_name_freed_by_a_delete_is_taken_after_it(self) -> None:
        made = draft([named("x", "new")], {"old": recorded("x", "1")}, [listed("x", "1")])

        assert verbs(made) == {"new": "create new", "old": "delete removed"}
        assert made.actions[0].depends_on == ("old",)
        assert made.actions[0].expects == Expectation()
        assert made.diagnostics == ()

    def test_a_name_freed_by_a_delete_serves_a_renamed_job(self) -> None:
        records = {"a": recorded("a", "1"), "old": recorded("x", "2")}

        made = draft([named("x", "a")], records, [listed("a", "1"), listed("x", "2")])

        assert verbs(made) == {"a": "replace definition_changed", "old": "delete removed"}
        assert made.actions[0].depends_on == ("old",)

    def test_a_delete_outside_the_selection_frees_no_name(self) -> None:
        made = draft(
            [named("x", "new")],
            {"old": recorded("x", "1")},
            [listed("x", "1")],
            selection=Selection(targets=("new",)),
            adopt=True,
        )

        assert verbs(made) == {"new": "blocked name_taken"}

    def test_a_retained_job_keeps_its_name(self) -> None:
        made = draft(
            [named("x", "new")], {"old": recorded("x", "1", retain=True)}, [listed("x", "1")]
        )

        assert verbs(made) == {"new": "blocked name_taken", "old": "forget retained"}

    def test_a_retained_job_may_be_adopted_by_another_address(self) -> None:
        made = draft(
            [named("x", "new")],
            {"old": recorded("x", "1", retain=True)},
            [listed("x", "1")],
            adopt=True,
        )

        assert verbs(made) == {"new": "adopt adopted", "old": "forget retained"}

    def test_a_job_that_another_address_records_is_never_adopted(self) -> None:
        desired = [named("x", "new"), named("y", "old")]

        made = draft(desired, {"old": recorded("x", "1")}, [listed("x", "1")], adopt=True)

        assert verbs(made) == {"new": "blocked name_taken", "old": "replace definition_changed"}
        assert 'The job of "old" bears the name "x"' in made.diagnostics[0].detail

    def test_a_job_that_another_address_records_is_never_replaced(self) -> None:
        records = {"a": recorded("x", "1"), "b": recorded("x", "2")}

        made = draft([named("y", "a"), named("x", "b")], records, [listed("x", "2")])

        assert verbs(made) == {"a": "create definition_changed"}
        assert [(drift.address, drift.kind) for drift in made.drift] == [("a", "vanished")]

    def test_a_vanished_job_whose_name_another_address_took_is_held_back(self) -> None:
        records = {"a": recorded("x", "1"), "b": recorded("x", "2")}

        made = draft([named("x", "a"), named("z", "b")], records, [listed("x", "2")])

        assert verbs(made)["a"] == "blocked name_taken"

    def test_a_renamed_jobs_old_name_is_left_to_whoever_took_it(self) -> None:
        made = draft([named("y", "a")], {"a": recorded("x", "1")}, [listed("x", "99")])

        assert verbs(made) == {"a": "create definition_changed"}

    def test_a_renamed_job_whose_new_name_is_taken_is_held_back(self) -> None:
        made = draft(
            [named("y", "a")], {"a": recorded("x", "1")}, [listed("x", "1"), listed("y", "99")]
        )

        action = only(made)
        assert (action.kind, action.reason) == (ActionKind.BLOCKED, "name_taken")
        assert (action.job_id, action.expects.job_id) == ("99", "99")
        assert (action.interrupts, action.running_ms, action.result) == (False, None, None)

    def test_a_renamed_job_never_adopts_beside_the_job_it_has(self) -> None:
        made = draft(
            [named("y", "a")],
            {"a": recorded("x", "1")},
            [listed("x", "1"), listed("y", "99")],
            adopt=True,
        )

        assert verbs(made) == {"a": "blocked name_taken"}
        assert "--adopt" not in made.diagnostics[0].hint

    def test_two_jobs_cannot_swap_their_names_in_one_go(self) -> None:
        made = draft(
            [named("y", "a"), named("x", "b")],
            {"a": recorded("x", "1"), "b": recorded("y", "2")},
            [listed("x", "1"), listed("y", "2")],
        )

        assert verbs(made) == {"a": "blocked name_taken", "b": "blocked name_taken"}
        assert len(made.diagnostics) == 2

    def test_a_job_renamed_to_a_free_name_is_replaced(self) -> None:
        made = draft([named("y", "a")], {"a": recorded("x", "1")}, [listed("x", "1")])

        assert verbs(made) == {"a": "replace definition_changed"}
        assert (only(made).job_id, only(made).name) == ("1", "y")


class TestInterruptedReplacement:
    """The old job is deleted, the new one not yet created."""

    def test_goes_on(self) -> None:
        made = draft([named("a")], {"a": recorded("a", None, attempt=2)})

        action = only(made)
        assert (action.kind, action.reason) == (ActionKind.CREATE, "interrupted")
        assert action.result is not None
        assert action.result.attempt == 2
        assert made.drift == ()

    def test_is_forgotten_when_no_longer_wanted(self) -> None:
        made = draft([], {"a": recorded("a", None)}, [listed("a", "99")])

        assert verbs(made) == {"a": "forget gone"}

    def test_does_not_delete_a_strangers_job_that_took_the_name(self) -> None:
        made = draft([named("a")], {"a": recorded("a", None)}, [listed("a", "99")])

        assert verbs(made) == {"a": "blocked name_taken"}

    def test_may_adopt_an_equal_job_that_took_the_name(self) -> None:
        made = draft([named("a")], {"a": recorded("a", None)}, [listed("a", "99")], adopt=True)

        assert verbs(made) == {"a": "adopt adopted"}

    def test_sees_the_old_job_in_a_list_that_lags(self) -> None:
        made = draft(
            [named("a")],
            {"a": recorded("a", None)},
            [listed("a", "1")],
            intents={"a": (an_intent("replace", a_spec("a"), job_id="1"),)},
        )

        assert verbs(made) == {"a": "create interrupted"}
