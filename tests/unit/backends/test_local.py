"""What is particular to state in a folder: files, modes, history, damage and the way back."""

import errno
import hashlib
import os
import re
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from reconciler.backends import codec, durable, journal
from reconciler.backends.codec import Migration
from reconciler.backends.local import LocalBackend
from reconciler.errors import (
    StateDamagedError,
    StateError,
    StateLockedError,
    StateVersionError,
    UsageError,
)
from reconciler.model.address import Address
from reconciler.model.state import FORMAT_VERSION, Closed, Observed, Recorded, State, fold
from tests.build import LINEAGE, a_record, an_outcome
from tests.unit.backends.disk import Watched

EMPTY = State(stack="vision", lineage=LINEAGE, salt="5a" * 16)
RECORDED = Recorded(address=Address("resnet"), record=a_record())
CLOSED = Closed(address=Address("resnet"))
SEEN = Observed(address=Address("resnet"), job_id="10", outcome=an_outcome())


@pytest.fixture
def backend(tmp_path: Path) -> LocalBackend:
    """Return a backend whose snapshot is at serial 1, with one entry in the journal."""
    backend = LocalBackend(tmp_path / "state", "vision")
    with backend.lock(command="apply") as writer:
        writer.checkpoint(EMPTY)
        writer.append([RECORDED])
        writer.checkpoint(fold(EMPTY, [RECORDED]))
        writer.append([CLOSED])
    return backend


def modes(folder: Path) -> dict[str, int]:
    found = {str(path.relative_to(folder)): path for path in folder.rglob("*")}
    return {name: stat.S_IMODE(path.stat().st_mode) for name, path in found.items()}


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o277], ids=oct)
def test_files_are_for_the_owner_alone_whatever_the_umask(tmp_path, mask):
    before = os.umask(mask)
    try:
        backend = LocalBackend(tmp_path / "deep" / "state", "vision")
        with backend.lock(command="apply") as writer:
            writer.checkpoint(EMPTY)
            writer.checkpoint(EMPTY.model_copy(update={"serial": 1}))
            writer.append([RECORDED])
    finally:
        os.umask(before)

    found = modes(tmp_path)
    assert {re.sub(r"\.0\..*", ".0", name): mode for name, mode in found.items()} == {
        "deep": 0o700,
        "deep/state": 0o700,
        "deep/state/backups": 0o700,
        "deep/state/backups/vision.0": 0o600,
        "deep/state/vision.json": 0o600,
        "deep/state/vision.journal": 0o600,
        "deep/state/vision.lock": 0o600,
    }


def test_a_journal_that_others_could_read_is_closed_to_them(backend):
    (backend.folder / "vision.journal").chmod(0o644)
    with backend.lock(command="apply") as writer:
        writer.append([CLOSED])

    assert modes(backend.folder)["vision.journal"] == 0o600


def test_reading_makes_nothing(tmp_path):
    backend = LocalBackend(tmp_path / "state", "vision")

    assert backend.read() is None
    assert backend.history() == ()
    assert backend.holder() is None
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("stack", ["", ".", "..", "a/b", "/etc/passwd", "a\\b", "a\0b"])
def test_a_stack_that_is_no_file_name_is_refused(tmp_path, stack):
    with pytest.raises(UsageError, match="stack name"):
        LocalBackend(tmp_path, stack)


@pytest.mark.parametrize("stack", ["vision", "vision.1", "vis[i]on", "a b", "é*"])
def test_stacks_in_one_folder_do_not_meet(tmp_path, stack):
    stacks = [stack, f"{stack}.7", f"{stack}.json", "v"]
    for name in stacks:
        backend = LocalBackend(tmp_path, name)
        (tmp_path / f".{name}.json.{'0' * 16}.tmp").touch()
        with backend.lock(command="apply") as writer:
            for serial in range(12):
                writer.checkpoint(
                    State(stack=name, lineage=f"{LINEAGE}-{name}", salt="00", serial=serial)
                )

    for name in stacks:
        backend = LocalBackend(tmp_path, name)
        assert backend.read().lineage == f"{LINEAGE}-{name}"
        assert [each.serial for each in backend.history()] == [*range(11, -1, -1)][:11]


def test_what_dead_writers_left_is_tidied_and_nothing_else(backend):
    stale = backend.folder / f".vision.json.{'ab' * 8}.tmp"
    other = backend.folder / f".vision2.json.{'ab' * 8}.tmp"
    note = backend.folder / ".vision.json.swp.tmp"
    for file in (stale, other, note):
        file.write_text("{")
    with backend.lock(command="apply"):
        pass

    assert not stale.exists()
    assert other.exists()
    assert note.exists()


def test_ten_former_snapshots_are_kept(backend):
    with backend.lock(command="apply") as writer:
        state = backend.read()
        for _ in range(20):
            state = fold(state, [CLOSED])
            writer.checkpoint(state)

    assert len([*(backend.folder / "backups").iterdir()]) == 10
    assert len(backend.history()) == 11


@pytest.mark.parametrize("error", [errno.EPERM, errno.EXDEV, errno.EOPNOTSUPP])
def test_snapshots_are_kept_on_file_systems_without_hard_links(backend, monkeypatch, error):
    class NoLinks(Watched):
        def do(self, name, real, *args, **keywords):
            if name == "link":
                raise OSError(error, os.strerror(error))
            return real(*args, **keywords)

    former = [each.name for each in backend.history()]
    monkeypatch.setattr(durable, "os", NoLinks())
    with backend.lock(command="apply") as writer:
        writer.checkpoint(fold(backend.read(), [CLOSED]))

    assert [each.name for each in backend.history()][1:] == former
    assert backend.restore(former[0]) == fold(EMPTY, [RECORDED])


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("where", ["vision.json", "vision.journal", "both"])
def test_the_way_back_from_damage(backend, where):
    with backend.lock(command="apply") as writer:
        writer.append([CLOSED])
    for name in ("vision.json", "vision.journal") if where == "both" else (where,):
        flip(backend.folder / name, 40)
    with pytest.raises(StateDamagedError) as caught:
        backend.read()
    assert str(backend.folder / "vision.") in caught.value.detail
    assert "state restore" in caught.value.hint

    with backend.lock(command="state restore") as writer:
        with pytest.raises(StateDamagedError):
            writer.append([CLOSED])
        newest = backend.history()[0]
        kept = backend.restore(newest.name)
        writer.checkpoint(kept.model_copy(update={"serial": kept.serial + 10}))
        writer.append([CLOSED])

    assert newest.serial == (1 if where == "vision.journal" else 0)
    assert backend.read().serial == kept.serial + 11
    aside = [path.suffix for path in (backend.folder / "backups").glob("vision.damaged.*")]
    assert (
        sorted(aside)
        == {
            "vision.json": [".journal", ".json"],
            "vision.journal": [".journal"],
            "both": [".journal", ".json"],
        }[where]
    )


def test_a_damaged_kept_snapshot_does_not_hide_the_others(backend):
    names = [each.name for each in backend.history()]
    flip(backend.folder / "backups" / names[1], 30)

    assert [each.name for each in backend.history()] == names[:1]
    with pytest.raises(StateDamagedError, match=re.escape(names[1])):
        backend.restore(names[1])


@pytest.mark.parametrize("lineage", ["0000", "another"])
def test_restoring_cannot_bring_in_another_lineage(backend, lineage):
    flip(backend.folder / "vision.journal", 40)
    with (
        backend.lock(command="state restore") as writer,
        pytest.raises(StateError, match="another lineage"),
    ):
        writer.checkpoint(EMPTY.model_copy(update={"lineage": lineage, "serial": 99}))


def test_a_snapshot_renamed_by_hand_is_told(backend):
    (backend.folder / "vision.json").rename(backend.folder / "speech.json")
    with pytest.raises(StateError, match="'vision', not to 'speech'"):
        LocalBackend(backend.folder, "speech").read()


def test_a_newer_state_is_never_written_over(backend):
    snapshot = backend.folder / "vision.json"
    body = codec.encode(EMPTY).replace(b'"1.0"', b'"7.0"')
    head = body[: body.rindex(b",\n")]
    newer = head + b',\n"checksum":"sha256:%s"}\n' % _sha256(head)
    snapshot.write_bytes(newer)

    with pytest.raises(StateVersionError, match=r"state format 7\.0"):
        backend.read()
    with backend.lock(command="apply") as writer:
        with pytest.raises(StateVersionError):
            writer.append([CLOSED])
        with pytest.raises(StateVersionError):
            writer.checkpoint(fold(EMPTY, [RECORDED] * 5))
    assert snapshot.read_bytes() == newer


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()


def test_an_older_journal_gets_a_new_snapshot_before_more_entries(backend, monkeypatch):
    monkeypatch.setattr(
        codec,
        "MIGRATIONS",
        {"0.9": Migration(FORMAT_VERSION, lambda each: each, lambda each: each)},
    )
    monkeypatch.setattr(journal.decode, "__defaults__", (codec.MIGRATIONS,))
    base = codec.decode((backend.folder / "vision.json").read_bytes(), "")
    header = journal.header_for(base).model_copy(update={"format_version": "0.9"})
    (backend.folder / "vision.journal").write_bytes(journal.encode([header, SEEN], 0)[0])

    with backend.lock(command="apply") as writer:
        writer.append([CLOSED])

    assert backend.read() == fold(base, [SEEN, CLOSED])
    assert b'"format_version":"1.0"' in (backend.folder / "vision.journal").read_bytes()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        pytest.param(
            lambda folder: (folder / "vision.json").mkdir(), "Is a directory", id="folder"
        ),
        pytest.param(
            lambda folder: (folder / "vision.json").symlink_to("vision.json"),
            "Too many levels of symbolic links",
            id="loop",
        ),
        pytest.param(
            lambda folder: (folder / "vision.journal").mkdir(), "Is a directory", id="journal"
        ),
    ],
)
def test_what_cannot_be_read_is_an_error_with_its_path(tmp_path, spoil, words):
    spoil(tmp_path)
    with pytest.raises(StateError, match=words) as caught:
        LocalBackend(tmp_path, "vision").read()
    assert str(tmp_path) in caught.value.detail


def test_a_folder_that_is_a_file_is_an_error(tmp_path):
    (tmp_path / "state").touch()
    backend = LocalBackend(tmp_path / "state", "vision")
    with pytest.raises(StateError, match="Not a directory"):
        backend.read()
    with (
        pytest.raises(StateError, match="Not a directory"),
        backend.lock(command="apply"),
    ):
        pytest.fail("locked a state in a file")


def test_readers_see_every_acknowledged_entry_while_writers_write(tmp_path):
    backend = LocalBackend(tmp_path, "vision")
    acknowledged, done = [0], threading.Event()

    def write() -> None:
        state = EMPTY
        with backend.lock(command="apply") as writer:
            writer.checkpoint(state)
            for number in range(150):
                writer.append([RECORDED, CLOSED])
                state = fold(state, [RECORDED, CLOSED])
                acknowledged[0] = state.serial
                if number % 3 == 0:
                    writer.checkpoint(state)
        done.set()

    thread = threading.Thread(target=write)
    thread.start()
    reads = 0
    while not done.is_set():
        least = acknowledged[0]
        found = backend.read()
        assert (found.serial if found else 0) >= least
        reads += 1
    thread.join(30)

    assert reads > 10
    assert backend.read().serial == 300


def test_runs_leave_no_descriptor_and_no_name_behind(backend):
    before = sorted(Path("/proc/self/fd").iterdir())
    for _ in range(3):
        with backend.lock(command="apply") as writer:
            writer.append([CLOSED])

    assert sorted(Path("/proc/self/fd").iterdir()) == before
    assert (backend.folder / "vision.lock").read_bytes() == b""


HOLD = """
import sys, time
from pathlib import Path
from reconciler.backends.local import LocalBackend

with LocalBackend(Path(sys.argv[1]), "vision").lock(command="apply --wait"):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_lock_names_its_process_and_ends_with_it(backend):
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", HOLD, str(backend.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"held\n"
            with (
                pytest.raises(StateLockedError) as caught,
                backend.lock(command="destroy", timeout=0.2),
            ):
                pytest.fail("two writers at once")
            for part in (f"process {process.pid}", "`apply --wait`", "after waiting 0.2 s"):
                assert part in caught.value.detail
            holder = backend.holder()
            assert holder is not None
            assert (holder.pid, holder.command, holder.alive) == (process.pid, "apply --wait", True)
            assert backend.read() is not None
        finally:
            process.kill()

    assert backend.holder() is None
    with backend.lock(command="destroy") as writer:
        writer.append([CLOSED])
    assert (backend.folder / "vision.lock").exists()


def test_a_child_process_does_not_inherit_the_lock(backend):
    with backend.lock(command="apply") as writer:
        writer.append([CLOSED])
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        with backend.lock(command="destroy"):
            assert child.poll() is None
    finally:
        child.communicate(b"\n", timeout=30)
