"""Our words to version 1's and back: tables, published examples, and a round trip."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from reconciler.model.job import Status
from reconciler.model.spec import (
    Algorithm,
    Engine,
    Input,
    JobSpec,
    Notification,
    Output,
    Volume,
)
from reconciler.planning.rules import as_written
from reconciler.providers.modelarts.v1 import wire
from reconciler.providers.modelarts.v1.dialect import DialectV1
from reconciler.providers.modelarts.v1.mapping import (
    to_create,
    to_flavor,
    to_job,
    to_quota,
    to_row,
    to_spec,
    to_status,
)
from reconciler.providers.modelarts.values import file, folder, to_time
from tests.build import a_desired
from tests.unit.providers.v1_documents import (
    PUBLISHED_DETAILS,
    PUBLISHED_REQUEST,
    answer_examples,
    assert_fits,
    filled_by_server,
    request_examples,
)

PUBLISHED = JobSpec(
    name="jobtest_TF",
    description="using TensorFlow for handwritten digit recognition",
    flavor="modelarts.vm.cpu.8u",
    engine=Engine(name="TensorFlow", version="TF-1.8.0-python3.6"),
    code_dir="/test-modelarts/mnist-tensorflow-code/",
    boot_file="/test-modelarts/mnist-tensorflow-code/train_mnist_tf.py",
    inputs=(Input(path="/test-modelarts/dataset-mnist/"),),
    outputs=(Output(path="/test-modelarts/mnist-model/output/"),),
)


def sent(spec: JobSpec, engine_id: int | None = None) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(to_create(spec, engine_id).body())
    return body


def details(**fields: Any) -> wire.VersionDetails:
    return wire.VersionDetails.model_validate({"job_id": 1, "job_name": "a"} | fields)


def test_the_published_request_but_for_its_empty_notification() -> None:
    published = {k: v for k, v in PUBLISHED_REQUEST.items() if k != "notification"}

    assert sent(PUBLISHED, 4) == published


def test_the_published_request_with_its_notification() -> None:
    told = PUBLISHED.model_copy(update={"notification": Notification(topic_urn="")})

    assert sent(told, 4) == PUBLISHED_REQUEST


def test_the_published_details() -> None:
    job = to_job(wire.VersionDetails.model_validate(PUBLISHED_DETAILS))

    assert (job.job_id, job.version_id, job.status) == ("567524", "1108482", Status.SUCCEEDED)
    assert job.created_at == datetime(2020, 12, 28, 2, 17, 17, tzinfo=UTC)
    assert job.duration_ms == 1326
    assert job.spec is not None
    assert job.spec == PUBLISHED.model_copy(
        update={
            "engine": Engine(id="4", name="TensorFlow", version="TF-1.8.0-python3.6"),
            "pool_id": "pool7d1e384a",
        }
    )
    assert as_written(PUBLISHED, job.spec) == PUBLISHED.canonical


@pytest.mark.parametrize("name", request_examples("/v1/{project_id}/training-jobs", "post"))
def test_every_example_of_a_request_survives_reading_and_sending(name: str) -> None:
    request = request_examples("/v1/{project_id}/training-jobs", "post")[name]
    answered = wire.VersionDetails.model_validate(
        filled_by_server(request) | {"pool_id": request["config"].get("pool_id")}
    )
    spec = to_spec(answered)
    engine_id = request["config"].get("engine_id")
    again = sent(spec, engine_id)["config"]

    expected = dict(request["config"])
    if "data_url" in expected:
        expected["data_source"] = [{"type": "obs", "data_url": expected.pop("data_url")}]
    expected.pop("spec_id", None)
    assert again == {"parameter": []} | expected


SHAPES: dict[tuple[str, str], type[wire.Received]] = {
    ("post", "/training-jobs"): wire.JobCreated,
    ("get", "/training-jobs"): wire.JobList,
    ("get", "/training-jobs/{job_id}/versions"): wire.VersionList,
    ("get", "/training-jobs/{job_id}/versions/{version_id}"): wire.VersionDetails,
    ("get", "/training-jobs/{job_id}/versions/{version_id}/log/file-names"): wire.LogFiles,
    ("get", "/training-jobs/{job_id}/versions/{version_id}/aom-log"): wire.LogText,
    ("get", "/job/resource-specs"): wire.SpecList,
    ("get", "/job/ai-engines"): wire.EngineList,
}
EXAMPLES = {(method, path): example for method, path, example in answer_examples()}


@pytest.mark.parametrize("key", SHAPES, ids=" ".join)
def test_every_example_of_an_answer_is_understood(key: tuple[str, str]) -> None:
    example = EXAMPLES[key]
    read = SHAPES[key].model_validate(example)

    for field in SHAPES[key].model_fields.keys() & example.keys():
        assert example[field] is None or getattr(read, field) is not None


@pytest.mark.parametrize("key", SHAPES, ids=" ".join)
def test_numbers_may_come_as_text(key: tuple[str, str]) -> None:
    example = EXAMPLES[key]

    assert SHAPES[key].model_validate(_as_text(example)) == SHAPES[key].model_validate(example)


def _as_text(value: Any) -> Any:
    match value:
        case bool():
            return value
        case int():
            return str(value)
        case list():
            return [_as_text(each) for each in value]
        case dict():
            # A status stays as it is, text or number; what it means is the mapping's to say.
            return {k: v if k == "status" else _as_text(v) for k, v in value.items()}
        case _:
            return value


@pytest.mark.parametrize("shape", dict.fromkeys(SHAPES.values()), ids=lambda shape: shape.__name__)
@pytest.mark.parametrize("broken", [{}, {"jobs": 5}, {"job_id": ["x"]}, {"versions": "x"}])
def test_a_broken_answer_is_either_empty_or_refused(
    shape: type[wire.Received], broken: dict[str, Any]
) -> None:
    try:
        read = shape.model_validate(broken)
    except ValidationError:
        return
    assert read == shape()


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (0, Status.UNKNOWN),
        (1, Status.PENDING),
        (2, Status.PENDING),
        (3, Status.FAILED),
        (4, Status.PENDING),
        (5, Status.FAILED),
        (6, Status.DELETE_FAILED),
        (7, Status.PENDING),
        (8, Status.RUNNING),
        (9, Status.STOPPING),
        (10, Status.SUCCEEDED),
        (11, Status.FAILED),
        (12, Status.STOPPED),
        (13, Status.STOPPED),
        (14, Status.FAILED),
        (15, Status.RUNNING),
        (16, Status.FAILED),
        (17, Status.FAILED),
        (18, Status.PENDING),
        (19, Status.PENDING),
        (20, Status.PENDING),
        (21, Status.FAILED),
        (22, Status.UNKNOWN),
        ("8", Status.RUNNING),
        ("RUNNING", Status.UNKNOWN),
        (None, Status.UNKNOWN),
        (True, Status.UNKNOWN),
        (-1, Status.UNKNOWN),
        ({}, Status.UNKNOWN),
        ("9" * 5000, Status.UNKNOWN),
    ],
    ids=lambda value: str(value)[:12],
)
def test_statuses(number: object, status: Status) -> None:
    assert to_status(number) is status


@pytest.mark.parametrize(
    ("milliseconds", "moment"),
    [
        (None, None),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (1609121837001, datetime(2020, 12, 28, 2, 17, 17, 1000, tzinfo=UTC)),
        (-1, None),
        (10**30, None),
    ],
)
def test_times(milliseconds: int | None, moment: datetime | None) -> None:
    assert to_time(milliseconds) == moment


@pytest.mark.parametrize(
    ("path", "as_folder", "as_file"),
    [
        pytest.param("/bucket/dir/", "/bucket/dir/", "/bucket/dir", id="as written"),
        pytest.param("/bucket/dir", "/bucket/dir/", "/bucket/dir", id="slash missing"),
        pytest.param("bucket/dir", "/bucket/dir/", "/bucket/dir", id="first slash missing"),
        pytest.param("obs://bucket/dir", "/bucket/dir/", "/bucket/dir", id="obs scheme"),
        pytest.param("s3://bucket/dir/", "/bucket/dir/", "/bucket/dir", id="s3 scheme"),
        pytest.param("//bucket//dir//", "/bucket/dir/", "/bucket/dir", id="doubled slashes"),
        pytest.param("/bucket/./dir/.", "/bucket/dir/", "/bucket/dir", id="dots that say nothing"),
        pytest.param("/bucket/a b/ü.py", "/bucket/a b/ü.py/", "/bucket/a b/ü.py", id="odd names"),
        pytest.param("/", None, None, id="a slash alone"),
        pytest.param("", None, None, id="empty"),
        pytest.param(None, None, None, id="none"),
    ],
)
def test_paths(path: str | None, as_folder: str | None, as_file: str | None) -> None:
    assert folder(path) == as_folder
    assert file(path) == as_file


@pytest.mark.parametrize(
    ("fields", "inputs"),
    [
        pytest.param({}, (), id="none"),
        pytest.param({"data_source": [], "data_url": ""}, (), id="empty"),
        pytest.param({"data_url": "/b/d"}, (Input(path="/b/d/"),), id="data_url alone"),
        pytest.param(
            {"data_source": [{"type": "obs", "data_url": "/b/d/"}], "data_url": "/b/other/"},
            (Input(path="/b/d/"),),
            id="data_url mirrors data_source",
        ),
        pytest.param(
            {"data_source": [{"data_url": "/b/d/", "dataset_id": None}]},
            (Input(path="/b/d/"),),
            id="kind missing, nulls",
        ),
        pytest.param(
            {"data_source": None, "data_url": "/b/x.manifest", "dataset_id": "d"},
            (Input(dataset_id="d"),),
            id="dataset with its list of files",
        ),
        pytest.param(
            {"dataset_id": "d", "dataset_version_id": "v"},
            (Input(dataset_id="d", dataset_version_id="v"),),
            id="dataset",
        ),
        pytest.param(
            {
                "data_source": [
                    {"type": "dataset", "dataset_id": "d", "dataset_version": "v"},
                    {"type": "dataset", "dataset_id": "e", "dataset_version": "w"},
                ]
            },
            (
                Input(dataset_id="d", dataset_version_id="v"),
                Input(dataset_id="e", dataset_version_id="w"),
            ),
            id="several datasets",
        ),
        pytest.param(
            {"data_source": [{"type": "new"}], "data_url": "/b/d/"},
            (Input(path="/b/d/"),),
            id="a source of an unknown kind",
        ),
    ],
)
def test_inputs_read_back(fields: dict[str, Any], inputs: tuple[Input, ...]) -> None:
    assert to_spec(details(**fields)).inputs == inputs


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        pytest.param((), {}, id="none"),
        pytest.param(
            (Input(path="/b/1/"), Input(path="/b/2/")),
            {
                "data_source": [
                    {"type": "obs", "data_url": "/b/1/"},
                    {"type": "obs", "data_url": "/b/2/"},
                ]
            },
            id="paths",
        ),
        pytest.param(
            (Input(dataset_id="d", dataset_version_id="v"),),
            {"dataset_id": "d", "dataset_version_id": "v"},
            id="one dataset",
        ),
        pytest.param(
            (
                Input(dataset_id="d", dataset_version_id="v"),
                Input(dataset_id="e", dataset_version_id="w"),
            ),
            {
                "data_source": [
                    {"type": "dataset", "dataset_id": "d", "dataset_version": "v"},
                    {"type": "dataset", "dataset_id": "e", "dataset_version": "w"},
                ]
            },
            id="several datasets",
        ),
    ],
)
def test_inputs_sent(inputs: tuple[Input, ...], expected: dict[str, Any]) -> None:
    config = sent(PUBLISHED.model_copy(update={"inputs": inputs}), 4)["config"]
    keys = ("data_source", "data_url", "dataset_id", "dataset_version_id")

    assert {key: config[key] for key in keys if key in config} == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1e-3", "1e-3"),
        ("0.10", "0.10"),
        ("", ""),
        (3, "3"),
        (0.01, "0.01"),
        (True, "true"),
        (False, "false"),
        (None, ""),
    ],
)
def test_parameter_values_read_back(value: object, text: str) -> None:
    parameter = {"label": "p", "value": value, "required": True, "tip": {}, "placeholder": "x"}

    assert to_spec(details(parameter=[parameter])).parameters == {"p": text}


def test_parameters_keep_their_order_when_sent() -> None:
    spec = PUBLISHED.model_copy(update={"parameters": {"z": "1", "a": "2"}})

    assert sent(spec, 4)["config"]["parameter"] == [
        {"label": "z", "value": "1"},
        {"label": "a", "value": "2"},
    ]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param(
            {"flavor_code": "gpu.1v100", "spec_code": "gpu.v100NV"},
            {"flavor": "gpu.1v100"},
            id="flavor_code before the billing code",
        ),
        pytest.param({"spec_code": "cpu.8u"}, {"flavor": "cpu.8u"}, id="spec_code alone"),
        pytest.param({"flavor_code": "", "spec_code": None}, {"flavor": None}, id="no flavor"),
        pytest.param({"worker_server_num": None}, {"workers": 1}, id="workers null"),
        pytest.param({"worker_server_num": "4"}, {"workers": 4}, id="workers as text"),
        pytest.param({"job_desc": None}, {"description": ""}, id="description null"),
        pytest.param({"model_id": 4}, {"algorithm": Algorithm(id="4")}, id="algorithm"),
        pytest.param({"engine_id": 4}, {"engine": Engine(id="4")}, id="engine id alone"),
        pytest.param({"engine_name": ""}, {"engine": None}, id="no engine"),
        pytest.param(
            {"user_image_url": "", "user_command": ""}, {"image": None, "command": None}, id="empty"
        ),
        pytest.param({"log_url": "/b/log", "nas_type": "efs"}, {"log_dir": "/b/log/"}, id="log"),
        pytest.param({"volumes": []}, {"volumes": ()}, id="no volumes"),
        pytest.param(
            {
                "volumes": [
                    {"nfs": {"id": "i", "src_path": "h:/", "dest_path": "/m", "read_only": None}},
                    {"host_path": {"src_path": "/h", "dest_path": "/n", "read_only": True}},
                    {"new_kind": {}},
                ]
            },
            {
                "volumes": (
                    Volume(type="nfs", id="i", source="h:/", target="/m"),
                    Volume(type="host_path", source="/h", target="/n", read_only=True),
                )
            },
            id="volumes",
        ),
    ],
)
def test_fields_read_back(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    spec = to_spec(details(**fields))

    assert {name: getattr(spec, name) for name in expected} == expected


def test_a_row_of_the_list() -> None:
    row = {"job_id": "7", "job_name": "a", "version_id": 8, "status": "10", "create_time": "5"}
    job = to_row(
        TypeAdapter(wire.JobRow).validate_python(
            row | {"duration": "", "job_desc": None, "user": None}
        )
    )

    assert (job.job_id, job.version_id, job.status) == ("7", "8", Status.SUCCEEDED)
    assert (job.description, job.duration_ms, job.spec) == ("", None, None)


@pytest.mark.parametrize(
    ("fields", "limit"),
    [({"quotas": 20, "job_count_limit": "5"}, 20), ({"quotas": 20}, None), ({}, None)],
)
def test_quota(fields: dict[str, Any], limit: int | None) -> None:
    page = wire.JobList.model_validate({"job_total_count": 0, "jobs": []} | fields)
    quota = to_quota(page)

    assert (quota.limit if quota else None) == limit


def test_a_flavor_that_says_little() -> None:
    flavor = to_flavor(wire.Spec.model_validate({"spec_id": 7, "spec_code": "c", "gpu_num": None}))

    assert (flavor.id, flavor.max_workers, flavor.sold_out, flavor.gpus) == ("7", None, False, 0)


words = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=20)
segments = st.text("abcXYZ019-_. ", min_size=1, max_size=8).filter(lambda s: s != ".")
folders = st.lists(segments, min_size=1, max_size=3).map(lambda parts: f"/{'/'.join(parts)}/")
numbers = st.integers(0, 10**9).map(str)
names = st.text("abcXYZ019-_", min_size=1, max_size=64)
paths = folders.map(lambda path: Input(path=path))
datasets = st.builds(Input, dataset_id=names, dataset_version_id=names)
engines = st.one_of(
    st.just(Engine(name="TensorFlow", version="TF-1.8.0-python3.6")),
    st.just(Engine(id="4")),
)


@st.composite
def codes(draw: st.DrawFn) -> dict[str, Any]:
    """Return one of the three ways to say what runs."""
    code_dir = draw(folders)
    code = {"code_dir": code_dir, "boot_file": code_dir + "train.py"}
    image = {"image": draw(names), "command": draw(words.filter(bool))}
    return draw(
        st.sampled_from(
            [
                code | {"engine": draw(engines)},
                image,
                image | code,
                {"algorithm": Algorithm(id=draw(numbers))},
            ]
        )
    )


@st.composite
def specs(draw: st.DrawFn) -> JobSpec:
    """Return a spec that version 1 can express."""
    pool = draw(st.none() | names)
    mount = {"source": draw(names), "target": "/m", "read_only": draw(st.booleans())}
    nfs = Volume(type="nfs", id=draw(names), **mount)
    host = Volume(type="host_path", **mount)
    return JobSpec(
        name=draw(names),
        description=draw(words),
        flavor=draw(names) if pool is None else draw(st.none() | names),
        pool_id=pool,
        workers=draw(st.integers(1, 64)),
        parameters=draw(st.dictionaries(names, words, max_size=4)),
        inputs=draw(st.lists(paths, max_size=3) | st.lists(datasets, max_size=3)),
        outputs=draw(st.lists(folders.map(lambda path: Output(path=path)), max_size=1)),
        log_dir=draw(st.none() | folders),
        volumes=draw(st.lists(st.sampled_from([nfs, host] if pool else [nfs]), max_size=2)),
        notification=draw(st.none() | st.builds(Notification, topic_urn=words)),
        **draw(codes()),
    )


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(spec=specs(), real_flavor_in_spec_code=st.booleans(), as_text=st.booleans())
def test_what_is_sent_and_read_back_agrees_in_every_written_field(
    spec: JobSpec, real_flavor_in_spec_code: bool, as_text: bool
) -> None:
    assert DialectV1().problems(a_desired(spec)) == ()
    request = sent(spec, 4 if spec.engine else None)
    assert_fits("JobCreate", request)
    answer = filled_by_server(request, flavor_in_spec_code=real_flavor_in_spec_code)
    assert_fits("VersionDetails", answer)
    answer = _as_text(answer) if as_text else answer

    actual = to_spec(wire.VersionDetails.model_validate(answer))

    assert as_written(spec, actual) == spec.canonical
