"""What a loop may do unasked."""

import pytest

from reconciler.model.plan import ActionKind, Reason
from reconciler.planning.permissions import USUAL, Permission, held_back, permission_for
from tests.build import an_action

ALL = frozenset(Permission)


@pytest.mark.parametrize(
    ("kind", "reason", "needed"),
    [
        ("create", "new", "create"),
        ("create", "interrupted", "create"),
        ("create", "vanished", "recreate"),
        ("create", "definition_changed", "replace"),
        ("create", "code_changed", "replace"),
        ("create", "dependency_replaced", "replace"),
        ("create", "retry 2/3", "retry"),
        ("replace", "retry 2/3", "retry"),
        ("replace", "drifted", "replace"),
        ("replace", "definition_changed", "replace"),
        ("update", "definition_changed", "update"),
        ("adopt", "adopted", "update"),
        ("delete", "expired", "expire"),
        ("delete", "removed", "delete"),
        ("delete", "destroyed", "delete"),
        ("forget", "gone", "forget"),
        ("forget", "retained", "forget"),
        ("noop", "unchanged", None),
        ("blocked", "waits", None),
        ("blocked", "name_taken", None),
    ],
)
def test_each_action_needs_a_word(kind: str, reason: str, needed: str | None) -> None:
    assert permission_for(an_action(kind, reason=reason)) == needed


@pytest.mark.parametrize(
    "kind", [each for each in ActionKind if each not in (ActionKind.NOOP, ActionKind.BLOCKED)]
)
@pytest.mark.parametrize("reason", Reason)
def test_nothing_goes_without_a_word(kind: ActionKind, reason: Reason) -> None:
    assert permission_for(an_action(kind, reason=reason)) in ALL
    assert held_back(an_action(kind, reason=reason), frozenset(), settled=True)


@pytest.mark.parametrize(
    ("kind", "reason", "allowed", "settled", "interrupts", "why"),
    [
        pytest.param("create", "new", USUAL, True, False, "", id="usual"),
        pytest.param("create", "new", USUAL, False, False, "changed", id="not at first sight"),
        pytest.param("replace", "retry 2/3", USUAL, False, False, "", id="a retry"),
        pytest.param("delete", "removed", USUAL, True, False, "--allow delete", id="no word"),
        pytest.param("create", "vanished", USUAL, True, False, "--allow recreate", id="gone"),
        pytest.param("delete", "removed", ALL, True, False, "", id="with its word"),
        pytest.param("delete", "removed", ALL, True, True, "runs", id="never while it runs"),
        pytest.param("delete", "removed", ALL, False, False, "changed", id="nor deleted"),
        pytest.param("forget", "gone", ALL, False, False, "changed", id="nor forgotten"),
        pytest.param("blocked", "waits", frozenset(), False, False, "", id="only shown"),
    ],
)
def test_held_back(
    kind: str,
    reason: str,
    allowed: frozenset[Permission],
    settled: bool,
    interrupts: bool,
    why: str,
) -> None:
    action = an_action(kind, reason=reason, interrupts=interrupts)

    told = held_back(action, allowed, settled=settled)

    assert (why in told) if why else told == ""
