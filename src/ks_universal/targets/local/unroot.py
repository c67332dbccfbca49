"""Runs a command that refuses root, for root: as UID in a user namespace of its own, in which UID is this user.

    python unroot.py UID GID COMMAND...

Nothing changes outside: no account is made, files that the command writes belong to root. Started as a file, without
the package, so that it starts fast. Ends with status 120 where user namespaces are not allowed.
"""

import ctypes
import os
import sys
from pathlib import Path

CLONE_NEWUSER = 0x10000000
NOT_ALLOWED = 120


def main(uid: str, gid: str, *command: str) -> None:
    """Become `uid` in a new user namespace, then the command."""
    own_uid, own_gid = os.getuid(), os.getgid()
    if ctypes.CDLL(None).unshare(CLONE_NEWUSER) != 0:
        sys.exit(NOT_ALLOWED)
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {own_uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {own_gid} 1")
    except OSError:
        sys.exit(NOT_ALLOWED)
    os.execv(command[0], command)  # noqa: S606 - this is what it is for


if __name__ == "__main__":
    main(*sys.argv[1:])
