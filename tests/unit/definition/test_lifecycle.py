"""What `lifecycle` says of finished and changed jobs."""

from typing import Any

import pytest

from tests.unit.definition.conftest import MINIMAL


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("0", 0), ("90", 90), ("45s", 45), ("30m", 1800), ("12h", 43_200), ("7d", 604_800)],
)
def test_ttl_after_finished(job: Any, written: str, seconds: int) -> None:
    assert job(f"{MINIMAL}\nlifecycle: {{ttl_after_finished: {written}}}").lifecycle == (
        job(MINIMAL).lifecycle.model_copy(update={"ttl_after_finished": seconds})
    )


@pytest.mark.parametrize("written", ["1w", "-1", "1.5h", "h", "01", "1 h", "1H", "[1]", "soon"])
def test_what_is_no_length_of_time(job_refused: Any, written: str) -> None:
    lines = f"{MINIMAL}\nlifecycle: {{ttl_after_finished: {written}}}"

    assert job_refused(lines) == ["4:37 Wrong type"]


@pytest.mark.parametrize("written", ["replace", "new_version", "keep"])
def test_on_change(job: Any, written: str) -> None:
    assert job(f"{MINIMAL}\nlifecycle: {{on_change: {written}}}").lifecycle.on_change == written


def test_unknown_on_change(job_refused: Any) -> None:
    assert job_refused(f"{MINIMAL}\nlifecycle: {{on_change: keeps}}") == ["4:28 Invalid value"]


def test_lifecycles_merge_with_the_defaults(loaded: Any) -> None:
    text = (
        "version: 1\nstack: s\ndefaults: {lifecycle: {ttl_after_finished: 7d}, flavor: f}\n"
        "jobs: {a: {image: i, command: c, lifecycle: {on_change: keep}}}"
    )
    lifecycle = loaded(text).jobs["a"].lifecycle

    assert (lifecycle.ttl_after_finished, lifecycle.on_change) == (604_800, "keep")
