"""Runs a command whose arguments come through a pipe: the list of processes shows arguments to everybody.

python -m ks_universal.cli.local.detached DESCRIPTOR WORDS...     the words are for people who read that list
"""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from ks_universal.cli import main


def join_arguments(arguments: Sequence[str]) -> bytes:
    """Give the arguments as `run_handed_over` reads them."""
    return b"\0".join(map(os.fsencode, arguments))


def run_handed_over(descriptor: int) -> NoReturn:
    """Read the arguments to the end of the pipe, then run the command."""
    with os.fdopen(descriptor, "rb") as pipe:
        sys.argv = ["ks-universal", *map(os.fsdecode, pipe.read().split(b"\0"))]
    main()


if __name__ == "__main__":
    run_handed_over(int(sys.argv[1]))
