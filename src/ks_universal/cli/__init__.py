"""The command line: parses arguments, makes one library call, shows events; the only place that prints or exits.

Subcommands are imported when they are called: `template` and `validate` start without asyncio and rich.
"""

import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, TextIO

INTERRUPTED = 130
"""The exit status of whoever was interrupted: 128 and the number of SIGINT."""


def main() -> NoReturn:
    """Run the command of this process and leave with its exit status."""
    # A short command makes no garbage worth collecting; `up` switches collection on again.
    gc.disable()
    _open_closed()
    status = run(sys.argv[1:])
    # Taking the interpreter down by the book frees each object one by one: 9 ms at the least, 100 ms after a large
    # file. There is nothing left to do: output is flushed, files are closed.
    _flush()
    os._exit(status)


def run(arguments: Sequence[str]) -> int:
    """Run a command and return its exit status (`docs/commands.md` has the list); never leaves the process."""
    from ks_universal.cli.entry import invoke

    return invoke(arguments)


def _open_closed() -> None:
    """Stand in for an output that was closed (`>&-`), which Python gives as None: what is done counts, not who hears.

    Its descriptor is taken, too, so that no connection gets it.
    """
    sys.stdout = sys.stdout or _open_nowhere()
    sys.stderr = sys.stderr or _open_nowhere()


def _open_nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # the reader is gone, or the stream was closed
            continue
