"""Differences field by field, as people read them."""

from typing import Any

import pytest

from reconciler.model.job import CodeDigest
from reconciler.model.spec import Engine, Input, Notification
from reconciler.planning.diff import code_changes, definition_changes, drift_changes
from tests.build import a_spec

A, B, C = (Input(path=f"/bucket/{name}/") for name in "abc")


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, Any, Any, bool]]:
    found = definition_changes(a_spec(**before), a_spec(**after))
    return [(c.path, c.before, c.after, c.forces_replace) for c in found]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param({}, {}, [], id="equal"),
        pytest.param(
            {"parameters": {"lr": "1", "bs": "2"}},
            {"parameters": {"bs": "2", "lr": "1"}},
            [],
            id="only the order of keys",
        ),
        pytest.param({"description": ""}, {}, [], id="empty and not written are the same"),
        pytest.param(
            {}, {"description": "ours"}, [("description", None, "ours", False)], id="described"
        ),
        pytest.param({"workers": 2}, {}, [("workers", 2, None, True)], id="back to the default"),
        pytest.param(
            {"log_dir": "/logs/"}, {}, [("log_dir", "/logs/", None, True)], id="no longer written"
        ),
        pytest.param(
            {"parameters": {"lr": "1", "bs": "2"}},
            {"parameters": {"lr": "3", "wd": "4"}},
            [
                ("parameters.bs", "2", None, True),
                ("parameters.lr", "1", "3", True),
                ("parameters.wd", None, "4", True),
            ],
            id="keys changed, dropped and added, by path",
        ),
        pytest.param(
            {"parameters": {"__seed": "1"}},
            {"parameters": {"__seed": "2"}},
            [("parameters.__seed", "1", "2", True)],
            id="a key that begins with underscores",
        ),
        pytest.param(
            {"parameters": {"a'b\"c.d[0]": "1"}},
            {"parameters": {"a'b\"c.d[0]": "2"}},
            [("parameters.a'b\"c.d[0]", "1", "2", True)],
            id="a key with quotes, dots and brackets",
        ),
        pytest.param(
            {"parameters": {"lr": "1"}},
            {"parameters": {"lr": "1.0"}},
            [("parameters.lr", "1", "1.0", True)],
            id="text is compared, not numbers",
        ),
        pytest.param(
            {"engine": Engine(id="27")},
            {"engine": Engine(name="TensorFlow")},
            [("engine.id", "27", None, True), ("engine.name", None, "TensorFlow", True)],
            id="an engine by name instead of id",
        ),
        pytest.param(
            {"inputs": (A, B)},
            {"inputs": (B, A)},
            [("inputs[0].path", A.path, B.path, True), ("inputs[1].path", B.path, A.path, True)],
            id="the order of a list counts",
        ),
        pytest.param(
            {"inputs": (A,)},
            {"inputs": (B, A)},
            [
                ("inputs[0].path", A.path, B.path, True),
                ("inputs[1]", None, {"path": A.path}, True),
            ],
            id="one more in front",
        ),
        pytest.param(
            {"inputs": (A, B, C)},
            {"inputs": (A, B)},
            [("inputs[2]", {"path": C.path}, None, True)],
            id="one less at the end",
        ),
        pytest.param(
            {"notification": Notification(topic_urn="t", events=("a", "b"))},
            {"notification": Notification(topic_urn="t", events=("c", "a", "b"))},
            [
                ("notification.events[0]", "a", "c", True),
                ("notification.events[1]", "b", "a", True),
                ("notification.events[2]", None, "b", True),
            ],
            id="plain lists position by position",
        ),
    ],
)
def test_definition_changes(
    before: dict[str, Any], after: dict[str, Any], expected: list[tuple[str, Any, Any, bool]]
) -> None:
    assert changes(before, after) == expected


def test_what_was_never_written_may_differ_on_the_platform_but_not_in_the_definition() -> None:
    bare, filled = a_spec(), a_spec(pool_id="pool7d1e384a")

    assert drift_changes(bare, filled) == ()
    assert [change.path for change in definition_changes(bare, filled)] == ["pool_id"]


LONG = "sha256:" + "0123456789abcdef" * 4
SHORT = "sha256:0123456789abcdef"


def a_code(digest: str, **files: str) -> CodeDigest:
    return CodeDigest(digest=digest, files={f"{name}.py": each for name, each in files.items()})


@pytest.mark.parametrize(
    ("recorded", "wanted", "expected"),
    [
        pytest.param(None, None, [], id="not watched"),
        pytest.param(a_code(LONG), a_code(LONG, train="1"), [], id="equal"),
        pytest.param(None, a_code(LONG), [("code", None, SHORT, False)], id="watched from now on"),
        pytest.param(a_code(LONG), None, [("code", SHORT, None, False)], id="watched no more"),
        pytest.param(
            a_code("sha256:1", train="1", model="2", old="3"),
            a_code("sha256:2", train="4", model="2", new="5"),
            [
                ("code.new.py", None, "5", True),
                ("code.old.py", "3", None, True),
                ("code.train.py", "1", "4", True),
            ],
            id="files",
        ),
        pytest.param(
            a_code("sha256:1"), a_code(LONG), [("code", "sha256:1", SHORT, True)], id="no files"
        ),
    ],
)
def test_code_changes(
    recorded: CodeDigest | None, wanted: CodeDigest | None, expected: list[Any]
) -> None:
    found = code_changes(recorded, wanted)

    assert [(c.path, c.before, c.after, c.forces_replace) for c in found] == expected
