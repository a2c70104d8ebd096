"""`reconciler completion`: the shell completion script."""

import click
from click.shell_completion import get_completion_class

from reconciler.errors import UsageError


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the completion script for SHELL, to be evaluated in its start-up file.

    For bash: eval "$(reconciler completion bash)"
    """
    completion = get_completion_class(shell)
    if completion is None:
        raise UsageError("Unknown shell", f'"{shell}" is none of bash, zsh, fish.')
    root = context.find_root().command
    click.echo(completion(root, {}, "reconciler", "_RECONCILER_COMPLETE").source())
