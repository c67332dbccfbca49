"""Writes results to standard output, and findings to standard error."""

import contextlib
import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

import click
import msgspec

from ks_universal import InputError, Problem, Severity, keep_colours

MAX_SHOWN = 100
_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow"}


def write_result(text: str) -> None:
    """Write to standard output as UTF-8, whatever the locale; a reader that has enough (`| head`) is no error.

    What programs wrote into their logs does not get at a terminal, but for colours; a file or a pipe gets it as it is.
    """
    try:
        if sys.stdout.isatty():
            text = keep_colours(text)
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
        sys.stdout.buffer.flush()
    except BrokenPipeError as error:
        discard_output(error)
    except OSError as error:
        raise click.ClickException(f"the output cannot be written: {os.strerror(error.errno or 0).lower()}") from error


def write_json(data: Any) -> None:
    """Write data to standard output as JSON, on lines of its own."""
    write_result(msgspec.json.format(msgspec.json.encode(data)).decode() + "\n")


def write_file(file: str, text: str) -> None:
    """Write a report into a file, in place of what is there. Raises InputError where it cannot be written."""
    try:
        Path(file).write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise InputError([Problem("request/unwritable", f"{file} cannot be written: {reason}")]) from None


def discard_output(error: OSError) -> None:
    """Send what standard output still holds, and all that follows, to nowhere: it took no more, and the run goes on.

    That its reader or the terminal has gone (EPIPE, EIO) is nothing to say to anybody; a full disk is.
    """
    if error.errno not in {errno.EPIPE, errno.EIO}:
        reason = os.strerror(error.errno or 0).lower()
        say(f"the output cannot be written any more: {reason}; what runs goes on")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def say(text: str) -> None:
    """Write a line to standard error; where that takes no more (its reader is gone, its disk full), nothing ends."""
    with contextlib.suppress(OSError):
        click.echo(text, err=True, color=wants_colour(sys.stderr) or None)


def show_problems(problems: Sequence[Problem]) -> None:
    """Write findings to standard error, in the order given: of very many the first ones, errors before warnings."""
    shown = problems
    if len(problems) > MAX_SHOWN:
        shown = sorted(problems, key=lambda problem: problem.severity is Severity.WARNING)[:MAX_SHOWN]
    for problem in shown:
        say(keep_colours(format_problem(problem, colour=wants_colour(sys.stderr))))
    if rest := len(problems) - len(shown):
        say(f"and {rest:,} more; 'ks-universal validate -o json' lists all findings about values")


def format_problem(problem: Problem, *, colour: bool) -> str:
    """Write a finding as people read it: severity and code, message, place and hint."""
    if not colour:
        return str(problem)
    label = f"{problem.severity}[{problem.code}]"
    styled = click.style(label, fg=_COLOURS[problem.severity], bold=True)
    return styled + str(problem).removeprefix(label)


def wants_colour(stream: TextIO) -> bool:
    """Tell whether to colour what goes there, by the same rule everywhere.

    NO_COLOR (https://no-color.org): never; FORCE_COLOR (https://force-color.org): always; else on a terminal.
    """
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or is_live(stream)


def is_live(stream: TextIO) -> bool:
    """Tell whether it is a terminal on which a line may be written over."""
    return stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


def style(text: str, *, colour: str) -> str:
    """Colour a text for standard output, where that takes any."""
    return click.style(text, fg=colour) if wants_colour(sys.stdout) else text


def count_problems(problems: Sequence[Problem]) -> str:
    """Say how many there are: `2 errors, 1 warning`; `values are valid` when none."""
    counts = [(sum(p.severity is severity for p in problems), severity) for severity in Severity]
    parts = [f"{count} {severity}{'s' if count > 1 else ''}" for count, severity in counts if count]
    return ", ".join(parts) or "values are valid"
