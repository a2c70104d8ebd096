"""Order: which actions may begin, and what a failure holds back."""

from collections.abc import Iterable

import pytest

from reconciler.model.address import Address
from reconciler.model.plan import Action
from reconciler.model.platform import Quota
from reconciler.planning.ordering import Schedule, must_clear_first
from tests.build import an_action


def action(kind: str, address: str, *after: str) -> Action:
    return an_action(kind, address, depends_on=tuple(Address(each) for each in after))


def taken(schedule: Schedule) -> list[Action]:
    return list(iter(schedule.take, None))


def names(actions: Iterable[Action]) -> list[str]:
    return [each.address for each in actions]


def test_independent_actions_begin_at_once_in_order() -> None:
    schedule = Schedule([action("create", name) for name in "cab"])

    assert names(taken(schedule)) == ["c", "a", "b"]
    assert schedule.take() is None


def test_a_dependent_begins_when_all_it_waits_for_is_done() -> None:
    a, b, c = action("delete", "a"), action("delete", "b"), action("create", "c", "a", "b")
    schedule = Schedule([c, a, b])

    assert names(taken(schedule)) == ["a", "b"]
    assert schedule.finish(a, done=True) == []
    assert taken(schedule) == []
    schedule.finish(b, done=True)
    assert names(taken(schedule)) == ["c"]


def test_what_stands_in_no_plan_is_not_waited_for() -> None:
    assert names(taken(Schedule([action("create", "a", "elsewhere")]))) == ["a"]


def test_a_failure_drops_all_that_wait_for_it_and_nothing_else() -> None:
    a, b, c, d = (
        action("create", "a"),
        action("create", "b", "a"),
        action("create", "c", "b", "a"),
        action("create", "d"),
    )
    schedule = Schedule([a, b, c, d])

    assert sorted(names(schedule.finish(a, done=False))) == ["b", "c"]
    assert names(schedule.rest()) == ["d"]
    assert names(taken(schedule)) == ["a", "d"]


def test_the_rest_is_what_has_not_ended() -> None:
    a, b = action("create", "a"), action("create", "b")
    schedule = Schedule([a, b])

    schedule.finish(a, done=True)

    assert names(schedule.rest()) == ["b"]


class TestClearingFirst:
    def test_creates_wait_for_every_delete_and_replacement(self) -> None:
        a, b, c = action("create", "a"), action("delete", "b"), action("replace", "c")
        schedule = Schedule([a, b, c], clear_first=True)

        assert names(taken(schedule)) == ["b", "c"]
        schedule.finish(b, done=True)
        assert taken(schedule) == []
        schedule.finish(c, done=True)
        assert names(taken(schedule)) == ["a"]

    def test_a_failed_delete_does_not_hold_them_for_ever(self) -> None:
        a, b = action("create", "a"), action("delete", "b")
        schedule = Schedule([a, b], clear_first=True)

        assert schedule.finish(b, done=False) == []
        assert names(taken(schedule)) == ["b", "a"]

    def test_a_dropped_replacement_does_not_hold_them_for_ever(self) -> None:
        a, b, c = action("create", "a"), action("update", "b"), action("replace", "c", "b")
        schedule = Schedule([a, b, c], clear_first=True)

        assert names(schedule.finish(b, done=False)) == ["c"]
        assert names(taken(schedule)) == ["b", "a"]

    def test_a_failure_frees_no_place_that_others_still_hold(self) -> None:
        a, b, c = action("create", "a"), action("delete", "b"), action("update", "c")
        schedule = Schedule([a, b, c, action("create", "d", "c")], clear_first=True)

        assert names(schedule.finish(c, done=False)) == ["d"]
        assert names(taken(schedule)) == ["b", "c"]
        schedule.finish(b, done=True)
        assert names(taken(schedule)) == ["a"]

    def test_a_dependent_create_waits_for_both(self) -> None:
        a, b, c = action("delete", "a"), action("delete", "b"), action("create", "c", "a")
        schedule = Schedule([a, b, c], clear_first=True)

        schedule.finish(a, done=True)
        assert names(taken(schedule)) == ["a", "b"]
        schedule.finish(b, done=True)
        assert names(taken(schedule)) == ["c"]

    def test_without_deletes_nothing_waits(self) -> None:
        assert names(taken(Schedule([action("create", "a")], clear_first=True))) == ["a"]


@pytest.mark.parametrize(
    ("kinds", "left", "expected"),
    [
        pytest.param(["create"], 1, False, id="enough room"),
        pytest.param(["create", "create", "delete"], 1, True, id="room once one is deleted"),
        pytest.param(["replace", "delete"], 0, False, id="nothing new"),
    ],
)
def test_must_clear_first(kinds: list[str], left: int, expected: bool) -> None:
    actions = [action(kind, f"job{number}") for number, kind in enumerate(kinds)]

    assert must_clear_first(actions, Quota(limit=10, left=left)) is expected
    assert must_clear_first(actions, None) is False
