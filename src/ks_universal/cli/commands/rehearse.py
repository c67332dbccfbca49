"""`ks-universal rehearse`: a migration on a throwaway database, and what it does there."""

import difflib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from ks_universal.cli import INTERRUPTED
from ks_universal.cli.options import Source, takes_values

if TYPE_CHECKING:
    from ks_universal import RehearsalCommands

_VERSIONS = ("14", "15", "16", "17", "18")
_FORMATS = ("text", "json", "markdown", "html")


@click.command()
@click.argument("name", required=False)
@partial(takes_values, required=False)
@click.option("-n", "--namespace", default="", help="The namespace of the release.")
@click.option("--deployment", metavar="NAME", help="Only the migrations of this application of the release.")
@click.option("--command", "migrate", metavar="COMMAND", help="What migrates, in place of a release's migrations.")
@click.option(
    "--rollback-command",
    "rollback",
    metavar="COMMAND",
    help="What leads back to the state before (default: 'migrations.rollback' of the values).",
)
@click.option(
    "--compat-command",
    "compat",
    metavar="COMMAND",
    help="Queries of the version before: they must work on the new schema, too, while both versions run.",
)
@click.option(
    "--base",
    metavar="FILE|COMMAND|git:REF",
    help="The state before: an SQL file, a command that makes it, or the migrations in the files of a git reference.",
)
@click.option("--seed", metavar="FILE", help="An SQL file with rows, which is run on the state before.")
@click.option(
    "--pg", "version", type=click.Choice(_VERSIONS), help="The version of PostgreSQL (default: the embedded)."
)
@click.option(
    "--pg-bin", "programs", type=click.Path(path_type=Path), help="The folder of an installed PostgreSQL's programs."
)
@click.option(
    "--role",
    "roles",
    multiple=True,
    metavar="NAME",
    help="Who migrates, and owns the database (default: app); if repeated, the others are there, too.",
)
@click.option(
    "--isolate/--no-isolate",
    default=None,
    help="Give commands a network with nothing in it but the database (default: where the machine allows that).",
)
@click.option("--superuser", "is_superuser", is_flag=True, help="Migrate as a superuser.")
@click.option("--rows", type=click.IntRange(min=0), help="How many rows each table gets (default: 20000).")
@click.option(
    "--prod-rows",
    "production_rows",
    multiple=True,
    metavar="TABLE=N",
    help="How many rows a table has in production, to estimate how long it takes there; can be repeated.",
)
@click.option("--quick", is_flag=True, help="Only the observed run, the second run and the way back.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=1),
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="How long each run may take.",
)
@click.option("-o", "--output", type=click.Choice(_FORMATS), default="text", show_default=True)
@click.option("--report", "page", metavar="FILE", help="Also write an HTML page that needs no other file: FILE.html.")
@click.option(
    "--fail-on",
    metavar="CODES",
    default="",
    help="Exit 1 where one of these verdicts comes (blocks-reads,loses-data), or any of a severity (error).",
)
def command(*, output: str, page: str | None, fail_on: str, **given: Any) -> int:
    """Run migrations against a throwaway PostgreSQL, and say what they do to the database: locks, rewrites, data.

    The migrations of the release NAME (with -f), or a --command.
    """
    import asyncio

    from ks_universal import (
        RehearsalServer,
        describe_rehearsal,
        rehearse,
        write_rehearsal_markdown,
        write_rehearsal_page,
    )
    from ks_universal.cli.interruption import Interruption
    from ks_universal.cli.show.console import say, write_file, write_json, write_result
    from ks_universal.cli.show.rehearsal_lines import format_rehearsal

    wanted = _read_codes(fail_on)
    options: dict[str, Any] = {key: given.pop(key) for key in ("rows", "quick", "timeout_s")}
    options["production_rows"] = dict(map(_read_rows, given.pop("production_rows")))
    of_server = ("version", "programs", "roles", "isolate", "is_superuser")
    options["server"] = RehearsalServer(**{key: given.pop(key) for key in of_server})
    options = {key: value for key, value in options.items() if value is not None}
    commands = _read_commands(**given)
    interruption = Interruption(say)

    async def run() -> int:
        rehearsal = rehearse(commands, folder=Path(), say=lambda text: say(f"{text} ..."), **options)
        task = asyncio.ensure_future(rehearsal)
        with interruption.cancelling(task):
            report = await task
        if output == "json":
            write_json(describe_rehearsal(report))
        elif output == "markdown":
            write_result(write_rehearsal_markdown(report))
        elif output == "html":
            write_result(write_rehearsal_page(report))
        else:
            write_result("\n".join((*format_rehearsal(report), "")))
        if page is not None:
            write_file(page, write_rehearsal_page(report))
        return int(any(wanted & {each.code, str(each.severity)} for each in report.verdicts))

    try:
        return asyncio.run(run())
    except asyncio.CancelledError:
        return INTERRUPTED


def _read_commands(  # noqa: PLR0913 - one for each option
    name: str | None,
    source: Source | None,
    namespace: str,
    deployment: str | None,
    migrate: str | None,
    rollback: str | None,
    compat: str | None,
    base: str | None,
    seed: str | None,
) -> "RehearsalCommands":
    """Read what is rehearsed: a command, or a release's migrations. Raises click.UsageError, InputError."""
    from ks_universal import RehearsalCommands, list_rehearsed, read_command

    words = {"rollback": rollback, "compat": compat}
    replaced: dict[str, Any] = {key: read_command(text) for key, text in words.items() if text is not None}
    replaced |= {key: value for key, value in {"base": base, "seed": seed}.items() if value is not None}
    if migrate is not None and (name is not None or source is not None):
        raise click.UsageError("Give a release with its values (NAME -f values.yaml), or a --command, not both.")
    if migrate is not None:
        return RehearsalCommands(migrate=read_command(migrate), **replaced)
    if name is None or source is None:
        raise click.UsageError("What is to be rehearsed? Give a release (NAME -f values.yaml), or a --command.")
    values = source.load_valid(name, namespace)
    return msgspec.structs.replace(list_rehearsed(values, name, namespace, deployment=deployment), **replaced)


def _read_rows(text: str) -> tuple[str, int]:
    """Read `orders=40000000`. Raises click.BadParameter."""
    table, separator, number = text.partition("=")
    digits = number.replace("_", "").replace(",", "")
    if not (separator and table and digits.isascii() and digits.isdigit()):
        raise click.BadParameter(f"{text!r} is not TABLE=N", param_hint="'--prod-rows'")
    return table, int(digits)


def _read_codes(text: str) -> frozenset[str]:
    """Read the list of `--fail-on`. Raises click.BadParameter."""
    from ks_universal import REHEARSAL_CODES, VerdictSeverity

    words = frozenset(word.strip() for word in text.split(",") if word.strip())
    known = (*REHEARSAL_CODES, *map(str, VerdictSeverity))
    if unknown := sorted(words.difference(known)):
        guesses = [guess for word in unknown for guess in difflib.get_close_matches(word, known, n=1)]
        meant = f"; did you mean {', '.join(guesses)}?" if guesses else ""
        message = f"no such verdict: {', '.join(unknown)}{meant} There are {', '.join(known)}."
        raise click.BadParameter(message, param_hint="'--fail-on'")
    return words
