"""Drift that the definition ignores: what an entry fits, how long it holds, what is left."""

from datetime import date
from typing import Any

import pytest

from reconciler.model.plan import Drift
from reconciler.model.policy import IgnoreDrift
from reconciler.planning.known import set_apart
from reconciler.planning.planner import make_draft
from reconciler.planning.world import World
from tests.build import (
    a_change,
    a_desired,
    a_drift,
    a_listing,
    a_location,
    a_record,
    a_spec,
    a_state,
    an_actual,
)

TODAY = date(2025, 6, 15)
TWO = a_drift("bert", changes=(a_change("description", "a", "b"), a_change("parameters.lr")))
GONE = a_drift("old", "vanished")
NEWER = a_drift("taken", "replaced", changes=(a_change("version_id", "1", "2"),))


def an_entry(address: str = "*", **overrides: Any) -> IgnoreDrift:
    """Return an entry; overrides are fields of IgnoreDrift."""
    fields: dict[str, Any] = {"reason": "known", "location": a_location(9, 7)}
    return IgnoreDrift(address, **(fields | overrides))


def told(*drift: Drift) -> list[str]:
    return [
        f"{each.address}: {' '.join(c.path for c in each.changes) or each.kind}" for each in drift
    ]


@pytest.mark.parametrize(
    ("entry", "counted", "known"),
    [
        pytest.param(
            an_entry(),
            [],
            ["bert: description parameters.lr", "old: vanished", "taken: version_id"],
            id="everything",
        ),
        pytest.param(
            an_entry("b*"),
            ["old: vanished", "taken: version_id"],
            ["bert: description parameters.lr"],
            id="a glob of addresses",
        ),
        pytest.param(
            an_entry(kind="vanished"),
            ["bert: description parameters.lr", "taken: version_id"],
            ["old: vanished"],
            id="a kind",
        ),
        pytest.param(
            an_entry(path="description"),
            ["bert: parameters.lr", "old: vanished", "taken: version_id"],
            ["bert: description"],
            id="one field: the others count",
        ),
        pytest.param(
            an_entry(path="param*"),
            ["bert: description", "old: vanished", "taken: version_id"],
            ["bert: parameters.lr"],
            id="a glob of fields",
        ),
        pytest.param(
            an_entry("bert", kind="replaced"),
            ["bert: description parameters.lr", "old: vanished", "taken: version_id"],
            [],
            id="another kind of a job that drifted",
        ),
    ],
)
def test_what_an_entry_fits(entry: IgnoreDrift, counted: list[str], known: list[str]) -> None:
    found = set_apart([TWO, GONE, NEWER], [entry], TODAY)

    assert (told(*found.drift), told(*found.known)) == (counted, known)
    assert all(each.ignored_because == "known" for each in found.known)


def test_entries_share_the_fields_of_a_job() -> None:
    entries = [
        an_entry(path="description", reason="first"),
        an_entry(path="*", reason="second"),
        an_entry(reason="third"),
    ]

    found = set_apart([TWO], entries, TODAY)

    assert found.drift == ()
    assert [(each.ignored_because, told(each)) for each in found.known] == [
        ("first", ["bert: description"]),
        ("second", ["bert: parameters.lr"]),
    ]
    assert len(found.notes) == 1, "nothing is left for the third"


@pytest.mark.parametrize(
    ("until", "holds"),
    [
        pytest.param(None, True, id="for ever"),
        pytest.param(date(2025, 6, 16), True, id="until tomorrow"),
        pytest.param(TODAY, True, id="on its last day"),
        pytest.param(date(2025, 6, 14), False, id="on the day after"),
    ],
)
def test_an_entry_holds_through_its_last_day(until: date | None, holds: bool) -> None:
    found = set_apart([GONE], [an_entry(until=until)], TODAY)

    assert (len(found.known), len(found.drift)) == ((1, 0) if holds else (0, 1))
    assert [each.summary for each in found.diagnostics] == (
        [] if holds else ["Known drift has expired"]
    )
    for each in found.diagnostics:
        assert (each.severity, each.location) == ("warning", a_location(9, 7))
        assert "2025-06-14 (known)" in each.detail


def test_an_entry_that_fits_nothing_is_noted() -> None:
    entries = [an_entry("nobody", kind="changed", path="flavor"), an_entry("old")]

    found = set_apart([GONE], entries, TODAY)

    assert found.notes == (
        'jobs.yaml:9:7: nothing drifted that is ignored here ("nobody", changed, flavor).',
    )
    assert found.diagnostics == ()


def test_without_entries_all_drift_counts() -> None:
    assert set_apart([TWO, GONE], [], TODAY).drift == (TWO, GONE)


def test_ignored_drift_is_set_right_all_the_same() -> None:
    desired = a_desired()
    world = World(
        desired={desired.address: desired},
        state=a_state({"resnet": a_record()}),
        listing=a_listing(an_actual(a_spec(parameters={"lr": "9"}))),
    )
    ignoring = World(
        world.desired,
        world.state,
        world.listing,
        ignored_drift=(an_entry("resnet"),),
        today=TODAY,
    )

    plain, known = make_draft(world), make_draft(ignoring)

    assert plain.actions == known.actions
    assert [action.kind for action in known.actions] == ["replace"]
    assert (plain.summary.drifted, known.summary.drifted) == (1, 0)
    assert (len(plain.drift), len(known.drift), len(known.known_drift)) == (1, 0, 1)
