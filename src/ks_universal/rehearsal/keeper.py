"""Waits until the rehearsal is over, or was killed; then ends its server and removes its folder.

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


def main(folder: Path) -> None:
    """Wait, then clean up."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # the terminal's Ctrl-C is not for it
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    with contextlib.suppress(OSError):
        sys.stdin.read()
    with contextlib.suppress(OSError, ValueError, IndexError):
        postmaster = int((folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        os.kill(postmaster, signal.SIGQUIT)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            os.kill(postmaster, 0)
            time.sleep(0.02)
        os.kill(postmaster, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
