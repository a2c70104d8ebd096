"""Foreign text in Markdown: as code or as prose, so that it formats, links and mentions nothing."""

import re
from html import escape

_JOINER = "\u2060"
_REFERENCE = re.compile(r"(?<=[@#!~%$&])(?=[\w\"])|(?<=:)(?=//)|(?<=www)(?=\.)|(?<=:)(?=[\w+-]+:)")
_MARKUP = re.compile(r"([\\`*_\[\]<>|~&$]|^ *[-+=#]|^ *\d+(?=[.)]))")
_TICKS = re.compile("`+")


def code(text: str) -> str:
    """Return clean text as a code span, whatever backticks it holds."""
    if not text:
        return ""
    ticks = "`" * (_longest_ticks(text) + 1)
    padded = f" {text} " if text[0] in "` " or text[-1] in "` " else text
    return f"{ticks}{padded}{ticks}"


def prose(text: str) -> str:
    """Return clean text that neither formats, links nor mentions; pairs of backticks are code."""
    pieces = text.split("`")
    if len(pieces) % 2 == 0:
        return _literal(text)
    return "".join((code(piece) if at % 2 else _literal(piece)) for at, piece in enumerate(pieces))


def _literal(text: str) -> str:
    return _REFERENCE.sub(_JOINER, _MARKUP.sub(_escaped, text))


def _escaped(match: re.Match[str]) -> str:
    mark = match[0].lstrip(" ")
    return f"{mark}\\" if mark.isdigit() else f"\\{mark}"


def as_html(text: str) -> str:
    """Return clean text for a place where Markdown takes HTML."""
    return _REFERENCE.sub(_JOINER, escape(text))


def fenced(text: str, language: str) -> str:
    """Return clean lines as a block of code, whatever backticks they hold."""
    fence = "`" * max(3, _longest_ticks(text) + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _longest_ticks(text: str) -> int:
    return max(map(len, _TICKS.findall(text)), default=0)
