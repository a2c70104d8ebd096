"""Sweeps: addresses, names, values as parameters, exclude and include, and what is refused."""

from typing import Any

import pytest

from reconciler.model.address import sweep_address, with_sorted_values
from tests.unit.definition.conftest import MINIMAL, told


def swept(block: str, more: str = "") -> str:
    """Return a definition of one job `r`; its sweep begins in line 8, column 14 is its first."""
    lines = "".join(f"      {line}\n" for line in block.splitlines())
    rest = "".join(f"    {line}\n" for line in more.splitlines())
    base = "".join(f"    {line}\n" for line in MINIMAL.splitlines())
    return f"version: 1\nstack: s\njobs:\n  r:\n{base}    sweep:\n{lines}{rest}"


def test_every_combination_is_a_job_with_an_address_of_sorted_values(loaded: Any) -> None:
    jobs = loaded(swept("lr: [0.1, 1e-2]\nbatch_size: [32, 64]")).jobs

    assert {address: job.spec.name for address, job in jobs.items()} == {
        "r[batch_size=32,lr=0.1]": "r-batch_size-32-lr-0_1",
        "r[batch_size=64,lr=0.1]": "r-batch_size-64-lr-0_1",
        "r[batch_size=32,lr=1e-2]": "r-batch_size-32-lr-1e-2",
        "r[batch_size=64,lr=1e-2]": "r-batch_size-64-lr-1e-2",
    }
    assert all(job.address == address for address, job in jobs.items())


def test_swept_values_are_parameters_as_written(loaded: Any) -> None:
    jobs = loaded(swept("lr: [0.10]\nflag: [no]", "parameters: {epochs: 3}")).jobs

    [job] = jobs.values()
    assert job.spec.parameters == {"lr": "0.10", "flag": "no", "epochs": "3"}
    assert str(job.place("parameters.lr")) == "jobs.yaml:9:7"


@pytest.mark.parametrize(
    ("more", "parameters"),
    [
        pytest.param("parameters: {lr: 5}", {"lr": "5"}, id="a parameter that is written"),
        pytest.param("parameters: {rate: '${sweep.lr}'}", {"rate": "1"}, id="under another name"),
        pytest.param("pool_id: p-${sweep.lr}", {}, id="used for something else"),
        pytest.param("output: /b/${sweep.lr}/", {"lr": "1"}, id="a place to write to"),
        pytest.param("description: lr ${sweep.lr}", {"lr": "1"}, id="a description"),
        pytest.param("labels: {lr: '${sweep.lr}'}", {"lr": "1"}, id="a label"),
        pytest.param("environment: {LR: '${sweep.lr}'}", {}, id="an environment variable"),
    ],
)
def test_a_value_that_the_job_places_itself(loaded: Any, more: str, parameters: Any) -> None:
    [job] = loaded(swept("lr: [1]", more)).jobs.values()

    assert job.spec.parameters == parameters


def test_swept_parameters_win_over_the_defaults(loaded: Any) -> None:
    text = "defaults: {parameters: {lr: 9, epochs: 3}}\n" + swept("lr: [1]")
    [job] = loaded(text).jobs.values()

    assert job.spec.parameters == {"lr": "1", "epochs": "3"}


def test_values_stand_in_every_text_and_fit_for_names_in_the_name(loaded: Any) -> None:
    jobs = loaded(
        swept("lr: [0.1, 0.2]", "name: run-${sweep.lr}\noutput: /b/${sweep.lr}/${job.name}/")
    ).jobs

    assert [(job.spec.name, job.spec.outputs[0].path) for job in jobs.values()] == [
        ("run-0_1", "/b/0.1/run-0_1/"),
        ("run-0_2", "/b/0.2/run-0_2/"),
    ]


def test_values_may_come_from_variables(loaded: Any) -> None:
    text = "variables: {x: 7}\n" + swept("lr: ['${var.x}', 8]")

    assert list(loaded(text).jobs) == ["r[lr=7]", "r[lr=8]"]


@pytest.mark.parametrize(
    ("block", "addresses"),
    [
        pytest.param(
            "a: [1, 2]\nb: [3, 4]\nexclude: [{a: 1, b: 4}]",
            ["r[a=1,b=3]", "r[a=2,b=3]", "r[a=2,b=4]"],
            id="one point out",
        ),
        pytest.param(
            "a: [1, 2]\nb: [3, 4]\nexclude: [{a: 1}]", ["r[a=2,b=3]", "r[a=2,b=4]"], id="some out"
        ),
        pytest.param("a: [1]\ninclude: [{a: 2}]", ["r[a=1]", "r[a=2]"], id="one point more"),
        pytest.param(
            "a: [1]\ninclude: [{a: 2, c: 3}]", ["r[a=1]", "r[a=2,c=3]"], id="point with more keys"
        ),
        pytest.param(
            "a: [1, 2]\ninclude: [{a: 1, c: 3}]", ["r[a=1,c=3]", "r[a=2]"], id="grown point"
        ),
        pytest.param("a: [1, 2]\ninclude: [{c: 3}]", ["r[a=1,c=3]", "r[a=2,c=3]"], id="all grown"),
        pytest.param(
            "include: [{a: 1, b: 2}, {a: 2, b: 1}]", ["r[a=1,b=2]", "r[a=2,b=1]"], id="points only"
        ),
        pytest.param(
            "a: [1, 2]\nexclude: {a: 2}\ninclude: {a: 3}", ["r[a=1]", "r[a=3]"], id="single entries"
        ),
        pytest.param("a: 1", ["r[a=1]"], id="single value"),
        pytest.param("a: ['']", ["r[a=]"], id="empty value"),
        pytest.param(
            "a: ['x,b=1']\nb: ['[ ]']", ["r[a=x%2Cb%3D1,b=%5B%20%5D]"], id="ambiguous values"
        ),
        pytest.param("a: ['50%', '*?']", ["r[a=50%25]", "r[a=%2A%3F]"], id="globs and percents"),
    ],
)
def test_points(loaded: Any, block: str, addresses: list[str]) -> None:
    jobs = loaded(swept(block, "name: '${sweep.a}'" if "a: ['5" in block else "")).jobs

    assert list(jobs) == addresses


@pytest.mark.parametrize(
    ("block", "problem"),
    [
        pytest.param("a: [1, 2, 1]", "1:17 Duplicate value", id="value twice"),
        pytest.param("a: []", "1:10 Missing value", id="no values"),
        pytest.param("a: [~]", "1:11 Missing value", id="null"),
        pytest.param("a: [[1]]", "1:11 Wrong type", id="nested"),
        pytest.param("a: [{b: 1}]", "1:11 Wrong type", id="mapping"),
        pytest.param("1a: [1]", "1:7 Invalid name", id="key"),
        pytest.param("a: ['${sweep.a}']", "1:12 Unknown reference", id="reference to itself"),
        pytest.param("a: [1]\nexclude: [{b: 1}]", "2:17 Unknown key", id="exclude of another key"),
        pytest.param("a: [1]\nexclude: [{a: 2}]", "2:17 Nothing to exclude", id="of no value"),
        pytest.param("a: [1]\nexclude: [1]", "2:17 Wrong type", id="exclude of a text"),
        pytest.param("a: [1]\nexclude: [{a: 1}]", "1:7 Empty sweep", id="nothing left"),
        pytest.param("a: [1]\nb: [2]\ninclude: [{a: 2}]", "3:17 Missing key", id="half a point"),
        pytest.param("a: [1]\ninclude: [{a: 1}]", "2:17 Duplicate value", id="known point"),
        pytest.param("a: [0.1, 0_1]", "-4:3 Duplicate job name", id="names that are alike"),
        pytest.param(f"a: [{'x' * 64}]", "0:5 Invalid job name", id="long name"),
        pytest.param(
            "".join(f"k{n}: [{', '.join(map(str, range(10)))}]\n" for n in range(5)),
            "1:7 Too many jobs in a sweep",
            id="too many points",
        ),
    ],
)
def test_refused_at_its_place(refused: Any, block: str, problem: str) -> None:
    assert [told(each, above=8) for each in refused(swept(block))] == [problem]


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        pytest.param("image: ${sweep.b}", "Unknown reference", id="key that is not swept"),
        pytest.param("name: same", "Duplicate job name", id="name without the values"),
    ],
)
def test_refused_once_for_all_jobs(refused: Any, more: str, problem: str) -> None:
    text = swept("a: [1, 2]", more).replace(
        "    image: i\n", "" if "image" in more else "    image: i\n"
    )

    assert [each.summary for each in refused(text)] == [problem]


@pytest.mark.parametrize(
    "line",
    ["defaults: {sweep: {a: [1]}}", "defaults: {depends_on: r}", "defaults: {image: '${sweep.a}'}"],
)
def test_not_in_the_defaults(refused: Any, line: str) -> None:
    summaries = {each.summary for each in refused(f"{line}\n" + swept("a: [1]"))}

    assert summaries <= {"Unknown key", "Unknown reference"}


def test_a_product_that_would_fill_the_memory_is_counted_first(refused: Any) -> None:
    values = ", ".join(map(str, range(1000)))
    block = "".join(f"k{n}: &a [{values}]\n" for n in range(50))

    assert [each.summary for each in refused(swept(block))] == ["Too many jobs in a sweep"]


def test_addresses_name_their_values_in_any_order() -> None:
    address = sweep_address("r", {"b": "1", "a": "x y"})

    assert address == "r[a=x%20y,b=1]"
    assert with_sorted_values("r[b=1,a=x%20y]") == address
    assert with_sorted_values("r") == "r"
    assert with_sorted_values("r[") == "r["
