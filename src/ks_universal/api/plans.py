"""Saved plans: written by one run, compared with what another is about to do."""

import errno
import os
import stat
from pathlib import Path

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.errors import InputError
from ks_universal.plan.saved import FORMAT, Preview, describe_plan


def write_plan(preview: Preview, file: str) -> None:
    """Save a plan for `deploy(plan=...)`, as JSON. Raises InputError where the file cannot be written."""
    write_privately(file, msgspec.json.encode(describe_plan(preview)))


def read_plan(file: str, release: str) -> Preview:
    """Read a saved plan. Raises InputError where it is none, or one of another release."""
    try:
        preview = msgspec.json.decode(Path(file).read_bytes(), type=Preview)
    except OSError as error:
        raise InputError([Problem("plan/unreadable", f"{file} cannot be read: {error.strerror}")]) from None
    except msgspec.DecodeError:
        raise InputError([_not_a_plan(file)]) from None
    if preview.format != FORMAT:
        raise InputError([_not_a_plan(file)])
    if preview.release != release:
        raise InputError([Problem("plan/other-release", f"{file} is a plan of {preview.release}, not of {release}")])
    return preview


def compare_plans(saved: Preview, now: Preview) -> None:
    """Raise InputError where what a run is about to do is not what the saved plan says."""
    if saved.digest == now.digest:
        return
    what = next(
        (
            f"its {name} was {getattr(saved, name)}, and is {getattr(now, name)} now"
            for name in ("namespace", "revision")
            if getattr(saved, name) != getattr(now, name)
        ),
        "the values or the live objects have changed since it was made",
    )
    message = f"the saved plan does not hold any more: {what}; nothing was changed"
    raise InputError([Problem("plan/moved-on", message, hint="make a new plan, look at it, and deploy that one")])


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


def _not_a_plan(file: str) -> Problem:
    hint = "make one with: ks-universal plan NAME -f values.yaml --out FILE"
    return Problem("plan/unreadable", f"{file} is not a plan of this version of ks-universal", hint=hint)
