"""Shows a plan before it is carried out, and asks."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Iterator

import click

from ks_universal import InputError, Preview, Problem
from ks_universal.cli.show.event_view import JsonView, View
from ks_universal.cli.show.plan_lines import format_plan


class Confirmation:
    """Asked under the lock: what is shown is what is done. Given to the library as `approve`."""

    def __init__(self, view: View, *, ask: bool) -> None:
        """With JSON and without a terminal nobody is asked in any case."""
        self._view = view
        self._ask = ask

    async def __call__(self, preview: Preview) -> None:
        """Show the plan and ask. Raises InputError where the answer is no."""
        self._view.show_plan(preview, format_plan(preview))
        if self._ask:
            await confirm(self._view)


def is_interactive(view: View) -> bool:
    """Tell whether there is somebody to ask."""
    return not isinstance(view, JsonView) and sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()


async def confirm(view: View) -> None:
    """Ask whether to do it, where there is somebody to ask. Raises InputError where the answer is no."""
    if is_interactive(view) and not await _confirm():
        raise InputError([Problem("request/declined", "cancelled; nothing of the release was changed")])


async def _confirm() -> bool:
    """Ask on the terminal; the lock's heartbeat goes on meanwhile, and Ctrl-C ends it."""
    while True:
        click.echo("Do you want to perform these actions? [y/N]: ", nl=False)
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
