"""Whatever version 2 may answer, it becomes a value or an error of ours, never a traceback."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
import responses
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.errors import ProviderError
from reconciler.providers.modelarts.v2.client import ModelArtsV2
from tests.build import a_spec
from tests.unit.providers.test_v2_client import BASE, JOB, JOBS, SEARCHES, a_client
from tests.unit.providers.v2_documents import ID, published

_JOB = "/training-jobs/{training_job_id}"
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["", "\ud800", "9" * 40, "v2", "\x1b[31m"])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every part of a JSON value."""
    match value:
        case dict():
            parts = list(value.items())
        case list():
            parts = list(enumerate(value))
        case _:
            parts = []
    return [path, *(place for key, inner in parts for place in places(inner, (*path, key)))]


@st.composite
def mangled(draw: st.DrawFn, sound: Any) -> Any:
    """Return a sound answer with a few of its parts replaced by anything."""
    answer = copy.deepcopy(sound)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(places(answer)))
        new = draw(values)
        if not path:
            return new
        inner = answer
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = new
    return answer


Call = Callable[[ModelArtsV2], object]
FLAVORS, ENGINES = "/training-job-flavors", "/training-job-engines"
CASES: dict[str, tuple[str, str, Any, Call]] = {
    "list": (
        "POST",
        SEARCHES,
        published("/training-job-searches", "post", "200"),
        lambda client: client.list(),
    ),
    "find": (
        "POST",
        SEARCHES,
        published("/training-job-searches", "post", "200"),
        lambda client: client.find("mnist-torch"),
    ),
    "get": ("GET", JOB, published(_JOB, "get", "200"), lambda client: client.get(ID, None)),
    "create": (
        "POST",
        JOBS,
        published("/training-jobs", "post", "201"),
        lambda client: client.create(a_spec()),
    ),
    "stop": (
        "POST",
        f"{JOB}/actions",
        published(f"{_JOB}/actions", "post", "202"),
        lambda client: client.stop(ID, None),
    ),
    "update": ("PUT", JOB, None, lambda client: client.update_description(ID, "x")),
    "delete": ("DELETE", JOB, "", lambda client: client.delete(ID)),
    "tasks": ("GET", JOB, published(_JOB, "get", "200"), lambda client: client.logs(ID, None)),
    "log": (
        "GET",
        f"{JOB}/tasks/worker-0/logs/preview",
        published(f"{_JOB}/tasks/{{task_id}}/logs/preview", "get", "200"),
        lambda client: client.logs(ID, None, cursor='{"worker-0": 3}'),
    ),
    "link": (
        "GET",
        f"{JOB}/tasks/worker-0/logs/url",
        published(f"{_JOB}/tasks/{{task_id}}/logs/url", "get", "200"),
        lambda client: client.log_link(ID, "worker-0"),
    ),
    "metrics": (
        "GET",
        f"{JOB}/metrics/worker-0",
        published(f"{_JOB}/metrics/{{task_id}}", "get", "200"),
        lambda client: client.metrics(ID, "worker-0"),
    ),
    "events": (
        "GET",
        f"{JOB}/events",
        published(f"{_JOB}/events", "get", "200"),
        lambda client: client.events(ID),
    ),
    "flavors": (
        "GET",
        BASE + FLAVORS,
        published(FLAVORS, "get", "200"),
        lambda client: client.flavors(),
    ),
    "engines": (
        "GET",
        BASE + ENGINES,
        published(ENGINES, "get", "200"),
        lambda client: client.engines(),
    ),
    "quota": (
        "GET",
        f"{BASE}/training-quotas",
        published("/training-quotas", "get", "200"),
        lambda client: client.quota(),
    ),
    "name": (
        "GET",
        f"{BASE}/training-job-names",
        published("/training-job-names", "get", "200"),
        lambda client: client.is_name_taken("a"),
    ),
}


@pytest.mark.parametrize("case", CASES)
@given(data=st.data())
@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=60)
def test_a_mangled_answer(case: str, data: st.DataObject) -> None:
    method, url, sound, call = CASES[case]
    answer = data.draw(mangled(sound))
    status = data.draw(st.sampled_from([200, 200, 200, 202, 204, 400, 404, 500]))
    with responses.RequestsMock(assert_all_requests_are_fired=False) as web:
        web.add(method, url, body=json.dumps(answer), status=status)
        web.add("GET", JOB, json=published(_JOB, "get", "200"))
        said = ""
        try:
            call(a_client())
        except ProviderError as refusal:
            said = str(refusal)
    assert "\x1b" not in said
