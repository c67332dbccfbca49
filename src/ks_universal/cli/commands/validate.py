"""`ks-universal validate`: all findings about values at once."""

import functools

import click
import msgspec

from ks_universal import Problem, describe_problem, has_errors, render, sort_problems
from ks_universal.cli.environment import FileName
from ks_universal.cli.options import CheckObjects, Source, checks_objects, takes_values
from ks_universal.cli.show.console import count_problems, say, show_problems, write_result

_RELEASE = "release-name"
"""What the objects are named for that are only looked at."""


@click.command()
@click.argument("paths", metavar="[FILE]...", nargs=-1, type=FileName())
@functools.partial(takes_values, required=False)
@checks_objects
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Text for people, on standard error; or a JSON list on standard output.",
)
def command(paths: tuple[str, ...], source: Source | None, output: str, check: CheckObjects | None) -> int:
    """Check values: all findings at once. Exits 1 if there are errors.

    Each FILE is checked by itself, laid over the files of -f.
    """
    base = source or Source((), ())
    if not paths and source is None:
        raise click.UsageError("There are no values. Give a file: ks-universal validate values.yaml")
    sources = [msgspec.structs.replace(base, files=(*base.files, path)) for path in paths] or [base]
    problems = sort_problems([problem for each in sources for problem in _check(each, check)])
    if output == "json":
        write_result(_write_json(problems))
    else:
        show_problems(problems)
        say(count_problems(problems))
    return int(has_errors(problems))


def _check(source: Source, check: CheckObjects | None) -> tuple[Problem, ...]:
    values = source.load(keep_tree=check is not None)
    found = check(values, render(values, _RELEASE)) if check and values.application else ()
    return (*values.problems, *found)


def _write_json(problems: tuple[Problem, ...]) -> str:
    """Write a list of what `describe_problem` gives."""
    fields = [describe_problem(problem) for problem in problems]
    return msgspec.json.format(msgspec.json.encode(fields), indent=2).decode() + "\n"
