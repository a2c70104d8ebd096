"""Whole worlds: who bears which name, what is left alone, what is counted."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from reconciler.model.address import Address
from reconciler.model.job import ActualJob, DesiredJob, JobRecord, Lifecycle, Status
from reconciler.model.plan import Action, ActionKind, Expectation
from reconciler.planning.planner import Draft, Selection, World, find_actual, make_draft
from tests.build import (
    a_desired,
    a_listing,
    a_location,
    a_record,
    a_spec,
    a_state,
    a_summary,
    an_actual,
    an_intent,
    an_outcome,
)

CHANGED = a_spec(parameters={"lr": "0.2"})


def draft(
    desired: Iterable[DesiredJob] = (),
    records: Mapping[str, JobRecord] | None = None,
    jobs: Iterable[ActualJob] = (),
    *,
    intents: Mapping[str, Any] | None = None,
    **overrides: Any,
) -> Draft:
    return make_draft(
        World(
            desired={job.address: job for job in desired},
            state=a_state(records, intents=intents or {}),
            listing=a_listing(*jobs),
            **overrides,
        )
    )


def named(name: str, address: str | None = None, **overrides: Any) -> DesiredJob:
    return a_desired(a_spec(name), address=address or name, **overrides)


def recorded(name: str, job_id: str | None, **overrides: Any) -> JobRecord:
    return a_record(a_spec(name), job_id=job_id, **overrides)


def listed(name: str, job_id: str, **overrides: Any) -> ActualJob:
    return an_actual(a_spec(name), job_id=job_id, **overrides)


def verbs(made: Draft) -> dict[str, str]:
    return {action.address: f"{action.kind} {action.reason}" for action in made.actions}


def only(made: Draft) -> Action:
    assert len(made.actions) == 1
    return made.actions[0]


def test_nothing_anywhere_is_nothing_to_do() -> None:
    assert draft() == Draft()


def test_unchanged_jobs_are_counted_and_not_listed() -> None:
    made = draft([named("a")], {"a": recorded("a", "1")}, [listed("a", "1")])

    assert (made.actions, made.diagnostics, made.drift) == ((), (), ())
    assert made.summary == a_summary(noop=1)
    assert made.statuses == {"a": Status.RUNNING}


def test_actions_are_in_the_order_of_their_addresses() -> None:
    made = draft([named("c"), named("a")], {"b": recorded("b", "1")}, [listed("b", "1")])

    assert list(verbs(made)) == ["a", "b", "c"]


def test_a_dropped_record_never_touches_another_job_of_its_name() -> None:
    made = draft([], {"a": recorded("a", "1")}, [listed("a", "99")])

    assert verbs(made) == {"a": "forget gone"}
    assert [job.job_id for job in made.unmanaged] == ["99"]


def test_a_wanted_job_is_put_in_the_place_of_another_of_its_name() -> None:
    made = draft([named("a")], {"a": recorded("a", "1")}, [listed("a", "99")])

    assert verbs(made) == {"a": "replace drifted"}
    assert only(made).job_id == "99"
    assert [drift.kind for drift in made.drift] == ["replaced"]


def test_the_recorded_id_counts_before_the_name() -> None:
    listing = a_listing(listed("b", "1"), listed("a", "2"))

    found = find_actual(recorded("a", "1"), listing)

    assert found is not None
    assert found.job_id == "1"


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


class TestAdoption:
    def test_leaves_nothing_unmanaged(self) -> None:
        made = draft([named("a")], jobs=[listed("a", "99")], adopt=True)

        assert verbs(made) == {"a": "adopt adopted"}
        assert made.summary == a_summary(adopt=1)
        assert made.unmanaged == ()

    @pytest.mark.parametrize(
        ("found", "adopt", "shown", "hint"),
        [
            pytest.param({}, False, False, "Take it over with `--adopt`", id="equal, not asked"),
            pytest.param(
                {"parameters": {"lr": "0.2"}}, False, True, "delete the other", id="differs"
            ),
            pytest.param(
                {"parameters": {"lr": "0.2"}}, True, True, "Change the definition", id="refused"
            ),
            pytest.param(
                {"description": "theirs"}, False, True, "`--adopt`", id="described otherwise"
            ),
        ],
    )
    def test_is_explained_where_it_is_not_possible(
        self, found: dict[str, Any], adopt: bool, shown: bool, hint: str
    ) -> None:
        place = a_location(20)
        desired = a_desired(a_spec(description="ours"), fields={"name": place})
        other = an_actual(a_spec(**({"description": "ours"} | found)), job_id="99")

        (problem,) = draft([desired], jobs=[other], adopt=adopt).diagnostics

        assert (problem.code, problem.address, problem.location) == ("name_taken", "resnet", place)
        assert "id 99" in problem.detail
        assert ("configuration differs" in problem.detail) is shown
        assert hint in problem.hint

    def test_shows_theirs_and_ours(self) -> None:
        (problem,) = draft([a_desired()], jobs=[an_actual(CHANGED)]).diagnostics

        assert "parameters.lr: theirs '0.2', ours '0.1'" in problem.detail

    def test_of_a_job_that_could_not_be_read_is_not_offered_again(self) -> None:
        row = an_actual(None, job_id="99")

        (problem,) = draft([a_desired()], jobs=[row], adopt=True).diagnostics

        assert "--adopt" not in problem.hint


class TestMissing:
    def test_is_an_error_where_the_lifecycle_says_so(self) -> None:
        desired = named("a", lifecycle=Lifecycle(on_missing="error"))

        made = draft([desired], {"a": recorded("a", "1")})

        assert verbs(made) == {"a": "blocked vanished"}
        (problem,) = made.diagnostics
        assert (problem.code, problem.location) == ("missing", a_location())
        assert "on_missing: recreate" in problem.hint
        assert "reconciler state rm a" in problem.hint

    def test_is_nothing_for_a_finished_job(self) -> None:
        made = draft([named("a")], {"a": recorded("a", "1", outcome=an_outcome())})

        assert made.summary == a_summary(noop=1)
        assert (made.actions, made.diagnostics, made.drift) == ((), (), ())


class TestProtectedFailure:
    @pytest.mark.parametrize(
        ("lifecycle", "status", "attempt", "told"),
        [
            pytest.param({"on_failure": "retry"}, Status.FAILED, 1, True, id="would be retried"),
            pytest.param({"on_failure": "retry"}, Status.FAILED, 3, False, id="is exhausted"),
            pytest.param({"on_failure": "retry"}, Status.RUNNING, 1, False, id="still runs"),
            pytest.param({}, Status.FAILED, 1, False, id="is kept"),
        ],
    )
    def test_warns_only_when_protection_alone_prevents_the_retry(
        self, lifecycle: dict[str, Any], status: Status, attempt: int, told: bool
    ) -> None:
        desired = named("a", lifecycle=Lifecycle(protect=True, **lifecycle))
        record = recorded("a", "1", protect=True, attempt=attempt)

        made = draft([desired], {"a": record}, [listed("a", "1", status=status)])

        assert made.actions == ()
        assert [(each.severity, each.code) for each in made.diagnostics] == (
            [("warning", "protect")] if told else []
        )

    def test_is_silent_about_unprotected_and_vanished_jobs(self) -> None:
        retry = Lifecycle(on_failure="retry", max_attempts=3)
        records = {
            "a": recorded("a", "1", outcome=an_outcome()),
            "b": recorded("b", "2", attempt=3),
        }

        made = draft(
            [named("a", lifecycle=retry), named("b", lifecycle=retry)],
            records,
            [listed("b", "2", status=Status.FAILED)],
        )

        assert made.diagnostics == ()


class TestSelection:
    RECORDS = {  # noqa: RUF012
        "resnet[lr=0.1]": recorded("a", "1"),
        "resnet[lr=0.2]": recorded("b", "2"),
        "other": recorded("c", "3"),
    }

    @pytest.mark.parametrize(
        ("targets", "excludes", "chosen"),
        [
            pytest.param((), (), ["other", "resnet[lr=0.1]", "resnet[lr=0.2]"], id="all"),
            pytest.param(("resnet[*]",), (), ["resnet[lr=0.1]", "resnet[lr=0.2]"], id="a sweep"),
            pytest.param(("resnet[lr=0.1]",), (), ["resnet[lr=0.1]"], id="literal brackets"),
            pytest.param(("resnet[lr=0.?]",), ("*2]",), ["resnet[lr=0.1]"], id="but not some"),
            pytest.param((), ("resnet*",), ["other"], id="all but some"),
            pytest.param(("other",), ("other",), [], id="an exclude wins"),
        ],
    )
    def test_plans_for_the_chosen_addresses_only(
        self, targets: tuple[str, ...], excludes: tuple[str, ...], chosen: list[str]
    ) -> None:
        made = draft([], self.RECORDS, selection=Selection(targets, excludes))

        assert [action.address for action in made.actions] == chosen
        assert [drift.address for drift in made.drift] == chosen
        assert made.summary == a_summary(forget=len(chosen), drifted=len(chosen))

    def test_names_the_globs_that_fit_nothing(self) -> None:
        selection = Selection(("resnet[*]", "resnt"), ("nothing", "oth?r"))

        addresses = [Address(address) for address in self.RECORDS]
        assert selection.unknown(addresses) == ["resnt", "nothing"]


class TestUnmanaged:
    def test_is_in_the_platforms_order_and_left_alone(self) -> None:
        made = draft([], {}, [listed("z", "9"), listed("y", "8")])

        assert [job.job_id for job in made.unmanaged] == ["9", "8"]
        assert made.actions == ()
        assert made.summary == a_summary(unmanaged=2)

    def test_is_no_job_that_the_plan_replaces(self) -> None:
        made = draft([named("a")], {"a": recorded("a", "1")}, [listed("a", "99")])

        assert made.unmanaged == ()
        assert made.summary == a_summary(replace=1, drifted=1)


def test_the_summary_counts_each_kind() -> None:
    made = draft(
        [
            named("create"),
            a_desired(CHANGED.model_copy(update={"name": "replace"})),
            named("update", lifecycle=Lifecycle(protect=True)),
            named("adopt"),
            named("noop"),
            a_desired(a_spec("blocked", workers=2)),
        ],
        {name: recorded(name, name) for name in ("replace", "update", "delete", "forget", "noop")},
        [
            listed(name, name)
            for name in ("replace", "update", "delete", "adopt", "noop", "blocked", "unmanaged")
        ],
        adopt=True,
        recovered=(Address("noop"),),
    )

    assert made.summary == a_summary(
        create=1,
        replace=1,
        update=1,
        delete=1,
        adopt=1,
        forget=1,
        noop=1,
        blocked=1,
        recovered=1,
        drifted=1,  # the one to forget has vanished
        unmanaged=2,  # the one that blocks, and one more
    )
