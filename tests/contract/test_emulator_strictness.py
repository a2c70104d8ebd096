"""Whatever the OpenAPI description does not allow in a request, the emulator refuses."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from jsonschema import ValidationError

from reconciler.emulator.app import Settings
from tests.unit.emulator.support import Client, Json, Local, a_config, check_schema

FIELDS: dict[str, list[Any]] = {
    "worker_server_num": [1, 2, 0, -1, "1", 1.5, True, None, 10**30],
    "app_url": ["/demo/code/", "", 7, None, "demo"],
    "boot_file_url": ["/demo/code/train.py", "", None, []],
    "engine_id": [4, 1, 0, -1, "4", 9999, None],
    "model_id": [4, 0, "4", None],
    "parameter": [
        [],
        [{"label": "a", "value": "1"}],
        [{"label": "a", "value": 1}],
        [{"label": "a"}],
        [{"label": "a", "value": "1", "extra": 1}],
        {},
        None,
    ],
    "data_url": ["/demo/data/", "", None, 1],
    "dataset_id": ["d", None],
    "dataset_version_id": ["v", None],
    "data_source": [
        [],
        [{"type": "obs", "data_url": "/demo/data/"}],
        [{"type": "dataset", "dataset_id": "d", "dataset_version": "v"}],
        [{"type": "dataset", "dataset_id": "d"}],
        [{"type": "ftp", "data_url": "/demo/data/"}],
        [{}],
        "x",
    ],
    "spec_id": [27, 999, "27", None],
    "pool_id": ["pool1", "", None],
    "flavor": [{"code": "modelarts.vm.cpu.8u"}, {"code": ""}, {}, {"code": "x", "n": 1}, None, "x"],
    "train_url": ["/demo/out/", "", None],
    "log_url": ["/demo/log/", "", 0],
    "user_image_url": ["swr/i:1", None],
    "user_command": ["true", None],
    "volumes": [[], [{}], [{"nfs": {"id": "i", "src_path": "/", "dest_path": "/"}}], None, [1]],
    "nas_type": ["efs", 1],
    "create_version": [True, False, "true", None],
    "pre_version_id": [1],
    "colour": ["red"],
}
TOP: dict[str, list[Any]] = {
    "job_name": ["other-name", "", "a b", "x" * 65, 1, None],
    "job_desc": ["text", "d" * 257, None, 1],
    "workspace_id": ["0", "1", 0, None],
    "notification": [{}, {"topic_urn": "", "events": []}, {"events": "x"}, None, {"e": 1}],
    "tags": [[]],
}


def changes(table: dict[str, list[Any]]) -> st.SearchStrategy[Json]:
    """Some fields set to some of their values; `...` takes the field away."""
    one = st.sampled_from(sorted(table)).flatmap(
        lambda name: st.tuples(st.just(name), st.sampled_from([*table[name], ...]))
    )
    return st.lists(one, max_size=4).map(dict)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with Local(tmp_path_factory.mktemp("strict"), Settings(idle_timeout=0, simulate=0.0)) as server:
        yield server.client


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(changes(FIELDS), changes(TOP))
@example({}, {})
@example({"flavor": ..., "spec_id": 27}, {})
@example({"data_source": [], "data_url": "/demo/data/"}, {})
def test_the_emulator_is_at_least_as_strict(client: Client, inner: Json, outer: Json) -> None:
    config = {key: value for key, value in (a_config() | inner).items() if value is not ...}
    top: Json = {"job_name": "strict", "config": config} | outer
    body = {key: value for key, value in top.items() if value is not ...}
    try:
        check_schema({"$ref": "#/components/schemas/JobCreate"}, body)
        documented = True
    except ValidationError:
        documented = False

    answer = client.api("POST", "/training-jobs", body)

    assert answer.status in ({200, 400} if documented else {400}), body
    if answer.status == 200:
        if answer.body["version_id"] is not None:
            assert client.details(answer.body)["job_name"] == body["job_name"]
        client.api("DELETE", f"/training-jobs/{answer.body['job_id']}")
