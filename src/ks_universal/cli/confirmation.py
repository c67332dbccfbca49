"""Shows a plan before it is carried out, and asks; or compares it with one that was saved before."""

import asyncio
import contextlib
import errno
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from ks_universal.cli.show.event_view import JsonView, View
from ks_universal.cli.show.plan_lines import format_plan
from ks_universal.diagnostics import Problem
from ks_universal.engine.masking import Mask
from ks_universal.engine.target import Preflight
from ks_universal.errors import InputError
from ks_universal.plan.records import State
from ks_universal.plan.saved import FORMAT, Preview, build_preview
from ks_universal.plan.steps import Plan


class Confirmation:
    """Asked by the engine under the lock: what is shown is what is done. Implements `engine.run.Approver`."""

    def __init__(
        self,
        view: View,
        *,
        migrate: str,
        force: bool,
        yes: bool,
        saved: Preview | None = None,
    ) -> None:
        """With `yes`, with JSON and without a terminal nobody is asked."""
        self._view = view
        self._migrate = migrate
        self._force = force
        self._yes = yes
        self._saved = saved

    async def __call__(self, plan: Plan, state: State, preflight: Preflight, mask: Mask) -> None:
        """Show the plan and ask. Raises InputError where it is not the saved one, or the answer is no."""
        preview = build_preview(
            plan, state, preflight.changes, preflight.problems, migrate=self._migrate, force=self._force
        )
        preview = mask.preview(preview)
        if self._saved is not None and self._saved.digest != preview.digest:
            raise InputError([_moved_on(self._saved, preview)])
        self._view.show_plan(preview, format_plan(preview))
        if not self._yes and self._saved is None and is_interactive(self._view) and not await _confirm():
            raise InputError([Problem("request/declined", "you did not agree; nothing of the release was changed")])


def is_interactive(view: View) -> bool:
    """Tell whether there is somebody to ask."""
    return not isinstance(view, JsonView) and sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()


def load_plan(file: str, release: str) -> Preview:
    """Read a saved plan. Raises InputError where it is none, or one of another release."""
    try:
        preview = msgspec.json.decode(Path(file).read_bytes(), type=Preview)
    except OSError as error:
        raise InputError([Problem("plan/unreadable", f"{file} cannot be read: {error.strerror}")]) from None
    except msgspec.DecodeError:
        raise InputError([_no_plan(file)]) from None
    if preview.format != FORMAT:
        raise InputError([_no_plan(file)])
    if preview.release != release:
        raise InputError([Problem("plan/other-release", f"{file} is a plan of {preview.release}, not of {release}")])
    return preview


def _no_plan(file: str) -> Problem:
    hint = "make one with: ks-universal plan NAME -f values.yaml --out FILE"
    return Problem("plan/unreadable", f"{file} is not a plan of this version of ks-universal", hint=hint)


def _moved_on(saved: Preview, now: Preview) -> Problem:
    what = next(
        (
            f"its {name} was {getattr(saved, name)}, and is {getattr(now, name)} now"
            for name in ("namespace", "revision")
            if getattr(saved, name) != getattr(now, name)
        ),
        "the values or the live objects have changed since it was made",
    )
    hint = "make a new plan, look at it, and deploy that one"
    return Problem("plan/moved-on", f"the saved plan does not hold any more: {what}; nothing was changed", hint=hint)


async def _confirm() -> bool:
    """Ask on the terminal; the lock's heartbeat goes on meanwhile, and Ctrl-C ends it."""
    while True:
        click.echo("Do this? [y/N]: ", nl=False)
        answer = await _read_answer()
        if answer in {"y", "yes"}:
            return True
        if answer in {"", "n", "no"}:
            return False
        click.echo("Answer y or n.")


async def _read_answer() -> str:
    """Read a line without a thread, which would go on to wait for it when the run has been cancelled."""
    loop, readable = asyncio.get_running_loop(), asyncio.Event()
    with _open_terminal() as terminal:
        loop.add_reader(terminal, readable.set)
        try:
            while True:
                await readable.wait()
                readable.clear()
                with contextlib.suppress(BlockingIOError):
                    line = os.read(terminal, 1024)
                    break
        except asyncio.CancelledError:
            click.echo()
            raise
        except OSError:  # the terminal was closed
            return ""
        finally:
            loop.remove_reader(terminal)
    if not line:
        click.echo()
    return line.decode(errors="replace").strip().lower()


@contextlib.contextmanager
def _open_terminal() -> Iterator[int]:
    """Open the terminal anew, so that reading never blocks, not even what Ctrl-C threw away after it had come.

    Standard input's own file is the shell's, too.
    """
    try:
        terminal = os.open(os.ttyname(sys.stdin.fileno()), os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:  # in a container it may have no name
        terminal = os.dup(sys.stdin.fileno())
    try:
        yield terminal
    finally:
        os.close(terminal)


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
