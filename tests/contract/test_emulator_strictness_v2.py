"""Whatever the OpenAPI description of v2 does not allow in a request, the emulator refuses."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from jsonschema import ValidationError

from reconciler.emulator.app import Settings
from tests.unit.emulator.jobs_v2 import PYTORCH, a_spec, an_algorithm, path_of
from tests.unit.emulator.support import Client, Json, Local, check_schema

OBS = {"obs": {"obs_url": "/demo/data/"}}
DATASET = {"dataset": {"id": "d", "version_id": "v"}}
CHANNELS: list[Any] = [
    [],
    [{"name": "a", "remote": OBS}],
    [{"name": "a", "remote": DATASET}],
    [{"name": "a", "remote": OBS | DATASET}],
    [{"name": "a", "remote": OBS, "access_method": "env", "local_dir": "/home/x"}],
    [{"name": "", "remote": OBS}],
    [{"name": "a", "remote": {}}],
    [{"name": "a"}],
    [{"name": "a", "remote": {"obs": {"obs_url": ""}}}],
    {},
    None,
]
ALGORITHM: dict[str, list[Any]] = {
    "id": ["01c399ae-8593-4ef5-9e4d-085950aacde1", "", 1, None],
    "name": ["", 1],
    "subscription_id": ["s", None],
    "item_version_id": ["v", None],
    "code_dir": ["/demo/code/", "obs://demo/code/", "", 7, None, "demo"],
    "boot_file": ["/demo/code/train.py", "obs://demo/code/train.py", "", None, []],
    "command": ["true", "", None],
    "parameters": [
        [],
        [{"name": "a", "value": "1"}],
        [{"name": "a", "value": 1}],
        [{"name": "a"}],
        [{"value": "1"}],
        [{"name": "a", "value": "1", "extra": 1}],
        [{"name": "a", "value": "1", "constraint": {"type": "Integer", "editable": True}}],
        [{"name": "a", "value": "1", "constraint": {"editable": "yes"}}],
        [{"name": "a", "value": "1", "i18n_description": None}],
        {},
        None,
    ],
    "policies": [{}, {"auto_search": None}, {"auto_search": {"reward_attrs": "x"}}, None],
    "inputs": CHANNELS,
    "outputs": CHANNELS,
    "engine": [
        {"engine_id": PYTORCH},
        {"engine_name": "PyTorch", "engine_version": PYTORCH},
        {"engine_name": "PyTorch"},
        {"image_url": "team/i:1"},
        {"engine_name": "PyTorch", "engine_version": PYTORCH, "image_url": "team/i:1"},
        {"engine_id": 1},
        {"colour": "red"},
        {},
        None,
    ],
    "local_code_dir": ["/home/x", "/root", "/homes", None],
    "working_dir": ["/x", None],
    "environments": [{}, {"A": "1"}, {"A": 1}, {"1": "x"}, {"A": "$x"}, [{"A": "1"}], None],
    "summary": [
        {},
        {"log_type": "tensorboard"},
        {"log_type": "tensorboard", "log_dir": {"pfs": {"pfs_path": "/x"}}},
        {"log_dir": {}},
        {"data_sources": [{"job": {"job_id": "x"}}]},
        {"data_sources": [{"job": {}}]},
        None,
    ],
    "colour": ["red"],
}
SPEC: dict[str, list[Any]] = {
    "resource": [
        {"flavor_id": "modelarts.vm.cpu.8u", "node_count": 1},
        {"flavor_id": "modelarts.vm.cpu.8u", "node_count": 0},
        {"flavor_id": "modelarts.vm.cpu.8u", "node_count": "1"},
        {"flavor_id": "modelarts.vm.cpu.8u", "node_count": True},
        {"flavor_id": ""},
        {"pool_id": "pool1"},
        {"pool_id": "pool1", "flavor_id": "modelarts.pool.visual.2xlarge"},
        {"pool_id": ""},
        {},
        {"flavor_id": "x", "colour": 1},
        None,
        "x",
    ],
    "volumes": [
        [],
        [{}],
        [{"nfs": {"nfs_server_path": "a:/", "local_path": "/a", "read_only": True}}],
        [{"pfs": {"pfs_path": "/a", "local_path": "/a"}}],
        [{"obs": {"obs_path": "/a", "local_path": "/a"}, "nfs": {}}],
        [{"host": {}}],
        None,
    ],
    "log_export_path": [{}, {"obs_url": ""}, {"obs_url": "/demo/log/"}, {"obs_url": 1}, None],
    "auto_stop": [
        {"time_unit": "HOURS", "duration": 1},
        {"time_unit": "HOURS", "duration": 0},
        {"time_unit": "DAYS", "duration": 1},
        {"duration": 1},
        {"time_unit": "HOURS", "duration": "1"},
        None,
    ],
    "schedule_policy": [
        {},
        {"priority": 1, "preemptible": True},
        {"priority": "1"},
        {"required_affinity": {"affinity_type": "cabinet"}},
        {"required_affinity": {"affinity_type": "rack"}},
        {"required_affinity": {"affinity_group_size": 0}},
        None,
    ],
    "notification": [{}, {"events": ["JobFailed"]}, {"events": ["x"]}, {"e": 1}, None],
    "runtime_type": ["production", None, 1],
    "train_type": ["x"],
}
METADATA: dict[str, list[Any]] = {
    "name": ["other-name", "", "a b", "x" * 65, 1, None],
    "workspace_id": ["0", "1", 0, None],
    "description": ["text", "d" * 257, None, 1],
    "annotations": [{}, {"a": "1"}, {"a": 1}, [], None],
    "id": ["x"],
}
TOP: dict[str, list[Any]] = {
    "kind": ["job", "visualization_job", "task", None],
    "tasks": [[], [{}], None],
    "endpoints": [{}, {"ssh": {"key_pair_names": ["a"]}}, {"ssh": {"x": 1}}, {"ftp": {}}, None],
    "status": [{}],
}


def changes(table: dict[str, list[Any]]) -> st.SearchStrategy[Json]:
    """Some fields set to some of their values; `...` takes the field away."""
    one = st.sampled_from(sorted(table)).flatmap(
        lambda name: st.tuples(st.just(name), st.sampled_from([*table[name], ...]))
    )
    return st.lists(one, max_size=3).map(dict)


def changed(part: Json, by: Json) -> Json:
    return {name: value for name, value in (part | by).items() if value is not ...}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with Local(tmp_path_factory.mktemp("strict"), Settings(idle_timeout=0, simulate=0.0)) as server:
        yield server.client


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(changes(ALGORITHM), changes(SPEC), changes(METADATA), changes(TOP))
@example({}, {}, {}, {})
@example({"code_dir": ..., "boot_file": ..., "engine": ...}, {}, {}, {})
@example({"boot_file": ..., "engine": {"image_url": "team/i:1"}, "command": "true"}, {}, {}, {})
def test_the_emulator_is_at_least_as_strict(
    client: Client, algorithm: Json, spec: Json, metadata: Json, top: Json
) -> None:
    body = {
        "kind": "job",
        "metadata": changed({"name": "strict"}, metadata),
        "algorithm": changed(an_algorithm(), algorithm),
        "spec": changed(a_spec(), spec),
    }
    body = changed(body, top)
    try:
        check_schema({"$ref": "#/components/schemas/JobCreate"}, body, "v2")
        documented = True
    except ValidationError:
        documented = False

    answer = client.v2("POST", "/training-jobs", body)

    assert answer.status in ({201, 400} if documented else {400}), body
    if answer.status == 201:
        shown = client.v2("GET", path_of(answer.body))
        assert shown.body["metadata"]["name"] == body["metadata"]["name"]
        client.v2("DELETE", path_of(answer.body))
