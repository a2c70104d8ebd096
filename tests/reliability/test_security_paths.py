"""No path in a request of either API leads the embedded platform out of its buckets folder."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from reconciler.emulator.app import Settings
from tests.unit.emulator import jobs_v2
from tests.unit.emulator.support import TERMINAL, TRAIN, Client, Local, a_job

OUTSIDE = [
    *("/..", "/../secret/", "/demo/../../secret/", "/demo/code/../../../secret/", "/./secret/"),
    *("/demo/%2e%2e/%2e%2e/secret/", "/demo/..%2f..%2fsecret/", "/demo/%2e./%2e./secret/"),
    *("//secret/", "/demo//../secret/", "secret/", "../secret/", "obs://secret/", "~/secret/"),
    *("/demo/link/", "/link/secret/", "/demo/\x00/../secret/", "/demo/\u202e/", "/demo/\ud800/"),
    *("/demo\\..\\..\\secret\\", "/demo/..\\..\\secret/", "/"),
]
ODD = [
    *("/demo/..;/..;/secret/", "/demo/\uff0e\uff0e/\uff0e\uff0e/secret/", "/demo/\u2025/secret/"),
    *("/demo/.\u0338./secret/", "/demo/%c0%ae%c0%ae/secret/", "/demo/%252e%252e/secret/"),
]
"""Names that some reader, not this one, would take for a step to the folder above."""
_numbers = count(1)
FIELDS_V1 = ["app_url", "data_url", "data_source", "train_url", "log_url"]
FIELDS_V2 = ["code_dir", "inputs", "outputs", "log_export_path"]


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    folder = tmp_path_factory.mktemp("walls")
    secret = folder / "secret"
    secret.mkdir()
    (secret / "train.py").write_text(TRAIN)
    with Local(folder, Settings(idle_timeout=0, grace=0.5, capacity=4)) as server:
        (server.buckets / "demo/link").symlink_to(secret)
        (server.buckets / "link").symlink_to(folder)
        yield server


@pytest.fixture
def client(local: Local) -> Iterator[Client]:
    client = local.new_client()
    yield client
    client.close()


def fresh() -> str:
    """A name that no earlier test took: a refusal must not be that of a name."""
    return f"walls-{next(_numbers)}"


def v1(field: str, path: str) -> dict[str, Any]:
    if field == "data_source":
        return a_job(fresh(), data_source=[{"type": "obs", "data_url": path}])
    boot = {"boot_file_url": path + "train.py"} if field == "app_url" else {}
    return a_job(fresh(), **{field: path}, **boot)


def v2(field: str, path: str) -> dict[str, Any]:
    if field in ("inputs", "outputs"):
        return jobs_v2.a_job(fresh(), **{field: [jobs_v2.channel("x", path)]})
    if field == "log_export_path":
        return jobs_v2.a_job(fresh(), spec={"log_export_path": {"obs_url": path}})
    return jobs_v2.a_job(fresh(), code_dir=path, boot_file=path + "train.py")


def outside(local: Local) -> list[tuple[str, bytes]]:
    secret = local.folder / "secret"
    return [(each.name, each.read_bytes()) for each in sorted(secret.iterdir())]


@pytest.mark.parametrize("path", OUTSIDE, ids=ascii)
@pytest.mark.parametrize("field", FIELDS_V1)
def test_version_1_refuses_what_leads_outside(
    local: Local, client: Client, field: str, path: str
) -> None:
    before = outside(local)

    answer = client.api("POST", "/training-jobs", v1(field, path))

    assert answer.status == 400, answer
    assert outside(local) == before


@pytest.mark.parametrize("path", OUTSIDE, ids=ascii)
@pytest.mark.parametrize("field", FIELDS_V2)
def test_version_2_refuses_what_leads_outside(
    local: Local, client: Client, field: str, path: str
) -> None:
    before = outside(local)

    answer = client.v2("POST", "/training-jobs", v2(field, path))

    assert answer.status == 400, answer
    assert outside(local) == before


@pytest.mark.parametrize("path", ODD, ids=ascii)
def test_a_name_that_is_no_step_names_a_folder_inside(
    local: Local, client: Client, path: str
) -> None:
    answer = client.api("POST", "/training-jobs", v1("train_url", path))

    assert answer.status == 200, answer
    client.wait_for(answer.body, *TERMINAL)
    [made] = local.buckets.joinpath("demo").glob("*/**/secret/model.txt")
    assert str(made.parent.relative_to(local.buckets)) == path.strip("/")
    made.unlink()


def test_code_inside_of_an_image_is_no_code_of_this_machine(local: Local, client: Client) -> None:
    folder = f"file://{local.folder}/secret/"
    created = jobs_v2.create(client, v2("code_dir", folder))

    ended = jobs_v2.wait_for(client, created, *jobs_v2.FINAL)

    assert jobs_v2.phase(ended) == "Abnormal"


def test_what_lies_inside_is_taken(client: Client) -> None:
    for field in FIELDS_V1:
        answer = client.api("POST", "/training-jobs", v1(field, "/demo/code/"))
        assert answer.status == 200, answer
    for field in FIELDS_V2:
        answer = client.v2("POST", "/training-jobs", v2(field, "/demo/code/"))
        assert answer.status == 201, answer


def test_the_folder_beside_the_buckets_is_where_it_was(local: Local) -> None:
    assert [name for name, _ in outside(local)] == ["train.py"]
    assert Path(local.buckets / "demo/link").is_symlink()
