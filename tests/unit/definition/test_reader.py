"""Syntax: what is read, and what broken files are told, at which place."""

from typing import Any

import pytest
import yaml

from reconciler.definition import reader
from reconciler.definition.problems import Problems
from reconciler.definition.tree import ListNode, MappingNode, Value
from tests.unit.definition.conftest import told


def plain(value: Value) -> Any:
    match value:
        case MappingNode():
            return {key: plain(each) for key, each in value.values.items()}
        case ListNode():
            return [plain(each) for each in value.values]
    return value


def read(data: bytes, name: str = "jobs.yaml") -> tuple[Any, list[str]]:
    problems = Problems()
    tree = reader.read(data, problems.add_file(name, data), problems)
    return None if tree is None else plain(tree), [told(each) for each in problems.sorted()]


@pytest.fixture(params=["libyaml", "pure"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a test with libyaml's parser, and with the one that stands in for it."""
    if request.param == "libyaml" and not yaml.__with_libyaml__:
        pytest.skip("this PyYAML has no libyaml")
    monkeypatch.setattr(yaml, "__with_libyaml__", request.param == "libyaml")


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", {}, id="empty file"),
        pytest.param("# nothing\n", {}, id="only a comment"),
        pytest.param("~", {}, id="a null"),
        pytest.param("a: 1e-3\nb: no\nc: 007", {"a": "1e-3", "b": "no", "c": "007"}, id="texts"),
        pytest.param("1: a\ntrue: b", {"1": "a", "true": "b"}, id="keys are texts"),
        pytest.param("a: ~\nb:\nc: null\nd: NULL", dict.fromkeys("abcd"), id="nulls"),
        pytest.param("a: '~'\nb: ''\nc: \"null\"", {"a": "~", "b": "", "c": "null"}, id="quoted"),
        pytest.param("a: [b, [c], {d: e}]", {"a": ["b", ["c"], {"d": "e"}]}, id="flow"),
        pytest.param("a:\n- b\n- - c\n", {"a": ["b", ["c"]]}, id="block"),
        pytest.param("a: |\n  x\n  y\nb: >\n  x\n  y\n", {"a": "x\ny\n", "b": "x y\n"}, id="lines"),
        pytest.param('{"a": 1, "b": [true, null]}', {"a": "1", "b": ["true", None]}, id="JSON"),
        pytest.param('{"a":1,\n "b":{}}', {"a": "1", "b": {}}, id="compact JSON"),
        pytest.param("---\na: b\n...\n", {"a": "b"}, id="document markers"),
        pytest.param("\ufeffa: b", {"a": "b"}, id="byte order mark"),
        pytest.param("a: b\r\nc: d\r\n", {"a": "b", "c": "d"}, id="Windows line ends"),
        pytest.param("a: &x [1]\nb: *x\n", {"a": ["1"], "b": ["1"]}, id="alias of a list"),
        pytest.param("a: &x 1\nb: [*x, *x]\n", {"a": "1", "b": ["1", "1"]}, id="alias of a text"),
        pytest.param("&k a: b\nc: *k\n", {"a": "b", "c": "a"}, id="alias of a key"),
        pytest.param(
            "a: [/${var.b}/c/, x]", {"a": ["/${var.b}/c/", "x"]}, id="reference in a list"
        ),
        pytest.param("{a: ${env.X}}", {"a": "${env.X}"}, id="reference in a mapping"),
        pytest.param("a: '${x}'\nb: ${y}", {"a": "${x}", "b": "${y}"}, id="reference in a text"),
        pytest.param("a: [\ue0fa, \ue0fb]", {"a": ["\ue0fa", "\ue0fb"]}, id="our own signs"),
        pytest.param("'<<': b", {"<<": "b"}, id="quoted merge key"),
    ],
)
def test_reads(text: str, expected: Any) -> None:
    assert read(text.encode()) == (expected, [])


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("a: 1\n\tb: 2", "2:1 Tab character", id="tab at the start of a line"),
        pytest.param("a:\n  b: 1\n  \tc: 2", "3:3 Tab character", id="tab after spaces"),
        pytest.param("a: b: c", "1:5 Unexpected colon", id="two colons"),
        pytest.param("a: 1\n  b: 2", "2:4 Unexpected colon", id="indented too far"),
        pytest.param("a:\n    b: 1\n   c: 2", "3:4 Bad indentation", id="indented too little"),
        pytest.param('a: "b\nc: d\n', "1:4 Unclosed quote", id="double quote"),
        pytest.param("a: 'b\nc: d\n", "1:4 Unclosed quote", id="single quote"),
        pytest.param("a: [b\nc: d\n", "2:2 Unclosed bracket", id="bracket"),
        pytest.param("a: {b: c\nd: e\n", "2:2 Unclosed bracket", id="brace"),
        pytest.param("a: [", "1:5 Unclosed bracket", id="bracket at the end"),
        pytest.param("a: [b, ", "1:7 Unclosed bracket", id="comma at the end"),
        pytest.param("a: 1\nb\nc: 2\n", "3:1 Missing colon", id="word without colon"),
        pytest.param("a: @b", "1:4 Text must be quoted", id="at sign"),
        pytest.param("a: `b`", "1:4 Text must be quoted", id="backtick"),
        pytest.param('a: "b" c', "1:8 Unexpected text", id="text after a quote"),
        pytest.param("a: {b: c}}", "1:10 Unexpected text", id="one brace too many"),
        pytest.param("a: |x\n  b", "1:5 Invalid block text", id="block header"),
        pytest.param("a: 1\n---\nb: 2", "2:1 Several documents in one file", id="documents"),
        pytest.param("a: !!python/object:os.system b", "1:4 Tags are not allowed", id="Python tag"),
        pytest.param("a: !b [c]", "1:4 Tags are not allowed", id="tag of a list"),
        pytest.param("!!str a: b", "1:1 Tags are not allowed", id="tag of a key"),
        pytest.param("a: {<<: {b: c}}", "1:5 Unknown key", id="merge key"),
        pytest.param("? [a]\n: b", "1:3 Key is not a text", id="list as a key"),
        pytest.param("? {a: b}\n: c", "1:3 Key is not a text", id="mapping as a key"),
        pytest.param("a: &x b\n*x : c", "2:1 Key is not a text", id="alias as a key"),
        pytest.param("~: b", "1:1 Key is not a text", id="null as a key"),
        pytest.param("?\n: b", "1:2 Key is not a text", id="no key"),
        pytest.param("a: *b", "1:4 Unknown alias", id="alias without anchor"),
        pytest.param("a: &b [*b]", "1:8 Alias inside its own anchor", id="recursion"),
        pytest.param("[a]", "1:1 Not a definition", id="list"),
        pytest.param("a", "1:1 Not a definition", id="text"),
        pytest.param("%YAML 9.0\n---\na: b", "1:1 Directives are not allowed", id="directive"),
        pytest.param("a: b\0", "1:5 Control character", id="NUL"),
        pytest.param("a: é\nb: \x07", "2:4 Control character", id="bell"),
        pytest.param("a: " + "[" * 64, "1:67 Nested too deeply", id="deep lists"),
        pytest.param("{a: " * 65, "1:257 Nested too deeply", id="deep mappings"),
    ],
)
def test_refuses(text: str, problem: str) -> None:
    assert read(text.encode()) == (None, [problem])


@pytest.mark.usefixtures("parser")
def test_unknown_escape_is_told_at_its_backslash_or_behind_it() -> None:
    assert read(b'a: "\\q"') in [(None, [f"1:{column} Unknown escape"]) for column in (5, 6)]


def test_64_levels_are_fine() -> None:
    value, problems = read(b"a: " + b"[" * 63 + b"]" * 63)

    assert problems == []
    assert str(value["a"]).count("[") == 63


def test_depth_counts_through_aliases() -> None:
    deep = "[" * 40 + "]" * 40
    text = f"a: &x {deep}\nb: {'[' * 40}*x{']' * 40}\n"

    assert read(text.encode()) == (None, ["2:44 Nested too deeply"])


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        pytest.param(b"a: \xff", "1:4 Not UTF-8", id="invalid byte"),
        pytest.param("é: b\nç: ".encode() + b"\xe9", "2:4 Not UTF-8", id="Latin-1"),
        pytest.param(b"a: \xed\xa0\x80", "1:4 Not UTF-8", id="lone surrogate"),
        pytest.param("a: b".encode("utf-16"), "1:1 Not UTF-8", id="UTF-16"),
        pytest.param("a: b".encode("utf-32"), "1:1 Not UTF-8", id="UTF-32"),
        pytest.param("a: b".encode("utf-16-le"), "1:2 Control character", id="UTF-16 unmarked"),
    ],
)
def test_refuses_other_encodings(data: bytes, problem: str) -> None:
    assert read(data) == (None, [problem])


def test_duplicate_keys_name_both_places_and_are_told_together() -> None:
    problems = Problems()
    data = b"a: 1\nb: {c: 1, c: 2}\na: 2\n"
    reader.read(data, problems.add_file("x.yaml", data), problems)

    assert [told(each) for each in problems.sorted()] == ["2:11 Duplicate key", "3:1 Duplicate key"]
    assert [each.detail for each in problems.sorted()] == [
        '"c" already stands at x.yaml:2:5.',
        '"a" already stands at x.yaml:1:1.',
    ]


def test_alias_bomb_is_refused_before_it_grows() -> None:
    lines = ["a0: &a0 [" + ", ".join("x" * 10) + "]"]
    lines += [f"a{n}: &a{n} [" + ", ".join([f"*a{n - 1}"] * 10) + "]" for n in range(1, 12)]

    value, problems = read("\n".join(lines).encode())

    assert value is None
    assert [problem.split(" ", 1)[1] for problem in problems] == ["Too many aliased values"]


def test_many_values_without_aliases_are_fine() -> None:
    value, problems = read(b"a: [" + b"1," * 100_000 + b"]")

    assert (len(value["a"]), problems) == (100_000, [])


def test_unclosed_bracket_says_where_it_opens() -> None:
    problems = Problems()
    data = b"a: 1\nb: [c,\n d: e\nf: g\n"
    reader.read(data, problems.add_file("x.yaml", data), problems)

    (problem,) = problems.sorted()
    assert "It opens in line 2, column 4." in problem.detail


def test_places_count_characters_not_bytes() -> None:
    problems = Problems()
    data = 'a: {"ключ": "é", b: [x], b: y}'.encode()
    reader.read(data, problems.add_file("x.yaml", data), problems)

    assert [told(each) for each in problems.sorted()] == ["1:26 Duplicate key"]


@pytest.mark.usefixtures("parser")
def test_json_may_be_indented_by_tabs() -> None:
    assert read(b'{\n\t"a":\t"x\\ty"\n}', "jobs.json") == ({"a": "x\ty"}, [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(r'{"a": "\ud83d\ude00 \u00e9 \/"}', "😀 é /", id="pair and escapes"),
        pytest.param(r'{"a": "\\ud83d\\ude00"}', r"\ud83d\ude00", id="escaped backslashes"),
        pytest.param(r'{"a": "\\\ud83d\ude00"}', "\\😀", id="backslash before a pair"),
    ],
)
def test_json_escapes(text: str, expected: str) -> None:
    assert read(text.encode(), "jobs.json") == ({"a": expected}, [])


def test_lone_surrogate_in_json_is_refused() -> None:
    value, problems = read(rb'{"a": "\ud83d"}', "jobs.json")

    assert value is None
    assert [problem.split(" ", 1)[1] for problem in problems] == ["Unknown escape"]
