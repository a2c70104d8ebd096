"""Random histories of definitions, strangers, faults and kills; the invariants hold at each step.

`RECONCILER_TEST_SCALE` says how many are run and `RECONCILER_TEST_SEED` which: the same seed gives
the same histories. `python -m tests.reliability.histories` is the long run.
"""

import os
import sys

import pytest

from reconciler.diagnostics import error
from reconciler.model.address import Address
from reconciler.model.job import Lifecycle, Status
from reconciler.model.plan import Action, FieldChange
from reconciler.model.secrets import Vault
from reconciler.model.spec import JobSpec
from reconciler.planning import decide, planner
from reconciler.planning.diff import definition_changes
from reconciler.planning.guards import Consent
from reconciler.planning.moves import Moves
from tests.build import a_plan, an_action
from tests.conftest import SCALE
from tests.reliability.figures import COLUMNS, Figures
from tests.reliability.histories import run
from tests.reliability.histories.rules import Histories, Step
from tests.reliability.histories.run import run_histories, run_shards
from tests.reliability.histories.shrink import column, replay, show, shrink
from tests.reliability.judging import is_overtaken
from tests.reliability.ledger import Ledger, ViolationError
from tests.reliability.seen import Api, suite

SEED = int(os.environ.get("RECONCILER_TEST_SEED", "1"))
SEQUENCES = max(10, int(300 * SCALE))


@pytest.mark.parametrize(("api", "sequences"), [("v1", SEQUENCES), ("v2", SEQUENCES // 5)])
@pytest.mark.timeout(max(600, int(600 * SCALE)))
def test_no_history_breaks_an_invariant(
    figures: Figures, capsys: pytest.CaptureFixture[str], api: Api, sequences: int
) -> None:
    name = suite("state-machine sequences", api)
    with capsys.disabled():
        sys.stdout.write(f"\n{name}: {sequences}, seed {SEED}\n")

    shards = [told for _, told in run_shards(sequences, SEED, 1, api)]

    found = [told for told in shards if told.wrong]
    figures.add(name, cases=sum(told.sequences for told in shards))
    for told in found:
        figures.add(name, **({told.column: 1} if told.column in COLUMNS else {}))
    assert [told.wrong for told in found] == []
    assert sum(told.sequences for told in shards) >= sequences


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forbid what is allowed, so that histories go wrong: nothing may ever be deleted."""

    def refuse(ledger: Ledger, job_id: str) -> None:
        raise ViolationError(f"unapproved: a delete of {job_id}")

    monkeypatch.setattr(Ledger, "about_to_delete", refuse)


@pytest.mark.usefixtures("strict")
def test_what_goes_wrong_is_told_by_a_history_of_few_steps() -> None:
    told = run_histories(100, 1)

    assert told.column == "unapproved"
    assert "a delete of" in told.wrong
    assert told.wrong.count("\n    (") <= 3


def test_what_goes_wrong_at_the_end_is_told_by_its_history(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(machine: Histories) -> None:
        raise ViolationError("lost: the end")

    monkeypatch.setattr(Histories, "finish", fail)

    told = run_histories(20, 1)

    assert told.column == "lost"
    assert told.wrong.count("\n    (") == 1


@pytest.mark.usefixtures("strict")
def test_a_history_can_be_replayed() -> None:
    program: list[Step] = [
        ("begin", {"disks": False, "lifecycles": [], "script": {}}),
        ("mood", {"mood": ("list_lag", 1)}),
        ("time_passes", {"everything": False}),
    ]
    assert replay(program) is None
    assert shrink(program) == program
    assert "('time_passes', {'everything': False})," in show(program)


def test_what_goes_wrong_has_a_column() -> None:
    assert column(ViolationError("orphans: one")) == "orphans"
    assert column(KeyError("a: b")) == "tracebacks"


def test_a_restored_state_says_what_is_protected() -> None:
    """A job is protected, the state of before is restored, and everything is destroyed."""
    protect = [(Address("a"), ("lifecycle", Lifecycle(protect=True)))]
    freely = Consent(interrupt_running=True)
    reviewed = {"deeds": [], "consent": freely, "keeping": "nothing", "script": {}, "which": 0}
    program: list[Step] = [
        ("begin", {"disks": False, "lifecycles": [Lifecycle()], "script": {}}),
        ("apply_reviewed", {"changes": protect, **reviewed}),
        ("restore", {"back": 1, "script": {}, "which": 0}),
        ("destroy", {"approved": True, "script": {}, "which": 0}),
    ]
    assert replay(program) is None


@pytest.mark.parametrize(
    "lifecycle", [Lifecycle(), Lifecycle(on_change="keep")], ids=["replaced", "kept"]
)
def test_a_job_that_is_about_to_go_is_not_taken_for_unchanged(lifecycle: Lifecycle) -> None:
    """Killed once its deletion was accepted, and wanted again before it left the list."""
    freely = Consent(interrupt_running=True)

    wrong = replay(
        [
            ("begin", {"lifecycles": [lifecycle], "script": {}, "disks": False}),
            (
                "apply_reviewed",
                {
                    "changes": [(Address("b"), ("key", "c"))],
                    "consent": freely,
                    "deeds": [],
                    "keeping": "nothing",
                    "script": {},
                    "which": 0,
                },
            ),
            ("mood", {"mood": ("delete_lag", 1)}),
            ("destroy", {"approved": True, "script": {10: "die before"}, "which": 0}),
            ("apply_undisturbed", {"adopting": False, "changes": [], "deeds": [], "which": 0}),
        ]
    )

    assert wrong is None


@pytest.mark.parametrize("status", [Status.PENDING, Status.STOPPED, Status.FAILED])
@pytest.mark.parametrize("lag", [2, 3])
def test_a_job_that_another_stack_deletes_is_created_in_the_end(status: Status, lag: int) -> None:
    """One stack gives a job up, and another adopts it before it left the list."""
    undisturbed = {"deeds": [], "yielding": False}
    wrong = replay(
        [
            ("begin", {"lifecycles": [Lifecycle()], "script": {}, "disks": False}),
            ("mood", {"mood": ("delete_lag", None)}),
            ("strangers", {"deeds": [(0, ("status", status))]}),
            (
                "apply_undisturbed",
                {
                    "changes": [(Address("a"), ("name", "n5"))],
                    "which": 0,
                    "adopting": False,
                    **undisturbed,
                },
            ),
            ("mood", {"mood": ("delete_lag", lag)}),
            (
                "apply_undisturbed",
                {
                    "changes": [(Address("a"), ("lr", "0.1"))],
                    "which": 1,
                    "adopting": True,
                    **undisturbed,
                },
            ),
        ]
    )

    assert wrong is None


def adoption(job_id: str = "1") -> Action:
    return an_action("adopt", "a", job_id=job_id, reason="adopted")


def creation(address: str = "a", reason: str = "vanished") -> Action:
    return an_action("create", address, reason=reason)


@pytest.mark.parametrize(
    ("done", "left", "overtaken"),
    [
        pytest.param([adoption()], [creation()], True, id="adopted on its way out"),
        pytest.param([adoption()], [], False, id="nothing left"),
        pytest.param([adoption("2")], [creation()], False, id="nobody deleted it"),
        pytest.param([], [creation()], False, id="not adopted"),
        pytest.param([adoption()], [creation(reason="new")], False, id="another reason"),
        pytest.param([adoption()], [creation(), creation("b")], False, id="another one besides"),
    ],
)
def test_only_what_others_deleted_may_vanish_after_an_apply(
    done: list[Action], left: list[Action], *, overtaken: bool
) -> None:
    assert is_overtaken(a_plan(*done), a_plan(*left), {"1"}) is overtaken


def test_a_plan_with_errors_is_never_taken_for_overtaken() -> None:
    wrong = a_plan(creation(), diagnostics=(error("Quota exceeded", "No job is left."),))

    assert not is_overtaken(a_plan(adoption()), wrong, {"1"})


BLIND = {
    "moves": (planner, "find_moves", lambda *_: Moves()),
    "removals": (planner, "lets_go", lambda *_: False),
    "rotations": (decide, "definition_changes", lambda *specs: _without_tokens(*specs)),
    "hashes": (Vault, "hash", lambda _, value: value),
}
"""What the product could overlook, and how."""


def _without_tokens(*specs: JobSpec) -> tuple[FieldChange, ...]:
    return tuple(each for each in definition_changes(*specs) if "token" not in each.path)


@pytest.mark.parametrize("what", BLIND)
def test_what_the_product_overlooks_goes_wrong(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where, name, instead = BLIND[what]
    monkeypatch.setattr(where, name, instead)
    monkeypatch.setattr(run, "shrink", list)

    assert run_histories(200, 2).wrong
