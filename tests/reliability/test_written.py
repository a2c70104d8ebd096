"""What the random histories write means what the product reads in it."""

from pathlib import Path

import pytest

from reconciler.definition import loader
from reconciler.model.address import Address
from reconciler.model.definition import Move, Removal
from reconciler.model.job import DesiredJob
from tests.reliability.written import SWEEPS, Edit, Sweep, Written, spec

A, B, C = (Address(each) for each in "abc")
FIRST = Address("a[lr=0.1]")
TWO, ONE = SWEEPS[0], Sweep({"lr": ["0.1"]})
HEAD = "version: 1\nstack: s\nplatform: {endpoint: local}\n"
CODE = "flavor: modelarts.vm.cpu.8u, engine: {id: 4}, code_dir: /b/c/, boot_file: t.py"


def in_yaml(key: str, sweep: Sweep) -> str:
    fields = [f"{name}: {list(values)}" for name, values in sweep.values.items()]
    fields += [
        f"{section}: {[dict(each) for each in entries]}"
        for section, entries in (("exclude", sweep.exclude), ("include", sweep.include))
        if entries
    ]
    values = "-".join(f"${{sweep.{name}}}" for name in sorted(sweep.values))
    name = f"name: 'n1-{values}', " if sweep.templated else ""
    return f"  {key}: {{{name}{CODE}, sweep: {{{', '.join(fields)}}}}}\n"


def load(text: str, folder: Path) -> object:
    path = folder / "jobs.yaml"
    path.write_text(HEAD + text)
    return loader.load([path], variables={}, environment={})


def written(*edits: tuple[Address, Edit]) -> Written:
    """Return a definition of one job that was edited."""
    definition = Written({A: DesiredJob(A, spec("n1"))})
    for address, edit in edits:
        definition.edit(address, edit)
    return definition


@pytest.mark.parametrize("sweep", [*SWEEPS, *(each.without_last() for each in SWEEPS)])
def test_a_sweep_stands_for_the_jobs_that_a_definition_has(sweep: Sweep, tmp_path: Path) -> None:
    read = load("jobs:\n" + in_yaml("a", sweep), tmp_path)
    mine = written((A, ("sweep", sweep))).desired()

    assert {
        address: (job.spec.name, dict(job.spec.parameters))
        for address, job in read.jobs.items()  # type: ignore[attr-defined]
    } == {address: (job.spec.name, dict(job.spec.parameters)) for address, job in mine.items()}


def test_who_depends_on_a_sweep_depends_on_all_its_jobs(tmp_path: Path) -> None:
    text = f"jobs:\n{in_yaml('a', TWO)}  b: {{{CODE}, depends_on: [a]}}\n"
    read = load(text, tmp_path)
    mine = written((B, ("needs", True)), (A, ("sweep", TWO)))

    assert set(mine.desired()[B].depends_on) == set(read.jobs[B].depends_on)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("edits", "moves"),
    [
        pytest.param([(A, ("moved", B))], [(A, B)], id="renamed"),
        pytest.param([(A, ("key", B))], [], id="renamed without a block"),
        pytest.param([(A, ("moved", B)), (B, ("moved", C))], [(A, C), (B, C)], id="twice"),
        pytest.param([(A, ("moved", B)), (B, ("moved", A))], [(B, A)], id="there and back"),
        pytest.param([(A, ("moved", B)), (A, ("lr", "1"))], [], id="written again"),
        pytest.param([(A, ("moved", B)), (B, ("drop", None))], [], id="to what is gone"),
        pytest.param([(A, ("into", TWO))], [(A, FIRST)], id="into a sweep"),
        pytest.param(
            [*[(A, ("sweep", ONE)), (A, ("moved", B))] * 2, (B, ("moved", A))],
            [(Address("b[lr=0.1]"), FIRST)],
            id="a sweep there and back",
        ),
        pytest.param([(A, ("into", TWO)), (A, ("back", None))], [(FIRST, A)], id="and back"),
        pytest.param(
            [(A, ("sweep", TWO)), (A, ("moved", B))],
            [(FIRST, Address("b[lr=0.1]")), (Address("a[lr=0.2]"), Address("b[lr=0.2]"))],
            id="a whole sweep",
        ),
    ],
)
def test_moves_are_those_that_a_definition_has(
    edits: list[tuple[Address, Edit]], moves: list[tuple[Address, Address]], tmp_path: Path
) -> None:
    definition = written(*edits)
    assert definition.moves() == tuple(Move(source, target) for source, target in moves)
    blocks = [
        f"{{from: '{source}', to: '{target}'}}"
        for source, target in definition.moved.items()
        if moves
    ]
    jobs = [
        in_yaml(key, definition.sweeps[key])
        if key in definition.sweeps
        else f"  {key}: {{{CODE}}}\n"
        for key in definition.jobs
    ]
    if blocks:
        read = load(f"moved: [{', '.join(blocks)}]\njobs:\n{''.join(jobs)}", tmp_path)
        pairs = {(each.source, each.target) for each in read.moved}  # type: ignore[attr-defined]
        assert pairs == set(moves)


@pytest.mark.parametrize(
    ("edits", "removed"),
    [
        pytest.param([(A, ("let go", True))], [Removal(A)], id="let go of"),
        pytest.param([(A, ("let go", False))], [Removal(A, keep=False)], id="to be deleted"),
        pytest.param([(A, ("let go", True)), (A, ("lr", "1"))], [], id="written again"),
        pytest.param(
            [(A, ("sweep", TWO)), (A, ("shrink", True))],
            [Removal(Address("a[lr=0.2]"))],
            id="a value of a sweep",
        ),
        pytest.param([(A, ("sweep", ONE)), (A, ("shrink", True))], [], id="the only value"),
    ],
)
def test_removals_are_of_jobs_that_are_gone(
    edits: list[tuple[Address, Edit]], removed: list[Removal]
) -> None:
    assert written(*edits).removals() == tuple(removed)
