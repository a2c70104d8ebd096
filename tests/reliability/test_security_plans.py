"""A saved plan does what was reviewed, or nothing; and it sends nothing to where it should not."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.plans import FORMATS
from reconciler.errors import PlanFileError, PlanStaleError
from reconciler.model.plan import Plan
from reconciler.render import structured
from tests.acceptance.world import World, a_world, definition, job
from tests.build import a_diagnostic
from tests.reliability.figures import Figures
from tests.reliability.fuzz import plans, shown
from tests.reliability.test_security import SOMEBODY, an_echo, run_loud
from tests.unit.engine.support import World as MemoryWorld
from tests.unit.engine.support import job as a_job

DOCUMENT: dict[str, Any] = json.loads(plans.REVIEWED)
Path_ = tuple[str | int, ...]


def leaves(value: Any, path: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    """Yield every leaf of the document, and every list and mapping as a whole."""
    if path:
        yield path, value
    items: Iterable[Any] = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list) else items
    for key, each in items:
        yield from leaves(each, (*path, key))


def others(value: Any) -> list[Any]:
    """Return what could stand there instead."""
    match value:
        case bool():
            return [not value]
        case int():
            return [value + 1, 0]
        case None:
            return ["567530", 0, True]
        case str():
            return [f"{value}x", "", "567530", "local", "2031-01-01T00:00:00Z"]
        case list():
            return [[], value * 2]
        case _:
            return [{}, None]


def changed(path: Path_, value: Any) -> bytes:
    document = json.loads(plans.REVIEWED)
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    return json.dumps(document).encode()


def read(data: bytes) -> Plan | None:
    try:
        return structured.plan_from_json(data)
    except PlanFileError:
        return None


CHANGES = [(path, other) for path, value in leaves(DOCUMENT) for other in others(value)]


def test_every_change_of_a_plan_is_refused_or_makes_no_difference(figures: Figures) -> None:
    for path, other in CHANGES:
        saved = read(changed(path, other))
        if saved is not None:
            try:
                plans.check(saved)
            except AssertionError as difference:
                raise AssertionError(f"{path} = {other!r}: {difference}") from difference
    figures.add("plan tampering", cases=len(CHANGES))
    assert len(CHANGES) > 300


def test_no_forged_plan_reaches_a_job_that_is_not_recorded(figures: Figures) -> None:
    """With a digest that is right, a plan may do what it lists, to the jobs of this state."""
    for path, other in CHANGES:
        saved = read(changed(path, other))
        if saved is not None:
            try:
                plans.check(saved.sealed())
            except AssertionError as wrong:
                raise AssertionError(f"{path} = {other!r}: {wrong}") from wrong
    figures.add("plan forging", cases=len(CHANGES))


def forged(**action: Any) -> Plan:
    """Return the reviewed plan with its deletion changed, sealed again."""
    document = json.loads(plans.REVIEWED)
    for each in document["actions"]:
        if each["kind"] == "delete":
            each |= action
    return structured.plan_from_json(json.dumps(document)).sealed()


@pytest.mark.parametrize("name", [plans.STRANGER, "kept", "updated"])
def test_a_forged_deletion_of_another_job_is_refused(name: str) -> None:
    world = plans.a_world()
    victim = world.platform.job(name)
    expects = {"job_id": victim.job_id, "version_id": victim.version_id, "description": None}
    saved = forged(job_id=victim.job_id, version_id=victim.version_id, expects=expects)
    with pytest.raises(PlanStaleError, match="moved on"):
        plans.carry_out(saved)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"job_id": None}, id="no job"),
        pytest.param({"job_id": ""}, id="an empty id"),
        pytest.param({"expects": {}}, id="no expectation"),
        pytest.param({"kind": "create"}, id="a create without a result"),
        pytest.param({"address": "created"}, id="an address twice"),
    ],
)
def test_a_plan_that_contradicts_itself_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(PlanFileError, match="contradicts itself"):
        plans.carry_out(forged(**change))


def test_an_error_cannot_be_taken_out_of_a_plan() -> None:
    world = MemoryWorld()
    made = world.plan(a_job()).plan
    refusing = made.model_copy(update={"diagnostics": (a_diagnostic(),)}).sealed()
    for diagnostics in ((), (a_diagnostic("warning"),), (a_diagnostic(code="interrupt"),)):
        edited = refusing.model_copy(update={"diagnostics": diagnostics})
        with pytest.raises(PlanStaleError, match="edited"):
            world.apply_saved(edited)
    assert world.created == []


def test_a_plan_cannot_record_an_outcome() -> None:
    world = plans.a_world()
    document = json.loads(plans.REVIEWED)
    [update] = [each for each in document["actions"] if each["kind"] == "update"]
    update["result"]["outcome"] = {"status": "succeeded", "seen_at": "2024-05-17T12:00:00Z"}
    update["result"]["created_at"] = "2031-01-01T00:00:00Z"
    saved = structured.plan_from_json(json.dumps(document))
    assert saved.computed_digest == plans.DIGEST
    assert plans.carry_out(saved) == plans.reviewed()
    assert world.state.records


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with a_world(tmp_path) as found:
        yield found


def test_a_plan_that_was_edited_sends_no_credentials(world: World) -> None:
    with an_echo() as thief:
        running = world.serve()
        platform = f"endpoint: '{running.url}', auth_url: '{running.auth_url}'"
        world.write(definition(job("a"), platform=platform))
        env = SOMEBODY | {
            "OS_USERNAME": running.username,
            "OS_PASSWORD": running.password,
            "OS_USER_DOMAIN_NAME": running.domain,
            "OS_PROJECT_ID": running.project_id,
        }
        assert run_loud(world, "plan", "-o", "plan.json", env=env).returncode == 0
        written = json.loads((world.folder / "plan.json").read_text())
        project = {key: value for key, value in env.items() if key != "OS_PROJECT_ID"}
        cases = (
            ({"auth_url": f"{thief.url}/v3"}, env),
            ({"endpoint": thief.url}, env),
            ({"auth_url": f"{thief.url}/v3", "project_id": ""}, project | {"OS_PROJECT_NAME": "x"}),
            ({"endpoint": thief.url}, env | {"OS_TOKEN": "t"}),
        )
        for change, variables in cases:
            edited = written | {"platform": written["platform"] | change}
            (world.folder / "plan.json").write_text(json.dumps(edited))
            for command in (("apply", "plan.json"), ("show", "plan.json")):
                assert run_loud(world, *command, env=variables).returncode == 3
        assert thief.requests == []


def test_a_plan_cannot_choose_another_buckets_folder(world: World) -> None:
    world.write(definition(job("a")))
    world.write("print('evil')", "other/buckets/data/code/train.py")
    assert world.run("plan", "-o", "plan.json").returncode == 0
    written = json.loads((world.folder / "plan.json").read_text())
    written["definition"][0]["path"] = "other/jobs.yaml"
    (world.folder / "plan.json").write_text(json.dumps(written))
    refused = world.run("apply", "plan.json")
    assert refused.returncode == 3, refused
    assert "another platform" in refused.stderr
    assert world.jobs() == []


ESCAPES = "\x1b[2J\x1b]52;c;aGk=\x07\x9b31m\u202e\r\u2066"


LITERALS = ("kind", "strategy", "digest", "created_at")
"""What a plan cannot hold in other words than there are."""


def test_a_plan_shows_no_escapes(world: World) -> None:
    document = json.loads(plans.REVIEWED)
    for path, value in list(leaves(document)):
        if isinstance(value, str) and path[-1] not in LITERALS:
            holder = document
            for key in path[:-1]:
                holder = holder[key]
            holder[path[-1]] = value if path[-1] == "format_version" else value + ESCAPES
    document["created_at"] = DOCUMENT["created_at"]
    for action in document["actions"]:
        if action["result"]:
            action["result"]["created_at"] = None
    saved = structured.plan_from_json(json.dumps(document)).sealed()
    name = "plan\x1b[31m.json"
    (world.folder / name).write_text(structured.plan_json(saved))
    formats = (("--report", each) for each in FORMATS)
    for options in ((), ("-vv",), ("--json",), *formats):
        told = world.run("show", name, *options)
        assert told.returncode == 0, told
        shown.check(told.stdout)
    refused = world.run("apply", name)
    assert refused.returncode in (1, 3, 5)
    shown.check(refused.stderr)
