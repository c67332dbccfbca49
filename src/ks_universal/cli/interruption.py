"""Ctrl-C, SIGTERM and a closed terminal: the first one cancels what runs, further ones only get an answer."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGHUP: "the terminal was closed"}


class Interruption:
    """`requested` tells whether the user has asked for the end."""

    def __init__(
        self,
        say: Callable[[str], None],
        *,
        stops: str = "stops everything",
        waits: str = "waits for processes to end; those that don't are killed after their grace period",
    ) -> None:
        """Take what speaks to the user, and what to say: to the first signal, and to those that follow."""
        self.requested = False
        self._say = say
        self._stops = stops
        self._waits = waits

    @contextmanager
    def cancelling(self, task: "asyncio.Task[Any]") -> Iterator[None]:
        """Cancel the task on the first signal that comes within the block."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._take, number, task)
        try:
            yield
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)

    def _take(self, number: signal.Signals, task: "asyncio.Task[Any]") -> None:
        if self.requested:
            self._say(f"is stopping: {self._waits}")
            return
        self.requested = True
        self._say(f"{self._stops} ({_NAMES[number]})")
        task.cancel()
