"""Runs a command as on a machine where nobody can make a user namespace, as in most containers: Linux, as root.

    python tools/without_user_namespaces.py COMMAND...

The command runs in a user namespace in which everybody is who they are outside, and which may have no further one. The
limit ends with it: nothing is set for the machine. Where the machine has no user namespaces the command just runs.
"""

import ctypes
import os
import sys
from pathlib import Path

_CLONE_NEWUSER = 0x10000000
_EVERYBODY = "0 0 4294967295"


def main(*command: str) -> None:
    """Enter the namespace, then become the command."""
    if _enter_namespace():
        Path("/proc/sys/user/max_user_namespaces").write_text("0")
    os.execvp(command[0], command)


def _enter_namespace() -> bool:
    """Enter a new user namespace; its mappings are written from outside, which alone may map more than one user."""
    (entered, entered_end), (mapped, mapped_end) = os.pipe(), os.pipe()
    parent = os.getpid()
    if os.fork() == 0:
        os.close(entered_end)
        if os.read(entered, 1):
            for name in ("uid_map", "gid_map"):
                Path(f"/proc/{parent}/{name}").write_text(_EVERYBODY)
            os.write(mapped_end, b".")
        os._exit(0)
    os.close(mapped_end)
    if ctypes.CDLL(None).unshare(_CLONE_NEWUSER) != 0:
        return False
    os.write(entered_end, b".")
    if not os.read(mapped, 1):
        sys.exit("The mappings of the user namespace could not be written")
    return True


if __name__ == "__main__":
    main(*sys.argv[1:])
