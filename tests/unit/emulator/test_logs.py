"""Logs on disk: cursors that never repeat, and reading from either end."""

from itertools import count
from pathlib import Path

import pytest

from reconciler.emulator.logs import MAX_LINE, Logs, LogWriter


def write(path: Path, data: list[bytes], stamps: list[int] | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    clock = count(10**18) if stamps is None else iter(stamps)
    writer = LogWriter(path, lambda: next(clock))
    for piece in data:
        writer.write(piece)
    writer.close()


@pytest.fixture
def logs(tmp_path: Path) -> Logs:
    return Logs(tmp_path)


def lines_of(logs: Logs, size: int = 500) -> list[str]:
    return logs.read(1, 0, size, "0").content.split("\n")[:-1]


def test_output_is_kept_line_by_line_however_it_comes(logs: Logs, tmp_path: Path) -> None:
    write(tmp_path / "1/0.log", [b"on", b"e\ntwo\r\n\nth", b"ree", b"", b"\n\xff unfinished"])

    assert lines_of(logs) == ["one", "two", "", "three", "\ufffd unfinished"]


def test_long_lines_are_split(logs: Logs, tmp_path: Path) -> None:
    write(tmp_path / "1/0.log", [b"x" * (2 * MAX_LINE + 5)])

    assert [len(line) for line in lines_of(logs)] == [MAX_LINE, MAX_LINE, 5]


def test_cursors_grow_even_when_the_clock_does_not(logs: Logs, tmp_path: Path) -> None:
    write(tmp_path / "1/0.log", [b"a\nb\nc\n"], [5, 5, 3])

    page = logs.read(1, 0, 10)

    assert (int(page.start), int(page.end)) == (5, 7)


@pytest.mark.parametrize("width", [0, 3, 400])
def test_every_place_is_found_from_both_sides(logs: Logs, tmp_path: Path, width: int) -> None:
    texts = [f"{n}{'.' * (width * (n % 3))}" for n in range(700)]
    write(tmp_path / "1/0.log", ["\n".join(texts).encode()])
    first = 10**18

    for place in (0, 1, 349, 350, 698, 699):
        after = logs.read(1, 0, 4, str(first + place)).content.split("\n")[:-1]
        before = logs.read(1, 0, 4, str(first + place), following=False).content.split("\n")[:-1]
        assert after == texts[place + 1 : place + 5]
        assert before == texts[max(0, place - 4) : place]
    assert logs.read(1, 0, 2).content.split("\n")[:-1] == texts[-2:]
    assert logs.read(1, 0, 500, str(first - 1), following=False).lines == 0
    assert logs.read(1, 0, 0).lines == 0


def test_an_empty_page_repeats_the_cursor(logs: Logs, tmp_path: Path) -> None:
    write(tmp_path / "1/0.log", [b"a\n"])

    assert logs.read(1, 0, 10, "9999999999999999999").end == "9999999999999999999"
    assert logs.read(2, 0, 10).end == "0"
