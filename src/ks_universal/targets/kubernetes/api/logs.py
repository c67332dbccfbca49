"""Reads containers' logs: followed as they are written, across dropped connections, without a line twice or missing."""

import asyncio
import contextlib
import logging
import re
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime

import httpx2

from ks_universal.diagnosis import Diagnosis
from ks_universal.engine.log_lines import MAX_LINE_BYTES, decode_line
from ks_universal.errors import TargetError
from ks_universal.targets.kubernetes.api.client import Client, Parameters
from ks_universal.targets.kubernetes.api.errors import ApiError, describe_silence
from ks_universal.targets.kubernetes.api.kinds import POD

_log = logging.getLogger(__name__)

TAIL_LINES = 50
"""How many lines of a container are kept for the record."""

_LONGEST = MAX_LINE_BYTES + 64
"""Bytes of a line with its time; more than are shown, so that it is known to be cut."""
_PAUSE_S = 0.5
_TIME = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)")


class LogReader:
    """The lines of one container: each reading goes on where the one before ended."""

    def __init__(self, client: Client, pod: str, container: str, take: Callable[[str], None]) -> None:
        self._client = client
        self._path = POD.path(client.namespace, pod, "log")
        self._container = container
        self._take = take
        self._last = ""
        self._seen_at_last = 0

    async def follow(self) -> None:
        """Read until the stream ends. Raises ApiError, and httpx2.TransportError where the connection breaks."""
        parameters = {**self._parameters(), "follow": "true"}
        take = self._resume()
        try:
            async with self._client.stream(self._path, parameters, longest=_LONGEST) as lines:
                async for line in lines:
                    # One without a newline was cut on the way; the next reading brings it whole.
                    if line.endswith(b"\n"):
                        take(line[:-1])
        except httpx2.TransportError as error:
            _log.info(
                "the log at %s, container %s, broke off: %s", self._path, self._container, describe_silence(error)
            )
            raise

    async def read(self) -> None:
        """Read what has been written by now. Raises TargetError."""
        answer = await self._client.request("GET", self._path, parameters=self._parameters())
        take = self._resume()
        for line in filter(None, answer.content.rstrip(b"\n").split(b"\n")):
            take(line)

    def _parameters(self) -> dict[str, str | None]:
        """Ask for the lines from the second in which the last one was written: finer the API cannot be asked."""
        since = f"{self._last[:19]}Z" if self._last else None
        return {"container": self._container, "timestamps": "true", "sinceTime": since}

    def _resume(self) -> Callable[[bytes], None]:
        """Give a function that takes the lines of one answer, and leaves out those that were taken before."""
        resumed_at, skip = self._last, self._seen_at_last

        def take(line: bytes) -> None:
            nonlocal skip
            time, _, text = line.partition(b" ")
            stamp = _read_time(time)
            if stamp is None:
                return  # the kubelet's own words, where the container's log is no longer there
            if stamp == resumed_at and skip > 0:
                skip -= 1
            elif stamp >= resumed_at:
                self._keep(stamp, decode_line(text))

        return take

    def _keep(self, stamp: str, text: str) -> None:
        self._seen_at_last = self._seen_at_last + 1 if stamp == self._last else 1
        self._last = stamp
        self._take(text)


def _read_time(text: bytes) -> str | None:
    """Read the time of a line, and give it in UTC; None where it is none.

    The kubelet writes it in the zone in which the node's container runtime does: with containerd in that of the node.
    """
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    second, fraction, zone = (part.decode() for part in found.groups(b""))
    if zone != "Z":
        second = datetime.fromisoformat(second + zone).astimezone(UTC).isoformat()[:19]
    return f"{second}{fraction}Z"


class LogTail:
    """A log's last lines, and what all lines tell.

    Begins to follow at once; `finish` brings the rest when the container has ended.
    """

    def __init__(self, client: Client, pod: str, container: str, take: Callable[[str], None]) -> None:
        self.lines: deque[str] = deque(maxlen=TAIL_LINES)
        self.diagnosis = Diagnosis()
        self._take = take
        self._log = LogReader(client, pod, container, self._keep)
        self._task = asyncio.create_task(self._follow())

    async def finish(self) -> None:
        """Stop following, and read what has been written since; nothing where the pod is gone."""
        await self.stop()
        with contextlib.suppress(TargetError):
            await self._log.read()

    async def stop(self) -> None:
        """Stop following."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _follow(self) -> None:
        """Follow until stopped: the stream also ends with the kubelet's or the API server's restart."""
        while True:
            try:
                await self._log.follow()
            except ApiError as error:
                if error.code == 403:
                    self._keep(f"[its log may not be read: {error.problem.message}]")
                if error.code in {403, 404}:
                    return
            except httpx2.TransportError:
                pass
            await asyncio.sleep(_PAUSE_S)

    def _keep(self, line: str) -> None:
        self.lines.append(line)
        self.diagnosis.take(line)
        self._take(line)


async def read_log(client: Client, pod: str, container: str, *, lines: int, previous: bool = False) -> tuple[str, ...]:
    """Read the last lines of a container, with `previous` of its run before; empty where there is no log (any more)."""
    parameters: Parameters = {"container": container, "tailLines": lines, "previous": "true" if previous else None}
    try:
        path = POD.path(client.namespace, pod, "log")
        async with client.stream(path, parameters, silence_s=10, longest=_LONGEST) as found:
            return tuple([decode_line(line.removesuffix(b"\n")) async for line in found])
    except (ApiError, httpx2.TransportError):
        return ()
