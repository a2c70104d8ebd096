"""Our words to version 2's and back: tables, published examples, and a round trip."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from reconciler.model.job import Status
from reconciler.model.platform import Quota
from reconciler.model.spec import (
    Algorithm,
    Engine,
    Input,
    JobSpec,
    Notification,
    Output,
    Volume,
)
from reconciler.planning.diff import drift_changes
from reconciler.providers.modelarts.v2 import answers
from reconciler.providers.modelarts.v2.dialect import EVENTS, DialectV2
from reconciler.providers.modelarts.v2.mapping import (
    to_create,
    to_engine,
    to_flavor,
    to_quota,
    to_row,
    to_spec,
    to_status,
)
from tests.build import a_desired, a_spec
from tests.unit.providers.v2_documents import (
    ID,
    assert_fits,
    filled_by_server,
    published,
    request_examples,
)

WAYS = ("unechoed", "variables_in_list", "schemes", "shuffled")
TORCH = "pytorch_1.8.0-cuda_10.2-py_3.7-ubuntu_18.04-x86_64"
PUBLISHED = JobSpec(
    name="mnist-torch",
    description="baseline",
    flavor="modelarts.vm.cpu.8u",
    engine=Engine(id=TORCH),
    code_dir="/demo-bucket/mnist/code/",
    boot_file="/demo-bucket/mnist/code/train.py",
    parameters={"epochs": "3"},
    environment={"SEED": "7"},
    inputs=(Input(path="/demo-bucket/mnist/data/"),),
    outputs=(Output(path="/demo-bucket/mnist/out/"),),
    log_dir="/demo-bucket/mnist/log/",
)


def sent(spec: JobSpec) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(to_create(spec).body())
    return body


def read(answer: dict[str, Any]) -> JobSpec:
    return to_spec(answers.JobBack.model_validate(answer))


def an_answer(**fields: Any) -> dict[str, Any]:
    return {"metadata": {"id": ID, "name": "a"}, "status": {"phase": "Running"}} | fields


def test_the_published_request() -> None:
    wanted = dict(request_examples("/training-jobs"))["codeDirectory"]
    wanted["metadata"]["workspace_id"] = "0"

    assert sent(PUBLISHED) == wanted


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("/training-jobs", "post", "201"), ("/training-jobs/{training_job_id}", "get", "200")],
)
def test_the_published_answers_have_no_difference(path: str, method: str, status: str) -> None:
    answer = published(path, method, status)

    assert drift_changes(PUBLISHED, read(answer)) == ()
    job = to_row(answers.JobBack.model_validate(answer))
    assert (job.job_id, job.name, job.description) == (ID, "mnist-torch", "baseline")
    assert job.created_at == datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "place", "wanted"),
    [
        pytest.param({"description": "x"}, "metadata.description", "x", id="description"),
        pytest.param({"annotations": {"a": "b"}}, "metadata.annotations", {"a": "b"}, id="notes"),
        pytest.param({"workers": 3}, "spec.resource.node_count", 3, id="workers"),
        pytest.param({"pool_id": "p"}, "spec.resource.pool_id", "p", id="pool"),
        pytest.param(
            {"auto_stop_hours": 4},
            "spec.auto_stop",
            {"time_unit": "HOURS", "duration": 4},
            id="auto stop",
        ),
        pytest.param({"priority": 0}, "spec.schedule_policy", {"priority": 0}, id="priority"),
        pytest.param(
            {"log_dir": "/b/log/"}, "spec.log_export_path", {"obs_url": "/b/log/"}, id="logs"
        ),
        pytest.param(
            {"notification": Notification(topic_urn="urn:t", events=("JobFailed",))},
            "spec.notification",
            {"topic_urn": "urn:t", "events": ["JobFailed"]},
            id="notification",
        ),
        pytest.param({"environment": {"A": "1"}}, "algorithm.environments", {"A": "1"}, id="env"),
        pytest.param(
            {"parameters": {"lr": "1e-3", "no": "no"}},
            "algorithm.parameters",
            [{"name": "lr", "value": "1e-3"}, {"name": "no", "value": "no"}],
            id="parameters as written",
        ),
        pytest.param(
            {"engine": Engine(name="TensorFlow", version="TF-2")},
            "algorithm.engine",
            {"engine_name": "TensorFlow", "engine_version": "TF-2"},
            id="engine by name",
        ),
        pytest.param(
            {
                "image": "swr/i:1",
                "command": "run",
                "engine": None,
                "code_dir": None,
                "boot_file": None,
            },
            "algorithm.engine",
            {"image_url": "swr/i:1"},
            id="image",
        ),
        pytest.param(
            {
                "algorithm": Algorithm(subscription_id="s", item_version_id="v"),
                "engine": None,
                "code_dir": None,
                "boot_file": None,
            },
            "algorithm.subscription_id",
            "s",
            id="subscribed algorithm",
        ),
        pytest.param(
            {"inputs": (Input(dataset_id="d", dataset_version_id="v", name="n"),)},
            "algorithm.inputs",
            [{"name": "n", "remote": {"dataset": {"id": "d", "version_id": "v"}}}],
            id="dataset",
        ),
        pytest.param(
            {"outputs": ()},
            "algorithm.outputs",
            None,
            id="nothing to write",
        ),
        pytest.param(
            {
                "volumes": (
                    Volume(type="nfs", source="h:/", target="/n", read_only=True),
                    Volume(type="pfs", source="/p/", target="/f"),
                    Volume(type="obs", source="/o/", target="/b"),
                )
            },
            "spec.volumes",
            [
                {"nfs": {"nfs_server_path": "h:/", "local_path": "/n", "read_only": True}},
                {"pfs": {"pfs_path": "/p/", "local_path": "/f"}},
                {"obs": {"obs_path": "/o/", "local_path": "/b"}},
            ],
            id="volumes",
        ),
    ],
)
def test_each_field_has_its_place(fields: dict[str, Any], place: str, wanted: Any) -> None:
    value: Any = sent(a_spec(**fields))
    for part in place.split("."):
        value = value.get(part)

    assert value == wanted


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        pytest.param([None], ["data_url"], id="one"),
        pytest.param([None, None, None], ["data_url", "data_url_2", "data_url_3"], id="several"),
        pytest.param(["x", None], ["x", "data_url"], id="one of two named"),
        pytest.param([None, "data_url"], ["data_url_2", "data_url"], id="name in use"),
        pytest.param(
            [None, "data_url", "data_url_2", None],
            ["data_url_3", "data_url", "data_url_2", "data_url_4"],
            id="several in use",
        ),
    ],
)
def test_inputs_without_a_name_get_one(given: list[str | None], wanted: list[str]) -> None:
    inputs = tuple(Input(path="/b/i/", name=name) for name in given)

    assert [each["name"] for each in sent(a_spec(inputs=inputs))["algorithm"]["inputs"]] == wanted


def test_outputs_without_a_name_are_called_as_in_version_1() -> None:
    outputs = (Output(path="/b/o/"), Output(path="/b/p/"))
    names = [each["name"] for each in sent(a_spec(outputs=outputs))["algorithm"]["outputs"]]

    assert names == ["train_url", "train_url_2"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param({}, {"workers": 1, "inputs": (), "environment": {}}, id="nothing"),
        pytest.param(
            {"algorithm": None, "spec": None}, {"flavor": None, "engine": None}, id="nulls"
        ),
        pytest.param(
            {"spec": {"resource": {"node_count": "4"}}}, {"workers": 4}, id="number as text"
        ),
        pytest.param(
            {"algorithm": {"parameters": [{"name": "lr", "value": 0.1}, {"name": "e"}]}},
            {"parameters": {"lr": "0.1", "e": ""}},
            id="parameters of other types",
        ),
        pytest.param(
            {"algorithm": {"environments": [{"A": "1"}, {"B": "2"}]}},
            {"environment": {"A": "1", "B": "2"}},
            id="environments in a list",
        ),
        pytest.param(
            {"algorithm": {"code_dir": "obs://b/c", "boot_file": "obs://b/c/x.py"}},
            {"code_dir": "/b/c/", "boot_file": "/b/c/x.py"},
            id="paths with a scheme",
        ),
        pytest.param(
            {"spec": {"log_export_path": {"obs_url": ""}}}, {"log_dir": None}, id="empty log path"
        ),
        pytest.param(
            {"spec": {"auto_stop": {"time_unit": "DAYS", "duration": 2}}},
            {"auto_stop_hours": None},
            id="other unit of time",
        ),
        pytest.param(
            {"spec": {"notification": {"topic_urn": "", "events": []}}},
            {"notification": None},
            id="empty notification",
        ),
        pytest.param(
            {"algorithm": {"inputs": [{"name": "tuned"}]}},
            {"inputs": (Input(name="tuned"),)},
            id="input without a place",
        ),
        pytest.param(
            {"spec": {"volumes": [{"other": {}}, {"nfs": {"local_path": "/n"}}]}},
            {"volumes": (Volume(type="nfs", source="", target="/n"),)},
            id="unknown volume",
        ),
    ],
)
def test_fields_read_back(answer: dict[str, Any], expected: dict[str, Any]) -> None:
    spec = read(an_answer(**answer))

    assert {name: getattr(spec, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("phase", "status"),
    [
        ("Creating", Status.PENDING),
        ("Pending", Status.PENDING),
        ("Running", Status.RUNNING),
        ("Terminating", Status.STOPPING),
        ("Terminated", Status.STOPPED),
        ("Completed", Status.SUCCEEDED),
        ("Failed", Status.FAILED),
        ("Abnormal", Status.FAILED),
        ("Hibernating", Status.UNKNOWN),
        (None, Status.UNKNOWN),
        (["Running"], Status.UNKNOWN),
    ],
)
def test_phases(phase: object, status: Status) -> None:
    assert to_status(phase) is status


def test_a_job_whose_configuration_makes_no_sense_keeps_its_row() -> None:
    answer = an_answer(algorithm={"engine": ["?"]})
    row = to_row(answers.JobBack.model_validate(answer))

    assert (row.job_id, row.name, row.status, row.spec) == (ID, "a", Status.RUNNING, None)
    with pytest.raises(ValidationError):
        read(answer)


@pytest.mark.parametrize("field", ["status", "algorithm", "spec"])
@pytest.mark.parametrize("value", [None, "x", 7, []], ids=repr)
def test_a_row_bears_any_part_that_is_none(field: str, value: object) -> None:
    row = to_row(answers.JobBack.model_validate(an_answer(**{field: value})))

    assert row.job_id == ID


@pytest.mark.parametrize(
    ("quotas", "expected"),
    [
        ([{"resource": "job-num", "quota": 100, "used": "25"}], Quota(100, 75)),
        ([{"resource": "job-num", "quota": 10, "used": 25}], Quota(10, 0)),
        ([{"resource": "gpu", "quota": 100, "used": 25}], None),
        ([{"resource": "job-num", "quota": None, "used": 25}], None),
        (None, None),
    ],
)
def test_quota(quotas: Any, expected: Quota | None) -> None:
    assert to_quota(answers.QuotaList.model_validate({"quotas": quotas})) == expected


def test_the_published_catalog() -> None:
    (flavor,) = answers.FlavorList.model_validate(
        published("/training-job-flavors", "get", "200")
    ).flavors
    (engine,) = answers.EngineList.model_validate(
        published("/training-job-engines", "get", "200")
    ).items
    offer = to_flavor(flavor)

    assert (offer.code, offer.max_workers, offer.cpus, offer.memory_gb, offer.gpus) == (
        "modelarts.vm.cpu.8u",
        16,
        "8",
        "32",
        0,
    )
    assert (to_engine(engine).id, to_engine(engine).name) == (TORCH, "PyTorch")


def test_a_flavor_with_cards() -> None:
    info = {"gpu": {"unit_num": 8, "product_name": "V100"}, "memory": {"size": 512, "unit": "GB"}}
    row = {"flavor_id": "g", "max_num": 4, "flavor_info": info}
    flavor = to_flavor(answers.FlavorRow.model_validate(row))

    assert (flavor.max_workers, flavor.gpus, flavor.gpu_type) == (4, 8, "V100")


words = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=20)
segments = st.text("abcXYZ019-_. ", min_size=1, max_size=8).filter(lambda s: s != ".")
folders = st.lists(segments, min_size=1, max_size=3).map(lambda parts: f"/{'/'.join(parts)}/")
names = st.text("abcXYZ019-_", min_size=1, max_size=64)
variables = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,9}", fullmatch=True)
input_names = st.none() | names | st.sampled_from(["data_url", "data_url_2"])


@st.composite
def inputs(draw: st.DrawFn) -> tuple[Input, ...]:
    """Return inputs whose written names differ."""
    drawn = draw(
        st.lists(
            st.one_of(
                st.builds(Input, path=folders, name=input_names),
                st.builds(Input, dataset_id=names, dataset_version_id=names, name=input_names),
            ),
            max_size=4,
            unique_by=lambda each: each.name or object(),
        )
    )
    return tuple(drawn)


@st.composite
def codes(draw: st.DrawFn) -> dict[str, Any]:
    """Return one of the ways to say what runs."""
    code_dir = draw(folders)
    engines = [Engine(name="TensorFlow", version="TF-1.8.0-python3.6"), Engine(id="tf-1.8")]
    return draw(
        st.sampled_from(
            [
                {
                    "code_dir": code_dir,
                    "boot_file": code_dir + "train.py",
                    "engine": draw(st.sampled_from(engines)),
                },
                {"image": draw(names), "command": draw(words.filter(bool))},
                {"algorithm": Algorithm(id=draw(names))},
                {"algorithm": Algorithm(subscription_id=draw(names), item_version_id=draw(names))},
            ]
        )
    )


@st.composite
def volumes(draw: st.DrawFn) -> tuple[Volume, ...]:
    """Return volumes at folders that differ."""
    kinds = draw(st.lists(st.sampled_from(["nfs", "pfs", "obs"]), max_size=8))
    return tuple(
        Volume.model_validate(
            {
                "type": kind,
                "source": draw(names),
                "target": f"/m{number}",
                "read_only": kind == "nfs" and draw(st.booleans()),
            }
        )
        for number, kind in enumerate(kinds)
    )


@st.composite
def specs(draw: st.DrawFn) -> JobSpec:
    """Return a spec that version 2 can express; every field of ours is drawn."""
    pool = draw(st.none() | names)
    return JobSpec(
        name=draw(names),
        description=draw(words),
        flavor=draw(names) if pool is None else draw(st.none() | names),
        pool_id=pool,
        workers=draw(st.integers(1, 64)),
        parameters=draw(st.dictionaries(names, words, max_size=4)),
        environment=draw(
            st.dictionaries(variables, words.map(lambda text: text.replace("$", "")), max_size=4)
        ),
        inputs=draw(inputs()),
        outputs=draw(
            st.lists(
                st.builds(Output, path=folders, name=st.none() | names),
                max_size=3,
                unique_by=lambda each: each.name or object(),
            )
        ),
        log_dir=draw(st.none() | folders),
        volumes=draw(volumes()),
        notification=draw(
            st.none()
            | st.builds(
                Notification,
                topic_urn=names,
                events=st.lists(st.sampled_from(EVENTS), unique=True).map(tuple),
            )
        ),
        auto_stop_hours=draw(st.none() | st.integers(1, 100)),
        priority=draw(st.none() | st.integers(0, 3)),
        annotations=draw(st.dictionaries(names, words, max_size=3)),
        **draw(codes()),
    )


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(spec=specs(), how=st.fixed_dictionaries({name: st.booleans() for name in WAYS}))
def test_what_is_sent_and_read_back_differs_in_nothing_that_was_written(
    spec: JobSpec, how: dict[str, bool]
) -> None:
    assert DialectV2().problems(a_desired(spec)) == ()
    request = sent(spec)
    assert_fits("JobCreate", request)
    answer = filled_by_server(request, **how)
    assert_fits("Job", answer)

    assert drift_changes(spec, read(answer)) == ()


def test_the_round_trip_speaks_of_every_field() -> None:
    drawn: set[str] = set()

    @settings(max_examples=200, deadline=None, database=None, derandomize=True)
    @given(spec=specs())
    def collect(spec: JobSpec) -> None:
        drawn.update(spec.canonical)

    collect()

    assert drawn == set(JobSpec.model_fields)
