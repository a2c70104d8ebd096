"""Every request of every command, and all that can happen to it: one apply repairs it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from reconciler.emulator.launch import find
from reconciler.model.address import Address
from reconciler.providers.modelarts.v1 import paging
from reconciler.providers.modelarts.v2 import client as client_v2
from reconciler.providers.modelarts.v2 import paging as paging_v2
from tests.acceptance.world import a_world, definition, job, wait_for
from tests.conftest import SCALE
from tests.reliability.fault_cells import (
    SUCCESS,
    Cell,
    first_cells,
    further_cells,
    impossible_pairs,
    sample,
)
from tests.reliability.fault_parts import Admin, Ending
from tests.reliability.fault_world import (
    DELETABLE,
    MADE,
    STRANGERS,
    WANTED,
    World,
)
from tests.reliability.figures import Figures
from tests.reliability.seen import Api, suite

SEED = int(os.environ.get("RECONCILER_TEST_SEED", "1"))
ALL = first_cells() + (further_cells() if SCALE >= 10 else [])
SAMPLES: dict[Api, int] = {"v1": 100, "v2": 50}
CELLS = [
    cell
    for api, size in SAMPLES.items()
    for cell in sample([each for each in ALL if each.call.api == api], int(size * SCALE), SEED)
]
if SCALE >= 10:
    CELLS = ALL
SMALL_PAGE = 3
HANGS = 60.0
"""Seconds after which a run that should take one is said to hang."""
KEPT = Address("kept")
_workspaces = count(1)


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Admin]:
    """An emulator whose jobs only come to an end, for all cells."""
    folder = tmp_path_factory.mktemp("matrix")
    store, buckets = folder / "store", folder / "buckets"
    buckets.mkdir()
    options = ("--store", store, "--buckets", buckets, "--idle-timeout", 300, "--simulate")
    command = [sys.executable, "-m", "reconciler.emulator", *map(str, options)]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=Path(__file__).parents[2])
    wait_for(lambda: find(store, buckets) is not None)
    running = find(store, buckets)
    assert running is not None
    interface = Admin(running, store)
    yield interface
    interface.close()
    server.terminate()
    assert server.wait(30) == 0


@pytest.fixture
def small_pages(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spread the few jobs over several pages, where it is pages that are disturbed."""
    if request.node.callspec.params["cell"].call.is_list:
        monkeypatch.setattr(paging, "PER_PAGE", SMALL_PAGE)
        monkeypatch.setattr(paging_v2, "LIMIT", SMALL_PAGE)
        monkeypatch.setattr(client_v2, "LIMIT", SMALL_PAGE)


def test_the_matrix_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    ids = [cell.id for cell in ALL]
    with capsys.disabled():
        sys.stdout.write(f"\nfault matrix: {len(CELLS)} of {len(ALL)} cells, seed {SEED}")
        for reason, pairs in impossible_pairs():
            sys.stdout.write(f"\n  left out {pairs:3}: {reason}")

    assert len(ids) == len(set(ids))
    assert {cell.call for cell in CELLS} == {cell.call for cell in ALL}
    met, known = ({(cell.call.api, cell.fault.name) for cell in cells} for cells in (CELLS, ALL))
    assert met == known


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("cell", [pytest.param(cell, id=cell.id) for cell in CELLS])
def test_a_fault_does_no_harm(cell: Cell, admin: Admin, tmp_path: Path, figures: Figures) -> None:
    world = World(admin, tmp_path / "state", f"w{next(_workspaces)}", cell)
    world.set_up()
    try:
        world.switch_on()
        begun = time.monotonic()
        ending = world.tell()
        took = time.monotonic() - begun
        world.switch_off()
        repaired = world.repair()
        wrong = _wrong(world)
        figures.add(
            suite("fault cells", cell.call.api),
            cases=int(world.has_met_its_fault),
            hangs=int(took > HANGS),
            **{column: len(problems) for column, problems in wrong.items()},
        )
        assert not any(wrong.values()), wrong
        assert [each.error for each in repaired.results if each.error] == []
        assert repaired.verified
        assert _unsettled(world, ending) == []
        _check_ending(world, ending)
    finally:
        world.clean_up()


def _wrong(world: World) -> dict[str, list[str]]:
    """Return what must never be: jobs twice, jobs that nobody knows, records lost, jobs lost."""
    live, state = world.live(), world.state
    recorded = {record.job_id for record in state.records.values()}
    known = {*recorded, *(world.ids[name] for name in STRANGERS)}
    moved = "0-moved"
    deletes = [each for each in world.mutating() if each.startswith("DELETE")]
    allowed = tuple(f"/{world.ids[name]}" for name in DELETABLE)
    gone = [name for name in STRANGERS if world.ids[name] not in live.get(name, [])]
    if world.cell.fault.name == "row deleted between pages":
        gone = []
    return {
        "duplicates": [name for name, ids in live.items() if len(ids) > 1],
        "orphans": [
            name
            for name, ids in live.items()
            if not name.startswith(moved) and not set(ids) <= known
        ],
        "lost": [
            address
            for address in WANTED
            if address not in state.records
            or state.records[address].job_id not in live.get(str(address), [])
        ],
        "unapproved": [each for each in deletes if not each.endswith(allowed)] + gone,
    }


def _unsettled(world: World, ending: Ending) -> list[str]:
    """Return what is not as it must be after the repair."""
    first, state = world.first_state, world.state
    assert first is not None
    problems = [f"planned: {each}" for each in world.plan()]
    world.mutating()
    serial = state.serial
    world.repair()
    problems += [f"sent by a second apply: {each}" for each in world.mutating()]
    problems += [f"leaked: {each}" for each in world.leaks(ending.errors)]
    problems += [f"open intent: {each}" for each in world.state.intents]
    if world.ids["kept"] != state.records[KEPT].job_id:
        problems.append("the protected job is another one")
    if state.lineage != first.lineage or not first.serial < serial <= world.state.serial:
        problems.append("lineage or serial went astray")
    if world.cell.fault.rule.get("how") != "insert" and world.made_since() != MADE:
        problems.append(f"{world.made_since()} jobs were made, {MADE} were due")
    return problems


def _check_ending(world: World, ending: Ending) -> None:
    cell, expected = world.cell, world.cell.expected
    if not world.has_met_its_fault:
        assert cell.number > 1, "the fault never came to pass"
        expected = SUCCESS
    elif cell.fault.asks:
        assert max(world.asked) >= cell.fault.asks
    if expected == SUCCESS:
        assert ending == Ending()
    elif expected is not None:
        assert ending.exit_code == 1, ending
        assert ending.errors[0].startswith(expected), ending


def _refusal(status: int, code: str, **more: object) -> dict[str, object]:
    said = {"message": "because of a test", "variant": "A"}
    return {"kind": "error_before", "status": status, "code": code, **said, **more}


CREATE, LIST, LOGIN = ("POST", "/training-jobs$"), ("GET", r"/training-jobs\?"), ("POST", "/v3/")


@pytest.mark.parametrize(
    ("request_", "fault", "times", "code", "words"),
    [
        pytest.param(CREATE, {"kind": "drop_after"}, 1, 0, (), id="answer to a create lost"),
        pytest.param(LIST, {"kind": "truncate"}, 1, 0, (), id="list cut short"),
        pytest.param(
            CREATE,
            _refusal(403, "ModelArts.0108"),
            1,
            1,
            ("The platform does not allow this", "because of a test", "permissions"),
            id="create not allowed",
        ),
        pytest.param(
            LIST,
            _refusal(401, "ModelArts.0202"),
            None,
            1,
            ("The platform rejects our credentials", "because of a test", "Check user"),
            id="login never good",
        ),
        pytest.param(
            LOGIN,
            _refusal(401, "", variant="html"),
            1,
            1,
            ("The login was refused", "HTTP 401", "Check OS_USERNAME"),
            id="login refused",
        ),
        pytest.param(
            LIST,
            {"kind": "null_fields", "fields": ["jobs"]},
            1,
            1,
            ("The platform's answer makes no sense", "jobs: "),
            id="list without jobs",
        ),
    ],
)
def test_the_command_tells_what_happened_and_the_next_one_repairs_it(
    request_: tuple[str, str],
    fault: dict[str, object],
    times: int | None,
    code: int,
    words: tuple[str, ...],
    tmp_path: Path,
    figures: Figures,
) -> None:
    with a_world(tmp_path) as world:
        world.write(definition(job("one", lr="1") + job("two", lr="1")))
        emulator = world.serve("--simulate")
        method, path = request_
        rule = {"method": method, "path_regex": path, "times": times, "fault": fault}
        world.admin("POST", "faults", rule)
        first = world.run("apply", "--auto-approve")
        assert world.admin("GET", "faults")[0]["hits"] > 0
        world.admin("DELETE", "faults")
        again = world.run("apply", "--auto-approve")
        settled = world.run("plan", "--detailed-exitcode")
        told = first.stdout + first.stderr
        figures.add("fault cells", cases=1, tracebacks=int("Traceback" in told))

        assert (first.returncode, again.returncode, settled.returncode) == (code, 0, 0), told
        assert sorted(each["name"] for each in world.jobs()) == ["one", "two"]
        assert [each for each in words if each not in " ".join(told.split())] == [], told
        assert "Traceback" not in told
        assert emulator.password not in told
