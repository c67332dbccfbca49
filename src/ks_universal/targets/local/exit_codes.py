"""What an exit status means, where the status itself tells: the conventions of shells, and of signals."""

import signal

from ks_universal.diagnostics import Problem


def explain_exit(status: int | None, ref: str, *, out_of_memory: bool = False) -> Problem:
    """Say how `ref` ended, with what to do about it where that is known. `status` None: killed with its shell."""
    if out_of_memory:
        message = f"{ref} was killed for using more memory than it may"
        return Problem("process/out-of-memory", message, hint="raise resources.limits.memory, or use less of it")
    if status is None:
        return Problem("process/killed", f"{ref} was killed from outside")
    if status == 126:
        return Problem("process/not-executable", f"{ref} could not be executed (exit code 126)", hint="chmod +x?")
    if status == 127:
        return Problem("process/not-found", f"{ref} ran a command that was not found (exit code 127)")
    if status == 137:
        hint = "often for want of memory: see the system's log"
        return Problem("process/killed", f"{ref} was killed by SIGKILL (exit code 137)", hint=hint)
    if 128 < status < 160:
        return Problem("process/signal", f"{ref} was ended by {_name_signal(status - 128)} (exit code {status})")
    return Problem("process/exit-code", f"{ref} ended with exit code {status}")


def _name_signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
