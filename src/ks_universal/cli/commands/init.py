"""`ks-universal init`: values to start from, for what is in this folder."""

import os
import shlex
from pathlib import Path

import click
import msgspec

from ks_universal import (
    STARTING_TOOLS,
    FoundProject,
    InputError,
    Problem,
    find_missing,
    find_project,
    write_local_values,
    write_starting_values,
)
from ks_universal.cli.show.console import say, write_result

_TOOL = click.Choice(STARTING_TOOLS)


@click.command()
@click.argument("file", default="values.yaml")
@click.option("--tool", type=_TOOL, help="What migrates the database; asked for where no file of this folder tells.")
@click.option("--migration-command", metavar="COMMAND", help="How a tool that is 'other' migrates: 'npm run migrate'.")
@click.option("--name", help="The name of the application.  [default: of pyproject.toml, package.json, the folder]")
@click.option("--image", help="Its image, with or without a tag.  [default: the name]")
@click.option("--command", "start", metavar="COMMAND", help="How it starts on this machine.  [default: as files tell]")
@click.option(
    "--port", type=click.IntRange(1, 65535), help="The port it listens on.  [default: as files tell, or 8080]"
)
@click.option("--force", is_flag=True, help="Overwrites files that are there.")
def command(  # noqa: PLR0913 - one for each option
    file: str,
    tool: str | None,
    migration_command: str | None,
    name: str | None,
    image: str | None,
    start: str | None,
    port: int | None,
    *,
    force: bool,
) -> None:
    """Write commented values to start from, and values.local.yaml, with which 'up' runs them on this machine.

    FILE is values.yaml if not given; - is standard output, for the values alone.
    """
    project = _take_over(find_project(Path()), start=start, port=port, migration=migration_command)
    tool = tool or ("other" if migration_command else project.tool) or _ask_for_tool()
    if tool == "other" and not project.migration:
        raise click.UsageError("Say how 'other' migrates: --migration-command 'npm run migrate'")
    name = name or project.name
    image = image or name
    values = write_starting_values(tool, name, image, port=project.port, migration=project.migration)
    if file == "-":
        write_result(values)
        return
    local = str(Path(file).with_suffix(f".local{Path(file).suffix}"))
    if project.marks:
        say(f"found {', '.join(project.marks)}")
    _write({file: values, local: write_local_values(tool, name, image, project)}, force=force)
    say(f"wrote {file} and {local}")
    up = f"ks-universal up {name} -f {shlex.quote(file)} -f {shlex.quote(local)}"
    if missing := find_missing(tool, project, Path()):
        say(f"check it: ks-universal validate {shlex.quote(file)}")
        say(f"run it here, once there is {' and '.join(missing)}: {up}")
    else:
        say(f"run it here: {up}")


def _take_over(project: FoundProject, *, start: str | None, port: int | None, migration: str | None) -> FoundProject:
    """Put what the command line says over what was found."""
    found = msgspec.structs.asdict(project)
    if port is not None:  # a command that was found may name the other one
        found |= {
            "port": port,
            "command": tuple(word.replace(str(project.port), str(port)) for word in project.command),
        }
    if start is not None:
        found |= {"command": tuple(shlex.split(start))}
    if migration is not None:
        found |= {"migration": tuple(shlex.split(migration))}
    return FoundProject(**found)


def _ask_for_tool() -> str:
    """Ask, on a terminal or of what is piped in; without an answer it is wrong usage, and no interrupt."""
    try:
        return str(click.prompt("What migrates the database?", type=_TOOL, err=True))
    except click.Abort:
        if os.isatty(0):
            raise
        raise click.UsageError(f"Say what migrates the database: --tool {'|'.join(STARTING_TOOLS)}") from None


def _write(texts: dict[str, str], *, force: bool) -> None:
    """Write files, all or none of those that are there already."""
    if there := [file for file in texts if os.path.lexists(file) and not force]:
        message = f"{' and '.join(there)} {'is' if len(there) == 1 else 'are'} there already; nothing was written"
        raise InputError([Problem("request/exists", message, hint="overwrite with --force")])
    for file, text in texts.items():
        try:
            Path(file).write_text(text)
        except OSError as error:
            reason = os.strerror(error.errno or 0).lower()
            raise InputError([Problem("request/unwritable", f"{file} cannot be written: {reason}")]) from None
