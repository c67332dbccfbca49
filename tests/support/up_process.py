"""`ks-universal up` as a process of its own, and what it says."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Event = dict[str, Any]
KSU = [sys.executable, "-m", "ks_universal"]
DEADLINE_S = 120.0


def values(version: str = "v1", migration: str = "true", serve: str = "exec sleep 1000", **migrations: Any) -> Event:
    """An application of two migration steps, the second of which runs the script `migration`."""
    steps = [{"name": "schema", "args": ["echo schema >>steps"]}, {"name": "data", "args": [migration]}]
    container = {"image": "web", "imageTag": version, "command": ["sh", "-c", f"echo {version} serves; {serve}"]}
    migrations = {"enabled": True, "command": ["sh", "-c"], "backoffLimit": 0, "steps": steps} | migrations
    return {"deployments": {"web": {"migrations": migrations, "containers": {"main": container}}}}


class Up:
    """A running `up --output json`; `events` are those that were read."""

    def __init__(self, *arguments: str) -> None:
        self.events: list[Event] = []
        self.process = subprocess.Popen(
            [*KSU, "up", "--engine=process", "web", "-f", "values.yaml", "--output", "json", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        # A test that waits in vain fails, by the end of the output.
        self._deadline = threading.Timer(DEADLINE_S, self.process.kill)
        self._deadline.start()

    def read_until(self, kind: str, reached: Callable[[Event], bool] = lambda _: True) -> Event:
        """Read events up to one of this type."""
        for event in self._read():
            if event["type"] == kind and reached(event):
                return event
        raise AssertionError(f"no {kind}, but {self.events[-3:]} {self.process.communicate()[1]}")

    def read_until_log(self, line: str) -> None:
        self.read_until("LogWritten", lambda event: line in event["line"])

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.end()

    def end(self) -> int:
        """Read to the end; returns the exit status."""
        list(self._read())
        status = self.process.wait()
        self.close()
        return status

    def close(self) -> None:
        self._deadline.cancel()
        if self.process.poll() is None:
            self.process.terminate()
        self.process.communicate()

    def _read(self) -> Iterator[Event]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.append(json.loads(line))
            yield self.events[-1]


@contextlib.contextmanager
def running(*arguments: str) -> Iterator[Up]:
    up = Up(*arguments)
    try:
        yield up
    finally:
        up.close()


def processes_in(folder: Path) -> list[str]:
    """The commands of the living processes that work in a folder, except this one."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int(process.name) != os.getpid() and process.joinpath("cwd").resolve().is_relative_to(folder):
                found.append(process.joinpath("cmdline").read_text().replace("\0", " "))
    return [command for command in found if command]
