"""Live progress: what stands on a pipe, a terminal and an event stream while a run goes on."""

import io
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from reconciler.cli.progress import LiveLines, PlainLines, make_progress
from reconciler.model.events import Event
from reconciler.render.text import Style
from tests.build import an_event

SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Ticking:
    """A clock that the test moves; seconds."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class Broken(io.StringIO):
    """A stream whose reader is gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError(text)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    return Terminal()


@pytest.fixture
def live(terminal: Terminal) -> Iterator[LiveLines]:
    progress = LiveLines(terminal, Style(), instant=0.01)
    yield progress
    progress.close()


def plain(*events: Event, color: bool = False) -> str:
    stream = io.StringIO()
    progress = make_progress(mode="auto", color=color, stream=stream)
    for event in events:
        progress(event)
    progress.close()
    return stream.getvalue()


def until(condition: Any, what: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.005)


@pytest.mark.parametrize(
    ("event", "line"),
    [
        pytest.param(
            an_event(data={"job_id": "567524"}), "resnet: created (id 567524)\n", id="created"
        ),
        pytest.param(an_event(action="delete"), "resnet: deleted\n", id="deleted"),
        pytest.param(an_event(action="later"), "resnet: later done\n", id="unknown verb"),
        pytest.param(
            an_event("failed", message="Quota exceeded\nmore\nand a hint"),
            "resnet: create failed: Quota exceeded\n",
            id="failed, in one line",
        ),
        pytest.param(
            an_event("skipped", message="not begun"),
            "resnet: create skipped: not begun\n",
            id="skipped",
        ),
        pytest.param(
            an_event("recovered", message="id 5"), "resnet: recovered: id 5\n", id="recovered"
        ),
        pytest.param(
            an_event("status", action=None, data={"status": "running"}),
            "resnet: running\n",
            id="status",
        ),
        pytest.param(
            an_event("notice", address=None, message="The state moved"),
            "The state moved\n",
            id="notice",
        ),
        pytest.param(
            an_event("waiting", address=None, action=None, done=2, total=5),
            "Waiting: 3 of 5 jobs still run\n",
            id="waiting",
        ),
        pytest.param(an_event("started"), "", id="a beginning is not told"),
        pytest.param(an_event("refresh", message="Reading"), "", id="nor is a quick refresh"),
        pytest.param(an_event("plan", message="x"), "", id="nor the plan"),
        pytest.param(
            an_event(address="x\x1b[2J\n", data={"job_id": "\x9b"}),
            "x\\x1b[2J\\n: created (id \\x9b)\n",
            id="hostile",
        ),
    ],
)
def test_a_pipe_gets_one_line_per_event_that_matters(event: Event, line: str) -> None:
    assert plain(event) == line


def test_a_finished_action_tells_how_long_it_took() -> None:
    clock, stream = Ticking(), io.StringIO()
    progress = PlainLines(stream, Style(), clock)

    progress(an_event("started"))
    clock.now = 72.0
    progress(an_event("done"))

    assert stream.getvalue() == "resnet: created in 1m 12s\n"


def test_a_pipe_hears_of_a_long_silence_but_not_of_each_page() -> None:
    clock, stream = Ticking(), io.StringIO()
    progress = PlainLines(stream, Style(), clock)

    for page in range(1, 121):
        clock.now += 0.25
        progress(an_event("refresh", address=None, message="Reading jobs", done=page, total=120))

    assert stream.getvalue().splitlines() == [
        "Reading jobs 40 of 120",
        "Reading jobs 80 of 120",
        "Reading jobs 120 of 120",
    ]


def test_waiting_is_told_at_once_and_then_now_and_then() -> None:
    clock, stream = Ticking(), io.StringIO()
    progress = PlainLines(stream, Style(), clock)

    for _ in range(21):
        progress(an_event("waiting", address=None, action=None, done=0, total=1))
        clock.now += 1

    assert stream.getvalue() == "Waiting: 1 of 1 jobs still run\n" * 3


def test_a_pipe_gets_one_line_for_each_of_a_thousand() -> None:
    events = [an_event(address=f"job-{number}", total=1000) for number in range(1000)]

    assert plain(*events).count("\n") == 1000


def test_colour_on_a_pipe_only_when_asked() -> None:
    assert plain(an_event("failed"), color=True) == "\x1b[31mresnet: create failed\x1b[0m\n"


def test_quiet_says_nothing() -> None:
    stream = io.StringIO()
    progress = make_progress(mode="quiet", color=True, stream=stream)

    progress(an_event("failed"))
    progress.close()

    assert stream.getvalue() == ""


def test_json_is_one_object_per_line_whichever_thread_speaks() -> None:
    stream = io.StringIO()
    progress = make_progress(mode="json", color=True, stream=stream)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: progress(an_event(address=f"job-{number}")), range(500)))
    progress.close()

    told = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert {each["address"] for each in told} == {f"job-{number}" for number in range(500)}
    assert len(told) == 500


@pytest.mark.parametrize("mode", ["auto", "json"])
def test_a_reader_that_went_away_does_not_stop_the_run(mode: Any) -> None:
    progress = make_progress(mode=mode, color=False, stream=Broken())

    progress(an_event())
    progress(an_event())
    progress.close()


def test_a_closed_stream_does_not_stop_the_run() -> None:
    stream = io.StringIO()
    progress = make_progress(mode="auto", color=False, stream=stream)
    stream.close()

    progress(an_event())


def test_a_dumb_terminal_gets_plain_lines(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")

    assert isinstance(make_progress(mode="auto", color=True, stream=terminal), PlainLines)


def test_a_run_of_an_instant_leaves_lines_only(terminal: Terminal) -> None:
    progress = LiveLines(terminal, Style(), instant=3600)

    progress(an_event("started"))
    progress(an_event(data={"job_id": "5"}))
    progress.close()

    assert terminal.getvalue().startswith("resnet: created (id 5) in ")
    assert "\x1b" not in terminal.getvalue()


def test_a_longer_run_shows_a_live_line_and_takes_it_away(
    terminal: Terminal, live: LiveLines
) -> None:
    live(an_event("started", address="bert"))
    live(an_event("failed", address="other", message="no", done=1, total=7))
    until(lambda: "Applying: 1 of 7 done" in terminal.getvalue(), "no live line")
    live(an_event("done", address="bert", done=2, total=7))
    live.close()

    text = terminal.getvalue()
    assert "1 failed, bert under way" in text
    assert "bert: created in" in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l"), "the cursor is back"
    before = threading.active_count()
    live.close()
    assert terminal.getvalue() == text
    assert threading.active_count() == before


def test_a_live_line_tells_what_is_read_and_awaited(terminal: Terminal, live: LiveLines) -> None:
    live(an_event("refresh", address=None, message="Reading jobs", done=1, total=3))
    until(lambda: "Reading jobs 1 of 3" in terminal.getvalue(), "no refresh")
    live(an_event("plan", address=None))
    live(an_event("waiting", address=None, action=None, done=1, total=3))
    until(lambda: "Waiting: 2 of 3 jobs still run" in terminal.getvalue(), "no waiting")


def test_a_thousand_actions_do_not_flood_a_terminal(terminal: Terminal, live: LiveLines) -> None:
    for number in range(1000):
        live(an_event("started", address=f"job-{number}"))
        kind = "failed" if number == 500 else "done"
        live(an_event(kind, address=f"job-{number}", done=number + 1, total=1000))
    until(lambda: "1,000 of 1,000 done, 1 failed" in terminal.getvalue(), "no count")
    live.close()

    text = SEQUENCE.sub("", terminal.getvalue())
    assert text.count("created") == 0
    assert text.count("create failed") == 1


def test_many_threads_may_speak_to_a_terminal(terminal: Terminal, live: LiveLines) -> None:
    def act(number: int) -> None:
        live(an_event("started", address=f"job-{number}"))
        live(an_event("failed", address=f"job-{number}", done=1, total=200))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(act, range(200)))
    live.close()

    assert SEQUENCE.sub("", terminal.getvalue()).count("create failed") == 200


def test_a_hostile_address_cannot_move_the_cursor(terminal: Terminal, live: LiveLines) -> None:
    live(an_event("started", address="x\x1b[2J"))
    until(lambda: "x\\x1b[2J" in terminal.getvalue(), "no live line")
    live(an_event("failed", address="y\x1b[2J", message="\x1b[2J"))
    live.close()

    assert "\x1b[2J" not in terminal.getvalue()


def test_rich_is_not_imported_before_something_lasts() -> None:
    code = (
        "import sys, io; from reconciler.cli.progress import make_progress;"
        "make_progress(mode='auto', color=True, stream=sys.stderr);"
        "import reconciler.render.terminal; sys.exit('rich' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
