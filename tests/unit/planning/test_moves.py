"""Which `moved` blocks are due, and what they do to records."""

from reconciler.model.address import Address
from reconciler.model.definition import Move
from reconciler.planning.moves import find_moves
from tests.build import a_record, a_state

A, B, C, D = map(Address, "abcd")


def due(records: str, *moves: Move) -> list[tuple[str, str]]:
    found = find_moves(a_state({name: a_record(job_id=name) for name in records}), moves)
    return [(each.source, each.target) for each in found.moved]


def test_a_move_that_was_done_does_not_hold_back_the_next() -> None:
    assert due("c", Move(A, B), Move(C, D)) == [("c", "d")]


def test_a_target_that_is_taken_does_not_hold_back_the_next() -> None:
    found = find_moves(
        a_state({name: a_record(job_id=name) for name in "abc"}), [Move(A, B), Move(C, D)]
    )

    assert [(each.source, each.target) for each in found.moved] == [("c", "d")]
    assert len(found.diagnostics) == 1


def test_moves_follow_one_another() -> None:
    assert due("a", Move(A, B), Move(B, C)) == [("a", "b"), ("b", "c")]
