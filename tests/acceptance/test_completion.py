"""What the shell offers: addresses, files, formats; quietly, and without asking the platform."""

import pytest

from reconciler.backends.local import LocalBackend
from tests.acceptance.world import World, definition, job
from tests.build import a_record, a_spec, a_state


def offered(world: World, line: str) -> list[str]:
    """Return what is offered for the last word of a line, as the completion script would get it."""
    words = f"reconciler {line}".split(" ")
    asked = world.run(
        env={
            "_RECONCILER_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(words),
            "COMP_CWORD": str(len(words) - 1),
        }
    )
    assert (asked.returncode, asked.stderr) == (0, "")
    return [each.partition(",")[2] for each in asked.stdout.splitlines() if each]


@pytest.fixture
def two(world: World) -> World:
    """Give a world that records `kept` and `gone`, defines `fresh` and `kept`, and runs nothing."""
    backend = LocalBackend(world.folder / "state", "vision")
    with backend.lock(command="test") as writer:
        writer.checkpoint(a_state({name: a_record(a_spec(name)) for name in ("gone", "kept")}))
    world.write(definition(job("fresh") + job("kept")))
    return world


def test_addresses(two: World) -> None:
    recorded = ["gone", "kept"]
    asked = {
        "logs ": recorded,
        "logs k": ["kept"],
        "stop gone ": ["kept"],
        "status ": recorded,
        "state rm kept ": ["gone"],
        "state mv ": recorded,
        "state mv gone ": ["fresh", "kept"],
        "adopt ": ["fresh", "kept"],
        "plan --target ": ["fresh", "gone", "kept"],
        "apply --exclude f": ["fresh"],
        "logs -f nowhere.yaml ": [],
        "catalog flavors ": ["modelarts.vm.cpu.8u"],
        "catalog flavors x": [],
        "catalog engines TF": ["TF-1.8.0-python3.6"],
    }

    assert {line: offered(two, line) for line in asked} == asked
    assert not (two.folder / "state" / "local").exists()  # no platform was started


def test_nothing_is_told_of_what_is_broken(two: World) -> None:
    two.write("version: [", "jobs.yaml")
    assert offered(two, "adopt ") == []
    assert offered(two, "logs -f jobs.yaml ") == []
    two.write(definition(job("kept")))
    two.write("{", "state/vision.json")
    assert offered(two, "plan --target ") == ["kept"]


def test_files_and_formats(world: World) -> None:
    for name in ("vision.yaml", "nlp/a.yml", "notes.txt", "code/train.py", ".hidden.yaml"):
        world.write("", name)

    asked = {
        "plan -f ": ["nlp", "vision.yaml"],
        "fmt ": ["nlp", "vision.yaml"],
        "fmt vision.yaml n": ["nlp"],
        "plan -f nlp/": ["nlp/a.yml"],
        "plan --report j": ["json", "junit"],
        "fm": ["fmt"],
        "plan -f code/": ["code/"],  # for the shell to look through
    }
    assert {line: offered(world, line) for line in asked} == asked
    assert not (world.folder / "state").exists()
