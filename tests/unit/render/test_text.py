"""Cleaning, widths, folding, and words for numbers and times."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.render.text import (
    clean,
    clean_lines,
    clean_log,
    counted,
    display_width,
    fold,
    format_age,
    format_duration,
    listed,
    pad,
    paragraph,
    shorten,
)

NOW = datetime(2024, 5, 17, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("resnet-Ü-数据", "resnet-Ü-数据", id="harmless text stays"),
        pytest.param("a\x1b[31mb", "a\\x1b[31mb", id="colour"),
        pytest.param("a\x1b]0;title\x07", "a\\x1b]0;title\\x07", id="window title"),
        pytest.param("a\x9b2Jb", "a\\x9b2Jb", id="8-bit sequence"),
        pytest.param("a\nb\r\tc", "a\\nb\\r\\tc", id="line breaks and tabs"),
        pytest.param("a\u202eb", "a\\u202eb", id="text direction"),
        pytest.param("a\u200bb\ufeff", "a\\u200bb\\ufeff", id="invisible characters"),
        pytest.param("a\U000e0041b", "a\\U000e0041b", id="tag characters"),
        pytest.param("a\ud83db", "a\\ud83db", id="half a character"),
    ],
)
def test_clean_spells_out_what_a_terminal_would_obey(text: str, shown: str) -> None:
    assert clean(text) == shown


@given(st.text())
def test_clean_text_is_one_printable_encodable_line(text: str) -> None:
    shown = clean(text)

    assert len(shown.splitlines()) <= 1
    assert "\x1b" not in shown
    assert shown.encode().decode() == shown


def test_clean_lines_keep_their_number() -> None:
    assert clean_lines("a\r\nb\x07\n\nc\n") == ["a", "b\\x07", "", "c"]


def test_a_log_keeps_lines_and_tabs_and_loses_colours_and_cursor_moves() -> None:
    log = "\x1b[32mok\x1b[0m\tfine\r\n10%\r20%\n\x1b]0;x\x07\x1b7\x08"

    assert clean_log(log) == "ok\tfine\n10%\n20%\n\\x1b7\\x08"


@pytest.mark.parametrize(
    ("text", "width"),
    [("", 0), ("abc", 3), ("数据", 4), ("e\u0301", 1), ("🚀", 2), ("a\u200d", 1)],
)
def test_display_width(text: str, width: int) -> None:
    assert display_width(text) == width
    assert display_width(pad(text, 10)) == 10


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        pytest.param("short", 5, "short", id="fits"),
        pytest.param("resnet[batch_size=32,lr=0.1]", 15, "resnet[…lr=0.1]", id="sweep"),
        pytest.param("数据数据数据", 6, "数…据", id="wide characters are not halved"),
        pytest.param("abc", 1, "…", id="no room at all"),
        pytest.param("数据", 2, "…", id="no room for a wide one"),
    ],
)
def test_shorten_keeps_both_ends(text: str, width: int, shown: str) -> None:
    assert shorten(text, width) == shown


@given(st.text(), st.integers(min_value=1, max_value=30))
def test_shortened_text_fits(text: str, width: int) -> None:
    assert display_width(shorten(clean(text), width)) <= width


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param("", [""], id="empty"),
        pytest.param("one two three", ["one two", "three"], id="at a space"),
        pytest.param("/bucket/folder/x", ["/bucket/", "folder/x"], id="behind a slash"),
        pytest.param("abcdefghijkl", ["abcdefghij", "kl"], id="anywhere"),
        pytest.param("数据数据数据", ["数据数据数", "据"], id="wide characters"),
        pytest.param("exactly10c", ["exactly10c"], id="fits exactly"),
    ],
)
def test_fold_breaks_where_it_hurts_least(text: str, lines: list[str]) -> None:
    assert fold(text, 10) == lines


@given(st.text(), st.integers(min_value=2, max_value=30))
def test_folded_text_fits_and_loses_nothing_but_spaces(text: str, width: int) -> None:
    text = clean(text)

    lines = fold(text, width)

    assert all(display_width(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_a_long_text_folds_in_linear_time() -> None:
    text = "ü" * 300_000

    assert len(fold(text, 60)) == 5_000


def test_paragraph_hangs() -> None:
    assert paragraph("one two three four", 10, indent=1, hang=2) == [
        " one two",
        "   three",
        "   four",
    ]


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [
        (-5, "0.0 s"),
        (0, "0.0 s"),
        (320, "0.3 s"),
        (59_949, "59.9 s"),
        (59_960, "1m 0s"),
        (252_000, "4m 12s"),
        (4_320_000, "1h 12m"),
        (273_600_000, "3d 4h"),
    ],
)
def test_format_duration(milliseconds: int, shown: str) -> None:
    assert format_duration(milliseconds) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(-500, "just now"), (59, "just now"), (61, "1m ago"), (7300, "2h ago"), (260_000, "3d ago")],
)
def test_format_age(seconds: int, shown: str) -> None:
    assert format_age(NOW - timedelta(seconds=seconds), NOW) == shown
    assert format_age((NOW - timedelta(seconds=seconds)).replace(tzinfo=None), NOW) == shown


def test_counts_have_their_plural() -> None:
    assert [counted(n, "job") for n in (0, 1, 2, 1000)] == [
        "0 jobs",
        "1 job",
        "2 jobs",
        "1,000 jobs",
    ]
    assert counted(2, "entry", "entries") == "2 entries"
    assert listed(["a", "b\n", "c"], 2) == "a, b\\n and 1 more"
