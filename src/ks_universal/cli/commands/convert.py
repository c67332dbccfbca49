"""`ks-universal convert`: the values of a Helm release as this program takes them."""

import click

from ks_universal.chart.convert import convert_values
from ks_universal.chart.write import write_tree
from ks_universal.cli.options import read_stdin
from ks_universal.cli.show.console import show_problems, write_result
from ks_universal.diagnostics import has_errors
from ks_universal.errors import InputError
from ks_universal.values.load import load_values


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
    loaded = load_values(files, stdin=read_stdin)
    if has_errors(loaded.problems):
        raise InputError(loaded.problems)
    converted = convert_values(loaded.tree)
    show_problems(converted.notes)
    write_result(write_tree(converted.tree))
