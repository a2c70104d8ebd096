"""Conditions in CEL: what is wrong with a text, and where; what cannot be evaluated, and why."""

import sys
from typing import Any

import pytest

from reconciler.errors import ReconcilerError
from reconciler.planning.expressions import ExpressionError, Language, UndecidedError

LANGUAGE = Language(
    {
        "it.kind": "text",
        "it.count": "number",
        "it.ok": "truth",
        "it.cost": "any",
        "it.labels": "texts",
        "it.after.flavor": "text",
        "it.rows": "rows",
    }
)
VALUES: dict[str, Any] = {
    "it.kind": "create",
    "it.count": 3,
    "it.ok": True,
    "it.cost": None,
    "it.labels": {"team": "vision"},
    "it.after.flavor": "gpu",
    "it.rows": [{"n": 1}, {"n": 2}],
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ('it.kind == "create" && it.count > 2', True),
        ("!it.ok", False),
        ('has(it.labels.team) && it.labels.team in ["vision", "nlp"]', True),
        ("has(it.labels.owner)", False),
        ('it . after . flavor == "gpu"', True),
        ("it.rows.all(row, row.n < 3)", True),
        ("it.rows.exists(row, row.n == 3)", False),
        ("it.cost == null", True),
        ("// a remark\nit.ok", True),
        ('it.kind.matches("^(cr|re)")', True),
        ("it.cost > 1 || it.ok", True),
    ],
)
def test_a_condition_holds_or_not(text: str, holds: bool) -> None:
    assert LANGUAGE.compile(text).holds(VALUES) is holds


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        pytest.param("it.kind ==", ["1:11 Invalid expression"], id="ends too early"),
        pytest.param("", ["1:1 Invalid expression"], id="empty"),
        pytest.param("it.kin == 'x'", ["1:1 Unknown name"], id="unknown field"),
        pytest.param("it.ok &&\n  that.ok", ["2:3 Unknown name"], id="unknown root, second line"),
        pytest.param("it.after == it.after", ["1:1 Unknown name", "1:13 Unknown name"], id="part"),
        pytest.param("lower(it.kind) == 'x'", ["1:6 Unknown name"], id="unknown function"),
        pytest.param("it.kind > 1", ["1:9 Wrong type"], id="text and number"),
        pytest.param("it.ok && it.count", ["1:7 Wrong type"], id="number as truth"),
        pytest.param("it.count", ["1:1 Wrong type"], id="no condition"),
        pytest.param("it.rows.map(row, row)", ["1:1 Wrong type"], id="a list"),
        pytest.param(
            "nobody + 1 > 2 && it.kind < 1",
            ["1:1 Unknown name", "1:27 Wrong type"],
            id="several, without what follows from them",
        ),
        pytest.param("(" * 99 + "true" + ")" * 99, ["0:0 Invalid expression"], id="too deep"),
    ],
)
def test_what_is_no_condition_is_told_at_its_place(text: str, problems: list[str]) -> None:
    with pytest.raises(ExpressionError) as wrong:
        LANGUAGE.compile(text)

    found = wrong.value.problems
    assert [f"{each.line}:{each.column} {each.summary}" for each in found] == problems


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("it.kid == 'x'", 'Did you mean "it.kind"?'),
        ("it.after == 'x'", "Name one of its values: it.after.flavor."),
        ("zzzzzz", "Known names: it.kind, "),
        ("${var.x} == 'x'", "References (${…}) do not work in expressions."),
        ("it.kind + 1 == 'x'", "+ cannot be applied to (string, int)."),
        ("it.kind <", "The expression ends too early."),
    ],
)
def test_what_is_wrong_is_said_in_words(text: str, said: str) -> None:
    with pytest.raises(ExpressionError) as wrong:
        LANGUAGE.compile(text)

    assert said in f"{wrong.value.problems[0].detail} {wrong.value.problems[0].hint}"


@pytest.mark.parametrize(
    ("text", "values", "said"),
    [
        pytest.param("it.labels.owner == 'x'", {}, 'not found in map : "owner"', id="no label"),
        pytest.param("it.cost < 5", {}, "< cannot be applied to (null_type, int64)", id="null"),
        pytest.param("it.count / 0 == 1", {}, "divide by zero", id="division"),
        pytest.param("it.kind.matches('[')", {}, "regular expression", id="pattern"),
        pytest.param("it.cost", {"it.cost": "x"}, "of the type string", id="no truth value"),
        pytest.param("it.cost > 1", {"it.cost": 10**30}, "out of range", id="huge number"),
        pytest.param(
            "it.rows.all(a, it.rows.all(b, it.rows.all(c, true)))",
            {"it.rows": [{"n": 1}] * 1000},
            "more than 10,000 elements",
            id="endless",
        ),
    ],
)
def test_what_cannot_be_evaluated_says_why(text: str, values: dict[str, Any], said: str) -> None:
    with pytest.raises(UndecidedError) as why:
        LANGUAGE.compile(text).holds(VALUES | values)

    assert said in str(why.value)


@pytest.mark.parametrize("text", ["now() > timestamp('2024-01-01T00:00:00Z')", "env.HOME == ''"])
def test_neither_time_nor_environment_is_there(text: str) -> None:
    with pytest.raises(ExpressionError):
        LANGUAGE.compile(text)


def test_only_the_values_that_may_be_looked_at_are_asked_for() -> None:
    condition = LANGUAGE.compile('it.after.flavor == "gpu"')

    assert condition.names == ("it.after.flavor",)
    assert condition.holds({"it.after.flavor": "gpu"})


def test_a_missing_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cel_expr_python", None)

    with pytest.raises(ReconcilerError) as missing:
        Language({})

    assert "pip install 'reconciler[policies]'" in missing.value.hint
