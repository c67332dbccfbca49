"""`ks-universal convert`: the values of a Helm release as this program takes them."""

import click

from ks_universal import convert
from ks_universal.cli.options import read_stdin
from ks_universal.cli.show.console import show_problems, write_result


@click.command()
@click.option(
    "-f",
    "--values",
    "files",
    multiple=True,
    required=True,
    metavar="FILE",
    help="A values file, or - for standard input.",
)
def command(files: tuple[str, ...]) -> None:
    """Turn the values of a Helm release (helm get values NAME -o yaml) into ours.

    The result goes to standard output, without comments; what differs, and why, to standard error.
    """
    converted = convert(files, stdin=read_stdin)
    show_problems(converted.notes)
    write_result(converted.text)
