"""The tutorial, as its reader follows it: each file is written, each command run, what it prints is awaited."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "tutorial.md").read_text()
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
PATIENCE = 120.0


class Command(NamedTuple):
    """A line after `$`, and the lines that are to appear after it, each with `[...]` for what is left out."""

    line: str
    output: list[str]


def list_steps() -> Iterator[Command | tuple[str, str]]:
    """Give the commands of the page, and its files by name and content, in order."""
    for language, title, text in BLOCK.findall(PAGE):
        if title:
            yield title, text
        elif language == "console":
            for line, *output in (part.splitlines() for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]):
                yield Command(line, output)


class Reader:
    """A reader with two terminals: `up` runs on in the first, everything else is typed into the second."""

    def __init__(self) -> None:
        self.up: subprocess.Popen[bytes] | None = None
        self._log = Path("up.log")
        self._before = ""

    def follow(self, command: Command) -> None:
        start = self._log.stat().st_size if self._log.exists() else 0
        printed = ""
        if command.line.startswith("source "):
            self._before += f"{command.line} && "
        elif command.line.startswith("ks-universal up "):
            words = ["bash", "-c", f"{self._before}exec {command.line}"]
            with self._log.open("wb") as log:
                self.up = subprocess.Popen(words, stdout=log, stderr=subprocess.STDOUT)
        else:
            done = subprocess.run(
                ["bash", "-c", self._before + command.line], capture_output=True, text=True, check=False
            )
            printed = done.stdout + done.stderr
            assert done.returncode == 0 or "rehearse" in command.line, printed
        self._await(command, printed, start)

    def _await(self, command: Command, printed: str, start: int) -> None:
        end = time.monotonic() + PATIENCE
        while not all_appear(command.output, seen := printed + self._read_log(start)):
            assert time.monotonic() < end, f"{command.line}: {command.output} was expected, this was seen:\n{seen}"
            time.sleep(0.1)

    def _read_log(self, start: int) -> str:
        return self._log.read_bytes()[start:].decode() if self._log.exists() else ""


def all_appear(lines: list[str], text: str) -> bool:
    """Tell whether the lines appear in this order; `[...]` stands for anything, alone for any lines."""
    seen = 0
    for line in lines:
        if line != "[...]":
            pattern = re.escape(line).replace(re.escape("[...]"), ".*")
            found = re.compile(f"^{pattern}$", re.MULTILINE).search(text, seen)
            if not found:
                return False
            seen = found.end()
    return True


@contextmanager
def reading() -> Iterator[Reader]:
    reader = Reader()
    try:
        yield reader
    finally:
        if reader.up:
            reader.up.send_signal(signal.SIGINT)
            reader.up.wait(PATIENCE)


def test_each_command_of_the_tutorial_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    steps = list(list_steps())
    assert sum(isinstance(step, Command) for step in steps) > 8
    with reading() as reader:
        for step in steps:
            if isinstance(step, Command):
                reader.follow(step)
            else:
                name, text = step
                Path(name).write_text(text)
    assert reader.up is not None
    assert reader.up.returncode == 130
