"""How the number of requests in flight follows what the platform bears."""

import threading

import pytest

from reconciler.providers.limiter import Limiter


def throttle(limiter: Limiter) -> None:
    with limiter.slot() as mark:
        limiter.throttled(mark)


def test_each_refusal_halves_down_to_one() -> None:
    limiter = Limiter(10)
    seen = []
    for _ in range(5):
        throttle(limiter)
        seen.append(limiter.slots)

    assert seen == [5, 2, 1, 1, 1]


def test_requests_under_way_together_shrink_it_once() -> None:
    limiter = Limiter(8)
    with limiter.slot() as first, limiter.slot() as second, limiter.slot() as third:
        for mark in (first, second, third):
            limiter.throttled(mark)

    assert limiter.slots == 4


def test_successes_win_slots_back_one_by_one_and_no_more_than_there_were() -> None:
    limiter = Limiter(4)
    throttle(limiter)
    seen = []
    for _ in range(12):
        limiter.succeeded()
        seen.append(limiter.slots)

    assert seen[1] == 2
    assert seen[2] == 3
    assert seen[-1] == 4
    assert sorted(seen) == seen


@pytest.mark.parametrize("most", [1, 3])
def test_no_more_than_the_slots_are_in_flight(most: int) -> None:
    limiter = Limiter(most)
    lock = threading.Lock()
    flying, peak = 0, 0
    full = threading.Barrier(most)

    def work() -> None:
        nonlocal flying, peak
        for _ in range(20):
            with limiter.slot():
                with lock:
                    flying += 1
                    peak = max(peak, flying)
                full.wait(10)
                with lock:
                    flying -= 1

    threads = [threading.Thread(target=work) for _ in range(most * 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert peak == most


def test_a_failing_request_gives_its_slot_back() -> None:
    limiter = Limiter(1)
    for _ in range(3):
        with pytest.raises(ValueError, match="broken"), limiter.slot():
            raise ValueError("broken")

    with limiter.slot():
        pass
