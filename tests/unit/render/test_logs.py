"""Pieces of several logs as lines that say whose they are."""

import json

import pytest

from reconciler.model.address import Address
from reconciler.render.logs import LogLines

A, LONG = Address("a"), Address("long[x=1]")
ESC = chr(27)


def shown(lines: LogLines, *pieces: tuple[Address, str]) -> str:
    return "".join(lines.add(address, text) for address, text in pieces) + lines.rest()


def test_the_lines_of_one_job_stand_alone() -> None:
    assert shown(LogLines([A]), (A, "one\ntwo "), (A, "words\n\nend")) == "one\ntwo words\n\nend\n"


def test_the_lines_of_several_jobs_begin_with_their_addresses() -> None:
    text = shown(LogLines([A, LONG]), (A, "one\nhalf "), (LONG, "x\n"), (A, "a line\n"))

    assert text == "a         | one\nlong[x=1] | x\na         | half a line\n"


def test_colours_tell_jobs_apart() -> None:
    text = shown(LogLines([A, LONG], color=True), (A, "one\n"), (LONG, "two\n"))

    first, second = (line.partition("m")[0] for line in text.splitlines())
    assert first.startswith(ESC)
    assert first != second


@pytest.mark.parametrize("as_json", [False, True])
def test_a_log_cannot_move_the_cursor(as_json: bool) -> None:
    text = shown(LogLines([A, LONG], as_json=as_json), (A, f"{ESC}[31mred{ESC}[2J\rnext\n"))

    assert ESC not in text
    assert len(text.splitlines()) == 2


def test_programs_get_one_object_for_each_line() -> None:
    text = shown(LogLines([A], as_json=True), (A, 'say "hi"\nünd'))

    assert [json.loads(line) for line in text.splitlines()] == [
        {"address": "a", "line": 'say "hi"'},
        {"address": "a", "line": "ünd"},
    ]
