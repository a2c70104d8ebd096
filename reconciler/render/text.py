"""What every text renderer shares: ink, widths on a terminal, and words for numbers and times.

Everything that comes from outside (names, values, messages, logs) goes through `clean` before
it is shown, so that no text of somebody else's can move the cursor or hide what a plan does.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

_INKS = {
    "heading": "1",
    "context": "2",
    "create": "32",
    "delete": "31",
    "replace": "35",
    "update": "33",
    "adopt": "36",
    "forget": "36",
    "blocked": "2",
    "noop": "2",
    "danger": "1;31",
    "error": "1;31",
    "warning": "1;33",
    "pending": "33",
    "running": "36",
    "stopping": "33",
    "succeeded": "32",
    "failed": "31",
    "stopped": "33",
    "delete_failed": "31",
    "unknown": "2",
}
"""What each meaning looks like: the parameters of an ANSI colour sequence."""

_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
"""Control characters, text direction marks, invisible characters and halves of characters."""

_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
_UNSAFE_IN_LOG = re.compile(rf"(?![\n\t]){_UNSAFE.pattern}")
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


@dataclass(frozen=True, slots=True)
class Style:
    """Whether a text is coloured; says in what meaning, never in which colour."""

    color: bool = False

    def paint(self, meaning: str, text: str) -> str:
        """Return the text in the ink of a meaning: an action's kind, a status, `heading` …"""
        return f"\x1b[{_INKS[meaning]}m{text}\x1b[0m" if self.color and text else text


def clean(text: str) -> str:
    """Return foreign text as one harmless line: what a terminal would obey is spelled out.

    A line break becomes `\\n`, an escape character `\\x1b`, a text direction mark `\\u202e`.
    """
    return _UNSAFE.sub(_spelled, text) if _UNSAFE.search(text) else text


def clean_lines(text: str) -> list[str]:
    """Return the lines of foreign text, each harmless."""
    return [clean(line.removesuffix("\r")) for line in text.removesuffix("\n").split("\n")]


def clean_log(text: str) -> str:
    """Return a job's output with its line breaks and tabs, but without colours and cursor moves.

    A bare carriage return, with which progress bars overwrite their line, starts a new line.
    """
    plain = _SEQUENCE.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return _UNSAFE_IN_LOG.sub(_spelled, plain)


def _spelled(match: re.Match[str]) -> str:
    char = match[0]
    code = ord(char)
    if code > 0xFFFF:
        return f"\\U{code:08x}"
    return _NAMED.get(char) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


@lru_cache(maxsize=4096)
def _cells(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def display_width(text: str) -> int:
    """Return how many columns a clean text takes; East Asian characters and emoji take two."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def pad(text: str, width: int) -> str:
    """Fill a text with spaces up to a display width; a longer one stays as it is."""
    return text + " " * (width - display_width(text))


def shorten(text: str, width: int) -> str:
    """Return a text that takes at most `width` columns, with `…` for what is left out inside.

    Both ends stay, since the addresses of a sweep differ at their ends.
    """
    if display_width(text) <= width:
        return text
    tail = text[len(text) - _fit(text[::-1], 0, (width - 1) // 2) :]
    head = text[: _fit(text, 0, width - 1 - display_width(tail))]
    return f"{head}…{tail}"


def fold(text: str, width: int) -> list[str]:
    """Break a clean text into lines of at most `width` columns.

    Breaks at a space where there is one, else behind a slash or comma, else anywhere.
    """
    lines, start, width = [], 0, max(width, 2)
    while (end := _fit(text, start, width)) < len(text):
        stop, following = _break(text, start, end)
        lines.append(text[start:stop])
        start = following
    return [*lines, text[start:]]


def _fit(text: str, start: int, width: int) -> int:
    """Return the index behind the last character that still fits."""
    if text.isascii():
        return min(len(text), start + width)
    left = width
    for index in range(start, min(len(text), start + 2 * width)):
        left -= _cells(text[index])
        if left < 0:
            return index
    return min(len(text), start + 2 * width)


def _break(text: str, start: int, end: int) -> tuple[int, int]:
    """Return where a line ends and where the next one begins."""
    space = text.rfind(" ", start + 1, end + 1)
    if space > start:
        return space, space + 1
    mark = max(text.rfind("/", start, end), text.rfind(",", start, end)) + 1
    stop = mark if mark > start + (end - start) // 2 else end
    return stop, stop


def indented(lines: Iterable[str], by: int = 2) -> list[str]:
    """Return the lines moved to the right."""
    return [" " * by + line for line in lines]


def paragraph(text: str, width: int, *, indent: int = 0, hang: int = 0) -> list[str]:
    """Return clean prose folded to the width; lines behind the first hang further in."""
    first, *rest = fold(text, width - indent)
    if rest and hang:
        rest = fold(text[len(first) :].lstrip(" "), width - indent - hang)
    return indented([first, *indented(rest, hang)], indent)


def listed(names: Sequence[str], limit: int) -> str:
    """Return clean names joined by commas; behind the limit only their number."""
    shown = [clean(name) for name in names[:limit]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more > 0 else "")


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return `1 job`, `14 jobs`, `1,000 jobs`; the plural is the noun with an s unless given."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def format_duration(milliseconds: int) -> str:
    """Return a duration in its two greatest units: `3.2 s`, `4m 12s`, `1h 12m`, `3d 4h`."""
    if milliseconds < 59_950:
        return f"{max(milliseconds, 0) / 1000:.1f} s"
    seconds = (milliseconds + 500) // 1000
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if days:
        return f"{days}d {hours % 24}h"
    return f"{hours}h {minutes % 60}m" if hours else f"{minutes}m {seconds % 60}s"


def format_time(moment: datetime) -> str:
    """Return a moment to the second, in UTC."""
    return f"{_utc(moment):%Y-%m-%d %H:%M:%S} UTC"


def format_age(moment: datetime, now: datetime) -> str:
    """Return how long ago a moment was, in its greatest unit: `5m ago`, `2h ago`, `3d ago`."""
    seconds = (_utc(now) - _utc(moment)).total_seconds()
    if seconds < 60:
        return "just now"
    return f"{format_duration(int(seconds * 1000)).split()[0]} ago"


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
