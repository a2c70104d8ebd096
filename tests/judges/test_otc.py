"""python-otcextensions drives version 1.

Its look-up by name and its calls for one version (details, stop, a further one) fail before
anything is sent, with every openstacksdk from 1.5 to 4.22 that was tried, and its commands for
logs call methods that it has not (`otcextensions` 0.34.8). These requests are made through its
session instead, which still logs in and finds the endpoint.
"""

from typing import Any

import pytest
from openstack.exceptions import SDKException

from tests.acceptance.world import World
from tests.waiting import eventually

pytestmark = pytest.mark.filterwarnings("default")

TERMINAL = (10, 11, 12, 13)


def settings(boot_file: str = "train.py", **changes: Any) -> dict[str, Any]:
    """What a run needs."""
    return {
        "worker_server_num": 1,
        "app_url": "/demo/code/",
        "boot_file_url": f"/demo/code/{boot_file}",
        "spec_id": 27,
        "engine_id": 4,
        **changes,
    }


def path_of(job: Any) -> str:
    """Where the version of a created job is found."""
    return f"/training-jobs/{job.job_id}/versions/{job.version_id}"


def version_of(otc: Any, job: Any) -> Any:
    (version,) = otc.training_job_versions(job.job_id)
    return version


def test_a_job_from_beginning_to_end(world: World, otc: Any) -> None:
    config = settings(data_url="/demo/data/", train_url="/demo/out/otc/")
    job = otc.create_training_job(job_name="otc-1", job_desc="by otc", config=config)

    shown = eventually(lambda: version_of(otc, job), lambda version: version.status in TERMINAL)

    assert (shown.status, shown.engine_name, shown.flavor_code) == (
        10,
        "TensorFlow",
        "modelarts.vm.cpu.8u",
    )
    assert shown.data_source[0].data_url == "/demo/data/"
    assert (world.folder / "buckets/demo/out/otc/model.txt").exists()
    (row,) = otc.training_jobs(search_content="otc-1")
    assert (row.job_name, row.status, row.job_description) == ("otc-1", 10, "by otc")
    assert otc.get(path_of(job)).json()["status"] == 10


def test_the_log_of_a_job(otc: Any) -> None:
    job = otc.create_training_job(job_name="otc-log", config=settings())
    eventually(lambda: version_of(otc, job), lambda version: version.status in TERMINAL)

    (name,) = otc.get(f"{path_of(job)}/log/file-names").json()["log_file_list"]
    page = otc.get(f"{path_of(job)}/aom-log", params={"log_file": name, "lines": 1}).json()

    assert page["content"] == "[ModelArts Service Log]Training completed.\n"


def test_change_stop_and_delete(otc: Any) -> None:
    job = otc.create_training_job(job_name="otc-2", config=settings("sleep.py"))
    eventually(lambda: version_of(otc, job).status, lambda status: status == 8)

    otc.update_training_job(job.job_id, "changed")
    assert otc.post(f"{path_of(job)}/stop").json() == {"is_success": True}

    eventually(lambda: version_of(otc, job).status, lambda status: status == 12)
    (row,) = otc.training_jobs(search_content="otc-2")
    assert row.job_description == "changed"
    otc.delete_training_job(job.job_id)
    eventually(lambda: list(otc.training_jobs(search_content="otc-2")), lambda rows: not rows)


def test_further_versions(otc: Any) -> None:
    job = otc.create_training_job(job_name="otc-3", config=settings())
    config = settings(pre_version_id=job.version_id)

    made = otc.post(f"/training-jobs/{job.job_id}/versions", json={"config": config})

    assert made.json()["version_name"] == "V0002"
    assert len(list(otc.training_job_versions(job.job_id))) == 2


def test_errors_are_understood(otc: Any) -> None:
    otc.create_training_job(job_name="otc-4", config=settings())

    with pytest.raises(SDKException, match=r"ModelArts\.0103"):
        otc.create_training_job(job_name="otc-4", config=settings())


def test_pages_are_followed(otc: Any) -> None:
    for number in range(5):
        otc.create_training_job(job_name=f"page-{number}", config=settings())

    names = [job.job_name for job in otc.training_jobs(search_content="page-", limit=2)]

    assert sorted(names)[:2] == ["page-0", "page-1"]


def test_what_is_offered(otc: Any) -> None:
    assert {engine.engine_id for engine in otc.job_engines()} >= {1, 4}
    assert {flavor.spec_id for flavor in otc.job_flavors()} >= {7, 27}
