"""What every provider must do: one set of tests, run against each of them."""

import json
import subprocess
import sys
import time
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest

from reconciler.emulator.launch import Running, find
from reconciler.errors import JobNotFoundError, NameTakenError, OutcomeUnknownError
from reconciler.model.job import Status
from reconciler.model.platform import PlatformSettings
from reconciler.model.spec import JobSpec, Notification
from reconciler.planning.rules import as_written
from reconciler.providers.auth import Credentials, PasswordAuthenticator
from reconciler.providers.base import Provider
from reconciler.providers.memory import MemoryProvider
from reconciler.providers.memory_platform import MemoryPlatform
from reconciler.providers.modelarts.v1 import client as v1
from reconciler.providers.modelarts.v2 import client as v2
from reconciler.providers.transport import Transport
from tests.build import a_spec

V1, V2 = "modelarts/v1", "modelarts/v2"
PATIENCE = 30.0
_numbers = count()
_T = TypeVar("_T")


def a_new_spec(**fields: object) -> JobSpec:
    """Return a spec whose name no other test uses."""
    return a_spec(f"contract_{next(_numbers)}", **fields)


def eventually(check: Callable[[], _T | None]) -> _T:
    """Ask until the answer is true; a platform may take its time."""
    deadline = time.monotonic() + PATIENCE
    while not (answer := check()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
    return answer


class ProviderContract(ABC):
    """Every provider keeps these promises; a subclass says how to get one."""

    @pytest.fixture
    @abstractmethod
    def provider(self) -> Provider | Iterator[Provider]:
        """Return the provider under test."""

    @abstractmethod
    def finish(self, provider: Provider, name: str) -> None:
        """Let the job of this name run to its end."""

    def test_a_created_job_is_found_listed_and_read_back(self, provider: Provider) -> None:
        spec = a_new_spec(description="what it is for", parameters={"lr": "1e-3", "z": "0.10"})
        created = provider.create(spec)

        (found,) = eventually(lambda: provider.find(spec.name))
        listed = provider.list().by_id(created.job_id)
        read = provider.get(created.job_id, found.version_id)

        assert listed is not None
        for job in (created, found, listed, read):
            assert (job.job_id, job.name) == (created.job_id, spec.name)
            assert job.description == "what it is for"
        assert found.version_id == listed.version_id == read.version_id
        assert read.spec is not None
        for each in (found.spec, listed.spec, read.spec):
            assert each is None or as_written(spec, each) == spec.canonical

    def test_details_without_a_version_are_the_newest(self, provider: Provider) -> None:
        created = provider.create(a_new_spec())

        read = provider.get(created.job_id, None)

        assert read.version_id == created.version_id

    def test_creation_times_follow_the_platforms_clock(self, provider: Provider) -> None:
        provider.list()
        before = provider.now()
        created = provider.create(a_new_spec())
        row = eventually(lambda: provider.list().by_id(created.job_id))
        late = timedelta(seconds=2)

        assert row.created_at is not None
        assert before - late <= row.created_at <= provider.now() + late

    def test_a_list_is_in_order_of_creation(self, provider: Provider) -> None:
        ids = [provider.create(a_new_spec()).job_id for _ in range(3)]

        listed = [job.job_id for job in provider.list() if job.job_id in ids]

        assert listed == ids

    def test_quota_counts_jobs(self, provider: Provider) -> None:
        before = provider.list().quota or provider.quota()
        provider.create(a_new_spec())
        listing = provider.list()
        after = listing.quota or provider.quota()

        assert before is not None
        assert after is not None
        assert provider.quota() == after
        assert after.limit == before.limit
        assert after.left == before.left - 1
        assert after.left == after.limit - len(listing)

    def test_a_name_is_taken_once(self, provider: Provider) -> None:
        spec = a_new_spec()
        first = provider.create(spec)
        with pytest.raises(NameTakenError):
            provider.create(spec)

        assert [job.job_id for job in provider.find(spec.name)] == [first.job_id]

    def test_of_many_that_want_a_name_one_gets_it(self, provider: Provider) -> None:
        spec = a_new_spec()

        def create(_: int) -> str:
            try:
                return provider.create(spec).job_id
            except NameTakenError:
                return ""

        with ThreadPoolExecutor(8) as pool:
            ids = [each for each in pool.map(create, range(8)) if each]

        assert [job.job_id for job in provider.find(spec.name)] == ids

    def test_names_are_found_whole_and_in_their_case(self, provider: Provider) -> None:
        spec = a_new_spec()
        provider.create(spec)

        assert provider.find(spec.name[:-1]) in ((), [])
        assert list(provider.find(spec.name.upper())) == []

    def test_a_description_can_be_changed_and_emptied(self, provider: Provider) -> None:
        created = provider.create(a_new_spec(description="before"))
        for text in ("after", "ünï <&>", "", ""):
            provider.update_description(created.job_id, text)
            row = provider.list().by_id(created.job_id)
            assert row is not None
            assert row.description == text
            assert row.version_id == created.version_id

    def test_a_deleted_job_goes(self, provider: Provider) -> None:
        spec = a_new_spec()
        created = provider.create(spec)
        provider.delete(created.job_id)
        eventually(lambda: not provider.find(spec.name))

        with pytest.raises(JobNotFoundError):
            provider.get(created.job_id, created.version_id)
        assert provider.list().by_name(spec.name) is None

    def test_deleting_twice_is_fine(self, provider: Provider) -> None:
        spec = a_new_spec()
        created = provider.create(spec)
        for _ in range(3):
            provider.delete(created.job_id)
        eventually(lambda: not provider.find(spec.name))
        provider.delete(created.job_id)

    def test_a_name_can_be_used_again(self, provider: Provider) -> None:
        spec = a_new_spec()
        first = provider.create(spec)
        provider.delete(first.job_id)
        eventually(lambda: not provider.find(spec.name))

        assert provider.create(spec).job_id != first.job_id

    @pytest.mark.parametrize("job_id", ["999999999", "1"])
    def test_a_job_that_never_was(self, provider: Provider, job_id: str) -> None:
        provider.delete(job_id)
        for call in (
            lambda: provider.get(job_id, "1"),
            lambda: provider.get(job_id, None),
            lambda: provider.update_description(job_id, "x"),
            lambda: provider.stop(job_id, None),
            lambda: provider.logs(job_id, None),
        ):
            with pytest.raises(JobNotFoundError):
                call()

    def test_a_stopped_job_stays_and_stopping_again_is_fine(self, provider: Provider) -> None:
        created = provider.create(a_new_spec())
        provider.stop(created.job_id, created.version_id)

        def row_when_over() -> Status | None:
            row = provider.list().by_id(created.job_id)
            return row.status if row and row.status.is_final else None

        assert eventually(row_when_over) is Status.STOPPED
        provider.stop(created.job_id, None)

    def test_a_job_that_ran_to_its_end_can_be_stopped_without_harm(
        self, provider: Provider
    ) -> None:
        created = provider.create(a_new_spec())
        self.finish(provider, created.name)
        provider.stop(created.job_id, created.version_id)

        row = provider.list().by_id(created.job_id)
        assert row is not None
        assert row.status is Status.SUCCEEDED

    def test_a_log_is_read_once_by_following_it(self, provider: Provider) -> None:
        created = provider.create(a_new_spec())
        first = provider.logs(created.job_id, created.version_id, lines=5)
        self.finish(provider, created.name)
        whole = provider.logs(created.job_id, created.version_id, lines=500)
        last = provider.logs(created.job_id, created.version_id, lines=1)
        after = provider.logs(created.job_id, created.version_id, cursor=whole.cursor)

        assert isinstance(first.text, str)
        assert whole.text.endswith("\n")
        assert whole.text.endswith(last.text)
        assert last.text.count("\n") == 1
        assert after.text == ""
        assert after.cursor == whole.cursor

    def test_the_catalog_has_what_the_specs_ask_for(self, provider: Provider) -> None:
        spec = a_new_spec()

        assert spec.flavor in {flavor.code for flavor in provider.flavors()}
        assert spec.engine is not None
        offers = {(offer.name, offer.version) for offer in provider.engines()}
        assert (spec.engine.name, spec.engine.version) in offers

    def test_identity_is_stable(self, provider: Provider) -> None:
        assert provider.identity == provider.identity
        assert provider.identity.project_id


class VersionsContract:
    """What a provider promises whose jobs have versions."""

    def test_a_version_runs_the_job_again(self, provider: Provider) -> None:
        spec = a_new_spec(parameters={"lr": "0.1"})
        first = provider.create(spec)
        assert first.version_id is not None
        changed = spec.model_copy(update={"parameters": {"lr": "0.2"}})

        second = provider.create_version(first.job_id, first.version_id, changed)

        assert second.job_id == first.job_id
        assert second.version_id not in (None, first.version_id)
        (row,) = eventually(lambda: provider.find(spec.name))
        newest, old = (provider.get(first.job_id, version) for version in (None, first.version_id))
        assert row.version_id == newest.version_id == second.version_id
        assert newest.spec is not None
        assert old.spec is not None
        assert as_written(changed, newest.spec) == changed.canonical
        assert as_written(spec, old.spec) == spec.canonical

    def test_a_version_of_no_job(self, provider: Provider) -> None:
        created = provider.create(a_new_spec())
        provider.delete(created.job_id)
        eventually(lambda: not provider.find(created.name))

        with pytest.raises(JobNotFoundError):
            provider.create_version(created.job_id, created.version_id or "1", a_new_spec())


class TestMemory(ProviderContract, VersionsContract):
    """The platform in memory."""

    @pytest.fixture
    def provider(self) -> Provider:
        return MemoryProvider(MemoryPlatform(delete_lag=1))

    def finish(self, provider: Provider, name: str) -> None:
        assert isinstance(provider, MemoryProvider)
        provider.platform.append_log(name, "one\ntwo\n")
        provider.platform.set_status(name, Status.SUCCEEDED)


TRAINING = """
import time
print("one", flush=True)
time.sleep(0.5)
print("two")
"""


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """An emulator that really runs its jobs, for as long as these tests last."""
    folder = tmp_path_factory.mktemp("emulator")
    store, bucket = folder / "store", folder / "buckets" / "bucket"
    for name in ("code", "data", "output"):
        (bucket / name).mkdir(parents=True)
    (bucket / "code" / "train.py").write_text(TRAINING)
    options = ("--store", store, "--buckets", bucket.parent, "--idle-timeout", 120)
    command = [sys.executable, "-m", "reconciler.emulator", *map(str, options)]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=Path(__file__).parents[2])
    try:
        yield eventually(lambda: find(store, bucket.parent))
    finally:
        server.terminate()
        server.wait(PATIENCE)


class EmulatedContract(ProviderContract):
    """One version of the API, against the emulator."""

    api: str

    @pytest.fixture
    def provider(self, emulator: Running) -> Iterator[Provider]:
        provider = connected(emulator, self.api)
        yield provider
        provider.close()

    def finish(self, provider: Provider, name: str) -> None:
        def is_over() -> bool:
            return all(job.status.is_final for job in provider.find(name))

        eventually(is_over)


class TestModelArtsV1(EmulatedContract, VersionsContract):
    """Version 1 of the API."""

    api = V1


class TestModelArtsV2(EmulatedContract):
    """Version 2 of the API."""

    api = V2

    def test_a_list_carries_the_specs(self, provider: Provider) -> None:
        spec = a_new_spec(environment={"A": "1"}, auto_stop_hours=2)
        created = provider.create(spec)
        listed = provider.list().by_id(created.job_id)

        assert listed is not None
        assert listed.spec is not None
        assert as_written(spec, listed.spec) == spec.canonical

    @pytest.mark.parametrize("record_offset", [False, True], ids=["pages", "jobs"])
    def test_an_offset_may_count_pages_or_jobs(
        self, provider: Provider, emulator: Running, record_offset: bool
    ) -> None:
        ids = [provider.create(a_new_spec()).job_id for _ in range(55)]
        tell(emulator, "PUT", {"record_offset": record_offset}, about="quirks")
        try:
            listed = [job.job_id for job in provider.list()]
        finally:
            tell(emulator, "PUT", {}, about="quirks")
            for job_id in ids:
                provider.delete(job_id)

        assert [job_id for job_id in listed if job_id in ids] == ids
        assert len(listed) == len(set(listed))

    def test_what_answers_may_leave_out_is_no_difference(
        self, provider: Provider, emulator: Running
    ) -> None:
        told = Notification(topic_urn="urn:t", events=("JobFailed",))
        spec = a_new_spec(auto_stop_hours=2, notification=told)
        tell(emulator, "PUT", {"terse_spec": True}, about="quirks")
        try:
            read = provider.get(provider.create(spec).job_id, None)
        finally:
            tell(emulator, "PUT", {}, about="quirks")

        assert read.spec is not None
        assert read.spec.auto_stop_hours is None
        assert as_written(spec, read.spec) == spec.canonical


def error(when: str, status: int, code: str, **fields: object) -> dict[str, object]:
    return {"kind": f"error_{when}", "status": status, "code": code, **fields}


HARMLESS = [
    pytest.param({"kind": "latency", "seconds": 0.05}, id="slow"),
    pytest.param({"kind": "expire_tokens"}, id="expired login"),
    pytest.param({"kind": "numbers_as_strings"}, id="numbers as text"),
    pytest.param({"kind": "unknown_status", "value": 99}, id="unknown status"),
    pytest.param(error("before", 401, "ModelArts.0202"), id="401"),
    pytest.param(error("before", 403, "ModelArts.0203", variant="B"), id="403 that means 401"),
    pytest.param(error("before", 401, "APIG.0301", variant="E"), id="401 of the gateway"),
    pytest.param(error("before", 429, "APIG.0308", variant="E"), id="429 of the gateway"),
    pytest.param(error("before", 429, "", variant="F", retry_after=1), id="429 without a body"),
    pytest.param(error("before", 429, "", variant="html", retry_after=1, as_date=True), id="429+"),
    pytest.param(error("before", 200, "ModelArts.4206", variant="B"), id="200 that means 429"),
]
LOST_BEFORE = [
    pytest.param({"kind": "drop_before", "mode": "reset"}, id="reset before"),
    pytest.param({"kind": "drop_before", "mode": "close"}, id="close before"),
    pytest.param(error("before", 500, "ModelArts.0010"), id="500 before"),
    pytest.param(error("before", 502, "", variant="F"), id="502 before"),
]
LOST_AFTER = [
    pytest.param({"kind": "drop_after", "mode": "reset"}, id="reset after"),
    pytest.param({"kind": "drop_after", "mode": "close"}, id="close after"),
    pytest.param({"kind": "truncate"}, id="truncated"),
    pytest.param({"kind": "invalid_json"}, id="not JSON"),
    pytest.param(error("after", 500, "ModelArts.0010", variant="A"), id="500 after"),
    pytest.param(error("after", 200, "ModelArts.0010", variant="B"), id="200 that means 500"),
    pytest.param(error("after", 502, "", variant="F"), id="502 after"),
    pytest.param(error("after", 503, "", variant="html"), id="503 with HTML after"),
]


@pytest.mark.parametrize("api", [V1, V2])
class TestFaults:
    """One fault in the first request of each call; time does not pass while it waits."""

    @pytest.fixture
    def provider(self, emulator: Running, api: str) -> Iterator[Provider]:
        provider = impatient(emulator, api)
        provider.engines()
        yield provider
        rules = tell(emulator, "GET")
        tell(emulator, "DELETE")
        provider.close()
        assert {rule["hits"] for rule in rules} == {1}

    @pytest.mark.parametrize("fault", [*HARMLESS, *LOST_BEFORE, *LOST_AFTER])
    def test_reading_gets_over_it(
        self, provider: Provider, emulator: Running, api: str, fault: dict[str, object]
    ) -> None:
        job = provider.create(a_new_spec())
        calls: tuple[Callable[[], object], ...] = (
            lambda: job.job_id in {each.job_id for each in provider.list()},
            lambda: [each.job_id for each in provider.find(job.name)] == [job.job_id],
            lambda: provider.get(job.job_id, None).spec is not None,
            lambda: provider.logs(job.job_id, None).text is not None,
            lambda: len(impatient(emulator, api).flavors()) > 0,
        )
        for call in calls:
            tell(emulator, "POST", {"path_regex": version(api), "fault": fault})
            assert call()

    @pytest.mark.parametrize("fault", [*HARMLESS, *LOST_BEFORE, *LOST_AFTER])
    def test_repeatable_changes_get_over_it(
        self, provider: Provider, emulator: Running, api: str, fault: dict[str, object]
    ) -> None:
        job = provider.create(a_new_spec())
        tell(emulator, "POST", {"method": "PUT", "fault": fault})
        provider.update_description(job.job_id, "new")
        assert provider.find(job.name)[0].description == "new"
        tell(emulator, "POST", {"method": "DELETE", "path_regex": version(api), "fault": fault})
        provider.delete(job.job_id)
        eventually(lambda: not provider.find(job.name))

    @pytest.mark.parametrize("fault", HARMLESS)
    def test_a_creation_gets_over_what_certainly_did_nothing(
        self, provider: Provider, emulator: Running, api: str, fault: dict[str, object]
    ) -> None:
        tell(
            emulator,
            "POST",
            {"method": "POST", "path_regex": f"{version(api)}.*/training-jobs", "fault": fault},
        )
        job = provider.create(a_new_spec())

        assert [each.job_id for each in provider.find(job.name)] == [job.job_id]

    @pytest.mark.parametrize(
        ("fault", "exists"),
        [pytest.param(*each.values, False, id=each.id) for each in LOST_BEFORE]
        + [pytest.param(*each.values, True, id=each.id) for each in LOST_AFTER],
    )
    def test_a_creation_whose_answer_is_lost_is_told_and_not_repeated(
        self,
        provider: Provider,
        emulator: Running,
        api: str,
        fault: dict[str, object],
        exists: bool,
    ) -> None:
        spec = a_new_spec()
        tell(
            emulator,
            "POST",
            {"method": "POST", "path_regex": f"{version(api)}.*/training-jobs", "fault": fault},
        )
        with pytest.raises(OutcomeUnknownError):
            provider.create(spec)

        assert len(provider.find(spec.name)) == exists


def version(api: str) -> str:
    return f"/{api.partition('/')[2]}/"


def credentials_of(emulator: Running) -> Credentials:
    return Credentials(
        auth_url=emulator.auth_url,
        username=emulator.username,
        password=emulator.password,
        user_domain_name=emulator.domain,
        project_name=emulator.project_name,
    )


def connected(emulator: Running, api: str) -> Provider:
    connect = v1.connect if api == V1 else v2.connect
    return connect(PlatformSettings(api=api), credentials_of(emulator), url=emulator.url)


def impatient(emulator: Running, api: str) -> Provider:
    transport = Transport(sleep=lambda _: None)
    authenticator = PasswordAuthenticator(credentials_of(emulator), transport)
    kind = v1.ModelArtsV1 if api == V1 else v2.ModelArtsV2
    return kind(PlatformSettings(api=api), transport, authenticator, url=emulator.url)


def tell(
    emulator: Running,
    method: str,
    rule: dict[str, object] | None = None,
    *,
    about: str = "faults",
) -> Any:
    """Put a rule in force, show the rules, or lift them all; or tell about something else."""
    request = urllib.request.Request(
        f"{emulator.url}/_emulator/{about}",
        method=method,
        data=None if rule is None else json.dumps(rule).encode(),
        headers={"X-Admin-Token": emulator.admin_token},
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return json.load(answer)
