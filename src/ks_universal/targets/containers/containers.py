"""Containers in an engine: started, followed, asked how they ended, removed."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from ks_universal.targets.containers.client import Client, ClientError
from ks_universal.targets.local.hosting import Ending
from ks_universal.targets.local.state import make_private, write_durably

_FRACTION = re.compile(r"\.(\d{1,6})\d*")
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126
_NO_COMMAND = re.compile(
    r"executable file not found|no such file or directory|command that was not found", re.IGNORECASE
)
_NO_PERMISSION = re.compile(r"permission denied|exec format error", re.IGNORECASE)
_LOOK_AGAIN_S = 0.2


class State(msgspec.Struct, frozen=True):
    """How a container is."""

    is_running: bool
    ending: Ending


async def read_state(client: Client, name: str) -> State | None:
    """Read how a container is; None where there is none, or one that was never started."""
    found = await client.find("container", "inspect", "--format", "{{json .State}}", name)
    if found is None:
        return None
    state = json.loads(found)
    if state["Status"] in ("created", "configured", "initialized"):
        return None
    started, finished = _read_time(state["StartedAt"]), _read_time(state["FinishedAt"])
    is_running = bool(state["Running"])
    duration_s = max(0.0, (finished - started).total_seconds())
    return State(is_running, Ending(state["ExitCode"], started, duration_s, bool(state["OOMKilled"])))


def _read_time(text: str) -> datetime:
    """Read a time with up to nine digits after the point, as Go writes it."""
    return datetime.fromisoformat(_FRACTION.sub(r".\1", text).replace("Z", "+00:00")).astimezone(UTC)


def tell_status(error: ClientError) -> int:
    """Give the status with which a shell would say why a container cannot be started."""
    if _NO_COMMAND.search(error.message):
        return _NOT_FOUND
    return _NOT_EXECUTABLE if _NO_PERMISSION.search(error.message) else error.status


async def follow(client: Client, name: str, on_line: Callable[[str], None]) -> Ending:
    """Give the lines of a container from its start on; returns how it ended, when it has."""
    seen = 0
    while True:
        count = 0
        async for line in client.follow("logs", "--follow", name):
            count += 1
            if count > seen:  # one whose client ended before it did is followed from the start again
                on_line(line)
        seen = max(seen, count)
        state = await read_state(client, name)
        if state is None:
            return Ending(None, datetime.now(UTC), 0.0)
        if not state.is_running:
            return state.ending
        await asyncio.sleep(_LOOK_AGAIN_S)


class Started:
    """A container of an application's pod. Implements `hosting.Running`."""

    def __init__(self, client: Client, name: str) -> None:
        """Take the name of one that was started."""
        self._client = client
        self._name = name
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._end = asyncio.create_task(self._follow(), name=name)

    async def _follow(self) -> Ending:
        try:
            return await follow(self._client, self._name, self._lines.put_nowait)
        finally:
            self._lines.put_nowait(None)

    @property
    def label(self) -> str:
        """Say what the engine calls it."""
        return f"container {self._name}"

    @property
    def is_running(self) -> bool:
        """Tell whether it has not been seen to end."""
        return not self._end.done()

    @property
    def note(self) -> str:
        """Nothing is to be said beside what it said."""
        return ""

    @property
    def out_of_memory(self) -> bool:
        """Tell whether it was killed for its use of memory."""
        return self._end.done() and not self._end.cancelled() and self._end.result().out_of_memory

    async def is_alive(self) -> bool:
        """Look whether it runs now."""
        state = await read_state(self._client, self._name)
        return state is not None and state.is_running

    async def lines(self) -> AsyncIterator[str]:
        """Yield its output."""
        while (line := await self._lines.get()) is not None:
            yield line

    async def wait(self) -> int:
        """Wait for its end."""
        ending = await asyncio.shield(self._end)
        return 137 if ending.status is None else ending.status

    async def stop(self, grace_s: float) -> None:
        """End it."""
        if self.is_running:
            await self._client.find("stop", "-t", f"{grace_s:.0f}", self._name)
            await asyncio.wait([self._end])

    async def close(self) -> None:
        """Remove it."""
        self._end.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([self._end])
        await self._client.remove(self._name)


class NotStarted:
    """A container that the engine could not start. Implements `hosting.Running`."""

    is_running = False
    label = "nothing: it could not be started"
    out_of_memory = False
    note = ""

    def __init__(self, client: Client, name: str, error: ClientError) -> None:
        """Take what the engine says."""
        self._client = client
        self._name = name
        self._error = error

    async def is_alive(self) -> bool:
        """It never was."""
        return False

    async def lines(self) -> AsyncIterator[str]:
        """Yield what the engine says."""
        yield self._error.message

    async def wait(self) -> int:
        """Give the status that a shell would."""
        return tell_status(self._error)

    async def stop(self, grace_s: float) -> None:
        """Nothing runs."""

    async def close(self) -> None:
        """Remove what was made."""
        await self._client.remove(self._name)


class DurableContainer:
    """A container of a migration's attempt, with a folder for its log and its end. Implements `hosting.Durable`.

    Both are kept there when it has ended, and the container is removed: nothing of an engine outlives the run that
    followed it to the end.
    """

    def __init__(self, client: Client, name: str, folder: Path, failure: ClientError | None = None) -> None:
        """Take the name of one that was started, and its folder; `failure`: it could not be."""
        self._client = client
        self._name = name
        self._folder = folder
        self._failure = failure

    @property
    def has_ended(self) -> bool:
        """Tell whether its end is known."""
        return (self._folder / "end").exists()

    async def follow(self, on_line: Callable[[str], None]) -> Ending:
        """Wait for its end; the log of one that has ended is read from its folder."""
        if self.has_ended:
            for line in (self._folder / "log").read_text().splitlines():
                on_line(line)
            return msgspec.json.decode((self._folder / "end").read_bytes(), type=Ending)
        lines: list[str] = []

        def take(line: str) -> None:
            lines.append(line)
            on_line(line)

        ending = await self._await_end(take)
        make_private(self._folder)
        write_durably(self._folder / "log", "".join(f"{line}\n" for line in lines).encode())
        write_durably(self._folder / "end", msgspec.json.encode(ending))
        await self._client.remove(self._name)
        return ending

    async def _await_end(self, on_line: Callable[[str], None]) -> Ending:
        if self._failure is None:
            return await follow(self._client, self._name, on_line)
        on_line(self._failure.message)
        return Ending(tell_status(self._failure), datetime.now(UTC), 0.0)

    async def stop(self, grace_s: float) -> None:
        """End it; `follow` sees how."""
        if not self.has_ended:
            await self._client.find("stop", "-t", f"{grace_s:.0f}", self._name)
