"""Whole worlds: who bears which name, what is left alone, what is counted."""

from typing import Any

import pytest

from reconciler.model.address import Address
from reconciler.model.job import Lifecycle, Status
from reconciler.planning.planner import Draft, find_actual
from reconciler.planning.world import Selection
from tests.build import (
    a_desired,
    a_listing,
    a_location,
    a_spec,
    a_state,
    a_summary,
    an_actual,
    an_outcome,
)
from tests.unit.planning.worlds import draft, listed, named, only, recorded, verbs

CHANGED = a_spec(parameters={"lr": "0.2"})


def test_nothing_anywhere_is_nothing_to_do() -> None:
    assert draft() == Draft(a_state())


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
