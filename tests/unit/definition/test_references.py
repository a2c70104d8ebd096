"""References: what they stand for, and at which place a wrong one is told."""

from typing import Any

import pytest

from tests.unit.definition.conftest import MINIMAL, told

HEAD = "version: 1\nstack: s\nvariables:\n  x: one\n  y: {default: two, description: d}\n"


def job(line: str, head: str = HEAD) -> str:
    lines = "".join(f"    {each}\n" for each in MINIMAL.splitlines())
    return f"{head}jobs:\n  a:\n{lines}    {line}\n"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param("${var.x}", "one", id="variable"),
        pytest.param("${var.x}${var.y}", "onetwo", id="two variables"),
        pytest.param("a-${var.y}-b", "a-two-b", id="in the middle"),
        pytest.param("${env.HOME_1}", "/root", id="environment"),
        pytest.param("${env.EMPTY}", "", id="empty environment variable"),
        pytest.param("${job.name}", "a", id="name of the job"),
        pytest.param("$${var.x}", "${var.x}", id="escape"),
        pytest.param("$$${var.x}", "$${var.x}", id="escape after a dollar"),
        pytest.param("$x $(y) {z} $", "$x $(y) {z} $", id="other dollars"),
        pytest.param("${env.NESTED}", "${var.x}", id="values are not searched again"),
    ],
)
@pytest.mark.parametrize("quotes", ["plain", '"', "'"])
def test_resolves(loaded: Any, written: str, quotes: str, expected: str) -> None:
    environment = {"HOME_1": "/root", "EMPTY": "", "NESTED": "${var.x}"}
    text = written if quotes == "plain" else f"{quotes}{written}{quotes}"

    definition = loaded(job(f"parameters:\n      p: {text}"), environment=environment)

    assert definition.jobs["a"].spec.parameters == {"p": expected}


def test_resolve_in_brackets_without_quotes(loaded: Any) -> None:
    definition = loaded(job("inputs: [/${var.x}/in/, {path: /${var.y}/in/}]"))

    assert [each.path for each in definition.jobs["a"].spec.inputs] == ["/one/in/", "/two/in/"]


def test_resolve_before_types_are_checked(loaded: Any) -> None:
    head = "version: 1\nstack: s\nvariables: {n: 4, p: true, r: retry}\n"
    lines = "workers: ${var.n}\n    lifecycle: {protect: ${var.p}, on_failure: ${var.r}}"
    desired = loaded(job(lines, head)).jobs["a"]

    assert desired.spec.workers == 4
    assert (desired.lifecycle.protect, desired.lifecycle.on_failure) == (True, "retry")


def test_job_name_is_the_platforms(loaded: Any) -> None:
    definition = loaded(job("name: other-${var.x}\n    output: /b/${job.name}/"))

    (desired,) = definition.jobs.values()
    assert desired.spec.outputs[0].path == "/b/other-one/"


def test_job_name_in_defaults_is_each_jobs_own(loaded: Any) -> None:
    definition = loaded(
        "version: 1\nstack: s\n"
        "defaults: {flavor: f, image: i, command: c, output: /b/${job.name}}\n"
        "jobs: {a: , b: {name: c}}\n"
    )

    paths = [each.spec.outputs[0].path for each in definition.jobs.values()]
    assert paths == ["/b/a/", "/b/c/"]


def test_references_in_platform(loaded: Any) -> None:
    text = f"{HEAD}platform: {{region: '${{var.x}}', project: '${{env.P}}'}}\n"
    platform = loaded(text, environment={"P": "p"}).platform

    assert (platform.region, platform.project) == ("one", "p")


@pytest.mark.parametrize(
    ("line", "place", "summary"),
    [
        pytest.param("pool_id: ${var.z}", "14", "Unknown variable", id="unknown variable"),
        pytest.param("pool_id: ab${var.z}", "16", "Unknown variable", id="inside a text"),
        pytest.param('pool_id: "ab${var.z}"', "17", "Unknown variable", id="inside quotes"),
        pytest.param("pool_id: ${var.x}${var.z}", "22", "Unknown variable", id="second one"),
        pytest.param("pool_id: $${var.z}${var.z}", "23", "Unknown variable", id="after an escape"),
        pytest.param("inputs: [/a/, /${var.z}/]", "20", "Unknown variable", id="in brackets"),
        pytest.param("pool_id: ${env.NO}", "14", "Environment variable is not set", id="not set"),
        pytest.param("pool_id: ${env.}", "14", "Unknown reference", id="no name"),
        pytest.param("pool_id: ${env.A-B}", "14", "Unknown reference", id="no such name"),
        pytest.param("pool_id: ${HOME}", "14", "Unknown reference", id="as in a shell"),
        pytest.param("pool_id: ${}", "14", "Unknown reference", id="empty"),
        pytest.param("pool_id: ${ var.x }", "14", "Unknown reference", id="spaces"),
        pytest.param("pool_id: ${job.id}", "14", "Unknown reference", id="other fact of the job"),
        pytest.param("pool_id: ${jobs.b.output}", "14", "Unknown job", id="other job"),
        pytest.param("pool_id: ${var.x", "14", "Unterminated reference", id="not closed"),
        pytest.param('pool_id: "${var.x ${var.y}"', "15", "Unterminated reference", id="nested"),
        pytest.param("name: n-${job.name}", "13", "Unknown reference", id="name in the name"),
    ],
)
def test_refused_at_its_place(refused: Any, line: str, place: str, summary: str) -> None:
    assert [told(each, above=10) for each in refused(job(line))] == [f"1:{place} {summary}"]


def test_place_in_a_block_of_lines(refused: Any) -> None:
    text = job("parameters:\n      p: |\n        one ${var.x}\n        two ${var.z}\n")

    assert [told(each, above=10) for each in refused(text)] == ["4:13 Unknown variable"]


def test_place_behind_an_escape_is_the_texts(refused: Any) -> None:
    text = job('pool_id: "\\x24{var.z}"')

    assert [told(each, above=10) for each in refused(text)] == ["1:14 Unknown variable"]


@pytest.mark.parametrize(
    ("reference", "hint"),
    [
        pytest.param("${var.xs}", 'Did you mean "x"?', id="close variable"),
        pytest.param("${var.other}", "Declare it below `variables:`.", id="no close variable"),
        pytest.param("${vars.x}", "Did you mean `${var.x}`? ", id="close kind"),
        pytest.param("${ var.x }", "Did you mean `${var.x}`? ", id="spaces"),
        pytest.param("${job.nam}", "Did you mean `${job.name}`? ", id="close fact"),
        pytest.param("${HOME}", "Write `$${` where a literal `${` is meant.", id="shell"),
        pytest.param("${env.NO}", "Set it before you run the command (export NO=…).", id="not set"),
    ],
)
def test_hints(refused: Any, reference: str, hint: str) -> None:
    (problem,) = refused(job(f"pool_id: '{reference}'"))

    assert problem.hint.startswith(hint)


def test_values_of_the_environment_stay_out_of_messages(refused: Any) -> None:
    lines = "workers: ${env.T}\n    lifecycle: {on_failure: '${env.T}', protect: '${env.T}'}"

    problems = refused(job(lines), environment={"T": "hunter2"})

    assert len(problems) == 3
    assert "hunter2" not in "".join(map(str, problems))


def test_control_characters_from_the_environment_are_refused(refused: Any) -> None:
    problems = refused(job("pool_id: ${env.T}"), environment={"T": "a\x1bb"})

    assert [each.summary for each in problems] == ["Control character"]


@pytest.mark.parametrize(
    ("variables", "given", "expected"),
    [
        pytest.param("{x: a}", {}, "a", id="shorthand"),
        pytest.param("{x: {default: a}}", {}, "a", id="default"),
        pytest.param("{x: {default: ''}}", {}, "", id="empty default"),
        pytest.param("{x: ${env.E}}", {}, "from env", id="default from the environment"),
        pytest.param("{x: a}", {"x": "b"}, "b", id="given over a default"),
        pytest.param("{x: }", {"x": "b"}, "b", id="given without default"),
        pytest.param(
            "{x: ${env.UNSET}}", {"x": "b"}, "b", id="given, the default is not looked up"
        ),
        pytest.param(
            "{x: a}", {"x": "${env.E}"}, "${env.E}", id="given texts are taken as they are"
        ),
        pytest.param("{x: a}", {"x": ""}, "", id="given empty"),
    ],
)
def test_variables(loaded: Any, variables: str, given: dict[str, str], expected: str) -> None:
    text = job("description: '${var.x}'", f"version: 1\nstack: s\nvariables: {variables}\n")

    definition = loaded(text, variables=given, environment={"E": "from env"})

    assert definition.jobs["a"].spec.description == expected


@pytest.mark.parametrize(
    ("variables", "given", "expected"),
    [
        pytest.param("  x:", {}, ["4:3 Variable has no value"], id="no value"),
        pytest.param(
            "  x: {description: d}", {}, ["4:3 Variable has no value"], id="only described"
        ),
        pytest.param("  x: a", {"y": "b"}, ["Unknown variable"], id="unknown one given"),
        pytest.param("  x: [a]", {}, ["4:6 Wrong type"], id="list"),
        pytest.param("  x: {defaul: a}", {}, ["4:7 Unknown key"], id="unknown key"),
        pytest.param("  1x: a", {}, ["4:3 Invalid name"], id="name"),
        pytest.param("  x: a\n  y: ${var.x}", {}, ["5:6 Unknown reference"], id="of a variable"),
        pytest.param("  x: ${job.name}", {}, ["4:6 Unknown reference"], id="of a job"),
        pytest.param("  x: ${env.NO}", {}, ["4:6 Environment variable is not set"], id="not set"),
    ],
)
def test_variables_refused(
    refused: Any, variables: str, given: dict[str, str], expected: list[str]
) -> None:
    text = f"version: 1\nstack: s\nvariables:\n{variables}\n"

    assert [told(each) for each in refused(text, variables=given)] == expected


def test_given_variable_says_what_was_meant(refused: Any) -> None:
    text = "version: 1\nstack: s\nvariables: {bucket: a}\n"
    (problem,) = refused(text, variables={"buckett": "b"})

    assert problem.hint == 'Did you mean "bucket"?'
