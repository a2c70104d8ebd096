"""The vendor's SDK for Python drives version 2."""

from typing import Any

import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException
from huaweicloudsdkmodelarts import v1 as api
from huaweicloudsdkmodelarts.v1 import ModelArtsClient

from tests.acceptance.world import World
from tests.waiting import eventually

pytestmark = pytest.mark.filterwarnings("default")

PYTORCH = "pytorch_1.8.0-cuda_10.2-py_3.7-ubuntu_18.04-x86_64"
TERMINAL = ("Completed", "Failed", "Abnormal", "Terminated")


def a_job(name: str, boot_file: str = "train.py", **algorithm: Any) -> api.Job:
    """A request as the SDK builds it."""
    code = {"code_dir": "/demo/code/", "boot_file": f"/demo/code/{boot_file}"}
    flavor = api.SpecResource(flavor_id="modelarts.vm.cpu.8u", node_count=1)
    return api.Job(
        kind="job",
        metadata=api.JobMetadata(name=name, description="by the vendor", workspace_id="0"),
        algorithm=api.JobAlgorithm(engine=api.JobEngine(engine_id=PYTORCH), **code | algorithm),
        spec=api.Spec(
            resource=flavor,
            auto_stop=api.AutoStop(time_unit="HOURS", duration=1),
            log_export_path=api.LogExportPath(obs_url="/demo/logs/"),
        ),
    )


def create(vendor: ModelArtsClient, job: api.Job) -> str:
    """The id of a job that must be accepted."""
    answer = vendor.create_training_job(api.CreateTrainingJobRequest(body=job))
    assert answer.status_code == 201
    assert answer.status.phase == "Creating"
    return str(answer.metadata.id)


def show(vendor: ModelArtsClient, uid: str) -> Any:
    return vendor.show_training_job_details(api.ShowTrainingJobDetailsRequest(training_job_id=uid))


def wait_for(vendor: ModelArtsClient, uid: str, *phases: str) -> Any:
    wanted = phases or TERMINAL
    return eventually(lambda: show(vendor, uid), lambda job: job.status.phase in wanted)


def found(vendor: ModelArtsClient, name: str) -> list[Any]:
    condition = api.Filter(key="name", operator="like", value=[name])
    body = api.JobSearches(offset=0, limit=50, sort_by="create_time", filters=[condition])
    answer = vendor.list_training_jobs(api.ListTrainingJobsRequest(body=body))
    assert answer.count == len(answer.items)
    return list(answer.items)


def test_a_job_from_beginning_to_end(world: World, vendor: ModelArtsClient) -> None:
    place = api.InputDataInfo(obs=api.InputDataInfoObs(obs_url="/demo/data/"))
    target = api.Remote(obs=api.RemoteObs(obs_url="/demo/out/vendor/"))
    uid = create(
        vendor,
        a_job(
            "vendor-1",
            inputs=[api.Input(name="data_url", remote=place)],
            outputs=[api.Output(name="train_url", remote=target)],
            parameters=[api.Parameters(name="epochs", value="2")],
            environments={"SEED": "7"},
        ),
    )

    job = wait_for(vendor, uid)

    assert job.status.phase == "Completed"
    assert job.algorithm.inputs[0].local_dir == "/home/ma-user/modelarts/inputs/data_url_0"
    assert job.algorithm.outputs[0].remote.obs.obs_url == "/demo/out/vendor/"
    assert job.algorithm.environments == [{"SEED": "7"}]  # the SDK's models say: a list of maps
    assert job.algorithm.engine.engine_name == "PyTorch"
    assert job.spec.resource.flavor_detail.flavor_info.cpu.core_num == 8
    assert (world.folder / "buckets/demo/out/vendor/model.txt").exists()
    (item,) = found(vendor, "vendor-1")
    assert item.to_dict()["algorithm"] == job.to_dict()["algorithm"]


def test_logs_metrics_and_events(vendor: ModelArtsClient) -> None:
    uid = create(vendor, a_job("vendor-logs"))
    (task,) = wait_for(vendor, uid).status.tasks

    log = vendor.show_training_job_logs_preview(
        api.ShowTrainingJobLogsPreviewRequest(training_job_id=uid, task_id=task)
    )
    metrics = vendor.show_training_job_metrics(
        api.ShowTrainingJobMetricsRequest(training_job_id=uid, task_id=task)
    )
    events = vendor.list_training_job_events(
        api.ListTrainingJobEventsRequest(training_job_id=uid, order="asc", limit=50)
    )

    assert log.content.startswith("epoch 0\n")
    assert log.current_size == log.full_size == len(log.content)
    assert {row.metric for row in metrics.metrics} >= {"cpuUsage", "gpuUtil"}
    assert events.total == len(events.events) == 4
    assert events.events[0].message == "Training job created."


def test_change_stop_and_delete(vendor: ModelArtsClient) -> None:
    uid = create(vendor, a_job("vendor-2", "sleep.py"))
    wait_for(vendor, uid, "Running")

    vendor.change_training_job_description(
        api.ChangeTrainingJobDescriptionRequest(
            training_job_id=uid, body=api.JobUpdateRequestBody(description="changed")
        )
    )
    action = api.JobActionType(action_type="terminate")
    stopping = vendor.stop_training_job(
        api.StopTrainingJobRequest(training_job_id=uid, body=action)
    )

    assert stopping.status.phase == "Terminating"
    job = wait_for(vendor, uid)
    assert (job.status.phase, job.metadata.description) == ("Terminated", "changed")
    vendor.delete_training_job(api.DeleteTrainingJobRequest(training_job_id=uid))
    with pytest.raises(ClientRequestException) as gone:
        show(vendor, uid)
    assert (gone.value.status_code, gone.value.error_code) == (400, "ModelArts.2775")
    assert found(vendor, "vendor-2") == []


def test_errors_are_understood(world: World, vendor: ModelArtsClient) -> None:
    create(vendor, a_job("vendor-3"))

    with pytest.raises(ClientRequestException) as twice:
        create(vendor, a_job("vendor-3"))
    running = world.emulator
    wrong = BasicCredentials(running.access_key, "not-the-secret", running.project_id)
    stranger = (
        ModelArtsClient.new_builder().with_credentials(wrong).with_endpoints([running.url]).build()
    )
    with pytest.raises(ClientRequestException) as refused:
        found(stranger, "x")

    assert (twice.value.status_code, twice.value.error_code) == (400, "ModelArts.2751")
    assert twice.value.error_msg == "Duplicate training job (name vendor-3)."
    assert (refused.value.status_code, refused.value.error_code) == (401, "APIG.0301")


def test_what_is_offered(vendor: ModelArtsClient) -> None:
    flavors = vendor.show_training_job_flavors(api.ShowTrainingJobFlavorsRequest(flavor_type="CPU"))
    engines = vendor.show_training_job_engines(api.ShowTrainingJobEnginesRequest())
    quotas = vendor.show_training_quotas(api.ShowTrainingQuotasRequest())

    assert flavors.total_count == len(flavors.flavors) == 2
    assert engines.total == len(engines.items)
    assert quotas.quotas[0].quota == 10_000
