"""`reconciler fmt`: bring the definition into its canonical form."""

import sys
from pathlib import Path
from typing import NamedTuple

import click

from reconciler.cli import completing, options
from reconciler.cli.output import Output, write_file
from reconciler.cli.plans import DIFFERENCES
from reconciler.cli.settings import Settings
from reconciler.diagnostics import Diagnostic
from reconciler.errors import DefinitionError, UsageError

_STDIN = "<stdin>"


class _File(NamedTuple):
    path: Path
    before: bytes
    after: bytes

    @property
    def name(self) -> str:
        from reconciler.definition.loader import shown

        return shown(self.path)


@click.command()
@click.argument(
    "paths",
    metavar="[PATH]...",
    nargs=-1,
    type=click.Path(),
    shell_complete=completing.definition_files,
)
@options.file_option
@options.option(
    "--check", is_flag=True, help="Write nothing; exit with 2 when a file would change."
)
@options.verbosity_options
@click.pass_obj
def command(settings: Settings, paths: tuple[str, ...], check: bool) -> int:
    """Format the definition files at PATH; of a folder, those directly in it. - is stdin.

    Comments stay with what they speak of, and no text changes. Prints the names of the files
    that change; with -v also how.
    """
    from reconciler.render.text import counted

    if paths == ("-",):
        return _format_stdin(settings, check=check)
    if "-" in paths:
        raise UsageError("Stdin stands alone", "- cannot be formatted together with files.")
    files = _formatted(paths or settings.files)
    changed = [file for file in files if file.after != file.before]
    for file in changed:
        _show(file, settings)
        if not check:
            _write(file)
    verb = "would change" if check else "changed"
    Output(settings).say(f"{len(changed)} of {counted(len(files), 'file')} {verb}.")
    return DIFFERENCES if check and changed else 0


def _format_stdin(settings: Settings, *, check: bool) -> int:
    from reconciler.definition.formatting import formatted

    data = sys.stdin.buffer.read()
    file = _File(Path(_STDIN), data, formatted(data, _STDIN))
    if not check:
        click.echo(file.after, nl=False)
        return 0
    if file.after == file.before:
        return 0
    _show(file, settings)
    return DIFFERENCES


def _formatted(paths: tuple[str, ...]) -> list[_File]:
    """Format files in memory; problems of all of them are told before any is written."""
    from reconciler.definition.formatting import formatted
    from reconciler.definition.loader import default_paths, read_files, shown

    files: list[_File] = []
    problems: list[Diagnostic] = []
    for path, data in read_files([Path(each) for each in paths] or default_paths(Path())):
        try:
            files.append(_File(path, data, formatted(data, shown(path))))
        except DefinitionError as error:
            problems += error.diagnostics
    if problems:
        raise DefinitionError("The definition cannot be read", problems, "Nothing was formatted.")
    return files


def _write(file: _File) -> None:
    """Write a file where it really is, with the permissions that it has."""
    path = file.path.resolve()
    write_file(path, file.after.decode(), path.stat().st_mode & 0o777)


def _show(file: _File, settings: Settings) -> None:
    from difflib import unified_diff

    from reconciler.render.text import clean

    click.echo(clean(file.name))
    if settings.verbose:
        before, after = (
            each.decode("utf-8-sig").splitlines() for each in (file.before, file.after)
        )
        for line in unified_diff(before, after, f"{file.name} (now)", file.name, lineterm=""):
            click.echo(clean(line))
