"""`reconciler watch`: plan and apply again and again."""

import click

from reconciler.cli import options
from reconciler.cli.settings import Settings
from reconciler.errors import UsageError


@click.command()
@options.definition_options
@options.state_options
@options.selection_options
@options.platform_options
@options.delete_timeout_option
@options.auto_approve_option
@options.option(
    "--allow",
    metavar="WORDS",
    default="create,retry,update,expire",
    help="What may be done, by commas: also recreate, replace, delete, forget; or all. "
    "Default: create,retry,update,expire",
)
@options.option(
    "--interval",
    type=click.FloatRange(min=0.1),
    default=30.0,
    metavar="S",
    help="Seconds between two rounds. Default: 30",
)
@options.option("--rounds", type=click.IntRange(1), metavar="N", help="End after N rounds.")
@options.option(
    "--listen",
    metavar="HOST:PORT",
    default="127.0.0.1:9464",
    help="Where to serve /metrics, /livez and /readyz; or off. Default: 127.0.0.1:9464",
)
@options.output_options
@click.pass_obj
def command(
    settings: Settings,
    auto_approve: bool,
    allow: str,
    interval: float,
    rounds: int | None,
    listen: str,
) -> int:
    """Plan and apply again and again, so that retries and dependencies advance by themselves.

    Needs --auto-approve, since nobody is asked. The definition is read anew each time; while it is
    wrong, the last good one stays in force. A running job is never interrupted. Ends with 0 on
    SIGTERM, with 130 on Ctrl-C, each time when nothing is in flight any more.
    """
    from reconciler.cli.watching import Pace, Watching
    from reconciler.planning.permissions import Permission

    words = set(Permission) if allow == "all" else {each.strip() for each in allow.split(",")}
    if unknown := words - set(Permission):
        raise UsageError(
            "Unknown word of --allow",
            f"{', '.join(sorted(unknown))}: none of {', '.join(Permission)}.",
        )
    if not auto_approve:
        raise UsageError(
            "Nobody to ask",
            "A loop cannot ask before each change.",
            "Give --auto-approve, and with --allow say what it may do; `reconciler plan` shows "
            "what that would be now.",
        )
    return Watching(settings, frozenset(map(Permission, words))).run(Pace(interval, rounds), listen)
