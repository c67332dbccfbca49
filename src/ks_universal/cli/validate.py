"""`ks-universal validate`: all findings about values at once."""

import click
import msgspec

from ks_universal.cli.console import count_problems, show_problems, write_result
from ks_universal.cli.options import Source, takes_values
from ks_universal.diagnostics import Problem, has_errors


@click.command()
@takes_values
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Text for people, on standard error; or a JSON list on standard output.",
)
def command(source: Source, output: str) -> int:
    """Check values: all findings at once. Exits 1 if there are errors."""
    problems = source.load().problems
    if output == "json":
        write_result(_write_json(problems))
    else:
        show_problems(problems)
        click.echo(count_problems(problems), err=True)
    return int(has_errors(problems))


def _write_json(problems: tuple[Problem, ...]) -> str:
    """Write a list of {code, severity, message, where: {file, line, column}, hint}, null where there is none."""
    fields = [
        {
            "code": p.code,
            "severity": p.severity,
            "message": _printable(p.message),
            "where": p.where and {"file": _printable(p.where.file), "line": p.where.line, "column": p.where.column},
            "hint": p.hint and _printable(p.hint),
        }
        for p in problems
    ]
    return msgspec.json.format(msgspec.json.encode(fields), indent=2).decode() + "\n"


def _printable(text: str) -> str:
    """Escape what UTF-8 cannot hold: the bytes of a file name that is not text."""
    return text.encode("utf-8", "backslashreplace").decode()
