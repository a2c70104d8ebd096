"""What the shell offers: addresses, files, formats; quietly, and without asking the platform."""

import pytest

from tests.acceptance.world import World, definition, job


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
    return [each.partition(",")[2] for each in asked.stdout.splitlines()]


@pytest.fixture
def two(world: World) -> World:
    """Give a world that records `kept` and `gone`, and defines `fresh` and `kept`."""
    world.write(definition(job("gone") + job("kept")))
    world.serve("--simulate")
    assert world.run("apply", "--auto-approve").returncode == 0
    world.write(definition(job("fresh") + job("kept")))
    return world


def test_addresses(two: World) -> None:
    two.close()  # the platform is not needed
    recorded = ["gone", "kept"]
    asked = {
        "logs ": recorded,
        "logs k": ["kept"],
        "stop ": recorded,
        "stop gone ": ["kept"],
        "status ": recorded,
        "wait ": recorded,
        "state show ": recorded,
        "state list ": recorded,
        "state rm kept ": ["gone"],
        "state mv ": recorded,
        "state mv gone ": ["fresh", "kept"],
        "adopt ": ["fresh", "kept"],
        "plan --target ": ["fresh", "gone", "kept"],
        "plan --target gone --target ": ["fresh", "kept"],
        "apply --exclude f": ["fresh"],
        "logs -f nowhere.yaml ": [],
    }

    assert {line: offered(two, line) for line in asked} == asked


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
