"""`ks-universal init`: a values file to start from."""

import os
from pathlib import Path

import click

from ks_universal import STARTING_TOOLS, InputError, Problem, write_starting_values
from ks_universal.cli.show.console import say, write_result

_TOOL = click.Choice(STARTING_TOOLS)


@click.command()
@click.argument("file", default="values.yaml")
@click.option("--tool", type=_TOOL, help="The tool that migrates the database; asked for where it is not given.")
@click.option("--name", default="my-app", show_default=True, help="The name of the application.")
@click.option("--image", help="Its image, with or without a tag.  [default: the name]")
@click.option("--force", is_flag=True, help="Overwrites a file that is there.")
def command(file: str, tool: str | None, name: str, image: str | None, *, force: bool) -> None:
    """Write a commented values file to start from; FILE is values.yaml if not given, - is standard output."""
    tool = tool or click.prompt("What migrates the database?", type=_TOOL, err=True)
    text = write_starting_values(tool, name, image or name)
    if file == "-":
        write_result(text)
        return
    _write(file, text, force=force)
    say(f"wrote {file}; check it with: ks-universal validate -f {file}")


def _write(file: str, text: str, *, force: bool) -> None:
    try:
        with Path(file).open("w" if force else "x") as stream:
            stream.write(text)
    except FileExistsError:
        message = f"{file} is there already; nothing was written"
        raise InputError([Problem("request/exists", message, hint="overwrite it with --force")]) from None
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise InputError([Problem("request/unwritable", f"{file} cannot be written: {reason}")]) from None
