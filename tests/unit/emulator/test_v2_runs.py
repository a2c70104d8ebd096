"""v2 jobs that really run: what code gets, what becomes of it, and how it is ended."""

from tests.unit.emulator import jobs_v2 as v2
from tests.unit.emulator.jobs_v2 import a_job, channel, create, parameters, path_of, phase, wait_for
from tests.unit.emulator.support import Client, Local


def test_a_job_lives_and_goes(local: Local, client: Client) -> None:
    body = a_job(
        "lives",
        inputs=[channel("data_url", "/demo/data/")],
        outputs=[channel("train_url", "obs://demo/out/v2/")],
        parameters=parameters(epochs="2"),
    )

    created = create(client, body)
    done = wait_for(client, created)

    assert phase(created) == "Creating"
    assert created["metadata"]["user_name"] == ""
    assert phase(done) == "Completed"
    assert done["metadata"]["user_name"] == client.endpoint["username"]
    assert done["status"]["task_statuses"] == [{"task": "worker-0", "exit_code": 0, "message": ""}]
    model = local.buckets / "demo/out/v2/model.txt"
    assert model.read_text() == str(local.buckets.resolve() / "demo/data")
    assert v2.names(client, filters=v2.like("lives")) == ["lives"]
    gone = client.v2("DELETE", path_of(created))
    assert (gone.status, gone.raw) == (202, b'""')
    after = client.v2("GET", path_of(created))
    assert (after.status, after.code) == (400, "ModelArts.2775")
    assert v2.names(client, filters=v2.like("lives")) == []
