"""Defaults: what a job inherits, what it merges, and which defaults yield to its own choice."""

from typing import Any

import pytest

from reconciler.definition.normalise import merge
from tests.unit.definition.conftest import told

ENGINE = {"name": "n", "version": "v"}
CODE = {"code_dir": "/b/c/", "boot_file": "t.py", "engine": ENGINE}


@pytest.mark.parametrize(
    ("defaults", "own", "merged"),
    [
        pytest.param({}, {"flavor": "f"}, {"flavor": "f"}, id="no defaults"),
        pytest.param({"flavor": "f"}, {}, {"flavor": "f"}, id="inherited"),
        pytest.param({"workers": 1}, {"workers": 2}, {"workers": 2}, id="own number"),
        pytest.param({"inputs": [1, 2]}, {"inputs": [3]}, {"inputs": [3]}, id="lists replace"),
        pytest.param(
            {"parameters": {"a": "1", "b": "1"}},
            {"parameters": {"b": "2", "c": "2"}},
            {"parameters": {"a": "1", "b": "2", "c": "2"}},
            id="parameters merge",
        ),
        pytest.param(
            {"lifecycle": {"protect": True}},
            {"lifecycle": {"retain": True}},
            {"lifecycle": {"protect": True, "retain": True}},
            id="lifecycle merges",
        ),
        pytest.param(
            {"engine": ENGINE},
            {"engine": {"version": "w"}},
            {"engine": {"name": "n", "version": "w"}},
            id="another version of the engine",
        ),
        pytest.param({"engine": ENGINE}, {"engine": {"id": "4"}}, {"engine": {"id": "4"}}, id="id"),
        pytest.param({"engine": {"id": "4"}}, {"engine": ENGINE}, {"engine": ENGINE}, id="no id"),
        pytest.param(
            {"notification": {"topic_urn": "a", "events": ["e"]}},
            {"notification": {"topic_urn": "b"}},
            {"notification": {"topic_urn": "b"}},
            id="notification is replaced",
        ),
        pytest.param({"flavor": "f"}, {"pool_id": "p"}, {"pool_id": "p"}, id="pool for flavor"),
        pytest.param({"pool_id": "p"}, {"flavor": "f"}, {"flavor": "f"}, id="flavor for pool"),
        pytest.param(
            {"flavor": "f"},
            {"flavor": "g", "pool_id": "p"},
            {"flavor": "g", "pool_id": "p"},
            id="pool with its own flavor",
        ),
        pytest.param(CODE, {"algorithm": "a"}, {"algorithm": "a"}, id="algorithm for code"),
        pytest.param({"algorithm": "a"}, CODE, CODE, id="code for algorithm"),
        pytest.param(
            {"engine": ENGINE},
            {"image": "i", "command": "c"},
            {"image": "i", "command": "c"},
            id="image for engine",
        ),
        pytest.param({"image": "i", "command": "c"}, CODE, CODE, id="engine for image"),
        pytest.param(
            {"image": "i"},
            {"code_dir": "/b/c/", "boot_file": "t.py"},
            {"image": "i", "code_dir": "/b/c/", "boot_file": "t.py"},
            id="code in the image of the defaults",
        ),
        pytest.param({"output": "o"}, {"outputs": ["p"]}, {"outputs": ["p"]}, id="outputs"),
        pytest.param({"outputs": ["p"]}, {"output": "o"}, {"output": "o"}, id="output"),
    ],
)
def test_merge(defaults: dict[str, Any], own: dict[str, Any], merged: dict[str, Any]) -> None:
    assert merge(defaults, own).values == merged


def test_places_of_own_and_inherited_fields(loaded: Any) -> None:
    definition = loaded(
        "version: 1\n"
        "stack: s\n"
        "defaults:\n"
        "  flavor: f\n"
        "  engine: {name: n, version: v}\n"
        "  parameters: {a: 1, b.c: 2}\n"
        "jobs:\n"
        "  j:\n"
        "    engine: {version: w}\n"
        "    code_dir: /b/c/\n"
        "    boot_file: t.py\n"
        "    parameters: {a: 2}\n"
        "    output: /b/o/\n"
        "    pool_id: ~\n"
    )
    desired = definition.jobs["j"]
    places = {path: (place.line, place.column) for path, place in desired.fields.items()}

    assert (desired.location.line, desired.location.column) == (8, 3)
    assert places == {
        "flavor": (4, 3),
        "engine": (9, 5),
        "engine.name": (5, 12),
        "engine.version": (9, 14),
        "code_dir": (10, 5),
        "boot_file": (11, 5),
        "parameters": (12, 5),
        "parameters.a": (12, 18),
        "parameters.b.c": (6, 22),
        "output": (13, 5),
        "outputs": (13, 5),
    }
    assert len(desired.fields) == len(places)
    assert desired.place("outputs.0.path") == desired.fields["output"]
    assert desired.place("workers") == desired.location


def test_places_of_defaults_that_yielded_are_gone(loaded: Any) -> None:
    definition = loaded(
        "version: 1\nstack: s\n"
        "defaults: {flavor: f, engine: {name: n, version: v}}\n"
        "jobs: {j: {pool_id: p, code_dir: /b/, boot_file: t.py, engine: {id: 4}}}\n"
    )

    assert sorted(definition.jobs["j"].fields) == [
        "boot_file",
        "code_dir",
        "engine",
        "engine.id",
        "pool_id",
    ]


def test_a_null_does_not_take_a_default_back(loaded: Any) -> None:
    definition = loaded(
        "version: 1\nstack: s\ndefaults: {flavor: f, image: i, command: c}\n"
        "jobs: {j: {flavor: ~}, k: }\n"
    )

    assert [each.spec.flavor for each in definition.jobs.values()] == ["f", "f"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("  workers: two", "4:12 Wrong type", id="type"),
        pytest.param("  flavour: f", "4:3 Unknown key", id="unknown key"),
        pytest.param("  name: n", "4:3 Unknown key", id="name"),
        pytest.param("  log_dir: b", "4:3 Invalid path", id="path"),
        pytest.param("  pool_id: ${var.x}", "4:12 Unknown variable", id="reference"),
    ],
)
def test_mistakes_are_told_once_for_all_jobs(refused: Any, line: str, expected: str) -> None:
    jobs = "".join(f"  j{n}: {{flavor: f, image: i, command: c}}\n" for n in range(20))
    text = f"version: 1\nstack: s\ndefaults:\n{line}\njobs:\n{jobs}"

    assert [told(each) for each in refused(text)] == [expected]


def test_mistakes_are_told_without_any_job(refused: Any) -> None:
    text = "version: 1\nstack: s\ndefaults: {workers: 0}\n"

    assert [told(each) for each in refused(text)] == ["3:21 Invalid value"]
