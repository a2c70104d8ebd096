"""Where results go: stdout, or the files that `--report FORMAT=FILE` names."""

import os
import shutil
import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TextIO

import click

from reconciler.cli.progress import Progress, make_progress
from reconciler.cli.settings import Settings
from reconciler.errors import ReconcilerError, UsageError
from reconciler.render.text import clean_lines

Renderer = Callable[[], str]

PLAIN_FORMATS = ("terminal", "json")
"""The formats that every command has which shows something."""

_NARROW, _WIDE = 40, 120


def wants_color(stream: TextIO, *, no_color: bool = False) -> bool:
    """Tell whether to colour: only a terminal, and only when nobody said no."""
    if no_color or os.environ.get("NO_COLOR") or os.environ.get("RECONCILER_NO_COLOR"):
        return False
    return stream.isatty() and os.environ.get("TERM") != "dumb"


class Output:
    """Shows a command's results in the formats that the user asked for."""

    def __init__(self, settings: Settings, formats: Collection[str] = PLAIN_FORMATS) -> None:
        """Take the settings; `UsageError` for a report that is written wrongly or is no format."""
        self._settings = settings
        self._wanted = [_parse(report, formats) for report in settings.reports]
        if settings.json:
            self._wanted.append(("json", None))
        if sum(file is None for _, file in self._wanted) > 1:
            raise UsageError(
                "Two reports want the same place",
                "Only one report can go to stdout.",
                "Give the others a file: `--report json=plan.json`.",
            )
        self.color = wants_color(sys.stdout, no_color=settings.no_color)
        self.width = max(_NARROW, min(_WIDE, shutil.get_terminal_size().columns))
        self.verbose = settings.verbose

    @property
    def is_terminal(self) -> bool:
        """Whether stdout is for people."""
        return all(file is not None or name == "terminal" for name, file in self._wanted)

    @property
    def is_json(self) -> bool:
        """Whether stdout is for programs."""
        return ("json", None) in self._wanted

    def show(self, renderers: Mapping[str, Renderer]) -> None:
        """Write each wanted report; the terminal's to stdout when nothing else goes there.

        A wanted format without a renderer here is left to another call.
        """
        wanted = list(self._wanted)
        if all(file is not None for _, file in wanted):
            wanted.append(("terminal", None))
        for name, file in wanted:
            if name not in renderers:
                continue
            text = renderers[name]()
            if file is None:
                click.echo(text, nl=bool(text) and not text.endswith("\n"))
            else:
                write_file(file, text)

    def progress(self) -> Progress:
        """Return what shows a run's events on stderr."""
        quiet = self._settings.quiet
        color = wants_color(sys.stderr, no_color=self._settings.no_color)
        return make_progress(mode="quiet" if quiet else "auto", color=color, stream=sys.stderr)

    def say(self, message: str) -> None:
        """Tell the user something that is no result."""
        if not self._settings.quiet:
            click.echo("\n".join(clean_lines(message)), err=True)


def write_file(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file, whole or not at all; without a mode it is for the user's eyes only."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(descriptor, mode)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise ReconcilerError(
            "File cannot be written", f"{path}: {error.strerror or error}"
        ) from error


def _parse(report: str, formats: Collection[str]) -> tuple[str, Path | None]:
    name, separator, file = report.partition("=")
    if name not in formats:
        known = ", ".join(sorted(formats))
        raise UsageError("Unknown report format", f'"{name}" is none of {known}.', "See `--help`.")
    if separator and not file:
        raise UsageError("A report needs a file name after =", f'"{report}" has none.')
    return name, Path(file) if file else None
