"""Die at every call and every write: one further apply leaves nothing doubled, lost or open."""

import os

import pytest

from tests.unit.engine.scene import Scene, a_scene, count_points, spread
from tests.unit.engine.tape import Died, Reaper, When

SCALE = float(os.environ.get("RECONCILER_TEST_SCALE", "1"))


def die(scene: Scene, at: int, when: When, parallelism: int = 1) -> bool:
    """Apply, and die at a point; tell whether the run got that far."""
    reaper = Reaper(at, when)
    try:
        scene.apply(reaper, parallelism=parallelism)
    except Died:
        scene.check_deletes()
    return reaper.dead


def test_the_points_cover_every_kind_of_call_and_of_write() -> None:
    scene = a_scene()
    before = len(scene.world.platform.calls)
    scene.apply()

    calls = {call.method for call in scene.world.platform.calls[before:]}
    assert calls == {"list", "get", "flavors", "engines", "create", "update_description", "delete"}
    writes = {" ".join(line.split()[:-1]) or line for line in scene.world.tape} - calls
    assert writes == {
        "bound" if scene.world.state.platform is None else "observed",
        "checkpoint",
        *(f"opened {kind}" for kind in ("create", "replace", "update", "delete")),
        "recorded",
        "removed",
        "forgot",
        "update",
    }


@pytest.mark.parametrize(
    ("lag", "when"),
    [(0, "before"), (0, "after"), (0, "torn"), (2, "before"), (2, "after")],
)
def test_a_run_that_died_anywhere_is_finished_by_the_next(lag: int, when: When) -> None:
    for at in range(1, count_points(lag) + 1):
        scene = a_scene(lag)
        assert die(scene, at, when), f"point {at} was not reached"

        result = scene.apply()

        assert result.verified, f"point {at}"
        scene.check_finished()


@pytest.mark.parametrize("when", ["before", "after", "torn"])
def test_a_run_that_died_amid_parallel_work_is_finished_by_the_next(when: When) -> None:
    for at in spread(count_points(1), int(13 * SCALE)):
        scene = a_scene(lag=1)
        die(scene, at, when, parallelism=8)

        scene.apply(parallelism=8)

        scene.check_finished()


@pytest.mark.parametrize(
    ("when", "again", "lag"), [("before", "after", 2), ("after", "before", 0), ("after", "torn", 2)]
)
def test_a_recovery_that_died_too_is_finished_by_the_next(
    when: When, again: When, lag: int
) -> None:
    points = count_points(lag)
    for first in spread(points, int(5 * SCALE)):
        for second in spread(points, int(5 * SCALE)):
            scene = a_scene(lag)
            die(scene, first, when)
            die(scene, second, again)

            scene.apply()

            scene.check_finished()


def test_what_a_run_left_is_the_same_for_a_saved_plan() -> None:
    for at in spread(count_points(0), int(12 * SCALE)):
        scene = a_scene()
        die(scene, at, "after")

        scene.world.apply_saved(scene.plan())

        scene.check_finished()
