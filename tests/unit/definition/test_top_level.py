"""Version, stack, platform and the jobs as a whole."""

from typing import Any

import pytest

from reconciler.model.platform import PlatformSettings
from tests.unit.definition.conftest import told

EXAMPLE = """\
version: 1
stack: vision                     # names the state
platform:
  api: modelarts/v1               # or modelarts/v2
  endpoint: local                 # embedded; or https://modelarts.eu-de.otc.t-systems.com
  auth_url: https://iam.eu-de.otc.t-systems.com/v3
  region: eu-de
  project: eu-de_ml               # or project_id; credentials never stand in a definition
  workspace_id: "0"
variables:
  bucket: {default: test-modelarts, description: OBS bucket}
defaults:
  flavor: modelarts.vm.cpu.8u
  workers: 1
jobs:
  jobtest_TF:
    description: using TensorFlow for handwritten digit recognition
    engine: {name: TensorFlow, version: TF-1.8.0-python3.6}
    code_dir: /${var.bucket}/mnist-tensorflow-code/
    boot_file: train_mnist_tf.py  # relative to code_dir, or a path inside it
    inputs: [/${var.bucket}/dataset-mnist/]
    output: /${var.bucket}/mnist-model/output/
    parameters: {learning_rate: 1e-3, batch_size: 32}
    lifecycle: {on_failure: retry, max_attempts: 3}
"""


def test_whole_example(loaded: Any) -> None:
    definition = loaded(EXAMPLE)
    job = definition.jobs["jobtest_TF"]

    assert definition.stack == "vision"
    assert definition.platform == PlatformSettings(
        auth_url="https://iam.eu-de.otc.t-systems.com/v3", region="eu-de", project="eu-de_ml"
    )
    assert job.spec.canonical == {
        "name": "jobtest_TF",
        "description": "using TensorFlow for handwritten digit recognition",
        "flavor": "modelarts.vm.cpu.8u",
        "engine": {"name": "TensorFlow", "version": "TF-1.8.0-python3.6"},
        "code_dir": "/test-modelarts/mnist-tensorflow-code/",
        "boot_file": "/test-modelarts/mnist-tensorflow-code/train_mnist_tf.py",
        "inputs": [{"path": "/test-modelarts/dataset-mnist/"}],
        "outputs": [{"path": "/test-modelarts/mnist-model/output/"}],
        "parameters": {"learning_rate": "1e-3", "batch_size": "32"},
    }
    assert (job.lifecycle.on_failure, job.lifecycle.max_attempts) == ("retry", 3)
    assert str(job.place("engine.version")) == "jobs.yaml:18:32"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("stack: s", ["1:1 Missing version"], id="no version"),
        pytest.param("version: 1", ["1:1 Missing stack"], id="no stack"),
        pytest.param("", ["1:1 Missing stack", "1:1 Missing version"], id="empty"),
        pytest.param("version: 2\nstack: s", ["1:10 Unsupported version"], id="newer version"),
        pytest.param("version: 1.0\nstack: s", ["1:10 Unsupported version"], id="other version"),
        pytest.param("version: [1]\nstack: s", ["1:10 Unsupported version"], id="list of versions"),
        pytest.param("version: 1\nstack: a b", ["2:8 Invalid value"], id="space in the stack"),
        pytest.param("version: 1\nstack: -a", ["2:8 Invalid value"], id="stack like an option"),
        pytest.param("version: 1\nstack: ../a", ["2:8 Invalid value"], id="stack like a path"),
        pytest.param("version: 1\nstack: " + "a" * 65, ["2:8 Invalid value"], id="long stack"),
        pytest.param("version: 1\nstack: ${env.S}", ["2:8 Invalid value"], id="no references"),
        pytest.param("version: 1\nstack: [a]", ["2:8 Wrong type"], id="list of stacks"),
        pytest.param("version: 1\nstack: s\njob: {}", ["3:1 Unknown key"], id="unknown key"),
        pytest.param("version: 1\nstack: s\nprofile: {}", ["3:1 Unknown key"], id="close key"),
        pytest.param("version: 1\nstack: s\njobs: [a]", ["3:7 Wrong type"], id="list of jobs"),
        pytest.param("version: 1\nstack: s\nvariables: a", ["3:12 Wrong type"], id="variables"),
        pytest.param("version: 1\nstack: s\ndefaults: a", ["3:11 Wrong type"], id="defaults"),
        pytest.param("version: 1\nstack: s\nplatform: a", ["3:11 Wrong type"], id="platform"),
        pytest.param("version: 1\nstack: s\njobs: {a: b}", ["3:11 Wrong type"], id="text as a job"),
        pytest.param("version: 1\nstack: s\njobs: {a b: }", ["3:8 Invalid job name"], id="job key"),
        pytest.param(
            "version: 1\nstack: s\njobs: {'${var.x}': }",
            ["3:8 Invalid job name"],
            id="no references in keys",
        ),
        pytest.param("version: 1\nstack: s\nstack: t", ["3:1 Duplicate key"], id="duplicate"),
    ],
)
def test_refused(refused: Any, text: str, expected: list[str]) -> None:
    assert [told(each) for each in refused(text)] == expected


@pytest.mark.parametrize("stack", ["a", "A9", "a_b-c", "1", "0" * 64])
def test_stack_names(loaded: Any, stack: str) -> None:
    assert loaded(f"version: 1\nstack: {stack}\n").stack == stack


def test_a_definition_may_be_empty_of_jobs(loaded: Any) -> None:
    definition = loaded("version: 1\nstack: s\njobs:\n")

    assert (dict(definition.jobs), definition.platform) == ({}, PlatformSettings())


def test_jobs_keep_the_order_of_the_file(loaded: Any) -> None:
    jobs = "".join(f"  {name}: {{flavor: f, image: i, command: c}}\n" for name in "cab")

    assert list(loaded(f"version: 1\nstack: s\njobs:\n{jobs}").jobs) == ["c", "a", "b"]


@pytest.mark.parametrize(
    ("second", "column"),
    [pytest.param("name: x", 4, id="both named"), pytest.param("", 1, id="named like a key")],
)
def test_names_may_not_collide(refused: Any, second: str, column: int) -> None:
    name = "x" if second else "b"
    text = (
        "version: 1\nstack: s\ndefaults: {flavor: f, image: i, command: c}\njobs:\n"
        f"  a: {{name: {name}}}\n  b: {{{second}}}\n"
    )
    (problem,) = refused(text)

    assert told(problem) == f"6:{column + 2 + (1 if second else 0)} Duplicate job name"
    assert 'job "a" at jobs.yaml:5:7' in problem.detail


@pytest.mark.parametrize(
    ("written", "settings"),
    [
        pytest.param("api: modelarts/v1", {}, id="api"),
        pytest.param("api: modelarts/v2", {"api": "modelarts/v2"}, id="current API"),
        pytest.param("endpoint: local", {}, id="local"),
        pytest.param("endpoint: https://x.example/", {"endpoint": "https://x.example"}, id="slash"),
        pytest.param(
            "endpoint: https://x.example:8443/a//",
            {"endpoint": "https://x.example:8443/a"},
            id="path",
        ),
        pytest.param(
            "endpoint: http://localhost:80", {"endpoint": "http://localhost:80"}, id="loopback"
        ),
        pytest.param(
            "endpoint: http://127.0.0.9", {"endpoint": "http://127.0.0.9"}, id="its block"
        ),
        pytest.param(
            "endpoint: 'http://[::1]:80'", {"endpoint": "http://[::1]:80"}, id="IPv6 loopback"
        ),
        pytest.param("workspace_id: 7", {"workspace_id": "7"}, id="workspace"),
        pytest.param("project_id: 0123", {"project_id": "0123"}, id="project by id"),
        pytest.param("project: eu-de_ml", {"project": "eu-de_ml"}, id="project by name"),
        pytest.param("{}", {}, id="nothing"),
    ],
)
def test_platform(loaded: Any, written: str, settings: dict[str, str]) -> None:
    platform = loaded(f"version: 1\nstack: s\nplatform:\n  {written}\n").platform

    assert platform == PlatformSettings(**settings)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param("api: modelarts/v3", "8 Invalid value", id="unknown API"),
        pytest.param("endpoint: http://x.example", "13 Invalid URL", id="plain http"),
        pytest.param("endpoint: http://localhost.example", "13 Invalid URL", id="not quite local"),
        pytest.param("auth_url: http://10.0.0.1/v3", "13 Invalid URL", id="plain http to log in"),
        pytest.param("endpoint: ftp://x.example", "13 Invalid URL", id="other scheme"),
        pytest.param("endpoint: x.example", "13 Invalid URL", id="no scheme"),
        pytest.param("endpoint: https://", "13 Invalid URL", id="no host"),
        pytest.param("endpoint: 'https://[x'", "13 Invalid URL", id="half an address"),
        pytest.param("endpoint: https://x:99999", "13 Invalid URL", id="port"),
        pytest.param("endpoint: https://u:hunter2@x", "13 Invalid URL", id="password"),
        pytest.param("endpoint: https://u@x", "13 Invalid URL", id="user"),
        pytest.param("endpoint: https://x/?a=hunter2", "13 Invalid URL", id="query"),
        pytest.param("endpoint: 'https://x/#a'", "13 Invalid URL", id="fragment"),
        pytest.param("endpoint: https://x y", "13 Invalid URL", id="space"),
        pytest.param("auth_url: local", "13 Invalid URL", id="local login"),
        pytest.param("endpoint: ''", "13 Invalid value", id="empty"),
        pytest.param(
            "{project: a, project_id: b}", "16 Keys exclude each other", id="two projects"
        ),
        pytest.param("regoin: x", "3 Unknown key", id="typo"),
        pytest.param("password: hunter2", "3 Credentials in a definition", id="pass word"),
        pytest.param("token: hunter2", "3 Credentials in a definition", id="token"),
        pytest.param("X-Auth-Token: hunter2", "3 Credentials in a definition", id="header"),
        pytest.param("user_name: hunter2", "3 Credentials in a definition", id="user name"),
        pytest.param("access_key: hunter2", "3 Credentials in a definition", id="access key"),
        pytest.param("SECRET_KEY: hunter2", "3 Credentials in a definition", id="secret key"),
        pytest.param("ak: hunter2", "3 Credentials in a definition", id="ak"),
        pytest.param("sk:", "3 Credentials in a definition", id="sk, even empty"),
    ],
)
def test_platform_refused(refused: Any, written: str, expected: str) -> None:
    problems = refused(f"version: 1\nstack: s\nplatform:\n  {written}\n")

    assert [told(each) for each in problems] == [f"4:{expected}"]
    assert "hunter2" not in str(problems[0])


def test_everything_is_told_at_once_in_order(refused: Any) -> None:
    text = (
        "version: 3\nstack: -x\nplatform: {endpoint: http://x}\nvariables: {v: }\n"
        "jobs:\n  a: {workers: 0}\n  b c: {}\n  d: {flavor: ${var.w}, image: i, command: c}\n"
    )

    assert [told(each) for each in refused(text)] == [
        "1:10 Unsupported version",
        "2:8 Invalid value",
        "3:22 Invalid URL",
        "4:13 Variable has no value",
        "6:3 Missing flavor",
        "6:3 Nothing to run",
        "6:16 Invalid value",
        "7:3 Invalid job name",
        "8:15 Unknown variable",
    ]
