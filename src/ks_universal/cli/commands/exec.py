"""`ks-universal exec`: a command in a container of a release that runs on this machine."""

import os
import signal
import sys

import click

from ks_universal.cli.show.console import say


@click.command()
@click.option("-c", "--container", help="The container; without it the first one that is no sidecar.")
@click.argument("name")
@click.argument("application")
@click.argument("words", metavar="-- COMMAND [ARGUMENT...]", nargs=-1, required=True, type=click.UNPROCESSED)
def command(name: str, application: str, container: str | None, words: tuple[str, ...]) -> int:
    """Run COMMAND in a container of APPLICATION, in the release NAME that 'up' runs from this folder; exit as it does.

    It has the container's variables, this terminal, and standard input.
    """
    from ks_universal import build_local_command

    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    prepared = build_local_command(name, application, words, container=container, terminal=terminal)
    sys.stdout.flush()
    try:
        os.chdir(prepared.directory)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and the command would, too
        os.execvpe(prepared.argv[0], prepared.argv, prepared.env)  # noqa: S606 - the user's command
    except OSError as error:
        say(f"{prepared.argv[0]}: {os.strerror(error.errno or 0).lower()}")
        return 127 if isinstance(error, FileNotFoundError) else 126  # as a shell has it
