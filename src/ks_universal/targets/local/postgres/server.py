"""The embedded PostgreSQL server of a release: one that outlives a killed run and is stopped with the program.

Data is kept under `.ks-universal/<release>/postgres` until it is wiped. The server listens on the loopback interface
only, for containers also on their bridge, and asks for passwords. Its Python package is used for its programs alone.
"""

import asyncio
import contextlib
import logging
import os
import secrets
import shutil
import signal
import socket
from pathlib import Path
from typing import Any

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.engine.cancellation import run_to_completion
from ks_universal.errors import TargetError
from ks_universal.model.format.local import LocalPostgres
from ks_universal.targets.local.ports import LOOPBACK, is_port_taken
from ks_universal.targets.local.postgres.binaries import Programs, choose_programs, find_nobody
from ks_universal.targets.local.postgres.setup import (
    PORT,
    SUPERUSER,
    ServerAddress,
    create_database,
    is_same_server,
    name_facts,
)
from ks_universal.targets.local.processes.process_table import read_start
from ks_universal.targets.local.processes.processes import stop_family
from ks_universal.targets.local.state import make_private, telling_of_disk, write_durably

_log = logging.getLogger(__name__)

_START_S = 60.0
_PORTS_TRIED = 3
_STOP_S = 20.0
_LOOK_AGAIN_S = 0.02


class Access(msgspec.Struct, frozen=True):
    """Who may enter beside programs of this machine: those of a network, at this machine's address in it."""

    address: str
    network: str


class PostgresServer:
    """Starts, adopts and stops the server. `folder` is the release's; it is made when needed."""

    def __init__(self, settings: LocalPostgres, folder: Path) -> None:
        """Take what is wanted."""
        self._settings = settings
        self._folder = folder
        self._data = folder / "data"
        self._process: asyncio.subprocess.Process | None = None
        self._access: Access | None = None

    def read_port(self) -> int:
        """Return the port that is wanted, or was used last, or PostgreSQL's own."""
        if self._settings.port:
            return self._settings.port
        with contextlib.suppress(OSError, ValueError):
            port = int((self._folder / "port").read_text())
            return port if 0 < port < 65536 else PORT
        return PORT

    def facts(self) -> dict[str, str]:
        """Return what `local.env` may refer to: where the server is, and as whom to enter."""
        settings = self._settings
        return name_facts(self.read_port(), settings.user, settings.password, settings.database)

    def as_secret(self) -> dict[str, Any]:
        """Give what one enters with as a Secret, for it to be masked as one."""
        names = ("LOCAL_POSTGRES_USER", "LOCAL_POSTGRES_PASSWORD", "LOCAL_POSTGRES_DATABASE")
        facts = self.facts()
        return {"kind": "Secret", "metadata": {"name": "local.postgres"}, "stringData": {n: facts[n] for n in names}}

    async def start(self, *, fresh: bool = False, access: Access | None = None) -> None:
        """Bring the server up with the wanted user and database, or adopt the one that runs; with `fresh`, wipe first.

        One that runs without the wanted `access`, or with another, is started anew.

        Raises TargetError.
        """
        if fresh:
            _log.info("wiping the data of the embedded PostgreSQL")
            await self.stop()
            self._wipe()
        make_private(self._folder)
        self._access = access
        if await self._is_up() and self._read_access() != access:
            await self.stop()
        if await self._is_up():
            _log.info("the embedded PostgreSQL of an earlier run serves on, at port %d", self.read_port())
        else:
            programs = await choose_programs()
            await self._initialise(programs)
            await self._launch(programs)
            _log.info("the embedded PostgreSQL is started, at port %d", self.read_port())
        await create_database(self._address(), self._settings)

    def _read_access(self) -> Access | None:
        """Read whom the server was started for, beside programs of this machine."""
        with contextlib.suppress(OSError, msgspec.DecodeError):
            return msgspec.json.decode((self._folder / "access").read_bytes(), type=Access | None)
        return None

    async def stop(self) -> None:
        """Stop the server, also one of an earlier run; open connections are ended. Fine when none runs."""
        pid = self._process.pid if self._process is not None else _read_pid(self._data)
        if pid is not None and (self._process is not None or await self._is_up()):
            _log.info("stopping the embedded PostgreSQL, process %d", pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT)
            if not await _gone(pid, _STOP_S):
                os.kill(pid, signal.SIGQUIT)
                await _gone(pid, _STOP_S)
        if self._process is not None:
            await self._process.wait()
            self._process = None

    def _address(self) -> ServerAddress:
        file = self._folder / "superuser"
        try:
            password = file.read_text()
        except (OSError, ValueError):
            message = f"the password of the embedded PostgreSQL cannot be read from {file}"
            raise TargetError(Problem("local/postgres", message, hint="begin anew: up --fresh")) from None
        return ServerAddress(host=LOOPBACK, port=self.read_port(), password=password, data=str(self._data))

    async def _is_up(self) -> bool:
        """Tell whether our server runs: a process of its id that serves our data, and not a stranger on its port."""
        pid = _read_pid(self._data)
        if pid is None or read_start(pid) is None:
            return False
        try:
            return await is_same_server(self._address())
        except TargetError:  # without the password nobody can tell
            return False

    def _wipe(self) -> None:
        make_private(self._folder)  # refuses a symbolic link
        shutil.rmtree(self._folder)

    async def _initialise(self, programs: Programs) -> None:
        """Make the data folder, as a whole: a kill in between leaves none."""
        if self._data.exists():
            _hand_over(self._data, programs.owner)
            return
        aside, password_file = self._folder / "data.new", self._folder / "password.new"
        shutil.rmtree(aside, ignore_errors=True)
        password = secrets.token_hex(16)
        write_durably(self._folder / "superuser", password.encode())
        write_durably(password_file, password.encode())
        options = (
            "-D",
            aside,
            "-U",
            SUPERUSER,
            "-A",
            "scram-sha-256",
            "--pwfile",
            password_file,
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        )
        _log.info("making the data folder of the embedded PostgreSQL")
        process = await _spawn(programs, "initdb", *map(str, options), log=self._folder / "log")
        try:
            status = await process.wait()
        except asyncio.CancelledError:
            await run_to_completion(_end(process))
            raise
        if status != 0:
            raise self._failure("could not make its data folder")
        password_file.unlink()
        aside.rename(self._data)

    async def _launch(self, programs: Programs) -> None:
        """Start the server. A port that was free may be taken in the meantime: then it is tried with another."""
        for _ in range(_PORTS_TRIED):
            port = self._choose_port()
            if await self._is_launched(programs, port):
                return
            if self._settings.port or not is_port_taken(port, *self._list_addresses()):
                break
        raise self._failure("did not start")

    async def _is_launched(self, programs: Programs, port: int) -> bool:
        """Start the server on a port; False when it ended instead of becoming ready."""
        write_durably(self._folder / "port", str(port).encode())
        write_durably(self._folder / "access", msgspec.json.encode(self._access))
        options = (
            f"listen_addresses={','.join(self._list_addresses())}",
            *self._let_in(),
            "unix_socket_directories=",
            "max_connections=200",
            "client_connection_check_interval=1s",  # what a stopped migration had asked for ends with it
        )
        words = [word for option in options for word in ("-c", option)]
        log = self._folder / "log"
        self._process = await _spawn(programs, "postgres", "-D", str(self._data), "-p", str(port), *words, log=log)
        try:
            async with asyncio.timeout(_START_S):
                while not _is_ready(self._data, self._process.pid):
                    if self._process.returncode is not None:
                        return False
                    await asyncio.sleep(_LOOK_AGAIN_S)
        except TimeoutError:
            raise self._failure(f"did not start within {_START_S:g} s") from None
        return True

    def _list_addresses(self) -> list[str]:
        return [LOOPBACK, *([self._access.address] if self._access else [])]

    def _let_in(self) -> list[str]:
        """Give the option that lets the wanted network in: with the user of the values, never as the superuser."""
        if self._access is None:
            return []
        user = self._settings.user.replace('"', '""')
        rules = (f"all all {LOOPBACK}/32", f'all "{user}" {self._access.network}')
        file = self._folder / "hba"
        write_durably(file, "".join(f"host {rule} scram-sha-256\n" for rule in rules).encode())
        return [f"hba_file={file}"]

    def _choose_port(self) -> int:
        """Keep to the port of the last run where it is free: connection strings that people noted stay right."""
        if not is_port_taken(self.read_port(), *self._list_addresses()):
            return self.read_port()
        if self._settings.port:
            raise self._failure(f"cannot have port {self._settings.port}, which is in use")
        with socket.socket() as probe:
            probe.bind((LOOPBACK, 0))
            return int(probe.getsockname()[1])

    def _failure(self, what: str) -> TargetError:
        log = self._folder / "log"
        lines = log.read_text(errors="replace").splitlines()[-3:] if log.exists() else []
        said = f": {' | '.join(lines)}" if lines else ""
        return TargetError(
            Problem("local/postgres", f"the embedded PostgreSQL {what}{said}", hint=f"see {log}, or --fresh")
        )


async def _spawn(programs: Programs, name: str, *words: str, log: Path) -> asyncio.subprocess.Process:
    """Start a program in a session of its own: the terminal's Ctrl-C is not for it, it is stopped last."""
    with telling_of_disk(log):
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return await asyncio.create_subprocess_exec(
            *programs.command(name), *words, stdin=asyncio.subprocess.DEVNULL, stdout=descriptor, stderr=descriptor,
            start_new_session=True, cwd="/",
        )  # fmt: skip
    finally:
        os.close(descriptor)


async def _end(process: asyncio.subprocess.Process) -> None:
    await stop_family(process.pid, 0)
    await process.wait()


def _hand_over(data: Path, owner: int) -> None:
    """Give the data to whom root runs the server as now, where it was the other of the two when they were made."""
    found, nobody = data.stat().st_uid, find_nobody()
    if os.getuid() != 0 or found == owner or nobody is None or found not in (0, nobody.pw_uid):
        return
    for path in (*data.rglob("*"), data):  # the folder itself last: it tells that all is done
        os.chown(path, owner, -1, follow_symlinks=False)


def _read_pid(data: Path) -> int | None:
    """Return the process id in the lock file of a data folder (its first line)."""
    try:
        return int((data / "postmaster.pid").read_text().splitlines()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return None


def _is_ready(data: Path, pid: int) -> bool:
    """Tell whether the server of this process takes connections: line 8 of its lock file says so."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


async def _gone(pid: int, within_s: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            while read_start(pid) is not None:
                await asyncio.sleep(_LOOK_AGAIN_S)
            return True
    return False
