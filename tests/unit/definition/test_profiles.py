"""Profiles: what they lay over the rest, and what is refused."""

from typing import Any

import pytest

from reconciler.errors import UsageError
from tests.unit.definition.conftest import told

BASE = """\
version: 1
stack: s
platform: {endpoint: local, region: r, project: p}
variables: {bucket: {default: dev, description: where}, more: "1"}
defaults: {flavor: f, engine: {name: n, version: v}, parameters: {lr: 1, epochs: 3}}
jobs:
  a: {code_dir: "/${var.bucket}/code/", boot_file: t.py, workers: 2, labels: {x: y}}
profiles:
  empty:
  prod:
"""


def profiled(lines: str) -> str:
    return BASE + "".join(f"    {line}\n" for line in lines.splitlines())


def test_nothing_is_laid_over_without_a_name(loaded: Any) -> None:
    plain = loaded(BASE)

    assert loaded(profiled("stack: t\ndefaults: {workers: 9}")).stack == "s"
    assert loaded(BASE, profile="empty").jobs == plain.jobs


def test_platform_and_variables(loaded: Any) -> None:
    lines = (
        "stack: s-prod\n"
        "platform: {endpoint: 'https://ma.example', project_id: '7'}\n"
        "variables: {bucket: live, extra: {default: e}}"
    )
    found = loaded(profiled(lines), profile="prod")

    assert found.stack == "s-prod"
    assert found.platform.model_dump(exclude_defaults=True) == {
        "endpoint": "https://ma.example",
        "region": "r",
        "project_id": "7",
    }
    assert found.jobs["a"].spec.code_dir == "/live/code/"


def test_given_variables_win_over_a_profile(loaded: Any) -> None:
    found = loaded(
        profiled("variables: {bucket: live}"), profile="prod", variables={"bucket": "mine"}
    )

    assert found.jobs["a"].spec.code_dir == "/mine/code/"


@pytest.mark.parametrize(
    ("lines", "changed"),
    [
        pytest.param("defaults: {flavor: g}", {"flavor": "g"}, id="text"),
        pytest.param("defaults: {flavor: }", {}, id="nothing"),
        pytest.param("defaults: {pool_id: p}", {"flavor": None, "pool_id": "p"}, id="other place"),
        pytest.param(
            "defaults: {parameters: {lr: 2}}", {"parameters": {"lr": "2", "epochs": "3"}}, id="map"
        ),
        pytest.param("jobs: {a: {workers: 1}}", {"workers": 1}, id="job"),
        pytest.param("jobs: {a: {engine: {id: 4}}}", {"engine": {"id": "4"}}, id="engine of a job"),
        pytest.param("defaults: {engine: {id: 4}}", {"engine": {"id": "4"}}, id="engine by its id"),
    ],
)
def test_defaults_and_jobs(loaded: Any, lines: str, changed: dict[str, Any]) -> None:
    before = loaded(BASE).jobs["a"].spec
    after = loaded(profiled(lines), profile="prod").jobs["a"].spec

    assert after == type(before).model_validate(before.model_dump() | changed)


def test_a_profile_may_add_jobs_of_its_own(loaded: Any) -> None:
    lines = "jobs: {smoke: {image: i, command: c}}"

    assert list(loaded(profiled(lines), profile="prod").jobs) == ["a", "smoke"]
    assert list(loaded(profiled(lines)).jobs) == ["a"]


def test_places_are_those_of_the_profile(loaded: Any, refused: Any) -> None:
    lines = "jobs: {a: {workers: 1}}"

    assert str(loaded(profiled(lines), profile="prod").jobs["a"].place("workers")) == (
        "jobs.yaml:11:16"
    )
    [problem] = refused(profiled("jobs: {a: {workers: x}}"), profile="prod")
    assert told(problem, above=10) == "1:25 Wrong type"


def test_profiles_of_several_files(loaded: Any) -> None:
    more = "profiles: {dev: {stack: dev}}"

    assert loaded({"a.yaml": BASE, "b.yaml": more}, profile="dev").stack == "dev"


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        pytest.param("platfrom: {}", "1:5 Unknown key", id="unknown key"),
        pytest.param("defaults: [a]", "1:15 Wrong type", id="list"),
        pytest.param("jobs: x", "1:11 Wrong type", id="text"),
        pytest.param("- a", "1:5 Wrong type", id="list for a profile"),
    ],
)
def test_the_form_of_every_profile_is_checked(refused: Any, lines: str, problem: str) -> None:
    assert [told(each, above=10) for each in refused(profiled(lines))] == [problem]


def test_credentials_are_refused_here_too(refused: Any) -> None:
    found = refused(profiled("platform: {password: x}"), profile="prod")

    assert [each.summary for each in found] == ["Credentials in a definition"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [("prodd", 'Did you mean "prod"?'), ("x", "It has: empty, prod.")],
)
def test_unknown_profile(loaded: Any, name: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        loaded(BASE, profile=name)

    assert (caught.value.summary, caught.value.hint) == ("Unknown profile", hint)


def test_no_profile_is_missing_when_a_file_is_broken(refused: Any) -> None:
    found = refused({"a.yaml": BASE, "b.yaml": "a: ["}, profile="other")

    assert [each.location.file for each in found] == ["b.yaml"]
