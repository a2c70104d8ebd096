"""Collecting what is wrong with a definition, each problem once and at its place."""

import difflib
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice

from reconciler.definition.tree import (
    Mark,
    column_of,
    file_of,
    line_of,
    locate,
    pack,
    quote,
    split_lines,
)
from reconciler.diagnostics import Diagnostic, Location, error

LIMIT = 1000
"""How many problems are kept; nobody reads more, and a hostile file must not fill the memory."""


_WORDS = 1000
"""Among how many known words one that was meant is looked for."""


class EnoughError(Exception):
    """There is no use in reading on; never leaves this package."""


class Problems:
    """The problems of one definition, so far.

    The same words about the same place are kept once, so that a mistake in `defaults` is told
    once and not for every job that inherits it.
    """

    def __init__(self) -> None:
        """Start without files; `add_file` gives each its number, the one that marks carry."""
        self.files: list[str] = []
        self._data: list[bytes] = []
        self._lines: dict[int, list[str]] = {}
        self._found: dict[tuple[Mark | None, str, str], Diagnostic] = {}
        self.count = 0

    def add_file(self, name: str, data: bytes = b"") -> int:
        """Take a file's name as the user gave it and its bytes, and return its number."""
        self.files.append(name)
        self._data.append(data)
        return len(self.files) - 1

    def add(
        self,
        mark: Mark | None,
        summary: str,
        detail: str = "",
        hint: str = "",
        *,
        where: str = "",
        address: str | None = None,
    ) -> None:
        """Keep a problem, whose detail opens with `where`.

        Without a mark it belongs to no place in a file. Raises `EnoughError` when there are too
        many: what each further one costs would add up, in a file that was made for it, to hours.
        """
        self.count += 1
        key = (mark, summary, detail)
        if key not in self._found:
            if len(self._found) >= LIMIT:
                raise EnoughError
            location = None if mark is None else locate(mark, self.files)
            self._found[key] = error(
                summary, where + detail, hint, address=address, location=location
            )

    def show(self, mark: Mark) -> str:
        """Return a place as `file:line:column`, to name it in a detail."""
        return str(locate(mark, self.files))

    def nth_place(self, mark: Mark, needle: str, nth: int, expected: str) -> Mark:
        """Return the place of the nth needle (from 0) in a text that starts at a mark.

        Works for every way to quote a text, since none of them hides or adds a needle. Returns
        the mark itself when the file does not show the expected text there (an escape may hide
        it).
        """
        file, line, column = file_of(mark), line_of(mark), column_of(mark)
        lines = self._source(file)
        for number in range(line, len(lines)):
            text = lines[number]
            found = text.find(needle, column if number == line else 0)
            while found >= 0 and nth > 0:
                nth -= 1
                found = text.find(needle, found + 1)
            if found >= 0:
                return pack(file, number, found) if text.startswith(expected, found) else mark
        return mark

    def lines_of(self, mark: Mark, text: str) -> tuple[Location, ...]:
        """Return where each line of a text that is written at a mark begins.

        Ends before the first line that the file does not show as it is: an escape may hide it, or
        lines be folded.
        """
        file, number, column = file_of(mark), line_of(mark), column_of(mark)
        source, places = self._source(file), list[Location]()
        if number < len(source) and source[number][column : column + 1] in ("|", ">"):
            number, column = number + 1, 0
        for line in text.rstrip("\n").split("\n"):
            bare = line.strip()
            found = source[number].find(bare, column) if number < len(source) else -1
            if found < 0:
                break
            start = found - (len(line) - len(line.lstrip()))
            places.append(Location(self.files[file], number + 1, max(start, 0) + 1))
            number, column = number + 1, 0
        return tuple(places)

    def _source(self, file: int) -> list[str]:
        if file not in self._lines:
            self._lines[file] = split_lines(self._data[file].decode("utf-8-sig", "replace"))
        return self._lines[file]

    def sorted(self) -> list[Diagnostic]:
        """Return the problems in the order of their places, those without one first."""
        return sorted(self._found.values(), key=_order)


def _order(problem: Diagnostic) -> tuple[str, int, int, str]:
    place = problem.location
    if place is None:
        return ("", 0, 0, problem.detail)
    return (place.file, place.line, place.column, problem.summary)


def suggest(wrong: str, known: Iterable[str]) -> str | None:
    """Return the known word that the user most likely meant, if one is close enough."""
    return _closest(wrong[:64], tuple(islice(known, _WORDS)))


@lru_cache(maxsize=1024)
def _closest(wrong: str, known: tuple[str, ...]) -> str | None:
    close = difflib.get_close_matches(wrong, known, n=1, cutoff=0.6)
    return close[0] if close else None


def did_you_mean(wrong: str, known: Iterable[str], otherwise: str = "") -> str:
    """Return `Did you mean "x"?`, or another hint when nothing known is close."""
    guess = suggest(wrong, known)
    return f"Did you mean {quote(guess)}?" if guess else otherwise
