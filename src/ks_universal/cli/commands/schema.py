"""`ks-universal schema`: the format for editors."""

import click
import msgspec

from ks_universal import build_values_schema
from ks_universal.cli.show.console import write_result


@click.command()
@click.option("--partial", is_flag=True, help="For a file that is laid over others: nothing is required.")
def command(*, partial: bool) -> None:
    """Print a JSON Schema of values files, with which editors complete and check them."""
    write_result(
        msgspec.json.format(msgspec.json.encode(build_values_schema(partial=partial)), indent=2).decode() + "\n"
    )
