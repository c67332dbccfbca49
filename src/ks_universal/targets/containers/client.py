"""The client of a container engine, `podman` or `docker`, as its users have it on PATH.

The client knows where its engine is (contexts, DOCKER_HOST, CONTAINER_HOST, a virtual machine) and how it is set up
(containers.conf). Only what both understand alike is asked for. Values of variables and Secrets never stand in the
arguments, which every user of the machine can read.
"""

import asyncio
import contextlib
import logging
import os
import re
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from ks_universal.diagnostics import Problem
from ks_universal.engine.cancellation import run_to_completion
from ks_universal.errors import TargetError
from ks_universal.metadata_keys import OWN
from ks_universal.targets.local.processes.processes import read_lines

_log = logging.getLogger(__name__)

_CLEARING_S = 10.0
ENGINES = ("podman", "docker")
_OWN_NAMES = frozenset(
    (
        "HOME",
        "PATH",
        "TMPDIR",
        "USER",
        "LOGNAME",
        "SHELL",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "ALL_PROXY",
        "NO_COLOR",
    )
)
_OWN_PREFIXES = (
    "DOCKER_",
    "CONTAINER",
    "BUILDAH_",
    "DBUS_",
    "GO",
    "LD_",
    "PODMAN_",
    "REGISTRY_",
    "SSL_",
    "STORAGE_",
    "XDG_",
)


_NAME_TAKEN = re.compile(r"container name .+ is already in use", re.IGNORECASE)


class ClientError(TargetError):
    """The engine did not do what it was asked for; `message` is what it says, `status` the client's exit status."""

    def __init__(self, message: str, status: int) -> None:
        """Keep both."""
        super().__init__(Problem("local/engine", f"the container engine says: {message}"))
        self.message = message
        self.status = status


class Client:
    """Calls the client. Each call is a process out of reach of the terminal's Ctrl-C."""

    def __init__(self, engine: str) -> None:
        """Take the name of the client: one of ENGINES."""
        self.engine = engine
        self.has_answered = False

    async def call(self, *arguments: str, variables: Mapping[str, str] | None = None) -> str:
        """Run it to its end, whoever is cancelled meanwhile, and return its output. Raises ClientError.

        `variables` are those of a container to make: the call passes them on by their names.
        """
        return await run_to_completion(self._call(arguments, variables or {}))

    async def run_container(self, name: str, *arguments: str, variables: Mapping[str, str] | None = None) -> None:
        """Start a container of this name, in place of one that is left of an earlier start. Raises ClientError."""
        words = ("run", "--detach", f"--name={name}", *arguments)
        try:
            await self.call(*words, variables=variables)
        except ClientError as error:
            if not _NAME_TAKEN.search(error.message):
                raise
            await self.remove(name)
            await self.call(*words, variables=variables)

    async def remove(self, name: str) -> None:
        """Remove a container, running or not, with its own volumes; fine when there is none."""
        await self.find("rm", "--force", "--volumes", name)

    async def call_until_cancelled(self, *arguments: str) -> str:
        """Run it as `call` does, but no longer than somebody waits: what may take minutes, and may be given up."""
        return await self._call(arguments, {})

    async def _call(self, arguments: Sequence[str], variables: Mapping[str, str]) -> str:
        async with _passed_on(variables) as (options, env):
            command, *rest = arguments
            process = await self._spawn([command, *options, *rest], env, stderr=asyncio.subprocess.PIPE)
            try:
                output, errors = await process.communicate()
            finally:
                await _kill(process)
        _log.debug("%s %s ended with %s", self.engine, command, process.returncode)
        if process.returncode:
            raise ClientError(_find_error(errors.decode(errors="replace")), process.returncode)
        return output.decode(errors="replace")

    async def find(self, *arguments: str) -> str | None:
        """Run it, and return its output; None where it does not find what was asked for."""
        try:
            return await self.call(*arguments)
        except ClientError:
            return None

    async def succeeds(self, *arguments: str) -> bool:
        """Tell whether it succeeds; who is cancelled does not wait for its end."""
        process = await self._spawn(arguments, os.environ)
        try:
            return await process.wait() == 0
        finally:
            await _kill(process)

    async def follow(self, *arguments: str) -> AsyncIterator[str]:
        """Yield what it writes, standard error included, line by line, until its end."""
        process = await self._spawn(
            arguments, os.environ, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        try:
            if process.stdout is not None:
                async for line in read_lines(process.stdout):
                    yield line
            await process.wait()
        finally:
            await _kill(process)

    async def run(self, *arguments: str, on_line: Callable[[str], None]) -> int:
        """Run it to its end, or until nobody waits: then it may clear up. Gives its status; see `follow`."""
        process = await self._spawn(
            arguments, os.environ, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        try:
            if process.stdout is not None:
                async for line in read_lines(process.stdout):
                    on_line(line)
            return await process.wait()
        finally:
            await run_to_completion(_interrupt(process))

    async def _spawn(
        self, arguments: Sequence[str], env: Mapping[str, str], *, stdout: int | None = None, stderr: int | None = None
    ) -> asyncio.subprocess.Process:
        silent = asyncio.subprocess.DEVNULL
        return await asyncio.create_subprocess_exec(
            self.engine, *arguments, stdin=silent, env=env, start_new_session=True,
            stdout=silent if stdout is None and stderr is None else stdout or asyncio.subprocess.PIPE,
            stderr=silent if stderr is None else stderr,
        )  # fmt: skip


async def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)  # process.kill() might reap it, whose end asyncio then never learns
        await run_to_completion(_reap(process))


async def _interrupt(process: asyncio.subprocess.Process) -> None:
    """End it as Ctrl-C in its terminal would: all of its group, as what a build runs does not end with its client."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, TimeoutError):
            os.killpg(process.pid, signal.SIGINT)
            async with asyncio.timeout(_CLEARING_S):
                await process.communicate()
    await _kill(process)


async def _reap(process: asyncio.subprocess.Process) -> None:
    await process.wait()


@asynccontextmanager
async def _passed_on(variables: Mapping[str, str]) -> AsyncIterator[tuple[list[str], Mapping[str, str]]]:
    """Give the options that set variables, and the client's own environment.

    The client takes a value from its environment where an option names the variable alone. What it would obey itself
    goes by a file, whose lines hold a variable each.
    """
    by_file = {name: value for name, value in variables.items() if _is_obeyed(name)}
    others = {name: value for name, value in variables.items() if name not in by_file}
    options = [f"--env={name}" for name in others]
    with tempfile.TemporaryDirectory(prefix="ks-universal-") as folder:
        if by_file:
            file = Path(folder) / "env"
            file.touch(0o600)
            file.write_text("".join(f"{name}={value}\n" for name, value in by_file.items()))
            options.append(f"--env-file={file}")
        yield options, {**os.environ, **others}


def _is_obeyed(name: str) -> bool:
    upper = name.upper()
    return upper in _OWN_NAMES or upper.startswith(_OWN_PREFIXES)


def find_unpassable(variables: Mapping[str, str]) -> list[str]:
    """Find the variables that no container can be given without showing them to everybody."""
    return [name for name, value in variables.items() if _is_obeyed(name) and "\n" in value]


def _find_error(said: str) -> str:
    """Find what tells most in what a client says: its last line that is an error, without the word."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower() and not line.startswith("time=")]
    line = (errors or lines or ["it said nothing"])[-1]
    for prefix in ("Error response from daemon: ", "Error: ", "docker: "):
        line = line.removeprefix(prefix)
    return line


async def find_engine_problem(client: Client) -> Problem | None:
    """Say why an engine cannot be used; None where it answers, or has answered this client before."""
    if client.has_answered:
        return None
    if shutil.which(client.engine) is None:
        hint = "install podman or Docker, or run processes: --engine process, with `local.images` for what they are"
        return Problem("local/engine", f"{client.engine} is not installed", hint=hint)
    try:
        await client.call("ps", "--quiet", "--filter", f"label={OWN}id=none")
    except ClientError as error:
        hint = f"see `{client.engine} ps`"
        return Problem("local/engine", f"{client.engine} does not work: {error.message}", hint=hint)
    client.has_answered = True
    return None


def find_engines() -> list[str]:
    """List the engines whose client is on PATH."""
    return [engine for engine in ENGINES if shutil.which(engine)]


async def find_engine() -> str | Problem:
    """Find the first engine that answers; else say why there is none."""
    problems = []
    for engine in find_engines():
        problem = await find_engine_problem(Client(engine))
        if problem is None:
            return engine
        problems.append(problem.message)
    return Problem("local/engine", " and ".join(problems) or "no container engine is installed")
