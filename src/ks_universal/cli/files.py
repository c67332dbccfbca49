"""Files that commands write."""

import errno
import os
import stat

from ks_universal.diagnostics import Problem
from ks_universal.errors import InputError


def write_privately(path: str, content: bytes) -> None:
    """Write a file that only its owner may read, replacing what it held and allowed; no symbolic link is followed.

    Raises InputError where it cannot be.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                os.fchmod(descriptor, 0o600)
                os.ftruncate(descriptor, 0)
            file.write(content)
    except OSError as error:
        reason = "it is a symbolic link" if error.errno == errno.ELOOP else error.strerror
        raise InputError([Problem("plan/unwritable", f"{path} cannot be written: {reason}")]) from None
