"""Runs the user's commands against the rehearsal's database, and against no other."""

import asyncio
import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.errors import InputError
from ks_universal.rehearsal import keeper
from ks_universal.rehearsal.environment import build_environment, name_address
from ks_universal.rehearsal.facts import CommandResult
from ks_universal.rehearsal.server import TEMPORARY, Server, isolation_prefix

_LAST_LINES = 40
TIMED_OUT = 124
"""As timeout(1) says it."""
_LINKED = frozenset((".git", ".venv", "venv", "node_modules", ".tox", "target", "vendor"))
"""Folders that commands read and that may be large: linked into the copy of the tree."""
_LARGEST_TREE = 2**30
_LEFT_OUT = frozenset((".ks-universal", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"))


def copy_tree(source: Path, to: Path) -> Path:
    """Copy a folder, for commands to work in: tools write into theirs. What is large and only read is linked.

    Raises InputError where it is too large to be a project's, or cannot be copied.
    """
    size = 0
    for folder, folders, files in os.walk(source):
        folders[:] = [name for name in folders if not _is_left_out(name)]
        for name in _LINKED.intersection(folders):
            folders.remove(name)
        size += sum(_find_size(Path(folder) / name) for name in files)
        if size > _LARGEST_TREE:
            raise InputError([_too_large(source)])

    def choose(_folder: str, names: list[str]) -> set[str]:
        return {name for name in names if _is_left_out(name) or name in _LINKED}

    try:
        shutil.copytree(source, to, symlinks=True, ignore=choose, dirs_exist_ok=True)
    except shutil.Error as error:  # it has gone on after each, and lists them all
        raise InputError([_uncopied(source, str(error.args[0][0][2]))]) from error
    except OSError as error:
        raise InputError([_uncopied(source, str(error))]) from error
    link_folders(source, to)
    return to


def link_folders(source: Path, to: Path) -> None:
    """Link what is large and only read into a copy of a folder, where that has the folders around it."""
    for folder, folders, _ in os.walk(source):
        folders[:] = [name for name in folders if not _is_left_out(name)]
        for name in _LINKED.intersection(folders):
            folders.remove(name)
            with contextlib.suppress(FileExistsError, FileNotFoundError):
                (to / Path(folder).relative_to(source) / name).symlink_to((Path(folder) / name).absolute())


def _is_left_out(name: str) -> bool:
    return name in _LEFT_OUT or name.startswith(TEMPORARY)


def _find_size(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.lstat().st_size
    return 0


def _uncopied(folder: Path, why: str) -> Problem:
    message = f"{folder.absolute()} cannot be copied for a rehearsal: {why[:300]}"
    return Problem("rehearsal/tree", message, hint="run it in the folder of the migrations")


def _too_large(folder: Path) -> Problem:
    message = f"{folder.absolute()} is too large to be copied for a rehearsal (more than {_LARGEST_TREE // 2**20} MB)"
    return Problem("rehearsal/tree", message, hint="run it in the folder of the migrations")


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """What is started: its words, its environment, and the folder that it works in."""

    argv: tuple[str, ...]
    env: dict[str, str]
    directory: Path


class Command(msgspec.Struct, frozen=True):
    """What is rehearsed: `shown` is how people know it; `build` gives its processes, which run one after the other.

    They are built for a server (`server.Server`) and for the copy of the tree that they work in. `notes` say where it
    runs otherwise than in production.
    """

    shown: str
    build: Callable[..., tuple[Process, ...]]
    notes: tuple[str, ...] = ()


def read_command(text: str) -> Command:
    """Read a command as the shell takes it, with `{url}` and its like replaced."""

    def build(server: Server, tree: Path) -> tuple[Process, ...]:
        line = text
        for word, value in name_address(server).items():
            line = line.replace(f"{{{word}}}", value)
        return (Process(argv=("/bin/sh", "-c", line), env=build_environment(server), directory=tree),)

    return Command(text, build)


async def run_command(command: Command, server: Server, tree: Path, *, timeout_s: float) -> CommandResult:
    """Run a command's processes until one fails. What takes too long is killed, with all that it has started."""
    began_s, status, output = time.monotonic(), 0, b""
    for process in command.build(server, tree):
        left_s = timeout_s - (time.monotonic() - began_s)
        status, said = await _run(process, server, timeout_s=left_s)
        output += said
        if status != 0:
            break
    lines = output.decode(errors="replace").replace(server.password, "***").splitlines()[-_LAST_LINES:]
    duration_s = time.monotonic() - began_s
    return CommandResult(command=command.shown, status=status, duration_s=duration_s, output="\n".join(lines))


async def _run(request: Process, server: Server, *, timeout_s: float) -> tuple[int, bytes]:
    argv = (*isolation_prefix(server.port), *request.argv) if server.is_isolated else request.argv
    env = {**request.env, keeper.VARIABLE: str(server.folder)}
    process = await asyncio.create_subprocess_exec(
        *argv, cwd=request.directory, env=env, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    try:
        async with asyncio.timeout(timeout_s):
            output, _ = await process.communicate()
        return process.returncode or 0, output
    except (TimeoutError, asyncio.CancelledError) as end:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        if isinstance(end, asyncio.CancelledError):
            raise
        return TIMED_OUT, f"it did not end within {timeout_s:.0f} s".encode()
