"""`moved` and `removed`: what they mean, and what is refused."""

from typing import Any

import pytest

from tests.unit.definition.conftest import told

HEAD = """\
version: 1
stack: s
defaults: {flavor: f, image: i, command: c}
jobs: {a: {}, b: {}, r: {sweep: {x: [1, 2]}}}
"""


def moves(definition: Any) -> list[tuple[str, str]]:
    return [(move.source, move.target) for move in definition.moved]


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        pytest.param("[{from: x, to: a}]", [("x", "a")], id="one"),
        pytest.param("{from: x, to: a}", [("x", "a")], id="without a list"),
        pytest.param("[{from: 'x[l=1]', to: a}]", [("x[l=1]", "a")], id="out of a sweep"),
        pytest.param("[{from: a[z=1,y=2], to: a}]", [("a[y=2,z=1]", "a")], id="any order"),
        pytest.param("[{from: x, to: 'r[x=1]'}]", [("x", "r[x=1]")], id="into a sweep"),
        pytest.param("[{from: r, to: 'r[x=1]'}]", [("r", "r[x=1]")], id="a job became a sweep"),
        pytest.param(
            "[{from: q, to: r}]", [("q[x=1]", "r[x=1]"), ("q[x=2]", "r[x=2]")], id="a whole sweep"
        ),
        pytest.param(
            "[{from: x, to: y}, {from: y, to: a}]", [("x", "a"), ("y", "a")], id="a chain"
        ),
        pytest.param(
            "[{from: y, to: a}, {from: x, to: y}]", [("y", "a"), ("x", "a")], id="chain, backwards"
        ),
    ],
)
def test_moved(loaded: Any, block: str, expected: list[tuple[str, str]]) -> None:
    definition = loaded(f"{HEAD}moved: {block.replace('a[z=1,y=2]', quoted('a[z=1,y=2]'))}")

    assert moves(definition) == expected
    assert definition.moved[0].location.line == 5


def quoted(text: str) -> str:
    return f"'{text}'"


def test_a_moved_job_may_be_removed_since(loaded: Any) -> None:
    definition = loaded(f"{HEAD}moved: {{from: x, to: y}}\nremoved: {{address: y}}")

    assert moves(definition) == [("x", "y")]


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        pytest.param("[{address: x, keep: true}]", [("x", True)], id="keep"),
        pytest.param("[{address: x, keep: false}]", [("x", False)], id="do not keep"),
        pytest.param("[{address: x}]", [("x", True)], id="keep if nothing is said"),
        pytest.param("[{address: 'q[*]'}, {address: y}]", [("q[*]", True), ("y", True)], id="two"),
    ],
)
def test_removed(loaded: Any, block: str, expected: list[tuple[str, bool]]) -> None:
    definition = loaded(f"{HEAD}removed: {block}")

    assert [(each.address, each.keep) for each in definition.removed] == expected
    assert definition.removed[0].location.line == 5


@pytest.mark.parametrize(
    ("blocks", "problems"),
    [
        pytest.param("moved: [{from: a, to: b}]", ["16 Job is still defined"], id="still there"),
        pytest.param("moved: [{from: x, to: c}]", ["23 Unknown job"], id="to nowhere"),
        pytest.param("moved: [{from: x, to: 'r[x=3]'}]", ["23 Unknown job"], id="to no point"),
        pytest.param("moved: [{from: 'x[x=1]', to: r}]", ["30 Invalid move"], id="one to many"),
        pytest.param(
            "moved: [{from: x, to: a}, {from: x, to: b}]", ["34 Duplicate address"], id="from twice"
        ),
        pytest.param(
            "moved: [{from: x, to: a}, {from: y, to: a}]", ["41 Duplicate address"], id="to twice"
        ),
        pytest.param(
            "moved: [{from: x, to: y}, {from: y, to: x}]", ["9 Moves lead in a circle"], id="circle"
        ),
        pytest.param("moved: [{from: x, to: x}]", ["9 Moves lead in a circle"], id="itself"),
        pytest.param(
            "moved: [{from: w, to: x}, {from: x, to: y}, {from: y, to: z}, {from: z, to: y}]",
            ["77 Duplicate address"],
            id="into a circle",
        ),
        pytest.param("moved: [{from: x}]", ["9 Missing key"], id="no target"),
        pytest.param("moved: [{from: x y, to: a}]", ["16 Invalid address"], id="no address"),
        pytest.param("moved: [{from: x, to: a, key: 1}]", ["26 Unknown key"], id="unknown key"),
        pytest.param("removed: [{address: a}]", ["21 Job is still defined"], id="not gone"),
        pytest.param("removed: [{address: r}]", ["21 Job is still defined"], id="sweep not gone"),
        pytest.param("removed: [{address: '*'}]", ["21 Job is still defined"], id="glob for one"),
        pytest.param(
            "removed: [{address: x}, {address: x}]", ["35 Duplicate address"], id="gone twice"
        ),
        pytest.param("removed: [{address: x, keep: yes}]", ["30 Wrong type"], id="not a truth"),
        pytest.param(
            "moved: {from: x, to: a}\nremoved: {address: x}",
            ["15 Keys exclude each other"],
            id="moved and removed",
        ),
    ],
)
def test_refused_at_its_place(refused: Any, blocks: str, problems: list[str]) -> None:
    found = refused(HEAD + blocks)

    assert [told(each, above=4).removeprefix("1:") for each in found] == problems


def test_nothing_is_said_of_jobs_that_a_broken_file_may_hold(refused: Any) -> None:
    found = refused({"a.yaml": f"{HEAD}moved: {{from: x, to: c}}", "b.yaml": "["})

    assert [each.location.file for each in found] == ["b.yaml"]
