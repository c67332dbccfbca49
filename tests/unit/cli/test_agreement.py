"""The question before a deploy, on a real terminal."""

import asyncio
import contextlib
import os
import sys
import termios
import threading
from collections.abc import Iterator

import pytest

from ks_universal.cli.confirmation import _read_answer


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The other end of a terminal that is the standard input."""
    keyboard, inner = os.openpty()
    with os.fdopen(inner) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield keyboard
    os.close(keyboard)


def test_a_line_is_read_as_the_answer(terminal: int) -> None:
    async def main() -> str:
        os.write(terminal, b" Yes \n")
        return await _read_answer()

    assert asyncio.run(main()) == "yes"


def test_ctrl_c_ends_the_question_also_where_it_throws_away_a_line_that_had_come(
    terminal: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal drops what was typed at Ctrl-C; a read that began because there was something would wait for ever."""
    rescue = threading.Timer(3, os.write, (terminal, b"a read that blocks ends with this\n"))
    about_to_read = asyncio.Event()
    read = os.read

    def read_late(file: int, count: int) -> bytes:
        about_to_read.set()
        termios.tcflush(file, termios.TCIFLUSH)
        return read(file, count)

    async def main() -> str | None:
        asking = asyncio.create_task(_read_answer())
        os.write(terminal, b"what?\n")
        await about_to_read.wait()
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            return await asking
        return None

    monkeypatch.setattr(os, "read", read_late)
    rescue.start()
    try:
        assert asyncio.run(main()) is None
    finally:
        rescue.cancel()
