"""`reconciler emulator`: serve the embedded platform in the foreground."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import options
from reconciler.cli.workspace import LOCAL_STORE
from reconciler.errors import ReconcilerError

if TYPE_CHECKING:
    from reconciler.emulator.launch import Running


@click.command()
@options.option(
    "--store",
    type=click.Path(path_type=Path, file_okay=False),
    default=LOCAL_STORE,
    help="Where the platform keeps its jobs. Default: state/local",
)
@options.option(
    "--buckets",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder that stands for object storage. Default: buckets",
)
@options.option("--port", type=click.IntRange(0, 65535), default=0, help="Default: a free one")
@options.option("--capacity", type=click.IntRange(1), help="How many workers run at once.")
@options.option(
    "--simulate",
    type=click.FloatRange(min=0),
    metavar="S",
    help="Run nothing: jobs succeed after so many seconds.",
)
@options.option("--quota", type=click.IntRange(1), default=10_000, help="Default: 10000 jobs")
def command(
    store: Path,
    buckets: Path | None,
    port: int,
    capacity: int | None,
    simulate: float | None,
    quota: int,
) -> None:
    """Serve the embedded platform until Ctrl-C, and tell how to reach it.

    Commands with `endpoint: local` in this folder use it; others can, with the printed variables.
    """
    from reconciler.definition.code import buckets_folder
    from reconciler.emulator.launch import EmulatorError, serve

    try:
        serve(
            store,
            buckets or buckets_folder(Path()),
            on_ready=_tell,
            port=port,
            capacity=capacity,
            simulate=simulate,
            quota=quota,
        )
    except EmulatorError as error:
        raise ReconcilerError("The embedded platform cannot be served", str(error)) from error


def _tell(running: "Running") -> None:
    click.echo(f"Serving at {running.url} (Ctrl-C ends it). To reach it as a remote platform:")
    click.echo(f"  platform: {{endpoint: {running.url}, auth_url: {running.auth_url}}}")
    click.echo(f"  export OS_USERNAME={running.username} OS_USER_DOMAIN_NAME={running.domain}")
    click.echo(f"  export OS_PROJECT_ID={running.project_id}")
    click.echo("  export OS_PASSWORD=…  # the `password` in endpoint.json of the store folder")
