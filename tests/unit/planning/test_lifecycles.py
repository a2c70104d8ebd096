"""The rows of the truth tables about dependencies, code, age, strategies and kept jobs."""

from datetime import timedelta
from typing import Any

import pytest

from reconciler.model.address import Address
from reconciler.model.job import ActualJob, CodeDigest, DesiredJob, JobRecord, Lifecycle, Status
from reconciler.model.spec import JobSpec
from reconciler.planning.decide import decide, decide_aside
from reconciler.planning.dependencies import Needs
from tests.build import NOW, a_desired, a_record, a_spec, an_actual, an_outcome

ADDRESS = Address("resnet")
CHANGED = a_spec(parameters={"lr": "0.2"})
OLD, NEW = CodeDigest(digest="sha256:1"), CodeDigest(digest="sha256:2")
PREPARE = Address("prepare")
MET = Needs(runs={PREPARE: "7/8"})
UNMET = Needs(unmet=(PREPARE,))
RERUN = Needs(rerun=(PREPARE,), runs={PREPARE: "9/9"})
PENDING = Needs(unmet=(PREPARE,), rerun=(PREPARE,))
HOUR = timedelta(hours=1)
GONE = None


def wanting(spec: Any = None, /, *, code: CodeDigest | None = None, **lifecycle: Any) -> DesiredJob:
    return a_desired(
        spec or a_spec(),
        address="resnet",
        lifecycle=Lifecycle.model_validate(lifecycle),
        depends_on=(PREPARE,),
        code=code,
    )


def finished(**overrides: Any) -> JobRecord:
    return a_record(outcome=an_outcome(), **overrides)


def done(status: Status = Status.SUCCEEDED) -> ActualJob:
    return an_actual(status=status)


TABLE = [
    # desired, record, actual, needs, kind, reason
    pytest.param(wanting(), None, GONE, MET, "create", "new", id="all it needs succeeded"),
    pytest.param(wanting(), None, GONE, UNMET, "blocked", "waits", id="it waits"),
    pytest.param(wanting(), None, GONE, PENDING, "blocked", "waits", id="never run, it just waits"),
    pytest.param(
        wanting(), None, an_actual(), UNMET, "adopt", "adopted", id="what is there waits for nobody"
    ),
    pytest.param(wanting(), a_record(), done(), UNMET, "noop", "unchanged", id="run already"),
    pytest.param(
        wanting(CHANGED), a_record(), done(), UNMET, "blocked", "waits", id="changed, and waits"
    ),
    pytest.param(
        wanting(),
        a_record(),
        done(),
        PENDING,
        "blocked",
        "dependency_replaced",
        id="its dependency runs again",
    ),
    pytest.param(
        wanting(), a_record(), done(), RERUN, "replace", "dependency_replaced", id="has run again"
    ),
    pytest.param(
        wanting(protect=True),
        a_record(protect=True, depends_on=dict(MET.runs)),
        done(),
        RERUN,
        "noop",
        "unchanged",
        id="has run again, but it is protected",
    ),
    pytest.param(
        wanting(), finished(), GONE, RERUN, "create", "dependency_replaced", id="cleaned up, again"
    ),
    pytest.param(
        wanting(),
        finished(),
        GONE,
        PENDING,
        "blocked",
        "dependency_replaced",
        id="cleaned up, and its dependency runs again",
    ),
    pytest.param(wanting(), finished(), GONE, UNMET, "noop", "finished", id="cleaned up"),
    pytest.param(
        wanting(on_failure="retry"),
        a_record(),
        done(Status.FAILED),
        UNMET,
        "blocked",
        "waits",
        id="a retry waits, too",
    ),
    pytest.param(
        wanting(code=NEW), a_record(code=OLD), done(), MET, "replace", "code_changed", id="code"
    ),
    pytest.param(
        wanting(CHANGED, code=NEW),
        a_record(code=OLD),
        done(),
        MET,
        "replace",
        "definition_changed",
        id="definition and code",
    ),
    pytest.param(
        wanting(code=NEW), finished(code=OLD), GONE, MET, "create", "code_changed", id="gone, code"
    ),
    pytest.param(
        wanting(code=NEW), a_record(), done(), MET, "update", "definition_changed", id="first code"
    ),
    pytest.param(
        wanting(), a_record(code=OLD), done(), MET, "update", "definition_changed", id="no code"
    ),
    pytest.param(
        wanting(code=NEW), finished(), GONE, MET, "noop", "finished", id="gone, first code"
    ),
    pytest.param(
        wanting(ttl_after_finished=3600),
        finished(ttl_after_finished=3600),
        done(),
        MET,
        "delete",
        "expired",
        id="its time is over",
    ),
    pytest.param(
        wanting(ttl_after_finished=3601),
        finished(ttl_after_finished=3601, depends_on=dict(MET.runs)),
        done(),
        MET,
        "noop",
        "unchanged",
        id="its time is not over",
    ),
    pytest.param(
        wanting(ttl_after_finished=0),
        a_record(ttl_after_finished=0, depends_on=dict(MET.runs)),
        an_actual(),
        MET,
        "noop",
        "unchanged",
        id="it runs",
    ),
    pytest.param(
        wanting(),
        a_record(),
        done(),
        MET,
        "update",
        "definition_changed",
        id="a dependency that was written later",
    ),
    pytest.param(
        wanting(), a_record(), done(), UNMET, "noop", "unchanged", id="written later, not done yet"
    ),
    pytest.param(
        wanting(on_missing="recreate"),
        a_record(expired=True),
        GONE,
        MET,
        "noop",
        "finished",
        id="expired is not missing",
    ),
    pytest.param(
        wanting(CHANGED, on_change="new_version"),
        a_record(),
        done(),
        MET,
        "replace",
        "definition_changed",
        id="a new version",
    ),
    pytest.param(
        wanting(CHANGED, on_change="keep"),
        a_record(),
        done(),
        MET,
        "create",
        "definition_changed",
        id="a job beside it",
    ),
]


@pytest.mark.parametrize(("desired", "record", "actual", "needs", "kind", "reason"), TABLE)
def test_decide(
    desired: DesiredJob,
    record: JobRecord | None,
    actual: ActualJob | None,
    needs: Needs,
    kind: str,
    reason: str,
) -> None:
    action = decide(ADDRESS, desired, record, actual, adopt=True, needs=needs, now=NOW + HOUR)

    assert (str(action.kind), action.reason) == (kind, reason)
    assert action.waits == (kind == "blocked")
    if action.waits:
        assert action.depends_on == (PREPARE,)
        assert action.result is not None
        assert not action.interrupts
    if kind in ("create", "replace") and action.result:
        assert action.result.depends_on == dict(needs.runs)


ASIDE = [
    pytest.param(GONE, {}, {}, "forget gone", id="gone"),
    pytest.param(done(), {}, {}, "noop superseded", id="kept"),
    pytest.param(
        done(), {"retain": True}, {}, "update definition_changed", id="its block is retained now"
    ),
    pytest.param(
        done(),
        {"ttl_after_finished": 60},
        {"outcome": an_outcome(), "ttl_after_finished": 60},
        "delete expired",
        id="its time is over",
    ),
    pytest.param(
        done(),
        {"ttl_after_finished": 60, "protect": True},
        {"outcome": an_outcome(), "ttl_after_finished": 60, "protect": True},
        "noop superseded",
        id="its time is over, but it is protected",
    ),
]


@pytest.mark.parametrize(("actual", "lifecycle", "record", "said"), ASIDE)
def test_decide_aside(
    actual: ActualJob | None, lifecycle: dict[str, Any], record: dict[str, Any], said: str
) -> None:
    address = Address("resnet@10")
    action = decide_aside(address, wanting(**lifecycle), a_record(**record), actual, NOW + HOUR)
    assert (f"{action.kind} {action.reason}", action.address) == (said, address)


@pytest.mark.parametrize("retain", [False, True])
def test_a_removed_block_that_keeps_the_job(retain: bool) -> None:
    action = decide(ADDRESS, None, a_record(protect=True, retain=retain), done(), keep=True)
    assert f"{action.kind} {action.reason}" == "forget retained"


def test_a_version_needs_one_to_follow_and_the_same_job() -> None:
    wanted = wanting(CHANGED, on_change="new_version")
    versions = [
        decide(ADDRESS, wanted, record, actual).strategy
        for record, actual in (
            (a_record(), done()),
            (a_record(version_id=None), an_actual(version_id=None)),
            (a_record(), an_actual(job_id="99")),
        )
    ]
    assert versions == ["new_version", "replace", "replace"]


@pytest.mark.parametrize(
    ("spec", "strategy"),
    [
        pytest.param(a_spec(flavor="another"), "new_version", id="a field that sorts before"),
        pytest.param(a_spec(workers=2), "new_version", id="a field that sorts behind"),
        pytest.param(a_spec("renamed"), "replace", id="the name"),
    ],
)
def test_a_version_bears_the_name_of_its_job(spec: JobSpec, strategy: str) -> None:
    wanted = wanting(spec, on_change="new_version")

    assert decide(ADDRESS, wanted, a_record(), done()).strategy == strategy
