"""`reconciler init`: write a commented starter definition."""

import json
from pathlib import Path

import click

from reconciler.errors import UsageError

_DEFINITION = Path("jobs.yaml")
_IGNORE = Path(".gitignore")


@click.command()
def command() -> None:
    """Write a commented jobs.yaml that runs as it is, its schema for editors, and ignore rules.

    Nothing that exists is overwritten.
    """
    from reconciler.definition import starter
    from reconciler.definition.schema import json_schema

    if _DEFINITION.exists():
        raise UsageError(
            f"{_DEFINITION} exists already", "Nothing was written.", "Edit it, or move it away."
        )
    files = {
        _DEFINITION: starter.definition(),
        Path(starter.BOOT_FILE): starter.code(),
        Path(starter.SCHEMA_FILE): json.dumps(json_schema(), indent=2) + "\n",
    }
    for path, text in files.items():
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            click.echo(f"Wrote {path}.")
    present = _IGNORE.read_bytes() if _IGNORE.exists() else b""
    known = present.decode(errors="surrogateescape").splitlines()
    missing = [entry for entry in starter.IGNORES if entry not in known]
    if missing:
        text = "\n".join([*known, *missing]) + "\n"
        _IGNORE.write_bytes(text.encode(errors="surrogateescape"))
        click.echo(f"Wrote {_IGNORE}.")
    click.echo("Next: edit jobs.yaml, then `reconciler plan`.", err=True)
