"""The platform in memory: what tests do to it, and how it goes wrong when told."""

import pytest

from reconciler.errors import NameTakenError, OutcomeUnknownError, QuotaExceededError
from reconciler.model.job import Status
from reconciler.providers.memory import MemoryProvider
from reconciler.providers.memory_platform import Call, MemoryPlatform
from tests.build import a_desired, a_spec


class Die(BaseException):
    """Stands for a process that ends at this instant."""


def names(provider: MemoryProvider) -> list[str]:
    return [job.name for job in provider.list()]


def test_specs_are_kept_as_given_and_calls_are_told() -> None:
    provider = MemoryProvider()
    created = provider.create(a_spec("a"))
    provider.update_description(created.job_id, "new")

    assert provider.get(created.job_id, None).spec == a_spec("a", description="new")
    assert provider.platform.calls == [
        Call("create", (a_spec("a"),)),
        Call("update_description", (created.job_id, "new")),
        Call("get", (created.job_id, None)),
    ]
    assert [call.method for call in provider.platform.mutating_calls()] == [
        "create",
        "update_description",
    ]


@pytest.mark.parametrize("error", [Die(), OutcomeUnknownError("lost")], ids=["death", "lost"])
@pytest.mark.parametrize(("when", "exists"), [("before", False), ("after", True)])
def test_a_call_fails_before_or_after_its_effect(
    error: BaseException, when: str, exists: bool
) -> None:
    provider = MemoryProvider()
    provider.platform.fail("create", error, nth=2, when="after" if when == "after" else "before")
    provider.create(a_spec("a"))
    with pytest.raises(type(error)):
        provider.create(a_spec("b"))

    assert names(provider) == (["a", "b"] if exists else ["a"])
    provider.create(a_spec("c"))


def test_any_call_may_be_made_to_fail() -> None:
    provider = MemoryProvider()
    provider.platform.fail("*", Die(), nth=3)
    provider.list()
    provider.find("a")
    with pytest.raises(Die):
        provider.flavors()


def test_chaos_is_asked_before_and_after_every_call() -> None:
    platform = MemoryPlatform()
    asked = []

    def chaos(method: str, when: str) -> BaseException | None:
        asked.append((method, when))
        return Die() if len(asked) == 4 else None

    platform.chaos = chaos
    provider = MemoryProvider(platform)
    provider.list()
    with pytest.raises(Die):
        provider.create(a_spec("a"))

    assert asked == [
        ("list", "before"),
        ("list", "after"),
        ("create", "before"),
        ("create", "after"),
    ]
    assert [job.name for job in platform.jobs] == ["a"]


def test_a_deleted_job_lingers_and_holds_its_name() -> None:
    provider = MemoryProvider(MemoryPlatform(delete_lag=2))
    job = provider.create(a_spec("a"))
    provider.delete(job.job_id)
    provider.delete(job.job_id)
    with pytest.raises(NameTakenError):
        provider.create(a_spec("a"))

    assert [names(provider) for _ in range(3)] == [["a"], ["a"], []]
    provider.create(a_spec("a"))


def test_deletions_may_wait_for_the_test() -> None:
    provider = MemoryProvider(MemoryPlatform(delete_lag=None))
    provider.delete(provider.create(a_spec("a")).job_id)
    for _ in range(5):
        assert names(provider) == ["a"]
    provider.platform.finish_deletions()

    assert names(provider) == []


def test_a_deletion_may_fail() -> None:
    provider = MemoryProvider()
    provider.platform.refuses_deletes.add("a")
    provider.delete(provider.create(a_spec("a")).job_id)

    assert [job.status for job in provider.list()] == [Status.DELETE_FAILED]


def test_a_new_job_may_be_missing_from_lists_for_a_while() -> None:
    provider = MemoryProvider(MemoryPlatform(list_lag=2))
    job = provider.create(a_spec("a"))

    assert provider.get(job.job_id, None).name == "a"
    assert (names(provider), len(provider.find("a")), names(provider)) == ([], 0, ["a"])


def test_quota() -> None:
    provider = MemoryProvider(MemoryPlatform(quota=1))
    provider.create(a_spec("a"))
    with pytest.raises(QuotaExceededError):
        provider.create(a_spec("b"))

    assert provider.list().quota is not None
    assert provider.list().quota == type(provider.list().quota)(limit=1, left=0)  # type: ignore[misc]


def test_what_others_do_behind_our_back() -> None:
    provider = MemoryProvider()
    platform = provider.platform
    first = provider.create(a_spec("a"))
    version = platform.add_version("a", a_spec("a", workers=2))
    assert provider.list().by_name("a") == platform_row(provider)
    assert provider.get(first.job_id, version).spec == a_spec("a", workers=2)
    assert provider.get(first.job_id, first.version_id).spec == a_spec("a")

    platform.change_description("a", "theirs")
    platform.set_status("a", Status.SUCCEEDED, duration_ms=5)
    row = provider.list().by_name("a")
    assert row is not None
    assert (row.description, row.status, row.duration_ms) == ("theirs", Status.SUCCEEDED, 5)

    second = platform.recreate("a")
    assert second.job_id != first.job_id
    platform.remove("a")
    assert names(provider) == []
    assert platform.mutating_calls() == (Call("create", (a_spec("a"),)),)


def platform_row(provider: MemoryProvider) -> object:
    (row,) = provider.find("a")
    return row


def test_stopping_and_time() -> None:
    provider = MemoryProvider()
    job = provider.create(a_spec("a"))
    before = provider.now()
    provider.platform.tick(60)
    provider.stop(job.job_id, None)

    assert provider.platform.job("a").status is Status.STOPPED
    assert (provider.now() - before).total_seconds() == 60
    assert job.created_at is not None
    assert job.created_at <= before


def test_it_can_express_everything() -> None:
    provider = MemoryProvider()

    assert provider.problems(a_desired(a_spec(environment={"A": "1"}))) == ()
    provider.close()


def test_a_name_may_be_held_for_a_while_after_its_job_is_gone() -> None:
    provider = MemoryProvider(MemoryPlatform(name_hold=10))
    provider.delete(provider.create(a_spec("a")).job_id)
    assert names(provider) == []
    with pytest.raises(NameTakenError):
        provider.create(a_spec("a"))

    provider.platform.tick(10)

    assert provider.create(a_spec("a")).name == "a"


def test_a_job_that_somebody_changes_is_listed_at_once() -> None:
    provider = MemoryProvider(MemoryPlatform(list_lag=5))
    provider.create(a_spec("a"))
    provider.platform.add_version("a")

    assert names(provider) == ["a"]
