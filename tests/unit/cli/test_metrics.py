"""What a loop tells its surroundings."""

from collections.abc import Mapping

import pytest

from reconciler.cli.metrics import Metrics, Server
from reconciler.engine.watch import End, Round
from reconciler.errors import ReconcilerError
from reconciler.model.job import Status
from tests.build import an_action, an_action_result, an_apply_result


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def told(*rounds: Round, valid: bool = True) -> Metrics:
    metrics = Metrics(Clock())
    for each in rounds:
        metrics.tell(each, 30.0, seconds=0.5, valid=valid)
    return metrics


def values(metrics: Metrics) -> Mapping[str, float]:
    lines = [line for line in metrics.text().decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_rounds_actions_and_jobs_are_counted() -> None:
    done = Round(
        End.DONE,
        result=an_apply_result(
            an_action_result(), an_action_result(an_action("delete"), "failed", error="Refused")
        ),
        held=((an_action("replace"), "needs --allow replace"),) * 2,
        statuses={Status.RUNNING: 3},
        drifted=1,
    )

    found = values(told(Round(End.IDLE), done))

    assert found['reconciler_rounds_total{end="idle"}'] == 1
    assert found['reconciler_rounds_total{end="locked"}'] == 0
    assert found['reconciler_actions_total{kind="create",result="done"}'] == 1
    assert found['reconciler_actions_total{kind="delete",result="failed"}'] == 1
    assert found['reconciler_held_back{needs="replace"}'] == 2
    assert found['reconciler_jobs{status="running"}'] == 3
    assert found["reconciler_drifted_jobs"] == 1
    assert found["reconciler_round_seconds_sum"] == 1


def test_what_is_no_longer_held_back_is_no_longer_counted() -> None:
    held = Round(End.IDLE, held=((an_action("replace"), "needs --allow replace"),))

    assert not any("held_back" in name for name in values(told(held, Round(End.IDLE))))


@pytest.mark.parametrize(
    ("ends", "in_a_row"),
    [
        ([End.FAILED, End.FAILED], 2),
        ([End.FAILED, End.IDLE], 0),
        ([End.FAILED, End.FAILED, End.DONE, End.FAILED], 1),
    ],
)
def test_failures_in_a_row(ends: list[End], in_a_row: int) -> None:
    assert values(told(*map(Round, ends)))["reconciler_failures_in_a_row"] == in_a_row


@pytest.mark.parametrize(
    ("rounds", "valid", "ready"),
    [
        ([], True, False),
        ([Round(End.IDLE)], True, True),
        ([Round(End.LOCKED)], True, True),
        ([Round(End.DONE)], False, False),
        ([Round(End.IDLE), Round(End.FAILED, error=ReconcilerError("No"))], True, False),
        ([Round(End.REFUSED, error=ReconcilerError("No"))], True, False),
    ],
)
def test_ready(rounds: list[Round], valid: bool, ready: bool) -> None:
    assert told(*rounds, valid=valid).is_ready is ready


def test_a_loop_whose_round_is_overdue_is_not_alive() -> None:
    clock = Clock()
    metrics = Metrics(clock)
    metrics.tell(Round(End.FAILED), 900.0, seconds=1, valid=True)

    clock.now = 1100.0
    assert metrics.is_alive, "the pause may be long"
    clock.now = 1300.0
    assert not metrics.is_alive


def test_an_address_that_is_taken_is_an_error_that_says_what_to_do() -> None:
    with Server(Metrics(), "127.0.0.1", 0) as server:
        port = int(server.address.rpartition(":")[2])
        with pytest.raises(ReconcilerError, match="--listen"):
            Server(Metrics(), "127.0.0.1", port)
