"""The throwaway PostgreSQL server of a rehearsal, set up so that it tells what is done to it.

Nothing of it is left after any end: `keeper.py` ends the server and removes the folder when this program is gone.
"""

import asyncio
import contextlib
import importlib.util
import os
import secrets
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.errors import TargetError
from ks_universal.rehearsal import keeper
from ks_universal.rehearsal.instruments import INSTRUMENTS, OBSERVER
from ks_universal.targets.local.ports import LOOPBACK
from ks_universal.targets.local.postgres.binaries import INSTALL_HINT, Programs, choose_programs, find_version

APPLICATION = "app"
"""The database, and the role that owns it and is no superuser, as in production."""
BASE = "app_base"
"""The database of which each run gets a copy."""

TEMPORARY = "ks-universal-rehearsal-"
"""What the names of all folders begin with that a rehearsal makes."""

_START_S = 60.0
_LOOK_AGAIN_S = 0.01
_SETTINGS = (
    f"listen_addresses={LOOPBACK}",
    "unix_socket_directories=",
    "fsync=off",
    # Equal runs are to have equal facts.
    "autovacuum=off",
    "checkpoint_timeout=1d",
    "max_wal_size=4GB",
    "max_parallel_workers_per_gather=0",
    "max_parallel_maintenance_workers=0",
    # Of the fake standby that holds commits (gate.py).
    "wal_level=replica",
    "max_wal_senders=4",
    "shared_preload_libraries=auto_explain",
    "auto_explain.log_min_duration=0",
    "auto_explain.log_analyze=on",
    "auto_explain.log_timing=off",
    "auto_explain.log_buffers=off",
    "auto_explain.log_wal=on",
    "auto_explain.log_nested_statements=on",
    "auto_explain.log_format=json",
    "auto_explain.log_parameter_max_length=0",
    "logging_collector=on",
    "log_destination=jsonlog",
    "log_filename=server",
    "log_rotation_age=0",
    "log_rotation_size=0",
    "log_statement=all",
    "log_duration=on",
    "log_min_messages=debug1",
    "log_parameter_max_length=0",
    "log_parameter_max_length_on_error=0",
    "log_timezone=UTC",
    "auto_explain.log_verbose=on",
    "client_connection_check_interval=1s",
)


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """Where the server is, with the passwords of its two roles. `folder` is gone with it."""

    port: int
    version: str
    programs: Programs
    folder: Path
    superuser_password: str
    password: str

    @property
    def log(self) -> Path:
        """Its log, a JSON object a line."""
        return self.folder / "log" / "server.json"

    def conninfo(self, database: str = APPLICATION, *, role: str = OBSERVER) -> str:
        """Give what libpq connects with."""
        password = self.superuser_password if role == OBSERVER else self.password
        return f"host={LOOPBACK} port={self.port} dbname={database} user={role} password={password} connect_timeout=10"

    def __repr__(self) -> str:
        return f"Server({LOOPBACK}:{self.port})"


@contextlib.asynccontextmanager
async def start_server() -> AsyncIterator[Server]:
    """Start an empty server of the embedded PostgreSQL; it is gone afterwards. Raises TargetError."""
    programs = await choose_programs()
    folder = Path(tempfile.mkdtemp(prefix=TEMPORARY))
    kept = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", keeper.__file__, str(folder),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        if os.getuid() == 0 and programs.owner != 0:
            os.chown(folder, programs.owner, -1)
        yield await _start(programs, folder)
    finally:
        if kept.stdin is not None:
            kept.stdin.close()
        await kept.wait()


async def _start(programs: Programs, folder: Path) -> Server:
    superuser_password, password = secrets.token_hex(16), secrets.token_hex(16)
    password_file, data, log = folder / "password", folder / "data", folder / "start.log"
    password_file.write_text(superuser_password)
    password_file.chmod(0o600)
    if os.getuid() == 0:
        os.chown(password_file, programs.owner, -1)
    words = ("-D", data, "-U", OBSERVER, "-A", "scram-sha-256", "--pwfile", password_file, "-E", "UTF8", "--locale=C")
    initdb = await _spawn(programs, log, "initdb", *map(str, words), "--no-sync", "--no-instructions")
    if await initdb.wait() != 0:
        raise _report(log, "could not make its data folder")
    password_file.unlink()
    port = _find_free_port()
    options = [word for setting in (*_SETTINGS, f"log_directory={folder}/log") for word in ("-c", setting)]
    server = await _spawn(programs, log, "postgres", "-D", str(data), "-p", str(port), *options)
    await _await_ready(server, data, log)
    started = Server(
        port=port,
        version=await _find_version(programs),
        programs=programs,
        folder=folder,
        superuser_password=superuser_password,
        password=password,
    )
    await _prepare(started)
    return started


async def _spawn(programs: Programs, log: Path, name: str, *words: str) -> asyncio.subprocess.Process:
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *programs.command(name), *words, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True, cwd="/",
        )  # fmt: skip


async def _await_ready(server: asyncio.subprocess.Process, data: Path, log: Path) -> None:
    """Wait until the server takes connections: line 8 of its lock file says so."""
    try:
        async with asyncio.timeout(_START_S):
            while True:
                with contextlib.suppress(FileNotFoundError):
                    lines = (data / "postmaster.pid").read_text().splitlines()
                    if len(lines) >= 8 and lines[7].strip() == "ready":
                        return
                if server.returncode is not None:
                    raise _report(log, "did not start")
                await asyncio.sleep(_LOOK_AGAIN_S)
    except TimeoutError:
        raise _report(log, f"did not start within {_START_S:g} s") from None


async def _prepare(server: Server) -> None:
    """Make the roles, the application's database, and what observes it."""
    import psycopg

    async with await psycopg.AsyncConnection.connect(server.conninfo("postgres"), autocommit=True) as connection:
        for setting in (
            "log_statement = none",
            "log_duration = off",
            "auto_explain.log_min_duration = -1",
            "synchronous_commit = local",
            "event_triggers = off",
        ):
            await connection.execute(f"ALTER ROLE {OBSERVER} SET {setting}".encode())
        await connection.execute(f"CREATE ROLE {APPLICATION} LOGIN PASSWORD '{server.password}'".encode())
    # Also in the databases that a migration makes itself.
    async with await psycopg.AsyncConnection.connect(server.conninfo("template1"), autocommit=True) as connection:
        await connection.execute(INSTRUMENTS.encode())
        await connection.execute(f"CREATE DATABASE {APPLICATION} OWNER {APPLICATION}".encode())


async def _find_version(programs: Programs) -> str:
    process = await asyncio.create_subprocess_exec(
        *programs.command("postgres"), "--version", stdout=asyncio.subprocess.PIPE, cwd="/"
    )
    output, _ = await process.communicate()
    return output.decode().split()[-1]


def _find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _report(log: Path, what: str) -> TargetError:
    lines = log.read_text(errors="replace").splitlines()[-3:] if log.exists() else []
    return tell_failure(what, *lines)


def tell_failure(what: str, *said: str) -> TargetError:
    """Give the error for a server that has failed: in what, and what it said."""
    message = ": ".join((f"the PostgreSQL of the rehearsal {what}", *filter(None, (" | ".join(said),))))
    hint = f"see whether the disk is full, and whether {tempfile.gettempdir()} (TMPDIR) may be written"
    return TargetError(Problem("rehearsal/postgres", message, hint=hint))


@contextlib.contextmanager
def telling_failures() -> Iterator[None]:
    """Tell of a server that fails in the middle, and of one that is not installed. Raises TargetError."""
    if find_version() is None or importlib.util.find_spec("psycopg") is None:
        message = "a rehearsal needs the embedded PostgreSQL"
        raise TargetError(Problem("local/postgres-missing", message, hint=INSTALL_HINT))
    import psycopg

    try:
        yield
    except (psycopg.Error, OSError) as error:
        raise tell_failure("has failed", " ".join(str(error).split())) from error
