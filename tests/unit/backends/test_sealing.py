"""A state that is encrypted at our side."""

import json
from pathlib import Path

import pytest

from reconciler.backends.local import LocalBackend
from reconciler.backends.sealing import Seal, Secret, make_seal
from reconciler.errors import StateDamagedError, StateError
from reconciler.model.address import Address
from reconciler.model.state import Recorded, State, fold
from tests.build import LINEAGE, a_record, a_spec

STACK = "vision"
FIRST = Secret(b"first key".ljust(32, b"."), is_passphrase=False)
SECOND = Secret(b"second key".ljust(32, b"."), is_passphrase=False)
PHRASE = Secret(b"correct horse battery staple", is_passphrase=True)
EMPTY = State(stack=STACK, lineage=LINEAGE, salt="5a" * 16)
ENTRY = Recorded(address=Address("resnet"), record=a_record(a_spec(description="telltale")))


def a_backend(folder: Path, seal: Seal | None) -> LocalBackend:
    return LocalBackend(folder, STACK, seal=seal)


def written(folder: Path, seal: Seal | None) -> State:
    with a_backend(folder, seal).lock(command="apply") as writer:
        writer.checkpoint(EMPTY)
        writer.append([ENTRY])
        writer.append([ENTRY])
    return fold(EMPTY, [ENTRY, ENTRY])


@pytest.mark.parametrize("secret", [FIRST, PHRASE], ids=["key file", "passphrase"])
def test_what_is_sealed_reads_back_and_tells_nothing(tmp_path: Path, secret: Secret) -> None:
    state = written(tmp_path, make_seal(STACK, secret))

    assert a_backend(tmp_path, make_seal(STACK, secret)).read() == state
    stored = b"".join(each.read_bytes() for each in tmp_path.rglob("*") if each.is_file())
    for word in (b"telltale", b"resnet", LINEAGE.encode(), b"5a5a5a", secret.data):
        assert word not in stored.replace((tmp_path / "vision.lock").read_bytes(), b"")


@pytest.mark.parametrize(
    ("seal", "words"),
    [
        pytest.param(None, "is encrypted", id="no key"),
        pytest.param(make_seal(STACK, SECOND), "another key", id="another key"),
        pytest.param(make_seal(STACK, PHRASE), "another key", id="a passphrase"),
        pytest.param(make_seal("speech", FIRST), "changed since", id="another stack's state"),
    ],
)
def test_only_the_right_key_opens_it(tmp_path: Path, seal: Seal | None, words: str) -> None:
    state = written(tmp_path, make_seal(STACK, FIRST))

    with pytest.raises(StateError, match=words):
        a_backend(tmp_path, seal).read()
    assert a_backend(tmp_path, make_seal(STACK, FIRST)).read() == state


def test_a_state_that_is_not_sealed_is_no_substitute(tmp_path: Path) -> None:
    written(tmp_path, None)

    with pytest.raises(StateError, match="not encrypted"):
        a_backend(tmp_path, make_seal(STACK, FIRST)).read()


def test_encryption_begins_when_that_is_allowed(tmp_path: Path) -> None:
    state = written(tmp_path, None)

    seal = make_seal(STACK, FIRST, may_be_open=True)
    with a_backend(tmp_path, seal).lock(command="state rekey") as writer:
        writer.checkpoint(state)

    assert a_backend(tmp_path, make_seal(STACK, FIRST)).read() == state
    assert b"telltale" not in (tmp_path / "vision.json").read_bytes()


@pytest.mark.parametrize("new", [SECOND, PHRASE, None], ids=["key file", "passphrase", "none"])
def test_a_key_is_changed_in_the_midst_of_a_journal(tmp_path: Path, new: Secret | None) -> None:
    state = written(tmp_path, make_seal(STACK, FIRST))
    both = make_seal(STACK, new, [FIRST])
    with a_backend(tmp_path, both).lock(command="apply") as writer:
        writer.append([ENTRY])
    state = fold(state, [ENTRY])
    assert a_backend(tmp_path, both).read() == state

    with a_backend(tmp_path, both).lock(command="state rekey") as writer:
        writer.checkpoint(state)

    assert a_backend(tmp_path, make_seal(STACK, new)).read() == state
    assert len(a_backend(tmp_path, both).history()) == 2


def test_each_changed_byte_is_noticed(tmp_path: Path) -> None:
    seal = make_seal(STACK, FIRST)
    written(tmp_path, seal)
    for name in ("vision.json", "vision.journal"):
        file = tmp_path / name
        data = file.read_bytes()
        for at in range(0, len(data) - 1, 7):
            file.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            with pytest.raises(StateError):
                a_backend(tmp_path, seal).read()
        file.write_bytes(data)
    assert a_backend(tmp_path, seal).read()


def test_a_torn_last_line_was_never_acknowledged(tmp_path: Path) -> None:
    seal = make_seal(STACK, FIRST)
    written(tmp_path, seal)
    journal = tmp_path / "vision.journal"
    data = journal.read_bytes()
    first = data.index(b"\n") + 1
    for end in range(first, len(data)):
        journal.write_bytes(data[:end])
        assert a_backend(tmp_path, seal).read() == fold(EMPTY, [ENTRY]), end
    with a_backend(tmp_path, seal).lock(command="apply") as writer:
        writer.append([ENTRY])

    assert a_backend(tmp_path, seal).read() == fold(EMPTY, [ENTRY, ENTRY])


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda lines: lines[::-1], id="out of order"),
        pytest.param(lambda lines: [lines[0], *lines], id="repeated"),
        pytest.param(lambda lines: lines[1:], id="missing"),
    ],
)
def test_sealed_lines_keep_their_order(tmp_path: Path, change) -> None:
    seal = make_seal(STACK, FIRST)
    written(tmp_path, seal)
    journal = tmp_path / "vision.journal"
    journal.write_bytes(b"".join(change(journal.read_bytes().splitlines(keepends=True))))

    with pytest.raises(StateDamagedError):
        a_backend(tmp_path, seal).read()


def test_the_format_is_as_documented(tmp_path: Path) -> None:
    written(tmp_path, make_seal(STACK, PHRASE))

    sealed = json.loads((tmp_path / "vision.json").read_bytes())

    assert list(sealed) == ["sealed", "key", "salt", "data"]
    assert sealed["sealed"] == 1


def test_a_secret_is_not_shown() -> None:
    assert "horse" not in repr(PHRASE)
