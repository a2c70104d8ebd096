"""Names of jobs that stand beside older ones of the same address."""

from dataclasses import replace

from reconciler.model.address import JOB_NAME
from reconciler.model.job import CodeDigest
from reconciler.planning.naming import as_recorded, base_name, beside, named
from tests.build import a_desired, a_record, a_spec

WANTED = a_desired()


def test_the_same_decision_gives_the_same_name() -> None:
    assert beside(WANTED, "7").spec.name == beside(WANTED, "7").spec.name


def test_whatever_differs_gives_another_name() -> None:
    others = [
        beside(WANTED, "8"),
        beside(a_desired(a_spec(workers=2)), "7"),
        beside(replace(WANTED, code=CodeDigest(digest="sha256:1")), "7"),
    ]
    assert len({each.spec.name for each in (beside(WANTED, "7"), *others)}) == 4


def test_a_description_is_part_of_no_name() -> None:
    described = a_desired(a_spec(description="new"))
    assert beside(described, "7").spec.name == beside(WANTED, "7").spec.name


def test_a_long_name_is_cut_to_what_the_platform_takes() -> None:
    name = beside(a_desired(a_spec("x" * 64)), "7").spec.name
    assert JOB_NAME.fullmatch(name)
    assert len(name) == 64


def test_a_name_that_was_made_stays_until_the_definition_gives_another() -> None:
    made = beside(WANTED, "7").spec.name
    record = a_record(a_spec(made), base_name="resnet")
    assert as_recorded(WANTED, record).spec.name == made
    renamed = a_desired(a_spec("other"))
    assert as_recorded(renamed, record) is renamed
    assert as_recorded(WANTED, a_record()) is WANTED


def test_the_definitions_name_is_kept_only_where_it_is_another() -> None:
    assert base_name(WANTED, beside(WANTED, "7")) == "resnet"
    assert base_name(WANTED, named(WANTED, "another")) == "resnet"
    assert base_name(WANTED, WANTED) is None
