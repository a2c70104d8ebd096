"""The tests notice when the code breaks a promise; `mutations.run` has all of it, on demand."""

import pytest

from tests.reliability.figures import Figures
from tests.reliability.mutations.catalogue import MUTATIONS, SAMPLE
from tests.reliability.mutations.mutation import Mutation
from tests.reliability.mutations.run import ROOT, judge_all, mutate

BY_NAME = {each.name: each for each in MUTATIONS}


def test_every_mutation_has_a_name_of_its_own() -> None:
    assert len(BY_NAME) == len(MUTATIONS)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda each: each.name)
def test_every_mutation_fits_the_code_of_today(mutation: Mutation) -> None:
    source = (ROOT / mutation.file).read_text()

    compile(mutate(source, mutation), mutation.file, "exec")
    assert all((ROOT / test).exists() for test in mutation.tests)


def test_a_few_mutations_are_killed(figures: Figures) -> None:
    verdicts = list(judge_all([BY_NAME[name] for name in SAMPLE], jobs=2))

    figures.add("mutations", cases=len(verdicts))
    assert [str(each) for each in verdicts if each.killer is None] == []
