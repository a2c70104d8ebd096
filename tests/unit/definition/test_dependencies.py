"""Dependencies: written ones, those implied by `${jobs.OTHER.output}`, and circles of them."""

from typing import Any

import pytest

from tests.unit.definition.conftest import told

HEAD = "version: 1\nstack: s\ndefaults: {flavor: f, image: i, command: c}\njobs:\n"


def jobs(*blocks: str) -> str:
    """Return a definition of the blocks, each on a line of its own from line 5 on."""
    return HEAD + "".join(f"  {block}\n" for block in blocks)


PREPARE = "prepare: {output: /b/data/}"
SWEEP = "r: {sweep: {lr: [1, 2]}, output: '/b/${sweep.lr}/'}"


@pytest.mark.parametrize(
    ("block", "depends_on"),
    [
        pytest.param("t: {depends_on: prepare}", ["prepare"], id="one"),
        pytest.param("t: {depends_on: ['r[lr=1]', prepare]}", ["prepare", "r[lr=1]"], id="several"),
        pytest.param("t: {depends_on: r}", ["r[lr=1]", "r[lr=2]"], id="a whole sweep"),
        pytest.param("t: {depends_on: 'r[*]'}", ["r[lr=1]", "r[lr=2]"], id="a glob"),
        pytest.param(
            "t: {depends_on: '*'}", ["prepare", "r[lr=1]", "r[lr=2]"], id="everything but itself"
        ),
        pytest.param("t: {depends_on: [prepare, p*]}", ["prepare"], id="named twice"),
        pytest.param("t: {inputs: [${jobs.prepare.output}]}", ["prepare"], id="implied"),
        pytest.param(
            "t: {inputs: [${jobs.r[lr=1].output}, ${jobs.r[lr=2].output}]}",
            ["r[lr=1]", "r[lr=2]"],
            id="implied, brackets in brackets",
        ),
        pytest.param("t: {depends_on: []}", [], id="none"),
    ],
)
def test_depends_on(loaded: Any, block: str, depends_on: list[str]) -> None:
    definition = loaded(jobs(block, PREPARE, SWEEP))

    assert list(definition.jobs["t"].depends_on) == depends_on
    assert definition.jobs["prepare"].depends_on == ()
    assert list(definition.jobs) == ["t", "prepare", "r[lr=1]", "r[lr=2]"]


def test_each_point_of_a_sweep_may_wait_for_another_one(loaded: Any) -> None:
    evaluate = "e: {sweep: {lr: [1, 2]}, inputs: '${jobs.r[lr=2].output}', depends_on: 'r[lr=1]'}"
    definition = loaded(jobs(evaluate, SWEEP))

    assert definition.jobs["e[lr=1]"].depends_on == ("r[lr=1]", "r[lr=2]")
    assert definition.jobs["e[lr=1]"].spec.inputs[0].path == "/b/2/"


def test_a_chain_of_outputs_in_any_order(loaded: Any) -> None:
    length = 3000
    blocks = [f"j{n}: {{output: '${{jobs.j{n + 1}.output}}x/'}}" for n in range(length)]
    short = [block.replace(".output}x/", ".output}") for block in blocks]
    definition = loaded(jobs(*short, f"j{length}: {{output: /b/end/}}"))

    assert definition.jobs["j0"].spec.outputs[0].path == "/b/end/"
    assert definition.jobs["j0"].depends_on == ("j1",)


def test_an_output_is_the_whole_normal_path(loaded: Any) -> None:
    definition = loaded(
        jobs(
            "t: {parameters: {data: 'obs:/${jobs.prepare.output}x'}}",
            "prepare: {output: obs://b/d}",
        )
    )

    assert definition.jobs["t"].spec.parameters == {"data": "obs://b/d/x"}


@pytest.mark.parametrize(
    ("blocks", "problems"),
    [
        pytest.param(["t: {depends_on: prepar}"], ["1:19 Unknown job"], id="unknown"),
        pytest.param(["t: {depends_on: 'r[lr=3]'}"], ["1:19 Unknown job"], id="unknown point"),
        pytest.param(["t: {depends_on: 'x*'}"], ["1:19 Unknown job"], id="glob for nothing"),
        pytest.param(["t: {depends_on: t}"], ["1:19 Jobs wait for each other"], id="itself"),
        pytest.param(["t: {depends_on: [[t]]}"], ["1:20 Wrong type"], id="nested"),
        pytest.param(
            ["t: {output: '${jobs.t.output}'}"], ["1:16 Jobs wait for each other"], id="own output"
        ),
        pytest.param(
            ["t: {inputs: '${jobs.x.output}'}"], ["1:16 Unknown job"], id="unknown output"
        ),
        pytest.param(["t: {inputs: '${jobs.r.output}'}"], ["1:16 Unknown job"], id="whole sweep"),
        pytest.param(
            ["t: {inputs: '${jobs.u.output}'}", "u: {}"], ["1:16 No such output"], id="no output"
        ),
        pytest.param(
            ["t: {inputs: '${jobs.u.output}'}", "u: {outputs: [/b/1, /b/2]}"],
            ["1:16 No such output"],
            id="two outputs",
        ),
        pytest.param(
            ["t: {inputs: '${jobs.u.output}'}", "u: {output: b}"],
            ["2:7 Invalid path"],
            id="broken output is told once",
        ),
        pytest.param(
            ["t: {inputs: '${jobs.u.output}'}", "u: []"],
            ["2:6 Wrong type"],
            id="broken block is told once",
        ),
        pytest.param(
            ["t: {inputs: '${jobs.prepare.name}'}"], ["1:16 Unknown reference"], id="other fact"
        ),
        pytest.param(
            ["t: {name: 'x${jobs.prepare.output}'}"], ["1:15 Unknown reference"], id="in the name"
        ),
        pytest.param(
            ["a: {depends_on: b}", "b: {depends_on: [c]}", "c: {depends_on: a}"],
            ["1:19 Jobs wait for each other"],
            id="circle",
        ),
        pytest.param(
            ["a: {inputs: '${jobs.b.output}'}", "b: {output: /b/, depends_on: a}"],
            ["1:15 Jobs wait for each other"],
            id="circle by an output",
        ),
        pytest.param(
            ["a: {output: '${jobs.b.output}'}", "b: {output: '${jobs.a.output}'}"],
            ["1:15 Jobs wait for each other"],
            id="circle of outputs",
        ),
    ],
)
def test_refused_at_its_place(refused: Any, blocks: list[str], problems: list[str]) -> None:
    found = refused(jobs(*blocks, PREPARE, SWEEP))

    assert [told(each, above=4) for each in found] == problems


def test_a_circle_is_told_with_the_way_around(refused: Any) -> None:
    blocks = [
        "x: {depends_on: a}",
        "c: {depends_on: a}",
        "a: {depends_on: b}",
        "b: {depends_on: c}",
    ]
    [problem] = refused(jobs(*blocks))

    assert problem.detail == 'Job "c": it depends on itself: c → a → b → c.'
    assert str(problem.location) == "jobs.yaml:6:19"


@pytest.mark.parametrize(
    ("block", "hint"),
    [
        ("t: {depends_on: prepar}", 'Did you mean "prepare"?'),
        ("t: {depends_on: 'r[lr=11]'}", 'Did you mean "r[lr=1]"?'),
        ("t: {inputs: '${jobs.r.output}'}", 'Name one of them, such as "r[lr=1]".'),
    ],
)
def test_the_meant_job_is_offered(refused: Any, block: str, hint: str) -> None:
    assert [each.hint for each in refused(jobs(block, PREPARE, SWEEP))] == [hint]


def test_too_many_dependencies_are_refused_in_time(refused: Any) -> None:
    values = ", ".join(map(str, range(2000)))
    found = refused(
        jobs(f"a: {{sweep: {{x: [{values}]}}}}", f"b: {{depends_on: a, sweep: {{x: [{values}]}}}}")
    )

    assert [each.summary for each in found] == ["Too many dependencies"]
