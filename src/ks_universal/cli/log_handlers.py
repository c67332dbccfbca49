"""Where the log of a command goes: to standard error, to a file. Neither token nor Secret's value is in a record.

Only what this package logs: the HTTP client's lines would say each request again, without its reason.
"""

import logging
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import click

from ks_universal import InputError, KsUniversalError, Problem, __version__, remove_controls
from ks_universal.cli.show.console import say

_log = logging.getLogger(__name__)
_OURS = logging.getLogger("ks_universal")


@contextmanager
def show_log(*, with_requests: bool) -> Iterator[None]:
    """Show the log on standard error: decisions and retries, or also requests and watches."""
    with _logging_to(_TerminalHandler(logging.DEBUG if with_requests else logging.INFO)):
        yield


@contextmanager
def write_log(file: str, command: str) -> Iterator[None]:
    """Append all of the log to a file, which is made for its owner only, and what ends the command.

    Raises InputError where the file cannot be written.
    """
    try:
        stream = os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8")
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise InputError([Problem("request/unwritable", f"{file} cannot be written: {reason}")]) from None
    with stream, _logging_to(_FileHandler(stream)):
        _log.debug("%s: ks-universal %s, Python %s", command, __version__, platform.python_version())
        try:
            yield
        except KsUniversalError as error:
            for problem in error.problems:
                _log.error("%s", problem)
            raise
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except Exception:
            _log.exception("%s ended with an error that nobody has foreseen", command)
            raise


@contextmanager
def _logging_to(handler: logging.Handler) -> Iterator[None]:
    before = _OURS.level
    _OURS.setLevel(min(handler.level, before or handler.level))
    _OURS.addHandler(handler)
    try:
        yield
    finally:
        _OURS.removeHandler(handler)
        _OURS.setLevel(before)


class _Formatter(logging.Formatter):
    """One record, one line; the times are UTC. A traceback has lines of its own."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        return remove_controls(super().formatMessage(record)).replace("\n", " | ")


class _TerminalHandler(logging.Handler):
    """Shows records beside what the command says; what ends the command is shown by the command."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.setFormatter(_Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
        self.addFilter(lambda record: record.levelno < logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        say(self.format(record))


class _FileHandler(logging.StreamHandler[IO[str]]):
    """Writes records to a file; one that takes no more (a full disk) is said once, and the command goes on."""

    def __init__(self, stream: IO[str]) -> None:
        super().__init__(stream)
        self.setLevel(logging.DEBUG)
        self.setFormatter(_Formatter("%(asctime)s %(levelname)-5s %(name)s: %(message)s"))

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 - logging's name
        _OURS.removeHandler(self)
        say("the log file cannot be written any more; what runs goes on")
