"""In which order jobs are decided about and deleted, and when two runs are the same."""

import pytest

from reconciler.model.address import Address
from reconciler.model.job import Outcome, Status
from reconciler.planning.dependencies import (
    actual_status,
    deletion_order,
    in_order,
    is_same_run,
    without_cycles,
)
from tests.build import a_listing, a_record, an_action, an_actual, an_outcome


def graph(**edges: str) -> dict[Address, tuple[Address, ...]]:
    return {Address(key): tuple(map(Address, value.split())) for key, value in edges.items()}


def test_each_comes_behind_what_it_depends_on() -> None:
    assert in_order(graph(a="b c", b="c", c="", d="")) == ["c", "b", "a", "d"]


def test_what_is_outside_of_the_graph_is_left_out() -> None:
    assert in_order(graph(a="x")) == ["a"]
    assert without_cycles(graph(a="x")) == {"a": ()}


def test_a_cycle_is_cut_and_nobody_is_lost() -> None:
    cyclic = graph(a="b", b="c", c="a", d="a")
    assert sorted(in_order(cyclic)) == ["a", "b", "c", "d"]
    cut = without_cycles(cyclic)
    assert sum(map(len, cut.values())) == 3


def test_a_long_chain_needs_no_deep_stack() -> None:
    chain = {Address(f"j{n}"): (Address(f"j{n + 1}"),) for n in range(5000)}
    chain[Address("j5000")] = ()
    assert in_order(chain)[0] == "j5000"


def test_jobs_that_depend_on_one_another_are_deleted_all_the_same() -> None:
    records = {
        Address(name): a_record(depends_on={Address(other): "1"})
        for name, other in (("a", "b"), ("b", "a"), ("c", "c"))
    }
    actions = [an_action("delete", name) for name in "abc"]
    assert deletion_order(actions, records) in ({"a": ("b",)}, {"b": ("a",)})


@pytest.mark.parametrize(
    ("recorded", "actual", "outcome", "status"),
    [
        pytest.param("20", "20", None, Status.RUNNING, id="the run that we know"),
        pytest.param("20", "21", None, None, id="a later run of somebody else"),
        pytest.param("20", "19", None, None, id="an earlier one"),
        pytest.param("20", "21", an_outcome(), Status.SUCCEEDED, id="it ended before that"),
        pytest.param(None, "21", None, Status.RUNNING, id="a record without versions"),
        pytest.param("20", None, None, Status.RUNNING, id="a platform without versions"),
    ],
)
def test_the_status_of_a_record_is_that_of_its_own_run(
    recorded: str | None, actual: str | None, outcome: Outcome | None, status: Status | None
) -> None:
    record = a_record(version_id=recorded, outcome=outcome)

    assert actual_status(record, a_listing(an_actual(version_id=actual))) == status


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("1/2", "1/2", True),
        ("1", "1", True),
        ("1/2", "1", True),
        ("1", "1/2", True),
        ("1/2", "1/3", False),
        ("1", "2", False),
        ("1/2", "12", False),
    ],
)
def test_runs(one: str, other: str, same: bool) -> None:
    assert is_same_run(one, other) is same
