"""Waiting for a lock, and what is known of its holder."""

import fcntl
import os
import re
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.backends import lockfile
from reconciler.backends.holder import Holder, from_bytes, locked, this_process, to_bytes
from reconciler.errors import StateError, StateLockedError

NOW = datetime(2024, 5, 17, 12, 0, tzinfo=UTC)


class Clock:
    """A clock that sleeping sets forward."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def monotonic(self) -> float:
        return self.now


@pytest.mark.parametrize(("timeout", "waited"), [(0.0, 0.1), (5.0, 5.0)])
def test_waiting_ends_at_the_timeout(tmp_path, timeout, waited):
    path, clock = tmp_path / "vision.lock", Clock()
    with (
        lockfile.hold(path, command="apply"),
        pytest.raises(StateLockedError, match="`apply`"),
        lockfile.hold(
            path,
            command="destroy",
            timeout=timeout,
            sleep=clock.sleep,
            monotonic=clock.monotonic,
        ),
    ):
        pytest.fail("two holders at once")

    assert clock.now == pytest.approx(waited, abs=0.11)


def test_a_lock_file_removed_by_hand_does_not_let_two_in(tmp_path):
    path = tmp_path / "vision.lock"
    with lockfile.hold(path, command="apply"):
        path.unlink()
        with (
            lockfile.hold(path, command="destroy"),
            pytest.raises(StateLockedError, match="`destroy`"),
            lockfile.hold(path, command="plan"),
        ):
            pytest.fail("two holders of the present file")


def test_a_lock_on_a_file_that_is_gone_by_then_is_no_lock(tmp_path, monkeypatch):
    path, lock, locked_files = tmp_path / "vision.lock", fcntl.flock, []

    def removed_meanwhile(descriptor: int, operation: int) -> None:
        if not locked_files:
            path.unlink()
        lock(descriptor, operation)
        locked_files.append(os.fstat(descriptor).st_nlink)

    monkeypatch.setattr(fcntl, "flock", removed_meanwhile)
    with lockfile.hold(path, command="apply", sleep=lambda _: None):
        assert locked_files == [0, 1]
        assert path.exists()


def test_a_free_lock_has_no_holder_whatever_stands_in_it(tmp_path):
    path = tmp_path / "vision.lock"
    assert lockfile.holder(path) is None
    assert not path.exists()
    path.write_bytes(to_bytes(this_process("apply")))
    assert lockfile.holder(path) is None


def test_an_unwritten_holder_is_told_as_unknown(tmp_path):
    path = tmp_path / "vision.lock"
    with lockfile.hold(path, command="apply"):
        path.write_bytes(b'{"pid": "nonsense')
        assert lockfile.holder(path) == Holder()
        with (
            pytest.raises(StateLockedError, match="Held by someone unknown"),
            lockfile.hold(path, command="destroy"),
        ):
            pytest.fail("two holders at once")


def test_a_lock_in_no_folder_is_an_error(tmp_path):
    path = tmp_path / "none" / "vision.lock"
    with pytest.raises(StateError, match=re.escape(str(path))), lockfile.hold(path, command="x"):
        pytest.fail("locked nothing")


def test_a_holder_is_told_with_all_that_is_known():
    holder = Holder("ada", "gpu1", 4711, "reconciler apply", NOW - timedelta(minutes=90))

    assert str(locked("state/vision.lock", holder, now=NOW, waited=30)) == (
        "The state is locked\n"
        "Held by ada on gpu1, process 4711, running `reconciler apply`,"
        " since 2024-05-17T10:30:00Z (1:30:00 ago).\n"
        "state/vision.lock is still locked after waiting 30 s.\n"
        "Wait for it to end, or use --lock-timeout to wait here."
    )


@pytest.mark.parametrize("command", ["apply", "naïve ☃", "\udc80 not text", 'a"\n\\'])
def test_a_holder_reads_back(command):
    found = from_bytes(to_bytes(this_process(command)))

    assert found.pid == this_process(command).pid
    assert found.command in (command, command.replace("\udc80", "?"))
