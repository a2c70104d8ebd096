"""Values: what is canonical, what a status means, where a field was written."""

import json

import pytest
from pydantic import ValidationError

from reconciler.model.base import canonical_json, digest
from reconciler.model.job import ActualJob, Status
from reconciler.model.platform import Listing, Quota
from reconciler.model.report import ApplyResult, Result
from reconciler.model.spec import Engine, Input, JobSpec, Volume
from tests.build import (
    a_desired,
    a_location,
    a_platform,
    a_spec,
    an_action_result,
    an_actual,
)


class TestCanonical:
    @pytest.mark.parametrize(
        ("spec", "canonical"),
        [
            pytest.param(JobSpec(name="a"), {"name": "a"}, id="nothing but a name"),
            pytest.param(
                JobSpec(name="a", description="", workers=1, parameters={}, inputs=()),
                {"name": "a"},
                id="defaults are not written",
            ),
            pytest.param(
                JobSpec(name="a", workers=2, parameters={"lr": "1e-3"}),
                {"name": "a", "workers": 2, "parameters": {"lr": "1e-3"}},
                id="text stays text",
            ),
            pytest.param(
                JobSpec(
                    name="a",
                    engine=Engine(id="27"),
                    inputs=(Input(path="/a/"),),
                    volumes=(Volume(type="nfs", source="s", target="t"),),
                ),
                {
                    "name": "a",
                    "engine": {"id": "27"},
                    "inputs": [{"path": "/a/"}],
                    "volumes": [{"type": "nfs", "source": "s", "target": "t"}],
                },
                id="parts show only what they say",
            ),
        ],
    )
    def test_shows_only_what_was_written(self, spec: JobSpec, canonical: object) -> None:
        assert spec.canonical == canonical
        assert JobSpec.model_validate(json.loads(canonical_json(spec.canonical))) == spec

    def test_digest_is_that_of_the_content(self) -> None:
        one = a_spec(parameters={"a": "1", "b": "2"})
        other = a_spec(parameters={"b": "2", "a": "1"})

        assert one.digest == other.digest == digest(one.canonical)
        assert one.digest.startswith("sha256:")
        assert one.digest != a_spec(parameters={"a": "1"}).digest

    def test_json_is_sorted_dense_and_the_same_for_equal_values(self) -> None:
        assert canonical_json({"b": [1, None], "a": {"d": True, "c": "x"}}) == (
            b'{"a":{"c":"x","d":true},"b":[1,null]}'
        )
        assert json.loads(canonical_json({"a": "ü\ud800"})) == {"a": "ü\ud800"}


class TestModel:
    def test_a_copy_forgets_what_was_computed_from_the_old_fields(self) -> None:
        spec = a_spec()
        before = (spec.canonical, spec.digest)

        copied = spec.model_copy(update={"description": "ours"})

        assert copied.canonical == {**spec.canonical, "description": "ours"}
        assert copied.digest == digest(copied.canonical) != before[1]
        assert (spec.canonical, spec.digest) == before

    def test_a_plain_copy_is_equal(self) -> None:
        spec = a_spec()
        assert spec.canonical

        assert spec.model_copy() == spec.model_copy(deep=True) == spec

    def test_unknown_fields_are_refused(self) -> None:
        with pytest.raises(ValidationError, match="flavour"):
            JobSpec.model_validate({"name": "a", "flavour": "x"})

    def test_values_do_not_change(self) -> None:
        with pytest.raises(ValidationError, match="frozen"):
            a_spec().name = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("status", "live", "final"),
    [
        (Status.PENDING, True, False),
        (Status.RUNNING, True, False),
        (Status.STOPPING, False, False),
        (Status.SUCCEEDED, False, True),
        (Status.FAILED, False, True),
        (Status.STOPPED, False, True),
        (Status.DELETE_FAILED, False, True),
        (Status.UNKNOWN, True, False),
    ],
)
def test_status(status: Status, live: bool, final: bool) -> None:
    assert (status.is_live, status.is_final) == (live, final)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        pytest.param("engine.version", 3, id="its own place"),
        pytest.param("engine.name", 2, id="its parent's"),
        pytest.param("engine.name.x", 2, id="its grandparent's"),
        pytest.param("flavor", 1, id="the job's"),
        pytest.param("", 1, id="the job's own"),
    ],
)
def test_a_field_has_the_nearest_place_that_is_known(path: str, line: int) -> None:
    desired = a_desired(
        location=a_location(1),
        fields={"engine": a_location(2), "engine.version": a_location(3)},
    )

    assert desired.place(path) == a_location(line)
    assert a_desired(location=None).place(path) is None


class TestListing:
    JOBS = (an_actual(a_spec("a"), job_id="1"), an_actual(a_spec("b"), job_id="2"))

    def test_finds_by_id_and_by_exact_name(self) -> None:
        listing = Listing(self.JOBS)

        assert listing.by_id("2") is self.JOBS[1]
        assert listing.by_name("a") is self.JOBS[0]
        assert listing.by_id("3") is listing.by_id(None) is listing.by_name("A") is None

    def test_is_a_row_of_jobs(self) -> None:
        assert (list(Listing(self.JOBS)), len(Listing(self.JOBS))) == (list(self.JOBS), 2)

    def test_takes_details_of_listed_jobs_only(self) -> None:
        rows = Listing(
            tuple(ActualJob(job_id=i, name=i, status=Status.RUNNING) for i in "12"), Quota(9, 7)
        )
        stranger = an_actual(job_id="3")

        detailed = rows.with_details([self.JOBS[1], stranger])

        assert [job.spec is None for job in detailed] == [True, False]
        assert detailed.quota == Quota(9, 7)
        assert detailed.by_id("2") is self.JOBS[1]
        assert detailed.by_id("3") is None


def test_a_platform_is_named_in_one_line() -> None:
    platform = a_platform(region="eu-de", auth_url="https://iam.example.com/v3")

    assert str(platform.identity) == "modelarts/v1 at local, project p1, workspace 0"
    assert platform.identity == a_platform().identity


def test_results_are_chosen_by_how_they_ended() -> None:
    done, failed = an_action_result(result="done"), an_action_result(result="failed")
    result = ApplyResult(results=(done, failed, done))

    assert result.of(Result.DONE) == (done, done)
    assert result.of(Result.SKIPPED) == ()
