"""Folding: journal entries into a state, the same for every reader, writer and crash."""

from typing import Any

import pytest

from reconciler.model.address import Address
from reconciler.model.job import PastRun, Status
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
from tests.build import EARLIER, a_platform, a_record, a_spec, a_state, an_intent, an_outcome

A, B = Address("a"), Address("b")
RECORD = a_record(a_spec("a"))
HALF = RECORD.model_copy(update={"job_id": None, "version_id": None})
FAILED = an_outcome(Status.FAILED)


def intent(kind: str = "create", **overrides: Any) -> Intent:
    return an_intent(kind, a_spec("a"), **({"address": A} | overrides))


def opened(kind: str = "create", **overrides: Any) -> Opened:
    return Opened(intent=intent(kind, **overrides))


def after(*entries: Entry, **before: Any) -> State:
    return fold(a_state(**before), entries)


def test_nothing_changes_nothing() -> None:
    state = a_state({"a": RECORD}, intents={A: (intent(),)})

    assert fold(state, []) == state


def test_the_state_that_was_given_stays_as_it_was() -> None:
    state = a_state({"a": RECORD})

    fold(state, [Recorded(address=A, record=None), opened()])

    assert state == a_state({"a": RECORD})


class TestOpened:
    def test_keeps_intents_oldest_first(self) -> None:
        state = after(opened("replace", job_id="10"), opened("create"))

        assert [each.kind for each in state.intents[A]] == ["replace", "create"]

    def test_leaves_the_record(self) -> None:
        assert after(opened(), records={"a": RECORD}).records == {"a": RECORD}


class TestRecorded:
    def test_sets_a_record_and_closes_the_intents(self) -> None:
        state = after(opened(), opened(), Recorded(address=A, record=RECORD))

        assert (state.records, state.intents) == ({A: RECORD}, {})

    def test_forgets_a_record(self) -> None:
        state = after(opened("delete"), Recorded(address=A, record=None), records={"a": RECORD})

        assert (state.records, state.intents) == ({}, {})

    def test_touches_no_other_address(self) -> None:
        state = after(Recorded(address=A, record=None), records={"a": RECORD, "b": RECORD})

        assert state.records == {B: RECORD}

    @pytest.mark.parametrize(
        ("known", "new", "expected"),
        [
            pytest.param({"outcome": FAILED}, {}, FAILED, id="of the same job keeps the outcome"),
            pytest.param(
                {"outcome": FAILED},
                {"outcome": an_outcome()},
                an_outcome(),
                id="with an outcome of its own has that",
            ),
            pytest.param(
                {"outcome": FAILED}, {"job_id": "11"}, None, id="of another job has none yet"
            ),
            pytest.param({}, {}, None, id="without any has none"),
        ],
    )
    def test_speaks_of_the_same_run_or_another(
        self, known: dict[str, Any], new: dict[str, Any], expected: object
    ) -> None:
        before = {"a": a_record(a_spec("a"), **known)}

        state = after(Recorded(address=A, record=a_record(a_spec("a"), **new)), records=before)

        assert state.records[A].outcome == expected


class TestRemoved:
    def test_takes_the_job_out_and_leaves_the_intent_open(self) -> None:
        before = {"a": RECORD.model_copy(update={"outcome": FAILED})}

        state = after(opened("replace"), Removed(address=A, job_id="10"), records=before)

        past = PastRun(job_id="10", version_id="20", created_at=EARLIER, outcome=FAILED)
        assert state.records == {A: HALF.model_copy(update={"earlier": (past,)})}
        assert len(state.intents[A]) == 1

    @pytest.mark.parametrize(
        ("attempts", "expected"),
        [
            pytest.param([], 2, id="without an intent as before"),
            pytest.param([3], 3, id="of a retry one more"),
            pytest.param([1], 1, id="of any other replacement from the first again"),
            pytest.param([3, 1], 1, id="of the newest intent"),
        ],
    )
    def test_counts_the_attempt(self, attempts: list[int], expected: int) -> None:
        intents = [
            opened("replace", result=a_record(a_spec("a"), job_id=None, attempt=attempt))
            for attempt in attempts
        ]

        state = after(
            *intents,
            opened("delete", result=None),
            Removed(address=A, job_id="10"),
            records={"a": a_record(a_spec("a"), attempt=2)},
        )

        assert state.records[A].attempt == expected


def test_closed_drops_the_intents_and_leaves_the_record() -> None:
    state = after(opened(), opened(), Closed(address=A), records={"a": RECORD})

    assert (state.records, state.intents) == ({A: RECORD}, {})


class TestObserved:
    def test_notes_how_the_run_ended(self) -> None:
        state = after(Observed(address=A, job_id="10", outcome=FAILED), records={"a": RECORD})

        assert state.records == {A: RECORD.model_copy(update={"outcome": FAILED})}

    def test_of_another_run_is_not_this_ones(self) -> None:
        state = after(Observed(address=A, job_id="9", outcome=FAILED), records={"a": RECORD})

        assert state.records == {A: RECORD}

    def test_alone_leaves_the_serial(self) -> None:
        entries: list[Entry] = [Observed(address=A, job_id="10", outcome=FAILED)] * 3

        assert fold(a_state({"a": RECORD}, serial=5), entries).serial == 5


class TestMoved:
    def test_gives_record_and_intents_another_address(self) -> None:
        state = after(opened(), Moved(source=A, target=B), records={"a": RECORD})

        assert state.records == {B: RECORD}
        assert state.intents == {B: (intent(address=B),)}

    def test_to_itself_changes_nothing(self) -> None:
        state = after(opened(), Moved(source=A, target=A), records={"a": RECORD})

        assert (state.records, state.intents) == ({A: RECORD}, {A: (intent(),)})


def test_bound_says_whose_state_it_is() -> None:
    other = a_platform(project_id="p2").identity

    assert after(Bound(platform=other), platform=None).platform == other


UNKNOWN: list[Entry] = [
    Recorded(address=A, record=None),
    Removed(address=A, job_id="10"),
    Closed(address=A),
    Observed(address=A, job_id="10", outcome=FAILED),
    Moved(source=A, target=B),
]


@pytest.mark.parametrize("entry", UNKNOWN, ids=lambda entry: entry.entry)
def test_what_speaks_of_an_unknown_address_changes_nothing_but_the_serial(entry: Entry) -> None:
    moves = 0 if isinstance(entry, Observed) else 1

    assert after(entry) == a_state(serial=1 + moves)


def test_the_serial_counts_the_entries_and_the_lineage_stays() -> None:
    entries: list[Entry] = [opened(), Removed(address=A, job_id="10"), Closed(address=B)]

    state = fold(a_state(serial=41), entries)

    assert (state.serial, state.lineage, state.salt) == (44, a_state().lineage, a_state().salt)


@pytest.mark.parametrize(
    "entry",
    [
        opened(),
        Recorded(address=A, record=RECORD.model_copy(update={"outcome": FAILED})),
        Bound(platform=a_platform().identity),
        *UNKNOWN,
    ],
    ids=lambda entry: entry.entry,
)
def test_an_entry_survives_its_journal_line(entry: Entry) -> None:
    assert ENTRY.validate_json(ENTRY.dump_json(entry)) == entry


def test_an_intent_knows_what_it_sends() -> None:
    assert intent().spec == a_spec("a")
    assert intent("delete", result=None).spec is None


class TestEarlierRuns:
    """A record tells of the runs before it, whichever way the next one began."""

    def test_a_replacement_remembers_the_run_that_it_deleted(self) -> None:
        before = {"a": a_record(a_spec("a"), attempt=2, outcome=FAILED)}
        new = a_record(a_spec("a"), job_id="11", attempt=3)
        state = after(
            opened("replace"),
            Removed(address=A, job_id="10"),
            Recorded(address=A, record=new),
            records=before,
        )
        (past,) = state.records[A].earlier
        assert (past.job_id, past.attempt, past.outcome) == ("10", 2, FAILED)

    def test_a_version_remembers_the_one_before(self) -> None:
        state = after(
            Recorded(address=A, record=a_record(a_spec("a"), version_id="21")),
            records={"a": a_record(a_spec("a"), version_id="20")},
        )
        assert [each.version_id for each in state.records[A].earlier] == ["20"]

    def test_the_same_run_recorded_again_is_no_further_one(self) -> None:
        known = a_record(a_spec("a"))
        state = after(
            Recorded(address=A, record=known.model_copy(update={"protect": True})),
            records={"a": known},
        )
        assert state.records[A].earlier == ()

    def test_only_the_last_runs_are_kept(self) -> None:
        entries = [
            Recorded(address=A, record=a_record(a_spec("a"), job_id=str(n))) for n in range(30)
        ]
        state = after(*entries)
        assert [each.job_id for each in state.records[A].earlier] == [str(n) for n in range(19, 29)]


class TestSuperseding:
    """A job that was created beside another one takes its address; the other one goes aside."""

    OLD = a_record(a_spec("a"), job_id="1", outcome=an_outcome())
    NEW = a_record(a_spec("a-7f"), job_id="2", base_name="a", retain=True)

    def _intent(self, **fields: Any) -> Opened:
        kept = {"address": Address("a"), "job_id": "1", "aside": Address("a@1")}
        return Opened(intent=an_intent("create", a_spec("a-7f"), **(kept | fields)))

    def test_the_old_record_goes_aside(self) -> None:
        state = a_state({"a": self.OLD})
        after = fold(state, [self._intent(), Recorded(address=Address("a"), record=self.NEW)])
        assert after.records == {"a": self.NEW, "a@1": self.OLD.model_copy(update={"retain": True})}
        assert after.intents == {}

    def test_it_goes_aside_at_the_address_that_the_job_was_moved_to_meanwhile(self) -> None:
        moved = Moved(source=Address("a"), target=Address("b"))
        found = Recorded(address=Address("b"), record=self.NEW)
        after = fold(a_state({"a": self.OLD}), [self._intent(), moved, found])
        assert set(after.records) == {"b", "b@1"}

    @pytest.mark.parametrize(
        "ending",
        [
            pytest.param(Recorded(address=A, record=OLD), id="updated"),
            pytest.param(Closed(address=A), id="refused"),
        ],
    )
    def test_what_becomes_of_the_old_job_says_nothing_of_the_new_one(self, ending: Entry) -> None:
        update = opened("update", job_id="1")
        state = fold(a_state({"a": self.OLD}), [self._intent(), update, ending])
        assert [each.kind for each in state.intents[A]] == ["create"]
        assert set(fold(state, [Recorded(address=A, record=self.NEW)]).records) == {"a", "a@1"}

    def test_a_refused_create_is_closed(self) -> None:
        assert fold(a_state({"a": self.OLD}), [self._intent(), Closed(address=A)]).intents == {}

    def test_not_for_an_intent_of_another_name(self) -> None:
        renamed = self.NEW.model_copy(update={"name": "a-99"})
        state = a_state({"a": self.OLD})
        after = fold(state, [self._intent(), Recorded(address=Address("a"), record=renamed)])
        assert set(after.records) == {"a"}

    def test_not_when_the_old_job_itself_is_recorded_anew(self) -> None:
        state = a_state({"a": self.OLD})
        same = self.OLD.model_copy(update={"protect": True, "name": "a-7f"})
        after = fold(state, [self._intent(), Recorded(address=Address("a"), record=same)])
        assert set(after.records) == {"a"}


def test_an_outcome_belongs_to_its_version() -> None:
    known = a_record(outcome=an_outcome(), version_id="20")
    again = a_record(version_id="21")
    after = fold(a_state({"a": known}), [Recorded(address=Address("a"), record=again)])
    assert after.records[Address("a")].outcome is None


def test_dependents_know_a_moved_job_by_its_new_address() -> None:
    records = {"a": a_record(), "b": a_record(depends_on={Address("a"): "10/20"})}
    after = fold(a_state(records), [Moved(source=Address("a"), target=Address("z"))])
    assert after.records[Address("b")].depends_on == {"z": "10/20"}
