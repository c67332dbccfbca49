"""`ks-universal schema`: the format for editors."""

import click
import msgspec

from ks_universal.cli.show.console import write_result
from ks_universal.model.reference.schema import build_partial_schema, build_schema


@click.command()
@click.option("--partial", is_flag=True, help="For a file that is laid over others: nothing is required.")
def command(*, partial: bool) -> None:
    """Print a JSON Schema of values files, with which editors complete and check them."""
    schema = build_partial_schema() if partial else build_schema()
    write_result(msgspec.json.format(msgspec.json.encode(schema), indent=2).decode() + "\n")
