"""A platform that is reached by its URL, with every kind of credentials, none of which shows."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.emulator.launch import Running
from tests.acceptance.world import World, a_world, definition, job


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A folder with training code, whose emulator stands for the service."""
    with a_world(tmp_path) as world:
        world.serve("--simulate")
        yield world


def of_user(emulator: Running) -> dict[str, str]:
    return {
        "OS_AUTH_URL": emulator.auth_url,
        "OS_USERNAME": emulator.username,
        "OS_PASSWORD": emulator.password,
        "OS_USER_DOMAIN_NAME": emulator.domain,
        "OS_PROJECT_NAME": emulator.project_name,
    }


def of_key(emulator: Running) -> dict[str, str]:
    return {
        "OS_AUTH_URL": emulator.auth_url,
        "OS_ACCESS_KEY": emulator.access_key,
        "OS_SECRET_KEY": emulator.secret_key,
        "OS_PROJECT_NAME": emulator.project_name,
    }


def of_cloud(emulator: Running, folder: Path) -> dict[str, str]:
    auth = {
        "auth_url": emulator.auth_url,
        "username": emulator.username,
        "user_domain_name": emulator.domain,
        "project_id": emulator.project_id,
    }
    secret = {"auth": {"password": emulator.password}}
    (folder / "clouds.yaml").write_text(json.dumps({"clouds": {"here": {"auth": auth}}}))
    (folder / "secure.yaml").write_text(json.dumps({"clouds": {"here": secret}}))
    return {"OS_CLOUD": "here"}


@pytest.mark.parametrize("api", ["modelarts/v1", "modelarts/v2"])
@pytest.mark.parametrize("how", ["user", "key", "cloud"])
def test_every_login_applies_and_leaves_no_trace(world: World, how: str, api: str) -> None:
    emulator = world.emulator
    world.write(definition(job("a"), platform=f"api: {api}, endpoint: '{emulator.url}'"))
    match how:
        case "user":
            env = of_user(emulator)
        case "key":
            env = of_key(emulator)
        case _:
            env = of_cloud(emulator, world.folder)

    applied = world.run("apply", "--auto-approve", "-v", env=env)
    planned = world.run("plan", "--json", "--detailed-exitcode", env=env)

    assert applied.returncode == 0, applied.stderr
    assert planned.returncode == 0, planned.stderr
    files = [path for path in (world.folder / "state").glob("*") if path.is_file()]
    texts = [path.read_text() for path in files]
    texts += [each for done in (applied, planned) for each in (done.stdout, done.stderr)]
    assert any('"records"' in text for text in texts)
    for secret in (emulator.password, emulator.secret_key, emulator.access_key):
        assert not any(secret in text for text in texts)


@pytest.mark.parametrize(
    ("env", "words"),
    [
        pytest.param({}, ["Credentials are missing", "OS_USERNAME", "OS_CLOUD"], id="none"),
        pytest.param({"OS_CLOUD": "nowhere"}, ["There is no clouds.yaml", "nowhere"], id="no file"),
        pytest.param(
            {"OS_ACCESS_KEY": "AK-1", "OS_AUTH_TYPE": "aksk"}, ["OS_SECRET_KEY"], id="half a key"
        ),
    ],
)
def test_what_is_missing_is_named(world: World, env: dict[str, str], words: list[str]) -> None:
    world.write(definition(job("a"), platform=f"endpoint: '{world.emulator.url}'"))

    planned = world.run("plan", env={"HOME": str(world.folder), **env})

    assert planned.returncode == 1
    for word in words:
        assert word in planned.stderr
    assert "AK-1" not in planned.stderr


def test_a_wrong_key_is_told_and_tried_once(world: World) -> None:
    emulator = world.emulator
    world.write(definition(job("a"), platform=f"endpoint: '{emulator.url}'"))
    env = of_key(emulator) | {"OS_SECRET_KEY": "wrong", "OS_PROJECT_ID": emulator.project_id}
    world.admin("DELETE", "requests")

    planned = world.run("plan", env=env)

    assert planned.returncode == 1
    assert "rejects our credentials" in planned.stderr
    assert emulator.access_key not in planned.stderr
    assert world.counts()["total"] == 1
