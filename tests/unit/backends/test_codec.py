"""Snapshots as bytes: what they look like, that damage is seen, and which versions load."""

import gc
import hashlib
import json
from datetime import UTC, datetime

import pytest

from reconciler.backends import codec
from reconciler.backends.codec import Migration, decode, decode_head, encode, encode_pull
from reconciler.errors import StateDamagedError, StateError, StateVersionError
from reconciler.model.address import Address
from reconciler.model.state import FORMAT_VERSION, State
from tests.build import LINEAGE, a_record, a_spec, a_state, an_intent, an_outcome

WHERE = "state/vision.json"
SALT = "5a" * 16
EMPTY = State(stack="vision", lineage=LINEAGE, salt=SALT)
FULL = a_state(
    {
        "resnet[lr=0.1]": a_record(outcome=an_outcome(), protect=True, attempt=2),
        "intents": a_record(a_spec("intents", description='},\n"intents":{ "é \U0001f9ea')),
        "records": a_record(a_spec("records"), job_id=None, created_at=None),
    },
    intents={Address("a"): (an_intent(), an_intent("update", job_id="1"))},
    salt=SALT,
    serial=41,
)
MANY = a_state({f"job-{number}": a_record(job_id=str(number)) for number in range(450)})


@pytest.mark.parametrize(
    "state",
    [pytest.param(EMPTY, id="empty"), pytest.param(FULL, id="full"), pytest.param(MANY, id="many")],
)
def test_a_snapshot_reads_back(state):
    assert decode(encode(state), WHERE) == state
    assert codec.count_jobs(encode(state), WHERE) == len(state.records)
    assert decode_head(encode(state), WHERE) == state.model_copy(
        update={"records": {}, "intents": {}}
    )


def test_a_snapshot_is_json_with_one_line_per_record():
    data = encode(FULL)

    document = json.loads(data)
    assert list(document) == [
        "format_version",
        "stack",
        "lineage",
        "serial",
        "salt",
        "platform",
        "records",
        "intents",
        "checksum",
    ]
    assert list(document["records"]) == sorted(FULL.records)
    lines = data.decode().split("\n")
    for address in FULL.records:
        assert sum(line.startswith(json.dumps(address) + ':{"job_id":') for line in lines) == 1


def test_equal_states_have_equal_bytes_whatever_their_order():
    turned = FULL.model_copy(update={"records": dict(reversed(FULL.records.items()))})

    assert encode(turned) == encode(FULL)


def test_a_cut_snapshot_is_told_at_every_length():
    data = encode(FULL)
    for length in range(len(data)):
        with pytest.raises(StateDamagedError, match="damaged"):
            decode(data[:length], WHERE)


def test_a_flipped_bit_is_told_at_every_place():
    data = encode(FULL)
    version = range(data.index(b"1.0"), data.index(b"1.0") + 3)
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1 << place % 8
        told = StateError if place in version else StateDamagedError
        for read in (decode, decode_head, codec.count_jobs):
            with pytest.raises(told):
                read(bytes(changed), WHERE)


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda data: data.replace(b'"serial":41', b'"serial":42'), id="a value"),
        pytest.param(lambda data: json.dumps(json.loads(data), indent=2).encode(), id="layout"),
        pytest.param(lambda data: data + b"\n", id="a line end"),
        pytest.param(lambda data: data.replace(b"\n", b"\r\n"), id="line ends"),
    ],
)
def test_a_hand_edited_snapshot_is_told_with_the_way_back(edit):
    with pytest.raises(StateDamagedError) as caught:
        decode(edit(encode(FULL)), WHERE)

    assert caught.value.detail == (
        f"{WHERE}: its checksum differs: it was changed by hand, or the disk failed."
    )
    assert "reconciler state restore" in caught.value.hint


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\0" * 4096, id="zeros"),
        pytest.param(b"{}", id="an empty object"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b'{"format_version":"1.0"}', id="a version and no checksum"),
        pytest.param(b'{"format_version":"1.x"}', id="a version that is none"),
        pytest.param(b"\xff\xfe{}", id="not UTF-8"),
    ],
)
def test_other_bytes_are_damage(data):
    with pytest.raises(StateDamagedError):
        decode(data, WHERE)


def sealed(body: str) -> bytes:
    """Return a document with the right checksum, as a program of any version would write it."""
    head = body.removesuffix("}").encode()
    return head + b',\n"checksum":"sha256:%s"}\n' % hashlib.sha256(head).hexdigest().encode()


@pytest.mark.parametrize("version", ["1.1", "2.0", "1.10", "10.0", "999999999.0"])
def test_a_newer_version_is_refused_in_one_line(version):
    with pytest.raises(StateVersionError) as caught:
        decode(sealed(f'{{"format_version":"{version}","anything":{{}}}}'), WHERE)

    assert str(caught.value) == (
        f"{WHERE} has state format {version}, written by a newer reconciler; "
        f"this one reads up to {FORMAT_VERSION}."
    )


def test_a_newer_version_is_told_before_a_checksum_that_it_may_keep_elsewhere():
    with pytest.raises(StateVersionError, match=r"state format 9\.0"):
        decode(json.dumps(json.loads(encode(FULL)) | {"format_version": "9.0"}).encode(), WHERE)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("{}", id="no keys"),
        pytest.param('{"format_version":"one"}', id="a version that is none"),
        pytest.param('{"stack":"vision","format_version":"1.0"}', id="not the first key"),
        pytest.param('{"format_version":"1.0","stack":"vision"}', id="keys missing"),
        pytest.param(
            '{"format_version":"1.0","stack":"vision","lineage":"l","serial":0,"salt":"s",\n'
            '"records":{\n"a":{}\n},\n"intents":{}}',
            id="a record without fields",
        ),
    ],
)
def test_a_sound_checksum_does_not_make_a_state(body):
    with pytest.raises(StateDamagedError):
        decode(sealed(body), WHERE)


def test_messages_repeat_no_value_of_the_file():
    body = f'{{"format_version":"1.0","stack":7,"lineage":"l","serial":0,"salt":["{SALT}"]}}'
    with pytest.raises(StateDamagedError) as caught:
        decode(sealed(body), WHERE)

    assert SALT not in str(caught.value)


def rename_salt(document):
    return {"salt" if key == "pepper" else key: value for key, value in document.items()}


def rename_name(document):
    return {"stack" if key == "name" else key: value for key, value in document.items()}


OLD = (
    f'{{"format_version":"0.8","name":"vision","lineage":"{LINEAGE}","serial":3,'
    f'"pepper":"{SALT}","records":{{}},"intents":{{}}}}'
)
STEPS = {
    "0.8": Migration("0.9", rename_name, rename_name),
    "0.9": Migration(FORMAT_VERSION, rename_salt, rename_salt),
}


def test_an_older_version_is_migrated_step_by_step():
    assert decode(sealed(OLD), WHERE, STEPS) == EMPTY.model_copy(update={"serial": 3})


def test_an_old_version_that_never_was_is_refused():
    with pytest.raises(StateVersionError, match=r"0\.8"):
        decode(sealed(OLD), WHERE)


def test_loading_leaves_the_collector_as_it_was():
    assert gc.isenabled()
    decode(encode(FULL), WHERE)
    assert gc.isenabled()
    gc.disable()
    try:
        decode(encode(FULL), WHERE)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_text_that_is_no_text_is_an_error():
    broken = EMPTY.model_copy(update={"stack": "\ud800"})
    with pytest.raises(StateError, match="UTF-8"):
        encode(broken)


def test_what_is_pulled_is_for_people_and_holds_no_salt():
    text = encode_pull(FULL)
    document = json.loads(text)

    assert SALT not in text
    assert text.startswith('{\n  "format_version": "1.0",\n')
    assert text.endswith("}\n")
    assert document["serial"] == 41
    assert document["platform"]["endpoint"] == FULL.platform.endpoint
    record = document["records"]["resnet[lr=0.1]"]
    assert record["job_id"] == "10"
    assert record["version_id"] == "20"
    assert record["name"] == "resnet"
    assert record["spec"] == a_spec().canonical
    assert record["protect"] is True
    assert record["outcome"]["status"] == "succeeded"
    assert [each["kind"] for each in document["intents"]["a"]] == ["create", "update"]


def test_times_keep_their_instant():
    at = datetime(2024, 5, 17, 12, 0, 0, 123456, tzinfo=UTC)
    state = a_state({"a": a_record(created_at=at)})

    assert decode(encode(state), WHERE).records[Address("a")].created_at == at
