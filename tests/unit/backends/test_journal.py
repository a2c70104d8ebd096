"""Journals as bytes: what a crash leaves is dropped, what no crash explains is damage."""

import json
import zlib

import pytest

from reconciler.backends import journal
from reconciler.backends.codec import Migration
from reconciler.backends.journal import Header, decode, encode, folded, header_for
from reconciler.errors import StateDamagedError, StateError, StateVersionError
from reconciler.model.address import Address
from reconciler.model.state import FORMAT_VERSION, Closed, Opened, Recorded, State, fold
from tests.build import LINEAGE, a_record, a_spec, a_state, an_intent

WHERE = "state/vision.journal"
FIRST = State(stack="vision", lineage=LINEAGE, salt="5a" * 16)
BASE = a_state(serial=12)
TRICKY = a_spec(parameters={"crc32": "00000000", "entry": "}}"}, description='{"crc32":"\0}')
ENTRIES = (
    Opened(intent=an_intent("create", TRICKY)),
    Recorded(address=Address("resnet"), record=a_record(TRICKY)),
    Closed(address=Address("bert")),
)


def written(*entries, header=None) -> bytes:
    return encode((header or header_for(BASE), *entries), 0)[0]


WHOLE = written(*ENTRIES)
LINES = WHOLE.splitlines(keepends=True)


def read(data: bytes) -> State | None:
    return folded(BASE, decode(data, WHERE), WHERE)


def test_each_entry_is_one_line_of_json_with_its_checksum():
    first, *rest = [json.loads(line) for line in LINES]

    assert first["entry"]["format_version"] == FORMAT_VERSION
    assert first["entry"]["follows"] == 12
    assert [each["entry"]["entry"] for each in rest] == ["opened", "recorded", "closed"]
    assert all(len(each["crc32"]) == 8 for each in (first, *rest))


def test_entries_read_back():
    found = decode(WHOLE, WHERE)

    assert found.entries == ENTRIES
    assert found.size == len(WHOLE)
    assert read(WHOLE) == fold(BASE, ENTRIES)


def test_more_entries_follow_the_checksum_of_the_last():
    found = decode(WHOLE, WHERE)
    more, _ = encode(ENTRIES, found.crc)

    assert decode(WHOLE + more, WHERE).entries == ENTRIES + ENTRIES
    with pytest.raises(StateDamagedError, match=rf"{WHERE}:5: the line's checksum is wrong"):
        decode(WHOLE + encode(ENTRIES, 0)[0], WHERE)


def test_a_line_torn_at_any_byte_is_dropped():
    start = len(WHOLE) - len(LINES[-1])
    for length in range(start, len(WHOLE)):
        for tail in (b"", b"\0", b"\0" * 600):
            found = decode(WHOLE[:length] + tail, WHERE)
            assert found.entries == ENTRIES[:-1]
            assert found.size == start


def test_a_header_torn_at_any_byte_is_no_journal():
    for length in range(len(LINES[0])):
        for tail in (b"", b"\0" * 600):
            assert decode(LINES[0][:length] + tail, WHERE) == journal.Journal()


def test_a_journal_cut_anywhere_is_a_prefix_of_it():
    for length in range(len(WHOLE)):
        found = decode(WHOLE[:length], WHERE)
        whole_lines = WHOLE[:length].count(b"\n")
        assert found.entries == ENTRIES[: max(0, whole_lines - 1)]


def test_a_flipped_bit_is_told_or_costs_no_more_than_the_last_line():
    last = len(WHOLE) - len(LINES[-1])
    for place in range(len(WHOLE)):
        for bit in (1, 2, 16, 128):
            changed = bytearray(WHOLE)
            changed[place] ^= bit
            if place < last:
                with pytest.raises(StateDamagedError):
                    decode(bytes(changed), WHERE)
            else:
                _assert_told_or_dropped(bytes(changed))


def _assert_told_or_dropped(changed: bytes) -> None:
    try:
        found = decode(changed, WHERE)
    except StateDamagedError:
        return
    assert found.entries == ENTRIES[:-1]


@pytest.mark.parametrize(
    ("data", "line"),
    [
        pytest.param(b"".join((LINES[0], LINES[2], LINES[3])), 2, id="a line is missing"),
        pytest.param(b"".join((*LINES[:2], *LINES[1:])), 3, id="a line is there twice"),
        pytest.param(b"".join((LINES[0], LINES[2], LINES[1], LINES[3])), 2, id="order"),
        pytest.param(b"".join((*LINES[:2], b"\n", *LINES[2:])), 3, id="an empty line between"),
        pytest.param(b"".join((*LINES[:2], b"\0" * 9 + b"\n", LINES[3])), 3, id="zeros between"),
        pytest.param(b"".join((*LINES[:2], b"\0" * 9, LINES[2], LINES[3])), 3, id="zeros before"),
        pytest.param(b"".join(LINES[1:]), 1, id="no header"),
        pytest.param(b"\n".join((*[each[:-1] for each in LINES[:3]], b"")) + b"x\ny", 4, id="tail"),
        pytest.param(WHOLE[:-1] + b"x", 4, id="the last line end changed"),
        pytest.param(
            b"".join((*LINES[:2], LINES[2][:-1], b"x", LINES[3])), 3, id="two lines run together"
        ),
        pytest.param(LINES[0][:-1] + b"x", 1, id="the header's line end changed"),
    ],
)
def test_damage_is_told_with_its_line_and_the_way_back(data, line):
    with pytest.raises(StateDamagedError) as caught:
        decode(data, WHERE)

    assert caught.value.detail.startswith(f"{WHERE}:{line}: ")
    assert "reconciler state restore" in caught.value.hint


@pytest.mark.parametrize(
    ("snapshot", "header", "expected"),
    [
        pytest.param(BASE, header_for(BASE), fold(BASE, ENTRIES), id="same serial: folded"),
        pytest.param(
            a_state(serial=15), header_for(BASE), a_state(serial=15), id="earlier: in it already"
        ),
        pytest.param(None, header_for(FIRST), fold(FIRST, ENTRIES), id="no snapshot, serial 0"),
    ],
)
def test_a_journal_follows_its_snapshot(snapshot, header, expected):
    assert folded(snapshot, decode(written(*ENTRIES, header=header), WHERE), WHERE) == expected


@pytest.mark.parametrize(
    ("snapshot", "header", "words"),
    [
        pytest.param(a_state(serial=11), header_for(BASE), "follows serial 12", id="later"),
        pytest.param(
            a_state(serial=13, lineage="other"), header_for(BASE), "another state", id="lineage"
        ),
        pytest.param(
            a_state(serial=12, stack="other"), header_for(BASE), "another state", id="stack"
        ),
        pytest.param(None, header_for(BASE), "missing", id="no snapshot, later serial"),
        pytest.param(
            None, header_for(FIRST).model_copy(update={"salt": None}), "missing", id="no salt"
        ),
    ],
)
def test_a_journal_of_another_snapshot_is_damage(snapshot, header, words):
    with pytest.raises(StateDamagedError, match=words):
        folded(snapshot, decode(written(*ENTRIES, header=header), WHERE), WHERE)


def test_no_journal_changes_nothing():
    assert folded(BASE, decode(b"", WHERE), WHERE) == BASE
    assert folded(None, decode(b"", WHERE), WHERE) is None


def test_only_the_first_journal_carries_the_salt():
    assert FIRST.salt.encode() in written(header=header_for(FIRST))
    assert BASE.salt.encode() not in written(header=header_for(BASE))


def framed(*documents) -> bytes:
    lines, crc = [], 0
    for document in documents:
        body = json.dumps(document).encode()
        crc = zlib.crc32(body, crc)
        lines.append(b'{"crc32":"%08x","entry":%b}\n' % (crc, body))
    return b"".join(lines)


HEADER = header_for(BASE).model_dump()


@pytest.mark.parametrize("version", ["1.1", "2.0"])
def test_a_newer_journal_is_refused(version):
    data = framed({**HEADER, "format_version": version, "more": 1}, {"entry": "unheard of"})
    with pytest.raises(StateVersionError, match=rf"format {version}, written by a newer"):
        decode(data, WHERE)


def test_an_older_journal_is_migrated():
    def lower(document):
        return {**document, "entry": document["entry"].lower()}

    old = [{**HEADER, "entry": "HEADER", "format_version": "0.9"}]
    old += [{"entry": "CLOSED", "address": "bert"}]
    found = decode(framed(*old), WHERE, {"0.9": Migration(FORMAT_VERSION, lower, lower)})

    assert found.entries == (Closed(address=Address("bert")),)
    assert found.header == Header(**{**HEADER, "format_version": "0.9"})


@pytest.mark.parametrize(
    ("documents", "line"),
    [
        pytest.param([[]], 1, id="a header that is a list"),
        pytest.param([{**HEADER, "format_version": None}], 1, id="a header without version"),
        pytest.param([{**HEADER, "follows": "x"}], 1, id="a header of the wrong type"),
        pytest.param([HEADER, {"entry": "unheard of"}], 2, id="an unknown entry"),
        pytest.param([HEADER, 7], 2, id="a number"),
        pytest.param([HEADER, HEADER], 2, id="a second header"),
    ],
)
def test_a_sound_checksum_does_not_make_an_entry(documents, line):
    with pytest.raises(StateDamagedError, match=rf"{WHERE}:{line}"):
        decode(framed(*documents), WHERE)


def test_text_that_is_no_text_is_an_error():
    with pytest.raises(StateError, match="UTF-8"):
        encode([Closed(address=Address("\udc80"))], 0)
