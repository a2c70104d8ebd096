"""Comments: found in a text, and given to the entries that they speak of.

A comment at the end of a line belongs to the entry on that line, one on a line of its own to the
entry below it; but one that is indented deeper than what follows closes the block above it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from reconciler.definition import syntax
from reconciler.definition.outline import Entry

MODELINE: Final = "# yaml-language-server:"
"""A line that editors read, and look for at the top of the file."""

_NO_BREAK = re.compile("[^\n\r\x85\u2028\u2029]")
_NOT_SIGN = re.compile("[^#\n\r\x85\u2028\u2029]")
_COMMENT = re.compile(f"#{_NO_BREAK.pattern}*")
_SIGN = re.compile("[|>][-+0-9]*")
_END = re.compile("[\n\r\x85\u2028\u2029]|$")
_NOWHERE = 1 << 30


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment, from its sign to the end of its line, without the space behind it.

    `is_set_off` says that the author chose its column: more than a space stands before it.
    """

    index: int
    column: int
    text: str
    has_own_line: bool
    is_set_off: bool
    after_blank: bool

    @property
    def lines(self) -> list[str]:
        """Return what stands on lines of its own: the comment, and a blank line before it."""
        return ["", self.text] if self.after_blank else [self.text]


def find_comments(text: str) -> list[Comment]:
    """Return the comments of a YAML text that can be read, in their order."""
    found = (match for start, end in _gaps(text) for match in _COMMENT.finditer(text, start, end))
    return [_comment(text, match) for match in found]


def bare(text: str) -> str:
    """Return the text with its comments empty and spaces in place of tabs; nothing moves."""
    parts, done = [], 0
    for start, end in _gaps(text):
        parts += [text[done:start], _NOT_SIGN.sub(" ", _COMMENT.sub(_emptied, text[start:end]))]
        done = end
    return "".join(parts) + text[done:]


def _emptied(comment: re.Match[str]) -> str:
    return "#".ljust(len(comment[0]))


def _gaps(text: str) -> Iterator[tuple[int, int]]:
    """Yield where comments may stand: between tokens, and behind the sign of a block of text."""
    parser = syntax.parser(text)
    done = 0
    while parser.check_token():
        token = parser.get_token()
        start, end = token.start_mark.index, token.end_mark.index
        yield done, start
        if getattr(token, "style", None) in ("|", ">") and (sign := _SIGN.match(text, start, end)):
            yield sign.end(), _END.search(text, sign.end()).start()  # type: ignore[union-attr]
        done = end
    yield done, len(text)


def _comment(text: str, match: re.Match[str]) -> Comment:
    line = text.rfind("\n", 0, match.start()) + 1
    before = text[line : match.start()]
    return Comment(
        index=match.start(),
        column=len(before),
        text=match[0].rstrip(),
        has_own_line=not before.strip(),
        is_set_off=before.endswith("  "),
        after_blank=is_after_blank(text, match.start()),
    )


def is_after_blank(text: str, index: int) -> bool:
    """Tell whether a blank line stands before the thing that opens the line at an index."""
    line = text.rfind("\n", 0, index) + 1
    above = text.rfind("\n", 0, max(0, line - 1)) + 1
    return line > 0 and not text[line:index].strip() and not text[above:line].strip()


def attach(document: Entry, text: str, comments: Sequence[Comment]) -> None:
    """Give each comment, and each blank line, to an entry of the document."""
    waiting: list[Comment] = []
    last, left = document, iter([*comments, None])
    comment = next(left)
    for entry in document.with_rows():
        while comment is not None and comment.index < entry.start:
            _take(comment, last, waiting)
            comment = next(left)
        _settle(waiting, last, entry)
        if is_after_blank(text, entry.start):
            entry.above.append("")
        last, waiting = entry, []
    while comment is not None:
        _take(comment, last, waiting)
        comment = next(left)
    _settle(waiting, last, None)
    _lift_head(document)


def _take(comment: Comment, last: Entry, waiting: list[Comment]) -> None:
    """Put a comment at the end of a line to its entry; let others wait for what follows."""
    owner = last
    while owner.owner is not None and _has_closed(owner.owner, comment):
        owner = owner.owner
    if comment.has_own_line or owner.owner is None:
        waiting.append(comment)
    else:
        owner.aside.append((comment.column if comment.is_set_off else 0, comment.text))


def _has_closed(entry: Entry, comment: Comment) -> bool:
    """Tell whether the entry's brackets have closed before the comment."""
    return entry.value.is_flow and entry.value.end <= comment.index


def _settle(waiting: Sequence[Comment], last: Entry, following: Entry | None) -> None:
    """Give comments between two entries to what follows, or to a block that has ended.

    Their order stays: after one that belongs to an outer block none can belong to an inner one.
    """
    limit = _NOWHERE
    for number, comment in enumerate(waiting):
        limit = min(limit, comment.column)
        ended = _ended(comment, limit, last, following)
        if ended is None:
            assert following is not None  # noqa: S101 - the document ends after all of them
            following.above += [line for each in waiting[number:] for line in each.lines]
            return
        ended.below += comment.lines
        limit = min(limit, _inner_column(ended))


def _ended(comment: Comment, column: int, last: Entry, following: Entry | None) -> Entry | None:
    """Return the innermost entry that a comment between two others closes, if it does."""
    going_on = set() if following is None else set(following.chain())
    for entry in last.chain():
        if entry in going_on:
            return None
        if entry.value.is_block and entry.value.is_flow and comment.index < entry.value.end:
            return entry
        is_deeper = following is None or column > following.column
        if is_deeper and _inner_column(entry) <= column:
            return entry
    return None


def _inner_column(entry: Entry) -> int:
    """Return the least column of a comment that is inside of an entry."""
    if entry.owner is None:
        return 0
    if entry.value.is_block:
        return entry.value.entries[0].column
    return entry.column + 1 if entry.value.is_empty else _NOWHERE


def _lift_head(document: Entry) -> None:
    """Let what opens the file stay there, whatever the order of the keys."""
    first = next(document.with_rows(), None)
    if first is None:
        return
    lines = first.above
    if "" in lines[1:]:
        cut = len(lines) - lines[::-1].index("")
    else:
        cut = int(bool(lines) and lines[0].startswith(MODELINE))
    document.above, first.above = lines[:cut], lines[cut:]
