"""What plans cost on version 2: its list carries whole jobs, so nothing else is asked for."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
import responses

from reconciler.backends.memory import MemoryBackend
from reconciler.engine.context import Context
from reconciler.engine.plan import plan
from reconciler.engine.request import Request
from reconciler.model.address import Address
from reconciler.model.job import DesiredJob, JobRecord
from reconciler.model.plan import PlanPlatform
from reconciler.model.platform import PlatformSettings
from reconciler.model.spec import JobSpec
from reconciler.providers.auth import TokenAuthenticator
from reconciler.providers.modelarts.v2 import mapping
from reconciler.providers.modelarts.v2.client import ModelArtsV2
from tests.build import a_desired, a_spec, a_state
from tests.unit.providers.doubles import PROJECT, URL, a_transport
from tests.unit.providers.test_v2_client import BASE, SEARCHES, Listed
from tests.unit.providers.v2_documents import filled_by_server

PLATFORM = PlanPlatform(api="modelarts/v2", endpoint=URL, project_id=PROJECT)


@pytest.fixture
def web() -> Iterator[responses.RequestsMock]:
    """The network, in which only what a test registers exists."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def specs(count: int) -> list[JobSpec]:
    return [a_spec(f"job-{number}", environment={"N": str(number)}) for number in range(count)]


def on_the_platform(spec: JobSpec) -> dict[str, object]:
    request = json.loads(mapping.to_create(spec).body())
    return filled_by_server(request, job_id=f"id-{spec.name}", phase="Running")


def recorded(spec: JobSpec) -> JobRecord:
    return JobRecord(job_id=f"id-{spec.name}", name=spec.name, spec=spec)


def a_context(known: list[JobSpec]) -> Context:
    state = a_state({spec.name: recorded(spec) for spec in known}, platform=PLATFORM.identity)
    settings = PlatformSettings(api="modelarts/v2", endpoint=URL)
    provider = ModelArtsV2(settings, a_transport(), TokenAuthenticator("token", PROJECT))
    backend = MemoryBackend("vision")
    with backend.lock(command="test") as store:
        store.checkpoint(state)
    return Context(provider, backend, command="plan")


def a_request(wanted: list[DesiredJob]) -> Request:
    return Request(
        stack="vision",
        platform=PLATFORM,
        desired={Address(job.spec.name): job for job in wanted},
    )


@pytest.mark.parametrize("full", [False, True], ids=["fast", "full"])
def test_an_unchanged_stack_of_a_thousand_costs_twenty_requests(
    web: responses.RequestsMock, full: bool
) -> None:
    known = specs(1000)
    web.add_callback("POST", SEARCHES, Listed([on_the_platform(spec) for spec in known]))
    context = replace(a_context(known), full_refresh=full)

    made = plan(context, a_request([a_desired(spec) for spec in known])).plan

    assert (made.actions, made.diagnostics) == ((), ())
    assert made.summary.noop == 1000
    assert [call.request.url for call in web.calls] == [SEARCHES] * 20


def test_a_configuration_that_someone_changed_is_seen_without_a_request_more(
    web: responses.RequestsMock,
) -> None:
    (spec,) = specs(1)
    other = spec.model_copy(update={"environment": {"N": "changed"}})
    web.add_callback("POST", SEARCHES, Listed([on_the_platform(other)]))
    web.add("GET", f"{BASE}/training-quotas", json={"quotas": []})
    web.add("GET", f"{BASE}/training-job-flavors", json={"flavors": []})
    web.add("GET", f"{BASE}/training-job-engines", json={"items": []})

    made = plan(a_context([spec]), a_request([a_desired(spec)])).plan

    assert [change.path for change in made.actions[0].changes] == ["environment.N"]
    assert f"{BASE}/training-jobs" not in {call.request.url for call in web.calls}


@pytest.mark.parametrize(("left", "fits"), [(2, True), (1, False)])
def test_the_quota_is_asked_for_when_jobs_are_to_be_created(
    web: responses.RequestsMock, left: int, fits: bool
) -> None:
    web.add_callback("POST", SEARCHES, Listed([]))
    quota = {"resource": "job-num", "quota": 100, "used": 100 - left}
    web.add("GET", f"{BASE}/training-quotas", json={"quotas": [quota]})
    web.add(
        "GET",
        f"{BASE}/training-job-flavors",
        json={"flavors": [{"flavor_id": "modelarts.vm.cpu.8u", "max_num": 4}]},
    )
    engine = {
        "engine_id": "e",
        "engine_name": "TensorFlow",
        "engine_version": "TF-1.8.0-python3.6",
    }
    web.add("GET", f"{BASE}/training-job-engines", json={"items": [engine]})

    made = plan(a_context([]), a_request([a_desired(spec) for spec in specs(2)])).plan

    assert [each.code for each in made.diagnostics] == ([] if fits else ["quota"])
