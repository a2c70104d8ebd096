"""The recipes of example 10: their own steps, from the first request to the nightly watch."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from reconciler import __version__
from tests.acceptance.hosts import Forge, GitHubActions, GitLabCI, Pipelines, Ran, a_forge, git
from tests.acceptance.world import World, wait_for

EXAMPLE = Path(__file__).parents[2] / "examples" / "10-ci"
SUCCEEDED = 10
"""As the platform counts."""

DIGEST = re.compile(r"^Digest: `(sha256:[0-9a-f]{64})`$", re.MULTILINE)


class Team:
    """People who work on a repository through its pipelines."""

    def __init__(self, pipelines: Pipelines) -> None:
        self.pipelines = pipelines
        self.world, self.forge = pipelines.world, pipelines.forge

    def push(self, number: int, old: str = "", new: str = "") -> Ran:
        """Change the definition on a request's branch; return how its plan ended."""
        git(self.world.folder, "checkout", "-q", "-B", f"request-{number}")
        if old:
            self.world.edit(old, new)
        sha = self._commit("Change the jobs")
        (ran,) = self.pipelines.run("pull_request", sha, number).values()
        return ran

    def merge(self, number: int) -> Ran:
        """Merge a request; return how the apply ended."""
        git(self.world.folder, "checkout", "-q", "main")
        git(self.world.folder, "merge", "-q", "--ff-only", f"request-{number}")
        sha = self._commit(f"Merge request {number}")
        self.forge.merges[sha] = number
        (ran,) = self.pipelines.run("push", sha).values()
        return ran

    def night(self) -> Ran:
        """Let a night pass; return how the watch ended."""
        sha = git(self.world.folder, "rev-parse", "HEAD")
        (ran,) = self.pipelines.run("schedule", sha).values()
        return ran

    def _commit(self, message: str) -> str:
        git(self.world.folder, "add", "-A")
        git(self.world.folder, "commit", "-q", "--allow-empty", "-m", message)
        return git(self.world.folder, "rev-parse", "HEAD")

    def tamper(self, name: str) -> None:
        """Run a job on the platform with other parameters, behind everybody's back."""
        (there,) = [each for each in self.world.jobs() if each["name"] == name]
        self.world.admin("POST", f"jobs/{there['job_id']}/versions", {"changes": {"parameter": []}})
        wait_for(lambda: {each["status"] for each in self.world.jobs()} == {SUCCEEDED})


@pytest.fixture(params=[GitHubActions, GitLabCI], ids=["github", "gitlab"])
def team(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Team]:
    """Give a test a repository that holds the example, on each of the hosts."""
    folder = tmp_path / "jobs"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("output", "state", "plan.*"))
    git(folder, "init", "-q", "-b", "main")
    git(folder, "commit", "-q", "--allow-empty", "-m", "Begin")
    world = World(folder)
    with a_forge() as forge:
        try:
            yield Team(request.param(world, forge))
        finally:
            world.close()


def approved(forge: Forge, number: int) -> str:
    """Return the digest that the one comment of the pipeline shows."""
    (body,) = forge.bodies(number)
    (digest,) = DIGEST.findall(body)
    return str(digest)


def test_a_change_goes_from_its_review_to_the_platform_and_is_watched(team: Team) -> None:
    world, forge = team.world, team.forge
    forge.comment(1, "nice", "ben")

    planned = team.push(1)
    first = approved(forge, 1)
    assert planned.code == 0, planned.log
    assert "### Plan of `fits`: 2 to create" in forge.bodies(1)[0]
    for count in range(120):
        forge.comment(1, f"remark {count}", "ben")
    team.push(1, "degree: 2", "degree: 3")
    assert approved(forge, 1) != first, "one comment, renewed"

    forge.comment(1, f"<!-- training-jobs -->\nDigest: `{first}`", "mallory")
    applied = team.merge(1)
    assert applied.code == 0, applied.log
    assert "2 created" in applied.log
    assert world.run("wait").returncode == 0
    assert team.night().code == 0
    assert forge.issues == []

    assert team.push(2, "degree: 1", "degree: 0").code == 0
    before = world.jobs()
    team.tamper("line")
    refused = team.merge(2)
    assert refused.code == 3, refused.log
    assert "Approved was sha256:" in refused.log
    assert re.search(r"replace line: .*parameters\.degree", refused.log)
    assert [each["job_id"] for each in world.jobs()] == [each["job_id"] for each in before]

    drifted = team.night()
    assert drifted.code == 2, drifted.log
    (issue,) = forge.issues
    assert (issue["title"], issue["state"]) == ("Drift of training jobs", "open")
    assert "<code>-/+ line</code> replaced by another job or version" in issue["body"]
    issue["body"] = "out of date"
    assert team.night().code == 2
    assert len(forge.issues) == 1
    assert "line" in issue["body"]

    assert team.push(3, "a parabola through", "The parabola through").code == 0
    assert "### Plan of `fits`: 1 to replace, 1 to update" in forge.bodies(3)[0]
    applied = team.merge(3)
    assert applied.code == 0, applied.log
    assert world.run("wait").returncode == 0
    assert team.night().code == 0
    assert issue["state"] == "closed"
    assert "No drift" in issue["body"]


def test_nothing_is_applied_that_nobody_approved(team: Team) -> None:
    (ran,) = team.pipelines.run("push", "0" * 40).values()

    assert ran.code == 2, ran.log
    assert "2 to create" in ran.log
    assert team.world.jobs() == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("boot_file: fit.py", "boot: fit.py", "### Check of the definition: 2 errors"),
        ("modelarts.vm.cpu.2u", "modelarts.vm.cpu.3u", "**Refused: 2 errors.**"),
    ],
    ids=["not valid", "refused by the platform"],
)
def test_what_is_wrong_stands_in_the_request(team: Team, old: str, new: str, said: str) -> None:
    ran = team.push(1, old, new)

    assert ran.code == 1, ran.log
    (body,) = team.forge.bodies(1)
    assert said in body


@pytest.mark.parametrize("recipe", [".github/workflows/training-jobs.yml", ".gitlab-ci.yml"])
def test_the_recipes_install_this_version(recipe: str) -> None:
    text = (EXAMPLE / recipe).read_text()

    installed = re.findall(r"pip install (?:--quiet )?'(.*?)'", text)
    assert set(installed) == {f"reconciler[local]=={__version__}"}


def test_no_script_of_the_workflow_holds_what_others_may_write() -> None:
    workflow = yaml.safe_load((EXAMPLE / ".github/workflows/training-jobs.yml").read_text())

    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    scripts = [step["run"] for step in steps if "run" in step]
    assert scripts
    for script in scripts:
        assert "${{" not in script
