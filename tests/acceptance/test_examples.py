"""The examples do what their pages say, on a machine that has seen none of them before."""

import ast
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.world import World

ROOT = Path(__file__).parents[2]
QUICKSTART = ("-f", "examples/01-quickstart")
TEAM = ("-f", "examples/02-team")
PLATFORMS = {
    "examples/01-quickstart/jobs.yaml": "api: modelarts/v1 ",
    "examples/02-team/platform.yaml": "api: modelarts/v1 ",
    "examples/03-sweep/jobs.yaml": "platform: {endpoint: local}",
    "examples/04-pipeline/jobs.yaml": "platform: {endpoint: local}",
    "examples/05-retries/jobs.yaml": "platform: {endpoint: local}",
}
"""The one line of an example that chooses the API."""


@pytest.fixture(params=["modelarts/v1", "modelarts/v2"])
def tree(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    """Give a test a copy of the examples in a repository of its own, on each API by one line."""
    for name in ("examples", "state"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=_ignored)
    api = f"api: {request.param}"
    for file, line in PLATFORMS.items():
        path = tmp_path / file
        text = path.read_text()
        assert text.count(line) == 1
        other = f"{api} " if line.startswith("api") else f"platform: {{{api}, endpoint: local}}"
        path.write_text(text.replace(line, other))
    git(tmp_path, "init", "--quiet")
    world = World(tmp_path)
    try:
        yield world
    finally:
        world.close()


def _ignored(folder: str, names: list[str]) -> list[str]:
    """Leave out what runs in the working tree have left behind."""
    if Path(folder) == ROOT / "state":
        return [name for name in names if name not in ("README.md", ".gitignore")]
    return [name for name in names if name in ("output", "logs", "state")]


def git(folder: Path, *args: str) -> str:
    command = ["git", *args]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


def untracked(folder: Path) -> set[str]:
    return set(git(folder, "ls-files", "--others", "--exclude-standard").splitlines())


def accuracy(world: World, address: str, where: tuple[str, str]) -> float:
    log = world.run("logs", address, *where)
    assert log.returncode == 0, log.stderr
    reached = re.search(r"^accuracy: (0\.\d{3}|1\.000)$", log.stdout, re.MULTILINE)
    assert reached, log.stdout
    return float(reached[1])


def test_the_quickstart_trains_a_model_that_reads_digits(tree: World) -> None:
    before = untracked(tree.folder)

    applied = tree.run("apply", *QUICKSTART, "--auto-approve", "--wait")

    assert applied.returncode == 0, applied.stderr
    assert "+ create   jobtest_TF  new" in applied.stdout
    assert "jobtest_TF: succeeded" in applied.stderr
    assert accuracy(tree, "jobtest_TF", QUICKSTART) >= 0.9
    output = "examples/01-quickstart/buckets/test-modelarts/mnist-model/output/model.json"
    model = json.loads((tree.folder / output).read_text())
    assert model["accuracy"] >= 0.9
    assert len(model["weights"]) == 10
    pulled = json.loads(tree.run("state", "pull", *QUICKSTART).stdout)
    assert f"api: {pulled['platform']['api']} " in (tree.folder / next(iter(PLATFORMS))).read_text()
    assert pulled["records"]["jobtest_TF"]["spec"]["parameters"]["learning_rate"] == "1e-3"
    assert untracked(tree.folder) == before


def test_the_quickstart_goes_through_a_jobs_life(tree: World) -> None:
    assert tree.run("apply", *QUICKSTART, "--auto-approve", "--wait").returncode == 0

    again = tree.run("apply", *QUICKSTART, "--auto-approve")
    assert (again.returncode, "Nothing to do" in again.stdout) == (0, True)
    assert tree.run("drift", *QUICKSTART).returncode == 0

    tree.edit("epochs: 20", "epochs: 2", "examples/01-quickstart/jobs.yaml")
    planned = tree.run("plan", *QUICKSTART, "--detailed-exitcode")
    assert planned.returncode == 2
    assert re.search(r"replace +jobtest_TF", planned.stdout)
    assert re.search(r"parameters\.epochs +20 → 2", planned.stdout)
    assert tree.run("apply", *QUICKSTART, "--auto-approve", "--wait").returncode == 0

    file = tree.folder / "examples/01-quickstart/jobs.yaml"
    file.write_text(file.read_text().partition("  jobtest_TF:")[0])
    assert re.search(r"delete +jobtest_TF", tree.run("plan", *QUICKSTART).stdout)
    assert tree.run("apply", *QUICKSTART, "--auto-approve").returncode == 0
    assert tree.jobs() == []


def test_the_team_trains_every_model_into_a_folder_of_its_own(tree: World) -> None:
    before = untracked(tree.folder)

    applied = tree.run("apply", *TEAM, "--auto-approve", "--wait")

    assert applied.returncode == 0, applied.stderr
    addresses = ("digits-centroids", "digits-neighbours", "language-id")
    for address in addresses:
        assert accuracy(tree, address, TEAM) >= 0.85
        model = f"examples/02-team/buckets/team-data/output/{address}/model.json"
        assert (tree.folder / model).is_file()
    assert tree.run("drift", *TEAM).returncode == 0
    assert untracked(tree.folder) == before


def test_the_teams_variables_reach_the_jobs_that_use_them(tree: World) -> None:
    assert tree.run("apply", *TEAM, "--auto-approve").returncode == 0
    assert tree.run("wait", *TEAM).returncode == 0
    ids = {job["job_id"] for job in tree.jobs()}
    assert len(ids) == 3

    planned = tree.run("plan", *TEAM, "--var", "ngram=2")
    assert planned.returncode == 0
    assert re.findall(r"-/\+ replace +(\S+)", planned.stdout) == ["language-id"]
    assert re.search(r"parameters\.ngram +3 → 2", planned.stdout)

    refused = tree.run("plan", *TEAM, "--var", "images=300")
    assert refused.returncode == 5
    assert "Job is protected" in refused.stdout
    options = ("--var", "images=300", "--auto-approve", "--wait")
    assert tree.run("apply", *TEAM, *options).returncode == 5
    assert {job["job_id"] for job in tree.jobs()} == ids

    applied = tree.run("apply", *TEAM, *options, "--exclude", "digits-centroids")
    assert applied.returncode == 0, applied.stderr
    records = tree.run("state", "pull", *TEAM)
    images = {
        address: record["spec"]["parameters"].get("images")
        for address, record in json.loads(records.stdout)["records"].items()
    }
    assert images == {"digits-centroids": "600", "digits-neighbours": "300", "language-id": None}


def test_the_teams_job_is_retried_until_it_succeeds(tree: World) -> None:
    code = tree.folder / "examples/02-team/buckets/team-data/code/train_digits.py"
    sound = code.read_text()
    unlucky = 'marker = options.train_url / "tried"\n'
    unlucky += '    if options.method == "neighbours" and not marker.exists():\n'
    unlucky += '        marker.touch()\n        raise SystemExit("out of luck")\n    digits ='
    assert sound.count("digits = read_digits(") == 1
    code.write_text(sound.replace("digits = read_digits(", f"{unlucky} read_digits("))

    applied = tree.run("apply", *TEAM, "--auto-approve", "--wait")

    assert applied.returncode == 0, applied.stderr
    assert "digits-neighbours: failed" in applied.stderr
    record = json.loads(tree.run("state", "pull", *TEAM).stdout)["records"]["digits-neighbours"]
    assert (record["attempt"], record["outcome"]["status"]) == (2, "succeeded")


def records(world: World, *where: str) -> dict[str, dict[str, Any]]:
    pulled = world.run("state", "pull", *where)
    found: dict[str, dict[str, Any]] = json.loads(pulled.stdout)["records"]
    return found


def test_the_sweep_is_eight_trainings_and_a_table_that_compares_them(tree: World) -> None:
    where = ("-f", "examples/03-sweep")
    before = untracked(tree.folder)

    applied = tree.run("apply", *where, "--auto-approve", "--wait")

    assert applied.returncode == 0, applied.stderr
    assert "digits[…]  new (8 jobs)" in applied.stdout
    compared = tree.run("status", "digits", *where, "--sort", "accuracy")
    header, *rows = [line.split() for line in compared.stdout.partition("\n\n")[0].splitlines()]
    assert header[:4] == ["HIDDEN", "LEARNING_RATE", "STATUS", "ACCURACY"]
    reached = {(row[0], row[1]): float(row[3]) for row in rows}
    assert len(reached) == 8
    assert list(reached.values()) == sorted(reached.values(), reverse=True)
    assert reached["24", "1e-1"] >= 0.9 > 0.75 > reached["8", "3e-3"], "the parameters matter"
    told = json.loads(tree.run("status", "digits", *where, "--json").stdout)["jobs"]
    told_there = {tuple(each["values"].values()): each["metrics"]["accuracy"] for each in told}
    assert told_there == reached
    assert tree.run("plan", *where, "--detailed-exitcode").returncode == 0
    assert untracked(tree.folder) == before


def test_another_value_of_the_sweep_touches_no_other_job(tree: World) -> None:
    where = ("-f", "examples/03-sweep")
    assert tree.run("apply", *where, "--auto-approve", "--wait").returncode == 0
    ids = {address: each["job_id"] for address, each in records(tree, *where).items()}

    tree.edit("hidden: [8, 24]", "hidden: [4, 8, 24]", "examples/03-sweep/jobs.yaml")
    planned = json.loads(tree.run("plan", *where, "--json").stdout)

    assert planned["summary"]["create"] == 4
    assert all("hidden=4," in each["address"] for each in planned["actions"])
    stopped = tree.run("stop", "digits", *where)
    assert stopped.returncode == 0, "a sweep's key means all of its jobs"
    assert {address: each["job_id"] for address, each in records(tree, *where).items()} == ids


def test_the_pipeline_passes_data_from_step_to_step(tree: World) -> None:
    where = ("-f", "examples/04-pipeline")
    before = untracked(tree.folder)

    first = tree.run("apply", *where, "--auto-approve")
    assert first.returncode == 0, first.stderr
    assert list(records(tree, *where)) == ["prepare"], "the others wait"
    applied = tree.run("apply", *where, "--auto-approve", "--wait")

    assert applied.returncode == 0, applied.stderr
    assert set(records(tree, *where)) == {"prepare", "train", "evaluate"}
    output = tree.folder / "examples/04-pipeline/buckets/pipeline/output"
    report = json.loads((output / "evaluate/report.json").read_text())
    assert (report["images"], report["accuracy"] >= 0.85) == (120, True)
    assert (output / "train/held_out.csv").read_bytes() == (
        output / "prepare/held_out.csv"
    ).read_bytes()
    assert untracked(tree.folder) == before


def test_the_pipeline_stops_where_a_step_fails(tree: World) -> None:
    where = ("-f", "examples/04-pipeline")
    code = "examples/04-pipeline/buckets/pipeline/code/train.py"
    tree.edit(
        "images = collections", 'raise SystemExit("out of luck")\n    images = collections', code
    )

    applied = tree.run("apply", *where, "--auto-approve", "--wait")

    assert applied.returncode == 6
    assert "out of luck" in applied.stderr, "the last lines of the log stand in the error"
    assert list(records(tree, *where)) == ["prepare", "train"]


def test_a_loop_walks_the_pipeline(tree: World) -> None:
    where = ("-f", "examples/04-pipeline")

    loop = tree.run(
        "watch", *where, "--auto-approve", "--interval=0.5", "--rounds=20", "--listen=off"
    )

    assert loop.returncode == 0, loop.stderr
    ends = {address: each["outcome"]["status"] for address, each in records(tree, *where).items()}
    assert ends == dict.fromkeys(("prepare", "train", "evaluate"), "succeeded")


def test_the_unlucky_job_succeeds_at_the_third_attempt(tree: World) -> None:
    where = ("-f", "examples/05-retries")

    applied = tree.run("apply", *where, "--auto-approve", "--wait")

    assert applied.returncode == 0, applied.stderr
    assert applied.stderr.count("even-or-odd: failed") == 2
    record = records(tree, *where)["even-or-odd"]
    assert (record["attempt"], record["outcome"]["status"]) == (3, "succeeded")
    assert accuracy(tree, "even-or-odd", where) >= 0.6


def test_the_unlucky_job_with_one_attempt_less_has_failed(tree: World) -> None:
    where = ("-f", "examples/05-retries")
    tree.edit("max_attempts: 3", "max_attempts: 2", "examples/05-retries/jobs.yaml")

    applied = tree.run("apply", *where, "--auto-approve", "--wait")

    assert applied.returncode == 6
    assert "the machine was taken away in epoch 21" in applied.stderr
    assert tree.run("wait", *where).returncode == 6


@pytest.mark.parametrize(
    "code", sorted(ROOT.glob("examples/*/buckets/*/*/*.py")), ids=lambda p: p.stem
)
def test_training_code_asks_for_no_newer_python_than_its_engine(code: Path) -> None:
    ast.parse(code.read_text(), feature_version=(3, 6))


def test_every_example_is_listed() -> None:
    folders = {path.name for path in (ROOT / "examples").iterdir() if path.is_dir()}
    page = (ROOT / "examples/README.md").read_text()

    assert folders == set(re.findall(r"^\| \[(.+?)\]\(\1\)", page, re.MULTILINE))
