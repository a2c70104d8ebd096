"""Properties of the journal: folding and settling, whatever it holds."""

from datetime import timedelta

from hypothesis import assume, given
from hypothesis import strategies as st

from reconciler.model.address import Address
from reconciler.model.job import (
    ActualJob,
    JobRecord,
    Status,
)
from reconciler.model.platform import Listing
from reconciler.model.state import (
    ENTRY,
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
from reconciler.planning.recovery import recover
from tests.build import EARLIER, a_platform, a_state
from tests.properties.worlds import OUTCOMES, PATIENT, of_few

PLACES = st.sampled_from([Address("a"), Address("b")])
JOB_IDS = st.sampled_from(["1", "2"])
RECORDS = st.builds(
    JobRecord,
    job_id=st.none() | JOB_IDS,
    name=st.just("n1"),
    spec=of_few("n1"),
    attempt=st.integers(1, 3),
    outcome=OUTCOMES,
)
TIMES = st.integers(-60, 60).map(lambda seconds: EARLIER + timedelta(seconds=seconds))
INTENTS = st.builds(
    Intent,
    kind=st.sampled_from(["create", "replace", "update", "delete"]),
    address=PLACES,
    at=TIMES,
    name=st.sampled_from(["n1", "n2"]),
    job_id=st.none() | JOB_IDS,
    result=st.none() | RECORDS,
)
ENTRIES: st.SearchStrategy[Entry] = st.one_of(
    st.builds(Opened, intent=INTENTS),
    st.builds(Recorded, address=PLACES, record=st.none() | RECORDS),
    st.builds(Removed, address=PLACES, job_id=JOB_IDS),
    st.builds(Closed, address=PLACES),
    st.builds(Observed, address=PLACES, job_id=JOB_IDS, outcome=OUTCOMES.filter(bool)),
    st.builds(Moved, source=PLACES, target=PLACES),
    st.builds(Bound, platform=st.just(a_platform().identity)),
)
JOURNALS = st.lists(ENTRIES, max_size=12)


@PATIENT
@given(JOURNALS, st.integers(0, 12))
def test_folding_in_parts_is_folding_at_once(entries: list[Entry], cut: int) -> None:
    start = a_state(serial=3)

    whole = fold(start, entries)

    assert fold(fold(start, entries[:cut]), entries[cut:]) == whole
    assert whole.lineage == start.lineage
    moves = sum(not isinstance(entry, Observed) for entry in entries)
    assert whole.serial == start.serial + moves
    assert State.model_validate_json(whole.model_dump_json()) == whole


@PATIENT
@given(ENTRIES)
def test_an_entry_survives_its_journal_line(entry: Entry) -> None:
    assert ENTRY.validate_json(ENTRY.dump_json(entry)) == entry


@PATIENT
@given(JOURNALS, st.data())
def test_recovery_settles_once_and_gives_a_job_to_one_address(
    entries: list[Entry], data: st.DataObject
) -> None:
    state = fold(a_state(), entries)
    assume(len(_jobs(state)) == len(set(_jobs(state))))
    assume(all(_leaves_its_own(state, each) for some in state.intents.values() for each in some))
    jobs = tuple(
        ActualJob(
            job_id=job_id,
            name=name,
            status=Status.RUNNING,
            description=data.draw(st.sampled_from(["", "ours"])),
            created_at=data.draw(st.none() | TIMES),
            spec=data.draw(st.none() | of_few(name)),
        )
        for job_id, name in (("3", "n1"), ("2", "n2"))
        if data.draw(st.booleans())
    )
    listing = Listing(jobs)

    recovery = recover(state, listing)
    after = fold(state, recovery.entries)

    assert recover(after, listing).entries == ()
    assert set(_jobs(after)) <= {*_jobs(state), *(job.job_id for job in jobs)}
    assert len(_jobs(after)) == len(set(_jobs(after)))
    assert set(recovery.recovered) <= set(state.intents)


def _leaves_its_own(state: State, intent: Intent) -> bool:
    """Tell whether a deletion that leaves a record, an expiry, leaves that of the job recorded."""
    if intent.kind != "delete" or intent.result is None:
        return True
    record = state.records.get(intent.address)
    return record is not None and record.job_id == intent.result.job_id


def _jobs(state: State) -> list[str]:
    return [record.job_id for record in state.records.values() if record.job_id]
