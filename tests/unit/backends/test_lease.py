"""The lock on an object store: one holder, found alive or dead, and never two who write."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
from obstore.store import MemoryStore

from reconciler.backends.leases import GONE, Lease, Terms, this_life
from reconciler.backends.s3 import Bucket
from reconciler.errors import StateDamagedError, StateError, StateLockedError
from tests.waiting import eventually

LONG = Terms(lasting=600.0, renewal=600.0, margin=1.0)
STACK = "vision"
KEY = f"{STACK}/lock"


@pytest.fixture
def bucket() -> Bucket:
    return Bucket(MemoryStore(), "memory://")


@pytest.fixture
def lease(bucket: Bucket) -> Iterator[Callable[[Terms], Lease]]:
    """Return a maker of leases of the stack; all are given back in the end."""
    made: list[Lease] = []

    def make(terms: Terms = LONG) -> Lease:
        made.append(Lease(bucket, STACK, terms))
        return made[-1]

    yield make
    for each in made:
        each.give_back()


def text(bucket: Bucket) -> dict[str, object]:
    """Return what stands in the lock's object."""
    found = bucket.get(KEY)
    assert found is not None
    return dict(json.loads(found.data))


def rewrite(bucket: Bucket, **changes: object) -> None:
    """Change the lock's object behind its holder's back."""
    found = bucket.get(KEY)
    assert found is not None
    assert bucket.swap(KEY, json.dumps(text(bucket) | changes).encode(), found.tag)


def a_life_that_ended() -> str:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    life = this_life(process.pid)
    process.communicate(timeout=60)
    return life


Make = Callable[..., Lease]


def test_the_first_holder_begins_the_fencing_numbers(bucket: Bucket, lease: Make) -> None:
    first = lease()

    assert first.fence == 0
    assert first.holder() is None
    assert first.take("reconciler apply", timeout=0)
    first.check()
    assert (first.fence, text(bucket)["fence"]) == (1, 1)


def test_what_was_given_back_is_free_at_once_under_a_higher_number(lease: Make) -> None:
    first, second = lease(), lease()
    first.take("reconciler apply", timeout=0)
    first.give_back()

    assert second.holder() is None
    assert second.take("reconciler plan", timeout=0)
    assert second.fence == 2


def test_a_living_holder_is_named_to_who_comes_next(lease: Make) -> None:
    first, second = lease(), lease()
    first.take("reconciler apply", timeout=0)

    with pytest.raises(StateLockedError) as refused:
        second.take("reconciler destroy", timeout=0.2)

    assert "reconciler apply" in refused.value.detail
    holder = second.holder()
    assert holder is not None
    assert (holder.command, holder.alive) == ("reconciler apply", True)
    first.check()


def test_who_waits_gets_it_when_it_is_given_back(lease: Make) -> None:
    first, second = lease(), lease()
    first.take("reconciler apply", timeout=0)
    with pytest.raises(StateLockedError):
        second.take("reconciler apply", timeout=0)

    first.give_back()

    assert second.take("reconciler apply", timeout=60)


@pytest.mark.parametrize("life", ["ended", GONE])
def test_a_holder_whose_process_is_gone_holds_nothing(
    bucket: Bucket, lease: Make, life: str
) -> None:
    first, second = lease(), lease()
    first.take("reconciler apply", timeout=0)
    rewrite(bucket, process=a_life_that_ended() if life == "ended" else life)
    holder = second.holder()
    assert holder is not None
    assert holder.alive is False

    was_given_back = second.take("reconciler apply", timeout=0)

    assert not was_given_back
    assert second.fence == 2


def test_a_holder_elsewhere_that_stopped_renewing_holds_nothing_any_more(
    bucket: Bucket, lease: Make
) -> None:
    first = lease()
    first.take("reconciler apply", timeout=0)
    rewrite(bucket, process="")

    second = lease(Terms(lasting=0.0, renewal=600.0, margin=0.0))

    assert second.take("reconciler apply", timeout=60) is False
    assert second.fence == 2


def test_a_lease_is_renewed_while_it_is_held(bucket: Bucket, lease: Make) -> None:
    held = lease(Terms(lasting=600.0, renewal=0.01, margin=1.0))
    held.take("reconciler apply", timeout=0)

    eventually(lambda: text(bucket).get("beat", 0), lambda beat: beat not in (0, 1))

    held.check()


def test_a_holder_that_was_fenced_off_writes_nothing_more(bucket: Bucket, lease: Make) -> None:
    held, opener = lease(Terms(lasting=600.0, renewal=0.01, margin=1.0)), lease()
    held.take("reconciler apply", timeout=0)
    before = bucket.get(KEY)
    while before == bucket.get(KEY):  # the first renewal
        time.sleep(0.001)

    eventually(lambda: _was_opened(opener), bool)

    with pytest.raises(StateError, match="lock of the state was lost") as refused:
        eventually(held.check, lambda _: False)
    assert "Someone else took the lock." in refused.value.detail
    held.give_back()
    assert text(bucket)["process"] == GONE
    assert opener.take("reconciler apply", timeout=0) is False


def _was_opened(opener: Lease) -> bool:
    """Break the lock open, unless a renewal comes in between."""
    try:
        opener.break_open()
    except StateError:
        return False
    return True


def test_a_lease_that_cannot_be_renewed_ends_for_its_holder_first(lease: Make) -> None:
    held = lease(Terms(lasting=1.0, renewal=600.0, margin=1.0))
    held.take("reconciler apply", timeout=0)

    with pytest.raises(StateError, match="lock of the state was lost") as refused:
        held.check()

    assert "could not be renewed in time" in refused.value.detail


def test_a_free_lock_is_not_broken_open(bucket: Bucket, lease: Make) -> None:
    first, opener = lease(), lease()
    opener.break_open()
    assert bucket.get(KEY) is None
    first.take("reconciler apply", timeout=0)
    first.give_back()
    free = text(bucket)

    opener.break_open()

    assert text(bucket) == free


def test_a_lock_given_back_unsettled_is_fenced_off_by_the_next(bucket: Bucket, lease: Make) -> None:
    first, second = lease(), lease()
    first.take("reconciler apply", timeout=0)

    first.give_back(settled=False)

    assert text(bucket)["process"] == GONE
    assert second.take("reconciler apply", timeout=0) is False
    assert second.fence == 2


def test_a_damaged_lock_is_told_and_left_alone(bucket: Bucket, lease: Make) -> None:
    bucket.create(KEY, b"{")

    for look in (lease().holder, lambda: lease().take("reconciler apply", timeout=0)):
        with pytest.raises(StateDamagedError, match="lock of the state is damaged"):
            look()

    found = bucket.get(KEY)
    assert found is not None
    assert found.data == b"{"
