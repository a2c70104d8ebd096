"""Recovery: what became of requests whose outcome was never recorded."""

from datetime import timedelta
from typing import Any

import pytest

from reconciler.model.address import Address
from reconciler.model.job import ActualJob, JobRecord, Status
from reconciler.model.state import Closed, Entry, Intent, Recorded, Removed, State, fold
from reconciler.planning.recovery import (
    CLOCK_SKEW,
    LATEST,
    Recovery,
    is_our_version,
    is_ours,
    recover,
    with_ids,
)
from tests.build import EARLIER, a_listing, a_record, a_spec, a_state, an_actual, an_intent

ADDRESS = Address("resnet")
SPEC = a_spec()
CHANGED = a_spec(parameters={"lr": "0.2"})
DESCRIBED = a_spec(description="ours")
LONG_AGO = EARLIER - timedelta(hours=1)

CREATE = an_intent("create")
DELETE = an_intent("delete", job_id="10", result=None)
REPLACE = an_intent("replace", job_id="10")
SECOND_HALF = an_intent("create", job_id="10")
UPDATE = an_intent("update", DESCRIBED, job_id="10", result=a_record(DESCRIBED))

OLD = an_actual(job_id="10", created_at=LONG_AGO)
NEW = an_actual(job_id="11", version_id="21")
HALF = a_record(job_id=None, version_id=None)
NEW_RECORD = a_record(job_id="11", version_id="21")


def state_of(record: JobRecord | None, *intents: Intent) -> State:
    return a_state({"resnet": record} if record else {}, intents={ADDRESS: intents})


def recorded(record: JobRecord | None) -> list[Entry]:
    return [Recorded(address=ADDRESS, record=record)]


CLOSED: list[Entry] = [Closed(address=ADDRESS)]
REMOVED: list[Entry] = [Removed(address=ADDRESS, job_id="10")]
OPEN: list[Entry] = []


@pytest.mark.parametrize(
    ("record", "intents", "jobs", "entries", "found"),
    [
        # create
        pytest.param(None, [CREATE], [NEW], recorded(NEW_RECORD), True, id="created: ours"),
        pytest.param(None, [CREATE], [], OPEN, False, id="created, but nothing to be seen yet"),
        pytest.param(
            None,
            [CREATE],
            [an_actual(job_id="11", created_at=LONG_AGO)],
            OPEN,
            False,
            id="created, but the one that is there is older",
        ),
        pytest.param(
            None,
            [CREATE],
            [an_actual(CHANGED, job_id="11")],
            OPEN,
            False,
            id="created, but the one that is there is configured otherwise",
        ),
        pytest.param(
            None,
            [CREATE],
            [an_actual(None, job_id="11")],
            OPEN,
            False,
            id="created, but the one that is there went before it was read",
        ),
        pytest.param(
            None,
            [CREATE],
            [an_actual(a_spec("other"), job_id="11")],
            OPEN,
            False,
            id="created, but another name is there",
        ),
        pytest.param(
            None,
            [CREATE],
            [an_actual(DESCRIBED, job_id="11", version_id="21")],
            recorded(NEW_RECORD),
            True,
            id="created, and described by others since",
        ),
        pytest.param(
            None,
            [CREATE],
            [an_actual(a_spec(pool_id="shared"), job_id="11", version_id="21")],
            recorded(NEW_RECORD),
            True,
            id="created, and filled in by the platform",
        ),
        # delete
        pytest.param(a_record(), [DELETE], [], recorded(None), True, id="deleted: gone"),
        pytest.param(a_record(), [DELETE], [OLD], OPEN, False, id="deleted, but still there"),
        pytest.param(
            a_record(),
            [DELETE],
            [NEW],
            recorded(None),
            True,
            id="deleted: gone, and the name with another job",
        ),
        pytest.param(
            a_record(),
            [an_intent("delete", job_id=None, result=None)],
            [],
            OPEN,
            False,
            id="deleted, but nobody knows what",
        ),
        # replace: the first half deletes, the second half creates
        pytest.param(a_record(), [REPLACE], [OLD], OPEN, False, id="replaced: old one still there"),
        pytest.param(a_record(), [REPLACE], [], REMOVED, False, id="replaced: old one gone"),
        pytest.param(HALF, [REPLACE], [], OPEN, False, id="replaced: old one known to be gone"),
        pytest.param(None, [REPLACE], [], OPEN, False, id="replaced: nothing recorded any more"),
        pytest.param(
            a_record(),
            [REPLACE],
            [NEW],
            REMOVED,
            False,
            id="replaced: only the old one's deletion was asked for, the new one is another's",
        ),
        pytest.param(
            HALF,
            [REPLACE, SECOND_HALF],
            [NEW],
            recorded(NEW_RECORD),
            True,
            id="replaced: the new one is there",
        ),
        pytest.param(
            HALF, [REPLACE, SECOND_HALF], [], OPEN, False, id="replaced: no new one to be seen yet"
        ),
        pytest.param(
            HALF,
            [REPLACE, SECOND_HALF],
            [an_actual(job_id="10")],
            OPEN,
            False,
            id="replaced: the old one shows once more, told apart by its id alone",
        ),
        pytest.param(
            HALF,
            [REPLACE, CREATE],
            [an_actual(job_id="10")],
            OPEN,
            False,
            id="replaced: the old one shows once more, its id known from the first half",
        ),
        # update
        pytest.param(
            a_record(),
            [UPDATE],
            [an_actual(DESCRIBED)],
            recorded(a_record(DESCRIBED)),
            True,
            id="described: done",
        ),
        pytest.param(
            a_record(), [UPDATE], [an_actual()], CLOSED, False, id="described: without effect"
        ),
        pytest.param(a_record(), [UPDATE], [], CLOSED, False, id="described: the job is gone"),
        pytest.param(
            a_record(),
            [UPDATE.model_copy(update={"result": None})],
            [an_actual(DESCRIBED)],
            CLOSED,
            False,
            id="described: nobody knows how",
        ),
    ],
)
def test_recover(
    record: JobRecord | None,
    intents: list[Intent],
    jobs: list[ActualJob],
    entries: list[Entry],
    found: bool,
) -> None:
    state = state_of(record, *intents)

    recovery = recover(state, a_listing(*jobs))

    assert recovery == Recovery(tuple(entries), (ADDRESS,) if found else ())


def test_nothing_open_is_nothing_to_settle() -> None:
    assert recover(a_state({"resnet": a_record()}), a_listing(OLD, NEW)) == Recovery()


class TestSeveralIntents:
    def test_the_newest_that_fits_says_what_was_created(self) -> None:
        older = an_intent(result=a_record(job_id=None, attempt=1))
        newer = an_intent(result=a_record(job_id=None, attempt=2))

        (entry,) = recover(state_of(None, older, newer), a_listing(NEW)).entries

        assert isinstance(entry, Recorded)
        assert entry.record is not None
        assert entry.record.attempt == 2

    def test_an_older_one_fits_where_the_definition_was_edited_between(self) -> None:
        older, newer = an_intent(spec=SPEC), an_intent(spec=CHANGED)

        recovery = recover(state_of(None, older, newer), a_listing(NEW))

        assert recovery.entries == tuple(recorded(NEW_RECORD))

    def test_a_name_that_was_edited_between_is_looked_up_too(self) -> None:
        older, newer = an_intent(spec=SPEC), an_intent(spec=a_spec("renamed"), address=ADDRESS)

        recovery = recover(state_of(None, older, newer), a_listing(NEW))

        assert recovery.entries == tuple(recorded(NEW_RECORD))

    def test_a_later_delete_does_not_hide_what_was_created(self) -> None:
        recovery = recover(state_of(a_record(), CREATE, DELETE), a_listing(NEW))

        assert recovery.entries == tuple(recorded(NEW_RECORD))

    def test_each_address_is_settled_for_itself_in_order(self) -> None:
        b, a, c = (an_intent(spec=a_spec(name)) for name in "bac")
        state = a_state(intents={intent.address: (intent,) for intent in (b, a, c)})
        jobs = [an_actual(a_spec(name), job_id=name) for name in "cb"]

        recovery = recover(state, a_listing(*jobs))

        assert recovery.recovered == ("b", "c")
        assert [entry.address for entry in recovery.entries] == ["b", "c"]  # type: ignore[union-attr]


class TestOwner:
    """A job belongs to one address, however many once meant to create it."""

    @staticmethod
    def meant(address: str, minutes: int) -> Intent:
        return an_intent(address=Address(address), at=EARLIER - timedelta(minutes=minutes))

    def test_is_the_address_that_records_it(self) -> None:
        left = self.meant("before", minutes=5)
        state = a_state({"after": NEW_RECORD}, intents={left.address: (left,)})

        assert recover(state, a_listing(NEW)) == Recovery()

    @pytest.mark.parametrize(("first", "second"), [("a", "b"), ("b", "a")])
    def test_is_the_address_that_meant_it_last(self, first: str, second: str) -> None:
        left, renamed = self.meant(first, minutes=5), self.meant(second, minutes=0)
        state = a_state(intents={each.address: (each,) for each in (left, renamed)})

        assert recover(state, a_listing(NEW)).recovered == (second,)


class TestClock:
    @pytest.mark.parametrize(
        ("earlier", "ours"),
        [
            pytest.param(timedelta(seconds=-60), True, id="after the intent"),
            pytest.param(timedelta(0), True, id="at the intent"),
            pytest.param(CLOCK_SKEW, True, id="as much before as clocks may differ"),
            pytest.param(CLOCK_SKEW + timedelta(milliseconds=1), False, id="a little more"),
            pytest.param(-LATEST, True, id="as late as a request can have its effect"),
            pytest.param(-LATEST - timedelta(milliseconds=1), False, id="a little later"),
        ],
    )
    def test_a_job_of_ours_was_created_no_earlier_than_the_intent_and_not_long_after(
        self, earlier: timedelta, ours: bool
    ) -> None:
        job = an_actual(job_id="11", created_at=CREATE.at - earlier)

        assert (is_ours([CREATE], job) is not None) is ours

    def test_a_time_that_is_not_told_speaks_against_nobody(self) -> None:
        found = is_ours([CREATE], an_actual(job_id="11", created_at=None))

        assert found is not None
        assert found.created_at is None


def test_nothing_but_a_create_makes_a_job_ours() -> None:
    bare = an_intent("create", result=None)

    assert is_ours([REPLACE, UPDATE, DELETE, bare], NEW) is None
    assert is_ours([], NEW) is None


VERSION = an_intent("version", CHANGED, job_id="10", version_id="20")


@pytest.mark.parametrize(
    ("intent", "job", "ours"),
    [
        pytest.param(VERSION, an_actual(CHANGED, version_id="21"), True, id="it followed"),
        pytest.param(VERSION, an_actual(CHANGED), False, id="the one before"),
        pytest.param(VERSION, an_actual(CHANGED, version_id=None), False, id="nobody can tell"),
        pytest.param(VERSION, an_actual(SPEC, version_id="21"), False, id="of somebody else"),
        pytest.param(
            VERSION, an_actual(CHANGED, job_id="09", version_id="21"), False, id="an earlier job"
        ),
        pytest.param(
            VERSION, an_actual(CHANGED, job_id="11", version_id="21"), False, id="a later job"
        ),
        pytest.param(
            an_intent("create", CHANGED, job_id="10", version_id="20"),
            an_actual(CHANGED, version_id="21"),
            False,
            id="no version was meant",
        ),
    ],
)
def test_a_version_is_ours_that_follows_and_is_as_it_was_sent(
    intent: Intent, job: ActualJob, ours: bool
) -> None:
    found = is_our_version([intent], job)

    assert (found is not None) is ours
    if found:
        assert (found.job_id, found.version_id, found.spec) == ("10", "21", CHANGED)


def test_the_platforms_ids_and_time_complete_a_record() -> None:
    assert with_ids(HALF, NEW) == a_record(job_id="11", version_id="21")
    assert with_ids(a_record(), an_actual(created_at=None)).created_at == EARLIER


class TestSettledState:
    """Folding the entries in leaves a state from which planning goes on."""

    @staticmethod
    def after(state: State, *jobs: ActualJob) -> State:
        return fold(state, recover(state, a_listing(*jobs)).entries)

    def test_a_created_job_is_recorded_and_its_intents_closed(self) -> None:
        after = self.after(state_of(None, CREATE, CREATE), NEW)

        assert (after.records, after.intents) == ({ADDRESS: NEW_RECORD}, {})

    def test_a_deleted_job_is_forgotten(self) -> None:
        after = self.after(state_of(a_record(), DELETE))

        assert (after.records, after.intents) == ({}, {})

    def test_half_a_replacement_waits_for_the_other_half(self) -> None:
        retry = an_intent("replace", job_id="10", result=a_record(job_id=None, attempt=2))

        after = self.after(state_of(a_record(), retry))

        assert after.intents == {ADDRESS: (retry,)}
        (record,) = after.records.values()
        assert record.model_copy(update={"earlier": ()}) == HALF.model_copy(update={"attempt": 2})
        assert [past.job_id for past in record.earlier] == ["10"]

    def test_settling_twice_changes_nothing_more(self) -> None:
        once = self.after(state_of(a_record(), REPLACE))

        assert self.after(once) == once

    @pytest.mark.parametrize("status", Status)
    def test_no_status_matters(self, status: Status) -> None:
        after = self.after(state_of(None, CREATE), an_actual(job_id="11", status=status))

        assert ADDRESS in after.records


def test_a_recovery_moves_the_serial_with_every_entry() -> None:
    states: list[Any] = [state_of(a_record(), DELETE), state_of(a_record(), UPDATE)]

    assert [fold(s, recover(s, a_listing()).entries).serial - s.serial for s in states] == [1, 1]
