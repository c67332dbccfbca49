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
from ks_universal.rehearsal import isolated, keeper
from ks_universal.rehearsal.builds import Build, choose_build
from ks_universal.rehearsal.instruments import INSTRUMENTS, OBSERVER
from ks_universal.targets.local.ports import LOOPBACK
from ks_universal.targets.local.postgres.binaries import INSTALL_HINT, Programs, find_version

APPLICATION = "app"
"""The database, and the role that owns it where no other is wanted."""
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
    "logging_collector=on",
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


class RehearsalServer(msgspec.Struct, frozen=True, kw_only=True):
    """Which server is wanted, and who migrates on it.

    `version` is a major one (`17`), `programs` the folder of an installation; None: the embedded one. The first of the
    `roles` migrates and owns the database; the others are there, too. It is no superuser unless that is wanted: as
    in production. `is_whole`: where it is not named, one with all extensions of PostgreSQL itself. `isolate`: whether
    commands get a network in which there is nothing but this server; None: where the machine allows that.
    """

    version: str | None = None
    programs: Path | None = None
    roles: tuple[str, ...] = ()
    is_superuser: bool = False
    is_whole: bool = False
    isolate: bool | None = None


EMBEDDED = RehearsalServer()


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """Where the server is, with the passwords of the observer and of the role that migrates.

    `clients` has its psql and pg_dump; `folder` is gone with it.
    """

    wanted: RehearsalServer

    port: int
    version: str
    clients: Programs
    folder: Path
    superuser_password: str
    password: str
    is_isolated: bool = False

    @property
    def role(self) -> str:
        """The role that migrates, and owns the database."""
        return self.wanted.roles[0] if self.wanted.roles else APPLICATION

    @property
    def major(self) -> int:
        """The major version."""
        return int(self.version.partition(".")[0])

    @property
    def log(self) -> Path:
        """Its log: a JSON object a line, or CSV before PostgreSQL 15."""
        return self.folder / "log" / ("server.json" if self.major >= 15 else "server.csv")

    def conninfo(self, database: str = APPLICATION) -> str:
        """Give what libpq connects with, as the observer."""
        words = f"host={LOOPBACK} port={self.port} dbname={database} user={OBSERVER} password={self.superuser_password}"
        return f"{words} connect_timeout=10"

    def __repr__(self) -> str:
        return f"Server({LOOPBACK}:{self.port})"


@contextlib.asynccontextmanager
async def start_server(wanted: RehearsalServer = EMBEDDED) -> AsyncIterator[Server]:
    """Start an empty server; it is gone afterwards. Raises InputError, TargetError."""
    build = await choose_build(wanted.version, wanted.programs, is_whole=wanted.is_whole)
    programs = build.programs
    folder = Path(tempfile.mkdtemp(prefix=TEMPORARY))
    kept = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", keeper.__file__, str(folder),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        if os.getuid() == 0 and programs.owner != 0:
            os.chown(folder, programs.owner, -1)
        yield await _start(build, folder, wanted)
    finally:
        if kept.stdin is not None:
            kept.stdin.close()
        await kept.wait()


async def _start(build: Build, folder: Path, wanted: RehearsalServer) -> Server:
    programs = build.programs
    isolates = asyncio.ensure_future(_can_isolate(wanted))
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
    settings = (*_SETTINGS, *_list_settings_of(build.major), f"log_directory={folder}/log")
    options = [word for setting in settings for word in ("-c", setting)]
    server = await _spawn(programs, log, "postgres", "-D", str(data), "-p", str(port), *options)
    await _await_ready(server, data, log)
    started = Server(
        wanted=wanted,
        port=port,
        version=build.version,
        clients=build.clients,
        folder=folder,
        superuser_password=superuser_password,
        password=password,
        is_isolated=await isolates,
    )
    await _prepare(started)
    return started


async def _can_isolate(wanted: RehearsalServer) -> bool:
    """Tell whether commands get a network of their own. Raises TargetError where they must, and cannot."""
    if wanted.isolate is False:
        return False
    quiet = asyncio.subprocess.DEVNULL
    words = (*isolation_prefix(_find_free_port()), "true")
    process = await asyncio.create_subprocess_exec(*words, stdin=quiet, stdout=quiet, stderr=quiet)
    if await process.wait() == 0:
        return True
    if wanted.isolate is None:
        return False
    message = "commands cannot have a network of their own here: this machine lets nobody make network namespaces"
    hint = "leave --isolate out; Linux allows it to root, and to users who may make user namespaces"
    raise TargetError(Problem("rehearsal/isolation", message, hint=hint))


def isolation_prefix(port: int) -> tuple[str, ...]:
    """Give the words before a command that is to reach nothing but a port of this machine."""
    return (sys.executable, "-I", "-S", isolated.__file__, str(port))


def _list_settings_of(major: int) -> Iterator[str]:
    """Give the settings that other versions do not know."""
    yield f"log_destination={'jsonlog' if major >= 15 else 'csvlog'}"
    if major >= 16:
        yield "auto_explain.log_parameter_max_length=0"


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

    rights = "SUPERUSER" if server.wanted.is_superuser else "NOSUPERUSER"
    async with await psycopg.AsyncConnection.connect(server.conninfo("postgres"), autocommit=True) as connection:
        for setting in (
            "log_statement = none",
            "log_duration = off",
            "auto_explain.log_min_duration = -1",
            "synchronous_commit = local",
            *(("event_triggers = off",) if server.major >= 17 else ()),
        ):
            await connection.execute(f"ALTER ROLE {OBSERVER} SET {setting}".encode())
        role = quote_name(server.role)
        await connection.execute(f"CREATE ROLE {role} LOGIN {rights} PASSWORD '{server.password}'".encode())
    # Also in the databases that a migration makes itself.
    async with await psycopg.AsyncConnection.connect(server.conninfo("template1"), autocommit=True) as connection:
        await connection.execute(INSTRUMENTS.encode())
        await connection.execute(f"CREATE DATABASE {APPLICATION} OWNER {quote_name(server.role)}".encode())
    for other in server.wanted.roles[1:]:
        await _make_role(server, other)


async def _make_role(server: Server, name: str) -> None:
    """Make a role as production has it beside the one that migrates: that one may give it what it owns."""
    import psycopg

    role = quote_name(name)
    statements: tuple[str, ...] = (f"CREATE ROLE {role}", f"GRANT {role} TO {quote_name(server.role)}")
    for database in ("template1", APPLICATION):
        async with await psycopg.AsyncConnection.connect(server.conninfo(database), autocommit=True) as connection:
            for statement in (*statements, f"GRANT ALL ON SCHEMA public TO {role}"):
                await connection.execute(statement.encode())
        statements = ()


def quote_name(name: str) -> str:
    """Write a name as SQL takes it."""
    return '"' + name.replace('"', '""') + '"'


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
