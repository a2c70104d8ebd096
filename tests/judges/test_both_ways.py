"""The clients and the reconciler see each other's jobs."""

from typing import Any

import pytest
from huaweicloudsdkmodelarts import v1 as api
from huaweicloudsdkmodelarts.v1 import ModelArtsClient

from tests.acceptance.world import World
from tests.waiting import eventually

pytestmark = pytest.mark.filterwarnings("default")

DEFINITION = """\
version: 1
stack: judges
platform: {endpoint: local}
jobs:
  mine:
    description: by the reconciler
    flavor: modelarts.vm.cpu.8u
    engine: {name: TensorFlow, version: TF-1.8.0-python3.6}
    code_dir: /demo/code/
    boot_file: train.py
    parameters: {epochs: 2}
"""


def test_what_the_reconciler_made_is_seen(world: World, otc: Any) -> None:
    world.write(DEFINITION)

    applied = world.run("apply", "--wait", "--auto-approve")

    assert applied.returncode == 0, applied.stderr
    (job,) = otc.training_jobs(search_content="mine")
    assert (job.job_name, job.status, job.job_description) == ("mine", 10, "by the reconciler")
    (version,) = otc.training_job_versions(job.job_id)
    assert [(each.label, each.value) for each in version.parameter] == [("epochs", "2")]
    assert version.app_url == "/demo/code/"


def test_what_others_made_is_seen_and_adopted(world: World, otc: Any) -> None:
    world.write(DEFINITION.replace("mine:", "theirs:").replace("by the reconciler", "by otc"))
    config = {
        "worker_server_num": 1,
        "app_url": "/demo/code/",
        "boot_file_url": "/demo/code/train.py",
        "flavor": {"code": "modelarts.vm.cpu.8u"},
        "engine_id": 4,
        "parameter": [{"label": "epochs", "value": "2"}],
    }
    made = otc.create_training_job(job_name="theirs", job_desc="by otc", config=config)
    eventually(
        lambda: list(otc.training_jobs(search_content="theirs")),
        lambda rows: rows[0].status == 10,
    )

    refused = world.run("plan")
    adopted = world.run("apply", "--adopt", "--auto-approve")

    assert refused.returncode == 1
    assert "theirs" in refused.stdout + refused.stderr
    assert adopted.returncode == 0, adopted.stderr
    record = world.state()["records"]["theirs"]
    assert record["job_id"] == str(made.job_id)


CURRENT = DEFINITION.replace("endpoint: local", "endpoint: local, api: modelarts/v2").replace(
    "stack: judges", "stack: current"
)


def found(vendor: ModelArtsClient, name: str) -> list[Any]:
    condition = api.Filter(key="name", operator="like", value=[name])
    request = api.ListTrainingJobsRequest(body=api.JobSearches(filters=[condition]))
    return list(vendor.list_training_jobs(request).items)


def test_what_the_reconciler_made_in_v2_is_seen(world: World, vendor: ModelArtsClient) -> None:
    world.write(CURRENT)

    applied = world.run("apply", "--wait", "--auto-approve")
    again = world.run("plan", "--detailed-exitcode")

    assert applied.returncode == 0, applied.stderr
    assert again.returncode == 0, again.stdout
    (job,) = found(vendor, "mine")
    assert (job.status.phase, job.metadata.description) == ("Completed", "by the reconciler")
    assert [(each.name, each.value) for each in job.algorithm.parameters] == [("epochs", "2")]
    assert job.algorithm.engine.engine_version == "TF-1.8.0-python3.6"
    assert job.metadata.id == world.state()["records"]["mine"]["job_id"]


def test_what_others_made_in_v2_is_seen_and_adopted(world: World, vendor: ModelArtsClient) -> None:
    world.write(CURRENT.replace("mine:", "theirs:").replace("by the reconciler", "by the vendor"))
    engine = api.JobEngine(engine_name="TensorFlow", engine_version="TF-1.8.0-python3.6")
    algorithm = api.JobAlgorithm(
        code_dir="/demo/code/",
        boot_file="/demo/code/train.py",
        engine=engine,
        parameters=[api.Parameters(name="epochs", value="2")],
    )
    resource = api.SpecResource(flavor_id="modelarts.vm.cpu.8u", node_count=1)
    job = api.Job(
        kind="job",
        metadata=api.JobMetadata(name="theirs", description="by the vendor"),
        algorithm=algorithm,
        spec=api.Spec(resource=resource),
    )
    made = vendor.create_training_job(api.CreateTrainingJobRequest(body=job))
    eventually(lambda: found(vendor, "theirs"), lambda items: items[0].status.phase == "Completed")

    refused = world.run("plan")
    adopted = world.run("apply", "--adopt", "--auto-approve")

    assert refused.returncode == 1
    assert "theirs" in refused.stdout + refused.stderr
    assert adopted.returncode == 0, adopted.stderr
    assert world.state()["records"]["theirs"]["job_id"] == made.metadata.id
