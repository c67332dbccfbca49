"""`ks-universal rehearse`: a migration on a throwaway database, and what it does there."""

import difflib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from ks_universal.cli import INTERRUPTED
from ks_universal.cli.options import Source, takes_values
from ks_universal.cli.rehearsing import read_before, takes_rehearsal

if TYPE_CHECKING:
    from ks_universal import RehearsalCommands

_FORMATS = ("text", "json", "markdown", "html")


@click.command()
@click.argument("name", required=False)
@partial(takes_values, required=False)
@click.option("-n", "--namespace", default="", help="The namespace of the release.")
@click.option("--deployment", metavar="NAME", help="Only the migrations of this application of the release.")
@click.option("--command", "migrate", metavar="COMMAND", help="What migrates, in place of a release's migrations.")
@takes_rehearsal
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
def command(*, output: str, page: str | None, fail_on: str, timeout_s: float, how: dict[str, Any], **given: Any) -> int:
    """Run migrations against a throwaway PostgreSQL, and say what they do to the database: locks, rewrites, data.

    The migrations of the release NAME (with -f), or a --command.
    """
    import asyncio

    from ks_universal import describe_rehearsal, rehearse, write_rehearsal_markdown, write_rehearsal_page
    from ks_universal.cli.interruption import Interruption
    from ks_universal.cli.show.console import say, write_file, write_json, write_result
    from ks_universal.cli.show.rehearsal_lines import format_rehearsal

    wanted = _read_codes(fail_on)
    commands = _read_commands(**given)
    interruption = Interruption(say)

    async def run() -> int:
        rehearsal = rehearse(commands, timeout_s=timeout_s, say=lambda text: say(f"{text} ..."), **how)
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


def _read_commands(
    name: str | None,
    source: Source | None,
    namespace: str,
    deployment: str | None,
    migrate: str | None,
    before: dict[str, Any],
) -> "RehearsalCommands":
    """Read what is rehearsed: a command, or a release's migrations. Raises click.UsageError, InputError."""
    from ks_universal import RehearsalCommands, list_rehearsed, read_command

    replaced = read_before(before, name, namespace, deployment)
    if migrate is not None and (name is not None or source is not None):
        raise click.UsageError("Give a release with its values (NAME -f values.yaml), or a --command, not both.")
    if migrate is not None:
        return RehearsalCommands(migrate=read_command(migrate), **replaced)
    if name is None or source is None:
        raise click.UsageError("What is to be rehearsed? Give a release (NAME -f values.yaml), or a --command.")
    values = source.load_valid(name, namespace)
    release = list_rehearsed(values, name, namespace, deployment=deployment, directory=source.directory, folder=Path())
    return msgspec.structs.replace(release, **replaced)


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
