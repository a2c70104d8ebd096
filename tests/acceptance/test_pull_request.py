"""The story of a change that is reviewed: what was approved is what runs, or nothing does."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.world import World, definition, job

QUEUED, RUNNING, SUCCEEDED, FAILED = 7, 8, 10, 11
"""As the platform counts."""

DIGEST = re.compile(r"^Digest: `(sha256:[0-9a-f]{64})`$", re.MULTILINE)


def platform_job(world: World, name: str) -> dict[str, Any]:
    """Return a job as the platform itself knows it."""
    (found,) = [each for each in world.jobs() if each["name"] == name]
    return found


def tamper(world: World, name: str, **parameters: str) -> None:
    """Run a job with other parameters behind everybody's back, to its end."""
    rows = [{"label": label, "value": value} for label, value in parameters.items()]
    url = f"jobs/{platform_job(world, name)['job_id']}"
    world.admin("POST", f"{url}/versions", {"changes": {"parameter": rows}})
    world.admin("PATCH", url, {"status": SUCCEEDED})


@pytest.fixture
def team(world: World) -> World:
    """Give a world whose two jobs are applied and have ended."""
    world.serve("--simulate")
    world.write(definition(job("resnet", lr="0.1") + job("bert") + job("old")))
    applied = world.run("apply", "--auto-approve", "--wait")
    assert applied.returncode == 0, applied.stderr
    return world


@pytest.mark.parametrize("by", ["plan", "digest"])
def test_a_change_is_reviewed_overtaken_reviewed_again_and_applied(team: World, by: str) -> None:
    def plan() -> tuple[str, str]:
        """Return the comment of the pull request, and the digest that a reviewer approves."""
        planned = team.run("plan", "-o", "plan.json", "--report", "markdown=plan.md")
        assert planned.returncode == 0, planned.stderr
        comment = Path(team.folder / "plan.md").read_text()
        (digest,) = DIGEST.findall(comment)
        assert json.loads((team.folder / "plan.json").read_text())["digest"] == digest
        return comment, digest

    team.write(definition(job("resnet", lr="0.2") + job("bert") + job("new")))
    comment, digest = plan()
    assert "### Plan of `vision`: 1 to create, 1 to replace, 1 to delete. 1 unchanged" in comment
    assert "@@ parameters.lr (forces replacement) @@\n- 0.1\n+ 0.2\n" in comment

    tamper(team, "resnet", lr="0.5")
    before = team.state()
    jobs = {each["name"]: each["job_id"] for each in team.jobs()}
    team.admin("DELETE", "requests")
    refused = team.run("apply", *(["plan.json"] if by == "plan" else ["--expect", digest]))
    assert refused.returncode == 3, refused.stderr
    assert 'Job "resnet": version_id was ' in refused.stderr
    assert "Job \"resnet\": parameters.lr was '0.1', is '0.5'" in refused.stderr
    assert "Nothing was changed." in refused.stderr
    assert "mutating" not in team.counts()
    assert team.state() == before
    assert {each["name"]: each["job_id"] for each in team.jobs()} == jobs

    comment, digest = plan()
    _, _, outside = comment.partition("#### Changed outside of reconciler")
    assert "@@ parameters.lr @@\n- 0.1\n+ 0.5\n" in outside
    applied = team.run("apply", *(["plan.json"] if by == "plan" else ["--expect", digest]))
    assert applied.returncode == 0, applied.stderr
    assert "Verified: the state equals the plan." in applied.stdout
    assert sorted(each["name"] for each in team.jobs()) == ["bert", "new", "resnet"]
    assert team.run("wait").returncode == 0

    night = team.run("drift", "--report", "markdown=drift.md")
    assert night.returncode == 0, night.stderr
    tamper(team, "bert", lr="9")
    night = team.run("drift", "--report", "markdown=drift.md")
    assert night.returncode == 2
    assert "### Drift of `vision`: 1 job changed" in (team.folder / "drift.md").read_text()


@pytest.mark.parametrize("by", ["plan", "digest"])
@pytest.mark.parametrize(
    ("then", "now"),
    [(QUEUED, RUNNING), (QUEUED, SUCCEEDED), (RUNNING, SUCCEEDED)],
    ids=["queued, then running", "queued, then succeeded", "running, then succeeded"],
)
def test_a_status_makes_no_plan_stale(team: World, by: str, then: int, now: int) -> None:
    url = f"jobs/{platform_job(team, 'resnet')['job_id']}"
    team.admin("PATCH", url, {"status": then})
    team.write(definition(job("resnet", lr="0.2") + job("bert") + job("old")))
    options = ("--interrupt-running", "--state", "state")
    planned = team.run("plan", *options, "-o", "plan.json")
    assert planned.returncode == 0, planned.stdout
    digest = json.loads((team.folder / "plan.json").read_text())["digest"]

    team.admin("PATCH", url, {"status": now})
    applied = team.run(
        "apply", *(["plan.json"] if by == "plan" else ["--expect", digest]), *options
    )

    assert applied.returncode == 0, applied.stderr
    assert "1 replaced" in applied.stdout


def test_a_job_that_fails_after_the_review_makes_no_plan_stale(team: World) -> None:
    team.write(definition(job("resnet", lr="0.2") + job("bert") + job("old")))
    assert team.run("plan", "-o", "plan.json").returncode == 0

    url = f"jobs/{platform_job(team, 'bert')['job_id']}"
    team.admin("PATCH", url, {"status": FAILED})
    digest = json.loads((team.folder / "plan.json").read_text())["digest"]
    applied = team.run("apply", "--expect", digest)

    assert applied.returncode == 0, applied.stderr
