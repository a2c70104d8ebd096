"""`reconciler fmt` through the command line, and the hooks that run it before a commit."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
import yaml

from reconciler.cli.main import COMMANDS, cli
from tests.acceptance.world import World

MESSY = "jobs:\n    a: {workers: 2, flavor: f} # fast\nversion: 1\nstack: 's'\n"
NEAT = "version: 1\nstack: s\njobs:\n  a: {flavor: f, workers: 2}  # fast\n"
HOOKS = Path(__file__).parents[2] / ".pre-commit-hooks.yaml"


def test_files_are_formatted_in_place_and_keep_their_mode(world: World) -> None:
    path = world.write(MESSY)
    path.chmod(0o640)

    done = world.run("fmt")

    assert (done.returncode, done.stdout) == (0, "jobs.yaml\n"), done.stderr
    assert path.read_text() == NEAT
    assert path.stat().st_mode & 0o777 == 0o640
    assert sorted(each.name for each in world.folder.iterdir()) == ["buckets", "jobs.yaml"]


def test_a_formatted_file_is_not_written(world: World) -> None:
    path = world.write(NEAT)
    os.utime(path, (1, 1))

    done = world.run("fmt")

    assert (done.returncode, done.stdout) == (0, "")
    assert path.stat().st_mtime == 1


def test_a_link_stays_a_link(world: World) -> None:
    path = world.write(MESSY, "real/x.yaml")
    (world.folder / "jobs.yaml").symlink_to(path)

    assert world.run("fmt").returncode == 0
    assert (world.folder / "jobs.yaml").is_symlink()
    assert path.read_text() == NEAT


def test_check_names_the_files_and_writes_nothing(world: World) -> None:
    world.write(MESSY, "jobs/a.yaml")
    world.write(NEAT, "jobs/b.yaml")
    world.write('{"stack":"s"}', "jobs/c.json")
    world.write(MESSY, "jobs/notes.txt")

    checked = world.run("fmt", "--check")

    assert (checked.returncode, checked.stdout) == (2, "jobs/a.yaml\njobs/c.json\n")
    assert checked.stderr == "2 of 3 files would change.\n"
    assert (world.folder / "jobs/a.yaml").read_text() == MESSY
    assert world.run("fmt", "-q").stderr == ""
    assert world.run("fmt", "--check").returncode == 0


def test_verbose_shows_what_would_change(world: World) -> None:
    world.write(MESSY)

    checked = world.run("fmt", "--check", "-v")

    assert checked.returncode == 2
    assert "\n-stack: 's'\n" in checked.stdout
    assert "\n+stack: s\n" in checked.stdout


@pytest.mark.parametrize(
    ("args", "stdin", "code", "stdout"),
    [
        pytest.param(["-"], MESSY, 0, NEAT, id="format"),
        pytest.param(["-", "--check"], MESSY, 2, "<stdin>\n", id="check"),
        pytest.param(["-", "--check"], NEAT, 0, "", id="check what is formatted"),
        pytest.param(["-"], "a: [", 1, "", id="broken"),
        pytest.param(["-", "jobs.yaml"], "", 64, "", id="not with files"),
    ],
)
def test_stdin(world: World, args: list[str], stdin: str, code: int, stdout: str) -> None:
    done = world.run("fmt", *args, stdin=stdin)

    assert (done.returncode, done.stdout) == (code, stdout), done.stderr


def test_one_broken_file_keeps_all_as_they_are(world: World) -> None:
    world.write(MESSY, "a.yaml")
    world.write("b: [", "b.yaml")
    world.write("c: 1\nc: 2\n", "c.yaml")

    refused = world.run("fmt", "a.yaml", "b.yaml", "c.yaml")

    assert (refused.returncode, refused.stdout) == (1, "")
    assert "b.yaml:1:5: error: Unclosed bracket" in refused.stderr
    assert "c.yaml:2:1: error: Duplicate key" in refused.stderr
    assert (world.folder / "a.yaml").read_text() == MESSY


@pytest.mark.parametrize("name", ["none.yaml", "empty"])
def test_nothing_to_format(world: World, name: str) -> None:
    (world.folder / "empty").mkdir()

    refused = world.run("fmt", name)

    assert refused.returncode == 1
    assert name in refused.stderr
    assert "Traceback" not in refused.stderr


def test_what_init_writes_is_formatted(world: World) -> None:
    assert world.run("init").returncode == 0
    assert world.run("fmt", "--check").returncode == 0


def hooks() -> list[dict[str, str]]:
    found: list[dict[str, str]] = yaml.safe_load(HOOKS.read_text())
    return found


def test_the_hooks_are_those_that_we_tell_of() -> None:
    page = (HOOKS.parent / "docs/cli.md").read_text()

    assert [each["id"] for each in hooks()] == ["reconciler-fmt", "reconciler-validate"]
    assert all(f"id: {each['id']}" in page for each in hooks())


@pytest.mark.parametrize("hook", hooks(), ids=lambda hook: hook["id"])
def test_a_hook_runs_a_command(hook: dict[str, str]) -> None:
    program, name, *arguments = shlex.split(hook["entry"])
    command = cli.get_command(click.Context(cli), name)

    assert (program, arguments, hook["language"]) == ("reconciler", [], "python")
    assert name in COMMANDS
    assert command is not None


@pytest.mark.parametrize("hook", hooks(), ids=lambda hook: hook["id"])
def test_a_hook_looks_at_definitions(hook: dict[str, str]) -> None:
    looked_at = [
        path
        for path in ("jobs.yaml", "team/jobs/a.yml", "jobs/a.json", "myjobs.yaml", "jobs/x/a.yaml")
        if re.search(hook["files"], path)
    ]

    assert looked_at == ["jobs.yaml", "team/jobs/a.yml", "jobs/a.json"]


def test_no_other_command_pays_for_it() -> None:
    modules = ["reconciler.definition.loader", *(f"reconciler.cli.commands.{c}" for c in COMMANDS)]
    code = f"import sys, {', '.join(modules)}; print('ruamel.yaml' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"
