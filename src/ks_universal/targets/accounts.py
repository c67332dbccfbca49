"""Who runs this program, as others are told. Not every user has an account: containers give any number."""

import getpass
import os
import socket


def name_account() -> str:
    """Say which user this is: a name, or `uid 54321` for one without an account."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # OSError since Python 3.13
        return f"uid {os.getuid()}"


def name_user() -> str:
    """Say who runs this: `user@host`."""
    return f"{name_account()}@{socket.gethostname()}"
