"""Runs a command that refuses root, or a user without an account, as an ordinary user who may enter the same folders.

    python unroot.py namespace UID GID COMMAND...     as UID in a user namespace of its own, in which UID is this user
    python unroot.py account UID GID COMMAND...       as UID itself, with root's right to enter any folder

Nothing else changes outside: no account is made. Files that the command writes belong to this user, or to UID. Started
as a file, without the package, so that it starts fast. Ends with status 120 where the system does not allow it.
"""

import ctypes
import os
import sys
from pathlib import Path

CLONE_NEWUSER = 0x10000000
NOT_ALLOWED = 120

# From linux/prctl.h, linux/securebits.h and linux/capability.h.
PR_SET_SECUREBITS = 28
NO_SETUID_FIXUP = 1 << 2
PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 47, 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522


def main(way: str, uid: str, gid: str, *command: str) -> None:
    """Become `uid`, then the command."""
    enter = {"namespace": enter_namespace, "account": become}[way]
    try:
        enter(int(uid), int(gid))
    except (OSError, AttributeError):  # no such call: not Linux
        sys.exit(NOT_ALLOWED)
    os.execv(command[0], command)  # noqa: S606 - this is what it is for


def enter_namespace(uid: int, gid: int) -> None:
    """Become `uid` in a new user namespace. Raises OSError."""
    own_uid, own_gid = os.getuid(), os.getgid()
    _call("unshare", CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {own_uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {own_gid} 1")


def become(uid: int, gid: int) -> None:
    """Become `uid`, who keeps one capability of root's: files and folders are open to it. Raises OSError."""
    # Else the change of user took the capability away, and access(2), which the programs ask, would not count it.
    _call("prctl", *map(ctypes.c_ulong, (PR_SET_SECUREBITS, NO_SETUID_FIXUP, 0, 0, 0)))
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    kept = 1 << CAP_DAC_OVERRIDE
    # Effective, permitted and inheritable; then those of the upper 32 bits.
    _call("capset", (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0), (ctypes.c_uint32 * 6)(kept, kept, kept, 0, 0, 0))
    _call("prctl", *map(ctypes.c_ulong, (PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)))


def _call(name: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc[name](*arguments) != 0:
        raise OSError(ctypes.get_errno(), name)


if __name__ == "__main__":
    main(*sys.argv[1:])
