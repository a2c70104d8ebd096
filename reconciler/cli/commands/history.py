"""`reconciler history`: who applied what, when, from which commit."""

from datetime import UTC, datetime

import click

from reconciler.cli import options
from reconciler.cli.output import PLAIN_FORMATS, Output
from reconciler.cli.settings import Settings
from reconciler.cli.workspace import Workspace


@click.command()
@options.definition_options
@options.state_options
@options.output_options
@click.pass_obj
def command(settings: Settings) -> None:
    """Show the kept snapshots of the state, newest first: who wrote which, when, and what was done.

    Reports: terminal, json, html.
    """
    show_history(settings)


def show_history(settings: Settings) -> None:
    """Show the history in the formats that were asked for."""
    from reconciler.render.history import render_history_html
    from reconciler.render.structured import history_json
    from reconciler.render.tables import render_history

    workspace, output = Workspace(settings), Output(settings, (*PLAIN_FORMATS, "html"))
    stack = workspace.stack
    snapshots, now = workspace.backend(stack).history(), datetime.now(UTC)
    output.show(
        {
            "terminal": lambda: render_history(
                snapshots, now=now, width=output.width, color=output.color
            ),
            "json": lambda: history_json(snapshots),
            "html": lambda: render_history_html(stack, snapshots),
        }
    )
