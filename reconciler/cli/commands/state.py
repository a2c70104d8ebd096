"""`reconciler state …`: what is recorded, and the few things that can be done to it directly."""

import shlex
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from reconciler.cli import completing, options
from reconciler.cli.output import Output
from reconciler.cli.settings import Settings
from reconciler.cli.workspace import Workspace
from reconciler.errors import ReconcilerError, StateError, UsageError
from reconciler.model.address import Address
from reconciler.render.text import clean_lines

if TYPE_CHECKING:
    from reconciler.backends.base import Backend
    from reconciler.engine.records import Records
    from reconciler.model.state import State


@click.group(name="state")
def command() -> None:
    """List, show, move, forget, restore what is recorded. No job is touched."""


@command.command("list")
@click.argument("addresses", metavar="[ADDR]...", nargs=-1, shell_complete=completing.recorded)
@options.definition_options
@options.state_options
@options.output_options
@click.pass_obj
def list_(settings: Settings, addresses: tuple[str, ...]) -> None:
    """List the recorded jobs; the address comes first on each line."""
    from reconciler.engine.jobs import select
    from reconciler.render.structured import state_list_json
    from reconciler.render.tables import render_state_list

    state = Workspace(settings).recorded()
    records = {a: state.records[a] for a in select(state, addresses)} if state else {}
    Output(settings).show(
        {
            "terminal": lambda: render_state_list(records),
            "json": lambda: state_list_json(records),
        }
    )


@command.command()
@click.argument("address", metavar="ADDR", shell_complete=completing.recorded)
@options.definition_options
@options.state_options
@options.output_options
@click.pass_obj
def show(settings: Settings, address: str) -> None:
    """Show the record at ADDR."""
    from reconciler.render.structured import record_json
    from reconciler.render.tables import render_record

    record = _require(Workspace(settings).recorded()).records.get(Address(address))
    if record is None:
        raise UsageError(
            "No such job is recorded",
            f'The state records no job at "{address}".',
            "`reconciler state list` shows the addresses there are.",
        )
    output, found = Output(settings), Address(address)
    output.show(
        {
            "terminal": lambda: render_record(
                found, record, width=output.width, color=output.color
            ),
            "json": lambda: record_json(found, record),
        }
    )


@command.command()
@click.argument("source", shell_complete=completing.recorded)
@click.argument("target", shell_complete=completing.defined)
@options.definition_options
@options.state_options
@options.output_options
@click.pass_obj
def mv(settings: Settings, source: str, target: str) -> None:
    """Give the record at SOURCE the address TARGET."""
    _records(settings, "mv").move(Address(source), Address(target))
    Output(settings).say(f'Moved "{source}" to "{target}".')


@command.command()
@click.argument(
    "addresses", metavar="ADDR...", nargs=-1, required=True, shell_complete=completing.recorded
)
@options.definition_options
@options.state_options
@options.output_options
@click.pass_obj
def rm(settings: Settings, addresses: tuple[str, ...]) -> None:
    """Forget the records at ADDR (a glob). Their jobs stay, and run on."""
    from reconciler.engine.jobs import select

    chosen = select(Workspace(settings).recorded(), addresses)
    _records(settings, "rm").remove(chosen)
    Output(settings).say(f"Forgot {', '.join(chosen)}; the jobs themselves stay.")


@command.command()
@options.definition_options
@options.state_options
@click.pass_obj
def pull(settings: Settings) -> None:
    """Print the state as JSON, with the journal folded in."""
    from reconciler.backends.codec import encode_pull

    click.echo(encode_pull(_require(Workspace(settings).recorded())), nl=False)


@command.command()
@options.definition_options
@options.state_options
@options.output_options
@click.pass_obj
def history(settings: Settings) -> None:
    """List the kept snapshots, newest first, and who wrote them."""
    from reconciler.cli.commands.history import show_history

    show_history(settings)


@command.command()
@options.option(
    "--to",
    "target",
    metavar="URL",
    required=True,
    envvar="RECONCILER_STATE_TO",
    help="Where the state shall be kept.",
)
@options.definition_options
@options.state_options
@options.output_options
@click.pass_obj
def migrate(settings: Settings, target: str) -> None:
    """Copy the state and its history to another place, and verify the copy.

    The old place stays as it is: the same command with --state and --to exchanged leads back.
    """
    from reconciler.backends.url import without_password

    workspace = Workspace(settings)
    if target == (settings.state or "file:state"):
        raise UsageError("The state is there already", "--to names the place where it is.")
    here = workspace.backend_at(settings.state, workspace.stack, may_be_open=True)
    there = workspace.backend_at(target, workspace.stack)
    state = _records_of(here, settings, "migrate").migrate(there)
    shown = without_password(target)
    Output(settings).say(
        f"Copied {len(state.records)} records at serial {state.serial} to {shown}, and read them "
        f"back.\nFrom now on use --state {shlex.quote(shown)}, or RECONCILER_STATE. The way back: "
        f"reconciler state migrate --state {shlex.quote(shown)} --to "
        f"{shlex.quote(without_password(settings.state or 'file:state'))}"
    )


@command.command()
@click.argument("name", shell_complete=completing.snapshots)
@options.definition_options
@options.state_options
@options.output_options
@click.pass_obj
def restore(settings: Settings, name: str) -> None:
    """Make the kept snapshot NAME (see `state history`) the state again."""
    state = _records(settings, "restore").restore(name)
    Output(settings).say(
        f"Restored {len(state.records)} records as serial {state.serial}. "
        "Next: `reconciler plan` shows what differs."
    )


@command.command()
@options.definition_options
@options.state_options
@options.output_options
@click.pass_obj
def rekey(settings: Settings) -> None:
    """Write the state under the present key: to begin encryption, to end it, to change the key.

    Give the former key by --old-state-key. Kept snapshots stay under the key that they have.
    """
    workspace = Workspace(settings)
    backend = workspace.backend_at(settings.state, workspace.stack, may_be_open=True)
    state = _records_of(backend, settings, "rekey").rewrite()
    Output(settings).say(
        f"Wrote {len(state.records)} records at serial {state.serial} under the present key. The "
        "snapshots kept from before stay as they are; `state migrate` copies them under it, too."
    )


@command.command()
@options.auto_approve_option
@options.definition_options
@options.state_options
@options.output_options
@click.pass_obj
def unlock(settings: Settings, auto_approve: bool) -> None:
    """Tell who holds the state's lock, since when and whether it lives; free it if you say so.

    A lock on a local file or in PostgreSQL is free the moment its holder dies. Whoever lost a lock
    can write no more.
    """
    from reconciler.backends.holder import holder_words
    from reconciler.backends.local import LocalBackend

    workspace, output = Workspace(settings), Output(settings)
    backend = workspace.backend(workspace.stack)
    holder = backend.holder()
    if holder is None:
        output.say("The state is not locked; there is nothing to do.")
        return
    if isinstance(backend, LocalBackend):
        backend.break_lock()
    words = holder_words(holder, now=datetime.now(UTC))
    if not auto_approve:
        if not sys.stdin.isatty():
            detail = f"{words} There is no terminal to ask on."
            raise UsageError("The state is locked", detail, "Free it with --auto-approve.")
        click.echo("\n".join(clean_lines(words)), err=True)
        if not click.confirm("Take the lock away? It can then record nothing more", err=True):
            raise ReconcilerError("Not approved", "The lock was left as it is.")
    backend.break_lock()
    output.say(f"{words}\nThe lock is free.")


def _records(settings: Settings, verb: str) -> "Records":
    workspace = Workspace(settings)
    return _records_of(workspace.backend(workspace.stack), settings, verb)


def _records_of(backend: "Backend", settings: Settings, verb: str) -> "Records":
    from reconciler.engine.records import Records

    return Records(backend, f"reconciler state {verb}", settings.lock_timeout)


def _require(state: "State | None") -> "State":
    if state is None:
        raise StateError(
            "There is no state yet", "Nothing has been applied here.", "Run `reconciler apply`."
        )
    return state
