"""States under random entries, groupings, checkpoints and damage."""

import string
from datetime import UTC, datetime, timedelta, timezone
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.backends import codec, durable, journal
from reconciler.backends.local import LocalBackend
from reconciler.errors import StateError
from reconciler.model.address import Address
from reconciler.model.job import JobRecord, Outcome, Status
from reconciler.model.platform import PlatformIdentity
from reconciler.model.spec import Engine, Input, JobSpec, Output, Volume
from reconciler.model.state import (
    Bound,
    Closed,
    Entry,
    Intent,
    Moved,
    Observed,
    Opened,
    Recorded,
    Removed,
    State,
    fold,
)
from tests.unit.backends.disk import Watched

PATIENT = settings(deadline=None)
TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
ADDRESSES = st.one_of(
    st.sampled_from(["a", "b", "c[lr=0.1]"]), st.sampled_from(["intents", "records", "checksum"])
).map(Address)
IDS = st.sampled_from(["1", "2", "3"])
ZONES = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))])
TIMES = st.datetimes(datetime(1970, 1, 2), datetime(9998, 12, 30), timezones=ZONES)  # noqa: DTZ001
SPECS = st.builds(
    JobSpec,
    name=st.text(string.ascii_letters, min_size=1, max_size=8),
    description=TEXT,
    workers=st.integers(1, 100),
    engine=st.none() | st.builds(Engine, id=st.none() | TEXT, name=st.none() | TEXT),
    parameters=st.dictionaries(TEXT, TEXT, max_size=3),
    inputs=st.lists(st.builds(Input, path=st.none() | TEXT), max_size=2).map(tuple),
    outputs=st.lists(st.builds(Output, path=TEXT), max_size=2).map(tuple),
    volumes=st.lists(
        st.builds(Volume, type=st.just("nfs"), source=TEXT, target=TEXT), max_size=1
    ).map(tuple),
)
OUTCOMES = st.builds(
    Outcome, status=st.sampled_from(Status), seen_at=TIMES, duration_ms=st.none() | st.integers(0)
)
RECORDS = st.builds(
    JobRecord,
    job_id=st.none() | IDS,
    version_id=st.none() | IDS,
    name=TEXT,
    spec=SPECS,
    protect=st.booleans(),
    retain=st.booleans(),
    attempt=st.integers(1, 9),
    created_at=st.none() | TIMES,
    outcome=st.none() | OUTCOMES,
)
INTENTS = st.builds(
    Intent,
    kind=st.sampled_from(["create", "replace", "update", "delete"]),
    address=ADDRESSES,
    at=TIMES,
    name=TEXT,
    job_id=st.none() | IDS,
    version_id=st.none() | IDS,
    result=st.none() | RECORDS,
)
IDENTITIES = st.builds(PlatformIdentity, api=TEXT, endpoint=TEXT, project_id=TEXT)
ENTRIES: st.SearchStrategy[Entry] = st.one_of(
    st.builds(Opened, intent=INTENTS),
    st.builds(Recorded, address=ADDRESSES, record=st.none() | RECORDS),
    st.builds(Removed, address=ADDRESSES, job_id=IDS),
    st.builds(Closed, address=ADDRESSES),
    st.builds(Observed, address=ADDRESSES, job_id=IDS, outcome=OUTCOMES),
    st.builds(Moved, source=ADDRESSES, target=ADDRESSES),
    st.builds(Bound, platform=IDENTITIES),
)
GROUPS = st.lists(ENTRIES, max_size=6)
EMPTY = State(stack="vision", lineage="lineage", salt="00")
STATES = st.builds(fold, st.just(EMPTY) | st.just(EMPTY.model_copy(update={"serial": 7})), GROUPS)


@PATIENT
@given(STATES)
def test_a_snapshot_reads_back(state):
    data = codec.encode(state)

    assert codec.decode(data, "snapshot") == state
    assert codec.encode(codec.decode(data, "snapshot")) == data
    assert codec.count_jobs(data, "snapshot") == len(state.records)


@PATIENT
@given(STATES, st.lists(GROUPS, max_size=3))
def test_a_journal_reads_back_in_whatever_groups_it_was_written(base, groups):
    data, crc = journal.encode([journal.header_for(base)], 0)
    for group in groups:
        lines, crc = journal.encode(group, crc)
        data += lines
    found = journal.decode(data, "journal")
    entries = [entry for group in groups for entry in group]

    assert list(found.entries) == entries
    assert (found.size, found.crc) == (len(data), crc)
    assert journal.folded(base, found, "journal") == fold(base, entries)
    assert journal.serial_after(base.serial, entries) == fold(base, entries).serial


@PATIENT
@given(STATES, GROUPS, st.data())
def test_a_journal_cut_anywhere_is_a_prefix(base, entries, data):
    whole, _ = journal.encode([journal.header_for(base), *entries], 0)
    length = data.draw(st.integers(0, len(whole)))
    found = journal.decode(whole[:length], "journal")

    assert list(found.entries) == entries[: max(0, whole[:length].count(b"\n") - 1)]


@PATIENT
@given(st.lists(st.one_of(GROUPS.filter(bool), st.none()), max_size=6))
def test_a_folder_holds_the_fold_of_all_that_was_appended(tmp_path_factory, steps):
    folder = tmp_path_factory.mktemp("state")
    state = EMPTY
    with mock.patch.object(durable, "os", Watched()):  # flushes would only make it slow
        with LocalBackend(folder, "vision").lock(command="apply") as writer:
            writer.checkpoint(state)
        for group in steps:
            with LocalBackend(folder, "vision").lock(command="apply") as writer:
                if group is None:
                    writer.checkpoint(state)
                else:
                    writer.append(group)
                    state = fold(state, group)

            assert LocalBackend(folder, "vision").read() == state


@PATIENT
@given(STATES, GROUPS)
def test_folding_observations_twice_is_folding_them_once(state, entries):
    """What makes a checkpoint at an unchanged serial safe to be cut short."""
    seen = [entry for entry in entries if isinstance(entry, Observed)]

    assert fold(fold(state, seen), seen) == fold(state, seen)
    assert fold(state, seen).serial == state.serial


EDITS = st.lists(
    st.tuples(st.integers(0, 4000), st.binary(max_size=6), st.integers(0, 6)), max_size=3
)


def edited(data: bytes, edits: list[tuple[int, bytes, int]]) -> bytes:
    for place, new, length in edits:
        data = data[:place] + new + data[place + length :]
    return data


@PATIENT
@given(st.one_of(st.binary(max_size=200), st.builds(edited, STATES.map(codec.encode), EDITS)))
def test_any_bytes_are_a_snapshot_or_a_state_error(data):
    try:
        state = codec.decode(data, "snapshot")
    except StateError:
        return
    assert codec.encode(state) == data


@PATIENT
@given(STATES, GROUPS, EDITS, st.booleans())
def test_any_bytes_are_a_prefix_of_the_journal_or_a_state_error(base, entries, edits, random):
    whole, _ = journal.encode([journal.header_for(base), *entries], 0)
    try:
        found = journal.decode(edited(b"" if random else whole, edits), "journal")
    except StateError:
        return
    assert list(found.entries) == entries[: len(found.entries)]
