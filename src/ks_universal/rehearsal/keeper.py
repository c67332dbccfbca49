"""Waits until the rehearsal is over, or was killed; then ends its server and commands, and removes its folder.

    python keeper.py FOLDER     ends when its standard input does

Started as a file, without the package, so that it starts fast and needs nothing of the folder that it removes.
"""

import contextlib
import os
import shutil
import signal
import sys
import time
from pathlib import Path

VARIABLE = "KS_UNIVERSAL_REHEARSAL"
"""Of each command, and of what it has started: the folder."""


def main(folder: Path) -> None:
    """Wait, then clean up."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # the terminal's Ctrl-C is not for it
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    with contextlib.suppress(OSError):
        sys.stdin.read()
    _end_commands(folder)
    with contextlib.suppress(OSError, ValueError, IndexError):
        postmaster = int((folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        os.kill(postmaster, signal.SIGQUIT)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            os.kill(postmaster, 0)
            time.sleep(0.02)
        os.kill(postmaster, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


def _end_commands(folder: Path) -> None:
    """End what was started by a command and still runs (Linux; elsewhere it ends with its connection)."""
    mark = f"{VARIABLE}={folder}".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                os.kill(int(entry.name), signal.SIGKILL)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
