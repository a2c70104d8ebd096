"""What a YAML parser says of broken files, in people's words; and which parser is used."""

import codecs
import re
from typing import Any

import yaml

from reconciler.definition.tree import Mark, pack, split_lines

_SURROGATES = re.compile(
    r"(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})"
)
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class BrokenError(Exception):
    """A file whose syntax cannot be understood from a mark on; never leaves this package."""

    def __init__(self, mark: Mark, summary: str, detail: str, hint: str = "") -> None:
        super().__init__(summary)
        self.mark, self.summary, self.detail, self.hint = mark, summary, detail, hint


def parser(text: str) -> Any:
    """Return libyaml's parser where it is there, else the slower one in Python."""
    if yaml.__with_libyaml__:
        return yaml.CSafeLoader(text)
    return yaml.SafeLoader(text)


def decode(data: bytes, file: int) -> str:
    """Return the text of a file in UTF-8, with or without a byte order mark, or raise."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise BrokenError(
            pack(file, 0, 0),
            "Not UTF-8",
            "The file is written in UTF-16 or UTF-32.",
            "Save it as UTF-8.",
        )
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()
        raise BrokenError(
            _end_mark(before, file),
            "Not UTF-8",
            f"The byte 0x{data[error.start]:02x} here is not part of a UTF-8 text.",
            "Save the file as UTF-8.",
        ) from error


def from_json(text: str) -> str:
    """Return a JSON text as the YAML that it nearly is.

    Two things differ: tabs between values, and pairs of escapes that stand for one character.
    """
    return _SURROGATES.sub(_joined, text.replace("\t", " "))


def _joined(pair: re.Match[str]) -> str:
    high, low = int(pair[2], 16), int(pair[3], 16)
    return pair[1] + chr(0x10000 + ((high - 0xD800) << 10) + low - 0xDC00)


def explain(error: yaml.YAMLError, text: str, base: Mark) -> BrokenError:
    """Say in people's words what a parser has against a text; `base` is the file's first mark."""
    place = isinstance(error, yaml.MarkedYAMLError) and (error.problem_mark or error.context_mark)
    if not isinstance(error, yaml.MarkedYAMLError) or not place:
        return _control_character(text, base)
    said = f"{error.context or ''}: {error.problem or ''}"
    opened = error.context_mark
    if opened and re.search(_UNCLOSED_QUOTE, said):
        place = opened
    lines = split_lines(text)
    line = lines[place.line] if place.line < len(lines) else ""
    before, after = line[: place.column], line[place.column :]
    mark = base + pack(0, place.line, place.column)
    if not after.strip() and not "".join(lines[place.line + 1 :]).strip():
        mark = base + _end_mark(text.rstrip(), 0)
    summary, detail, hint = _meaning(said, before, after)
    if summary == _BRACKET[0] and opened:
        detail += f" It opens in line {opened.line + 1}, column {opened.column + 1}."
    return BrokenError(mark, summary, detail, hint)


def _meaning(said: str, before: str, after: str) -> tuple[str, str, str]:
    """Return summary, detail and hint for a parser's words and the line around the place."""
    char = after[:1]
    if char == "\t":
        return ("Tab character", "Tabs cannot indent a definition.", "Use spaces instead.")
    if char and re.search("cannot start|node content", said):
        return (
            "Text must be quoted",
            f"A text cannot start with {char} unless it stands in quotes.",
            "Put the whole text in quotes.",
        )
    for pattern, meaning in _MEANINGS.items():
        if re.search(pattern, said):
            is_inside = meaning is _INDENTATION and before.strip()
            return _UNEXPECTED if is_inside else meaning
    return ("Invalid YAML", f"The parser stopped here: {said.removeprefix(': ')}.", "")


_UNCLOSED_QUOTE = "quoted scalar.*(end of stream|document separator|document indicator)"
_BRACKET = (
    "Unclosed bracket",
    "A comma or a closing bracket is missing before this place.",
    "Close every [ and { again; quote texts that contain brackets or commas.",
)
_INDENTATION = (
    "Bad indentation",
    "This line does not fit the lines above it.",
    "Start the keys of one block in the same column, and the items of one list.",
)
_UNEXPECTED = (
    "Unexpected text",
    "This cannot follow what stands before it on the line.",
    "Put the whole text in quotes if it holds quotes or brackets.",
)
_MEANINGS: dict[str, tuple[str, str, str]] = {
    _UNCLOSED_QUOTE: (
        "Unclosed quote",
        "The quote that opens here is never closed.",
        "Close it with the same kind of quote.",
    ),
    r"mapping values are not allowed": (
        "Unexpected colon",
        "A key and its colon cannot stand here.",
        "Quote a text that contains a colon and a space; otherwise check the indentation.",
    ),
    r"escape": (
        "Unknown escape",
        "In double quotes a backslash starts an escape, and this one does not exist.",
        "Write \\\\ for a backslash, or use single quotes.",
    ),
    r"',' or '[\]}]'|flow (sequence|mapping|node).*(expected|found|not find)": _BRACKET,
    r"could not find expected ':'": (
        "Missing colon",
        "A key must be followed by a colon and a space.",
        "Write `key: value`, or check the indentation of the lines above.",
    ),
    "expected key|block (mapping|collection|end|sequence)|document start|'-' ind": _INDENTATION,
    r"(anchor|alias)": (
        "Invalid anchor or alias",
        "After & or * a name of letters, digits, - and _ must follow.",
        "Quote a text that starts with & or *.",
    ),
    r"tag": (
        "Tags are not allowed",
        "A text that starts with ! asks for a type, but here the key decides the type.",
        "Remove the tag; quote a text that starts with `!`.",
    ),
    r"directive|incompatible YAML": (
        "Directives are not allowed",
        "A line that starts with % is an instruction to the YAML parser.",
        "Remove it; quote a text that starts with %.",
    ),
    r"block scalar": (
        "Invalid block text",
        "The header of a text block (| or >) or its indentation cannot be understood.",
        "Write | or > alone at the end of the line, and indent the text below by spaces.",
    ),
}


def _control_character(text: str, base: Mark) -> BrokenError:
    found = _FORBIDDEN.search(text)
    if found is None:
        return BrokenError(base, "Invalid YAML", "The parser cannot read this file.")
    place = _end_mark(text[: found.start()], 0)
    return BrokenError(
        base + place,
        "Control character",
        f"The character U+{ord(found[0]):04X} cannot stand in a definition.",
        "Remove it; in double quotes it can be written as an escape.",
    )


def _end_mark(before: str, file: int) -> Mark:
    lines = split_lines(before)
    return pack(file, len(lines) - 1, len(lines[-1]))
