"""Files that commands write."""

import os

from ks_universal.diagnostics import Problem
from ks_universal.errors import InputError


def write_privately(path: str, content: bytes) -> None:
    """Write a file that only its owner may read, replacing what it held. Raises InputError where it cannot be."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    except OSError as error:
        raise InputError([Problem("plan/unwritable", f"{path} cannot be written: {error.strerror}")]) from None
