"""What the pages say is what the program does: commands, output, options, keys, links."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from reconciler import errors
from reconciler.cli.main import COMMANDS, cli
from reconciler.definition.schema import json_schema
from tests.acceptance.world import PATIENCE, PROGRAM, World

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("*/*.md")])
INSTALLING = re.compile(r"^(python3 -m venv .*|pip install \S+ && )", re.MULTILINE)


class Block(NamedTuple):
    """A fenced block of a page."""

    language: str
    text: str


def blocks(page: str) -> list[Block]:
    found = re.findall(r"^```(\w+)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return [Block(*each) for each in found]


def section(page: str, title: str) -> str:
    return page.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def masked(text: str) -> list[str]:
    """Return the lines of an output without what differs from run to run."""
    for pattern, word in (
        (r"sha256:[0-9a-f]{64}", "sha256:…"),
        (r"\d+(\.\d+)? (ms|s)\b", "N s"),
        (r"0\.\d{3}\b", "0.N"),
        (r" +", " "),
    ):
        text = re.sub(pattern, word, text)
    return [line.strip() for line in text.splitlines() if line.strip()]


def assert_shown(claimed: str, output: str) -> None:
    """Fail unless every claimed line stands in the output, in this order."""
    lines = iter(masked(output))
    for claim in masked(claimed):
        assert claim in lines, f"not in its place: {claim}\n{output}"


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[World]:
    """Give a test a copy of what the pages speak of."""
    for name in ("examples", "state"):
        ignored = shutil.ignore_patterns("output", "logs", "*.json", "*.journal", "local")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    world = World(tmp_path)
    try:
        yield world
    finally:
        world.close()


def shell(world: World, line: str) -> subprocess.CompletedProcess[str]:
    """Run a line as a reader would, with what it prints in the order of printing."""
    path = f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", line],
        cwd=world.folder,
        env=world.environment({"PATH": path}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def run_page(world: World, page: str) -> int:
    """Run the page's commands; return how many ran.

    A command exits with 0, or as the remark behind it says; what they print together is what the
    page shows after them.
    """
    ran, output = 0, ""
    for block, following in pairwise([*blocks(page), Block("", "")]):
        if block.language != "sh":
            continue
        output = ""
        for line in INSTALLING.sub("", block.text).splitlines():
            remark = re.search(r"# exits with (\d+)$", line)
            done = shell(world, line)
            output += done.stdout
            assert done.returncode == (int(remark[1]) if remark else 0), f"{line}\n{done.stdout}"
            ran += bool(line)
        if following.language == "text":
            assert_shown(following.text, output)
    return ran


def test_the_quickstart_of_the_readme(tree: World) -> None:
    assert run_page(tree, section(README, "Quickstart")) == 9

    assert tree.jobs() == []


@pytest.mark.parametrize("example", sorted(p.name for p in ROOT.glob("examples/*/")))
def test_the_page_of_an_example(tree: World, example: str) -> None:
    assert run_page(tree, (ROOT / "examples" / example / "README.md").read_text()) >= 2


def test_the_plan_that_the_readme_shows(tree: World) -> None:
    where = ("-f", "examples/02-team")
    assert tree.run("apply", *where, "--auto-approve", "--wait").returncode == 0
    vision, nlp = "examples/02-team/vision.yaml", "examples/02-team/nlp.yaml"
    tree.edit("by their mean image\n", "by their mean image (in use)\n", vision)
    tree.edit("k: 3", "k: 5", vision)
    tree.edit("language-id:", "language-id-4:", nlp)
    tree.edit("${var.ngram}", "4", nlp)

    planned = tree.run("plan", *where)

    assert planned.returncode == 0, planned.stderr
    picture = masked(blocks(README)[0].text)
    shown = masked(planned.stdout)
    start = shown.index(picture[0])
    assert shown[start : start + len(picture)] == picture


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), f"{page}: {target}"


def exit_codes() -> set[int]:
    found = {
        each.exit_code
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, errors.ReconcilerError)
    }
    return found | {0, 2}


@pytest.mark.parametrize("page", ["README.md", "docs/cli.md"])
def test_the_table_of_exit_codes_is_complete(page: str) -> None:
    table = section((ROOT / page).read_text(), "Daily use") or (ROOT / page).read_text()

    assert {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)} == exit_codes()


def commands() -> dict[str, click.Command]:
    """Return every command by its name, those of a group behind the group's."""
    context = click.Context(cli)
    found: dict[str, click.Command] = {}
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            found |= {f"{name} {each}": sub for each, sub in command.commands.items()}
        else:
            found[name] = command
    return found


@pytest.mark.parametrize(("name", "command"), list(commands().items()), ids=list(commands()))
def test_the_reference_has_every_option(name: str, command: click.Command) -> None:
    page = (ROOT / "docs/cli.md").read_text()

    assert re.search(rf"^\| `{name}[` ]", page, re.MULTILINE), f"{name} has no row"
    for option in command.params:
        if isinstance(option, click.Option):
            long = max(option.opts, key=len)
            assert re.search(rf"`(-\w, )?{long}[ `]", page), long
            if isinstance(option.envvar, str):
                assert f"`{option.envvar}`" in page, option.envvar


def test_the_reference_has_no_option_that_does_not_exist() -> None:
    page = (ROOT / "docs/cli.md").read_text()
    known = {each for command in commands().values() for o in command.params for each in o.opts}

    claimed = set(re.findall(r"(--[a-z][a-z-]+)", page))
    assert claimed <= known | {"--help", "--version"}


def definition_cases() -> list[tuple[str, str]]:
    """Pair each definition in the page with the errors shown after it, empty for a sound one."""
    page = (ROOT / "docs/definition.md").read_text()
    return [
        (block.text, following.text if following.language == "text" else "")
        for block, following in pairwise([*blocks(page), Block("", "")])
        if block.language == "yaml"
    ]


@pytest.mark.parametrize(("text", "problems"), definition_cases())
def test_the_definitions_in_the_reference(tmp_path: Path, text: str, problems: str) -> None:
    world = World(tmp_path)
    world.write(text)
    if "version: 1" not in text:
        world.write("version: 1\nstack: docs\nvariables: {bucket: demo}\n", "base.yaml")

    done = world.run("validate", *(f"--file={file.name}" for file in sorted(tmp_path.iterdir())))

    assert done.returncode == bool(problems), done.stderr
    assert_shown(problems, done.stderr)


def written_keys(schema: object) -> Iterator[str]:
    """Yield the keys that a definition may have, at any depth."""
    if isinstance(schema, dict):
        properties = schema.get("properties", {})
        yield from properties
        for each in schema.values():
            yield from written_keys(each)
        yield from written_keys(list(properties.values()))
    elif isinstance(schema, list):
        for each in schema:
            yield from written_keys(each)


def test_the_reference_has_every_key_of_the_definition() -> None:
    page = (ROOT / "docs/definition.md").read_text()
    schema = json.loads(json.dumps(json_schema()))
    keys = set(written_keys(schema["properties"])) | set(schema["properties"])

    missing = {key for key in keys if not re.search(rf"`{re.escape(key)}`", page)}
    assert len(keys) > 40
    assert not missing
