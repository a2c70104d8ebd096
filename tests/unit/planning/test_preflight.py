"""Preflight: what the platform would refuse, said before anything is sent."""

from collections.abc import Iterable
from typing import Any

import pytest

from reconciler.diagnostics import Diagnostic
from reconciler.model.job import DesiredJob
from reconciler.model.platform import Quota
from reconciler.model.spec import Engine, Output
from reconciler.planning.preflight import (
    Catalog,
    check_catalog,
    check_outputs,
    check_quota,
    starting,
)
from tests.build import a_desired, a_flavor, a_location, a_spec, an_action, an_engine

PLACE = a_location(20, 5)
CATALOG = Catalog(
    flavors=(
        a_flavor(),
        a_flavor("modelarts.vm.gpu.v100", max_workers=None),
        a_flavor("modelarts.vm.npu.8", sold_out=True),
    ),
    engines=(an_engine(), an_engine("PyTorch", "PyTorch-1.8", id_="31")),
)


def wanting(**fields: Any) -> DesiredJob:
    places = {"flavor": PLACE, "workers": PLACE, "engine": PLACE, "output": PLACE}
    return a_desired(a_spec(**fields), fields=places)


def told(diagnostics: Iterable[Diagnostic]) -> list[tuple[str, str]]:
    return [(str(each.severity), each.code) for each in diagnostics]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, [], id="all on offer"),
        pytest.param({"flavor": "modelarts.vm.cpu.9u"}, [("error", "flavor")], id="flavor"),
        pytest.param({"flavor": None}, [], id="no flavor asked for"),
        pytest.param(
            {"flavor": "anything", "pool_id": "p1"}, [], id="a pool has flavors of its own"
        ),
        pytest.param({"workers": 2}, [], id="as many workers as allowed"),
        pytest.param({"workers": 3}, [("error", "workers")], id="too many workers"),
        pytest.param(
            {"flavor": "modelarts.vm.gpu.v100", "workers": 99}, [], id="workers without limit"
        ),
        pytest.param(
            {"flavor": "modelarts.vm.npu.8"}, [("warning", "sold_out")], id="a sold-out flavor"
        ),
        pytest.param(
            {"flavor": "modelarts.vm.npu.8", "workers": 3},
            [("error", "workers"), ("warning", "sold_out")],
            id="sold out, and too many workers",
        ),
        pytest.param({"engine": None}, [], id="no engine asked for"),
        pytest.param({"engine": Engine(id="31")}, [], id="an engine by id"),
        pytest.param({"engine": Engine(id="32")}, [("error", "engine")], id="an unknown id"),
        pytest.param(
            {"engine": Engine(name="PyTorch", version="TF-1.8.0-python3.6")},
            [("error", "engine")],
            id="one engine's name, another one's version",
        ),
        pytest.param(
            {"engine": Engine(name="PyTorch")}, [("error", "engine")], id="a name without version"
        ),
        pytest.param(
            {"engine": Engine(version="PyTorch-1.8")},
            [("error", "engine")],
            id="a version without name",
        ),
        pytest.param(
            {"flavor": "x", "engine": Engine(id="x")},
            [("error", "flavor"), ("error", "engine")],
            id="both at once",
        ),
    ],
)
def test_check_catalog(fields: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    found = list(check_catalog([wanting(**fields)], CATALOG))

    assert told(found) == expected
    assert all((each.address, each.location) == ("resnet", PLACE) for each in found)
    assert all('"resnet"' in each.detail for each in found)


@pytest.mark.parametrize(
    ("fields", "hint"),
    [
        pytest.param(
            {"flavor": "modelarts.vm.cpu.9u"},
            'Did you mean "modelarts.vm.cpu.8u"?',
            id="a flavor misspelled",
        ),
        pytest.param({"flavor": "zzz"}, "catalog flavors", id="a flavor like no other"),
        pytest.param(
            {"engine": Engine(name="PyTorch", version="PyTorch-1.9")},
            'Did you mean "PyTorch PyTorch-1.8"?',
            id="an engine misspelled",
        ),
        pytest.param({"engine": Engine(id="zzz")}, "catalog engines", id="an engine like no other"),
    ],
)
def test_what_is_not_on_offer_gets_a_hint(fields: dict[str, Any], hint: str) -> None:
    (problem,) = check_catalog([wanting(**fields)], CATALOG)

    assert hint in problem.hint


def test_every_job_is_held_against_the_catalog() -> None:
    jobs = [wanting(name=name, flavor="x") for name in "abc"]

    assert [each.address for each in check_catalog(jobs, CATALOG)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("kinds", "left", "refused"),
    [
        pytest.param(["create"], 1, False, id="the last place"),
        pytest.param(["create"], 0, True, id="no place left"),
        pytest.param(["create", "delete"], 0, False, id="a delete makes room"),
        pytest.param(["create", "create", "delete"], 0, True, id="a delete makes room for one"),
        pytest.param(["replace"], 0, False, id="a replacement needs no more room"),
        pytest.param(["forget", "adopt", "update", "blocked"], 0, False, id="nothing is created"),
        pytest.param(["create", "forget"], 0, True, id="a forgotten job stays"),
        pytest.param([], -1, True, id="over the limit already"),
    ],
)
def test_check_quota(kinds: list[str], left: int, refused: bool) -> None:
    actions = [an_action(kind, f"job{number}") for number, kind in enumerate(kinds)]

    found = list(check_quota(actions, Quota(limit=100, left=left)))

    assert told(found) == ([("error", "quota")] if refused else [])


def test_the_quota_is_told_in_numbers() -> None:
    actions = [an_action("create", "a"), an_action("create", "b"), an_action("delete", "c")]

    (problem,) = check_quota(actions, Quota(limit=7, left=0))

    assert "2 jobs to create and 1 to delete" in problem.detail
    assert "takes 0 more (of 7)" in problem.detail


def test_an_unknown_quota_refuses_nothing() -> None:
    assert list(check_quota([an_action("create")], None)) == []


class TestOutputs:
    @staticmethod
    def check(*jobs: DesiredJob, starts: Iterable[str] = ("a",)) -> list[Diagnostic]:
        actions = [an_action("create", address) for address in starts]
        return list(check_outputs(actions, {job.address: job for job in jobs}))

    @staticmethod
    def writing(name: str, *paths: str) -> DesiredJob:
        outputs = tuple(Output(path=path) for path in paths)
        return a_desired(a_spec(name, outputs=outputs), fields={"output": PLACE})

    def test_of_their_own_are_fine(self) -> None:
        assert self.check(self.writing("a", "/o/a/"), self.writing("b", "/o/b/")) == []

    def test_shared_are_a_warning_at_the_last_of_them(self) -> None:
        (found,) = self.check(self.writing("b", "/o/"), self.writing("a", "/o/"))

        assert told([found]) == [("warning", "shared_output")]
        assert 'Jobs "a" and "b" write to /o/.' in found.detail
        assert (found.address, found.location) == ("b", PLACE)

    def test_shared_with_a_job_that_exists_are_a_warning(self) -> None:
        jobs = self.writing("a", "/o/"), self.writing("b", "/o/")

        assert len(self.check(*jobs, starts=["b"])) == 1

    @pytest.mark.parametrize("kind", ["delete", "update", "blocked"])
    def test_shared_by_jobs_that_do_not_start_are_none_of_our_business(self, kind: str) -> None:
        jobs = {job.address: job for job in (self.writing("a", "/o/"), self.writing("b", "/o/"))}

        assert list(check_outputs([an_action(kind, "a")], jobs)) == []

    def test_shared_by_many_name_three(self) -> None:
        (found,) = self.check(*(self.writing(name, "/o/") for name in "edcba"))

        assert found.detail == 'Jobs "a", "b", "c" and 2 more write to /o/.'

    def test_written_twice_by_one_job_are_not_shared(self) -> None:
        assert self.check(self.writing("a", "/o/", "/o/")) == []

    def test_are_each_told_once_in_order(self) -> None:
        jobs = self.writing("a", "/p/", "/o/"), self.writing("b", "/o/", "/p/")

        assert [found.detail.split()[-1] for found in self.check(*jobs)] == ["/o/.", "/p/."]


def test_creates_and_replacements_start_a_job() -> None:
    kinds = ["create", "replace", "update", "delete", "adopt", "forget", "noop", "blocked"]

    started = starting([an_action(kind, kind) for kind in kinds])

    assert [action.address for action in started] == ["create", "replace"]
