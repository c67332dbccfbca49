"""A bench for tests of rehearsals, whose databases are made by commands."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from ks_universal.rehearsal.bench import Bench
from ks_universal.rehearsal.command import Command, read_command
from ks_universal.rehearsal.server import start_server

T = TypeVar("T")
PSQL = "psql --no-psqlrc -q -v ON_ERROR_STOP=1"


class Rig:
    """A bench, and the loop in which its runs are waited for."""

    def __init__(self, loop: asyncio.Runner, bench: Bench) -> None:
        self._loop = loop
        self.bench = bench

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run(work)

    def make_base(self, command: str) -> None:
        """Make the application's database anew, and keep it."""
        self.run(self.bench.make_empty())
        made = self.run(self.bench.run(read_command(command)))
        assert made.is_success, made
        self.run(self.bench.settle())
        self.run(self.bench.keep_base())

    def write_sql(self, sql: str, *, name: str = "migrate.sql", options: str = "") -> Command:
        """Write a file for psql; gives the command that runs it."""
        (self.bench.tree / name).write_text(sql)
        return read_command(f"{PSQL} {options} -f {name}")


@contextmanager
def open_rig(tree: Path) -> Iterator[Rig]:
    with asyncio.Runner() as loop:
        stack = AsyncExitStack()
        server = loop.run(stack.enter_async_context(start_server()))
        try:
            yield Rig(loop, Bench(server=server, tree=tree, timeout_s=240))
        finally:
            loop.run(stack.aclose())
