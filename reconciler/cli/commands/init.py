"""`reconciler init`: write a commented starter definition."""

from pathlib import Path

import click

from reconciler.cli.output import write_file
from reconciler.errors import UsageError

_DEFINITION = Path("jobs.yaml")
_IGNORE = Path(".gitignore")


@click.command()
def command() -> None:
    """Write jobs.yaml, commented, and the .gitignore entries that belong to it.

    Nothing that exists is overwritten.
    """
    from reconciler.definition import starter

    if _DEFINITION.exists():
        raise UsageError(
            f"{_DEFINITION} exists already", "Nothing was written.", "Edit it, or move it away."
        )
    for path, text in starter.files().items():
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path, text)
            click.echo(f"Wrote {path}.")
    known = _IGNORE.read_text().splitlines() if _IGNORE.exists() else []
    missing = [entry for entry in starter.IGNORES if entry not in known]
    if missing:
        write_file(_IGNORE, "\n".join([*known, *missing]) + "\n")
        click.echo(f"Wrote {_IGNORE}.")
    click.echo("Next: edit jobs.yaml, then `reconciler plan`.", err=True)
