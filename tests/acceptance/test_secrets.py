"""Secrets: sent to the platform, and to be found nowhere else, whatever is written and printed."""

import json
from pathlib import Path

import pytest

from tests.acceptance.world import World, definition

FIRST, SECOND, OLDER = "Sesame/1+opens=", "Sesame/2+shuts=", "Sesame/0+plain="
FORMATS = ("json", "markdown", "html", "github", "gitlab", "gitlab-codequality", "junit", "sarif")
SECRET = "parameters: {lr: 1e-3, token: {secret: VAULT_TOKEN}}"


def secret_job(address: str = "a", parameters: str = SECRET) -> str:
    return f"  {address}:\n    boot_file: train.py\n    {parameters}\n"


def env(value: str | None) -> dict[str, str]:
    return {} if value is None else {"VAULT_TOKEN": value}


def reached(world: World, value: str) -> bool:
    """Whether the platform was given a value: its own store holds what jobs are run with."""
    store = world.folder / "state" / "local"
    return any(value.encode() in path.read_bytes() for path in store.rglob("*") if path.is_file())


class Told:
    """Runs commands, and keeps all that they print."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.texts: list[str] = []

    def __call__(self, *args: str, value: str | None = FIRST, code: int = 0) -> str:
        done = self.world.run(*args, env=env(value))
        self.texts += [done.stdout, done.stderr]
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def holds(self, value: str) -> list[str]:
        """Where a value is found: in what was printed, or in files but the platform's own."""
        files = [
            str(path)
            for path in self.world.folder.rglob("*")
            if path.is_file()
            and not is_the_platforms(path.relative_to(self.world.folder))
            and value.encode() in path.read_bytes()
        ]
        return files + [text for text in self.texts if value in text]


def is_the_platforms(path: Path) -> bool:
    """Whether a file belongs to the platform (its store) or to the training program (its log)."""
    return path.parts[:2] == ("state", "local") or path.parts[0] in ("buckets", "emulator.log")


def test_a_secret_is_sent_and_stands_nowhere(world: World) -> None:
    run = Told(world)
    world.write(definition(secret_job()))

    run("validate", value=None)
    run("plan", "-vv", "-o", "first.json")
    run("apply", "-vv", "first.json")
    assert reached(world, FIRST)
    run("plan", "-vv", "--detailed-exitcode")
    run("plan", "-vv", "--refresh", "full", "--detailed-exitcode")
    run("drift", "--refresh", "full", value=None)
    run("apply", "--auto-approve", "-vv")

    changed = run("plan", "-v", "--interrupt-running", value=SECOND)
    assert "parameters.token  (secret) changed" in changed
    reports = [f"--report={each}=report.{each}" for each in FORMATS]
    run("plan", "--interrupt-running", "-o", "second.json", *reports, value=SECOND)
    run("show", "second.json", "-vv", *reports)
    run("apply", "second.json", "--interrupt-running", code=3)
    run("apply", "second.json", "--interrupt-running", value=None, code=1)
    assert not reached(world, SECOND)
    run("apply", "second.json", "--interrupt-running", "-vv", value=SECOND)
    assert reached(world, SECOND)
    run("plan", "--detailed-exitcode", value=SECOND)
    run("status", "-vv", "--json")
    run("state", "show", "a")
    run("state", "pull")
    run("apply", "--auto-approve", "--json", "--interrupt-running", value=FIRST)
    run("destroy", "--auto-approve", "--interrupt-running", "--json", value=None)

    assert run.holds(FIRST) == []
    assert run.holds(SECOND) == []
    assert list((world.folder / "state" / "backups").iterdir())
    kept = json.loads((world.folder / "second.json").read_text())
    [action] = kept["actions"]
    assert action["after"]["parameters"]["token"].keys() == {"secret", "hmac"}


def test_the_same_review_twice_has_the_same_digest(world: World) -> None:
    run = Told(world)
    world.write(definition(secret_job()))
    run("plan", "-o", "one.json")
    run("plan", "-o", "two.json")
    one, two = (json.loads((world.folder / name).read_text()) for name in ("one.json", "two.json"))

    assert one["digest"] == two["digest"]
    run("apply", "--expect", one["digest"])
    assert reached(world, FIRST)


def test_a_secret_that_is_not_set_is_told_before_anything_is_sent(world: World) -> None:
    run = Told(world)
    world.write(definition(secret_job() + secret_job("b", "parameters: {token: x}")))

    for command in (["plan"], ["apply", "--auto-approve"]):
        told = run(*command, value=None, code=1)
        assert "error: Secret is not set" in told
        assert "VAULT_TOKEN" in told
    assert world.jobs() == []

    run("apply", "--auto-approve")
    unchanged = run("plan", "--detailed-exitcode", value=None)
    assert "warning: Secret is not set" in unchanged


@pytest.mark.parametrize("value", [OLDER, FIRST], ids=["the same value", "another value"])
def test_a_text_that_becomes_a_secret_is_sealed_in_the_state(world: World, value: str) -> None:
    run = Told(world)
    world.write(definition(secret_job(parameters=f"parameters: {{lr: 1e-3, token: {OLDER}}}")))
    run("apply", "--auto-approve")
    shown_before = len(run.texts)
    world.edit(f"token: {OLDER}", "token: {secret: VAULT_TOKEN}")

    told = run("plan", "-vv", "--refresh", "full", "--interrupt-running", value=value)
    run("drift", "--refresh", "full", value=value)
    run("apply", "--auto-approve", "--interrupt-running", value=value)
    run("plan", "--detailed-exitcode", "--refresh", "full", value=value)

    assert ("(secret) changed" in told) == (value != OLDER)
    assert reached(world, value)
    assert not any(OLDER in text for text in run.texts[shown_before:])
    assert OLDER not in (world.folder / "state" / "vision.json").read_text()


def test_a_job_is_adopted_when_the_secret_has_its_value(world: World) -> None:
    run = Told(world)
    world.write(definition(secret_job()))
    run("apply", "--auto-approve")
    run("state", "rm", "a")

    differs = run("plan", "--adopt", value=SECOND, code=1)
    assert "parameters.token: theirs (secret VAULT_TOKEN), ours (secret VAULT_TOKEN)" in differs
    run("adopt", "a", value=SECOND, code=1)
    run("adopt", "a", value=None, code=1)
    run("adopt", "a")
    run("plan", "--detailed-exitcode")

    assert run.holds(FIRST) == []
    assert run.holds(SECOND) == []


def test_a_create_that_was_cut_off_is_found_again(world: World) -> None:
    run = Told(world)
    world.write(definition(secret_job()))
    world.serve()
    fault = {"kind": "drop_after"}
    world.admin("POST", "faults", {"method": "POST", "path_regex": "jobs$", "fault": fault})

    run("apply", "--auto-approve", "-vv")

    assert reached(world, FIRST)
    assert run.holds(FIRST) == []
