"""`ks-universal version`: what a report of a fault has to say."""

import platform

import click

from ks_universal import __version__
from ks_universal.cli.show.console import write_json, write_result


@click.command()
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Text for people, or JSON.",
)
def command(output: str) -> None:
    """Print the version of this program, of Python, and of the system that it runs on."""
    found = {
        "version": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }
    if output == "json":
        write_json(found)
    else:
        write_result(f"ks-universal {found['version']} (Python {found['python']}, {found['system']})\n")
