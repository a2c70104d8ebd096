"""The state machine's judge sees what it is there to see."""

from datetime import timedelta

import pytest

from reconciler.backends.base import Backend
from reconciler.backends.memory import MemoryBackend
from reconciler.model.address import Address
from reconciler.model.definition import Move, Removal
from reconciler.model.job import JobRecord, Lifecycle, Status
from reconciler.model.plan import Action, PlannedMove
from reconciler.model.spec import JobSpec, Secret
from reconciler.model.state import Intent, State
from reconciler.providers.memory_platform import MemoryPlatform
from tests.build import LINEAGE, a_desired, a_plan, a_record, a_spec, a_state, an_action, an_intent
from tests.reliability.ledger import Ledger, ViolationError
from tests.reliability.likeness import fixed
from tests.reliability.secrecy import seal

A, B = Address("a"), Address("b")
SPEC = a_spec("a")


def a_ledger(
    records: dict[str, JobRecord] | None = None, *intents: Intent, sent: int = 1
) -> tuple[Ledger, str]:
    """Return a ledger of a platform with one job of ours, and that job's id."""
    platform, backend = MemoryPlatform(), MemoryBackend("vision")
    job = platform.add(SPEC)
    keep(backend, a_state(records, intents={A: intents} if intents else {}))
    ledger = Ledger(platform, backend)
    if sent:
        ledger.created(job.job_id, SPEC)
    return ledger, job.job_id


def keep(backend: Backend, state: State) -> None:
    with backend.lock(command="test") as writer:
        writer.checkpoint(state)


def ours(job_id: str, **overrides: object) -> JobRecord:
    return a_record(SPEC, job_id=job_id, **overrides)


FIRST = "567524"
"""The id that the platform gives its first job."""


@pytest.mark.parametrize(
    ("records", "intents", "sent", "seen"),
    [
        pytest.param({"a": ours(FIRST)}, [], 1, None, id="recorded"),
        pytest.param({}, [an_intent("create", SPEC)], 1, None, id="meant"),
        pytest.param({}, [], 1, "orphans", id="neither recorded nor meant"),
        pytest.param({}, [an_intent("create", a_spec("b"))], 1, "orphans", id="another is meant"),
        pytest.param({"a": ours(FIRST)}, [], 0, "unapproved", id="somebody else's is recorded"),
    ],
)
def test_a_job_that_we_created_is_recorded_or_meant(
    records: dict[str, JobRecord], intents: list[Intent], sent: int, seen: str | None
) -> None:
    ledger, _ = a_ledger(records, *intents, sent=sent)

    if seen is None:
        ledger.check()
    else:
        with pytest.raises(ViolationError, match=seen):
            ledger.check()


def test_one_address_has_one_live_job() -> None:
    ledger, _ = a_ledger({"a": ours(FIRST)}, an_intent("create", a_spec("other"), address=A))
    ledger.check()
    ledger.created(ledger.platform.add(a_spec("other")).job_id, a_spec("other"))

    with pytest.raises(ViolationError, match="duplicates"):
        ledger.check()


@pytest.mark.parametrize(
    "after",
    [
        a_state({"a": ours(FIRST, attempt=2)}, serial=5),
        a_state({"a": ours(FIRST)}, serial=6, lineage="another" + LINEAGE),
    ],
    ids=["same serial, other records", "other lineage"],
)
def test_a_state_goes_on_from_the_last(after: State) -> None:
    ledger, _ = a_ledger()
    ledger.last = a_state({"a": ours(FIRST)}, serial=5)
    ledger.backend = MemoryBackend("vision")
    keep(ledger.backend, after)

    with pytest.raises(ViolationError, match="lost"):
        ledger.check()


DELETE = an_action("delete", "a", SPEC, job_id=FIRST)


@pytest.mark.parametrize(
    ("approved", "intent", "record", "seen"),
    [
        pytest.param([DELETE], "delete", {}, None, id="as it should be"),
        pytest.param([], "delete", {}, "unapproved", id="nobody approved it"),
        pytest.param(
            [an_action("delete", "a", SPEC, job_id="1")], "delete", {}, "unapproved", id="other id"
        ),
        pytest.param([DELETE], "update", {}, "lost", id="without an intent"),
        pytest.param([DELETE], "delete", {"protect": True}, "unapproved", id="protected"),
    ],
)
def test_a_delete_is_approved_and_durable(
    approved: list[Action], intent: str, record: dict[str, object], seen: str | None
) -> None:
    meant = an_intent(intent, SPEC, job_id=FIRST)
    ledger, job_id = a_ledger({"a": ours(FIRST, **record)}, meant)
    ledger.approve(a_plan(*approved), {})

    if seen is None:
        ledger.about_to_delete(job_id)
    else:
        with pytest.raises(ViolationError, match=seen):
            ledger.about_to_delete(job_id)


@pytest.mark.parametrize(
    ("theirs", "asked_for", "known", "seen"),
    [
        pytest.param(SPEC, timedelta(0), True, None, id="made when ours was asked for"),
        pytest.param(SPEC, timedelta(seconds=4), True, None, id="by a clock that is behind"),
        pytest.param(SPEC, timedelta(minutes=-59), True, None, id="within the hour"),
        pytest.param(SPEC, timedelta(minutes=1), True, "somebody", id="before ours was asked for"),
        pytest.param(SPEC, timedelta(minutes=-61), True, "somebody", id="after the hour"),
        pytest.param(SPEC, timedelta(0), False, "somebody", id="nothing is open"),
        pytest.param(
            SPEC.model_copy(update={"workers": 2}), timedelta(0), True, "somebody", id="otherwise"
        ),
        pytest.param(
            SPEC.model_copy(update={"parameters": {**SPEC.parameters, "more": "1"}}),
            timedelta(0),
            True,
            None,
            id="with a parameter of its own",
        ),
    ],
)
def test_only_a_job_that_nobody_could_tell_from_ours_may_be_taken_for_it(
    theirs: JobSpec, asked_for: timedelta, known: bool, seen: str | None
) -> None:
    """A stranger removed our unrecorded job and made another; it is gone again when recorded."""
    ledger, _ = a_ledger()
    twin = ledger.platform.recreate("a", theirs)
    assert twin.created_at
    meant = an_intent("create", SPEC).model_copy(update={"at": twin.created_at + asked_for})
    keep(ledger.backend, a_state({}, serial=2, intents={A: (meant,)} if known else {}))
    ledger.check()

    ledger.platform.remove("a")
    keep(ledger.backend, a_state({"a": ours(twin.job_id)}, serial=3))

    if seen is None:
        ledger.check()
    else:
        with pytest.raises(ViolationError, match=seen):
            ledger.check()


@pytest.mark.parametrize("protect", [True, False])
def test_a_restored_state_says_what_is_protected(protect: bool) -> None:
    ledger, job_id = a_ledger({"a": ours(FIRST, protect=protect)})
    ledger.protected.add(job_id)

    ledger.release_unrecorded()

    assert ledger.protected == ({job_id} if protect else set())


def test_a_finished_job_is_not_paid_for_again() -> None:
    ledger, _ = a_ledger({"a": ours(FIRST, version_id="1108482")})
    ledger.platform.set_status("a", Status.SUCCEEDED)
    ledger.note_succeeded()
    ledger.platform.remove("a")

    with pytest.raises(ViolationError, match="paid for again"):
        ledger.approve(a_plan(an_action("create", "a", SPEC)), {A: a_desired(SPEC)})


def test_an_attempt_that_nobody_saw_before_it_was_removed_does_not_count() -> None:
    """Killed before it was recorded, and removed by a stranger: it is made again."""
    lifecycle = Lifecycle(on_failure="retry", max_attempts=2)
    wanted = a_desired(SPEC, lifecycle=lifecycle)
    ledger, _ = a_ledger({"a": ours(FIRST)})
    retry = an_action("replace", "a", SPEC, job_id=FIRST, reason="retry 2/2")
    ledger.approve(a_plan(retry), {A: wanted})
    ledger.chain[A] = 1, fixed(SPEC)

    ledger.created("2", SPEC)
    ledger.removed_unseen("2")
    ledger.created("3", SPEC)

    with pytest.raises(ViolationError, match="tried 3 times"):
        ledger.created("4", SPEC)


def test_a_move_that_is_due_is_planned() -> None:
    ledger, _ = a_ledger({"a": ours(FIRST)})
    move = Move(A, B)
    planned = a_plan().model_copy(update={"moved": (PlannedMove(source=A, target=B),)})

    ledger.check_moves(planned, [move])
    ledger.check_moves(a_plan(), [Move(B, A)])
    with pytest.raises(ViolationError, match="due, and not planned"):
        ledger.check_moves(a_plan(), [move])


def test_a_kept_job_moves_along() -> None:
    ledger, _ = a_ledger({"a": ours("2"), f"a@{FIRST}": ours(FIRST)})
    first = PlannedMove(source=A, target=B)
    second = PlannedMove(source=Address(f"a@{FIRST}"), target=Address(f"b@{FIRST}"))

    ledger.check_moves(a_plan().model_copy(update={"moved": (first, second)}), [Move(A, B)])
    with pytest.raises(ViolationError, match="due, and not planned"):
        ledger.check_moves(a_plan().model_copy(update={"moved": (first,)}), [Move(A, B)])


def test_attempts_are_counted_on_where_a_record_moves_to() -> None:
    ledger, _ = a_ledger({"a": ours(FIRST)})
    ledger.chain[A] = 2, fixed(SPEC)
    planned = a_plan().model_copy(update={"moved": (PlannedMove(source=A, target=B),)})

    ledger.approve(planned, {})

    assert ledger.chain == {B: (2, fixed(SPEC))}


def test_a_job_that_is_let_go_of_is_not_deleted() -> None:
    meant = an_intent("delete", SPEC, job_id=FIRST)
    ledger, job_id = a_ledger({"a": ours(FIRST)}, meant)

    ledger.approve(a_plan(DELETE), {}, removed=[Removal(A, keep=False)])
    ledger.about_to_delete(job_id)
    ledger.approve(a_plan(DELETE), {}, removed=[Removal(A)])
    with pytest.raises(ViolationError, match="let go"):
        ledger.about_to_delete(job_id)


SECRETIVE = a_spec("s", parameters={"token": Secret(secret="TOKEN")})


@pytest.mark.parametrize(
    ("sent", "announced", "seen"),
    [
        pytest.param("hidden-1", "hidden-1", None, id="the value that was announced"),
        pytest.param("hidden-2", "hidden-1", "announced", id="another one"),
        pytest.param("hidden-1", None, "hashes", id="announced without a hash"),
    ],
)
def test_the_value_of_a_secret_arrives(sent: str, announced: str | None, seen: str | None) -> None:
    ledger, _ = a_ledger()
    salt = a_state().salt
    environment = {"TOKEN": announced} if announced else {}
    job = ledger.platform.add(SECRETIVE.model_copy(update={"parameters": {"token": sent}}))
    spec = seal(SECRETIVE, environment, salt)

    if seen is None:
        ledger.check_arrived(job.job_id, spec)
    else:
        with pytest.raises(ViolationError, match=seen):
            ledger.check_arrived(job.job_id, spec)


def test_the_hash_of_a_secret_is_that_of_the_design() -> None:
    """HMAC-SHA256, as RFC 4231 has it in its second test case."""
    sealed = seal(SECRETIVE, {"TOKEN": "what do ya want for nothing?"}, "Jefe")
    assert sealed.parameters["token"] == Secret(
        secret="TOKEN", hmac="5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )


def test_a_secret_that_is_not_set_is_what_is_known_of_it() -> None:
    known = seal(SECRETIVE, {"TOKEN": "hidden-1"}, "00")
    assert seal(SECRETIVE, {}, "00", known) == known
    assert seal(SECRETIVE, {}, "00") == SECRETIVE


def test_a_state_with_the_value_of_a_secret_is_seen() -> None:
    plain = SECRETIVE.model_copy(update={"parameters": {"token": "hidden-1"}})
    ledger, _ = a_ledger({"a": ours(FIRST), "s": a_record(plain, job_id="1")})
    with pytest.raises(ViolationError, match="the value of a secret"):
        ledger.check()


def test_a_finished_single_run_is_not_paid_for_again() -> None:
    """A platform without versions: what is recorded has none."""
    ledger, _ = a_ledger({"a": ours(FIRST, version_id=None)})
    ledger.platform.set_status("a", Status.SUCCEEDED)
    ledger.note_succeeded()
    ledger.platform.remove("a")

    with pytest.raises(ViolationError, match="paid for again"):
        ledger.approve(a_plan(an_action("create", "a", SPEC)), {A: a_desired(SPEC)})


@pytest.mark.parametrize(
    ("ran", "needed", "seen"),
    [
        pytest.param("2", [], None, id="it has another run"),
        pytest.param("1", [an_action("replace", "b", a_spec("b"), job_id="1")], None, id="it gets"),
        pytest.param("1", [], "run again", id="nothing of it ran again"),
    ],
)
def test_a_dependent_is_run_again_only_after_what_it_needs(
    ran: str, needed: list[Action], seen: str | None
) -> None:
    ledger, _ = a_ledger(
        {
            "a": ours(FIRST, version_id="1108482", depends_on={B: "1"}),
            "b": a_record(a_spec("b"), job_id=ran, version_id=None),
        }
    )
    ledger.platform.set_status("a", Status.SUCCEEDED)
    ledger.note_succeeded()
    again = an_action("replace", "a", SPEC, job_id=FIRST, reason="dependency_replaced")
    plan = a_plan(again, *needed)
    wanted = {A: a_desired(SPEC, depends_on=(B,)), B: a_desired(a_spec("b"))}

    if seen is None:
        ledger.approve(plan, wanted)
    else:
        with pytest.raises(ViolationError, match=seen):
            ledger.approve(plan, wanted)
